"""Critical points: recognised through the shortest subgradient and as least-squares fits, and found by enumeration.

Where no breakpoint lies on a datum the loss is differentiable, and critical means that its gradient is 0. A neuron on
datum n may count it with any share lambda from 0 to 1: the gradients for all shares are Clarke's subdifferential, and
critical means that it holds 0: X = x_n E without the datum, and E + lambda e_n = 0. The shares of different neurons are
independent, so the shortest subgradient is found neuron by neuron.

Theorem 4 says the same in terms of the fit. If some neuron is active on all data, every v_i != 0 (which the print
omits) and no breakpoint lies on a datum, then a point is critical if and only if f is, on every piece, the weighted
least-squares line of the data in it. The sums of the residual over a piece are differences of the E_i and of the X_i.

For several inputs see `_critical_planes`.

Theory: docs/theory.md 4.1, 4.2.
"""

import itertools
import math
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float

from jspline._checks import (
    check_most,
    check_neurons,
    check_positive,
    check_whole,
    nan_is_an_answer,
    on_host,
)
from jspline._programs import compiled
from jspline.activation import Ranks
from jspline.charts import ReLUNet, Spline
from jspline.datasets import Dataset
from jspline.landscape import _critical_planes as planes
from jspline.landscape._arguments import check_one_result, posed
from jspline.landscape._critical_planes import PlaneCriticality
from jspline.landscape._lonely import sizes
from jspline.landscape._pieces import data_before, pieces
from jspline.objective import predict
from jspline.problem import Problem, as_problem, data_and_b0, only_data

LARGEST = 20_000
"""Of exact counts: this takes half a second, and five times more half a minute."""


class Criticality(eqx.Module):
    """Whether a point is critical, and if not, why.

    Attributes:
        critical: the verdict.
        gradient: the shortest subgradient: the gradient itself where there is one.
        share: the share lambda with which a neuron counts the datum that it is on in it, `(width,)`; NaN off the data.
        moves: which neurons have a part in it beyond the tolerance, `(width,)`.
        b0_moves: whether b0 has.
        applies: whether theorem 4 applies: a neuron active on all data, all v_i != 0, no breakpoint on a datum.
        misfit: on which pieces f is not the weighted least-squares line, `(width + 1,)`. A datum on a breakpoint is
            counted to its left.
    """

    critical: Bool[Array, ""]
    gradient: ReLUNet
    share: Float[Array, " width"]
    moves: Bool[Array, " width"]
    b0_moves: Bool[Array, ""]
    applies: Bool[Array, ""]
    misfit: Bool[Array, " pieces"]

    @property
    def reason(self) -> str:
        """The verdict in words, for one concrete result."""
        check_one_result(self)
        on = int(np.sum(~np.isnan(self.share)))
        if self.critical:
            if self.applies:
                return "Critical: on every piece f is the weighted least-squares line of its data."
            return (
                f"Critical: 0 is a subgradient, with {on} neurons on a datum." if on else "Critical: the gradient is 0."
            )
        if self.applies and np.any(self.misfit):
            piece = int(np.argmax(self.misfit))
            return f"Not critical: on piece {piece} f is not the weighted least-squares line of its data."
        if np.any(self.moves):
            i = int(np.argmax(self.moves))
            if not np.isnan(self.share[i]):
                return f"Not critical: neuron {i} is on a datum, and no share of it between 0 and 1 makes it rest."
            return f"Not critical: the gradient in (w, b, v) of neuron {i} is not 0."
        return "Not critical: the weighted residuals do not add up to 0, so b0 moves."


def is_critical(
    net: ReLUNet | Spline, problem: Problem | Dataset, tol: ArrayLike | None = None
) -> Criticality | PlaneCriticality:
    """Whether 0 is a gradient of the loss, in Clarke's sense where a breakpoint lies on a datum (theorem 4, repaired).

    Args:
        net: the point; of a spline, the scales do not matter.
        problem: the data, or what is to be done with them. An output bias that does not move need not rest.
        tol: how large the sums of residuals, and their moments about the middle of the data, may be, relative to what
            they would be if every residual were as large as the largest |y - m| or |f - m|, m the middle of y, and
            all terms of one sign. The square root of the rounding unit by default: 1.5e-8 in float64.

    A neuron with (w, b) = 0 is always at rest. One with v_i = 0 rests if its v does. O((N + H) log N).

    With several inputs, or without hidden biases, a `PlaneCriticality`, on the host: O(N H D), and a small bounded
    least-squares problem for each neuron with data on its breakplane. A datum is on it if |w . x + b| is at most
    4 (inputs + 2) rounding units of the sum of the sizes of its terms.

    Raises `ValueError` for a tolerance that is not positive, `TypeError` for net and data of different dtypes.

    Theory: docs/theory.md 4.1, 4.2, 15.5.
    """
    known = as_problem(problem, square=True, decay=False)
    if isinstance(net, ReLUNet) and not (known.data.on_line and known.biases):
        return planes.is_critical(net, known, tol)
    net, data = posed(net, problem)
    _, train_b0 = data_and_b0(problem)
    tolerance = jnp.finfo(net.w.dtype).eps ** 0.5 if tol is None else tol
    check_positive(tol=tolerance)
    with nan_is_an_answer():
        return _judge(net, data, train_b0, jnp.asarray(tolerance, net.w.dtype))


