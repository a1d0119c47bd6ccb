"""Nets and data in plain numpy, with derivatives that use no formula of the paper nor of this package.

With the activations held, the fit is a polynomial in the parameters. So derivatives by complex steps (Squire and Trapp
1998) are exact to rounding, and differences of order 4 of the gradient, a cubic, give the Hessian whatever the step.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import jax.numpy as jnp
import numpy as np

from jspline.charts import ReLUNet
from jspline.datasets import Dataset

TINY = 1e-30
"""The complex step: its square is lost."""

STEP = 0.5
"""The step of the differences that give the Hessian."""

N, H = 10, 20
"""Data and neurons wherever a claim does not need others: each new shape is compiled."""


@dataclass(frozen=True)
class Case:
    """Parameters (all w, all b, all v, b0), sorted data and weights."""

    theta: np.ndarray
    x: np.ndarray
    y: np.ndarray
    p: np.ndarray

    @classmethod
    def of(cls, w: Any, b: Any, v: Any, b0: float, x: Any, y: Any, p: Any = None) -> "Case":
        """From the parts."""
        x, y = np.asarray(x, float), np.asarray(y, float)
        return cls(np.concatenate([w, b, v, [b0]]).astype(float), x, y, np.ones_like(x) if p is None else np.asarray(p))

    @property
    def width(self) -> int:
        return len(self.theta) // 3

    def split(self, theta: np.ndarray | None = None) -> tuple[np.ndarray, ...]:
        """w, b, v and b0, of parameters with any leading axes."""
        t, h = self.theta if theta is None else theta, self.width
        return t[..., :h], t[..., h : 2 * h], t[..., 2 * h : 3 * h], t[..., 3 * h]

    @property
    def beta(self) -> np.ndarray:
        w, b, _, _ = self.split()
        return -b / w

    @property
    def net(self) -> ReLUNet:
        return ReLUNet(*(jnp.asarray(part) for part in self.split()))

    @property
    def data(self) -> Dataset:
        return Dataset(jnp.asarray(self.x), jnp.asarray(self.y), jnp.asarray(self.p))

    @cached_property
    def active(self) -> np.ndarray:
        """Which neuron sees which datum, `(N, H)`."""
        w, b, _, _ = self.split()
        return w * self.x[:, None] + b > 0

    def at(self, theta: np.ndarray) -> "Case":
        """Other parameters, and their own activations."""
        return replace(self, theta=theta)

    def fit(self, theta: np.ndarray | None = None) -> np.ndarray:
        """f(x_n) with the activations held, `(..., N)`; theta may be complex."""
        w, b, v, b0 = self.split(theta)
        hidden = np.where(self.active, w[..., None, :] * self.x[:, None] + b[..., None, :], 0)
        return np.sum(hidden * v[..., None, :], axis=-1) + np.asarray(b0)[..., None]

    def residual(self, theta: np.ndarray | None = None) -> np.ndarray:
        """y - f(x_n), the paper's epsilon."""
        return self.y - self.fit(theta)

    def loss(self, theta: np.ndarray | None = None) -> np.ndarray:
        """1/2 sum p (y - f)^2."""
        return np.sum(self.p * self.residual(theta) ** 2, axis=-1) / 2

    def sums(self) -> tuple[np.ndarray, np.ndarray]:
        """<eps_i, 1> and <eps_i, x> of each neuron, by the definition, weights included."""
        e = np.where(self.active, (self.p * self.residual())[:, None], 0)
        return e.sum(axis=0), (e * self.x[:, None]).sum(axis=0)

    def gradient(self, theta: np.ndarray | None = None) -> np.ndarray:
        """By complex steps."""
        t = self.theta if theta is None else theta
        return np.imag(self.loss(t + 1j * TINY * np.eye(len(t)))) / TINY

    def hessian(self) -> np.ndarray:
        """By differences of the gradient."""

        def move(k: int, step: float) -> np.ndarray:
            return self.gradient(self.theta + step * np.eye(len(self.theta))[k])

        h = STEP
        rows = [
            (8 * (move(k, h) - move(k, -h)) - (move(k, 2 * h) - move(k, -2 * h))) / (12 * h)
            for k in range(len(self.theta))
        ]
        return (np.array(rows) + np.array(rows).T) / 2

    def velocity(self, what: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]) -> np.ndarray:
        """How fast a quantity of (w, b, v) changes as gradient flow begins, by a complex step along -grad L."""
        w, b, v, _ = self.split(self.theta - 1j * TINY * self.gradient())
        return np.imag(what(w, b, v)) / TINY

    @property
    def terms(self) -> np.ndarray:
        """The sums of sizes that the entries of the gradient are made of."""
        w, b, v, b0 = (np.abs(part) for part in self.split())
        z = w * np.abs(self.x[:, None]) + b
        e = self.p * (np.abs(self.y) + z @ v + b0)
        x = np.abs(self.x)
        return np.concatenate([v * (e @ x), v * e.sum(), e @ z, [e.sum()]])

    @property
    def hessian_terms(self) -> float:
        """A bound of what the entries of `hessian` are differences of, over the step."""
        far = replace(self, theta=np.abs(self.theta) + 2 * STEP)
        return float(np.max(far.terms)) * 1.5 / STEP

    @property
    def operations(self) -> int:
        """The additions and multiplications that follow each other in any of these."""
        return 8 * (len(self.x) + self.width + 8)


