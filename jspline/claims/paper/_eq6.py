"""Equation 6 (section 2.5): beta_i' = (v_i / w_i) (<eps_i, 1> + beta_i <eps_i, x>), with eps = y - f.

Independent: -b / w, moved along minus the complex-step gradient by one more complex step. Decision: rounding. The
print has the sign of eps = f - y, against its own definition and equation 5.
"""

from typing import Any

import numpy as np

from jspline.claims._case import random_case
from jspline.claims._claim import Claim, Evidence, Run
from jspline.claims._decide import equal


def printed(w: Any, v: Any, beta: Any, E: Any, X: Any) -> Any:
    """Equation 6."""
    return v / w * (E + beta * X)


def corrected(w: Any, v: Any, beta: Any, E: Any, X: Any) -> Any:
    """With the sign that follows from equation 5."""
    return -v / w * (E + beta * X)


def check(run: Run, stated: Any) -> Evidence:
    rng = run.rng()
    cases = [random_case(rng) for _ in range(run.size(200, 5000))]
    velocity, size = [], []
    for case in cases:
        velocity.append(case.velocity(lambda w, b, v: -b / w))
        w_terms, b_terms, _, _ = case.split(case.terms)
        size.append((b_terms + np.abs(case.beta) * w_terms) / np.abs(case.split()[0]))

    def compare(what: str, formula: Any) -> Any:
        value = [formula(c.split()[0], c.split()[2], c.beta, *c.sums()) for c in cases]
        return equal(what, np.array(value), np.array(velocity), size=np.array(size), operations=cases[0].operations)

    return Evidence(
        printed=(compare("speed of beta, print", stated.printed),),
        corrected=(compare("speed of beta", stated.corrected),),
    )


CLAIM = Claim(
    id="eq6",
    title="The dynamics of breakpoints",
    source="equation 6, theorem 6, section 2.5",
    statement="Breakpoints move by v / w times the net relevant residual plus beta times its correlation with x.",
    corrected="By minus that: -(v / w) (E + beta X), eps being y - f.",
    check=check,
    stated={"printed": printed, "corrected": corrected},
)
