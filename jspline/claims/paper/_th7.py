"""Theorem 7 (section 2.6.1): gradient flow of equation 8 from mu_0 ends at the interpolant nearest to mu_0 in l2.

Stated: `jspline.kernel.min_norm` of a spline. Independent: 2^24 steps of gradient descent in mu, by squaring the
affine map of one step. Decision: a rounding in every step, 2^24 eps relative to mu. (For the network see `lemma2`.)
"""

from typing import Any

import equinox as eqx
import numpy as np

from jspline.charts import Spline
from jspline.claims._case import H
from jspline.claims._claim import Claim, Evidence, Run
from jspline.claims._decide import at_most
from jspline.datasets import Dataset
from jspline.kernel import min_norm
from jspline.problem import Problem

STEPS = 24


def descend(phi: np.ndarray, y: np.ndarray, mu: np.ndarray) -> np.ndarray:
    """2^24 steps of 1 over the largest curvature."""
    rate = 1 / np.linalg.norm(phi, 2) ** 2
    step = np.eye(len(mu) + 1)
    step[:-1, :-1] -= rate * phi.T @ phi
    step[:-1, -1] = rate * phi.T @ y
    for _ in range(STEPS):
        step = step @ step
    return step[:-1, :-1] @ mu + step[:-1, -1]


def check(run: Run, stated: Any) -> Evidence:
    rng, worst, left = run.rng(), 0.0, 0.0
    for _ in range(run.size(10, 200)):
        x = np.linspace(-1, 1, 5) + rng.uniform(-0.1, 0.1, 5)
        beta, s = rng.uniform(-1.3, 1.3, H), rng.choice([-1.0, 1.0], H)
        beta[:2], s[:2] = -1.5, 1  # seen by all data
        mu, y = rng.normal(size=H), rng.normal(size=5)
        ahead = x[:, None] - beta
        phi = np.where(s * ahead > 0, ahead, 0)
        end = descend(phi, y, mu)
        limit = stated.limit(Spline(beta, mu, s), Problem(Dataset(x, y), train_b0=False))
        unit = np.finfo(float).eps * 2**STEPS * np.max(np.abs(end))
        worst = max(worst, np.max(np.abs(np.asarray(limit.mu) - end)) / unit)
        left = max(left, np.max(np.abs(y - phi @ end)) / unit)
    return Evidence((
        at_most("residual after 2^24 steps, in units of its rounding", left, 10),
        at_most("distance to the nearest interpolant, in these units", worst, 10),
    ))  # fmt: skip


CLAIM = Claim(
    id="th7",
    title="Gradient flow of the linear model finds the nearest interpolant",
    source="theorem 7, section 2.6.1",
    statement="With breakpoints fixed, gradient flow in mu ends at the interpolant with the least |mu - mu_0|.",
    check=check,
    stated={"limit": eqx.filter_jit(min_norm)},
)
