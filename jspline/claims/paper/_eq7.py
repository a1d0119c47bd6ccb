"""Equation 7 (section 2.5): mu_i' = w_i^2 [-(1 + (v_i / w_i)^2) <eps_i, x> + beta_i <eps_i, 1>], with eps = y - f.

Independent: w v, moved along minus the complex-step gradient by one more complex step. Decision: rounding. The print
has the sign of eps = f - y, as equation 6 has.
"""

from typing import Any

import numpy as np

from jspline.claims._case import random_case
from jspline.claims._claim import Claim, Evidence, Run
from jspline.claims._decide import equal


def printed(w: Any, v: Any, beta: Any, E: Any, X: Any) -> Any:
    """Equation 7."""
    return w**2 * (-(1 + (v / w) ** 2) * X + beta * E)


def corrected(w: Any, v: Any, beta: Any, E: Any, X: Any) -> Any:
    """With the sign that follows from equation 5."""
    return w**2 * ((1 + (v / w) ** 2) * X - beta * E)


def check(run: Run, stated: Any) -> Evidence:
    rng = run.rng()
    cases = [random_case(rng) for _ in range(run.size(200, 5000))]
    velocity, size = [], []
    for case in cases:
        velocity.append(case.velocity(lambda w, b, v: w * v))
        w_terms, _, v_terms, _ = case.split(case.terms)
        size.append(np.abs(case.split()[2]) * w_terms + np.abs(case.split()[0]) * v_terms)

    def compare(what: str, formula: Any) -> Any:
        value = [formula(c.split()[0], c.split()[2], c.beta, *c.sums()) for c in cases]
        return equal(what, np.array(value), np.array(velocity), size=np.array(size), operations=cases[0].operations)

    return Evidence(
        printed=(compare("speed of mu, print", stated.printed),),
        corrected=(compare("speed of mu", stated.corrected),),
    )


CLAIM = Claim(
    id="eq7",
    title="The dynamics of delta-slopes",
    source="equation 7, theorem 6, section 2.5",
    statement="Delta-slopes change by w^2 times -(1 + (v / w)^2) <eps, x> + beta <eps, 1>.",
    corrected="By minus that: (v^2 + w^2) X - w^2 beta E, eps being y - f.",
    check=check,
    stated={"printed": printed, "corrected": corrected},
)
