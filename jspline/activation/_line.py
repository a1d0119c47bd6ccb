"""Neurons among sorted data: prefixes and suffixes, whose sums are running sums."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from jspline.activation._active import is_active


class Ranks(eqx.Module):
    """Where each neuron stands among the sorted data.

    Attributes:
        rank: `(width,)`, from 0 to N. A right-facing neuron is active on the data `rank, ..., N - 1`, a left-facing
            one on `0, ..., rank - 1`.
        right: `(width,)`, whether the neuron faces right. A constant unit (w = 0 < b) is a right-facing neuron of
            rank 0, a dead one a right-facing neuron of rank N.
        size: the number of data N.
        counting: how many data count, a scalar; those behind are not there for `candidates`, `adding`, `removing`,
            `everywhere` and `nowhere`. None for all of them.

    What changes a cell (`adding`, `removing`, `dropping`) and compares two (`same`, `switched`) takes the `canonical`
    form and keeps it.
    """

    rank: Int[Array, " width"]
    right: Bool[Array, " width"]
    size: int = eqx.field(static=True)
    counting: Int[Array, ""] | None = None

    @classmethod
    def of(cls, w: Float[Array, " width"], b: Float[Array, " width"], x: Float[Array, " data"]) -> "Ranks":
        """Rank the neurons (w, b) among the sorted data x, O(H log N).

        By bisection with the very comparison that defines activation, w x > -b, so that a breakpoint on a datum (or
        within rounding of it, or at infinity) falls on the same side here as in `Mask`. Not `w * x + b > 0`: a
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
        return cls(found, right, size)

    # Sums.

    def over_data(self, values: Float[Array, "k data"]) -> Float[Array, "k width"]:
        """For each neuron, the sum of `values` over the data it is active on."""
        sums = jnp.concatenate([_sums_before(values), _sums_from(values)], axis=1)
        return _take(sums, self._suffix + self.rank)

    def over_neurons(self, values: Float[Array, "k width"]) -> Float[Array, "k data"]:
        """For each datum, the sum of `values` over the neurons active on it: the transpose of `over_data`."""
        rightward, leftward = self._by_side(values)
        return rightward + leftward

    def pairs(self, values: Float[Array, "k data"], copies: int = 1) -> list[Float[Array, "columns columns"]]:
        """For each two columns, the sum of each row of `values` over the data that both are active on.

        There are some copies of all neurons, one behind the other, and a last column that is active on all data. One
        matrix for each row, and not one array: then what is made of them is made in one pass.
        """
        everywhere = jnp.sum(values, axis=1, keepdims=True)
        own, after = self.over_data(values), self._turned_right().over_data(values)

        def per_column(leaf: Array, last: Array) -> Array:
            return jnp.concatenate([jnp.tile(leaf, copies), last], axis=-1)

        first = jnp.zeros((1,), self.rank.dtype)
        # Made before the matrix, or the compiler would put them together anew for every entry of it.
        place, right, own, after = jax.lax.optimization_barrier(
            (
                per_column(self.rank, first),
                per_column(self.right, first == 0),
                per_column(own, everywhere),
                per_column(after, everywhere),
            )
        )

        # Of two suffixes or two prefixes the smaller is the intersection; of one and the other, what lies between.
        later, right_row = place[:, None] >= place[None], right[:, None]
        alike = right_row == right[None]
        row_is_smaller = later == right_row
        # Two of different kinds meet where the suffix starts before the prefix ends.
        meet = (place[:, None] != place[None]) & (later != right_row)
        sign = jnp.where(meet, jnp.where(right_row, 1, -1).astype(values.dtype), 0)

        def common(i: int) -> Array:
            nested = jnp.where(row_is_smaller, own[i, :, None], own[i, None])
            between = sign * (after[i, :, None] - after[i, None])
            return jnp.where(alike, nested, between)

        return [common(i) for i in range(len(values))]

    def between(
        self, values: Float[Array, "k width"], rows: Int[Array, " n"], columns: Int[Array, " m"]
    ) -> list[Float[Array, "n m"]]:
        """For each two data, given by their places, the sum of each row of `values` over the neurons active on both."""
        # A right-facing neuron sees both if it sees the left one, a left-facing one if it sees the right one.
        sides = self._by_side(values)
        taken = tuple(tuple(_take(side, place) for side in sides) for place in (rows, columns))
        (right1, left1), (right2, left2) = jax.lax.optimization_barrier(taken)
        before = rows[:, None] <= columns[None]

        def common(i: int) -> Array:
            return jnp.where(before, right1[i, :, None] + left2[i, None], left1[i, :, None] + right2[i, None])

        return [common(i) for i in range(len(values))]

    def _by_side(self, values: Float[Array, "k width"]) -> tuple[Float[Array, "k data"], Float[Array, "k data"]]:
        """`over_neurons` of the right-facing neurons, and of the left-facing ones."""
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

    def _turned_right(self) -> "Ranks":
        return self._with(self.rank, jnp.ones_like(self.right))

    # What is seen.

    def sees(self, datum: Int[Array, " width"]) -> Bool[Array, " width"]:
        """Whether each neuron is active on a datum of its own, given by its place."""
        return jnp.where(self.right, datum >= self.rank, datum < self.rank)

    @property
    def everywhere(self) -> Bool[Array, " width"]:
        """Which neurons are active on all data that count."""
        return jnp.where(self.right, self.rank == 0, self.rank >= self._count)

    @property
    def nowhere(self) -> Bool[Array, " width"]:
        """Which neurons are active on none of them."""
        return jnp.where(self.right, self.rank >= self._count, self.rank == 0)

    def mask(self) -> Bool[Array, "data width"]:
        """The matrix of activations, of N H entries."""
        after = jnp.arange(self.size, dtype=self.rank.dtype)[:, None] >= self.rank[None]
        return after == self.right[None]

    def candidates(self, right: Bool[Array, " width"]) -> tuple[Int[Array, "2 width"], Bool[Array, "2 width"]]:
        """The data that each neuron may meet next, and whether it sees them: the two next to its breakpoint.

        One that sees no datum has the outermost on its side twice; `right` says which side that is.
        """
        last, everywhere, dead = self._count - 1, self.everywhere, self.nowhere
        datum = jnp.stack([jnp.where(everywhere, last, self.rank - 1), self.rank])
        inside = jnp.stack([everywhere | ~self.right, self.right])
        datum = jnp.where(dead[None], jnp.where(right, last, 0)[None], datum)
        return jnp.clip(datum, 0, self.size - 1), inside & ~dead[None]

    # Other cells.

    def canonical(self, counting: Int[Array, ""]) -> "Ranks":
        """One way to write "sees all data that count" and one to write "sees none"."""
        first = jnp.where(self.right, self.rank, 0)
        behind = jnp.where(self.right, counting, jnp.minimum(self.rank, counting))
        every, none = (first == 0) & (behind == counting), first >= behind
        place = jnp.where(none, counting, jnp.where(every, 0, self.rank))
        return Ranks(place.astype(jnp.int32), self.right | every | none, self.size, counting)

    def adding(self, who: Bool[Array, " width"], datum: Int[Array, " width"]) -> "Ranks":
        """The cell in which these neurons see one datum more, next to those they see."""
        # Of one that sees none, the first datum is the last of those to the left.
        right = self.right & ~(who & self.nowhere & (datum == 0))
        place = jnp.where(right, datum, datum + 1)
        return self._with(jnp.where(who, place, self.rank), right).canonical(self._count)

    def removing(self, who: Bool[Array, " width"], datum: Int[Array, " width"]) -> "Ranks":
        """The cell in which these neurons do not see that datum, the outermost of those that they see."""
        # Of all data, losing the last one leaves those to the left.
        left = ~self.right | ((datum == self._count - 1) & (self.rank == 0) & (self._count > 1))
        place, seen = jnp.where(left, datum, datum + 1), who & self.sees(datum)
        rank, right = jnp.where(seen, place, self.rank), jnp.where(seen, ~left, self.right)
        return self._with(rank, right).canonical(self._count)

    def dropping(self, who: Bool[Array, " width"]) -> "Ranks":
        """The cell in which these neurons see nothing."""
        return self._with(jnp.where(who, self._count, self.rank), self.right | who)

    def exchanging(self, who: Bool[Array, " width"], other: "Ranks") -> "Ranks":
        """The cell in which these neurons see what they see in another one."""
        rank, right = jnp.where(who, other.rank, self.rank), jnp.where(who, other.right, self.right)
        return self._with(rank, right)

    def take(self, who: Int[Array, " some"]) -> "Ranks":
        """Some of the neurons, by their numbers; beyond the last one, the last one."""
        rank, right = (leaf.at[who].get(mode="clip") for leaf in (self.rank, self.right))
        return self._with(rank, right)

    def put(self, who: Int[Array, " some"], other: "Ranks") -> "Ranks":
        """The cell in which some neurons, by their numbers, see what those of another one see: undoes `take`."""
        mine, others = (jnp.stack([each.rank, each.right.astype(each.rank.dtype)]) for each in (self, other))
        rank, right = mine.at[:, who].set(others, mode="drop")
        return self._with(rank, right == 1)

    def same(self, other: "Ranks") -> Bool[Array, " width"]:
        """Which neurons see the same data in two cells."""
        return (self.rank == other.rank) & (self.right == other.right)

    def switched(self, other: "Ranks") -> Int[Array, " width"]:
        """The datum that each neuron sees in one of two cells and not in the other, if that is one."""
        none = jnp.where(self.right, self.rank, other.rank) == self._count
        turned = jnp.where(none, 0, self._count - 1)
        datum = jnp.where(self.right == other.right, jnp.minimum(self.rank, other.rank), turned)
        return jnp.clip(datum, 0, self.size - 1).astype(jnp.int32)

    def groups(self) -> tuple[Int[Array, " width"], "Ranks"]:
        """Which group each neuron is in, and the groups: those of one rank and side, 2 (N + 1) of them."""
        places = jnp.arange(self.size + 1, dtype=self.rank.dtype)
        groups = Ranks(jnp.concatenate([places, places]), jnp.arange(2 * self.size + 2) <= self.size, self.size)
        return jnp.where(self.right, self.rank, self.size + 1 + self.rank), groups

    @property
    def _count(self) -> Array:
        return jnp.asarray(self.size, self.rank.dtype) if self.counting is None else self.counting

    def _with(self, rank: Array, right: Array) -> "Ranks":
        """Other places among the same data."""
        return Ranks(rank, right, self.size, self.counting)


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
