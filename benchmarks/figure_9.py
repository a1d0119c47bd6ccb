"""Figure 9: the pieces that algorithms need to come near a quadratic."""

from functools import partial
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import optax

import jspline
from benchmarks._report import machine, table
from jspline import plot, pwl
from jspline.descent import OUTCOMES, BatchNormNet, train

RATES = (1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1)
SEEDS, SIZE = 5, 100
WIDTHS, BUDGETS = (4, 8, 16, 32, 64, 256), (2_000, 20_000)
BATCHES = {"32": 32, "all": None}
"""How many data a step sees: SGD on all of them is gradient descent."""

NAMES = ("Adam", "batch-norm SGD", "from gain 1", "SGD")
"""Batch-norm SGD twice: from the functions that the others start from, and from gains of 1 and shifts of 0."""

LABELS = {"batch-norm SGD": "batch-norm SGD from the same function", "from gain 1": "from gains of 1"}
TARGETS = (1e-2, 1e-3, 1e-4, 1e-5)
MOST = 50
"""The most pieces of SIZE data that are more than pairs joined."""

FIGURE = Path(__file__).with_name("figure_9.png")


def run(smoke: bool) -> str:
    """The mean squared error on a quadratic at so many pieces, for five algorithms, and the pieces for an error."""
    jax.config.update("jax_enable_x64", True)
    widths, budgets, rates = ((4,), (20, 40), RATES[:2]) if smoke else (WIDTHS, BUDGETS, RATES)
    data = jspline.datasets.quadratic(SIZE)
    optimal = np.asarray(pwl.dynamic_programming(data, MOST).sses) / SIZE
    greedy = np.asarray(pwl.greedy_merge(data, "auto", most=MOST).sses) / SIZE
    rows, needed, found = [], [], {}
    for batch, size in BATCHES.items():
        for name in NAMES:
            for width in widths:
                errors, stable = _train(name, width, size, rates, budgets)
                found[batch, name, width] = _best(errors, stable, rates)
        for width in widths:
            for k, budget in enumerate(budgets):
                fits = [f"{least[width]:.1e}" if width < MOST else "0" for least in (optimal, greedy)]
                cells = [found[batch, name, width][k][1] for name in NAMES]
                rows.append([batch, str(width + 1), f"{budget:,}", *fits, *cells])
        last = {name: {width + 1: found[batch, name, width][-1][0] for width in widths} for name in NAMES}
        for target in TARGETS[: 1 if smoke else None]:
            exact = [str(int(np.argmax(errors <= target)) + 1) for errors in (optimal, greedy)]
            needed.append([batch, f"{target:g}", *exact, *(_fewest(last[name], target) for name in NAMES)])
    if not smoke:
        _draw(optimal, greedy, {key: fit[-1][0] for key, fit in found.items()})
    text = table(["batch", "pieces", "steps", "optimal", "greedy", *NAMES], rows)
    pieces = table(["batch", "mean squared error", "optimal", "greedy", *NAMES], needed)
    return f"{text}\n\nPieces needed, of those tried, by the median seed [best, worst]:\n\n{pieces}\n\n{machine()}."


@partial(jax.jit, static_argnums=range(5))
def _train(
    name: str, width: int, batch: int | None, rates: tuple[float, ...], budgets: tuple[int, int]
) -> tuple[jax.Array, jax.Array]:
    """The mean squared error, `(rates, seeds, budgets)`, and whether the training was stable, `(rates, seeds)`."""
    plain = jspline.datasets.quadratic(SIZE)
    data = jspline.Dataset(plain.x, plain.y, jnp.full(SIZE, 2 / SIZE))  # the loss is the mean squared error

    def one(rate: jax.Array, seed: jax.Array) -> tuple[jax.Array, jax.Array]:
        keys = jax.random.split(jax.random.fold_in(jax.random.key(9), seed))
        net: Any = jspline.init.he(width).sample(width, key=keys[0])
        if name in NAMES[1:3]:
            net = BatchNormNet.from_net(net, data)
        if name == "from gain 1":
            net = eqx.tree_at(lambda n: (n.gain, n.shift), net, (jnp.ones(width), jnp.zeros(width)))
        optimizer = optax.adam(rate) if name == "Adam" else optax.sgd(rate)
        records = budgets[1] // budgets[0]
        run = train(net, data, optimizer, budgets[1], batch_size=batch, key=keys[1], records=records)
        return run.losses[jnp.array([1, -1])], run.outcome == OUTCOMES.steps_done

    each = jax.vmap(jax.vmap(one, in_axes=(None, 0)), in_axes=(0, None))
    return each(jnp.array(rates), jnp.arange(SEEDS))


def _best(errors: jax.Array, stable: jax.Array, rates: tuple[float, ...]) -> list[tuple[np.ndarray, str]]:
    """For each budget the errors of the seeds in order, at the rate with the least median, and the cell about them."""
    final = np.where(np.asarray(stable)[..., None], np.asarray(errors), np.inf)
    lost, found = int(np.sum(~np.asarray(stable))), []
    for each in np.moveaxis(final, -1, 0):
        best = int(np.argmin(np.median(each, axis=1)))
        here = np.sort(each[best])
        cell = f"{np.median(here):.1e} [{here[0]:.1e}, {here[-1]:.1e}] at {rates[best]:g}"
        found.append((here, cell + (f", {lost} unstable" if lost else "")))
    return found


def _fewest(errors: dict[int, np.ndarray], target: float) -> str:
    """The fewest pieces with which the median seed, the best and the worst come to the target."""
    counts = []
    for seed in (SEEDS // 2, 0, -1):
        enough = [pieces for pieces, each in errors.items() if each[seed] <= target]
        counts.append(str(min(enough)) if enough else f"over {max(errors)}")
    return f"{counts[0]} [{counts[1]}, {counts[2]}]"


def _draw(optimal: np.ndarray, greedy: np.ndarray, found: dict[tuple[str, str, int], np.ndarray]) -> None:
    """The error by the number of pieces: the median of the seeds, and from the least to the largest."""
    pieces = np.arange(1, MOST + 1)
    with plot.style():
        figure, axes = plt.subplots(1, len(BATCHES), figsize=(9, 4.4), sharey=True, layout="constrained")
        for ax, batch in zip(axes, BATCHES, strict=True):
            ax.loglog(pieces[:-1], optimal[:-1], color="black", label="optimal")
            ax.loglog(pieces[:-1], greedy[:-1], color="black", linestyle=":", label="greedy")
            for name, colour in zip(NAMES, plot.COLOURS, strict=False):
                sorted_errors = np.stack([found[batch, name, width] for width in WIDTHS])
                middle, low, high = (sorted_errors[:, k] for k in (SEEDS // 2, 0, -1))
                high = np.where(np.isfinite(high), high, 1)
                ax.fill_between(np.array(WIDTHS) + 1, low, high, color=colour, alpha=0.2, linewidth=0)
                ax.loglog(np.array(WIDTHS) + 1, middle, "o-", markersize=3, color=colour, label=LABELS.get(name, name))
            title = f"all {SIZE} data a step" if batch == "all" else f"{batch} data a step"
            ax.set(xlabel="pieces", ylim=(1e-7, 1), title=title)
        axes[0].set_ylabel("mean squared error")
        figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    figure.savefig(FIGURE, dpi=150)
    plt.close(figure)
