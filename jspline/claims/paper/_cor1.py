"""Corollary 1 (section 2.2): the marginal and conditional laws of breakpoints and delta-slopes.

(a) Gaussian: Cauchy, K0 and Laplace. (b) Uniform: flat with tails 1 / beta^2, logarithmic, and triangular.
Independent: weights drawn in numpy, beta = -b / w and mu = w v of them. Decision: Kolmogorov and Smirnov's test. The
conditional law is tested at mu given its own beta, where P(mu | beta) is uniform if it is right.
"""

from functools import partial
from typing import Any

import numpy as np
import scipy.integrate
import scipy.special
from scipy import stats

from jspline.claims._claim import Claim, Evidence, Run
from jspline.claims._decide import distributed

SCALES = {"w": 1.5, "b": 0.7, "v": 2.0}


def gaussian(w: float, b: float, v: float) -> dict[str, Any]:
    """The distribution functions of corollary 1a, for standard deviations."""
    grid = np.concatenate([[0], np.geomspace(1e-8, 50, 4000)])
    tail = [scipy.special.iti0k0(t)[1] for t in grid]  # the integral of K0 from 0 to t
    return {
        "beta": stats.cauchy(scale=b / w).cdf,
        "mu": lambda mu: 0.5 + np.sign(mu) * np.interp(np.abs(mu) / (v * w), grid, tail) / np.pi,
        "mu | beta": lambda mu, beta: stats.laplace(scale=b * v * w / np.sqrt(b**2 + w**2 * beta**2)).cdf(mu),
    }


def uniform(w: float, b: float, v: float) -> dict[str, Any]:
    """The distribution functions of corollary 1b, for half-widths."""
    A = w * v

    def m(beta: np.ndarray) -> np.ndarray:
        return np.minimum(b / np.abs(beta), w)

    def beta_cdf(beta: np.ndarray) -> np.ndarray:
        reach = np.minimum(np.abs(beta), b / w)
        beyond = np.maximum(np.abs(beta), b / w)
        return 0.5 + np.sign(beta) * (reach * w**2 + b**2 * (w / b - 1 / beyond)) / (4 * b * w)

    return {
        "beta": beta_cdf,
        "mu": lambda mu: 0.5 + mu / (2 * A) * (1 + np.log(A / np.abs(mu))),
        "mu | beta": lambda mu, beta: stats.triang(0.5, loc=-v * m(beta), scale=2 * v * m(beta)).cdf(mu),
    }


def check(run: Run, stated: Any) -> Evidence:
    rng, n = run.rng(), run.size(100_000, 5_000_000)
    found = []
    for family, draw in (("gaussian", rng.normal), ("uniform", partial(rng.uniform, -1, 1))):
        w, b, v = (SCALES[name] * np.asarray(draw(size=n)) for name in "wbv")
        beta, mu = -b / w, w * v
        law = getattr(stated, family)(**SCALES)
        found += [
            distributed(f"{family}: law of beta", beta, law["beta"]),
            distributed(f"{family}: law of mu", mu, law["mu"]),
            distributed(f"{family}: law of mu given beta", law["mu | beta"](mu, beta), stats.uniform.cdf),
        ]
    return Evidence(tuple(found))


CLAIM = Claim(
    id="cor1",
    title="Laws of breakpoints and of delta-slopes",
    source="corollary 1, section 2.2",
    statement="Gaussian weights give Cauchy breakpoints, K0 and, given the breakpoint, Laplace delta-slopes; uniform "
    "weights give tails of 1 / beta^2, logarithmic and triangular ones.",
    check=check,
    stated={"gaussian": gaussian, "uniform": uniform},
)
