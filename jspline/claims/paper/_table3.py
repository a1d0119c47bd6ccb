"""Table 3 (section 3.3): errors from spiky and from standard starts, shallow and deep.

The print has no sizes. Here: 12 data of sin 3x, 100 neurons, |w| = 1, of which 12 have |mu| = 5 in a spiky start; deep
is a second hidden layer of 40, that passes the first on. Shallow nets by the exact flow and by Adam, deep ones by Adam.
Independent: errors at the data and on a grid in numpy. Decision: in more than half of the pairs, which share all
neurons but the spikes, by binomial tests. A fit is near perfect with an error of less than a hundredth at the data.
"""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from jspline.charts import ReLUNet
from jspline.claims._claim import Budget, Claim, Compared, Evidence, Run
from jspline.claims._decide import more_often
from jspline.claims._training import RATES, WIDTH, Starts, descents, flows, rms
from jspline.datasets import Dataset
from jspline.descent import DeepNet, train
from jspline.init import Spiky, UniformBreakpoints
from jspline.plot import paper

X, GRID = np.linspace(-1, 1, 12), np.linspace(-1, 1, 401)
SPIKES, HEIGHT = 12, 5.0
KINDS = "standard", "spiky"
TRAINED = "shallow, flow", "shallow, Adam", "deep, Adam"


def target(x: np.ndarray) -> np.ndarray:
    """What is to be learned."""
    return np.sin(3 * x)


def starts(kind: str, count: int, seed: int, width: int = WIDTH) -> Starts:
    """The same neurons for both kinds, but for the spikes."""
    base = UniformBreakpoints(-1.0, 1.0, width**0.5, 0.1)
    data = Dataset(jnp.asarray(X), jnp.asarray(target(X)), jnp.full(len(X), 2 / len(X)))

    def start(key: jax.Array) -> tuple[ReLUNet, Dataset]:
        if kind == "spiky":
            return Spiky(base, HEIGHT, SPIKES).sample(width, key=key), data
        return base.sample(width, key=jax.random.split(key)[0]), data  # as `Spiky` does for its base

    return jax.vmap(start)(jax.random.split(jax.random.key(seed), count))


class Fits(NamedTuple):
    """Of one kind: `begin` and `end` on the grid, `(trained, nets, grid)`, and at the data, `(trained, nets, data)`."""

    begin: np.ndarray
    end: np.ndarray
    at_data: np.ndarray


@functools.cache
def trained(budget: Budget, seed: int) -> tuple[Fits, Fits]:
    """96 pairs, or 192."""
    return tuple(_trained(kind, budget, 96 if budget == "quick" else 192, seed) for kind in KINDS)  # type: ignore[return-value]


def _trained(kind: str, budget: Budget, count: int, seed: int) -> Fits:
    shallow, (deep, data) = starts(kind, count, seed), starts(kind, count, seed, 40)
    flowed, descended = flows(shallow, 1e4, looks=[0.0], loss_tol=1e-7), descents(shallow, budget)
    nets: DeepNet = jax.vmap(lambda net: DeepNet.from_net(net, 2))(deep)
    ends = _train_deep(nets, data, 1_000 if budget == "quick" else 10_000)
    fitted = [[_values(net, at) for net in (nets, ends)] for at in (GRID, X)]
    return Fits(
        np.stack([flowed.fit(GRID)[:, 0]] * 2 + [fitted[0][0]]),
        np.stack([flowed.fit(GRID)[:, -1], descended.fit(GRID)[:, -1], fitted[0][1]]),
        np.stack([flowed.fit(X)[:, -1], descended.fit(X)[:, -1], fitted[1][1]]),
    )


def _values(nets: DeepNet, at: np.ndarray) -> np.ndarray:
    """f in numpy."""
    hidden = np.broadcast_to(at, (len(nets.biases[0]), 1, len(at)))
    for k, (weight, bias) in enumerate(zip(nets.weights, nets.biases, strict=True)):
        hidden = np.asarray(weight) @ (np.maximum(hidden, 0) if k else hidden) + np.asarray(bias)[..., None]
    return hidden[:, 0]


@functools.partial(jax.jit, static_argnums=2)
def _train_deep(nets: DeepNet, data: Dataset, steps: int) -> DeepNet:
    rate = optax.piecewise_constant_schedule(RATES[0] / 10, {3 * steps: RATES[1] / RATES[0]})
    return jax.vmap(lambda net, its: train(net, its, optax.adam(rate), 4 * steps, records=1).net)(nets, data)


def check(run: Run, stated: Any) -> Evidence:
    fits = dict(zip(KINDS, trained(run.budget, run.seed), strict=True))
    train_error, test_error = (
        {kind: rms(getattr(fits[kind], part) - target(at)) for kind in KINDS}
        for part, at in (("at_data", X), ("end", GRID))
    )
    findings, n = [], train_error["spiky"].shape[1]
    flat, rough = stated.better, stated.worse
    for k, name in enumerate(TRAINED):
        both = np.maximum(train_error[flat][k], train_error[rough][k])
        findings.append(more_often(f"{name}: both are near perfect at the data", np.sum(both < 0.01), n))
        ratio = test_error[rough][k] / test_error[flat][k]
        findings.append(more_often(f"{name}: {rough} worse than {flat} between the data", np.sum(ratio > 1), n,
                                   median_ratio=np.median(ratio)))  # fmt: skip
    medians = np.array([[np.median(error[kind], axis=1) for error in (train_error, test_error)] for kind in KINDS])
    return Evidence(
        tuple(findings),
        compared=tuple(
            Compared(f"{name}: error between the data, {KINDS[0]} and {KINDS[1]}", "spiky is much worse",
                     f"{medians[0, 1, k]:.3g} and {medians[1, 1, k]:.3g}, at the data {medians[0, 0, k]:.1g} and "
                     f"{medians[1, 0, k]:.1g}")
            for k, name in enumerate(TRAINED)
        ),
        arrays={"medians": medians},
    )  # fmt: skip


CLAIM = Claim(
    id="table3",
    title="Spiky starts generalize worse",
    source="table 3, section 3.3",
    statement="Nets with spiky and with standard starts fit the data near perfectly, shallow and deep, and the spiky "
    "ones generalize much worse.",
    check=check,
    stated={"better": "standard", "worse": "spiky"},
    figure=paper.table3,
)
