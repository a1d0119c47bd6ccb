"""The law of breakpoints and delta-slopes: the mass of each cell spread over its image, and atoms.

Angles are those of (w, b): a breakpoint beta of orientation s lies at that of s (1, -beta), so that breakpoints that go
through infinity go on.

Theory: docs/theory.md 13.3.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from jspline._checks import check_choice
from jspline.datasets import Dataset
from jspline.meanfield._labels import Labels

SHRUNK = 1e-6
"""A cell is an atom once the flow has made it narrower by this factor."""
TOGETHER = 1e-5
"""Atoms are one if their angles are not farther apart."""
INSIDE = 1e-6
"""How far within its ends a cell is traced, in shares of it: the ends themselves may lie on a datum."""
BESIDE = 1e-10
"""How far from an angle it is looked: two cells that meet there do so up to rounding."""
CHUNK = 10_000_000
"""Pairs of a point and a cell at a time."""


class Images(NamedTuple):
    """Where the flow has taken the cells, each an arc of angles, arrays `(cells,)`.

    Attributes:
        mass: the share of neurons.
        sign: of v.
        first: one end of the angles.
        width: how far the other end is, in the direction of growing angles.
        s, place: orientation and breakpoint of its neuron.
        size: |(w, b)| |v| of its neuron of radius 1; |mu| is this over sqrt(1 + beta^2), times the radius squared.
        kind: "spread", or for atoms "pinned" on a datum, "moving", or "dead", which stay for good where they died.
        dead: whether its neuron sees no datum, and slides on none.
    """

    mass: np.ndarray
    sign: np.ndarray
    first: np.ndarray
    width: np.ndarray
    s: np.ndarray
    place: np.ndarray
    size: np.ndarray
    kind: np.ndarray
    dead: np.ndarray


class Atoms(NamedTuple):
    """Breakpoints that a positive share of neurons have in common, arrays `(atoms,)`.

    As the flow comes to rest it lets neurons go that slide, and they stay where they are: what is nearer to a datum
    than 1e-5, as an angle, counts as on it.

    Attributes:
        place: the breakpoint; of those on a datum, or dead, the x of that.
        s: the orientation.
        sign: of the output weights v.
        mass: the share of neurons.
        delta_slope: what they add to the slope of the fit.
        kind: "pinned": they slide on a datum; "moving": they have left one together; "dead": they died on the last one.
    """

    place: np.ndarray
    s: np.ndarray
    sign: np.ndarray
    mass: np.ndarray
    delta_slope: np.ndarray
    kind: np.ndarray


class Mass(NamedTuple):
    """Shares of all neurons, which add up to 1.

    Attributes:
        dead: see no datum, w x + b <= 0 on all of them, and slide on none.
        on_data: slide on a datum.
        moving: are in an atom off the data.
        spread: all others.
    """

    dead: float
    on_data: float
    moving: float
    spread: float


def images(
    mass: np.ndarray,
    square: np.ndarray | float,
    theta: Sequence[np.ndarray],
    start: Sequence[np.ndarray],
    ends: Sequence[np.ndarray],
    data: Dataset,
    *,
    silent: bool = False,
) -> Images:
    """From the (w, b, v) that stand for cells, whose radii have this square, and the angles of the cells' ends.

    What is dead and was not `silent` from the start died on the last datum that it saw, and stays there.
    """
    was, now = (_turned(last - first) for first, last in (start, ends))
    w, b, v = theta
    x = np.asarray(data.x, float)[np.asarray(data.weight) > 0]
    along = w[:, None] * x
    dead = ~np.any(along > -b[:, None], axis=1)
    # The datum that is nearest to where it is 0, on the side that it faces.
    angle, s = np.arctan2(b, w), np.where(w < 0, -1.0, 1.0)
    off = np.abs(_turned(angle[:, None] - np.arctan2(-s[:, None] * x, s[:, None])))
    nearest = np.argmin(off, axis=1)
    beside = np.min(off, axis=1) <= TOGETHER
    atom = (np.abs(now) <= SHRUNK * np.abs(was)) & (not silent)
    pinned = (np.any(along == -b[:, None], axis=1) | (atom & beside)) & ~dead
    kind = np.select([pinned, dead & (not silent), atom], ["pinned", "dead", "moving"], "spread")
    held = np.isin(kind, ["pinned", "dead"])
    place = np.where(held, x[nearest], -b / np.where(w == 0, np.finfo(float).tiny, w))
    # What was left out at both ends of a cell, or there would be gaps on the data.
    left_out = 0.0 if silent else INSIDE / (1 - 2 * INSIDE) * np.abs(now)
    first = np.where(now < 0, ends[1], ends[0]) - left_out
    width = np.maximum(np.abs(now) + 2 * left_out, 1e-300)
    size = np.hypot(w, b) * np.abs(v) / square
    return Images(mass, np.sign(v), first, width, s, place, size, kind, dead)


def _turned(angle: np.ndarray) -> np.ndarray:
    """The angle in [-pi, pi)."""
    return (angle + np.pi) % (2 * np.pi) - np.pi


def density(cells: Images, second: float, beta: np.ndarray, s: int, of: str) -> np.ndarray:
    """Of breakpoints at beta; `second` is E radius^2."""
    check_choice(of=of, choices=("neurons", "delta-slopes"))
    stretch = np.sqrt(1 + beta**2)  # d angle / d beta is 1 over its square
    if of == "neurons":
        return _over(cells, beta, s, lambda some: some.mass) / stretch**2
    return _over(cells, beta, s, lambda some: some.mass * second * some.size) / stretch**3


def joint(cells: Images, labels: Labels, beta: np.ndarray, mu: np.ndarray, s: int) -> np.ndarray:
    """Of breakpoints at beta with delta-slopes mu."""
    if labels.pdf_square is None:
        raise ValueError("Under `UniformBreakpoints` a label says all of mu, so that there is no density of both.")
    pdf_square = labels.pdf_square
    beta, mu = np.broadcast_arrays(beta, mu)

    def share(some: Images, beta: np.ndarray, mu: np.ndarray) -> np.ndarray:
        unit = some.size / np.sqrt(1 + beta[:, None] ** 2)
        given = np.divide(pdf_square(np.abs(mu)[:, None] / unit), unit)
        return some.mass * np.where(some.sign * s * mu[:, None] > 0, given, 0)

    return _over(cells, beta, s, share, beta, mu) / (1 + beta**2)


def _over(cells: Images, beta: np.ndarray, s: int, share: Callable, *at: np.ndarray) -> np.ndarray:
    """The sum of a share over the width, of the cells but atoms that have the angle of beta in them.

    The share is of the cells, and of what is given for each beta.
    """
    if s not in (1, -1):
        raise ValueError(f"`s` must be 1 or -1; got {s!r}.")
    some = Images(*(part[cells.kind == "spread"] for part in cells))
    angles, found = np.arctan2(-s * beta, s).ravel() + BESIDE, np.zeros(beta.size)
    step = max(1, CHUNK // max(1, some.mass.size))
    for low in range(0, beta.size, step):
        part = slice(low, low + step)
        inside = (angles[part, None] - some.first) % (2 * np.pi) < some.width
        height = share(some, *(each.ravel()[part] for each in at)) / some.width
        found[part] = np.sum(np.where(inside, height, 0), axis=1)
    return found.reshape(beta.shape)


def atoms(cells: Images, second: float) -> Atoms:
    """All of them, by kind, sign, orientation and place."""
    chosen = np.flatnonzero(cells.kind != "spread")
    chosen = chosen[np.lexsort([part[chosen] for part in (cells.place, cells.s, cells.sign, cells.kind)])]
    kind, sign, s, place = (part[chosen] for part in (cells.kind, cells.sign, cells.s, cells.place))
    new = (kind[1:] != kind[:-1]) | (sign[1:] != sign[:-1]) | (s[1:] != s[:-1])
    new |= np.diff(np.arctan(place)) > TOGETHER
    groups = np.split(chosen, np.flatnonzero(new) + 1) if chosen.size else []
    most = np.array([group[np.argmax(cells.mass[group])] for group in groups], int)
    slopes = second * cells.mass * cells.size * cells.sign * cells.s / np.hypot(1, cells.place)
    return Atoms(
        cells.place[most],
        cells.s[most],
        cells.sign[most],
        np.array([cells.mass[group].sum() for group in groups]),
        np.array([slopes[group].sum() for group in groups]),
        cells.kind[most],
    )


def mass(cells: Images) -> Mass:
    """The shares."""
    on, moving = cells.kind == "pinned", cells.kind == "moving"
    shares = [float(cells.mass[who].sum()) for who in (cells.dead, on, moving, ~(cells.dead | on | moving))]
    return Mass(*shares)
