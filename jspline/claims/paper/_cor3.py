"""Corollary 3 (section 2.4.1): at a lonely critical point L = 0, and the Hessian has N non-zero eigenvalues exactly.

Given a neuron active on all data, or two of opposite orientation in one gap. Stated: the number of zeros, 3 H + 1 - N.
Independent: the Hessian by differences of complex-step gradients. Decision: an eigenvalue is 0 if it is below P times
the rounding of an entry, P = 3 H + 1 (Weyl), and not if it is ten times above. That a lonely critical point has no
residual: its conditions, from complex-step gradients, leave none (rank N).

The print needs one condition more. With v = 0 a neuron asks only that X = beta E, and four of them, two of opposite
orientation in the middle gap, make the data below a lonely critical point of loss 29.
"""

from typing import Any

import numpy as np

from jspline.claims._case import Case, lonely_case
from jspline.claims._claim import Claim, Evidence, Run
from jspline.claims._decide import at_least, at_most, counted
from jspline.claims.paper._th4 import gradients
from jspline.landscape import is_lonely

BETA, FACING = np.array([1 / 2, 4 / 3, 5 / 3, 5 / 2]), np.array([1.0, 1.0, -1.0, -1.0])
SILENT = Case.of(FACING, -FACING * BETA, np.zeros(4), 0.0, [0, 1, 2, 3], [-2, 5, -5, 2])
"""With v = b0 = 0, so that f = 0."""


def check(run: Run, stated: Any) -> Evidence:
    rng = run.rng()
    cases = [lonely_case(rng) for _ in range(run.size(10, 200))]
    size, parameters = len(cases[0].x), cases[0].theta.size
    zeros, gap, rank, lonely = [], [], [], 0
    for case in cases:
        eigenvalues = np.sort(np.abs(np.linalg.eigvalsh(case.hessian())))
        rounding = case.hessian_terms * case.operations * np.finfo(float).eps * parameters
        zeros.append(int(np.sum(eigenvalues <= rounding)))
        gap.append(eigenvalues[zeros[-1]] / rounding)
        rank.append(int(np.linalg.matrix_rank(gradients(case), tol=1e-9)))
        lonely += bool(is_lonely(case.net, case.data))
    expected = stated.zeros(size, cases[0].width)
    printed = (
        counted("v = 0: lonely", bool(is_lonely(SILENT.net, SILENT.data)), True),
        at_most("v = 0: gradient", np.abs(SILENT.gradient()).max(), 1e-14),
        at_most("v = 0: loss", float(SILENT.loss()), 1e-24),
    )
    return Evidence(printed, condition=(
        counted("lonely cases", lonely, len(cases)),
        at_most("their loss", max(float(case.loss()) for case in cases), 1e-24),
        counted("residuals that no lonely critical point excludes", size - min(rank), 0),
        counted("zero eigenvalues, fewest", min(zeros), expected),
        counted("zero eigenvalues, most", max(zeros), expected),
        at_least("the smallest other one, in units of rounding", min(gap), 10),
    ))  # fmt: skip


CLAIM = Claim(
    id="cor3",
    title="The flatness of lonely minima",
    source="corollary 3, section 2.4.1",
    statement="At a lonely critical point the loss is 0, and exactly N eigenvalues of the Hessian are not.",
    condition="All v_i are different from 0.",
    check=check,
    stated={"zeros": lambda N, H: 3 * H + 1 - N},
)
