"""`flow`: gradient flows of a grid of networks, through slots that are filled again as soon as their flow has ended."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jaxtyping import Array, PRNGKeyArray

from jspline.charts import ReLUNet
from jspline.datasets import Dataset
from jspline.dynamics import RESULT_NAMES, Running, Solution, advance, finish, result_codes, start
from jspline.ensemble._grid import Grid
from jspline.ensemble._run import Point, point_and_key, shapes
from jspline.ensemble._tile import Bound, fitting, key_data, placed, tiled, working_devices
from jspline.ensemble._work import Job, Progress, Work, fingerprint, jobs

STEPS = 10
"""Steps between two looks at which lanes have ended."""

REFILL = 1 / 8
"""Slots are filled again once so many of them are free: starting lanes costs about a step of all."""


def measure_end(sol: Solution) -> dict[str, Array]:
    """What `flow` keeps of each network unless it is told: time, loss, |grad| and the counts, but not the net."""
    return {"t": sol.t, "loss": sol.loss, "grad_norm": sol.grad_norm, **sol.stats}


def flow(
    make: Callable[[Point, PRNGKeyArray], tuple[ReLUNet, Dataset]],
    grid: Mapping[str, Any],
    measure: Callable[..., Mapping[str, Any]] = measure_end,
    *,
    key: PRNGKeyArray,
    out: str | Path | None = None,
    devices: Sequence[jax.Device] | None = None,
    tile: int | None = None,
    resume: bool = True,
    progress: Progress | None = None,
    max_steps: int = 10_000,
    **options: Any,
) -> xr.Dataset:
    """The exact gradient flow of every network of a grid, measured at its end, as a labelled array.

    Args:
        make: takes a point and a key, as in `run`, and gives a net and its data.
        grid, key, out, devices, tile, resume, progress: as in `run`. Widths and numbers of data are shapes, and those
            that differ are compiled apart (about 8 s each); they are not padded.
        measure: takes the `Solution` of one flow, and its data if it has a second argument, and gives a dictionary of
            arrays.
        max_steps: the most steps of a network.
        options: of `jspline.dynamics.start`: t1, rtol, atol, and so on.

    Returns:
        As `run`, and `result`, the names of how each flow ended.

    Under a plain `jax.vmap` every lane waits for the slowest. Here a device has a tile of slots; every few steps those
    whose flow has ended are measured and filled with the next lanes, and lanes of one point of the grid, alike in
    stiffness, are next to each other. Each lane keeps its column of the tile, so that its bits should not depend on
    what is in the other slots.

    Raises what `run` and `jspline.dynamics.start` raise.
    """
    devices, (data, impl) = working_devices(devices), key_data(key)
    whole = Grid(grid)
    groups = list(whole.groups())
    makes = [Bound(_made, (make, tuple(group.static.items()), impl)) for group in groups]
    begin = Bound(_begun, (tuple(sorted(options.items())),))
    lanes = [shapes(group, data) for group in groups]
    states = [
        jax.eval_shape(lambda lane, m=m: begin(m(lane), lane["live"]), lane)
        for m, lane in zip(makes, lanes, strict=True)
    ]
    end = Bound(_end, (measure,))
    outputs = [end.shape(state) for state in states]
    tiles = [tile or fitting(s, g.lanes, devices[0]) for s, g in zip(states, groups, strict=True)]
    programs = [m.program(lane) for m, lane in zip(makes, lanes, strict=True)]
    programs += [end.program(state) for state in states]
    manifest = {
        "kind": "flow",
        "grid": {**whole.axes, "inits": whole.inits},
        "key": [impl, *data.tolist()],
        "options": {name: repr(value) for name, value in options.items()},
        "max_steps": max_steps,
        "program": fingerprint(programs),
    }
    work = Work(whole, jobs(groups, tiles, outputs), manifest, devices[0], out, resume, progress)
    try:
        fill, go, harvest = (
            tiled(function, devices, flow=True) for function in (Bound(_filled, (begin,)), _advanced, end)
        )
        for job, each, one in zip(work.jobs, makes, states, strict=True):
            if len(todo := work.todo(job)):
                slots = Slots(job, tiled(each, devices), fill, go, harvest, data, devices, one)
                slots.drain(work, todo, max_steps)
        return work.dataset(_named)
    finally:
        work.close()


class Slots:
    """Running flows of a group, a tile of them on each device, and the compiled functions that they go through."""

    def __init__(
        self,
        job: Job,
        make: Callable,
        fill: Callable,
        go: Callable,
        harvest: Callable,
        key: np.ndarray,
        devices: tuple[jax.Device, ...],
        one: Running,
    ):
        self.job, self.make, self.fill, self.go, self.harvest, self.key = job, make, fill, go, harvest, key
        self.held = np.full((len(devices), job.tile), -1)
        # Placed as it will come back: or everything would be compiled once more for what it has become.
        zeros = jax.tree.map(lambda leaf: np.zeros((*self.held.shape, *leaf.shape), leaf.dtype), one)
        self.state = placed(zeros, devices)

    def drain(self, work: Work, todo: np.ndarray, max_steps: int) -> None:
        """Do these lanes: fill slots, advance, measure those that have ended, until there are no more."""
        limit = np.full(self.held.shape, max_steps, np.int32)
        # A lane has its column of the tile, on whichever device: a compiled loop rounds differently at its end, where
        # what is left over does not fill a vector.
        columns = [list(todo[todo % self.job.tile == column][::-1]) for column in range(self.job.tile)]
        running, empty = 0, True
        while running or any(columns):
            free = self.held < 0
            if any(columns[column] for column in np.flatnonzero(free.any(axis=0))) or empty:
                empty = False
                for device, column in np.argwhere(free):
                    if columns[column]:
                        self.held[device, column] = columns[column].pop()
                lane = self.job.group.lane(self.held, self.key)
                self.state = self.fill(self.state, self.make(lane), lane["live"], free)
            while True:
                self.state = self.go(self.state, limit)
                ended = np.asarray(self.state.done) | (np.asarray(self.state.stats["num_steps"]) >= max_steps)
                ended &= self.held >= 0
                running = int(np.sum((self.held >= 0) & ~ended))
                if running == 0 or ended.sum() >= REFILL * ended.size:
                    break
            values = jax.device_get(self.harvest(self.state))
            lanes = self.held[ended]
            self.held[ended] = -1
            work.put(self.job, lanes, {name: value[ended] for name, value in values.items()})


def _made(make: Callable, static: tuple, impl: str, lane: dict[str, Any]) -> tuple[ReLUNet, Dataset]:
    return make(*point_and_key(static, impl, lane))


def _begun(options: tuple, problem: tuple[ReLUNet, Dataset], live: Array) -> Running:
    state = start(*problem, **dict(options))
    # An empty slot has ended before it began.
    return eqx.tree_at(lambda s: s.done, state, state.done | ~live)


def _filled(begin: Callable, state: Running, problem: tuple[ReLUNet, Dataset], live: Array, fresh: Array) -> Running:
    return jax.tree.map(lambda new, old: jnp.where(fresh, new, old), begin(problem, live), state)


def _advanced(state: Running, max_steps: Array) -> Running:
    return advance(state, jnp.clip(max_steps - state.stats["num_steps"], 0, STEPS))


def _end(measure: Callable, state: Running) -> dict[str, Array]:
    solution = finish(state)
    known = (solution, state.data)[: len(inspect.signature(measure).parameters)]
    return {"result": result_codes(solution.result)} | {k: jnp.asarray(v) for k, v in measure(*known).items()}


def _named(dataset: xr.Dataset) -> xr.Dataset:
    """Names in place of the codes of results; an empty one where there is none."""
    names = np.array([*RESULT_NAMES, ""])
    return dataset.assign(result=(dataset.result.dims, names[dataset.result.values].astype(str)))
