"""Section 2.5.2: psi_+(beta) = psi(infinity) - psi(beta): psi reflected across a constant.

psi_s(beta) is the sum of eps_n (1 + beta x_n) over the data on side s of beta. Stated: the total psi_+ + psi_-, and
`jspline.landscape.drive`. Independent: the sums of the definition. Decision: rounding. The total is E + beta X, over
all data: affine in beta.
"""

from typing import Any

import numpy as np

from jspline.claims._case import random_case
from jspline.claims._claim import Claim, Evidence, Run
from jspline.claims._decide import equal
from jspline.landscape import drive


def check(run: Run, stated: Any) -> Evidence:
    rng = run.rng()
    sides, driven, constant, affine, size = [], [], [], [], []
    for _ in range(run.size(20, 500)):
        case = random_case(rng)
        beta, e = np.linspace(-2, 2, 41), case.p * case.residual()
        terms = e * (1 + beta[:, None] * case.x)
        right = case.x > beta[:, None]
        sides.append([np.sum(terms * right, axis=1), np.sum(terms * ~right, axis=1)])
        found = stated.drive(case.net, case.data, beta)
        driven.append([found.right, found.left])
        constant.append(stated.constant(e.sum(), e @ case.x, beta))
        affine.append(stated.affine(e.sum(), e @ case.x, beta))
        size.append((1 + np.abs(beta[:, None] * case.x)) @ case.p * case.terms[-1])
    both, reach, operations = np.array(sides), np.array(size), case.operations
    total = both.sum(axis=1)
    return Evidence(
        printed=(equal("psi_+ + psi_-, as a constant", constant, total, size=reach, operations=operations),),
        corrected=(
            equal("psi_+ + psi_-, as E + beta X", affine, total, size=reach, operations=operations),
            equal("drive", driven, both, size=reach[:, None], operations=operations),
        ),
    )


CLAIM = Claim(
    id="text-reflection",
    title="The drives of both orientations",
    source="section 2.5.2",
    statement="The drive of right-facing breakpoints is that of left-facing ones, reflected across a constant.",
    corrected="Reflected across E + beta X over all data, which is affine in beta.",
    check=check,
    stated={
        "constant": lambda E, X, beta: E + 0 * beta,
        "affine": lambda E, X, beta: E + beta * X,
        "drive": drive,
    },
)
