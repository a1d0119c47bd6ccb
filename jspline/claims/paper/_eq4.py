"""Equation 4 (section 2.4): the Hessian as the inner products of v_j x_j, w_j x_j + b_j 1_j, v_j 1_j and 1.

Independent: the Hessian by differences of complex-step gradients. Decision: rounding. The text offers it "at any
parameter": there it lacks the residual terms, X_i between w_i and v_i and E_i between b_i and v_i, which
`jspline.hessian` subtracts. At critical points with no v_i = 0 they vanish.
"""

from typing import Any

import numpy as np

from jspline.claims._case import Case, critical_case, random_case
from jspline.claims._claim import Claim, Evidence, Run
from jspline.claims._decide import equal
from jspline.curvature import hessian


def printed(w: np.ndarray, b: np.ndarray, v: np.ndarray, x: np.ndarray, p: np.ndarray) -> np.ndarray:
    """Equation 4, in the order of all w, all b, all v, b0; <f, g> = sum p f g."""
    x, one = x[:, None], w * x[:, None] + b > 0
    vectors = np.concatenate([v * x * one, v * one, (w * x + b) * one, np.ones_like(x)], axis=1)
    return vectors.T @ (p[:, None] * vectors)


def compare(what: str, matrices: list[Any], cases: list[Case]) -> Any:
    size = np.array([case.hessian_terms for case in cases])[:, None, None]
    reference = np.array([case.hessian() for case in cases])
    return equal(what, np.array(matrices), reference, size=size, operations=cases[0].operations)


def check(run: Run, stated: Any) -> Evidence:
    rng, n = run.rng(), run.size(5, 100)
    anywhere, critical = [random_case(rng) for _ in range(n)], [critical_case(rng) for _ in range(n)]
    as_printed = [[stated.printed(*c.split()[:3], c.x, c.p) for c in cases] for cases in (anywhere, critical)]
    return Evidence(
        printed=(compare("at any parameter", as_printed[0], anywhere),),
        condition=(compare("at critical points, v != 0", as_printed[1], critical),),
        corrected=(
            compare(
                "at any parameter, with residual terms", [stated.hessian(c.net, c.data) for c in anywhere], anywhere
            ),
        ),
    )


CLAIM = Claim(
    id="eq4",
    title="The entries of the Hessian",
    source="equation 4, section 2.4",
    statement="At any parameter the Hessian is the matrix of inner products of the derivatives of the fit.",
    condition="The point is critical and no v_i is 0.",
    corrected="Elsewhere X_i is missing between w_i and v_i, and E_i between b_i and v_i, to be subtracted.",
    check=check,
    stated={"printed": printed, "hessian": hessian},
)
