"""Corollary 4 (section 2.6.1): infinitely many uniform breakpoints learn the natural cubic spline.

And in the form for other densities the minimiser of the integral of f''^2 / p. Independent: kernel regression in numpy
with many evenly spaced breakpoints of both orientations on [-R, R], and with a Sobol sequence of Gaussian weights; the
error of each is taken from twice and half as many. Stated: `jspline.kernel.natural_cubic` and `weighted_spline`.
Decision: distances against these errors; the slope over log R.

For any R the minimiser is of int f''^2 + 2 A^2 / R + 6 C^2 / R^3: natural only as R -> infinity, too, with a gap
of 1 / R. For other densities the weight is nu = p E[w^2 | beta], and there are two such terms.
"""

import functools
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from scipy import stats

from jspline.claims._claim import Budget, Claim, Evidence, Run
from jspline.claims._decide import at_most, exponent
from jspline.datasets import Dataset
from jspline.init import Gaussian, UniformBreakpoints
from jspline.kernel import natural_cubic, weighted_spline
from jspline.problem import Problem

RANGES = np.array([1.0, 10.0, 100.0])
GRID = np.linspace(0, 1, 41)


def regression(x: np.ndarray, y: np.ndarray, at: np.ndarray, w: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The interpolant of least |v|, by singular values."""
    features = [np.maximum(t[:, None] * w + b, 0) for t in (x, at)]
    q, r = np.linalg.qr(features[0].T)
    return features[1] @ (q @ np.linalg.solve(r.T, y))


def even(R: float, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Both orientations at each of the midpoints."""
    beta = R * (2 * np.arange(count) + 1 - count) / count
    return np.repeat([1.0, -1.0], count), np.concatenate([-beta, beta])


def sobol(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Standard normal weights, scrambled by the seed."""
    w, b = stats.norm.ppf(stats.qmc.Sobol(2, rng=seed).random(count)).T
    return w, b


def printed_weighted(x: np.ndarray, y: np.ndarray, at: np.ndarray) -> np.ndarray:
    """The interpolant of least integral of f''^2 / p, p the Cauchy density: f'' = p times a broken line, 0 outside."""
    nodes, weights = np.polynomial.legendre.leggauss(6)
    ends = np.union1d(x, at)
    half = np.diff(ends) / 2
    t = (ends[:-1, None] + half[:, None] * (1 + nodes)).ravel()
    mass = (half[:, None] * weights).ravel() * stats.cauchy.pdf(t)
    bend = np.maximum(x[:, None] - t, 0)
    line = np.stack([np.ones_like(x), x], axis=1)
    system = np.block([[(bend * mass) @ bend.T, line], [line.T, np.zeros((2, 2))]])
    solution = np.linalg.solve(system, np.append(y, [0, 0]))
    return (np.maximum(at[:, None] - t, 0) * mass) @ (bend.T @ solution[:-2]) + solution[-2] + solution[-1] * at


def sup(one: Any, other: Any) -> float:
    """The largest difference."""
    return float(np.max(np.abs(np.asarray(one) - np.asarray(other))))


@functools.cache
def regressions(budget: Budget, seed: int) -> tuple[Any, ...]:
    """x, y, a grid, the fits for each range and the Gaussian one, each with half as many neurons and with all."""
    x = np.sort(np.random.default_rng(1 + seed).uniform(-1, 1, 8))
    y, at = np.sin(4 * x), x[0] + (x[-1] - x[0]) * GRID
    uniform = [[regression(x, y, at, *even(R, int(n * R))) for n in (500, 1000)] for R in RANGES]
    n = 2**15 if budget == "quick" else 2**19
    return x, y, at, uniform, [regression(x, y, at, *sobol(count, seed)) for count in (n // 2, n)]


def check(run: Run, stated: Any) -> Evidence:
    x, y, at, uniform, drawn = regressions(run.budget, run.seed)
    data = Dataset(x, y)
    natural = np.asarray(stated.natural(data)(at))
    gaps = [sup(fits[1], natural) for fits in uniform]
    errors, sampling = [sup(*fits) for fits in uniform], sup(*drawn)
    off = [sup(fits[1], stated.uniform(jnp.asarray(R), data)(at)) for R, fits in zip(RANGES, uniform, strict=True)]
    return Evidence(
        printed=(
            at_most("R = 1: distance to the natural cubic spline", gaps[0], 4 * errors[0]),
            at_most("Gaussian: distance to the least integral of f''^2 / p",
                    sup(drawn[1], stated.with_p(x, y, at)), 4 * sampling),
        ),
        condition=(exponent("distance to the natural cubic spline over R", RANGES, gaps, -1.0, bound=True),),
        corrected=(
            *(at_most(f"R = {R:g}: distance to the weighted spline", o, 4 * e)
              for R, o, e in zip(RANGES, off, errors, strict=True)),
            at_most("Gaussian: distance to the weighted spline of nu", sup(drawn[1], stated.with_nu(data)(at)),
                    4 * sampling),
        ),
    )  # fmt: skip


def _uniform(R: Any, data: Dataset) -> Any:
    return weighted_spline(Problem(data, train_b0=False), UniformBreakpoints(-R, R))


def _with_nu(data: Dataset) -> Any:
    return weighted_spline(Problem(data, train_b0=False), Gaussian(1.0, 1.0, 1.0))


CLAIM = Claim(
    id="cor4",
    title="Infinite width and cubic splines",
    source="corollary 4, section 2.6.1",
    statement="Evenly spaced breakpoints learn the natural cubic spline as H -> infinity; others the least "
    "int f''^2 / p.",
    condition="The range of the breakpoints grows, too: the gap is of order 1 / R.",
    corrected="The least int f''^2 / nu + 4 A^2 / int nu + 4 C^2 / int beta^2 nu, with nu = p E[w^2 | beta].",
    check=check,
    stated={
        "natural": natural_cubic,
        "uniform": eqx.filter_jit(_uniform),
        "with_p": printed_weighted,
        "with_nu": eqx.filter_jit(_with_nu),
    },
)
