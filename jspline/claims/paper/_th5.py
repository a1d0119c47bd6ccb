"""Theorem 5 (section 2.4): at a critical point with no breakpoint on a datum the Hessian is the Gram matrix of eq. 4.

Stated: `jspline.gram`, hence no negative eigenvalue. Independent: the Hessian by differences of complex-step
gradients. Decision: rounding. The print is put to a critical point with v = 0, and under the condition to 20 others. A
negative eigenvalue counts if it is below -P times the bound of an entry, P the number of parameters (Weyl).
"""

from typing import Any

import numpy as np

from jspline.claims._case import Case, critical_case
from jspline.claims._claim import Claim, Evidence, Run
from jspline.claims._decide import at_least, at_most, equal
from jspline.curvature import gram


def check(run: Run, stated: Any) -> Evidence:
    silent = Case.of([1.0], [0.5], [0.0], 0.3, [-2, -1, 1, 2, 3], [1, -1, 2, -1, 0.5])
    rng = run.rng()
    cases = [critical_case(rng) for _ in range(run.size(10, 200))]
    hessians = np.array([case.hessian() for case in cases])
    grams = np.array([stated.gram(case.net, case.data) for case in cases])
    size = np.array([case.hessian_terms for case in cases])[:, None, None]
    operations = cases[0].operations
    rounding = float(np.max(size)) * operations * np.finfo(float).eps * hessians.shape[1]
    return Evidence(
        printed=(
            at_most("v = 0: gradient", np.abs(silent.gradient()).max(), 1e-14 * silent.terms.max()),
            equal("v = 0: Hessian and Gram matrix", stated.gram(silent.net, silent.data), silent.hessian(),
                  size=silent.hessian_terms, operations=silent.operations),
            at_least("v = 0: smallest eigenvalue", np.linalg.eigvalsh(silent.hessian())[0], -rounding),
        ),
        condition=(
            at_most("v != 0: gradient", max(np.max(np.abs(c.gradient()) / c.terms) for c in cases), 1e-14),
            equal("v != 0: Hessian and Gram matrix", grams, hessians, size=size, operations=operations),
            at_least("v != 0: smallest eigenvalue", np.linalg.eigvalsh(hessians).min(), -rounding),
        ),
    )  # fmt: skip


CLAIM = Claim(
    id="th5",
    title="The Hessian at critical points is a Gram matrix",
    source="theorem 5, section 2.4",
    statement="At every critical point with no breakpoint on a datum the Hessian is a Gram matrix, never indefinite.",
    condition="All v_i are different from 0. With v_i = 0 a neuron may be pulled on, and the point is a saddle.",
    check=check,
    stated={"gram": gram},
)
