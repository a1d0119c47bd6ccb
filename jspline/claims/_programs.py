"""How claims run what takes long: compiled once, in tiles, several at a time."""

import functools
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jax
import numpy as np

from jspline.dynamics import compiler_options
from jspline.ensemble import programs_at_once


def compiled(function: Callable) -> Callable:
    """`function`, compiled as flows want it when it is first called: at import JAX must not start."""

    @functools.cache
    def at_last() -> Callable:
        return jax.jit(function, compiler_options=compiler_options())

    return lambda *arguments: at_last()(*arguments)


def side_by_side(function: Callable, items: Iterable[Any]) -> list[Any]:
    """`function` of each item, as many at a time as the device takes. What runs is waited for, also after Ctrl-C."""
    x64 = jax.config.jax_enable_x64  # type: ignore[attr-defined]

    def one(item: Any) -> Any:
        with jax.enable_x64(x64):  # in a thread of its own JAX does not know what `with` said outside
            return jax.block_until_ready(function(item))

    with ThreadPoolExecutor(programs_at_once(jax.devices()[0])) as threads:
        return list(threads.map(one, items))  # which cancels those that have not begun if one fails


def in_tiles(program: Callable, lanes: Any, tile: int) -> Any:
    """A program that is compiled for `tile` lanes, on the lanes of `lanes`, arrays, however many; as arrays of numpy.

    Short tiles: each lane waits for the slowest one of its tile.
    """
    count = len(jax.tree.leaves(lanes)[0])

    def part(begin: int) -> Any:
        places = np.minimum(np.arange(begin, begin + tile), count - 1)
        return program(*jax.tree.map(lambda leaf: leaf[places], lanes))

    parts = side_by_side(part, range(0, count, tile))
    return jax.tree.map(lambda *each: np.concatenate(each)[:count], *parts)