@compiled
def _judge(net: ReLUNet, data: Dataset, train_b0: bool, tolerance: Array) -> Criticality:
    # The shortest subgradient. The moments that decide are those about the middle: far from x = 0 all others are E.
    p, x, middle = data.weight, data.x, data.middle
    residual = data.y - predict(net, data)
    e, away = p * residual, x - middle
    ranked, found = Ranks.of(net.w, net.b, x), pieces(net, data)
    X_middle, E = ranked.over_data(jnp.stack([e * away, e]))
    at_middle = net.b + net.w * middle
    gradient_v = net.w * X_middle + at_middle * E
    before, behind = data_before(net, data)
    totals = jnp.pad(jnp.cumsum(jnp.stack([e, p]), axis=1), ((0, 0), (1, 0)))
    own, mass = totals[:, behind] - totals[:, before]
    on = (net.w != 0) & (mass > 0)
    at = x[jnp.minimum(before, data.size - 1)]
    own = jnp.where(on, own, 0)
    steep = own * (1 + at**2)
    wanted = jnp.where(steep == 0, 0, -(E + at * (X_middle + middle * E)) / jnp.where(steep == 0, 1, steep))
    share = jnp.clip(wanted, 0, 1)
    X_middle, E = X_middle + share * own * (at - middle), E + share * own
    gradient = ReLUNet(
        w=-net.v * (X_middle + middle * E),
        b=-net.v * E,
        v=-gradient_v,
        b0=-jnp.sum(e) if train_b0 else jnp.zeros_like(middle),
    )

    # Against what is due to rounding.
    def height(level: ArrayLike) -> Array:
        heights = jnp.maximum(jnp.abs(data.y - level), jnp.abs(data.y - residual - level))
        return jnp.max(jnp.where(p > 0, heights, 0))

    low, high = jnp.min(jnp.where(p > 0, data.y, jnp.inf)), jnp.max(jnp.where(p > 0, data.y, -jnp.inf))
    allowed = tolerance * height(low / 2 + high / 2) + 16 * jnp.finfo(x.dtype).eps * height(0)
    weight, moment = allowed * jnp.sum(p), allowed * jnp.sum(p * jnp.abs(away))
    fits = (jnp.abs(X_middle) <= moment) & (jnp.abs(E) <= weight)
    reach = jnp.abs(net.w) * moment + jnp.abs(at_middle) * weight
    rests = ((net.v == 0) | fits) & (jnp.abs(gradient_v) <= reach)
    b0_rests = jnp.abs(gradient.b0) <= weight

    # As a fit.
    E_piece, X_piece = (jax.ops.segment_sum(values, found.first, net.width + 1) for values in (e, e * away))
    return Criticality(
        critical=jnp.all(rests) & b0_rests,
        gradient=gradient,
        share=jnp.where(on, share, jnp.nan),
        moves=~rests,
        b0_moves=~b0_rests,
        applies=jnp.any(ranked.everywhere) & jnp.all(net.v != 0) & ~jnp.any(on),
        misfit=~((jnp.abs(E_piece) <= 2 * weight) & (jnp.abs(X_piece) <= 2 * moment)),
    )


class CriticalPoint(NamedTuple):
    """A critical point found by `critical_points`.

    Attributes:
        net: the point.
        loss: its loss.
        breakpoints: how many lie in each gap between neighbouring (merged) data, N - 1 numbers.
        unique: whether the partition leaves no choice of f between the data. Otherwise the point stands for a family.
    """

    net: ReLUNet
    loss: float
    breakpoints: tuple[int, ...]
    unique: bool


