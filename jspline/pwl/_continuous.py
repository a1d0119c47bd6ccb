"""The continuous piecewise-linear function of least squares, its knots free: exact in each knot, searched in all.

The fit with given knots is linear algebra. As one knot moves between two data, the others at rest, the column that it
contributes is linear in its position, so the error is a quotient of quadratic polynomials with one interior minimum in
closed form: the best place of one knot on the whole line is found exactly, in one pass over the data. And at the best
knots of all, each is on a datum, or the lines on its two sides are least squares fits that know nothing of each other
(Hudson 1966), so that it is where they cross.
"""

from functools import partial
from typing import Any, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jspline._checks import Reals
from jspline.charts import Spline
from jspline.datasets import Dataset
from jspline.pwl._criterion import choose, most_pieces
from jspline.pwl._dynamic import firsts, optimum
from jspline.pwl._segments import check_pieces, prepared

STARTS, JITTER = 6, 0.1
"""Twice as many random sets of knots are tried as this and as there are knots, and how far they later go."""

SPOTS, LEVELS = 64, 24
"""The grid of data and values on which knots are guessed."""

SWEEPS = 60
"""At most so many times every knot is moved in one descent."""


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


def continuous(data: Dataset, pieces: int | Literal["auto"], *, most: int | None = None) -> Continuous:
    """The continuous least squares fit of `pieces` lines, with free knots and on any x.

    Args:
        data: what to fit.
        pieces: how many, at most the number of distinct x; or "auto", by `criterion`.
        most: how many pieces "auto" tries; by default a quarter of the distinct x, at most 50.

    What is exact: with one or two pieces, the global optimum. With more, no single knot can be moved anywhere with
    the others at rest, nor all those between data at once, to lower the error; the search for the global optimum
    goes from one piece to the next, each time from the best knots so far, the breaks of the best separate lines and
    random places, and then takes out and
    puts back every knot until nothing gains. `dynamic_programming(...).sse` is a lower bound.

    Raises:
        ValueError: for more pieces than distinct x, or "auto" under `jax.jit` or `jax.vmap`.

    Numerical caveat: a knot closer to another or to the end of the data than about sqrt(eps) of their range adds
    nothing that can be told from rounding. O(N K^3) time a sweep.
    """
    data, size = prepared(data)
    auto = pieces == "auto"
    tried: Any = most_pieces(data, most) if auto else pieces
    check_pieces(tried, data, "most" if auto else "pieces")
    tried = int(tried)
    scaled, at = _scaled(data)
    guesses = jnp.stack([_separate(data, at, tried), _coarse(scaled, tried)])
    knots, errors = _search(scaled, guesses, tried - 1)
    sses = errors * _unit(data) ** 2 + 2 * data.constant
    pieces = choose(sses, data, size, continuous=True) if auto else tried
    return eqx.tree_at(lambda fit: fit.sses, _restore(data, at, knots[pieces - 1, : pieces - 1]), sses)


def through(data: Dataset, knots: Array, slopes: Array, value: Array) -> Continuous:
    """The function with these knots and slopes and this value at the first knot (at 0 if there is none)."""
    spline = Spline.from_lines(knots, slopes, value)
    sse = jnp.sum(data.weight * (spline(data.x) - data.y) ** 2) + 2 * data.constant
    return Continuous(knots, slopes, spline, sse, sse[None])


AWAY = 2.0
"""Where a knot has no effect: beyond the data, which are scaled to [0, 1]."""


class _Scaled(eqx.Module):
    """The data on [0, 1], times the roots of the weights: what the linear algebra is made of."""

    x: Float[Array, " data"]
    root: Float[Array, " data"]
    y: Float[Array, " data"]
    moments: Float[Array, "three gaps"]


def _unit(data: Dataset) -> Array:
    span = jnp.max(jnp.abs(data.y - data.y[0]))
    return jnp.where(span > 0, span, 1)


def _scaled(data: Dataset) -> tuple[_Scaled, tuple[Array, Array]]:
    """The scaled data, and where their x came from: (origin, length)."""
    length = data.x[-1] - data.x[0]
    length = jnp.where(length > 0, length, 1)
    x, root = (data.x - data.x[0]) / length, jnp.sqrt(data.weight)
    gap = jnp.diff(x)
    zeroth = _from_right(data.weight[1:])
    first = _from_right(gap * zeroth)
    second = _from_right(gap**2 * zeroth + 2 * gap * jnp.append(first[1:], jnp.zeros((), x.dtype)))
    moments = jnp.stack([zeroth, first, second])
    return _Scaled(x, root, root * (data.y - data.y[0]) / _unit(data), moments), (data.x[0], length)


def _from_right(values: Array) -> Array:
    return jax.lax.cumsum(values, axis=values.ndim - 1, reverse=True)


