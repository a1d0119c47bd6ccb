"""Separate lines on consecutive runs of the data: the fit, and the checks that all fits share."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from jspline._checks import Reals, as_like, check_unbatched, given, is_concrete
from jspline._scale import unit_of
from jspline.datasets import Dataset
from jspline.problem import Problem, only_data


class Segments(eqx.Module):
    """A line on each of `pieces` consecutive runs of the data, with jumps in between.

    Attributes:
        first: the index of the first datum of each piece among the data, `(pieces,)`; among `data.merged()` where the
            data were concrete.
        breaks: half way between the last datum of a piece and the first of the next, `(pieces - 1,)`.
        centre, level: each line passes through (centre, level), `(pieces,)`.
        slope: of each line, `(pieces,)`; 0 where a piece holds one distinct x.
        sse: sum_n p_n (f(x_n) - y_n)^2, twice the loss.
        sses: the same for 1, 2, ... pieces, as far as they were tried, `(pieces,)` or more; NaN where they were not.
    """

    first: Int[Array, " pieces"]
    breaks: Float[Array, " breaks"]
    centre: Float[Array, " pieces"]
    level: Float[Array, " pieces"]
    slope: Float[Array, " pieces"]
    sse: Float[Array, ""]
    sses: Float[Array, " tried"]

    @property
    def pieces(self) -> int:
        """The number of pieces."""
        return self.slope.shape[-1]

    def __call__(self, x: Reals) -> Float[Array, "..."]:
        """f(x) for `x` of any shape. A break belongs to the piece on its right."""
        check_unbatched(self.slope)
        x = as_like(self.slope, x=x)
        piece = jnp.searchsorted(self.breaks, x, side="right")
        return self.level[piece] + self.slope[piece] * (x - self.centre[piece])


def lines(data: Dataset, units: tuple[Array, Array], first: Array, sses: Array) -> Segments:
    """The least squares line on each piece of data that are `in_units`, in the units that they had; O(N)."""
    pieces = len(first)
    begins = jnp.zeros(data.size, jnp.int32).at[first].add(1, mode="drop")
    group = jnp.cumsum(begins) - 1

    def total(values: Array) -> Array:
        return jax.ops.segment_sum(values, group, pieces)

    def quotient(numerator: Array, denominator: Array) -> Array:
        return jnp.where(denominator > 0, numerator / jnp.where(denominator > 0, denominator, 1), 0)

    # From the first datum of each piece, so that nothing cancels.
    p = data.weight
    weight, dx, dy = total(p), data.x - data.x[first][group], data.y - data.y[first][group]
    x_mean, y_mean = quotient(total(p * dx), weight), quotient(total(p * dy), weight)
    dx, dy = dx - x_mean[group], dy - y_mean[group]
    slope = quotient(total(p * dx * dy), total(p * dx**2))
    sse = jnp.sum(p * (dy - slope[group] * dx) ** 2) + 2 * data.constant
    after = first[1:]
    breaks = (data.x[after - 1] + data.x[after]) / 2
    (x_unit, y_unit), centre, level = units, data.x[first] + x_mean, data.y[first] + y_mean
    sse, sses = (error * y_unit * y_unit for error in (sse, sses))
    return Segments(first, breaks * x_unit, centre * x_unit, level * y_unit, slope * (y_unit / x_unit), sse, sses)


def in_units(data: Dataset) -> tuple[Dataset, tuple[Array, Array]]:
    """The data in such units that no square over- or underflows, and the units of x and y; dividing by them is exact.

    They are not centred: what is fitted takes differences from a datum of its own.
    """
    x_unit, y_unit = unit_of(data.x, data.x[0]), unit_of(data.y, data.y[0])
    constant = data.constant / y_unit / y_unit
    parts = (data.x / x_unit, data.y / y_unit, constant)
    return eqx.tree_at(lambda d: (d.x, d.y, d.constant), data, parts), (x_unit, y_unit)


def prepared(problem: Problem | Dataset) -> tuple[Dataset, int]:
    """The data merged if they are concrete (under a trace ties stay and are respected), and how many there were."""
    data = only_data(problem, train_b0=True)
    if not is_concrete(data):
        return data, data.size
    return data.merged(), int(np.sum(np.asarray(data.weight) > 0))


def check_pieces(pieces: int, data: Dataset, name: str = "pieces") -> None:
    """Raise `ValueError` unless `pieces` is a whole number from 1 to the number of distinct x."""
    if isinstance(pieces, bool) or not isinstance(pieces, (int, np.integer)) or pieces < 1:
        raise ValueError(f"`{name}` must be 'auto' or a whole number of at least 1; got {given(pieces)}.")
    if pieces > data.size:
        raise ValueError(f"`{name}` must be at most the number of distinct x, {data.size}; got {pieces}.")
