"""`jspline.meanfield.flow`: nodes where they are needed, and the exact flow on them, until fits agree.

Theory: docs/theory.md 13.2.
"""

from collections.abc import Callable
from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from jspline._checks import Reals, check_positive, check_scalar, check_times, check_whole, on_host
from jspline.charts import ReLUNet
from jspline.datasets import Dataset
from jspline.init import Law
from jspline.meanfield._limit import MeanField
from jspline.meanfield._nodes import Nodes, as_net, nodes
from jspline.meanfield._refine import refined
from jspline.meanfield._run import fit, row, run
from jspline.problem import Problem, plain_problem

FIRST = 128
"""Nodes to begin with: half of the smallest shape."""
GRID = 257
"""Points at which fits are compared, over twice the range of the data."""

ROUNDING = 1e-13
"""Of the terms that a fit is a sum of: a difference that is no larger is none."""
NOTHING = 1e-2
"""A fit is as good as 0 if it is smaller than this share of the largest one: as at the start of balanced laws."""


@on_host
def flow(
    law: Law | Callable,
    problem: Problem | Dataset,
    t1: ArrayLike,
    *,
    rtol: ArrayLike,
    atol: ArrayLike,
    tol: ArrayLike,
    ts: Reals | None = None,
    max_nodes: int = 4096,
) -> MeanField:
    """Gradient flow of an infinitely wide network: the exact flow of nodes, refined until fits agree to `tol`.

    Time is that of `jspline.flow` for weights of size 1 / sqrt(width).

    Args:
        law: where neurons start, in units of mean field: see `nodes`.
        problem: what to fit: data, or a `Problem` of square loss without decay.
        t1: the end time, finite.
        rtol, atol: of the flow of the nodes, as for `jspline.flow`; the absolute one is for the law as one neuron.
        tol: the largest relative difference between the fits of three refinements in a row, root mean square over twice
            the range of the data, at every time kept.
        ts: increasing times in [0, t1] at which to keep the nodes, `(times,)`, beside t1; by default 0 and t1 over 64,
            16 and 4.
        max_nodes: the most nodes to try.

    Returns:
        A `MeanField`. Look at its `result`: running out of nodes or steps does not raise.

    Raises:
        ValueError: for an argument out of range, a law without a limit of mean field, data in single precision, of
            which the angles of cells have nothing left, and traced arguments.

    Numerical caveats: fixed nodes are of order 1 only, since the field jumps, and where a neuron goes to jumps with its
    label. For a balanced law, whose labels lie on a circle, refinement closes in on the jumps, and is of order 2; for
    others, on a sphere, nodes are doubled. `error` is the larger difference of the last three fits, which is an
    estimate and no bound: what a few neurons do may be met late. Runs on the host, with programs for 256, 1,024 and
    4,096 nodes.

    Theory: docs/theory.md 13.1, 13.2.
    """
    problem = plain_problem(problem)
    if problem.data.x.dtype != np.float64:
        raise ValueError(
            "Infinite width takes float64 data: jax.config.update('jax_enable_x64', True) before they are made."
        )
    check_scalar(t1=t1, rtol=rtol, atol=atol, tol=tol)
    check_positive(t1=t1, rtol=rtol, atol=atol, tol=tol)
    check_whole(max_nodes=max_nodes)
    end, relative, absolute, most = (float(np.asarray(each)) for each in (t1, rtol, atol, tol))
    kept = _times(ts, end, problem)
    looked_at = np.unique(np.concatenate([kept, end / 4.0 ** np.arange(4)]))
    x = np.asarray(problem.data.x, float)
    low, high = 1.5 * x[0] - 0.5 * x[-1], 1.5 * x[-1] - 0.5 * x[0]
    grid, points = np.linspace(low, high, GRID), np.concatenate([x, [low, high]])

    now = _first(law, problem, max_nodes)
    fits: list[np.ndarray] = []
    while True:
        nets, result = run(now.net, problem, looked_at, relative, absolute)
        fits = [*fits[-2:], fit(nets, grid)[looked_at > 0]]
        rounding = ROUNDING * fit(jax.tree.map(np.abs, nets), np.abs(grid))[looked_at > 0]
        error = _error(fits, rounding)
        if result != "end_time" or error <= most:
            break
        finer = _finer(law, problem, now, nets, points, max_nodes)
        if finer.net.width > max_nodes or finer.net.width == now.net.width:
            break
        now = finer
    if result == "end_time":
        result = "converged" if error <= most else "out_of_nodes"
    at = np.searchsorted(looked_at, kept)
    nets = jax.tree.map(jnp.asarray, row(nets, at))
    return MeanField(law, problem, now, kept, nets, error, result, relative, absolute)


def _times(ts: Reals | None, end: float, problem: Problem) -> np.ndarray:
    """The times to keep, and the end."""
    if ts is None:
        return end * np.array([0, 1 / 64, 1 / 16, 1 / 4, 1])
    check_times(problem.data.x, ts, end)
    times = np.asarray(ts, float)
    if times.size == 0:
        raise ValueError("`ts` must be a vector of times; got none.")
    return np.append(times[times < end], end)


def _first(law: Law | Callable, problem: Problem, max_nodes: int) -> Nodes:
    """As many nodes as there are to be at first, or as few as there can be."""
    count = min(FIRST, max_nodes)
    while True:
        first = nodes(law, problem, count)
        if first.net.width <= max_nodes:
            return first
        if count == 1:
            raise ValueError(
                f"`max_nodes` must be at least {first.net.width}: one for each sign and stretch between data."
            )
        count = max(1, count // 2)


def _error(fits: list[np.ndarray], rounding: np.ndarray) -> float:
    """The larger of the differences between three fits in a row, since one may be small by luck; infinite for fewer."""
    if len(fits) < 3:
        return np.inf
    size, least = np.linalg.norm(fits[-1], axis=1), np.linalg.norm(rounding, axis=1)
    size = np.maximum(size, NOTHING * size.max())
    apart = np.max([np.linalg.norm(new - old, axis=1) for old, new in pairwise(fits)], axis=0)
    apart = np.where(apart > least, apart, 0)
    return float(np.max(apart / np.where(apart > 0, size, 1)))


def _finer(
    law: Law | Callable, problem: Problem, now: Nodes, nets: ReLUNet, points: np.ndarray, max_nodes: int
) -> Nodes:
    """More nodes: on a circle where they are missing, on a sphere twice as many.

    On a sphere labels jump along lines, and cells that follow them would be most of what there is: not better than an
    even grid, and their differences say less.
    """
    if now.labels.rule is not None:
        return nodes(law, problem, 2 * now.net.width)
    # What a unit of mass adds to the fit.
    units = np.maximum(nets.w[..., None] * points + nets.b[..., None], 0) * nets.v[..., None]
    profiles = np.moveaxis(units, 1, 0).reshape(now.net.width, -1) / now.cells.mass[:, None]
    cells = refined(now.cells, now.cuts, profiles, max_nodes)
    return now._replace(cells=cells, net=as_net(now.labels, cells, problem.data))
