"""The comparison that defines activation."""

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from jspline._scale import middle


def is_active(w: Array, b: Array, x: Array) -> Bool[Array, "..."]:
    """Whether a neuron is active at x: w x + b > 0, decided without forming the sum."""
    return ~(w * x <= -b)


def heights(
    w: Float[Array, "width inputs"], b: Float[Array, " width"], x: Float[Array, "data inputs"]
) -> tuple[Float[Array, "data width"], Bool[Array, "data width"]]:
    """w . x + b of each neuron at each datum, `(data, width)`, and whether it is active there.

    From the middle of the data, or data far from 0 would lose their digits. So a datum on a breakplane is on it up to
    rounding only; but for one input, where there is nothing to add up: that decides as the line does, to the last bit.
    """
    centre = middle(x)
    along = jnp.matmul(x - centre[None], w.T, precision="highest")
    offset = (b + jnp.matmul(w, centre, precision="highest"))[None]
    seen = ~(along <= -offset) if w.shape[1] > 1 else is_active(w[:, 0][None], b[None], x)
    return along + offset, seen
