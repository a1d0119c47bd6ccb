"""Theorem 4 (section 2.3.1): with a neuron active on all data, critical means least squares on every piece.

At given parameters both are linear conditions on the residual, so they are the same if and only if their matrices have
one null space. Independent: the gradient by complex steps, at residuals 0 and each unit vector; sums over pieces made
by sorting breakpoints. Decision: ranks, up to rounding. Where v_i = 0 the gradient asks less, and a critical point is
shown whose pieces are not least squares fits.
"""

from dataclasses import replace
from typing import Any

import numpy as np

from jspline.claims._case import Case, critical_case
from jspline.claims._claim import Claim, Evidence, Run
from jspline.claims._decide import at_least, at_most, counted
from jspline.landscape import is_critical


def pieces_moments(case: Case) -> np.ndarray:
    """Sum of p e and of p e x over each piece, as a matrix applied to e: 0 for a least squares fit."""
    piece = np.searchsorted(np.sort(case.beta), case.x)
    member = (piece == np.unique(piece)[:, None]) * case.p
    return np.concatenate([member, member * case.x])


def gradients(case: Case) -> np.ndarray:
    """The gradient as a matrix applied to the residual."""
    fit = case.fit()
    return np.array([replace(case, y=fit + e).gradient() for e in np.eye(len(case.x))]).T


def ranks(case: Case, moments: Any) -> tuple[int, int, int]:
    """Of the conditions of the gradient, of the pieces, and of both."""
    matrices = [gradients(case), moments(case)]
    one, other, both = (int(np.linalg.matrix_rank(m, tol=1e-9)) for m in (*matrices, np.concatenate(matrices)))
    return one, other, both


def silent_case() -> Case:
    """A neuron that sees all, and one between the data with v = 0: critical, and not a fit on its pieces."""
    x = np.array([-2.0, -1.0, 1.0, 2.0, 3.0])
    case = Case.of([1.0, 1.0], [5.0, -0.3], [0.7, 0.0], 0.1, x, np.zeros(5))
    residual = np.linalg.svd(gradients(case))[2][-1]
    return replace(case, y=case.fit() + residual)


def check(run: Run, stated: Any) -> Evidence:
    rng, silent = run.rng(), silent_case()
    cases = [critical_case(rng) for _ in range(run.size(10, 200))]
    found = [ranks(case, stated.moments) for case in cases]
    gradient, _, both = ranks(silent, stated.moments)
    misfit = np.abs(stated.moments(silent) @ silent.residual()).max()
    off = max(np.max(np.abs(case.gradient()) / case.terms) for case in cases)
    other = [replace(case, y=case.y + 0.1 * rng.normal(size=len(case.y))) for case in cases]
    judged = (
        [bool(stated.critical(c.net, c.data).critical) for c in cases],
        [bool(stated.critical(c.net, c.data).critical) for c in other],
    )
    return Evidence(
        printed=(
            at_most("v = 0: gradient", np.abs(silent.gradient()).max(), 1e-14),
            counted("v = 0: conditions of critical points, those of fits on pieces", gradient, both),
            at_most("v = 0: misfit on a piece of a critical point", misfit, 1e-14),
        ),
        condition=(
            counted("cases with equal conditions", sum(a == b == c for a, b, c in found), len(found)),
            at_most("gradient of fits on pieces", off, 1e-14),
            counted("fits on pieces that is_critical finds critical", sum(judged[0]), len(cases)),
            counted("other points that it finds critical", sum(judged[1]), 0),
            at_least("neurons that see all data", min(int(np.sum(np.all(c.active, axis=0))) for c in cases), 1),
        ),
    )


CLAIM = Claim(
    id="th4",
    title="Critical points are piecewise least squares fits",
    source="theorem 4, section 2.3.1",
    statement="With a neuron active on all data, a point is critical if and only if f is the OLS fit on every piece.",
    condition="All v_i are different from 0, and no breakpoint is on a datum.",
    check=check,
    stated={"moments": pieces_moments, "critical": is_critical},
)
