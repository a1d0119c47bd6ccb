"""One ensemble of exact flows that several claims look at, computed once: flat starts at three scales."""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jspline.charts import ReLUNet
from jspline.claims._claim import Budget
from jspline.claims._programs import compiled, in_tiles
from jspline.datasets import Dataset
from jspline.dynamics import Solution, flow
from jspline.init import UniformBreakpoints
from jspline.problem import Problem

SIZE, WIDTH, REACH, TILE = 10, 60, 1.5, 8
X = np.linspace(-1, 1, SIZE)
ALPHAS = 0.1, 20.0, 100.0
"""sqrt(H) |w| at the start: the small, the middle and the large scale."""

TIMES = np.array([0.0, 0.3, 1.0, 1.02, 3.0, 10.0, 100.0])


class Flows(NamedTuple):
    """What is kept, with axes (alpha, init, ...).

    Attributes:
        y: the data, standard normal, `(alpha, init, SIZE)`.
        loss: at the end.
        w, b, v: at `TIMES` and at the end, `(alpha, init, times + 1, WIDTH)`.
    """

    y: np.ndarray
    loss: np.ndarray
    w: np.ndarray
    b: np.ndarray
    v: np.ndarray

    @classmethod
    def at(cls, alpha: float, time: float) -> tuple[int, int]:
        """The places of a scale and of a time."""
        return ALPHAS.index(alpha), TIMES.tolist().index(time)

    def net(self, alpha: int, init: int, time: int) -> ReLUNet:
        """One of the networks."""
        return ReLUNet(*(jnp.asarray(part[alpha, init, time]) for part in (self.w, self.b, self.v)))

    @property
    def beta(self) -> np.ndarray:
        """Breakpoints; NaN for w = 0."""
        return np.where(self.w == 0, np.nan, -self.b / np.where(self.w == 0, 1, self.w))

    def fit(self, at: np.ndarray) -> np.ndarray:
        """f at these points, `(alpha, init, times + 1, points)`."""
        return np.stack([np.sum(self.v * np.maximum(self.w * t + self.b, 0), axis=-1) for t in at], axis=-1)


def make(alpha: Any, key: Any) -> tuple[ReLUNet, Dataset]:
    """Breakpoints uniform on [-1.5, 1.5], |w| = alpha / sqrt(H), v = 0."""
    net_key, y_key = jax.random.split(key)
    net = UniformBreakpoints(-REACH, REACH, alpha, 0.0).sample(WIDTH, key=net_key)
    return net, Dataset(jnp.asarray(X), jax.random.normal(y_key, (SIZE,), net.w.dtype))


def measure(sol: Solution, data: Dataset) -> dict[str, Any]:
    """What is kept of each flow."""
    assert sol.nets is not None
    parts = {name: jnp.append(getattr(sol.nets, name), getattr(sol.net, name)[None], axis=0) for name in "wbv"}
    return {"loss": sol.loss, "y": data.y, **parts}


@functools.cache
def flows(budget: Budget, seed: int) -> Flows:
    """40 networks at each scale, or 200, in one program. The data of the i-th are the same at every scale."""
    inits = 40 if budget == "quick" else 200

    def one(alpha: Any, init: Any) -> dict[str, Any]:
        net, data = make(alpha, jax.random.fold_in(jax.random.key(seed), init))
        options: dict[str, Any] = {"rtol": 1e-4, "atol": 1e-8, "loss_tol": 1e-9, "grad_tol": 1e-9}
        return measure(
            flow(net, Problem(data, train_b0=False), 1e4, ts=jnp.asarray(TIMES), max_steps=5_000, **options), data
        )

    lanes = np.repeat(ALPHAS, inits), np.tile(np.arange(inits), len(ALPHAS))
    found = in_tiles(compiled(jax.vmap(one)), lanes, TILE)
    return Flows(
        **{name: np.asarray(value).reshape(len(ALPHAS), inits, *value.shape[1:]) for name, value in found.items()}
    )
