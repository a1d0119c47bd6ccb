"""A grid of networks: what varies, in which order, and which of it is compiled in.

Floats are traced, so all their values share one compiled program. Whole numbers and strings may decide shapes: each
combination of them is a *group* with a program of its own. A group's networks, its *lanes*, are counted through point
by point and, within a point, init by init.
"""

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from jspline._checks import check_memory, check_most, given

INITS = "inits"


class Group(NamedTuple):
    """The lanes that share a program: all with these static values.

    Attributes:
        static: the whole numbers and strings of the group's points.
        floats: for each traced name its value at the group's points, `(points,)`.
        points: where these are in the grid, counted in C order, `(points,)`.
        inits: networks at each point.
    """

    static: dict[str, Any]
    floats: dict[str, np.ndarray]
    points: np.ndarray
    inits: int

    @property
    def lanes(self) -> int:
        """How many networks."""
        return len(self.points) * self.inits

    def lane(self, index: np.ndarray, key_data: np.ndarray) -> dict[str, Any]:
        """What a program needs to know of these lanes; an index of -1 stands for no lane."""
        place = np.maximum(index, 0)
        return {
            "floats": {name: values[place // self.inits] for name, values in self.floats.items()},
            "init": (place % self.inits).astype(np.uint32),
            "key": np.broadcast_to(key_data, (*index.shape, *key_data.shape)),
            "live": index >= 0,
        }


class Grid:
    """The axes of an ensemble, in order, and `inits` networks at each point.

    Raises:
        ValueError: for an axis without values, with values that are not numbers or strings, or twice the same one;
            for an axis whose name is no string; for `inits` that is not a whole number of at least 1; for more networks
            than memory has room for.
    """

    def __init__(self, grid: Mapping[str, Any]):
        rest = dict(grid)
        inits = rest.pop(INITS, None)
        if isinstance(inits, bool) or not isinstance(inits, int | np.integer) or inits < 1:
            raise ValueError(f"The grid needs `inits`, a whole number of at least 1; got {given(inits)}.")
        check_most("`inits` of the grid", inits)
        self.inits = int(inits)
        for name in rest:
            if not isinstance(name, str):
                raise ValueError(f"The names of the grid's axes must be strings; got {given(name)}.")
        self.axes = {name: _axis(name, values) for name, values in rest.items()}
        # The least that they take: how each of them ended, and its place.
        check_memory(f"A grid of {self.lanes:,} networks", 12 * self.lanes, "take fewer")

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the result, up to what each network gives: the axes, then inits."""
        return (*(len(values) for values in self.axes.values()), self.inits)

    @property
    def lanes(self) -> int:
        """How many networks."""
        return math.prod(self.shape)

    def groups(self) -> Iterator[Group]:
        """The groups, in the order in which their first points come."""
        traced = {name for name, values in self.axes.items() if isinstance(values[0], float)}
        groups: dict[tuple, list[tuple[int, dict[str, Any]]]] = {}
        for index, values in enumerate(itertools.product(*self.axes.values())):
            point = dict(zip(self.axes, values, strict=True))
            static = tuple((name, value) for name, value in point.items() if name not in traced)
            groups.setdefault(static, []).append((index, point))
        for group, points in groups.items():
            floats = {name: np.array([point[name] for _, point in points]) for name in self.axes if name in traced}
            yield Group(dict(group), floats, np.array([index for index, _ in points]), self.inits)


def _axis(name: str, values: Any) -> list:
    if hasattr(values, "__array__") and np.ndim(values) == 1 and np.asarray(values).dtype.kind not in "mM":
        # Of numpy, JAX, pandas or xarray. What is masked there is no value, and becomes None.
        values = (values if isinstance(values, np.ma.MaskedArray) else np.asarray(values)).tolist()
    if isinstance(values, str | bytes) or not isinstance(values, Sequence) or len(values) == 0:
        raise ValueError(f"The grid's `{name}` must be a list of values; got {given(values)}.")
    plain = [value.item() if hasattr(value, "__array__") and np.ndim(value) == 0 else value for value in values]
    if any(not isinstance(value, int | float | str) or isinstance(value, bool) for value in plain):
        raise ValueError(f"The grid's `{name}` must hold numbers or strings; got {given(plain)}.")
    if any(isinstance(value, float) for value in plain):
        if any(isinstance(value, str) or not math.isfinite(value) for value in plain):
            raise ValueError(f"The grid's `{name}` must hold finite numbers, or strings only; got {given(plain)}.")
        plain = [float(value) for value in plain]
    if len(set(plain)) < len(plain):
        raise ValueError(f"The grid's `{name}` holds a value twice; got {given(plain)}.")
    return plain
