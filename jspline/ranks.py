"""The one idea that carries the package: in one dimension, sorting turns sums over active pairs into running sums.

A neuron is active on the data to the right of its breakpoint, or on those to the left. So once the data are sorted,
its activation is a suffix or a prefix of them, and one number, its rank, says which. Summing over the active data of
every neuron, or over the active neurons at every datum, is then a cumulative sum and a gather: O(N + H) after an
O(H log N) search, where the matrix of activations has N H entries. Loss, gradient, Hessian, neural tangent kernel
and flow are such sums.

Theory: docs/theory.md 5.2.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int


class Ranks(eqx.Module):
    """Where each neuron stands among the sorted data.

    Attributes:
        rank: `(width,)`, from 0 to N. A right-facing neuron is active on the data `rank, ..., N - 1`, a left-facing
            one on `0, ..., rank - 1`.
        right: `(width,)`, whether the neuron faces right. A constant unit (w = 0 < b) is a right-facing neuron of
            rank 0, a dead one a right-facing neuron of rank N.
        size: the number of data N.
    """

    rank: Int[Array, " width"]
    right: Bool[Array, " width"]
    size: int = eqx.field(static=True)

    def over_data(self, values: Float[Array, "k data"]) -> Float[Array, "k width"]:
        """For each neuron, the sum of `values` over the data it is active on."""
        sums = jnp.concatenate([_sums_before(values), _sums_from(values)], axis=1)
        return _take(sums, self._suffix + self.rank)

    def over_neurons(self, values: Float[Array, "k width"]) -> Float[Array, "k data"]:
        """For each datum, the sum of `values` over the neurons active on it: the transpose of `over_data`."""
        rightward, leftward = self.by_side(values)
        return rightward + leftward

    def by_side(self, values: Float[Array, "k width"]) -> tuple[Float[Array, "k data"], Float[Array, "k data"]]:
        """`over_neurons` of the right-facing neurons, and of the left-facing ones.

        Both are needed for sums over the neurons active on two data n < m: the right-facing ones active on n, and
        the left-facing ones active on m.
        """
        return jax.lax.platform_dependent(self, values, cpu=Ranks._by_scatter, default=Ranks._by_sort)

    def _by_scatter(self, values: Array) -> tuple[Array, Array]:
        """Add up the neurons of equal rank, then run over the ranks: the fastest on a CPU."""
        bins = jnp.zeros((len(values), 2 * (self.size + 1)), values.dtype)
        bins = bins.at[:, self.rank + (self.size + 1 - self._suffix)].add(values, mode="promise_in_bounds")
        rightward, leftward = bins[:, : self.size], bins[:, self.size + 2 :]
        return _sums_before(rightward)[:, 1:], _sums_from(leftward)[:, :-1]

    def _by_sort(self, values: Array) -> tuple[Array, Array]:
        """Sort the neurons by rank and run over them: no atomic additions, so the same bits on every run of a GPU."""
        order = jnp.argsort(self.rank)
        ordered, right = values[:, order], self.right[order][None]
        before, after = _sums_before(jnp.where(right, ordered, 0)), _sums_from(jnp.where(right, 0, ordered))
        count = jnp.searchsorted(self.rank[order], jnp.arange(self.size, dtype=self.rank.dtype), side="right")
        return _take(before, count), _take(after, count)

    @property
    def _suffix(self) -> Array:
        """Where the second of two tables of N + 1 entries begins, for neurons that are active on a suffix."""
        return jnp.where(self.right, self.size + 1, 0)

    def sees(self, datum: Int[Array, " width"]) -> Bool[Array, " width"]:
        """Whether each neuron is active on a datum of its own, given by its place."""
        return jnp.where(self.right, datum >= self.rank, datum < self.rank)

    def mask(self) -> Bool[Array, "data width"]:
        """The matrix of activations, of N H entries: for the dense references."""
        after = jnp.arange(self.size, dtype=self.rank.dtype)[:, None] >= self.rank[None]
        return after == self.right[None]


def rank(w: Float[Array, " width"], b: Float[Array, " width"], x: Float[Array, " data"]) -> Ranks:
    """Rank the neurons (w, b) among the sorted data x.

    By bisection with the very comparison that defines activation, w x > -b, so that a breakpoint on a datum (or
    within rounding of it, or at infinity) falls on the same side here as in the dense form. Not `w * x + b > 0`: a
    compiler may fuse that multiplication and addition, and then the sign of zero depends on the context. NaN counts
    as active, so that it shows in every sum.
    """
    w, b, x = jax.lax.stop_gradient((w, b, x))
    size, right = len(x), ~(w < 0)
    bits = size.bit_length()

    def extend(k: Array, found: Array) -> Array:
        """Count the next 2^(bits - 1 - k) data in, if the last of them still comes before the breakpoint."""
        further = found + (1 << (bits - 1 - k))
        last = _take(x, jnp.minimum(further, size) - 1)
        return jnp.where((further <= size) & (is_active(w, b, last) != right), further, found)

    found = jax.lax.fori_loop(0, bits, extend, jnp.zeros(w.shape, jnp.int32))
    return Ranks(found, right, size)


def is_active(w: Array, b: Array, x: Array) -> Bool[Array, "..."]:
    """Whether a neuron is active at x: w x + b > 0, decided without forming the sum."""
    return ~(w * x <= -b)


def _take(values: Array, index: Array) -> Array:
    """`values[..., index]` for an index known to be in range."""
    return values.at[..., index].get(mode="promise_in_bounds")


def _sums_before(values: Array) -> Array:
    """The sum of `values` before each place, from the first to the one behind the last, `(k, n + 1)`."""
    return _running_sums(values, backward=False)


def _sums_from(values: Array) -> Array:
    """The sum of `values` from each place on, `(k, n + 1)`. Not the total less the sum before, which would cancel."""
    return _running_sums(values, backward=True)


def _running_sums(values: Array, *, backward: bool, block: int = 32) -> Array:
    """Inside blocks by a triangular matrix, then over the blocks.

    Three times as fast as `jnp.cumsum` for 10^4 values and more on a CPU, where that makes log2(n) passes over memory.
    """
    k, n = values.shape
    if n < 256:
        sums = jax.lax.cumsum(values, axis=1, reverse=backward)
        return jnp.pad(sums, ((0, 0), (0, 1) if backward else (1, 0)))
    rows = jnp.pad(values, ((0, 0), (0, 1 + -(n + 1) % block))).reshape(k, -1, block)
    ones = jnp.ones((block, block), values.dtype)
    sums = jnp.matmul(rows, jnp.tril(ones) if backward else jnp.triu(ones, 1), precision="highest")
    blocks = jnp.sum(rows, axis=2)
    others = _running_sums(blocks[:, 1:] if backward else blocks[:, :-1], backward=backward)
    return (sums + others[:, :, None]).reshape(k, -1)[:, : n + 1]
