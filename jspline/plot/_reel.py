"""What a film shows: the arrays of every frame, and times at which things happen."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jspline.charts import ReLUNet
from jspline.datasets import Dataset, Units
from jspline.dynamics import Solution
from jspline.landscape import drive, drive_zeros
from jspline.problem import Problem, only_data

VISIBLE = 0.02
"""A change of less than this part of a picture is not seen."""


class Reel(NamedTuple):
    """The arrays of a film, in the units of x and y, which may differ from those the flow was computed in.

    Attributes:
        x, y: the points, `(points,)`.
        times: of the frames, `(frames,)`; the first may be 0.
        grid, fit: where the function is drawn, `(grid,)`, and its values, `(frames, grid)`.
        beta, mu, s: breakpoints, delta-slopes and orientations, `(frames, width)`.
        edges: both ends of every interval between data, with the two outer ones as far as the grid, `(ends,)`.
        psi: the drive there, right-facing and left-facing, `(frames, 2, ends)`: a line on each interval, in the units
            of the flow.
        zeros: where the drives change sign, between data and at them, `(frames, 2, places)`; NaN where not.
        signs: 1 where a drive goes from below 0 to above, which attracts breakpoints with mu > 0 and repels those with
            mu < 0; -1 the other way about, `(frames, 2, places)`. (beta' = -(v / w) psi.)
        loss: `(frames,)`.
        floor: the least possible loss.
        event_times, event_kinds: the events, places in `dynamics.KINDS`.
    """

    x: np.ndarray
    y: np.ndarray
    times: np.ndarray
    grid: np.ndarray
    fit: np.ndarray
    beta: np.ndarray
    mu: np.ndarray
    s: np.ndarray
    edges: np.ndarray
    psi: np.ndarray
    zeros: np.ndarray
    signs: np.ndarray
    loss: np.ndarray
    floor: float
    event_times: np.ndarray
    event_kinds: np.ndarray


def reel(
    sol: Solution,
    problem: Problem | Dataset,
    *,
    units: Units | None = None,
    points: tuple[Any, Any] | None = None,
    margin: float = 0.04,
    size: int = 601,
) -> Reel:
    """The arrays of a film, from a flow and what it learned.

    Args:
        sol: of one net, with `ts`, the times of the frames, and `events` if they are to be shown.
        problem: what the flow learned.
        units: the way back to the units to draw in, if the data were standardized.
        points: x and y to draw, if they are not those of the data.
        margin: how far to draw beyond the data, in parts of their range.
        size: points of the grid.

    Raises:
        ValueError: when the flow kept no nets.
    """
    data, (nets, times) = only_data(problem), _kept(sol)
    flow = sol.to_xarray(data, units=units)
    x, dtype = np.unique(np.asarray(data.x)), nets.b0.dtype
    reach = margin * (x[-1] - x[0]) or 1.0
    ends = np.concatenate([[x[0] - reach], x, [x[-1] + reach]])
    grid, edges = np.linspace(ends[0], ends[-1], size), np.repeat(ends, 2)[1:-1]
    middle = jnp.asarray((ends[1:] + ends[:-1]) / 2, dtype)
    fit = jax.vmap(lambda net: net(jnp.asarray(grid, dtype)))(nets)
    drives, zeros = jax.tree.map(
        np.asarray, jax.vmap(lambda net: (drive(net, data, middle), drive_zeros(net, data)))(nets)
    )
    right = _side(drives.right, drives.right_slope, zeros.right, zeros.right_jump, ends, data)
    left = _side(drives.left, drives.left_slope, zeros.left, zeros.left_jump, ends, data)
    psi, places, signs = (np.stack(part, axis=1) for part in zip(right, left, strict=True))
    if units is not None:
        grid, edges, places = (np.asarray(units.x(jnp.asarray(part))) for part in (grid, edges, places))
        fit = units.y(fit)
    shown = (flow.x, flow.y) if points is None else points
    when, kinds = np.zeros(0), np.zeros(0, int)
    if sol.events is not None:
        written = np.isfinite(np.asarray(sol.events.time))
        when, kinds = np.asarray(sol.events.time)[written], np.asarray(sol.events.kind)[written]
    return Reel(
        x=np.asarray(shown[0]), y=np.asarray(shown[1]), times=times, grid=grid, fit=np.asarray(fit),
        beta=flow.beta.values, mu=flow.mu.values, s=flow.s.values, edges=edges, psi=psi, zeros=places, signs=signs,
        loss=flow.loss.values, floor=flow.attrs["least_possible_loss"], event_times=when, event_kinds=kinds,
    )  # fmt: skip


def _side(
    value: np.ndarray, slope: np.ndarray, zero: np.ndarray, jump: np.ndarray, ends: np.ndarray, data: Dataset
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of one drive in every frame: its values at both ends of each interval, where its sign changes, and how."""
    half = np.diff(ends) / 2 * slope
    if zero.shape[-1] != slope.shape[-1]:  # between equal x there are no intervals, and no zeros
        slope = slope[:, np.searchsorted(ends[1:-1], np.append(np.asarray(data.x), np.inf))]
    return (
        np.stack([value - half, value + half], axis=-1).reshape(len(value), -1),
        np.concatenate([zero, np.where(jump == 0, np.nan, np.asarray(data.x))], axis=-1),
        np.concatenate([np.where(np.isfinite(zero), np.sign(slope), 0), jump], axis=-1),
    )


def _kept(sol: Solution) -> tuple[ReLUNet, np.ndarray]:
    if sol.nets is None or sol.ts is None or sol.ts.ndim != 1:
        raise ValueError("A film needs one flow with the nets on the way: give `ts` to jspline.flow.")
    return sol.nets, np.asarray(sol.ts)


def film_times(
    first: float,
    last: float,
    frames: int,
    *,
    events: Sequence[float] | np.ndarray = (),
    motion: tuple[np.ndarray, np.ndarray] | None = None,
    stills: Sequence[float] = (),
) -> np.ndarray:
    """Times of frames: 0, and then from `first` to `last`, such that things happen evenly.

    The clock is the mean of those of three that there are: log t, the share of the events that have happened, and the
    share of the way that the picture has moved. So a burst of events and a quick move run in slow motion, and no
    stretch of log t is left out.

    Args:
        first, last: of the times after 0.
        frames: how many times in all, at least 3.
        events: times of events; those outside are ignored.
        motion: increasing times, and how far the picture has moved by then, as `travelled` gives them.
        stills: times that have to be among them; each replaces the nearest in log t.

    Raises:
        ValueError: when 0 < first < last fails, there are too few frames, or a still is not from 0 to `last`.
    """
    if not 0 < first < last < np.inf:
        raise ValueError(f"The times of a film must satisfy 0 < first < last; got {first:g} and {last:g}.")
    extra = np.unique(np.asarray(stills, float))
    if np.any(~(extra >= 0)) or np.any(extra > last):
        raise ValueError(f"Stills must be at times from 0 to {last:g}; got {', '.join(f'{t:g}' for t in stills)}.")
    extra = extra[extra > 0]
    if frames < 3 + extra.size:
        raise ValueError(f"A film needs at least {3 + extra.size} frames; got {frames}.")
    begin = min([first, *extra])
    share = np.linspace(0, 1, frames - 1)
    when = np.asarray(events, float)
    when = np.unique(when[(when > begin) & (when < last)])
    # Events at one time, to rounding, are one: no two frames could tell them apart.
    when = when[np.diff(np.log(when), prepend=-np.inf) > 1e-9]
    knots = np.log(np.unique(np.concatenate([np.geomspace(begin, last, 2001)[1:-1], when, [begin, last]])))
    clocks = [knots]
    if when.size:
        # Even from one event to the next: a clock that stopped at each would stutter.
        ends = np.concatenate([knots[:1], np.log(when), knots[-1:]])
        clocks += [np.interp(knots, ends, [0, *range(1, when.size + 1), when.size])]
    if motion is not None:
        there = motion[0] > 0
        clocks += [np.interp(knots, np.log(motion[0][there]), motion[1][there])]
    ways = [(clock - clock[0]) / (clock[-1] - clock[0]) for clock in clocks if clock[-1] > clock[0]]
    times = np.exp(np.interp(share, np.mean(ways, axis=0), knots))
    times[0], times[-1] = begin, last
    # Each still takes the place of a time of its own, so none is lost and the order stays.
    taken = {0, frames - 2}
    for still in extra[(extra > begin) & (extra < last)]:
        order = np.argsort(np.abs(np.log(times) - np.log(still)))
        place = next(int(k) for k in order if int(k) not in taken)
        taken.add(place)
        times[place] = still
    times = np.sort(times)
    return np.concatenate([[0.0], times])


def first_change(sol: Solution, problem: Problem | Dataset) -> float:
    """The last of the times kept before anything is seen to move: the fit, or a breakpoint among the data.

    Raises `ValueError` when the flow kept no nets.
    """
    times, fit, beta = _picture(sol, only_data(problem))
    inside = (beta[0] > 0) & (beta[0] < 1)
    seen = np.concatenate([fit, beta[:, inside]], axis=1)
    moved = np.abs(seen - seen[0]).max(axis=1)
    place = int(np.argmax(moved > VISIBLE)) if np.any(moved > VISIBLE) else 1
    positive = times[max(place - 1, 0)] or times[times > 0][0]
    return float(positive)


def travelled(sol: Solution, problem: Problem | Dataset) -> tuple[np.ndarray, np.ndarray]:
    """The times kept, and the way the picture has moved by each: half by the function, half by breakpoints.

    Of the function it is the way of its fastest point, of the breakpoints the mean over those among the data.
    Raises `ValueError` when the flow kept no nets.
    """
    times, fit, beta = _picture(sol, only_data(problem))
    ways = np.abs(np.diff(fit, axis=0)).max(axis=1), np.abs(np.diff(beta.clip(0, 1), axis=0)).mean(axis=1)
    shares = [np.cumsum(way) / (way.sum() or 1.0) for way in ways]
    return times, np.concatenate([[0.0], sum(shares) / 2])


def _picture(sol: Solution, data: Dataset) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The times kept, the function among the data in parts of its height, the breakpoints in parts of their width."""
    nets, times = _kept(sol)
    low, high = data.x[0], data.x[-1]
    x = jnp.linspace(low, high, 65, dtype=data.x.dtype)
    fit, beta = jax.tree.map(np.asarray, jax.vmap(lambda net: (net(x), net.to_spline().beta))(nets))
    tall = max(np.ptp(np.asarray(data.y)), np.ptp(fit[0])) or 1.0
    return times, fit / tall, (beta - float(low)) / (float(high - low) or 1.0)