@on_host
def critical_points(problem: Problem | Dataset, width: int, *, most: int = 100_000) -> list[CriticalPoint]:
    """All partitions of the data that belong to critical points to which theorem 4 applies, least loss first.

    On the host, in float64, for small cases. One neuron is active on all data, to the left of them (or a constant unit,
    where f is one level line); at most width - 1 breakpoints are put into the N - 1 gaps between the data, none, one or
    two in each (more do not change what is possible). On every piece f is then the least-squares line of its data. Two
    lines with one breakpoint between them have to meet within the gap; two breakpoints join any two. The line of a
    piece with a single datum may turn about it, and is given a slope that lets its neighbours meet it, if there is one.
    Neurons that are not needed share the work of the first. No v is 0. Left out are partitions that rounding decides:
    lines that meet within rounding of a datum, and nets of which the dtype of the data puts a breakpoint on one.

    Cost: `count_fits(N, width)` partitions, up to 3^(N - 1).

    Raises:
        ValueError: when that is more than `most`, with the number; or for a width below 1.
    """
    data = only_data(problem, train_b0=True)
    check_neurons(width, data.x.dtype)
    check_whole(most=most)
    merged = data.merged()
    x, y, p = (np.asarray(a, float) for a in (merged.x, merged.y, merged.weight))
    number = count_fits(x.size, width)
    if number > most:
        raise ValueError(
            f"`critical_points` would have to fit {number} partitions of {x.size} data by {width} neurons, more than "
            f"`most` = {most}; take fewer data or neurons, or follow `jspline.flow` to one of them."
        )
    found = []
    for breakpoints in itertools.product(range(3), repeat=x.size - 1):
        if sum(breakpoints) < width and (fit := _join(x - x[0], y - y[0], p, breakpoints)) is not None:
            net = _build(x, y, *fit[:3], width, data.x.dtype)
            if _held(net, np.asarray(merged.x)) == breakpoints and np.all(np.asarray(net.v) != 0):
                found.append(CriticalPoint(net, float(merged.constant) + fit[3], breakpoints, fit[4]))
    return sorted(found, key=lambda point: point.loss)


def _held(net: ReLUNet, x: np.ndarray) -> tuple[int, ...]:
    """How many breakpoints lie strictly between each two data, of neurons with w = +-1 (or 0) whose beta is exact."""
    w, b = np.asarray(net.w), np.asarray(net.b)
    beta = (-b * w)[w != 0]
    return tuple(int(np.sum((low < beta) & (beta < high))) for low, high in itertools.pairwise(x))


