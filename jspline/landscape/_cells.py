"""The cells into which a net of two inputs cuts a box of the plane: polygons, each with its linear function.

The box is cut by one line after the other, each convex polygon in two. Where a line crosses an edge is found once, for
the polygons on both sides of it, so neighbours share their corners to the last bit, and every cell knows on which side
of each line it lies. Two cells of a convex box are neighbours across a line if and only if that line alone separates
them.

Theory: docs/theory.md 15.5.
"""

from typing import NamedTuple

import numpy as np

from jspline._checks import Reals, as_floats, check_finite, check_kind, check_unbatched, on_host
from jspline.charts import ReLUNet


class Cells(NamedTuple):
    """A box of the plane, cut by the breakplanes of a net; in float64.

    Attributes:
        polygons: the corners of each cell, counter-clockwise, `(corners, 2)` each.
        areas: `(cells,)`.
        active: which neurons are active in each cell, `(cells, width)`.
        slope, intercept: f(x) = slope . x + intercept in each cell, `(cells, 2)` and `(cells,)`.
        neighbours: pairs of cells with a common edge, `(pairs, 2)`.
    """

    polygons: tuple[np.ndarray, ...]
    areas: np.ndarray
    active: np.ndarray
    slope: np.ndarray
    intercept: np.ndarray
    neighbours: np.ndarray

    def between(self) -> np.ndarray:
        """Across the lines of which neurons each pair of neighbours lies, `(pairs, width)`: one, or all on one line."""
        one, other = self.neighbours.T
        return self.active[one] != self.active[other]

    def across(self, cell: int | np.integer, neuron: int | np.integer) -> int | None:
        """The neighbour of a cell across the line of a neuron; None where that line is no edge of it.

        Raises `IndexError` for a cell or neuron that is none.
        """
        if not (0 <= cell < len(self.areas) and 0 <= neuron < self.active.shape[1]):
            raise IndexError(f"There are {len(self.areas)} cells and {self.active.shape[1]} neurons.")
        there = np.any(self.neighbours == cell, axis=1) & self.between()[:, neuron]
        return int(np.sum(self.neighbours[np.argmax(there)]) - cell) if np.any(there) else None


@on_host
def cells(net: ReLUNet, box: Reals) -> Cells:
    """The cells that a net of two inputs cuts a box into.

    On the host, in float64. Lines that coincide in the box up to rounding (16 rounding units of its largest coordinate)
    are one; a line that does not go through the box, and a neuron without one, has the same side everywhere. O(H^3).

    Args:
        net: with w of shape `(width, 2)`.
        box: from where to where, for each input, `((low, high), (low, high))`.

    Raises:
        ValueError: when the net has another number of inputs or holds NaN or infinity, the box is none, or under
            `jax.jit` or `jax.vmap`.

    Theory: docs/theory.md 15.5.
    """
    check_kind(ReLUNet, net=net)
    check_unbatched(net.b)
    if net.on_line or net.inputs != 2:
        raise ValueError(f"Cells are those of a plane: `w` must be of shape (width, 2); got {net.w.shape}.")
    check_finite(w=net.w, b=net.b, v=net.v, b0=net.b0)
    as_floats(box=box)  # or it is refused
    limits = np.asarray(box, float)
    if limits.shape != (2, 2) or not (np.all(np.isfinite(limits)) and np.all(limits[:, 0] < limits[:, 1])):
        raise ValueError("`box` must be ((low, high), (low, high)) of finite numbers, low < high, for each input.")
    w, b, v = (np.asarray(part, float) for part in (net.w, net.b, net.v))
    size = np.hypot(w[:, 0], w[:, 1])
    with np.errstate(over="ignore"):
        lines = np.column_stack([w, b]) / np.where(size > 0, size, 1)[:, None]
    heads, which, turned = _different(lines[size > 0], limits)
    plane = _Plane(limits)
    for line in lines[size > 0][heads]:
        plane.cut(line)
    sides = np.array([side for _, side in plane.cells], dtype=bool).reshape(len(plane.cells), len(heads))
    active = np.repeat((b > 0)[None], len(sides), axis=0)
    active[:, size > 0] = sides[:, which] != turned
    places = np.asarray(plane.places)
    polygons = tuple(places[list(corners)] for corners, _ in plane.cells)
    return Cells(
        polygons=polygons,
        areas=np.array([_area(polygon) for polygon in polygons]),
        active=active,
        slope=active @ (v[:, None] * w),
        intercept=active @ (v * b) + float(net.b0),
        neighbours=_neighbours(sides),
    )


