"""The flow behind the explorer: compiled once, for shapes that hold every width and every number of points."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jspline import flow, landscape, loss, ntk
from jspline.charts import ReLUNet
from jspline.cli._explore_state import State
from jspline.cli._problem import CODES, choose_law, drawn, learned
from jspline.datasets import Dataset, Units
from jspline.problem import pad

TIMES, END, RTOL = 100, 1000.0, 1e-4
"""Times after 0 that are kept, the last of them, and the tolerance."""

GRID = 401


class Run(NamedTuple):
    """A flow in the units of the page, on the host; arrays begin with the times."""

    times: np.ndarray
    loss: np.ndarray
    grid: np.ndarray
    fit: np.ndarray
    beta: np.ndarray
    mu: np.ndarray
    s: np.ndarray
    steps: int
    warning: str
    nets: ReLUNet
    data: Dataset
    units: Units
    points: int


class View(NamedTuple):
    """What is computed for one time and one neuron only."""

    psi: np.ndarray  # (2, ends)
    slice: np.ndarray  # (grid,)
    at_knots: np.ndarray
    slice_types: np.ndarray
    flow_types: np.ndarray
    eigenvalues: np.ndarray


class Solver:
    """Solves and looks, for nets padded by dead neurons to `width` and data padded by weights of 0 to `points`."""

    def __init__(self, width: int, points: int):
        self.width, self.points = width, points
        self.times = np.concatenate([[0.0], np.geomspace(1e-4, END, TIMES)])
        self._look, self._evaluate = jax.jit(_look), jax.jit(_evaluate)

    def run(self, x: np.ndarray, y: np.ndarray, state: State) -> Run:
        """The flow of the state's network on these points.

        Raises:
            ValueError: when all x are equal.
        """
        merged, units = learned(Dataset(x, y))
        law = choose_law(state.init, state.width, merged)
        net = drawn(law, state.width, state.alpha, state.seed)
        net, problem = pad(net, merged, width=self.width, size=self.points)
        data = problem.data
        sol = flow(net, data, END, rtol=RTOL, atol=1e-3 * RTOL, ts=self.times, max_steps=3000)
        margin = 0.05 * (merged.x[-1] - merged.x[0])
        grid = jnp.linspace(merged.x[0] - margin, merged.x[-1] + margin, GRID)
        assert sol.nets is not None
        losses, fit, spline = jax.tree.map(np.asarray, self._evaluate(sol.nets, data, units, grid))
        beta, mu, s = (part[:, : state.width] for part in spline)
        warning = "" if sol.result == CODES.end_time else CODES[sol.result]
        steps, on = int(sol.stats["num_steps"]), np.asarray(units.x(grid))
        return Run(self.times, losses, on, fit, beta, mu, s, steps, warning, sol.nets, data, units, merged.size)

    def look(self, run: Run, k: int, neuron: int) -> View:
        """The drive, the slice along one neuron's breakpoint with its knots, and the spectrum, at time k."""
        grid = (jnp.asarray(run.grid) - run.units.x_mean) / run.units.x_scale
        seen = self._look(run.nets, run.data, jnp.asarray(k, jnp.int32), jnp.asarray(neuron, jnp.int32), grid)
        psi, values, at, kinds, flows, eigenvalues = (np.asarray(part) for part in seen)
        n = run.points
        # The padding lies at the last datum: its intervals are empty.
        ends = np.r_[0 : 2 * n, 2 * self.points : 2 * self.points + 2]
        return View(psi[:, ends], values, at[:n], kinds[:n], flows[:n], eigenvalues[::-1][:n])


def edges(run: Run) -> np.ndarray:
    """Both ends of every interval between data, in the units of the page."""
    x = np.asarray(run.units.x(run.data.x[: run.points]))
    return np.repeat(np.concatenate([run.grid[:1], x, run.grid[-1:]]), 2)[1:-1]


def _evaluate(nets: ReLUNet, data: Dataset, units: Units, grid: jax.Array) -> Any:
    def one(net: ReLUNet) -> Any:
        spline = units.restore(net).to_spline()
        return loss(net, data), units.y(net(grid)), (spline.beta, spline.mu, spline.s)

    return jax.vmap(one)(nets)


def _look(nets: ReLUNet, data: Dataset, k: jax.Array, neuron: jax.Array, grid: jax.Array) -> Any:
    net = jax.tree.map(lambda leaf: leaf[k], nets)
    ends = jnp.concatenate([grid[:1], data.x, grid[-1:]])
    drives = landscape.drive(net, data, (ends[1:] + ends[:-1]) / 2)
    half = jnp.diff(ends) / 2
    psi = [
        jnp.stack([value - half * slope, value + half * slope], axis=-1).ravel()
        for value, slope in ((drives.right, drives.right_slope), (drives.left, drives.left_slope))
    ]
    along = landscape.slice_breakpoint(net, data, neuron)
    knots = landscape.classify_knots(net, data, neuron)
    root = jnp.sqrt(data.weight)
    eigenvalues = jnp.linalg.eigvalsh(root[:, None] * ntk(net, data.x) * root[None])
    return jnp.stack(psi), along(grid), along(data.x), knots.slice, knots.flow, eigenvalues
