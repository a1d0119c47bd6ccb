"""The least of loss and weight decay over networks of any width: a convex problem, solved by its dual.

With sum (w^2 + b^2 + v^2) / 2 at least the sum of |(w, b)| |v|, the objective is that of a measure m over directions,

    min over m, b0 of    sum_n p_n (y_n - f(x_n))^2 / 2 + decay |m|,    f = b0 + int relu(x cos th + sin th) dm
    max over e of        e . y - sum_n e_n^2 / (2 p_n)    where |g(th)| <= decay everywhere (and sum e = 0 if b0 moves)

Theory: docs/theory.md 14.1.
"""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from scipy.optimize import nnls

from jspline._checks import on_host
from jspline.charts import ReLUNet
from jspline.penalty._circle import Circle
from jspline.problem import Problem, as_problem

GAP = 1e-10
"""Over the objective of the best constant."""
MOST = 200
"""Rounds of cutting planes, of which a dozen or two are taken."""
TOGETHER = GAP**0.5
"""Directions that are not farther apart are one neuron: a gap leaves them open by its root."""


class Optimum(NamedTuple):
    """The least penalized loss, and a network that has it.

    Attributes:
        net: balanced, with as many neurons as it takes.
        value: its objective, the penalty included.
        gap: how much less the least may be, by the dual.
        force: e_n = p_n (y_n - f(x_n)), `(data,)`, 0 where there is no weight.
    """

    net: ReLUNet
    value: float
    gap: float
    force: np.ndarray


@on_host
def optimum(problem: Problem) -> Optimum:
    """The global optimum of the square loss with weight decay, over one-input networks of any width.

    Cutting planes: the constraints |g| <= decay at finitely many directions, those of the largest |g| between data
    added until the gap between this and what all directions allow is 1e-10 of the loss of the best constant, which is
    0 where b0 does not move.

    Args:
        problem: of square loss, with `decay` positive and biases that decay, too; at most some hundred data.

    Raises:
        ValueError: for a problem without decay, or one that the method does not know.

    Numerical caveat: the fit is unique, the network need not be. Stops after 200 rounds: `gap` says how far it came.

    Theory: docs/theory.md 14.1.
    """
    problem = decayed(problem)
    x, y, p, decay, units = in_units(problem)
    circle = Circle.of(x)
    angles, e, scale = np.zeros(0), p * y, float(np.sum(p * y**2) / 2)
    mass, b0, gap, value = np.zeros(0), 0.0, np.inf, np.inf
    for _ in range(MOST):
        tops = circle.tops(e)
        reach = np.abs(circle.columns(tops) @ e)
        # Shrunk until it is feasible, the force bounds the optimum from below.
        shrunk = e * (decay / reach.max() if reach.max() > decay else 1)
        if angles.size or reach.max() <= decay:
            fit = b0 + mass @ circle.columns(angles)
            value = float(np.sum(p * (y - fit) ** 2) / 2 + decay * np.abs(mass).sum())
        gap = min(gap, value - float(shrunk @ y - np.sum(shrunk**2 / p) / 2))
        if gap <= GAP * scale:
            break
        angles = np.concatenate([angles[mass != 0], tops[reach > decay * (1 - 1e-9)]])
        e, mass, b0 = _at_angles(circle.columns(angles), y, p, decay, problem.train_b0)
    force = np.zeros(problem.data.size)
    force[np.asarray(problem.data.weight) > 0] = e * units.weight * units.y
    value = value * units.loss + float(problem.data.constant)
    net = _as_net(angles, mass * units.y, units.middle + b0 * units.y, problem)
    return Optimum(net, value, max(gap, 0.0) * units.loss, force)


