"""`flow`: gradient flows of a grid of networks, through slots that are filled again as soon as their flow has ended."""

import functools
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
from jspline.ensemble._run import Point, padded, point_and_key, shapes
from jspline.ensemble._tile import chosen, fitting, key_data, tiled
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
    measure: Callable[[Solution], Mapping[str, Any]] = measure_end,
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
        measure: takes the `Solution` of one flow and gives a dictionary of arrays.
        max_steps: the most steps of a network.
        options: of `jspline.dynamics.start`: t1, rtol, atol, and so on.

    Returns:
        As `run`, and `result`, the names of how each flow ended.

    Under a plain `jax.vmap` every lane waits for the slowest. Here a device has a tile of slots; every few steps those
    whose flow has ended are measured and filled with the next lanes, and lanes of one point of the grid, alike in
    stiffness, are next to each other. Each lane's bits are the same whatever is in the other slots.

    Raises what `run` and `jspline.dynamics.start` raise.
    """
    devices, (data, impl) = chosen(devices), key_data(key)
    whole = Grid(grid)
    groups = list(whole.groups())
    frozen = tuple(sorted(options.items()))
    starts = [functools.partial(_start, make, tuple(group.static.items()), impl, frozen) for group in groups]
    states = [jax.eval_shape(begin, shapes(group, data)) for begin, group in zip(starts, groups, strict=True)]
    end = functools.partial(_end, measure)
    outputs = [jax.eval_shape(end, state) for state in states]
    tiles = [tile or fitting(s, g.lanes, devices[0]) for s, g in zip(states, groups, strict=True)]
    programs = [jax.make_jaxpr(begin)(shapes(group, data)) for begin, group in zip(starts, groups, strict=True)]
    programs += [jax.make_jaxpr(end)(state) for state in states]
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
        for job, begin in zip(work.jobs, starts, strict=True):
            _drain(work, job, begin, end, data, devices, max_steps)
        return work.dataset(_named)
    finally:
        work.close()


def _drain(
    work: Work, job: Job, begin: Callable, end: Callable, key: np.ndarray, devices: tuple, max_steps: int
) -> None:
    """Do what this process has to do of a group: fill slots, advance them, measure those that have ended."""
    todo = work.todo(job)
    if len(todo) == 0:
        return
    fill, go, harvest = (tiled(f, devices) for f in (_refill(begin), _advance, end))
    slots = padded(todo[:0], len(devices), job.tile)
    limit = np.full(slots.shape, max_steps, np.int32)
    one = jax.eval_shape(begin, shapes(job.group, key))
    state = jax.tree.map(lambda leaf: np.zeros((*slots.shape, *leaf.shape), leaf.dtype), one)
    while True:
        free = slots < 0
        if free.any() and (len(todo) or free.all()):
            taken = np.flatnonzero(free)[: len(todo)]
            slots.flat[taken], todo = todo[: len(taken)], todo[len(taken) :]
            state = fill(state, job.group.lane(slots, key), free)
        while True:
            state = go(state, limit)
            ended = np.asarray(state.done) | (np.asarray(state.stats["num_steps"]) >= max_steps)
            ended &= slots >= 0
            running = int(np.sum((slots >= 0) & ~ended))
            if running == 0 or (ended.any() and ended.sum() >= REFILL * ended.size):
                break
        values = jax.device_get(harvest(state))
        work.put(job, slots[ended], {name: value[ended] for name, value in values.items()})
        slots[ended] = -1
        if running == 0 and len(todo) == 0:
            return


def _start(make: Callable, static: tuple, impl: str, options: tuple, lane: dict[str, Any]) -> Running:
    net, data = make(*point_and_key(static, impl, lane))
    state = start(net, data, **dict(options))
    # An empty slot has ended before it began.
    return eqx.tree_at(lambda s: s.done, state, state.done | ~lane["live"])


@functools.lru_cache(maxsize=32)
def _refill(begin: Callable) -> Callable:
    def refill(state: Running, lane: dict[str, Any], fresh: Array) -> Running:
        return jax.tree.map(lambda new, old: jnp.where(fresh, new, old), begin(lane), state)

    return refill


def _advance(state: Running, max_steps: Array) -> Running:
    return advance(state, jnp.clip(max_steps - state.stats["num_steps"], 0, STEPS))


def _end(measure: Callable, state: Running) -> dict[str, Array]:
    solution = finish(state)
    return {"result": result_codes(solution.result)} | {k: jnp.asarray(v) for k, v in measure(solution).items()}


def _named(dataset: xr.Dataset) -> xr.Dataset:
    """Names in place of the codes of results; an empty one where there is none."""
    names = np.array([*RESULT_NAMES, ""])
    return dataset.assign(result=(dataset.result.dims, names[dataset.result.values].astype(str)))
