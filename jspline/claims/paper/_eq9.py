"""Equation 9 (section 2.6.1): the least integral of f''^2 among interpolants is that of the natural cubic spline.

Stated: `jspline.kernel.natural_cubic`. Independent: f'' is made a broken line with five bends between any two data and
beyond them, and the constrained quadratic problem is solved as a linear system. The minimiser among all functions is
in that space. Decision: rounding, times the condition of the system.
"""

from typing import Any

import numpy as np

from jspline.claims._case import random_case
from jspline.claims._claim import Claim, Evidence, Run
from jspline.claims._decide import at_most
from jspline.datasets import Dataset
from jspline.kernel import natural_cubic

NODES, WEIGHTS = np.polynomial.legendre.leggauss(4)


def least_bent(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Points, the minimiser there, and the condition of the system."""
    outer = np.concatenate([[x[0] - 1], x, [x[-1] + 1]])
    knots = np.append((outer[:-1, None] + np.diff(outer)[:, None] * np.arange(6) / 6).ravel(), outer[-1])
    half = np.diff(knots) / 2
    t = (knots[:-1, None] + half[:, None] * (1 + NODES)).ravel()
    weight = (half[:, None] * WEIGHTS).ravel()
    hats = np.array([np.interp(t, knots, row) for row in np.eye(len(knots))])

    def values(z: np.ndarray) -> np.ndarray:  # f(z) from f'', slope and level
        return np.column_stack([(np.maximum(z[:, None] - t, 0) * weight) @ hats.T, z, np.ones_like(z)])

    n, constraint = len(knots) + 2, values(x)
    energy = np.zeros((n, n))
    energy[:-2, :-2] = (hats * weight) @ hats.T
    system = np.block([[energy, constraint.T], [constraint, np.zeros((len(x), len(x)))]])
    solution = np.linalg.solve(system, np.append(np.zeros(n), y))
    at = knots[(knots >= x[0]) & (knots <= x[-1])]  # the rule is exact there
    return at, values(at) @ solution[:n], float(np.linalg.cond(system))


def check(run: Run, stated: Any) -> Evidence:
    rng, worst = run.rng(), 0.0
    for _ in range(run.size(20, 500)):
        case = random_case(rng)
        x = np.arange(len(case.x)) / 3 + case.x / 20
        data = Dataset(x, case.y)
        at, reference, condition = least_bent(x, case.y)
        off = np.max(np.abs(stated.minimiser(data)(at) - reference))
        worst = max(worst, off / (condition * np.finfo(float).eps * np.max(np.abs(case.y))))
    return Evidence((at_most("distance to the minimiser, in units of condition x rounding", worst, 10),))


CLAIM = Claim(
    id="eq9",
    title="The natural cubic spline",
    source="equation 9, corollary 4, section 2.6.1",
    statement="Among the functions through the data the natural cubic spline has the least integral of f''^2.",
    check=check,
    stated={"minimiser": natural_cubic},
)
