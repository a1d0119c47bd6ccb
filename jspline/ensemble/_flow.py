"""`flow`: gradient flows of a grid of networks, through slots that are filled again as soon as their flow has ended."""

import inspect
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jaxtyping import Array, PRNGKeyArray

from jspline._checks import check_whole
from jspline.charts import ReLUNet
from jspline.datasets import Dataset
from jspline.dynamics import RESULT_NAMES, Running, Solution, advance, finish, result_codes, start
from jspline.ensemble._grid import Grid
from jspline.ensemble._run import Point, point_and_key, shapes
from jspline.ensemble._tile import (
    Bound,
    Traced,
    chosen,
    key_data,
    placed,
    programs_at_once,
    side_by_side,
    tiled,
    working_devices,
)
from jspline.ensemble._work import Job, Progress, Work, jobs
from jspline.problem import Problem

STEPS = 10
"""Steps between two looks at which lanes have ended."""

REFILL = 1 / 8
"""Slots are filled again once so many of them are free: starting lanes costs about a step of all."""

Posed = tuple[ReLUNet, Problem | Dataset]


def measure_end(sol: Solution) -> dict[str, Array]:
    """What `flow` keeps of each network unless it is told: time, loss, |grad| and the counts, but not the net."""
    return {"t": sol.t, "loss": sol.loss, "grad_norm": sol.grad_norm, **sol.stats}


def flow(
    make: Callable[[Point, PRNGKeyArray], Posed],
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
        make: takes a point and a key, as in `run`, and gives a net and its data, or the `Problem` that
            is to be solved.
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
    check_whole(max_steps=max_steps)
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
    ends = [end.program(state) for state in states]
    tiles = [chosen(tile, s, g.lanes, devices[0]) for s, g in zip(states, groups, strict=True)]
    starts = [m.program(lane) for m, lane in zip(makes, lanes, strict=True)]
    manifest = {
        "kind": "flow",
        "key": [impl, *data.tolist()],
        "options": options,
        "max_steps": max_steps,
        "program": [each.program for each in (*starts, *ends)],
    }
    made = jobs(groups, tiles, [each.outputs for each in ends])
    work = Work(whole, made, manifest, devices[0], out, resume, progress, _named)
    try:
        work.announce()
        for job, make_one, first, last, one in zip(work.jobs, makes, starts, ends, states, strict=True):
            if len(todo := work.todo(job)):
                queue = Queue(work, job, todo, max_steps)
                functions = (make_one, first), (Bound(_filled, (begin,)), None), (_advanced, None), (end, last)
                slots = [Slots(queue, functions, data, part, one) for part in _apart(devices)]
                side_by_side(partial(Slots.drain, queue=queue), slots, devices[0], stop=queue.stop)
        return work.dataset()
    finally:
        work.close()


def _apart(devices: tuple[jax.Device, ...]) -> list[tuple[jax.Device, ...]]:
    """The devices that go on in step with each other: on a CPU each by itself, so that none waits for another.

    On a GPU all of them: a program is compiled once for all, which takes long there.
    """
    if devices[0].platform != "cpu":
        return [devices]
    return [(device,) for device in devices[: programs_at_once(devices[0])]]


class Queue:
    """The lanes of a group that wait, and what becomes of those that have ended. Threads share it."""

    def __init__(self, work: Work, job: Job, todo: np.ndarray, max_steps: int):
        self.work, self.job, self.max_steps = work, job, max_steps
        self.lock, self.stopped = threading.Lock(), False
        # A lane has its column of the tile, on whichever device: a compiled loop rounds differently at its end, where
        # what is left over does not fill a vector.
        self.columns = [list(todo[todo % job.tile == column][::-1]) for column in range(job.tile)]

    def stop(self) -> None:
        """Nothing more is handed out, and those that run are left."""
        self.stopped = True

    def take(self, held: np.ndarray) -> bool:
        """Put lanes that wait into the free slots of `held`, `(devices, tile)`; whether there were any."""
        taken = False
        with self.lock:
            for device, column in np.argwhere(held < 0):
                if self.columns[column]:
                    held[device, column] = self.columns[column].pop()
                    taken = True
        return taken

    def put(self, lanes: np.ndarray, values: Mapping[str, np.ndarray]) -> None:
        """Keep what these lanes gave."""
        with self.lock:
            self.work.put(self.job, lanes, values)


class Slots:
    """Running flows of a group, a tile of them on each device, and the compiled functions that they go through."""

    def __init__(
        self,
        queue: Queue,
        functions: tuple[tuple[Callable, Traced | None], ...],
        key: np.ndarray,
        devices: tuple[jax.Device, ...],
        one: Running,
    ):
        (make, traced), *others = functions
        self.make = tiled(make, devices, traced=traced)
        self.fill, self.go, self.harvest = (tiled(f, devices, flow=True, traced=traced) for f, traced in others)
        self.group, self.key = queue.job.group, key
        self.held = np.full((len(devices), queue.job.tile), -1)
        # Placed as it will come back: or everything would be compiled once more for what it has become.
        zeros = jax.tree.map(lambda leaf: np.zeros((*self.held.shape, *leaf.shape), leaf.dtype), one)
        self.state = placed(zeros, devices)

    def drain(self, queue: Queue) -> None:
        """Fill slots, advance, measure those that have ended, until no lanes are left."""
        limit = np.full(self.held.shape, queue.max_steps, np.int32)
        while True:
            free = self.held < 0
            if queue.take(self.held):
                lane = self.group.lane(self.held, self.key)
                self.state = self.fill(self.state, self.make(lane), lane["live"], free)
            running = self.held >= 0
            if not running.any():
                return
            while True:
                self.state = self.go(self.state, limit)
                ended = np.asarray(self.state.done) | (np.asarray(self.state.stats["num_steps"]) >= queue.max_steps)
                ended &= running
                if queue.stopped:
                    return
                if ended.sum() >= min(REFILL * ended.size, running.sum()):
                    break
            values = jax.device_get(self.harvest(self.state))
            lanes = self.held[ended]
            self.held[ended] = -1
            queue.put(lanes, {name: value[ended] for name, value in values.items()})


def _made(make: Callable, static: tuple, impl: str, lane: dict[str, Any]) -> Posed:
    return make(*point_and_key(static, impl, lane))


def _begun(options: tuple, problem: Posed, live: Array) -> Running:
    state = start(*problem, **dict(options))
    # An empty slot has ended before it began.
    return eqx.tree_at(lambda s: s.done, state, state.done | ~live)


def _filled(begin: Callable, state: Running, problem: Posed, live: Array, fresh: Array) -> Running:
    return jax.tree.map(lambda new, old: jnp.where(fresh, new, old), begin(problem, live), state)


def _advanced(state: Running, max_steps: Array) -> Running:
    return advance(state, jnp.clip(max_steps - state.stats["num_steps"], 0, STEPS))


def _end(measure: Callable, state: Running) -> dict[str, Array]:
    solution = finish(state)
    known = (solution, state.data)[: len(inspect.signature(measure).parameters)]
    measured = {name: jnp.asarray(value) for name, value in measure(*known).items()}
    if "result" in measured:
        raise ValueError("`result` is how a flow ended, and always there; give what is measured another name.")
    return {"result": result_codes(solution.result), **measured}


def _named(dataset: xr.Dataset) -> xr.Dataset:
    """Names in place of the codes of results; an empty one where there is none."""
    names = np.array([*RESULT_NAMES, ""])
    return dataset.assign(result=(dataset.result.dims, names[dataset.result.values].astype(str)))
