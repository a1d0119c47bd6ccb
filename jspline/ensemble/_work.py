"""The lanes of a run cut into chunks, shared between processes, and put together again."""

import hashlib
import math
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np
import xarray as xr

from jspline._checks import check_memory
from jspline._files import whole
from jspline.ensemble._grid import INITS, Grid, Group
from jspline.ensemble._store import MERGED, Store, surroundings

TILES = 4
"""Tiles of a chunk: what is kept, and what can be lost, at once."""

Progress = Callable[[int, int, dict[str, np.ndarray]], None]
"""Called with the lanes done, all lanes, and what the last of them gave."""


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
    ):
        self.grid, self.jobs, self.progress = grid, jobs, progress
        self.chunks: dict[int, dict[str, np.ndarray]] = {}
        self.store = None
        largest = max(sum(math.prod(o.shape) * o.dtype.itemsize for o in job.outputs.values()) for job in jobs)
        check_memory(f"What is kept of {grid.lanes:,} networks", grid.lanes * largest, "take fewer, or keep less")
        if out is not None:
            manifest = {**manifest, "tiles": [job.tile for job in jobs], "tiles_of_a_chunk": TILES}
            self.store = Store(Path(out), {**manifest, **surroundings(device)}, resume=resume)
        elif jax.process_count() > 1:
            raise ValueError("Several processes meet in a folder: give `out`.")
        self.missing: dict[int, int] = {}
        self.done = 0
        for job in jobs:
            for chunk in job.chunks:
                self.done += len(job.lanes(chunk)) if self._finished(chunk) else 0

    def _finished(self, chunk: int) -> bool:
        return chunk in self.chunks or (self.store is not None and chunk in self.store)

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

    def dataset(self, finish: Callable[[xr.Dataset], xr.Dataset]) -> xr.Dataset:
        """The labelled result; `lanes_done` says how many networks it holds, since other processes may lag behind."""
        arrays: dict[str, np.ndarray] = {}
        for name in self.jobs[0].outputs:
            shapes = [job.outputs[name].shape for job in self.jobs]
            if len({len(shape) for shape in shapes}) > 1:
                raise ValueError(f"`{name}` must have as many axes at every point of the grid.")
            largest = tuple(max(sizes) for sizes in zip(*shapes, strict=True))
            dtype = self.jobs[0].outputs[name].dtype
            arrays[name] = np.full((*self.grid.shape, *largest), _nothing(dtype), dtype)
        done = 0
        for job, chunk, values in self._results():
            lanes = np.asarray(job.lanes(chunk))
            index = np.unravel_index(job.group.points[lanes // job.group.inits], self.grid.shape[:-1] or (1,))
            place = (*(index if len(self.grid.shape) > 1 else ()), lanes % job.group.inits)
            for name, value in values.items():
                arrays[name][(*place, *(slice(size) for size in value.shape[1:]))] = value
            done += len(lanes)
        dims = [*self.grid.axes, INITS]
        variables = {
            name: ([*dims, *(f"{name}_{axis}" for axis in range(array.ndim - len(dims)))], array)
            for name, array in arrays.items()
        }
        coordinates = {**self.grid.axes, INITS: np.arange(self.grid.inits)}
        result = finish(xr.Dataset(variables, coordinates, {"lanes_done": done}))
        if self.store is not None and done == self.grid.lanes:
            with whole(self.store.folder / MERGED) as path:
                result.to_netcdf(path, engine="h5netcdf")
        return result

    def close(self) -> None:
        """Let go of the folder."""
        if self.store is not None:
            self.store.close()


def _nothing(dtype: np.dtype) -> Any:
    """What stands where a network gave nothing: NaN, -1, or False."""
    return {"f": np.nan, "c": np.nan, "i": -1, "u": 0, "b": False}[np.dtype(dtype).kind]


def jobs(groups: list[Group], tiles: list[int], outputs: list[dict[str, jax.ShapeDtypeStruct]]) -> list[Job]:
    """The groups with their tiles, and their chunks counted through."""
    made: list[Job] = []
    for group, tile, shapes in zip(groups, tiles, outputs, strict=True):
        made.append(Job(group, tile, made[-1].chunks.stop if made else 0, shapes))
    return made


def fingerprint(programs: list[Any]) -> str:
    """Of traced programs and the arrays they hold: whether two runs compute the same."""
    digest = hashlib.sha256()
    for program in programs:
        digest.update(re.sub(r" at 0x[0-9a-f]+|id=[0-9]+", "", str(program)).encode())
        for constant in program.consts:
            digest.update(np.asarray(constant).tobytes())
    return digest.hexdigest()[:16]
