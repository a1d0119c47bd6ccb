"""The parameters in one vector, in the order of the rows and columns of the matrices."""

from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float

from jspline._checks import check_kind
from jspline.charts import ReLUNet, Spline
from jspline.objective import Point


def flat(point: ReLUNet | Spline, train_b0: bool, biases: bool = True) -> Float[Array, " params"]:
    """The parameters (or a tangent) in the order of rows and columns: w, b, v or beta, mu; b0 last.

    The w of a neuron with several inputs stand together; b0 is there if trained, b if there are `biases`.
    """
    parts = [point.beta, point.mu] if isinstance(point, Spline) else [point.w.ravel(), point.b, point.v]
    if not biases:
        del parts[1]
    return jnp.concatenate([*parts, point.b0[None]] if train_b0 else parts)


def tangent(point: Point, vector: Float[Array, " params"], biases: bool = True) -> Point:
    """The inverse of `flat` for tangents at `point`: what is not in the vector does not change."""
    H, none = point.width, jnp.zeros(point.width, vector.dtype)
    own = size(point, False, biases)
    b0 = jnp.sum(vector[own:])  # 0 if b0 is not in it
    step: Any
    if isinstance(point, Spline):
        step = Spline(vector[:H], vector[H:own], none, b0)
    else:
        w, b = jnp.reshape(vector[: point.w.size], point.w.shape), vector[point.w.size : own - H] if biases else none
        step = ReLUNet(w, b, vector[own - H : own], b0)
    return step


def size(point: ReLUNet | Spline, train_b0: bool, biases: bool = True) -> int:
    """The number of parameters."""
    check_kind(ReLUNet, Spline, net=point)
    of_each = 2 if isinstance(point, Spline) else point.inputs + 1 + biases
    return of_each * point.width + train_b0
