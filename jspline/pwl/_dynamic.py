"""Optimal segmented least squares by dynamic programming (Bai and Perron 1998), all numbers of pieces at once.

Theory: docs/theory.md 12.1.
"""

from collections.abc import Callable
from typing import Any, Literal

import jax
import jax.numpy as jnp
from jaxtyping import Array

from jspline._checks import check_memory, is_concrete
from jspline._programs import compiled
from jspline.datasets import Dataset
from jspline.problem import Problem
from jspline.pwl._criterion import choose, most_pieces
from jspline.pwl._segments import Segments, check_pieces, in_units, lines, prepared

SHARES, FEWEST = 100, 256
"""Into how many parts the work is cut where somebody wants to know how far it is, and the fewest data of one."""


def dynamic_programming(
    problem: Problem | Dataset,
    pieces: int | Literal["auto"],
    *,
    most: int | None = None,
    progress: Callable[[float], None] | None = None,
) -> Segments:
    """The least sum of squares that `pieces` separate lines can have: a global optimum, up to rounding.

    Args:
        problem: what to fit. Equal x are never parted.
        pieces: how many, at most the number of distinct x; or "auto", by `criterion`.
        most: how many pieces "auto" tries; by default a quarter of the distinct x, at most 50.
        progress: called with the share of the work that is done, up to 1; not with traced data.

    Raises:
        ValueError: for more pieces than distinct x, or "auto" under `jax.jit` or `jax.vmap`. With traced data that
            hold fewer distinct x than pieces, `sse` is infinite instead.

    Derivatives are those of the lines on the pieces that were found.

    O(K N^2) time and O(K N) memory: the costs of all segments that end at a datum follow from those that end one
    earlier, by recursive least squares, in which errors only add up and nothing cancels.
    """
    data, size = prepared(problem)
    auto = pieces == "auto"
    tried: Any = most_pieces(data, most) if auto else pieces
    check_pieces(tried, data, "most" if auto else "pieces")
    what = f"The table of {tried:,} pieces of {data.size:,} data"
    check_memory(what, 2 * (tried + 1) * (data.size + 1) * data.x.dtype.itemsize, "ask for fewer pieces")
    if not auto:
        scaled, units = in_units(data)
        return _fit(scaled, units, *optimum(scaled, int(tried), progress), int(tried))
    with jax.ensure_compile_time_eval():  # the data are known, even where the caller is being traced
        scaled, units = in_units(data)
        errors, begins = optimum(scaled, int(tried), progress)
        best = choose(errors, scaled, size, continuous=False)
    return _fit(scaled, units, errors, begins, best)


def optimum(data: Dataset, pieces: int, progress: Callable[[float], None] | None = None) -> tuple[Array, Array]:
    """The least error of 1, ..., `pieces` pieces, and where the last of k pieces of the first j data begins."""
    # One row for each number of pieces: a minimum along rows takes less than half of the time.
    least = jnp.full((pieces + 1, data.size + 1), jnp.inf, data.x.dtype).at[0, 0].set(0)
    so_far = least, tuple(jnp.zeros((6, data.size), data.x.dtype))
    if progress is None or not is_concrete(data):
        (least, _), begins = extended(data, so_far, jnp.arange(data.size))
    else:
        part, found = max(FEWEST, -(-data.size // SHARES)), []
        for first in range(0, data.size, part):  # beyond the data nothing is changed, so that all parts have one size
            so_far, begins = extended(data, so_far, first + jnp.arange(part))
            found.append(begins)
            progress(min(1.0, (first + part) / data.size))
        (least, _), begins = so_far, jnp.concatenate(found)[: data.size]
    return least[1:, -1] + 2 * data.constant, begins


@compiled
def extended(data: Dataset, so_far: tuple[Array, tuple], ends: Array) -> tuple[tuple[Array, tuple], Array]:
    """The least errors and the lines so far with the data of these indices, and where the last pieces begin."""
    x, y, p = data.x, data.y, data.weight
    start = jnp.arange(data.size)
    # A piece may begin at j, unless x_j is tied to the datum before.
    may_begin = jnp.append(jnp.insert(jnp.diff(x) > 0, 0, True), True)

    def extend(so_far: tuple[Array, tuple], j: Array) -> tuple[tuple[Array, tuple], Array]:
        least, fits = so_far
        # Each from where it starts, or the means of data far from the origin would lose their digits.
        fits = add(fits, x[j] - x, y[j] - y, jnp.where(start <= j, p[j], 0))
        through = least[:-1, :-1] + jnp.where(start <= j, fits[-1], jnp.inf)[None]
        best = jnp.min(through, axis=1)
        # The first of the best. As a second minimum, which a CPU finds many at a time, and `jnp.argmin` one by one.
        begin = jnp.min(jnp.where(through == best[:, None], start[None], data.size - 1), axis=1)
        return (least.at[1:, j + 1].set(jnp.where(may_begin[j + 1], best, jnp.inf), mode="drop"), fits), begin

    return jax.lax.scan(extend, so_far, ends)


def add(fits: tuple, x: Array, y: Array, p: Array) -> tuple:
    """Least squares lines with one datum of weight p more: (weight, means of x and y, moments xx and xy, error).

    The error grows by the square of the innovation, over its variance.
    """
    weight, x_mean, y_mean, xx, xy, error = fits
    dx, dy, total = x - x_mean, y - y_mean, weight + p
    share = p / jnp.where(total > 0, total, 1)
    line = xx > 0
    innovation = dy - jnp.where(line, xy / jnp.where(line, xx, 1), 0) * dx
    # p W / (W + p) of one point with another; less the more the line was free to turn there.
    joint = weight * share
    variance = jnp.where(line, xx + joint * dx**2, 1)
    grown = jnp.where(line, joint * xx / variance, jnp.where(dx == 0, joint, 0)) * innovation**2
    return total, x_mean + share * dx, y_mean + share * dy, xx + joint * dx**2, xy + joint * dx * dy, error + grown


def firsts(begins: Array, pieces: Array) -> Array:
    """The first datum of each of the `pieces` best pieces, padded at the end with N."""

    def back(end: Array, k: Array) -> tuple[Array, Array]:
        begin = jnp.where(k < pieces, begins[end - 1, k], end)
        return begin, begin

    size, most = begins.shape
    _, first = jax.lax.scan(back, jnp.asarray(size), jnp.arange(most), reverse=True)
    return first


@compiled
def _fit(data: Dataset, units: tuple[Array, Array], errors: Array, begins: Array, pieces: int) -> Segments:
    return lines(data, units, firsts(begins, jnp.asarray(pieces))[:pieces], errors)