def _rounding(limits: np.ndarray) -> float:
    return 16 * float(np.finfo(float).eps) * float(np.max(np.abs(limits)))


def _different(lines: np.ndarray, limits: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The places of lines that are no others; for each line which of these it is, and whether it is turned."""
    if not len(lines):
        return np.zeros(0, int), np.zeros(0, int), np.zeros(0, bool)
    at = np.array([(x, y, 1) for x in limits[0] for y in limits[1]]) @ lines.T
    with np.errstate(invalid="ignore"):  # of a line infinitely far away
        same, opposite = (
            np.max(np.abs(at[:, :, None] - sign * at[:, None]), axis=0) <= _rounding(limits) for sign in (1, -1)
        )
    np.fill_diagonal(same, True)
    first = np.argmax(same | opposite, axis=1)
    heads, which = np.unique(first, return_inverse=True)
    return heads, which, ~same[np.arange(len(lines)), first]


class _Plane:
    """Corners, and convex polygons of them with the side of each line that they are on.

    Attributes:
        places: of corners.
        cells: corners, counter-clockwise, by their numbers; and for each line whether it is on its positive side.
        crossings: the corner on each edge that was cut, by the two ends of the edge.
    """

    def __init__(self, limits: np.ndarray):
        (left, right), (low, high) = limits.tolist()
        self.places = [(left, low), (right, low), (right, high), (left, high)]
        self.cells: list[tuple[list[int], list[bool]]] = [([0, 1, 2, 3], [])]
        self.slack = _rounding(limits)

    def cut(self, line: np.ndarray) -> None:
        """Cut every polygon that the line w . x + b = 0, |w| = 1, goes through. A corner within rounding is on it."""
        height = np.asarray(self.places) @ line[:2] + line[2]
        height = np.where(np.abs(height) <= self.slack, 0, height).tolist()
        crossings: dict[tuple[int, int], int] = {}
        cells = []
        for corners, side in self.cells:
            of = [height[c] for c in corners]
            if min(of) >= 0 or max(of) <= 0:
                cells.append((corners, [*side, max(of) > 0]))
                continue
            halves: dict[bool, list[int]] = {True: [], False: []}
            for k, (one, h) in enumerate(zip(corners, of, strict=True)):
                other, g = corners[(k + 1) % len(corners)], of[(k + 1) % len(corners)]
                for positive, half in halves.items():
                    if h == 0 or (h > 0) == positive:
                        half.append(one)
                if h * g < 0:
                    edge = (min(one, other), max(one, other))
                    if edge not in crossings:
                        crossings[edge] = len(self.places)
                        self.places.append(_crossing(self.places[edge[0]], self.places[edge[1]], height, edge))
                    for half in halves.values():
                        half.append(crossings[edge])
            cells += [(half, [*side, positive]) for positive, half in halves.items()]
        self.cells = cells


def _crossing(
    one: tuple[float, float], other: tuple[float, float], height: list[float], edge: tuple[int, int]
) -> tuple[float, float]:
    g, h = height[edge[0]], height[edge[1]]
    share = g / (g - h)
    return one[0] + share * (other[0] - one[0]), one[1] + share * (other[1] - one[1])


def _area(polygon: np.ndarray) -> float:
    """Of triangles from the first corner."""
    arms = polygon[1:] - polygon[0]
    return float(np.sum(arms[:-1, 0] * arms[1:, 1] - arms[:-1, 1] * arms[1:, 0])) / 2


def _neighbours(sides: np.ndarray) -> np.ndarray:
    """The pairs of cells that are on different sides of one line."""
    number = {row.tobytes(): k for k, row in enumerate(sides)}
    pairs = []
    for k, row in enumerate(sides):
        for line in np.flatnonzero(row):
            row[line] = False
            other = number.get(row.tobytes())
            row[line] = True
            if other is not None:
                pairs.append((k, other))
    return np.array(pairs, int).reshape(-1, 2)
