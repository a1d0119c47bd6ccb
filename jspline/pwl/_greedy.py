"""Greedy merging: nearly optimal segmented least squares in nearly linear time (Acharya et al. 2016).

Theory: docs/theory.md 12.1.
"""

from typing import Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array

from jspline._checks import nan_is_an_answer
from jspline._programs import compiled
from jspline.datasets import Dataset
from jspline.problem import Problem
from jspline.pwl._criterion import choose, most_pieces
from jspline.pwl._segments import Segments, check_pieces, in_units, lines, prepared


def greedy_merge(problem: Problem | Dataset, pieces: int | Literal["auto"], *, most: int | None = None) -> Segments:
    """A fit of `pieces` separate lines by merging: neighbours are paired, and all but the worst pairs become one.

    With m = (pieces - 1) // 2 pairs kept apart in every round, for each k <= m

        sse <= m / (m - k + 1) times the least sse of k pieces

    (the argument of Acharya et al., theorem 3.3 of their 2015 paper, with k - 1 breaks where they count k: a merged
    interval that contains a break of the best fit had at least m - k + 1 pairs without one above it). In the
    authors' terms, (2 + 2/d) k + 2 pieces come within a factor 1 + d.

    Args:
        problem: what to fit. Equal x are never parted.
        pieces: how many, at most the number of distinct x; or "auto", by `criterion`.
        most: how many pieces "auto" tries; by default a quarter of the distinct x, at most 50.

    Raises:
        ValueError: for more pieces than distinct x, or "auto" under `jax.jit` or `jax.vmap`.

    Derivatives are those of the lines on the pieces that were found.

    O(N log^2 N) time and O(N) memory (O(K N) for "auto").
    """
    data, size = prepared(problem)
    if pieces == "auto":
        tried = most_pieces(data, most)
        check_pieces(tried, data, "most")
        with jax.ensure_compile_time_eval():  # the data are known, even where the caller is being traced
            scaled, units = in_units(data)
            sses = _errors(scaled, tried)
            best = choose(sses, scaled, size, continuous=False)
        return _fit(scaled, units, best, sses)
    check_pieces(pieces, data)
    scaled, units = in_units(data)
    with nan_is_an_answer():
        return _fit(scaled, units, int(pieces), None)


@compiled
def _fit(data: Dataset, units: tuple[Array, Array], pieces: int, sses: Array | None) -> Segments:
    # With traced data there may be fewer distinct x than pieces: then the last ones are empty.
    known = jnp.full(pieces, jnp.nan, data.x.dtype) if sses is None else sses
    fit = lines(data, units, _merge(data, jnp.asarray(pieces))[:pieces], known)
    if sses is None:  # only this number was tried
        fit = eqx.tree_at(lambda fit: fit.sses, fit, fit.sses.at[-1].set(fit.sse))
    return fit


@compiled
def _errors(data: Dataset, most: int) -> Array:
    one, nothing = jnp.ones((), data.x.dtype), jnp.zeros(most, data.x.dtype)

    def error(pieces: Array) -> Array:
        return lines(data, (one, one), _merge(data, pieces)[:most], nothing).sse

    return jax.lax.map(error, jnp.arange(1, most + 1))


def _merge(data: Dataset, pieces: Array) -> Array:
    """The first datum of each interval, padded with N."""
    data = jax.lax.stop_gradient(data)  # places do not change with the data, and a loop has no reverse mode
    size = data.size + data.size % 2
    # Equal x make one interval to begin with.
    new = jnp.insert(jnp.diff(data.x) > 0, 0, True)
    group, count = jnp.cumsum(new) - 1, jnp.sum(new)
    first = jnp.full(size, data.size).at[jnp.where(new, group, size)].set(jnp.arange(data.size), mode="drop")

    def total(values: Array) -> Array:
        return jax.ops.segment_sum(values, group, size)

    weight, offset = total(data.weight), data.y - data.y[first[group]]
    shift = total(data.weight * offset) / jnp.where(weight > 0, weight, 1)
    yy = total(data.weight * (offset - shift[group]) ** 2)
    begin, zero = jnp.minimum(first, data.size - 1), jnp.zeros(size, data.x.dtype)
    start = (weight, data.x[begin] - data.x[0], data.y[begin] - data.y[0] + shift, zero, zero, yy)
    kept = (pieces - 1) // 2

    def unfinished(state: tuple) -> Array:
        return state[1] > pieces

    def halve(state: tuple) -> tuple:
        first, count, stats = state
        pairs = count // 2
        is_pair = jnp.arange(size // 2) < pairs
        joined = tuple(join(*(tuple(s[side::2] for s in stats) for side in (0, 1))))
        errors = jnp.where(is_pair, _error(joined), jnp.inf)
        merges = jnp.minimum(pairs - kept, count - pieces)
        rank = jnp.argsort(jnp.argsort(errors))
        merged = is_pair & (rank < merges)
        # The second of a merged pair goes, and the rest move up.
        stays = jnp.stack([jnp.ones_like(merged), ~merged], axis=1).ravel() & (jnp.arange(size) < count)
        both = jnp.repeat(merged, 2)
        stats = tuple(jnp.where(both, jnp.repeat(j, 2), s) for j, s in zip(joined, stats, strict=True))
        order = jnp.argsort(~stays, stable=True)
        count = count - merges
        there = jnp.arange(size) < count
        stats = tuple(jnp.where(there, s[order], 0) for s in stats)
        return jnp.where(there, first[order], data.size), count, stats

    return jax.lax.while_loop(unfinished, halve, (first, count, start))[0]


def join(one: tuple, other: tuple) -> tuple:
    """The weight, means and central moments (xx, xy, yy) of two sets together."""
    weight = one[0] + other[0]
    share = other[0] / jnp.where(weight > 0, weight, 1)
    dx, dy, both = other[1] - one[1], other[2] - one[2], one[0] * share
    products = (dx * dx, dx * dy, dy * dy)
    moments = (a + b + both * c for a, b, c in zip(one[3:], other[3:], products, strict=True))
    return weight, one[1] + share * dx, one[2] + share * dy, *moments


def _error(stats: tuple) -> Array:
    _, _, _, xx, xy, yy = stats
    return jnp.maximum(yy - jnp.where(xx > 0, xy**2 / jnp.where(xx > 0, xx, 1), 0), 0)
