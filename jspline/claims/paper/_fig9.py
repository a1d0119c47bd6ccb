"""Figure 9 (section 3.1): how well algorithms fit a quadratic with so many pieces.

The print has no sizes. Here: 100 data of x^2 / 2 on [-2, 2], batches of 32, 2,000 steps (20,000), each optimiser at its
best of four rates by the median of the seeds; batch-norm SGD from the same functions. Stated: the errors of dynamic
programming and of greedy merging (`jspline.pwl`). Independent: the least squares errors of their breaks, in numpy.
Decision: pairs of runs from the same start, by binomial tests; the orders of all others at every number of pieces.
"""

import functools
from itertools import product
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from jspline.claims._claim import Budget, Claim, Compared, Evidence, Run
from jspline.claims._decide import at_least, at_most, counted, more_often
from jspline.datasets import Dataset, quadratic
from jspline.descent import BatchNormNet, train
from jspline.ensemble._tile import side_by_side
from jspline.init import he
from jspline.plot import paper
from jspline.pwl import dynamic_programming, greedy_merge

SIZE, MOST, BATCH = 100, 50, 32
WIDTHS = np.array([8, 16, 32])
NAMES = "Adam", "batch-norm SGD", "SGD"
RATES = np.array([3e-3, 1e-2, 3e-2, 1e-1])


@functools.cache
def trained(budget: Budget, seed: int) -> np.ndarray:
    """Mean squared errors at the best rate, `(optimisers, widths, seeds)`: 24, or 96."""
    seeds, steps = (24, 2_000) if budget == "quick" else (96, 20_000)
    keys = jax.random.split(jax.random.key(seed), seeds)
    found = np.array(side_by_side(lambda each: _errors(*each, steps, keys), product(NAMES, WIDTHS.tolist())))
    found = found.reshape(len(NAMES), len(WIDTHS), len(RATES), seeds)
    found = np.where(np.isfinite(found), found, np.inf)
    best = np.argmin(np.median(found, axis=-1), axis=-1)
    return np.take_along_axis(found, best[..., None, None], axis=2)[:, :, 0]


@functools.partial(jax.jit, static_argnums=(0, 1, 2))
def _errors(name: str, width: int, steps: int, keys: jax.Array) -> jax.Array:
    plain = quadratic(SIZE)
    data = Dataset(plain.x, plain.y, jnp.full(SIZE, 2 / SIZE))  # the loss is the mean squared error

    def one(rate: jax.Array, key: jax.Array) -> jax.Array:
        net_key, batch_key = jax.random.split(key)
        net: Any = he(width).sample(width, key=net_key)
        if name == "batch-norm SGD":
            net = BatchNormNet.from_net(net, data)
        optimizer = optax.adam(rate) if name == "Adam" else optax.sgd(rate)
        return train(net, data, optimizer, steps, batch_size=BATCH, key=batch_key, records=1).loss

    return jax.vmap(jax.vmap(one, in_axes=(None, 0)), in_axes=(0, None))(jnp.asarray(RATES), keys)


def fitted(sses: Any) -> np.ndarray:
    """Mean squared errors for 1, 2, ... pieces."""
    return np.asarray(sses)[: MOST - 1] / SIZE


def needed(errors: np.ndarray, error: float) -> int:
    """The fewest pieces that come to the error."""
    return int(np.argmax(errors <= error)) + 1


def check(run: Run, stated: Any) -> Evidence:
    errors, data = trained(run.budget, run.seed), quadratic(SIZE)
    optimal, greedy = (fitted(each(data)) for each in (stated.optimal, stated.greedy))
    even = [_even(data, k) for k in range(1, MOST)]
    adam, norm, sgd = errors
    trials = adam.size
    middle = np.median(errors, axis=-1)
    reached = int(np.sum(middle <= greedy[WIDTHS]))  # H neurons make H + 1 pieces
    like_adam = needed(optimal, middle[0, -1])
    ratio = (WIDTHS[-1] + 1) / like_adam

    def order(what: str, one: np.ndarray, other: np.ndarray) -> Any:
        return more_often(what, int(np.sum(one < other)), trials, median_ratio=np.median(other / one))

    return Evidence(
        printed=(
            order("Adam before batch-norm SGD", adam, norm),
            order("batch-norm SGD before SGD", norm, sgd),
            at_least("pieces of Adam over those of the optimum with its error", ratio, 10),
        ),
        corrected=(
            order("Adam before SGD", adam, sgd),
            order("Adam before batch-norm SGD, again", adam, norm),
            order("SGD before batch-norm SGD", sgd, norm),
            counted("optimisers and widths that come to the error of greedy merging", reached, 0),
            at_least("pieces of Adam over those of the optimum with its error, more than", ratio, 2),
            at_most("optimum above even pieces", float(np.max(optimal / even - 1)), 1e-9),
            at_most("pieces of greedy merging over the optimum's at 10^-4",
                    needed(greedy, 1e-4) / needed(optimal, 1e-4), 2.0),
        ),
        compared=(
            Compared("order of the optimisers", "Adam, batch-norm SGD, SGD",
                     ", ".join(NAMES[k] for k in np.argsort(middle[:, -1])) + f" at {WIDTHS[-1] + 1} pieces: "
                     + ", ".join(f"{v:.1e}" for v in np.sort(middle[:, -1]))),
            Compared("pieces that the optimum needs for Adam's error", "orders of magnitude fewer",
                     f"{like_adam} instead of {WIDTHS[-1] + 1}"),
            Compared("pieces of dynamic programming, of greedy merging", "slightly more",
                     f"{needed(optimal, 1e-4)}, {needed(greedy, 1e-4)} for an error of 10^-4"),
        ),
        arrays={"pieces": np.arange(1, MOST), "optimal": optimal, "greedy": greedy, "trained_pieces": WIDTHS + 1,
                "errors": np.minimum(errors, 1.0)},  # those that diverged, too
    )  # fmt: skip


def _even(data: Dataset, pieces: int) -> float:
    """The mean squared error of lines through equal shares of the data."""
    x, y = np.asarray(data.x), np.asarray(data.y)
    parts = np.array_split(np.arange(SIZE), pieces)
    return sum(float(np.sum((y[k] - np.polyval(np.polyfit(x[k], y[k], 1), x[k])) ** 2)) for k in parts) / SIZE


CLAIM = Claim(
    id="fig9",
    title="Descent is suboptimal",
    source="figure 9, section 3.1",
    statement="Dynamic programming and greedy merging need few pieces for a quadratic, descent orders of magnitude "
    "more, with Adam before batch-norm SGD before SGD.",
    corrected="Adam before SGD before batch-norm SGD, on batches of 32; all behind greedy merging.",
    check=check,
    stated={
        "optimal": lambda data: dynamic_programming(data, MOST).sses,
        "greedy": lambda data: greedy_merge(data, "auto", most=MOST).sses,
    },
    figure=paper.fig9,
)
