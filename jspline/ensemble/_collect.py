"""`collect`: statistics of any number of draws, in constant memory."""

import operator
from collections.abc import Callable, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PRNGKeyArray, PyTree

from jspline._checks import check_whole
from jspline.ensemble._statistics import Moments
from jspline.ensemble._tile import Bound, key_data, tiled, working_devices

BLOCKS = 64
"""Blocks that a device sums up before the host hears of it."""


def collect(
    fn: Callable[[Any], PyTree],
    blocks: int,
    *,
    key: PRNGKeyArray,
    draw: Callable[[PRNGKeyArray], Any] = lambda key: key,
    devices: Sequence[jax.Device] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> PyTree:
    """The sum of `fn(draw(fold_in(key, i)))` over i = 0, ..., blocks - 1, on the host: whole numbers in int64.

    Args:
        fn: gives statistics of a block of draws: arrays that add up, such as counts, and `Moments`.
        blocks: how many.
        draw: makes the draws of a block from its key, once. What `fn` itself draws from a key, a compiler may draw
            again for each of its uses.
        key, devices: as in `run`.
        progress: called with the blocks done and all blocks.

    Counts are the same for any number of devices; moments are to rounding. Raises `ValueError`
    unless there are 1 to 2^32 - 1 blocks.
    """
    check_whole(most=2**32 - 1, blocks=blocks)  # what a key can be folded with
    devices, (data, impl) = working_devices(devices), key_data(key)
    # Arrays inside the functions are arguments, and not constants: compiled once for all laws of a kind.
    arrays, rest = eqx.partition((fn, draw), eqx.is_array)
    one, block = Bound(_sum, (rest, impl)), jax.ShapeDtypeStruct((BLOCKS,), np.uint32)
    wanted = jax.ShapeDtypeStruct((BLOCKS,), bool)
    add = tiled(one, devices, traced=one.program((arrays, data), block, wanted))
    constants = jax.tree.map(lambda leaf: np.broadcast_to(leaf, (len(devices), 1, *leaf.shape)), (arrays, data))
    total: Any = None
    each = len(devices) * BLOCKS
    for begin in range(0, blocks, each):
        index = np.arange(begin, begin + each).reshape(len(devices), 1, BLOCKS)
        parts = jax.device_get(add(constants, index.astype(np.uint32), index < blocks))
        for device in range(len(devices)):
            if index[device, 0, 0] < blocks:
                part = jax.tree.map(lambda leaf, d=device: _wide(leaf[d, 0]), parts)
                total = part if total is None else merge(total, part)
        if progress is not None:
            progress(min(begin + each, blocks), blocks)
    return total


def merge(one: PyTree, two: PyTree) -> PyTree:
    """Two collected statistics as one."""
    return jax.tree.map(operator.add, one, two, is_leaf=lambda leaf: isinstance(leaf, Moments))


def _sum(rest: PyTree, impl: str, constants: PyTree, index: Any, there: Any) -> PyTree:
    arrays, data = constants
    fn, draw = eqx.combine(arrays, rest)
    base = jax.random.wrap_key_data(data, impl=impl)

    # One block is counted while the next is drawn: what a loop carries is in memory, and not drawn once more.
    def more(state: tuple[PyTree, PyTree], block: tuple) -> tuple[tuple[PyTree, PyTree], None]:
        total, draws = state
        i, wanted = block
        total = jax.tree.map(lambda a, b: jnp.where(wanted, a, b), merge(total, fn(draws)), total)
        return (total, draw(jax.random.fold_in(base, i))), None

    first = fn(draw(jax.random.fold_in(base, index[0])))
    begin = (first, draw(jax.random.fold_in(base, index[1])))
    (total, _), _ = jax.lax.scan(more, begin, (jnp.roll(index, -2)[:-1], there[1:]))
    return total


def _wide(leaf: np.ndarray) -> np.ndarray:
    return leaf.astype(np.int64 if np.issubdtype(leaf.dtype, np.integer) else np.float64)
