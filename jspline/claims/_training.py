"""Networks trained side by side: by the exact flow, and by Adam. One compiled program of each serves several claims.

So data are filled up with some of weight 0, and networks with neurons that are dead and stay so.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from jspline.charts import ReLUNet
from jspline.claims._claim import Budget
from jspline.claims._programs import compiled, in_tiles
from jspline.datasets import Dataset
from jspline.descent import train
from jspline.dynamics import flow
from jspline.problem import pad

SIZES, WIDTH, LANES, LOOKS = (12, 40), 100, 8, 5
RATES = 1e-2, 1e-3
"""Of Adam: half of the steps at the first."""


class Trained(NamedTuple):
    """Networks at the times and at the end, each part `(networks, times, width)`, and their loss at the end.

    `fitted` is whether a flow came to its end, by time or by loss, before its steps.
    """

    w: np.ndarray
    b: np.ndarray
    v: np.ndarray
    b0: np.ndarray
    loss: np.ndarray
    fitted: np.ndarray

    @property
    def beta(self) -> np.ndarray:
        """Breakpoints; NaN for w = 0."""
        return np.where(self.w == 0, np.nan, -self.b / np.where(self.w == 0, 1, self.w))

    @property
    def mu(self) -> np.ndarray:
        """Delta-slopes."""
        return self.w * self.v

    def fit(self, at: np.ndarray) -> np.ndarray:
        """f at these points, `(networks, times, points)`."""
        values = [np.sum(self.v * np.maximum(self.w * t + self.b, 0), axis=-1) for t in at]
        return np.stack(values, axis=-1) + self.b0[..., None]


Starts = tuple[ReLUNet, Dataset]
"""Networks of one width, and the data of each: their arrays have a first axis for the networks."""


def flows(starts: Starts, t1: float, *, looks: Any = (), loss_tol: float = 0.0) -> Trained:
    """The exact flow of each network on its data, to a time or a loss."""
    times = np.concatenate([looks, t1 * (1 + 1e-12 * np.arange(LOOKS - len(looks)))])
    shared = [jnp.asarray(each) for each in (t1 * (1 + 1e-9), times, loss_tol)]
    return _all(starts, lambda nets, data: _flow(nets, data, *shared), len(looks))


def descents(starts: Starts, budget: Budget) -> Trained:
    """The same by Adam, on all data at each step: 8,000 steps, or 40,000."""
    return _all(starts, lambda nets, data: _descend(nets, data, 4_000 if budget == "quick" else 20_000), 0)


def rms(difference: np.ndarray) -> np.ndarray:
    """The root mean square over the last axis."""
    return np.sqrt(np.mean(difference**2, axis=-1))


def _all(starts: Starts, run: Any, looks: int) -> Trained:
    width = starts[0].w.shape[-1]
    w, b, v, b0, *ends, loss, fitted = in_tiles(run, jax.device_get(jax.vmap(_filled)(*starts)), LANES)
    nets_then = zip((w, b, v, b0), ends, strict=True)
    parts = [np.concatenate([then[:, :looks], end[:, None]], axis=1) for then, end in nets_then]
    w, b, v = (part[..., :width] for part in parts[:3])
    return Trained(w, b, v, parts[3], loss, fitted)


def _filled(net: ReLUNet, data: Dataset) -> tuple[ReLUNet, Dataset]:
    net, problem = pad(net, data, width=WIDTH, size=min(n for n in SIZES if n >= data.size))
    return net, problem.data


def _one_flow(net: ReLUNet, data: Dataset, t1: Any, times: Any, loss_tol: Any) -> Any:
    options: dict[str, Any] = {"rtol": 1e-4, "atol": 1e-8, "grad_tol": 1e-12, "max_steps": 4_000}
    sol = flow(net, data, t1, ts=times, loss_tol=loss_tol, **options)
    assert sol.nets is not None
    return *_parts(sol.nets), *_parts(sol.net), sol.loss, sol.stats["num_steps"] < 4_000


def _one_descent(net: ReLUNet, data: Dataset, steps: int) -> Any:
    rate = optax.piecewise_constant_schedule(RATES[0], {steps: RATES[1] / RATES[0]})
    run = train(net, data, optax.adam(rate), 2 * steps, records=1)
    return *_parts(jax.tree.map(lambda part: part[None], run.net)), *_parts(run.net), run.loss, jnp.isfinite(run.loss)


def _parts(net: ReLUNet) -> tuple[Any, ...]:
    return net.w, net.b, net.v, net.b0


_flow = compiled(jax.vmap(_one_flow, in_axes=(0, 0, None, None, None)))
_descend = jax.jit(jax.vmap(_one_descent, in_axes=(0, 0, None)), static_argnums=2)
