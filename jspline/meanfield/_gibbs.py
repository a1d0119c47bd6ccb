"""The stationary law of gradient descent with noise and weight decay: a convex problem with one unknown a datum.

Theory: docs/theory.md 13.5.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from jax.typing import ArrayLike

from jspline._checks import Reals, as_floats, check_positive, check_scalar, on_host
from jspline.penalty import Optimum, optimum
from jspline.penalty._circle import Circle, hinges
from jspline.penalty._optimum import decayed, in_units
from jspline.problem import Problem

RULE = np.polynomial.legendre.leggauss(10)
RATIO, LEVELS = 3.0, 19
"""Of one panel to the next, and how many: the shortest is a billionth of its cell."""
ENOUGH = 1e-20
"""The decrease that a last step of Newton promises, y and weights being of size 1."""
ROUNDED = 1e-10
"""From here on the decrease falls to its square, or is rounding."""
COOLING = 30.0
"""From one temperature to the next."""
MOST = 100
SHORTEST = 1e-9
"""Share of a step of Newton below which there is nothing to be gained."""


@dataclass(frozen=True)
class Gibbs:
    """The stationary law of theta' = -grad - decay theta + sqrt(2 temperature) noise, for infinitely many neurons.

    Attributes:
        problem, temperature: as they were given.
        force: e_n = p_n (y_n - f(x_n)), of the data that weigh, `(data,)`.
        b0: the output bias.
        steps: Newton steps taken, at all temperatures on the way.
    """

    problem: Problem
    temperature: float
    force: np.ndarray
    b0: float
    steps: int

    def __call__(self, x: Reals) -> np.ndarray:
        """The fit f(x) = b0 + E v relu(w x + b), of any shape."""
        x = np.asarray(as_floats(x=x)[0], float)
        # E v relu(w x + b) is x times the mean of v w, and that of v b, over half of the circle.
        from_angle = np.arctan2(-x, 1.0).ravel()
        of_w, of_b = 2 * self.temperature * (self._law.up_to(from_angle + np.pi) - self._law.up_to(from_angle))
        return self.b0 + (x.ravel() * of_w + of_b).reshape(x.shape)

    def density(self, angle: Reals) -> np.ndarray:
        """The density of the angle of (w, b), 1 / (decay^2 - g^2) up to a factor, of any shape."""
        g = hinges(np.asarray(as_floats(angle=angle)[0], float), self._x) @ self.force
        return 1 / (float(self.problem.decay) ** 2 - g**2) / self._law.total

    def limit(self) -> Optimum:
        """What the law tends to as the temperature goes to 0: the optimum of the loss with decay."""
        return optimum(self.problem)

    @property
    def _x(self) -> np.ndarray:
        return in_units(self.problem)[0]

    @cached_property
    def _law(self) -> "_Law":
        return _Law.at(Circle.of(self._x), self.force, float(self.problem.decay))


@on_host
def gibbs(problem: Problem, temperature: ArrayLike) -> Gibbs:
    """The stationary law of noisy gradient descent with weight decay in the limit of infinite width.

    Per neuron and in units of mean field; at width H the noise on the weights is sqrt(2 temperature / H). The law is
    exp((v sum e_n relu - decay |theta|^2 / 2) / temperature), of which radius and v integrate in closed form, and

        e = argmin of    temperature log int d th / (decay^2 - g_e^2) + sum e_n^2 / (2 p_n) - sum e_n y_n,

    strictly convex, by Newton's method from high temperatures down.

    Args:
        problem: of square loss with a positive decay of all weights.
        temperature: positive.

    Raises:
        ValueError: for a problem without decay, or one that the method does not know.

    Theory: docs/theory.md 13.5.
    """
    check_scalar(temperature=temperature)
    check_positive(temperature=temperature)
    problem = decayed(problem)
    x, y, p, decay, units = in_units(problem)
    # The objective in these units is that of the problem over `units.loss`, up to a constant.
    given = float(np.asarray(temperature))
    end = given / units.loss
    circle, e, steps = Circle.of(x), np.zeros(x.size), 0
    now = max(end, float(np.sum(p * y**2)))
    while True:
        enough = ENOUGH * (1 + now) if now == end else now / 10
        e, b0, more = _newton(circle, e, y, p, decay, now, problem.train_b0, enough)
        steps += more
        if now == end:
            force, b0 = e * units.weight * units.y, units.middle + b0 * units.y
            return Gibbs(problem, given, force, b0, steps)
        now = max(end, now / COOLING)


def _newton(
    circle: Circle,
    e: np.ndarray,
    y: np.ndarray,
    p: np.ndarray,
    decay: float,
    temperature: float,
    moves: bool,
    enough: float,
) -> tuple[np.ndarray, float, int]:
    """The force at a temperature from one nearby, b0, and how many steps it took."""

    def objective(e: np.ndarray) -> tuple[float, _Law | None]:
        """Its value, and the law there; infinite where there is none."""
        reach = np.max(np.abs(circle.columns(circle.tops(e)) @ e))
        if not reach < decay:
            return np.inf, None
        law = _Law.at(circle, e, decay)
        return temperature * np.log(law.total) + np.sum(e**2 / p) / 2 - e @ y, law

    value, law = objective(e)
    # If b0 moves the forces add up to 0, and b0 is the multiplier of that.
    held, last = np.ones((e.size, int(moves))), np.inf
    for step in range(1, MOST + 1):
        assert law is not None
        gradient, hessian = law.derivatives()
        gradient = temperature * gradient + e / p - y
        hessian = temperature * hessian + np.diag(1 / p)
        system = np.block([[hessian, held], [held.T, np.zeros((held.shape[1], held.shape[1]))]])
        solved = np.linalg.solve(system, np.append(-gradient, np.zeros(held.shape[1])))
        change, b0 = solved[: e.size], float(solved[e.size :].sum())
        decrement = -change @ gradient
        length = 1.0
        while length > SHORTEST:
            there, law_there = objective(e + length * change)
            # Less than the objective is rounded by cannot be seen in it.
            if there <= value - length * decrement / 10 + 4 * np.finfo(float).eps * (1 + abs(value)):
                break
            length /= 2
        else:
            return e, b0, step  # nothing but rounding is left
        e, value, law = e + length * change, there, law_there
        if decrement <= enough or min(ROUNDED, 4 * decrement) > last:
            return e, b0, step
        last = decrement
    return e, b0, MOST


class _Law(NamedTuple):
    """1 / (decay^2 - g^2) on the circle, by Gauss's rule on panels that are graded towards the tops of |g|.

    Attributes:
        x, force, decay: what it is the law of.
        edges: of the panels, once around, `(panels + 1,)`.
        angle, weight: of the rule, `(points,)`, panel by panel.
        columns: relu(x_n cos th + sin th), `(points, data)`.
        g: there.
        slack: decay^2 - g^2 there.
        total: the integral.
    """

    x: np.ndarray
    force: np.ndarray
    decay: float
    edges: np.ndarray
    angle: np.ndarray
    weight: np.ndarray
    columns: np.ndarray
    g: np.ndarray
    slack: np.ndarray
    total: float

    @classmethod
    def at(cls, circle: Circle, e: np.ndarray, decay: float) -> "_Law":
        """The law for a force."""
        ends = np.unique(np.concatenate([circle.low, circle.tops(e), circle.high[-1:]]))
        # Of each piece from both ends to the middle.
        shares = np.concatenate([[0], RATIO ** np.arange(-LEVELS, 1)]) / 2
        shares = np.concatenate([shares, 1 - shares[-2:0:-1]])
        edges = np.append((ends[:-1, None] + np.diff(ends)[:, None] * shares).ravel(), ends[-1])
        angle, weight = _gauss(edges[:-1], edges[1:])
        columns = circle.columns(angle)
        g = columns @ e
        slack = decay**2 - g**2
        return cls(circle.x, e, decay, edges, angle, weight, columns, g, slack, float(np.sum(weight / slack)))

    def derivatives(self) -> tuple[np.ndarray, np.ndarray]:
        """Gradient and Hessian of the logarithm of the total with respect to the force."""
        first = self.weight * 2 * self.g / self.slack**2 / self.total
        second = self.weight * (2 / self.slack**2 + 8 * self.g**2 / self.slack**3) / self.total
        gradient = first @ self.columns
        return gradient, (self.columns.T * second) @ self.columns - np.outer(gradient, gradient)

    def up_to(self, angle: np.ndarray) -> np.ndarray:
        """The integral of g (cos, sin) / slack^2, over the total, from the first edge to each angle, `(2, angles)`."""

        def moment(angle: np.ndarray, weight: np.ndarray, g: np.ndarray, slack: np.ndarray) -> np.ndarray:
            return weight * g / slack**2 / self.total * np.stack([np.cos(angle), np.sin(angle)])

        whole = moment(self.angle, self.weight, self.g, self.slack).reshape(2, -1, RULE[0].size).sum(axis=2)
        before = np.concatenate([np.zeros((2, 1)), np.cumsum(whole, axis=1)], axis=1)
        turns, rest = np.divmod(angle - self.edges[0], 2 * np.pi)
        rest += self.edges[0]
        panel = np.clip(np.searchsorted(self.edges, rest, side="right") - 1, 0, self.edges.size - 2)
        at, weight = _gauss(self.edges[panel], rest)
        g = hinges(at, self.x) @ self.force
        part = moment(at, weight, g, self.decay**2 - g**2).reshape(2, -1, RULE[0].size).sum(axis=2)
        return turns * before[:, -1:] + before[:, panel] + part


def _gauss(low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points and weights of Gauss's rule on intervals, one interval after the other."""
    points, weights = RULE
    half = (high - low)[:, None] / 2
    return (low[:, None] + half * (1 + points)).ravel(), (half * weights).ravel()
