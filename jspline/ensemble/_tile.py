"""The compiled unit: a tile, so many lanes on each device.

Its size is fixed for a run, and written down: a compiler may round differently for another batch, so the same bits on
any number of devices, and after an interruption, need the same tile. Nothing passes between devices.
"""

import functools
import math
import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from jax.extend.core import ClosedJaxpr
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec
from jax.typing import ArrayLike

from jspline import _programs
from jspline._checks import as_key, check_memory, check_whole, is_concrete
from jspline.dynamics import compiler_options
from jspline.ensemble._fingerprint import fingerprint

CACHE = 2 << 20
"""Bytes of a CPU's cache that a tile should fit in: with more lanes at once a lane is not faster."""

SPEC = PartitionSpec("devices")

SMALLEST, LARGEST = 16, 16_384
ON_CPU, ROUNDS = 512, 16
"""Lanes of a tile, at least and at most; at most on a CPU, and the tiles that there are at least on it."""


def working_devices(devices: Sequence[jax.Device] | None) -> tuple[jax.Device, ...]:
    """The devices to use: those given, the default one, or all of this process, on a CPU no more than it has cores."""
    if devices is not None:
        if not devices:
            raise ValueError("`devices` must not be empty.")
        return tuple(devices)
    default = jax.config.jax_default_device  # type: ignore[attr-defined]
    if isinstance(default, jax.Device):
        return (default,)
    there = tuple(jax.local_devices())
    return there[: cores()] if there[0].platform == "cpu" else there


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True, eq=False)
class Traced:
    """A program, and the shapes of what it gives."""

    program: ClosedJaxpr
    outputs: Any

    @functools.cached_property
    def fingerprint(self) -> str:
        """Of the program. Raises `TypeError` if it has none."""
        return fingerprint(self.program)


@dataclass(frozen=True)
class Bound:
    """A function with its first arguments, equal to another one with the same: compiled once for both."""

    function: Callable
    arguments: tuple

    def __call__(self, *more: Any) -> Any:
        return self.function(*self.arguments, *more)

    def program(self, *more: Any) -> Traced:
        """As JAX traces it, for arguments or their shapes."""
        return Traced(*jax.make_jaxpr(lambda *each: self(*each), return_shape=True)(*more))


def tiled(
    function: Callable, devices: tuple[jax.Device, ...], *, flow: bool = False, traced: Traced | None = None
) -> Callable:
    """`function`, of one lane, for arrays with leading axes (devices, tile): vmapped on each device, and compiled.

    Once for the same function, as long as it is `traced` to the same program: one that reads something outside may be
    another one the next time.

    `jax.shard_map` around the vmapped function, and not `jax.jit` of sharded arrays: there a loop would wait for all
    devices in each of its steps. With `flow` the compiler gets what suits flows, and little else.
    """

    mesh = None if devices[0].platform == "cpu" else _mesh(devices)
    try:
        hash(function)
        compiled = _compiled(function, mesh, flow, traced.fingerprint if traced else "")
    except TypeError:  # it holds arrays, or what cannot be known again, and cannot be looked up
        compiled = _compiled.__wrapped__(function, mesh, flow, "")
    return _one_by_one(compiled, devices) if mesh is None else compiled


@functools.lru_cache(maxsize=64)
def _compiled(function: Callable, mesh: Mesh | None, flow: bool, _: str) -> Callable:
    def here(*arguments: Any) -> Any:
        mine = jax.tree.map(lambda leaf: leaf[0], arguments)
        if all(len(leaf) == 1 for leaf in jax.tree.leaves(mine)):
            # Not as a batch of one: a histogram, whose bins then have two numbers each, would take longer.
            alone = function(*jax.tree.map(lambda leaf: leaf[0], mine))
            return jax.tree.map(lambda leaf: leaf[None, None], alone)
        return jax.tree.map(lambda leaf: leaf[None], jax.vmap(lambda *lane: function(*lane))(*mine))

    if mesh is not None:
        here = jax.shard_map(here, mesh=mesh, in_specs=SPEC, out_specs=SPEC, check_vma=False)
    # What nothing depends on is an argument, too: it says on which device the program is to run.
    return _programs.compiled(here, wait=False, keep_unused=True, compiler_options=compiler_options() if flow else None)


