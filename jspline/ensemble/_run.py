"""`run`: a function of a point and a key, at every point of a grid, for many keys."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jax.extend.core import ClosedJaxpr
from jaxtyping import PRNGKeyArray

from jspline.ensemble._grid import Grid, Group
from jspline.ensemble._tile import Bound, chosen, key_data, tiled, working_devices
from jspline.ensemble._work import Progress, Work, jobs

Point = dict[str, Any]


def run(
    fn: Callable[[Point, PRNGKeyArray], Mapping[str, Any]],
    grid: Mapping[str, Any],
    *,
    key: PRNGKeyArray,
    out: str | Path | None = None,
    devices: Sequence[jax.Device] | None = None,
    tile: int | None = None,
    resume: bool = True,
    progress: Progress | None = None,
) -> xr.Dataset:
    """`fn` for every network of a grid, as a labelled array.

    Args:
        fn: takes a point, a dictionary with a value for each axis of the grid, and a key; gives a dictionary of arrays.
            In the point floats are traced; whole numbers and strings are static, and compile once per value. A list
            with any float in it is of floats.
        grid: the values of each axis, a list or an array, and "inits", the number of networks at each point:
            `{"alpha": [0.1, 1.0], "width": [30, 100], "inits": 1000}`.
        key: Network i has `fold_in(key, i)`, the same at every point: comparisons are paired, and a longer
            grid changes nothing.
        out: a folder in which to keep what is finished, chunk by chunk. A run that died, at whatever moment, goes on
            from there when it is called again, and ends with the same bits. The merged result is in `ensemble.nc`.
            The folder knows its run by the traced programs, with all numbers that they hold, and by all arguments.
        devices: all of this process by default, or JAX's default device if one is set. Their number changes no bits.
        tile: lanes that a device computes at once. By default what fits the cache of a CPU or an eighth of the memory
            of another device. Another tile may round differently.
        resume: False refuses a folder that holds this very run already.
        progress: called with the lanes done, all lanes, and the values of the last ones; first before the work, when
            nothing is refused any more, with those that were there and no values.

    Returns:
        A dataset whose dimensions are the axes of the grid in order, then `inits`, then those of `fn`'s arrays, named
        after them (`beta_0`). Where a static value changes their shapes they are padded at the end, with NaN, -1 or
        False. With several processes (`jax.distributed`) each does its share of the chunks, and only the one that finds
        all of them done returns and merges everything; the attribute `lanes_done` says how many are in it.

    Raises:
        ValueError: for a grid that is none, names that are both of an axis and of what `fn` gives, a folder that holds
            another run (with the difference) or chunks of another or damaged ones, or no folder, where several
            processes could not meet without one. All of it before the first network.
        OSError: for a folder that cannot be written to or is in use; what is finished is kept.
        TypeError: for what is no key, or something in the program that cannot be known again, such as a lock.
    """
    devices, (data, impl) = working_devices(devices), key_data(key)
    whole = Grid(grid)
    groups = list(whole.groups())
    programs = [Bound(_one, (fn, tuple(group.static.items()), impl)) for group in groups]
    lanes = [shapes(group, data) for group in groups]
    traced = [program.program(lane) for program, lane in zip(programs, lanes, strict=True)]
    sizes = [_largest(each.program) for each in traced]
    tiles = [chosen(tile, size, group.lanes, devices[0]) for size, group in zip(sizes, groups, strict=True)]
    manifest = {"kind": "run", "key": [impl, *data.tolist()], "program": [each.program for each in traced]}
    made = jobs(groups, tiles, [each.outputs for each in traced])
    work = Work(whole, made, manifest, devices[0], out, resume, progress)
    try:
        work.announce()
        for job, program, each in zip(work.jobs, programs, traced, strict=True):
            compute = tiled(program, devices, traced=each)
            todo = work.todo(job)
            for begin in range(0, len(todo), len(devices) * job.tile):
                slots = padded(todo[begin : begin + len(devices) * job.tile], len(devices), job.tile)
                values = jax.device_get(compute(job.group.lane(slots, data)))
                there = slots >= 0
                work.put(job, slots[there], {name: value[there] for name, value in values.items()})
        return work.dataset()
    finally:
        work.close()


def _one(fn: Callable, static: tuple, impl: str, lane: dict[str, Any]) -> dict[str, Any]:
    return {name: jnp.asarray(value) for name, value in fn(*point_and_key(static, impl, lane)).items()}


def point_and_key(static: tuple, impl: str, lane: dict[str, Any]) -> tuple[Point, PRNGKeyArray]:
    """The point and the key of a lane."""
    key = jax.random.fold_in(jax.random.wrap_key_data(lane["key"], impl=impl), lane["init"])
    return {**dict(static), **lane["floats"]}, key


def shapes(group: Group, data: np.ndarray) -> Any:
    """A lane of the group, as shapes and dtypes."""
    lane = group.lane(np.zeros((), int), data)
    return jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(np.shape(leaf), jnp.asarray(leaf).dtype), lane)


def padded(lanes: np.ndarray, devices: int, tile: int) -> np.ndarray:
    """The lanes as (devices, tile), with -1 where there are none."""
    full = np.full(devices * tile, -1)
    full[: len(lanes)] = lanes
    return full.reshape(devices, tile)


def _largest(program: ClosedJaxpr) -> list[Any]:
    """The shapes that the most demanding operation of a program reads and writes."""
    equations = program.jaxpr.eqns
    steps = [[v.aval for v in (*e.invars, *e.outvars) if hasattr(v.aval, "shape")] for e in equations]
    plain = [[a for a in step if not jax.dtypes.issubdtype(a.dtype, jax.dtypes.extended)] for step in steps]
    return max(plain, key=lambda step: sum(a.size * a.dtype.itemsize for a in step), default=[])