def count_fits(N: int, H: int) -> int:
    """How many partitions `critical_points` fits: ways to put at most H - 1 breakpoints, 0 to 2 each, in N - 1 gaps."""
    N, H = sizes(N, H)
    gaps = N - 1
    spare = min(H - 1, 2 * gaps)
    check_most("Of an exact count the smaller of data and neurons", min(N, H), LARGEST)
    # The coefficients of (1 + z + z^2)^gaps up to that of z^spare.
    counts = [0, 1]
    for k in range(1, spare + 1):
        counts.append(((gaps - k + 1) * counts[-1] + (2 * gaps - k + 2) * counts[-2]) // k)
    return sum(counts)


def _join(
    x: np.ndarray, y: np.ndarray, p: np.ndarray, breakpoints: tuple[int, ...]
) -> tuple[np.ndarray, np.ndarray, float, float, bool] | None:
    """Breakpoints, slopes between them, f(x_0), loss, and whether that is all; None if lines do not meet in gaps."""
    cuts = [n + 1 for n, count in enumerate(breakpoints) if count]
    groups = np.split(np.arange(x.size), cuts)
    counts = [count for count in breakpoints if count]
    centres = [np.average(x[g], weights=p[g]) for g in groups]
    heights = [np.average(y[g], weights=p[g]) for g in groups]
    slopes: list[float | None] = [_slope(x[g], y[g], p[g]) for g in groups]

    # The chord over each gap, from line to line. Known already: the slope of a single datum does not move its end.
    def at(k: int, t: float) -> float:
        return heights[k] + (slopes[k] or 0.0) * (t - centres[k])

    ends = [(x[cut - 1], x[cut]) for cut in cuts]
    chords = [(at(k + 1, b) - at(k, a)) / (b - a) for k, (a, b) in enumerate(ends)]
    size = max([0.0, *map(abs, chords), *(abs(s) for s in slopes if s is not None)]) or 1.0
    # By rounding a chord is off by so much at most, with room to spare.
    rounding = 1e3 * np.finfo(float).eps * (size + np.max(np.abs(y)) / np.min(np.diff(x), initial=np.inf))
    chosen = _choose(slopes, chords, counts, size, rounding)
    if chosen is None:
        return None
    beta, steps = [], [chosen[0]]
    for k, (a, b) in enumerate(ends):
        left, right, chord = chosen[k], chosen[k + 1], chords[k]
        if counts[k] == 1:
            beta.append(a + (b - a) * (right - chord) / (right - left))
        else:
            where, middle = _two(left, right, chord, size, rounding)
            beta += [a + share * (b - a) for share in where]
            steps.append(middle)
        steps.append(right)
    lines = [c + s * (x[g] - m) for c, s, m, g in zip(heights, chosen, centres, groups, strict=True)]
    loss = float(np.sum(p * (y - np.concatenate(lines)) ** 2)) / 2
    unique = all(slope is not None for slope in slopes) and 2 not in counts
    if abs(steps[0]) <= rounding:
        steps[0] = 0.0
    return np.array(beta), np.array(steps), float(lines[0][0]), loss, unique


def _two(left: float, right: float, chord: float, size: float, rounding: float) -> tuple[tuple[float, float], float]:
    """Where in their gap two breakpoints join two lines, and the slope between them, which is neither line's."""
    # From a third to two thirds of the gap, by whatever slope joins the lines; moved where it is one of theirs.
    for where in ((1 / 3, 2 / 3), (1 / 4, 2 / 3), (1 / 3, 3 / 4)):
        middle = (chord - where[0] * left - (1 - where[1]) * right) / (where[1] - where[0])
        if min(abs(middle - left), abs(middle - right)) > 10 * rounding:
            return where, middle
    # The two lines are one: two kinks in one place that cancel.
    return (1 / 2, 1 / 2), left + size


def _slope(x: np.ndarray, y: np.ndarray, p: np.ndarray) -> float | None:
    """The slope of the weighted least-squares line; None for a single datum."""
    if x.size == 1:
        return None
    x = x - np.average(x, weights=p)
    return float(np.sum(p * x * (y - np.average(y, weights=p))) / np.sum(p * x**2))


def _choose(
    slopes: list[float | None], chords: list[float], counts: list[int], size: float, rounding: float
) -> list[float] | None:
    """Slopes for single data, such that lines with one breakpoint between them meet in their gap; None if impossible.

    They meet there if and only if the chord is steeper than one of them and less steep than the other. So each gap
    allows a half-line of slopes on its left and the opposite one on its right: a choice of signs, made by going through
    the gaps and keeping, for either sign, the way there whose lines stay farthest from the ends of what is allowed.
    """
    # For the sign of (slope of the coming line - chord), 0 for no condition: how far, and the slopes.
    states: dict[int, tuple[float, list[float]]] = {0: (math.inf, [])}
    for k, slope in enumerate(slopes):
        coming: dict[int, tuple[float, list[float]]] = {}
        last = k == len(chords)
        for sign, (room, path) in states.items():
            for leaving in (0,) if last or counts[k] == 2 else (1, -1):
                bounds = [(sign, chords[k - 1])] if sign else []
                bounds += [(leaving, chords[k])] if leaving else []
                low = max([c for s, c in bounds if s > 0], default=-math.inf)
                high = min([c for s, c in bounds if s < 0], default=math.inf)
                here = slope if slope is not None else _between(low, high, size)
                left = min(room, here - low, high - here)
                if left > rounding and left > coming.get(-leaving, (0.0, []))[0]:
                    coming[-leaving] = left, [*path, here]
        states = coming
    return max(states.values())[1] if states else None


def _between(low: float, high: float, size: float) -> float:
    """Some number between the two, of which either may be infinite."""
    # Not 0 where anything goes: the first neuron has it as its mu.
    low, high = max(low, min(high, size) - 2 * size), min(high, max(low, -size) + 3 * size)
    return (low + high) / 2


def _build(
    x: np.ndarray,
    y: np.ndarray,
    beta: np.ndarray,
    slope: np.ndarray,
    start: float,
    width: int,
    dtype: np.dtype,
) -> ReLUNet:
    """Right-facing neurons with w = 1: those that are spare, and one more, to the left of all data.

    `beta` counts from x_0 and `start`, the value there, from y_0. Where the first line is level, the outer neurons have
    the second one, and the first neuron inside faces left. With one level line they are constant units.
    """
    outer, spread = width - beta.size, max(x[-1] - x[0], 1.0)
    w, where = np.ones(width), np.concatenate([np.full(outer, -spread), beta])
    v = np.concatenate([np.full(outer, slope[0] / outer), np.diff(slope)])
    b0 = start - slope[0] * spread
    if slope[0] == 0 and beta.size:
        w[outer], v[outer], v[:outer] = -1, slope[1], slope[1] / outer
        b0 = start - slope[1] * (spread + beta[0])
    b = -w * (where + x[0])
    if slope[0] == 0 and not beta.size:
        height = np.max(np.abs(y)) or 1.0
        w, b, v, b0 = 0 * w, np.ones(width), np.full(width, height / width), start - height
    return ReLUNet(*(jnp.asarray(part, dtype) for part in (w, b, v, np.asarray(y[0] + b0))))