@partial(jax.jit, static_argnames="pieces")
def _separate(data: Dataset, at: tuple[Array, Array], pieces: int) -> Array:
    """Where the best 1, ..., `pieces` separate lines break, `(pieces, pieces - 1)`, padded with `AWAY`."""
    _, begins = optimum(data, pieces)
    after = jax.vmap(partial(firsts, begins))(jnp.arange(1, pieces + 1))[:, 1:]
    after = jnp.minimum(after, data.size)
    between = (data.x[after - 1] + data.x[jnp.minimum(after, data.size - 1)]) / 2
    return jnp.where(after < data.size, (between - at[0]) / at[1], AWAY)


@partial(jax.jit, static_argnames="pieces")
def _coarse(data: _Scaled, pieces: int) -> Array:
    """The best knots on a coarse grid of data and values, by dynamic programming, as in `_separate`."""
    spots = min(data.x.size, SPOTS)
    at = jnp.asarray([round(i * (data.x.size - 1) / max(spots - 1, 1)) for i in range(spots)])
    x, p, y = data.x, data.root**2, data.y * data.root
    sums = jnp.cumsum(jnp.stack([p, p * x, p * x**2, y, y * x, data.y**2]), axis=1)
    # Before each spot, and of all data at the last.
    before = jnp.where(at == 0, 0, sums[:, at - 1]).at[:, -1].set(sums[:, -1])
    values = data.y / jnp.where(data.root > 0, data.root, 1)
    low, high = jnp.min(values), jnp.max(values)
    value = low + (high - low) * jnp.linspace(-0.1, 1.1, LEVELS, dtype=x.dtype)
    x = x[at]

    def extend(least: Array, b: Array) -> tuple[Array, Array]:
        s, sx, sxx, sy, sxy, syy = (before[:, b][:, None] - before)[:, :, None, None]
        width = x[b] - x
        rise = (value[None] - value[:, None])[None] / jnp.where(width > 0, width, 1)[:, None, None]
        level = value[None, :, None] - rise * x[:, None, None]
        error = syy - 2 * level * sy - 2 * rise * sxy + level**2 * s + 2 * level * rise * sx + rise**2 * sxx
        error = jnp.where((jnp.arange(spots) < b)[:, None, None], error, jnp.inf)
        through = (least[:-1, :, :, None] + error[None]).reshape(pieces, -1, LEVELS)
        return least.at[1:, b].set(jnp.min(through, axis=1)), jnp.argmin(through, axis=1)

    least = jnp.full((pieces + 1, spots, LEVELS), jnp.inf, x.dtype).at[0, 0].set(0)
    least, origin = jax.lax.scan(extend, least, jnp.arange(1, spots))

    def knots(count: Array) -> Array:
        def back(end: tuple[Array, Array], k: Array) -> tuple[tuple[Array, Array], Array]:
            spot, level = end
            begin = origin[jnp.maximum(spot, 1) - 1, k, level]
            here = k < count
            spot, level = jnp.where(here, begin // LEVELS, spot), jnp.where(here, begin % LEVELS, level)
            return (spot, level), spot

        end = (jnp.asarray(spots - 1), jnp.argmin(least[count, -1]))
        _, found = jax.lax.scan(back, end, jnp.arange(pieces), reverse=True)
        return jnp.where(jnp.arange(1, pieces) < count, x[found[1:]], AWAY)

    return jax.vmap(knots)(jnp.arange(1, pieces + 1))


def _columns(data: _Scaled, knots: Array) -> Array:
    """1, x and a hinge for each knot, weighted, `(pieces + 1, data)`."""
    line = jnp.stack([jnp.ones_like(data.x), data.x - 0.5])
    return data.root[None] * jnp.concatenate([line, jax.nn.relu(data.x[None] - knots[:, None])])


def _orthonormal(columns: Array) -> tuple[Array, Array]:
    """Gram and Schmidt, twice over: Q `(columns, data)` and R; a column that depends on those before it gives 0."""
    count = len(columns)
    tolerance = jnp.finfo(columns.dtype).eps ** 0.6

    def step(k: Array, state: tuple[Array, Array]) -> tuple[Array, Array]:
        q, r = state
        rest, along = columns[k], jnp.zeros(count, columns.dtype)
        for _ in range(2):
            part = _dot(q, rest)
            rest, along = rest - _dot(part, q), along + part
        length = jnp.linalg.norm(rest)
        new = length > tolerance * jnp.linalg.norm(columns[k])
        unit = jnp.where(new, rest / jnp.where(new, length, 1), 0)
        return q.at[k].set(unit), r.at[:, k].set(along.at[k].set(jnp.where(new, length, 0)))

    return jax.lax.fori_loop(0, count, step, (jnp.zeros_like(columns), jnp.zeros((count, count), columns.dtype)))


_dot = partial(jnp.matmul, precision="highest")


def _residual(data: _Scaled, q: Array) -> Array:
    return data.y - _dot(_dot(q, data.y), q)


def _error(data: _Scaled, knots: Array) -> Array:
    return jnp.sum(_residual(data, _orthonormal(_columns(data, knots))[0]) ** 2)


def _best_place(data: _Scaled, knots: Array) -> tuple[Array, Array, Array]:
    """The best place for one knot more, the error with it, and the best gap for a jump: for two knots, at its ends."""
    q = _orthonormal(_columns(data, knots))[0]
    residual = _residual(data, q)
    gap = jnp.diff(data.x)

    def sides(z: Array) -> tuple[Array, Array]:
        """Products with the hinge on the left end of each gap, and with the step behind it."""
        step = _from_right((z * data.root[None])[:, 1:])
        return _from_right(gap[None] * step), step

    (a, b), (hinge, step) = (tuple(each[0] for each in sides(residual[None]))), sides(q)
    zeroth, first, second = data.moments
    # With the knot at t behind the left end: the residual along it is a - t b, what is new in it has this square.
    c, d, e = second - jnp.sum(hinge**2, 0), first - jnp.sum(hinge * step, 0), zeroth - jnp.sum(step**2, 0)
    slope, value = b * d - a * e, b * c - a * d
    inside = jnp.where(slope != 0, value / jnp.where(slope != 0, slope, 1), 0)
    t = jnp.stack([jnp.zeros_like(gap), jnp.clip(jnp.where(jnp.isfinite(inside), inside, 0), 0, gap)])
    new = c[None] - 2 * t * d[None] + t**2 * e[None]
    whole = second[None] - 2 * t * first[None] + t**2 * zeroth[None]
    enough = new > jnp.finfo(t.dtype).eps ** 0.75 * whole
    gain = jnp.where(enough, (a[None] - t * b[None]) ** 2 / jnp.where(enough, new, 1), 0)
    best = jnp.argmax(gain)
    # Two knots in a gap free both the hinge and the step.
    area = c * e - d**2
    enough = area > jnp.finfo(t.dtype).eps ** 0.75 * second * zeroth
    jump = jnp.argmax(jnp.where(enough, (a**2 * e - 2 * a * b * d + b**2 * c) / jnp.where(enough, area, 1), 0))
    return (data.x[None, :-1] + t).ravel()[best], jnp.sum(residual**2) - gain.ravel()[best], jump


def _crossings(data: _Scaled, knots: Array) -> Array:
    """Knots between data, moved to where the lines that are fitted on their two sides cross."""
    sign = jnp.sign(data.x[None] - knots[:, None])
    on_datum = jnp.any(jnp.abs(data.x[None] - knots[:, None]) < 1e3 * jnp.finfo(knots.dtype).eps, axis=1)
    steps = jnp.where(on_datum[:, None], 0, (sign > 0).astype(knots.dtype)) * data.root[None]
    q, r = _orthonormal(jnp.concatenate([_columns(data, knots), steps]))
    diagonal = jnp.diagonal(r)
    full = r + jnp.diag(jnp.where(diagonal == 0, 1, 0).astype(r.dtype))
    coefficient = jax.scipy.linalg.solve_triangular(full, jnp.where(diagonal == 0, 0, _dot(q, data.y)))
    kink, jump = coefficient[2 : 2 + len(knots)], coefficient[2 + len(knots) :]
    moved = knots - jnp.where(kink == 0, 0, jump / jnp.where(kink == 0, 1, kink))
    place = jnp.clip(jnp.searchsorted(data.x, knots, side="right") - 1, 0, data.x.size - 2)
    moved = jnp.clip(moved, data.x[place], data.x[place + 1])
    return jnp.where(on_datum | (knots >= 1), knots, moved)


def _descend(data: _Scaled, count: Array, knots: Array) -> tuple[Array, Array]:
    """Move each knot to its best place, and those between data to where their lines cross, until nothing gains."""
    tolerance = 1e2 * jnp.finfo(knots.dtype).eps

    def move(j: Array, state: tuple[Array, Array]) -> tuple[Array, Array]:
        knots, error = state
        place, better, _ = _best_place(data, knots.at[j].set(AWAY))
        gains = better < error
        return knots.at[j].set(jnp.where(gains, place, knots[j])), jnp.where(gains, better, error)

    def sweep(state: tuple[Array, Array, Array, Array]) -> tuple[Array, Array, Array, Array]:
        knots, before, _, k = state
        knots, _ = jax.lax.fori_loop(0, count, move, (knots, before))
        crossed = _crossings(data, knots)
        errors = jax.vmap(partial(_error, data))(jnp.stack([knots, crossed]))
        knots = jnp.where(errors[1] < errors[0], crossed, knots)
        error = jnp.min(errors)
        return knots, error, before - error > tolerance * before, k + 1

    def goes_on(state: tuple[Array, Array, Array, Array]) -> Array:
        return state[2] & (state[3] < SWEEPS)

    start = (knots, _error(data, knots), jnp.asarray(True), jnp.asarray(0))
    knots, error, _, _ = jax.lax.while_loop(goes_on, sweep, start)
    return knots, error


@partial(jax.jit, static_argnames="most")
def _search(data: _Scaled, guesses: Array, most: int) -> tuple[Array, Array]:
    """The best 0, 1, ..., `most` knots that were found, padded, `(most + 1, most)`, and their errors.

    `guesses`, of shape `(2, most + 1, most)`, are where to start from.
    """
    none = jnp.full(most, AWAY, data.x.dtype)
    if most == 0 or data.x.size < 2:
        return jnp.stack([none] * (most + 1)), jnp.stack([_error(data, none)] * (most + 1))
    lanes = STARTS + most
    low = jax.random.randint(jax.random.key(0), (2 * lanes, most), 0, data.x.size - 1)
    share = jax.random.uniform(jax.random.key(1), (2 * lanes, most), data.x.dtype)
    random, lane = data.x[low] + share * jnp.diff(data.x)[low], jnp.arange(2 * lanes) % lanes
    out = jnp.where(jnp.arange(2 * lanes) < lanes, 1, 2)
    slots = jnp.arange(most)

    def complete(count: Array, knots: Array, out: Array) -> tuple[Array, Array]:
        """Without the last knot, or two: move the rest, put those left out where they are best, move all."""
        fewer = jnp.maximum(count - out, 0)

        def half(late: Array, state: tuple[Array, Array]) -> tuple[Array, Array]:
            knots, _ = state
            place, _, jump = _best_place(data, knots)
            pair = jnp.where(slots == fewer, data.x[jump], data.x[jump + 1])
            new = jnp.where(count - fewer == 2, pair, place)
            more = jnp.where((slots < fewer) | (slots >= count), knots, new)
            return _descend(data, jnp.where(late > 0, count, fewer), jnp.where(late > 0, more, knots))

        start = (jnp.where(slots < fewer, knots, AWAY), jnp.asarray(jnp.inf, knots.dtype))
        return jax.lax.fori_loop(0, 2, half, start)

    def one_more(knots: Array, count: Array) -> tuple[Array, tuple[Array, Array]]:
        def again(state: tuple[Array, Array, Array, Array, Array]) -> tuple[Array, Array, Array, Array, Array]:
            starts, out_now, knots, error, _ = state
            found, errors = jax.vmap(partial(complete, count))(starts, out_now)
            best = jnp.argmin(errors)
            gains = error - errors[best] > 1e3 * jnp.finfo(error.dtype).eps * errors[best]
            knots, error = jnp.where(gains, jnp.sort(found[best]), knots), jnp.minimum(error, errors[best])
            # Next, the best of them with each in turn as the last, that is taken out, or each and its neighbour.
            turned = knots[(slots[None] + lane[:, None] + 1) % count]
            nearby = jnp.where(slots < count, jnp.clip(turned + JITTER * (2 * share - 1), 0, 1), AWAY)
            return jnp.where((lane < count)[:, None], turned, nearby), out, knots, error, gains & (count > 1)

        # First, from one knot fewer, from the guesses, and from random ones.
        starts = random.at[0].set(knots).at[1:3].set(guesses[:, count])
        start = (starts, out.at[1:3].set(0), knots, jnp.asarray(jnp.inf, data.x.dtype), jnp.asarray(True))
        *_, knots, error, _ = jax.lax.while_loop(lambda state: state[-1], again, start)
        return knots, (knots, error)

    _, (knots, errors) = jax.lax.scan(one_more, none, jnp.arange(1, most + 1))
    return jnp.concatenate([none[None], knots]), jnp.concatenate([_error(data, none)[None], errors])


@jax.jit
def _restore(data: Dataset, at: tuple[Array, Array], knots: Array) -> Continuous:
    """The fit with these knots, in the units of the data."""
    scaled, _ = _scaled(data)
    knots = jnp.sort(knots)
    q, r = _orthonormal(_columns(scaled, knots))
    diagonal = jnp.diagonal(r)
    full = r + jnp.diag(jnp.where(diagonal == 0, 1, 0).astype(r.dtype))
    coefficient = jax.scipy.linalg.solve_triangular(full, jnp.where(diagonal == 0, 0, _dot(q, scaled.y)))
    slopes = jnp.cumsum(coefficient[1:])
    where = knots[0] if len(knots) else -at[0] / at[1]
    first = coefficient[0] + slopes[0] * (where - 0.5)
    unit = _unit(data)
    return through(data, at[0] + at[1] * knots, slopes * unit / at[1], data.y[0] + first * unit)
