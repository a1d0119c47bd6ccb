"""Compiling for each shape, and letting go of the programs that were not used for longest.

A program on a CPU is many small objects, each in memory maps of its own, of which Linux allows a process 65,530.
"""

import gc
import math
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import equinox as eqx
import jax

from jspline._checks import in_a_trace, is_concrete

_P, _T = ParamSpec("_P"), TypeVar("_T")

MOST, FEWEST = 64, 8
"""Programs that are kept, all functions of the package together; and those kept where memory maps are scarce."""


class Programs:
    """What was compiled, the last used last. Threads may share it."""

    def __init__(self, most: int = MOST, fewest: int = FEWEST):
        self.most, self.fewest = most, fewest
        self._kept: OrderedDict[Hashable, Callable] = OrderedDict()
        self._lock = threading.RLock()

    def __len__(self) -> int:
        return len(self._kept)

    def find(self, key: Hashable, make: Callable[[], Callable]) -> Callable:
        """The program of that key, made if there is none."""
        with self._lock:
            program = self._kept.get(key)
            if program is None:
                self._make_room()
                program = self._kept[key] = make()
            self._kept.move_to_end(key)
            return program

    def _make_room(self) -> None:
        while len(self._kept) >= self.most:
            self._kept.popitem(last=False)
        if memory_maps() > memory_maps_allowed() / 2:
            gc.collect()  # the programs of functions that are gone
            while len(self._kept) >= self.fewest and memory_maps() > memory_maps_allowed() / 2:
                self._kept.popitem(last=False)


PROGRAMS = Programs()


def compiled(
    function: Callable[_P, _T], *, programs: Programs = PROGRAMS, wait: bool = True, **options: Any
) -> Callable[_P, _T]:
    """`function`, compiled for the shapes and dtypes of the arrays among its arguments, and for the values of the rest.

    As `equinox.filter_jit`, which keeps all that it ever compiled. Each program is a function of its own to JAX, which
    forgets all that it knows of a function as soon as nobody holds it. `wait` until it has run; `options` of `jax.jit`.
    Within somebody else's program it is a part of that, and no program of its own.
    """

    @wraps(function)
    def call(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        if in_a_trace():
            return function(*args, **kwargs)
        leaves, structure = jax.tree.flatten((args, kwargs))
        arrays = [leaf for leaf in leaves if eqx.is_array(leaf)]
        key = (call, structure, *(_shape(leaf) if eqx.is_array(leaf) else leaf for leaf in leaves))
        rest = [_ARRAY if eqx.is_array(leaf) else leaf for leaf in leaves]
        found, others = programs.find(key, lambda: jax.jit(_of_arrays(function, structure, rest), **options))(arrays)
        if wait and is_concrete(found):
            jax.block_until_ready(found)
        return others.among(found)

    return call


def _of_arrays(function: Callable, structure: Any, rest: list) -> Callable:
    """The function of its arrays alone."""

    def program(arrays: list) -> tuple[list, "_Others"]:
        args, kwargs = jax.tree.unflatten(structure, _filled(rest, arrays))
        leaves, shape = jax.tree.flatten(function(*args, **kwargs))
        others = _Others(tuple(_ARRAY if eqx.is_array(leaf) else leaf for leaf in leaves), shape)
        return [leaf for leaf in leaves if eqx.is_array(leaf)], others

    program.__name__ = program.__qualname__ = getattr(function, "__name__", type(function).__name__)
    return program


_ARRAY = object()
"""Stands where an array was."""


def _filled(rest: list | tuple, arrays: list) -> list:
    left = iter(arrays)
    return [next(left) if leaf is _ARRAY else leaf for leaf in rest]


@jax.tree_util.register_static
@dataclass(frozen=True)
class _Others:
    """What a function returned that is no array."""

    leaves: tuple
    structure: Any

    def among(self, arrays: list) -> Any:
        return jax.tree.unflatten(self.structure, _filled(self.leaves, arrays))


def _shape(array: Any) -> tuple:
    return array.shape, array.dtype, getattr(array, "weak_type", False)


def memory_maps() -> int:
    """Of this process; 0 where there is no way to know."""
    try:
        with open("/proc/self/maps", "rb") as maps:
            return sum(1 for _ in maps)
    except OSError:
        return 0


def memory_maps_allowed() -> float:
    """To a process; infinite where it is not said."""
    try:
        with open("/proc/sys/vm/max_map_count") as most:
            return float(most.read())
    except (OSError, ValueError):
        return math.inf
