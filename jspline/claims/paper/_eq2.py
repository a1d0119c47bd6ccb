"""Equation 2 (section 2.1): f'' = sum mu_i s_i delta(x - beta_i).

As a distribution: the integral of f phi'' is sum mu_i s_i phi(beta_i) for every smooth phi that vanishes outside an
interval; here (1 - (x / 3)^2)^4. Independent: that integral, by Gauss's rule between breakpoints, where it is exact.
Decision: rounding. (The sentence below the equation has the magnitude mu_i, without s_i: that is the planted fault.)
"""

from typing import Any

import numpy as np

from jspline.claims._case import Case, random_case
from jspline.claims._claim import Claim, Evidence, Run
from jspline.claims._decide import equal

R = 3.0
PHI = np.polynomial.Polynomial([1, 0, -1 / R**2]) ** 4
NODES, WEIGHTS = np.polynomial.legendre.leggauss(6)


def integral(case: Case) -> tuple[float, float]:
    """Of f phi'' over [-R, R], and of its size."""
    inside = np.sort(case.beta[np.abs(case.beta) < R])
    edges = np.concatenate([[-R], inside, [R]])
    half = np.diff(edges) / 2
    x = edges[:-1, None] + half[:, None] * (1 + NODES)
    w, b, v, b0 = case.split()
    f = b0 + np.maximum(x[..., None] * w + b, 0) @ v
    weight = half[:, None] * WEIGHTS
    return float(np.sum(f * PHI.deriv(2)(x) * weight)), float(np.sum(10 * np.abs(f) * weight))


def check(run: Run, stated: Any) -> Evidence:
    rng = run.rng()
    cases = [random_case(rng) for _ in range(run.size(200, 5000))]
    reference, size = np.array([integral(case) for case in cases]).T
    value = []
    for case in cases:
        w, _, v, _ = case.split()
        value.append(np.sum(stated.weight(w * v, np.sign(w)) * np.where(np.abs(case.beta) < R, PHI(case.beta), 0)))
    return Evidence((equal("integral of f phi''", value, reference, size=size, operations=500),))


CLAIM = Claim(
    id="eq2",
    title="The second derivative",
    source="equation 2, section 2.1",
    statement="The second derivative of the network is a sum of Dirac deltas of size mu_i s_i at the breakpoints.",
    check=check,
    stated={"weight": lambda mu, s: mu * s},
)
