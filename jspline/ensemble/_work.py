"""The lanes of a run cut into chunks, shared between processes, and put together again."""

import math
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np
import xarray as xr

from jspline._checks import check_memory, given
from jspline._files import whole
from jspline.ensemble._grid import INITS, Grid, Group
from jspline.ensemble._store import MERGED, Store, surroundings

TILES = 4
"""Tiles of a chunk: what is kept, and what can be lost, at once."""

NOTHING: dict[str, Any] = {"f": np.nan, "c": np.nan, "i": -1, "u": 0, "b": False}
"""What stands where a network gave nothing, by the kind of its dtype."""

Progress = Callable[[int, int, dict[str, np.ndarray]], None]
"""Called with the lanes done, all lanes, and what the last of them gave; first, before the work, without values."""


class Job:
    """A group with its tile, and where its chunks are among those of the run."""

    def __init__(self, group: Group, tile: int, first_chunk: int, outputs: dict[str, jax.ShapeDtypeStruct]):
        self.group, self.tile, self.first_chunk, self.outputs = group, tile, first_chunk, outputs
        self.chunk = TILES * tile
        self.chunks = range(first_chunk, first_chunk + -(-group.lanes // self.chunk))

    def lanes(self, chunk: int) -> range:
        """The lanes of a chunk."""
        begin = (chunk - self.first_chunk) * self.chunk
        return range(begin, min(begin + self.chunk, self.group.lanes))

    def fits(self, chunk: int, arrays: Mapping[str, np.ndarray]) -> bool:
        """Whether these can be the results of a chunk, by names, shapes and dtypes."""
        lanes = len(self.lanes(chunk))
        found = {name: (array.shape, array.dtype) for name, array in arrays.items()}
        return found == {name: ((lanes, *one.shape), one.dtype) for name, one in self.outputs.items()}


class Work:
    """What a run has to do, what it has done, and the labelled result.

    Chunks are shared out between the processes of JAX's own runtime, each by itself: there is no communication. A
    process leaves alone what is finished already, whoever did it.
    """

    def __init__(
        self,
        grid: Grid,
        jobs: list[Job],
        manifest: Mapping[str, Any],
        device: jax.Device,
        out: str | Path | None,
        resume: bool,
        progress: Progress | None,
        finish: Callable[[xr.Dataset], xr.Dataset] = lambda dataset: dataset,
    ):
        self.grid, self.jobs, self.progress, self.finish = grid, jobs, progress, finish
        self.chunks: dict[int, dict[str, np.ndarray]] = {}
        self.store = None
        largest = max(sum(math.prod(o.shape) * o.dtype.itemsize for o in job.outputs.values()) for job in jobs)
        check_memory(f"What is kept of {grid.lanes:,} networks", grid.lanes * largest, "take fewer, or keep less")
        self.empty = _empty(grid, jobs)
        if out is not None:
            axes = {"grid": {**grid.axes, INITS: grid.inits}, "axes": list(grid.axes)}
            manifest = {**axes, **manifest, "tiles": [job.tile for job in jobs], "tiles_of_a_chunk": TILES}
            self.store = Store(Path(out), {**manifest, **surroundings(device)}, resume=resume, check=self._fits)
            try:
                self._rehearse(self.store.folder)
            except BaseException:
                self.close()
                raise
        elif jax.process_count() > 1:
            raise ValueError("Several processes meet in a folder: give `out`.")
        self.missing: dict[int, int] = {}
        self.done = 0
        for job in jobs:
            for chunk in job.chunks:
                self.done += len(job.lanes(chunk)) if self._finished(chunk) else 0

    def _fits(self, chunk: int, arrays: Mapping[str, np.ndarray]) -> bool:
        return any(chunk in job.chunks and job.fits(chunk, arrays) for job in self.jobs)

    def _rehearse(self, folder: Path) -> None:
        """Write the first value of each array: whatever a file cannot hold is found before the work, not after it."""
        try:
            first = self._labelled({name: array[(slice(1),) * array.ndim] for name, array in self.empty.items()}, 0, 1)
            with tempfile.TemporaryDirectory(dir=folder) as place:
                first.to_netcdf(Path(place) / MERGED, engine="h5netcdf")
        except OSError:
            raise
        except Exception as error:
            raise ValueError(f"The result could not be written to {folder / MERGED}: {error}") from None

    def _finished(self, chunk: int) -> bool:
        return chunk in self.chunks or (self.store is not None and chunk in self.store)

    def announce(self) -> None:
        """Nothing is refused any more; what was there before is done."""
        if self.progress is not None:
            self.progress(self.done, self.grid.lanes, {})

    def todo(self, job: Job) -> np.ndarray:
        """The lanes that this process has to do, in order."""
        share = (
            chunk
            for chunk in job.chunks
            if chunk % jax.process_count() == jax.process_index() and not self._finished(chunk)
        )
        lanes = [np.asarray(job.lanes(chunk)) for chunk in share]
        return np.concatenate(lanes) if lanes else np.zeros(0, int)

    def put(self, job: Job, lanes: np.ndarray, values: Mapping[str, np.ndarray]) -> None:
        """Take the results of these lanes, and keep the chunks that are complete with them."""
        for chunk in np.unique(lanes // job.chunk + job.first_chunk):
            mine, place = job.lanes(chunk), lanes // job.chunk + job.first_chunk == chunk
            if chunk not in self.chunks:
                self.chunks[chunk] = {k: np.zeros((len(mine), *v.shape[1:]), v.dtype) for k, v in values.items()}
                self.missing[chunk] = len(mine)
            for name, value in values.items():
                self.chunks[chunk][name][lanes[place] - mine.start] = value[place]
            self.missing[chunk] -= int(np.sum(place))
            if self.missing[chunk] == 0 and self.store is not None:
                self.store.write(int(chunk), self.chunks.pop(chunk))
        self.done += len(lanes)
        if self.progress is not None:
            self.progress(self.done, self.grid.lanes, dict(values))

    def _results(self) -> Iterator[tuple[Job, int, dict[str, np.ndarray]]]:
        for job in self.jobs:
            for chunk in job.chunks:
                if chunk in self.chunks:
                    yield job, chunk, self.chunks[chunk]
                elif self.store is not None and chunk in self.store:
                    yield job, chunk, self.store.read(chunk)

    def dataset(self) -> xr.Dataset:
        """The labelled result; `lanes_done` says how many networks it holds, since other processes may lag behind."""
        arrays = {name: array.copy() for name, array in self.empty.items()}
        done = 0
        for job, chunk, values in self._results():
            lanes = np.asarray(job.lanes(chunk))
            index = np.unravel_index(job.group.points[lanes // job.group.inits], self.grid.shape[:-1] or (1,))
            place = (*(index if len(self.grid.shape) > 1 else ()), lanes % job.group.inits)
            for name, value in values.items():
                arrays[name][(*place, *(slice(size) for size in value.shape[1:]))] = value
            done += len(lanes)
        result = self._labelled(arrays, done)
        if self.store is not None and done == self.grid.lanes:
            with whole(self.store.folder / MERGED) as path:
                result.to_netcdf(path, engine="h5netcdf")
        return result

    def _labelled(self, arrays: Mapping[str, np.ndarray], done: int, most: int | None = None) -> xr.Dataset:
        """As a dataset, of at most so many values of each axis."""
        dims = [*self.grid.axes, INITS]
        variables = {name: ([*dims, *_inner(name, array.ndim - len(dims))], array) for name, array in arrays.items()}
        coordinates = {name: values[:most] for name, values in self.grid.axes.items()}
        inits = np.arange(self.grid.inits)[:most]
        return self.finish(xr.Dataset(variables, {**coordinates, INITS: inits}, {"lanes_done": done}))

    def close(self) -> None:
        """Let go of the folder."""
        if self.store is not None:
            self.store.close()


def _empty(grid: Grid, jobs: list[Job]) -> dict[str, np.ndarray]:
    """For each measured quantity its array without any value yet, which takes no memory.

    Raises:
        ValueError: for quantities that the result could not hold.
    """
    names = set(jobs[0].outputs)
    for job in jobs:
        if set(job.outputs) != names:
            some, others = (", ".join(sorted(map(str, each))) or "nothing" for each in (names, job.outputs))
            raise ValueError(f"What is measured must have the same names at every point; got {some} and {others}.")
    arrays: dict[str, np.ndarray] = {}
    for name in jobs[0].outputs:
        if not isinstance(name, str):
            raise ValueError(f"The names of what is measured must be strings; got {given(name)}.")
        shapes = [job.outputs[name].shape for job in jobs]
        if len({len(shape) for shape in shapes}) > 1:
            raise ValueError(f"`{name}` must have as many axes at every point of the grid.")
        kinds = [job.outputs[name].dtype for job in jobs]
        if any(not isinstance(kind, np.dtype) or kind.kind not in NOTHING for kind in kinds):
            raise ValueError(f"`{name}` must hold numbers or booleans that numpy has; got dtype {kinds[0]}.")
        dtype = np.result_type(*kinds)
        largest = tuple(max(sizes) for sizes in zip(*shapes, strict=True))
        arrays[name] = np.broadcast_to(np.asarray(NOTHING[dtype.kind]).astype(dtype), (*grid.shape, *largest))
    inner = [axis for name, array in arrays.items() for axis in _inner(name, array.ndim - len(grid.shape))]
    taken = {**dict.fromkeys(inner, "an axis of an array"), **dict.fromkeys([*grid.axes, INITS], "an axis of the grid")}
    for name in arrays:
        if name in taken:
            raise ValueError(f"`{name}` is both measured and {taken[name]}; give one of them another name.")
    for name in inner:
        if name in grid.axes:
            raise ValueError(f"`{name}` is an axis of the grid and of an array; give one of them another name.")
    return arrays


def _inner(name: str, axes: int) -> list[str]:
    """The names of the axes of what a network gives."""
    return [f"{name}_{axis}" for axis in range(axes)]


def jobs(groups: list[Group], tiles: list[int], outputs: list[dict[str, jax.ShapeDtypeStruct]]) -> list[Job]:
    """The groups with their tiles, and their chunks counted through."""
    made: list[Job] = []
    for group, tile, shapes in zip(groups, tiles, outputs, strict=True):
        made.append(Job(group, tile, made[-1].chunks.stop if made else 0, shapes))
    return made
