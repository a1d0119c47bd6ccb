"""The continuous piecewise-linear function of least squares, its knots free: exact in each knot, searched in all.

At the best knots of all, each is on a datum, or the lines on its two sides are least squares fits that know nothing of
each other (Hudson 1966), so that it is where they cross.

Theory: docs/theory.md 12.2.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jspline._checks import Reals, check_memory, is_concrete
from jspline._programs import compiled
from jspline.charts import Spline
from jspline.datasets import Dataset
from jspline.problem import Problem
from jspline.pwl._criterion import choose, most_pieces
from jspline.pwl._guesses import coarse, separate
from jspline.pwl._knots import AWAY, coefficients, columns, followed, rescaled, squares
from jspline.pwl._search import search
from jspline.pwl._segments import check_pieces, in_units, prepared

SEPARATE = 1 / 3
"""The share of the work that separate lines take, which it begins with, measured on 20,000 data."""


class Continuous(eqx.Module):
    """A continuous function of `pieces` lines.

    Attributes:
        breaks: its knots in increasing order, `(pieces - 1,)`.
        slopes: from left to right, `(pieces,)`.
        spline: the same function as a `jspline.Spline` of width `pieces` (2 for one piece), with no other breakpoint.
        sse: sum_n p_n (f(x_n) - y_n)^2, twice the loss.
        sses: the same for 1, 2, ... pieces, as far as they were tried; `(pieces,)` or more.
    """

    breaks: Float[Array, " breaks"]
    slopes: Float[Array, " pieces"]
    spline: Spline
    sse: Float[Array, ""]
    sses: Float[Array, " tried"]

    @property
    def pieces(self) -> int:
        """The number of pieces."""
        return self.slopes.shape[-1]

    def __call__(self, x: Reals) -> Float[Array, "..."]:
        """f(x) for `x` of any shape."""
        return self.spline(x)


def continuous(
    problem: Problem | Dataset,
    pieces: int | Literal["auto"],
    *,
    most: int | None = None,
    progress: Callable[[float], None] | None = None,
) -> Continuous:
    """The continuous least squares fit of `pieces` lines, with free knots and on any x.

    Args:
        problem: what to fit.
        pieces: how many, at most the number of distinct x; or "auto", by `criterion`.
        most: how many pieces "auto" tries; by default a quarter of the distinct x, at most 50.
        progress: called with the share of the work that is done, up to 1; not with traced data.

    What is exact: with one or two pieces, the global optimum. With more, no single knot can be moved anywhere with
    the others at rest, nor all those between data at once, to lower the error; the search for the global optimum
    goes from one piece to the next, each time from the best knots so far, the breaks of the best separate lines, the
    best knots on a coarse grid, and random places, and then takes out and puts back every knot until nothing gains.
    `dynamic_programming(...).sse` is a lower bound.

    Raises:
        ValueError: for more pieces than distinct x, or "auto" under `jax.jit` or `jax.vmap`.

    Derivatives are those of the fit that was found: a knot on a datum stays on it, the others where their lines cross.
    In a weight of 0 the derivative is NaN.

    Numerical caveat: a knot closer to another or to the end of the data than about sqrt(eps) of their range adds
    nothing that can be told from rounding. O(N K^3) time a sweep.
    """
    data, size = prepared(problem)
    auto = pieces == "auto"
    tried: Any = most_pieces(data, most) if auto else pieces
    check_pieces(tried, data, "most" if auto else "pieces")
    what = f"The table of {tried:,} pieces of {data.size:,} data"
    check_memory(what, 2 * (tried + 1) * (data.size + 1) * data.x.dtype.itemsize, "ask for fewer pieces")
    if auto:
        with jax.ensure_compile_time_eval():  # the data are known, even where the caller is being traced
            scaled, (x_unit, y_unit) = in_units(data)
            knots, errors = _best(scaled, int(tried), progress)
            pieces = choose(errors, scaled, size, continuous=True)
    else:
        scaled, (x_unit, y_unit) = in_units(data)
        knots, errors = _best(scaled, int(pieces), progress)
    where, slopes, value = _fit(scaled, knots[int(pieces) - 1, : int(pieces) - 1])
    fit = through(data, where * x_unit, slopes * (y_unit / x_unit), value * y_unit)
    return eqx.tree_at(lambda fit: fit.sses, fit, errors * y_unit * y_unit)


@compiled
def through(data: Dataset, knots: Array, slopes: Array, value: Array) -> Continuous:
    """The function with these knots and slopes and this value at the first knot (at x_1 if there is none)."""
    # A line has its two neurons on the data, or those would lose their digits far from the origin.
    spline = (
        Spline.from_lines(knots, slopes, value)
        if len(knots)
        else Spline.from_lines(data.x[:1], jnp.repeat(slopes, 2), value)
    )
    sse = jnp.sum(data.weight * (spline(data.x) - data.y) ** 2) + 2 * data.constant
    return Continuous(knots, slopes, spline, sse, sse[None])


@partial(jax.custom_jvp, nondiff_argnums=(1, 2))
def _best(data: Dataset, pieces: int, progress: Callable[[float], None] | None) -> tuple[Array, Array]:
    """The best knots of 1, ..., `pieces` pieces on the scaled data, `(pieces, pieces - 1)`, padded; and their sse."""
    if progress is None or not is_concrete(data):
        return _searched(data, pieces)
    return _search(data, pieces, progress)


def _search(data: Dataset, pieces: int, progress: Callable[[float], None] | None = None) -> tuple[Array, Array]:
    scaled, origin = rescaled(data)
    none = jnp.full((1, pieces - 1), AWAY, data.x.dtype)
    knots, errors = none, squares(scaled, none[0])[None]
    if pieces > 1:
        begin, go_on = _parts(progress, SEPARATE)
        guesses = jnp.stack([separate(data, origin, pieces, begin), coarse(scaled, pieces)])
        found = search(scaled, guesses, pieces - 1, go_on)
        knots, errors = jnp.concatenate([knots, found[0]]), jnp.concatenate([errors, found[1]])
    return knots, errors + 2 * data.constant


_searched = compiled(_search)


def _parts(progress: Callable[[float], None] | None, first: float) -> tuple[Callable[[float], None] | None, ...]:
    """What says the progress of a first part, of that share of the work, and of the rest."""
    if progress is None:
        return None, None
    return lambda done: progress(first * done), lambda done: progress(first + (1 - first) * done)


@_best.defjvp
def _(
    pieces: int, progress: Callable[[float], None] | None, at: tuple[Dataset], change: tuple[Dataset]
) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    """Not through the search, which stops where nothing gains: of what it found."""
    found = _best(*at, pieces, progress)

    @jax.jit
    def again(data: Dataset) -> tuple[Array, Array]:
        scaled, _ = rescaled(data)
        knots = jax.lax.map(lambda knots: followed(scaled, knots), found[0])
        errors = jax.lax.map(lambda knots: squares(scaled, knots), knots)
        return knots, errors + 2 * data.constant

    return found, jax.jvp(again, at, change)[1]


@compiled
def _fit(data: Dataset, knots: Array) -> tuple[Array, Array, Array]:
    """The fit with these knots of the scaled data: its knots, slopes and value as `through` takes them."""
    scaled, (start, length) = rescaled(data)
    knots = jnp.sort(knots)
    coefficient = coefficients(scaled, columns(scaled, knots))
    slopes = jnp.cumsum(coefficient[1:])
    where = knots[0] if len(knots) else 0.0
    first = coefficient[0] + slopes[0] * (where - 0.5)
    return start + length * knots, slopes / length, data.y[0] + first