def _one_by_one(compiled: Callable, devices: tuple[jax.Device, ...]) -> Callable:
    """The same program on each device, started one after the other, for the same bits on any number of them.

    A program for several devices is optimized otherwise than one for a single device: of 40 flows 28 came out different
    in the last places. On a GPU, where that has to be put up with, a program is compiled once for all devices.
    """
    sharding, at_once = NamedSharding(_mesh(devices), SPEC), programs_at_once(devices[0])

    def spread(*arguments: Any) -> Any:
        leaves, structure = jax.tree.flatten(placed(arguments, devices))
        shards = [{shard.device: shard.data for shard in leaf.addressable_shards} for leaf in leaves]
        parts: list[Any] = []
        for device in devices:
            if len(parts) >= at_once:
                jax.block_until_ready(parts[-at_once])
            parts.append(compiled(*jax.tree.unflatten(structure, [each[device] for each in shards])))
        return jax.tree.map(
            lambda *part: jax.make_array_from_single_device_arrays(
                (len(devices), *part[0].shape[1:]), sharding, list(part)
            ),
            *parts,
        )

    return spread


def programs_at_once(device: jax.Device) -> int:
    """How many programs may run at a time on this device and others of its kind: one, but on a CPU.

    There all devices share as many threads as there are cores, or devices if these are more. A batched Cholesky
    factorization waits in one of them for the others: with one in each, all would wait for each other for good.
    """
    if device.platform != "cpu":
        return 1
    return max(1, max(cores(), len(device.client.local_devices())) - 1)


def side_by_side(
    function: Callable,
    items: Iterable[Any],
    device: jax.Device | None = None,
    *,
    stop: Callable[[], None] = lambda: None,
) -> list[Any]:
    """`function` of each item, as many at a time as the device (by default JAX's first) takes, in threads.

    What fails in one, or Ctrl-C, stops all: `stop` is called at the end, those that have not begun are left, and what
    runs is waited for.
    """
    items, x64 = list(items), jax.config.jax_enable_x64  # type: ignore[attr-defined]
    if len(items) == 1:
        return [function(items[0])]

    def one(item: Any) -> Any:
        with jax.enable_x64(x64):  # in a thread of its own JAX does not know what `with` said outside
            return jax.block_until_ready(function(item))

    with ThreadPoolExecutor(programs_at_once(device or jax.devices()[0])) as threads:
        futures = [threads.submit(one, item) for item in items]
        try:
            for future in wait(futures, return_when=FIRST_EXCEPTION).done:
                future.result()
            return [future.result() for future in futures]
        finally:
            stop()
            threads.shutdown(wait=False, cancel_futures=True)


def placed(tree: Any, devices: tuple[jax.Device, ...]) -> Any:
    """Arrays with leading axes (devices, tile), each part where it belongs, as `tiled` functions return them."""
    return jax.device_put(tree, NamedSharding(_mesh(devices), SPEC))


def _mesh(devices: tuple[jax.Device, ...]) -> Mesh:
    return Mesh(np.asarray(devices), ("devices",), axis_types=(AxisType.Auto,))


def chosen(tile: int | None, lane: Any, lanes: int, device: jax.Device) -> int:
    """The tile that was asked for, where it fits into memory, or the one that is `fitting`."""
    if tile is None:
        return fitting(lane, lanes, device)
    check_whole(tile=tile)
    check_memory(f"A tile of {tile:,} lanes", tile * _bytes(lane), "take fewer")
    return tile


def _bytes(lane: Any) -> int:
    return max(1, sum(math.prod(leaf.shape) * leaf.dtype.itemsize for leaf in jax.tree.leaves(lane)))


def fitting(lane: Any, lanes: int, device: jax.Device) -> int:
    """How many lanes of that size (a PyTree of shapes) make a tile: what fits the cache, or an eighth of the memory.

    Independent of the number of devices; an eighth, since a step holds several copies. Or as many as were asked for.
    Raises `ValueError` unless these are a whole number of at least 1.
    """
    size = _bytes(lane)
    # A CPU is as fast with a few lanes, and then has few slots empty at the end.
    most, room = min(ON_CPU, lanes // ROUNDS), CACHE
    if device.platform != "cpu":
        most = LARGEST
        room = (device.memory_stats() or {}).get("bytes_limit", 8 << 30) // 8
    tile = max(SMALLEST, min(most, room // size))
    tile = 1 << (tile.bit_length() - 1)
    return min(tile, -(-lanes // 8) * 8)


def key_data(key: ArrayLike) -> tuple[np.ndarray, str]:
    """A key as plain numbers, and the name of its generator."""
    key = as_key(key)
    if not is_concrete(key):
        raise ValueError("Ensembles run on the host, so not under jax.jit or jax.vmap.")
    return np.asarray(jax.random.key_data(key)), str(jax.random.key_impl(key))
