"""Which data each neuron sees, written out: the matrix of activations. The reference for `Ranks`, in any dimension."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from jspline.activation._active import heights, is_active


class Mask(eqx.Module):
    """The matrix of activations, of N H entries.

    Attributes:
        seen: whether a neuron is active on a datum, `(data, width)`.
        counting: which data count, `(data,)`; the others are never seen. None for all of them.

    The methods are those of `Ranks`, at O(N H) each, and mean the same; the sums of both are equal to rounding.
    """

    seen: Bool[Array, "data width"]
    counting: Bool[Array, " data"] | None = None

    @classmethod
    def of(cls, w: Float[Array, "width ..."], b: Float[Array, " width"], x: Float[Array, "data ..."]) -> "Mask":
        """The neurons (w, b) at the data x, which may be in any order."""
        w, b, x = jax.lax.stop_gradient((w, b, x))
        return cls(heights(w, b, x)[1] if x.ndim == 2 else is_active(w[None], b[None], x[:, None]))

    # Sums.

    def over_data(self, values: Float[Array, "k data"]) -> Float[Array, "k width"]:
        """For each neuron, the sum of `values` over the data it is active on."""
        return _matmul(values, self.seen.astype(values.dtype))

    def over_neurons(self, values: Float[Array, "k width"]) -> Float[Array, "k data"]:
        """For each datum, the sum of `values` over the neurons active on it: the transpose of `over_data`."""
        return _matmul(values, self.seen.T.astype(values.dtype))

    def pairs(self, values: Float[Array, "k data"], copies: int = 1) -> list[Float[Array, "columns columns"]]:
        """For each two columns, the sum of each row of `values` over the data that both are active on.

        There are some copies of all neurons, one behind the other, and a last column that is active on all data.
        """
        tiled = jnp.pad(jnp.tile(self.seen, (1, copies)), ((0, 0), (0, 1)), constant_values=True).astype(values.dtype)
        return [_matmul(tiled.T * row[None], tiled) for row in values]

    def between(
        self, values: Float[Array, "k width"], rows: Int[Array, " n"], columns: Int[Array, " m"]
    ) -> list[Float[Array, "n m"]]:
        """For each two data, given by their places, the sum of each row of `values` over the neurons active on both."""
        seen = self.seen.astype(values.dtype)
        return [_matmul(seen[rows] * row[None], seen[columns].T) for row in values]

    # What is seen.

    def sees(self, datum: Int[Array, " width"]) -> Bool[Array, " width"]:
        """Whether each neuron is active on a datum of its own, given by its place."""
        return jnp.take_along_axis(self.seen, datum[None], axis=0)[0]

    @property
    def everywhere(self) -> Bool[Array, " width"]:
        """Which neurons are active on all data that count."""
        return jnp.all(self.seen | ~self._counts, axis=0)

    @property
    def nowhere(self) -> Bool[Array, " width"]:
        """Which neurons are active on none of them."""
        return ~jnp.any(self.seen & self._counts, axis=0)

    def mask(self) -> Bool[Array, "data width"]:
        """The matrix itself."""
        return self.seen

    def candidates(self, right: Bool[Array, " width"]) -> tuple[Int[Array, "data width"], Bool[Array, "data width"]]:
        """The data that each neuron may meet next, and whether it sees them: all. `right` is not needed."""
        del right
        return jnp.broadcast_to(jnp.arange(len(self.seen), dtype=jnp.int32)[:, None], self.seen.shape), self.seen

    # Other cells.

    def canonical(self, counting: Bool[Array, " data"]) -> "Mask":
        """Without the data that do not count."""
        return Mask(self.seen & counting[:, None], counting)

    def adding(self, who: Bool[Array, " width"], datum: Int[Array, " width"]) -> "Mask":
        """The cell in which these neurons see one datum more."""
        return Mask(self.seen | (self._at(datum) & who[None]), self.counting)

    def removing(self, who: Bool[Array, " width"], datum: Int[Array, " width"]) -> "Mask":
        """The cell in which these neurons do not see that datum."""
        return Mask(self.seen & ~(self._at(datum) & who[None]), self.counting)

    def dropping(self, who: Bool[Array, " width"]) -> "Mask":
        """The cell in which these neurons see nothing."""
        return Mask(self.seen & ~who[None], self.counting)

    def exchanging(self, who: Bool[Array, " width"], other: "Mask") -> "Mask":
        """The cell in which these neurons see what they see in another one."""
        return Mask(jnp.where(who[None], other.seen, self.seen), self.counting)

    def take(self, who: Int[Array, " some"]) -> "Mask":
        """Some of the neurons, by their numbers; beyond the last one, the last one."""
        return Mask(self.seen.at[:, who].get(mode="clip"), self.counting)

    def put(self, who: Int[Array, " some"], other: "Mask") -> "Mask":
        """The cell in which some neurons, by their numbers, see what those of another one see: undoes `take`."""
        return Mask(self.seen.at[:, who].set(other.seen, mode="drop"), self.counting)

    def same(self, other: "Mask") -> Bool[Array, " width"]:
        """Which neurons see the same data in two cells."""
        return jnp.all(self.seen == other.seen, axis=0)

    def switched(self, other: "Mask") -> Int[Array, " width"]:
        """The datum that each neuron sees in one of two cells and not in the other, if that is one."""
        return jnp.argmax(self.seen != other.seen, axis=0).astype(jnp.int32)

    def groups(self) -> tuple[Int[Array, " width"], "Mask"]:
        """Which group each neuron is in, and the groups: each is called by its first neuron, `(width,)`."""
        alike = jnp.all(self.seen[:, :, None] == self.seen[:, None], axis=0)
        return jnp.argmax(alike, axis=1).astype(jnp.int32), self

    @property
    def _counts(self) -> Array:
        return jnp.ones((len(self.seen), 1), bool) if self.counting is None else self.counting[:, None]

    def _at(self, datum: Int[Array, " width"]) -> Bool[Array, "data width"]:
        return jnp.arange(len(self.seen), dtype=datum.dtype)[:, None] == datum[None]


def _matmul(one: Array, other: Array) -> Array:
    return jnp.matmul(one, other, precision="highest")
