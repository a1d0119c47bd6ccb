"""`collect`: statistics of any number of draws, in constant memory."""

import operator
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PRNGKeyArray, PyTree

from jspline.ensemble._statistics import Moments
from jspline.ensemble._tile import Bound, key_data, tiled, working_devices

BLOCKS = 64
"""Blocks that a device sums up before the host hears of it."""


def collect(
    fn: Callable[[PRNGKeyArray], PyTree],
    blocks: int,
    *,
    key: PRNGKeyArray,
    devices: Sequence[jax.Device] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> PyTree:
    """The sum of `fn(fold_in(key, i))` over i = 0, ..., blocks - 1, on the host: whole numbers in int64.

    Args:
        fn: gives statistics of a block of draws: arrays that add up, such as counts, and `Moments`.
        blocks: how many.
        key, devices: as in `run`.
        progress: called with the blocks done and all blocks.

    Counts are the same for any number of devices; moments are to rounding. Raises `ValueError` for less than 1 block.
    """
    if blocks < 1:
        raise ValueError(f"`blocks` must be at least 1; got {blocks}.")
    devices, (data, impl) = working_devices(devices), key_data(key)
    add = tiled(Bound(_sum, (fn, impl)), devices)
    total: Any = None
    each = len(devices) * BLOCKS
    for begin in range(0, blocks, each):
        index = np.arange(begin, begin + each).reshape(len(devices), 1, BLOCKS)
        keys = np.broadcast_to(data, (len(devices), 1, *data.shape))
        parts = jax.device_get(add(keys, index.astype(np.uint32), index < blocks))
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


def _sum(fn: Callable, impl: str, data: Any, index: Any, there: Any) -> PyTree:
    base = jax.random.wrap_key_data(data, impl=impl)

    def more(total: PyTree, block: tuple) -> tuple[PyTree, None]:
        i, wanted = block
        new = merge(total, fn(jax.random.fold_in(base, i)))
        return jax.tree.map(lambda a, b: jnp.where(wanted, a, b), new, total), None

    first = fn(jax.random.fold_in(base, index[0]))
    total, _ = jax.lax.scan(more, first, (index[1:], there[1:]))
    return total


def _wide(leaf: np.ndarray) -> np.ndarray:
    return leaf.astype(np.int64 if np.issubdtype(leaf.dtype, np.integer) else np.float64)
