"""The parameters in one vector, in the order of the rows and columns of the matrices."""

from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float

from jspline._checks import check_kind
from jspline.charts import ReLUNet, Spline
from jspline.objective import Point


def flat(point: ReLUNet | Spline, train_b0: bool) -> Float[Array, " params"]:
    """The parameters (or a tangent) in the order of rows and columns: w, b, v or beta, mu; b0 last, if trained."""
    parts = [point.w, point.b, point.v] if isinstance(point, ReLUNet) else [point.beta, point.mu]
    return jnp.concatenate([*parts, point.b0[None]] if train_b0 else parts)


def tangent(point: Point, vector: Float[Array, " params"]) -> Point:
    """The inverse of `flat` for tangents at `point`: what is not in the vector does not change."""
    H, k = point.width, 3 if isinstance(point, ReLUNet) else 2
    parts = jnp.reshape(vector[: k * H], (k, H))
    b0 = jnp.sum(vector[k * H :])  # 0 if b0 is not in it
    step: Any = (
        ReLUNet(parts[0], parts[1], parts[2], b0)
        if isinstance(point, ReLUNet)
        else Spline(parts[0], parts[1], jnp.zeros_like(parts[0]), b0)
    )
    return step


def size(point: ReLUNet | Spline, train_b0: bool) -> int:
    """The number of parameters."""
    check_kind(ReLUNet, Spline, net=point)
    return (3 if isinstance(point, ReLUNet) else 2) * point.width + train_b0
