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
        centre: half way between the outermost x, a scalar. Sums of x are formed around it: data near x = 1000 would
            lose everything in float32.
        half_range: how far they reach to either side of it, a scalar.
        count: how many there are, a scalar. Every loss is at least the `Dataset.tie_constant` above that of these.
    """

    x: Float[Array, " data"]
    y: Float[Array, " data"]
    p: Float[Array, " data"]
    index: Int[Array, " data"]
    centre: Float[Array, ""]
    half_range: Float[Array, ""]
    count: Int[Array, ""]

    def __init__(self, data: Dataset):
        size = data.size
        order = jnp.argsort(data.weight <= 0)  # stable: the data that weigh come first, sorted
        x, y, p = data.x[order], data.y[order], data.weight[order]
        new = jnp.concatenate([jnp.ones(1, bool), jnp.diff(x) != 0]) & (p > 0)
        group = jnp.maximum(jnp.cumsum(new) - 1, 0)
        self.count = jnp.sum(new, dtype=jnp.int32)
        places = jnp.arange(size, dtype=jnp.int32)
        first = jnp.zeros_like(places).at[jnp.where(new, group, size)].set(places, mode="drop")
        there = places < self.count
        self.index = jnp.where(there, order[first], 0).astype(jnp.int32)
        self.x = jnp.where(there, x[first], jnp.max(jnp.where(new, x, x[0])))
        y_first = jnp.where(there, y[first], 0)
        sums = jax.ops.segment_sum(jnp.stack([p, p * (y - y_first[group])], 1), group, size)
        self.p, offset = sums[:, 0], sums[:, 1]
        self.y = y_first + offset / jnp.where(self.p > 0, self.p, 1)
        low, high = self.x[0], self.x[-1]
        self.centre, self.half_range = (low + high) / 2, (high - low) / 2

    @property
    def middle(self) -> Float[Array, ""]:
        """Half way between the least and the largest y; 0 without data."""
        weighs, some = self.p > 0, self.count > 0
        low = jnp.min(jnp.where(weighs | ~some, self.y, jnp.inf))
        high = jnp.max(jnp.where(weighs | ~some, self.y, -jnp.inf))
        return jnp.where(some, low / 2 + high / 2, 0)
