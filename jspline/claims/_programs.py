"""How claims run what takes long: compiled once, in tiles, several at a time."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from jspline.dynamics import compiler_options
from jspline.ensemble._tile import side_by_side


def compiled(function: Callable) -> Callable:
    """`function`, compiled as flows want it when it is first called: at import JAX must not start."""

    @functools.cache
    def at_last() -> Callable:
        return jax.jit(function, compiler_options=compiler_options())

    return lambda *arguments: at_last()(*arguments)


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