def random_case(rng: np.random.Generator, size: int = N, width: int = H) -> Case:
    """Everything standard normal, weights uniform."""
    x = np.sort(rng.normal(size=size))
    w, b, v = rng.normal(size=(3, width))
    return Case.of(w, b, v, rng.normal(), x, rng.normal(size=size), rng.uniform(0.5, 1.5, size))


def critical_case(rng: np.random.Generator) -> Case:
    """A critical point with residuals: pieces of 3, 4 and 3 data, on each of which f is the least squares line.

    By construction of y: f plus what is orthogonal to lines on each piece. All v_i != 0; some neurons see all data.
    """
    x = (np.arange(N) - (N - 1) / 2) / 4 + rng.uniform(-0.05, 0.05, N)
    p = rng.uniform(0.5, 1.5, N)
    gaps = np.array([[x[2], x[3]], [x[6], x[7]]])
    place = rng.integers(0, 4, H)
    place[:4] = range(4)
    share = rng.uniform(0.2, 0.8, H)
    inside = gaps[place % 2, 0] * (1 - share) + gaps[place % 2, 1] * share
    s = np.where(place < 2, rng.choice([-1, 1], H), np.where(place == 2, 1, -1))
    beta = np.where(place < 2, inside, -s * (1.5 + share))
    w = s * rng.uniform(0.5, 1.5, H)
    v = rng.choice([-1, 1], H) * rng.uniform(0.3, 1, H)
    flat = Case.of(w, -w * beta, v, rng.normal(), x, np.zeros(N), p)
    noise = rng.normal(size=N)
    for piece in np.split(np.arange(N), [3, 7]):
        line = np.stack([np.ones(len(piece)), x[piece]], axis=1)
        root = np.sqrt(p[piece])[:, None]
        noise[piece] -= line @ np.linalg.lstsq(root * line, root[:, 0] * noise[piece], rcond=None)[0]
    return replace(flat, y=flat.fit() + noise)


def lonely_case(rng: np.random.Generator) -> Case:
    """A net that interpolates: two breakpoints in every gap between data, one outside on either side, no v_i = 0."""
    x = (np.arange(N) - (N - 1) / 2) / 2 + rng.uniform(-0.05, 0.05, N)
    edges = np.concatenate([[x[0] - 0.5], x, [x[-1] + 0.5]])
    gap = np.concatenate([[0], np.repeat(np.arange(1, N), 2), [N]])
    beta = edges[gap] + rng.uniform(0.2, 0.8, H) * (edges[gap + 1] - edges[gap])
    s = rng.choice([-1, 1], H)
    s[[0, -1]] = 1, -1  # they see all data
    w = s * rng.uniform(0.5, 1.5, H)
    y, v, b0 = rng.normal(size=N), rng.normal(size=H), rng.normal()
    start = Case.of(w, -w * beta, v, b0, x, y)
    hidden = np.where(start.active, w * x[:, None] - w * beta, 0)
    v = v + np.linalg.lstsq(hidden, start.residual(), rcond=None)[0]
    return Case.of(w, -w * beta, v, b0, x, y)
