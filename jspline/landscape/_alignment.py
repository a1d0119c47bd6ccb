"""Where small neurons turn to: the local maximisers of sgn(v) G, G(theta) = sum_n p_n y_n relu(theta . x~_n).

While a net is so small that the residual is y, neurons do not know of each other: each goes up sgn(v) G on the unit
sphere of directions theta = (w, b) / |(w, b)|, and its logarithm grows at the rate sgn(v) G. G is linear on the cells
of the arrangement of the planes theta . x~_n = 0, so a maximiser is the direction q / |q| of a cell's own sum q, or
lies on such planes: on one, where q projected on it points, or where they meet. All are enumerated.

Theory: docs/theory.md 15.5.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jspline._checks import on_host
from jspline.datasets import Dataset
from jspline.landscape._arguments import lifted_on_host, parallel
from jspline.problem import Problem, as_problem

NEAR = 1e-12
"""What counts as 0 of the height of a unit vector over a plane, and of a slope relative to the largest possible."""


Add = Callable[[np.ndarray], None]


class Alignment(NamedTuple):
    """Local maximisers of +G and of -G, those of the largest growth first.

    Attributes:
        directions: unit vectors (w, b) / |(w, b)|, `(k, lifted)`.
        sign: of the v of the neurons that turn there, `(k,)`.
        growth: sgn(v) G: the rate at which the logarithm of a balanced neuron grows there; |G|, or, where it is
            negative, its rate of decay. `(k,)`.
        pins: for each the places of the data that it lies on the planes of.
    """

    directions: Float[Array, "k lifted"]
    sign: Float[Array, " k"]
    growth: Float[Array, " k"]
    pins: tuple[tuple[int, ...], ...]


@on_host
def alignment_maximisers(problem: Problem | Dataset) -> Alignment:
    """The local maximisers of +-G, by enumeration, up to three lifted dimensions: inputs, and one for hidden biases.

    On the host, in float64. For any loss: y stands for the force -l'(0, y). Flat maxima, as where nothing is seen, are
    left out. In one dimension, where no neuron turns, both directions count for either sign, unless G = 0 there. Planes
    through one point, and maximisers on the border of their cell, are told up to 10^-12. O(N^2) on a circle, O(N^3) on
    a sphere.

    Raises:
        ValueError: for more than three lifted dimensions, weight decay, or under `jax.jit` or `jax.vmap`.

    Theory: docs/theory.md 15.5.
    """
    problem = as_problem(problem, decay=False)
    data = problem.data
    lifted, rounding = lifted_on_host(data, problem.biases)
    if lifted.shape[1] > 3:
        raise ValueError(
            f"Maximisers are enumerated in at most 3 lifted dimensions; got {lifted.shape[1]} "
            f"({data.inputs} inputs{', and 1 for biases' if problem.biases else ''})."
        )
    force = np.asarray(data.weight * problem.loss.force(jnp.zeros_like(data.y), data.y), float)
    found = []
    for sign in (1.0, -1.0):
        hinges = _Hinges.of(lifted, sign * force, rounding)
        found += [(growth, sign, theta, pins) for theta, growth, pins in _maximisers(hinges)]
    found.sort(key=lambda each: -each[0])
    dtype = data.y.dtype
    return Alignment(
        directions=jnp.asarray([each[2] for each in found], dtype).reshape(len(found), lifted.shape[1]),
        sign=jnp.asarray([each[1] for each in found], dtype),
        growth=jnp.asarray([each[0] for each in found], dtype),
        pins=tuple(each[3] for each in found),
    )


class _Hinges(NamedTuple):
    """G = constant . theta + sum_h above_h relu(t_h) + below_h relu(-t_h), t_h = normal_h . theta.

    Parallel data are one hinge, whose `data` these are, and above + below != 0: it bends. `scale` is the largest that a
    slope of G can be.
    """

    normal: np.ndarray
    above: np.ndarray
    below: np.ndarray
    data: list[np.ndarray]
    constant: np.ndarray
    scale: float

    @classmethod
    def of(cls, lifted: np.ndarray, force: np.ndarray, rounding: float) -> "_Hinges":
        places = np.flatnonzero((force != 0) & np.any(lifted, axis=1))
        lifted, force = lifted[places], force[places] * np.linalg.norm(lifted[places], axis=1)
        if not len(places):
            return cls(lifted, force, force, [], np.zeros(lifted.shape[1]), 0.0)
        first, multiple = parallel(lifted, rounding)
        heads, which = np.unique(first, return_inverse=True)
        normal = lifted[heads] / np.linalg.norm(lifted[heads], axis=1)[:, None]
        above, below = (np.bincount(which, np.where(side, force, 0)) for side in (multiple > 0, multiple < 0))
        bends = np.abs(above + below) > NEAR * (np.abs(above) + np.abs(below))
        data = [places[which == h] for h in np.flatnonzero(bends)]
        constant = above[~bends] @ normal[~bends]
        return cls(normal[bends], above[bends], below[bends], data, constant, float(np.sum(np.abs(force))))

    def gradient(self, side: np.ndarray) -> np.ndarray:
        """q of cells, `(..., lifted)`, given on which side of each hinge they are: 1, -1, or 0 to leave it out."""
        coefficients = np.where(side > 0, self.above, 0) - np.where(side < 0, self.below, 0)
        return coefficients @ self.normal + self.constant

    def slopes(self, theta: np.ndarray, directions: np.ndarray) -> np.ndarray:
        """The one-sided derivatives of G at theta in `directions`, `(k, lifted)`, orthogonal to it."""
        side = self.side(theta)
        pinned = side == 0
        along = directions @ self.normal[pinned].T
        bends = np.maximum(along, 0) @ self.above[pinned] + np.maximum(-along, 0) @ self.below[pinned]
        return directions @ self.gradient(side) + bends

    def side(self, theta: np.ndarray) -> np.ndarray:
        """1, -1, or 0 on the plane."""
        t = self.normal @ theta
        return np.where(np.abs(t) <= NEAR, 0, np.sign(t))


def _maximisers(hinges: _Hinges) -> list[tuple[np.ndarray, float, tuple[int, ...]]]:
    """Directions, growths and pins."""
    dimensions = hinges.normal.shape[1]
    found: list[np.ndarray] = []

    def add(theta: np.ndarray) -> None:
        if not any(np.max(np.abs(theta - other)) <= 1e3 * NEAR for other in found):
            found.append(theta)

    if dimensions == 1:
        for theta in (np.ones(1), -np.ones(1)):
            if abs(theta @ hinges.gradient(hinges.side(theta))) > NEAR * hinges.scale:
                add(theta)
    elif not len(hinges.normal):
        _upwards(hinges, np.zeros((1, 0)), None, add)
    for i in range(len(hinges.normal) if dimensions > 1 else 0):
        around = _places_on(hinges.normal, i)
        sides = np.sign(around @ hinges.normal.T)
        for side in (1, -1):
            sides[:, i] = side
            _upwards(hinges, sides, None, add)
        if hinges.above[i] + hinges.below[i] < 0:
            sides[:, i] = 0
            if dimensions == 2:
                for theta in around:
                    _peak(hinges, theta, hinges.normal[[i]], add)
            else:
                _upwards(hinges, sides, i, add)
                _crossings(hinges, i, add)
    return [(theta, *_growth(hinges, theta)) for theta in found]


def _growth(hinges: _Hinges, theta: np.ndarray) -> tuple[float, tuple[int, ...]]:
    side = hinges.side(theta)
    pins = [hinges.data[h] for h in np.flatnonzero(side == 0)]
    return float(theta @ hinges.gradient(side)), tuple(sorted(int(n) for part in pins for n in part))


def _places_on(normal: np.ndarray, i: int) -> np.ndarray:
    """One direction on each part of plane i that the other planes leave of the circle or sphere, `(k, lifted)`."""
    if normal.shape[1] == 2:
        across = np.array([-normal[i, 1], normal[i, 0]])
        return np.stack([across, -across])
    basis = _beside(normal[i])
    others = np.delete(normal, i, axis=0) @ basis.T
    crossings = np.sort(np.arctan2(np.r_[others[:, 0], -others[:, 0]], np.r_[-others[:, 1], others[:, 1]]))
    if not len(crossings):
        return basis[:1]
    middles = crossings + np.diff(np.append(crossings, crossings[0] + 2 * np.pi)) / 2
    return np.stack([np.cos(middles), np.sin(middles)], axis=1) @ basis


def _beside(normal: np.ndarray) -> np.ndarray:
    """Two unit vectors orthogonal to a unit vector of three dimensions and to each other."""
    one = np.cross(normal, np.eye(3)[np.argmin(np.abs(normal))])
    one /= np.linalg.norm(one)
    return np.stack([one, np.cross(normal, one)])


def _upwards(hinges: _Hinges, sides: np.ndarray, i: int | None, add: Add) -> None:
    """The directions q / |q| that lie in their own cells, `sides`, `(k, hinges)`; on plane i of q projected on it.

    On the border of its cell one is a maximiser if the hinges there attract: G falls on their other side.
    """
    q = hinges.gradient(sides)
    if i is not None:
        q = q - np.outer(q @ hinges.normal[i], hinges.normal[i])
    size = np.linalg.norm(q, axis=1)
    q, sides = (part[size > NEAR * hinges.scale] for part in (q, sides))
    theta = q / np.linalg.norm(q, axis=1)[:, None]
    t = theta @ hinges.normal.T
    attracting = hinges.above + hinges.below < 0
    inside = np.all((sides * t > NEAR) | (np.abs(t) <= NEAR) & attracting, axis=1)
    for direction in theta[inside]:
        if i is None:
            add(direction)
        else:
            others = (hinges.side(direction) == 0) & (np.arange(len(hinges.normal)) != i)
            _peak(hinges, direction, np.vstack([hinges.normal[i], _rays(hinges, direction, others)]), add)


def _rays(hinges: _Hinges, theta: np.ndarray, pins: np.ndarray) -> np.ndarray:
    """Directions along planes through theta, on a sphere: between neighbouring ones G is linear, so they decide."""
    rays = np.cross(hinges.normal[pins], theta)
    return rays / np.linalg.norm(rays, axis=1)[:, None]


def _crossings(hinges: _Hinges, i: int, add: Add) -> None:
    """The maximisers where plane i meets another attracting one, on a sphere."""
    for j in np.flatnonzero(hinges.above + hinges.below < 0):
        theta = np.cross(hinges.normal[i], hinges.normal[j])
        length = np.linalg.norm(theta)
        if j > i and length > NEAR:
            for end in (theta / length, -theta / length):
                _peak(hinges, end, _rays(hinges, end, hinges.side(end) == 0), add)


def _peak(hinges: _Hinges, theta: np.ndarray, directions: np.ndarray, add: Add) -> None:
    """Add theta if G falls from it in these directions and their opposites."""
    if np.all(hinges.slopes(theta, np.concatenate([directions, -directions])) < -NEAR * hinges.scale):
        add(theta)