def decayed(problem: Problem) -> Problem:
    """The problem, if it is one of square loss and decay, and has data."""
    problem = as_problem(problem, square=True, inputs=1, biases=True)
    if not float(problem.decay) > 0:
        raise ValueError("This needs weight decay: give jspline.Problem(data, decay=...) a positive number.")
    if not problem.decay_biases:
        raise ValueError("This knows decay of all of w, b and v only: leave out `decay_biases`.")
    if not np.any(np.asarray(problem.data.weight) > 0):
        raise ValueError("All data have weight 0: there is nothing to learn.")
    return problem


class Units(NamedTuple):
    """What a problem was divided by, so that y and weights are of size 1; y was moved by `middle` first."""

    middle: float
    y: float
    weight: float

    @property
    def loss(self) -> float:
        """Of the objective."""
        return self.weight * self.y**2


def in_units(problem: Problem) -> tuple[np.ndarray, np.ndarray, np.ndarray, float, Units]:
    """x, y, weights and decay, of the data that weigh, in units of their own: the fit is that of the problem in these.

    Biases decay, so that x keeps its unit.
    """
    data = problem.data
    counts = np.asarray(data.weight) > 0
    x, y, p = (np.asarray(part, float)[counts] for part in (data.x, data.y, data.weight))
    weight = float(p.sum())
    middle = y[0] + float(np.average(y - y[0], weights=p)) if problem.train_b0 else 0.0
    size = float(np.max(np.abs(y - middle)))
    units = Units(middle, size if size > 0 else 1.0, weight)
    return x, (y - middle) / units.y, p / weight, float(problem.decay) / (units.weight * units.y), units


def _at_angles(
    columns: np.ndarray, y: np.ndarray, p: np.ndarray, decay: float, train_b0: bool
) -> tuple[np.ndarray, np.ndarray, float]:
    """The optimum with directions from a list: its force, the masses and b0.

    The force nearest to p y, in units of sqrt(p), of those that satisfy constraints that are linear, which is a least
    distance; by Lawson and Hanson that is a least squares problem with multipliers that are not negative.
    """
    root = np.sqrt(p)
    rows = np.concatenate([columns, -columns, np.ones((2 * train_b0, p.size)) * np.array([[1], [-1]])[: 2 * train_b0]])
    bound = np.concatenate([np.full(2 * len(columns), decay), np.zeros(2 * train_b0)])
    # z = (e - p y) / sqrt(p), rows @ e <= bound.
    matrix, least = -rows * root, -(bound - rows @ (p * y))
    multipliers, _ = nnls(np.vstack([matrix.T, least]), np.append(np.zeros(p.size), 1.0), maxiter=100 * rows.shape[0])
    residual = np.append(matrix.T @ multipliers, least @ multipliers - 1)
    z = -residual[:-1] / residual[-1]
    share = multipliers / -residual[-1]
    count = len(columns)
    b0 = float(share[-2] - share[-1]) if train_b0 else 0.0
    return p * y + root * z, share[:count] - share[count : 2 * count], b0


def _as_net(angles: np.ndarray, mass: np.ndarray, b0: float, problem: Problem) -> ReLUNet:
    """One balanced neuron for each direction that has mass."""
    angles, mass = angles[mass != 0] % (2 * np.pi), mass[mass != 0]
    order = np.lexsort((angles, np.sign(mass)))
    angles, mass = angles[order], mass[order]
    new = np.concatenate([[True], (np.diff(angles) > TOGETHER) | (np.diff(np.sign(mass)) != 0)])[: angles.size]
    starts = np.flatnonzero(new)
    dtype = problem.data.x.dtype
    if not starts.size:
        nothing = jnp.zeros(1, dtype)
        return ReLUNet(nothing, nothing, nothing, jnp.asarray(b0, dtype))
    total = np.add.reduceat(mass, starts)
    middle = np.add.reduceat(np.abs(mass) * angles, starts) / np.abs(total)
    size = np.sqrt(np.abs(total))
    parts = (size * np.cos(middle), size * np.sin(middle), size * np.sign(total))
    w, b, v = (jnp.asarray(part, dtype) for part in parts)
    return ReLUNet(w, b, v, jnp.asarray(b0, dtype))
