"""The data as a flow sees them.

Theory: docs/theory.md 1.7.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jspline.datasets import Dataset


class Points(eqx.Module):
    """The data as the flow sees them: equal x merged, zero weights gone. The shape stays, so `count` are meant.

    Attributes:
        x: distinct inputs in increasing order, `(data,)`; behind the first `count`, the last of them again.
        y: their mean outputs, `(data,)`.
        p: their total weights, `(data,)`; 0 behind the first `count`.
        index: place of each in the data set, `(data,)`.
        count: how many there are, a scalar. Every loss is at least the `Dataset.tie_constant` above that of these.
    """

    x: Float[Array, " data"]
    y: Float[Array, " data"]
    p: Float[Array, " data"]
    index: Int[Array, " data"]
    count: Int[Array, ""]

    def __init__(self, data: Dataset):
        size = data.size
        order = jnp.argsort(data.weight <= 0)  # stable: the data that weigh come first, sorted
        x, y, p = data.x[order], data.y[order], data.weight[order]
        new = jnp.concatenate([jnp.ones(1, bool), jnp.diff(x) != 0]) & (p > 0)
        group = jnp.maximum(jnp.cumsum(new) - 1, 0)
        place = jnp.where(new, group, size)
        self.count = jnp.sum(new, dtype=jnp.int32)
        self.index = jnp.zeros(size, jnp.int32).at[place].set(order.astype(jnp.int32), mode="drop")
        last = jnp.max(jnp.where(new, x, x[0]))
        self.x = jnp.full_like(x, last).at[place].set(x, mode="drop")
        first = jnp.zeros_like(y).at[place].set(y, mode="drop")
        self.p = jax.ops.segment_sum(p, group, size)
        offset = jax.ops.segment_sum(p * (y - first[group]), group, size)
        self.y = first + offset / jnp.where(self.p > 0, self.p, 1)

    @property
    def centre(self) -> Float[Array, ""]:
        """Sums of x are formed around it: data near x = 1000 would lose everything in float32."""
        return (self.x[0] + self.x[-1]) / 2

    @property
    def half_range(self) -> Float[Array, ""]:
        """How far the data reach to either side of the centre."""
        return (self.x[-1] - self.x[0]) / 2

    @property
    def middle(self) -> Float[Array, ""]:
        """Half way between the least and the largest y; 0 without data."""
        weighs, some = self.p > 0, self.count > 0
        low = jnp.min(jnp.where(weighs | ~some, self.y, jnp.inf))
        high = jnp.max(jnp.where(weighs | ~some, self.y, -jnp.inf))
        return jnp.where(some, low / 2 + high / 2, 0)
