"""Mulayoff, Michaeli and Soudry (2021): gradient descent of step eta ends only where the fit is smooth enough.

With the loss half the mean of squares, sum |mu_i| g_i <= 1 / eta - 1 / 2 at every stable minimum of loss 0, where
g = P^2 E[|x - beta|] sqrt(1 + E[x]^2), P the share of the data that the neuron sees and E their mean. Stated: g and the
bound. Independent: the curvature along the mean gradient and the largest eigenvalue of the Hessian, by differences of
complex-step gradients; and gradient descent itself (`jspline.train`) at several steps from nets too sharp for most.
Decision: rounding; the bound at every end of a run that has converged; and, by a binomial test, that the largest step
ends smoother than the smallest one. Why it is so: stable means a largest eigenvalue of at most 2 / eta, it is at least
the square of the mean gradient, and that is at least 1 + 2 sum |mu_i| g_i, whatever the scale of each neuron.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from jspline.charts import ReLUNet
from jspline.claims._case import Case, lonely_case
from jspline.claims._claim import Claim, Compared, Evidence, Run
from jspline.claims._decide import at_least, at_most, equal, more_often
from jspline.datasets import Dataset
from jspline.descent import train
from jspline.plot.paper import step_bound

STEPS = np.array([0.02, 0.03, 0.045, 0.07])
UPDATES, WIDTH, SIZE = 5_000, 60, 5
X = np.linspace(-1, 1, SIZE)
P = np.full(SIZE, 1 / SIZE)
Y = np.sin(3 * X)
GRID = np.linspace(-1, 1, 201)


def weight(beta: np.ndarray, s: np.ndarray, x: np.ndarray) -> np.ndarray:
    """g of neurons that face s."""
    sees = s * (x[:, None] - beta) > 0
    share = np.mean(sees, axis=0)
    count = np.maximum(np.sum(sees, axis=0), 1)
    reach = np.sum(np.where(sees, np.abs(x[:, None] - beta), 0), axis=0) / count
    middle = np.sum(np.where(sees, x[:, None], 0), axis=0) / count
    return share**2 * reach * np.sqrt(1 + middle**2)


def roughness(case: Case, stated: Any) -> float:
    """sum |mu_i| g_i."""
    w, _, v, _ = case.split()
    return float(np.sum(np.abs(w * v) * stated.weight(case.beta, np.sign(w), case.x)))


def mean_gradient(case: Case) -> np.ndarray:
    """Of f over the data, by a complex step: p is 1 / N."""
    size = len(case.theta)
    return np.imag(case.fit(case.theta + 1e-30j * np.eye(size)) @ case.p) / 1e-30


def easiest(case: Case) -> Case:
    """Every neuron scaled to where its part of the mean gradient is least: both layers then have the same."""
    w, b, v, b0 = case.split()
    H = case.width
    part = mean_gradient(case) ** 2
    scale = ((part[:H] + part[H : 2 * H]) / np.maximum(part[2 * H : 3 * H], 1e-300)) ** 0.25
    scale = np.where(scale > 0, scale, 1)
    return case.at(np.concatenate([w * scale, b * scale, v / scale, [b0]]))


def descend(run: Run) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ends of gradient descent: w, b, v and b0, the losses, and whether each has converged, all (step, start, ...)."""
    data = Dataset(jnp.asarray(X), jnp.asarray(Y), jnp.asarray(P))

    def one(eta: Any, key: Any) -> Any:
        w_key, b_key, v_key = jax.random.split(key, 3)
        w = jax.random.rademacher(w_key, (WIDTH,), float)
        beta, v = jax.random.uniform(b_key, (WIDTH,), float, -1.5, 1.5), jax.random.normal(v_key, (WIDTH,))
        net = ReLUNet(w, -w * beta, v)
        done = train(net, data, optax.sgd(eta), UPDATES, learning_rate=eta, records=20)
        return jnp.concatenate([done.net.w, done.net.b, done.net.v, done.net.b0[None]]), done.losses[-2:]

    keys = jax.random.split(run.key(), run.size(40, 200))
    theta, losses = jax.jit(jax.vmap(jax.vmap(one, (None, 0)), (0, None)))(jnp.asarray(STEPS), keys)
    losses = np.asarray(losses)
    return np.asarray(theta), losses[..., -1], np.isfinite(losses[..., -1]) & (losses[..., -1] < 1e-8)


def check(run: Run, stated: Any) -> Evidence:
    rng = run.rng()
    minima = []
    for _ in range(run.size(10, 100)):
        case = lonely_case(rng)
        minima.append(easiest(Case(case.theta, case.x, case.y, np.full(len(case.x), 1 / len(case.x)))))
    least = np.array([np.sum(mean_gradient(case) ** 2) for case in minima])
    due = np.array([1 + 2 * roughness(case, stated) for case in minima])
    largest = np.array([np.linalg.eigvalsh(case.hessian())[-1] for case in minima])
    theta, loss, converged = descend(run)
    ends = [[Case(each, X, Y, P) for each in row] for row in theta]
    sums = np.array([[roughness(case, stated) if ok else np.nan for case, ok in zip(*rows, strict=True)]
                     for rows in zip(ends, converged, strict=True)])  # fmt: skip
    bounds = np.array([stated.bound(eta) for eta in STEPS])
    both = converged[0] & converged[-1]
    wins, trials = int(np.sum((sums[-1] < sums[0]) & both)), int(both.sum())
    used = [float(np.nanmax(row)) if np.any(ok) else np.nan for row, ok in zip(sums, converged, strict=True)]
    fits = np.array([[row[k].net(jnp.asarray(GRID)) for row in (ends[0], ends[-1])]
                     for k in np.flatnonzero(both)[:1]])  # fmt: skip
    return Evidence(
        printed=(
            equal("square of the mean gradient at its least over scales", due, least, size=due,
                  operations=minima[0].operations),
            at_least("largest eigenvalue over that", float(np.min(largest / due)), 1.0),
            at_most("sum over its bound, at the ends of all runs", float(np.nanmax(sums / bounds[:, None])), 1.0),
            more_often("starts whose largest step ends smoother than the smallest", wins, max(trials, 1),
                       mean_at_smallest=np.mean(sums[0][both]), mean_at_largest=np.mean(sums[-1][both])),
        ),
        compared=tuple(
            Compared(f"sum |mu_i| g_i, eta = {eta:g}", f"at most {bound:.3g}", f"at most {most:.3g} "
                     f"in {int(ok.sum())} of {ok.size} runs that converged")
            for eta, bound, most, ok in zip(STEPS, bounds, used, converged, strict=True)
        ),
        arrays={"eta": STEPS, "sums": sums, "bound": bounds, "grid": GRID, "x": X, "y": Y,
                "fits": fits.reshape(-1, 2, len(GRID)), "loss": loss},
    )  # fmt: skip


CLAIM = Claim(
    id="lit-mulayoff",
    title="Large steps make smooth fits",
    source="Mulayoff, Michaeli and Soudry (2021), The implicit bias of minima stability, theorem 1",
    statement="Gradient descent of step eta on half the mean of squares is stable only at minima where "
    "sum |mu_i| g(beta_i) <= 1 / eta - 1 / 2, so larger steps end with smoother fits.",
    check=check,
    stated={"weight": weight, "bound": lambda eta: 1 / eta - 0.5},
    figure=step_bound,
)
