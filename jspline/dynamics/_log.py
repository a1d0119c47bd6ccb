"""What a flow met, in the order of time."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

KINDS = ("crossing", "slide", "release", "flip", "parking", "departure")
"""What `Events.kind` counts in: a breakpoint crosses a datum freely; begins to slide on it; is released; w passes 0
while all data are seen, so the orientation flips; (w, b) reaches 0 and stays; leaves 0 again."""


class Events(eqx.Module):
    """The log of a flow, in the order of time, `(capacity,)` each. What did not fit is counted, not kept.

    Attributes:
        time: when; infinity where nothing was written.
        neuron: which neuron; -1 where nothing was written.
        datum: on which datum, counted in the sorted data set (the first of equal ones); -1 for flips and where
            nothing was written.
        kind: place in `KINDS`; -1 where nothing was written.
        total: how many events there were, a scalar.
    """

    time: Float[Array, "... capacity"]
    neuron: Int[Array, "... capacity"]
    datum: Int[Array, "... capacity"]
    kind: Int[Array, "... capacity"]
    total: Int[Array, "..."]

    @classmethod
    def empty(cls, capacity: int, dtype: Any) -> "Events":
        """A log with nothing in it."""
        nothing = jnp.full((capacity,), -1, jnp.int32)
        return cls(jnp.full((capacity,), jnp.inf, dtype), nothing, nothing, nothing, jnp.zeros((), jnp.int32))

    def add(self, entries: list[tuple[Array, str, Array, Array, Array]]) -> "Events":
        """With these events, each a mask with kind, neuron, datum and time, `(n,)` each."""
        masks, kinds, neurons, data, times = zip(*entries, strict=True)
        mask = jnp.concatenate(masks)
        place = jnp.where(mask, self.total + jnp.cumsum(mask, dtype=jnp.int32) - 1, self.time.size)
        kind = jnp.repeat(jnp.asarray([KINDS.index(kind) for kind in kinds], jnp.int32), masks[0].size)

        def put(column: Array, values: Array) -> Array:
            return column.at[place].set(values, mode="drop")

        return Events(
            time=put(self.time, jnp.concatenate(times)),
            neuron=put(self.neuron, jnp.concatenate(neurons)),
            datum=put(self.datum, jnp.concatenate(data)),
            kind=put(self.kind, kind),
            total=self.total + jnp.sum(mask, dtype=jnp.int32),
        )

    def sorted(self) -> "Events":
        """In the order of time."""
        order = jnp.argsort(self.time)
        time, neuron, datum, kind = (column[order] for column in (self.time, self.neuron, self.datum, self.kind))
        return Events(time, neuron, datum, kind, self.total)

    @property
    def overflow(self) -> Array:
        """Whether there were more events than the log holds."""
        return self.total > self.time.shape[-1]
