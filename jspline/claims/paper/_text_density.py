"""Section 2.6.3: the dynamics of the joint density of breakpoints, delta-slopes and orientations.

Left to later work there. Stated: that this density is what evolves. Independent: two laws that agree in it, balanced
weights and independent Gaussian ones (docs/theory.md 2.1), and the infinitely wide networks that start from them
(13.1). Decision: their losses at one time, apart by more than the errors of both. With the charge in it the law is
closed.
"""

from typing import Any

import numpy as np

from jspline import init
from jspline.claims._claim import Claim, Compared, Evidence, Run
from jspline.claims._decide import at_most
from jspline.claims._infinite import END, balanced, limit, problem
from jspline.objective import loss

APART = 0.05
"""Losses apart by less, relative, are equal up to the nodes: their fits differ by about a tenth of that."""


def independent() -> init.Gaussian:
    """The same law of (beta, mu, s), and charges of all sizes."""
    return init.Gaussian(*[np.sqrt(2.0)] * 3)


def end(law: Any, tol: float) -> float:
    """The loss at the end."""
    return float(loss(limit(law, tol=tol).net, problem()))


def check(run: Run, stated: Any) -> Evidence:
    first, again, second = end(balanced(), 2e-3), end(balanced(), 2e-2), end(stated.other(), 3e-3)
    beta, mu = np.linspace(-3, 3, 7)[:, None], np.linspace(-4, 4, 8)
    agree = np.max(np.abs(balanced().pdf(beta, mu) - independent().pdf(beta, mu)))
    return Evidence(
        printed=(at_most("difference of the losses of two laws with one density", abs(second / first - 1), APART),),
        corrected=(
            at_most("difference of their densities of (beta, mu)", float(agree), 1e-6),
            at_most("difference of the losses of two quadratures of one law", abs(again / first - 1), APART),
        ),
        compared=(Compared(f"loss at t = {END:g}", "one", f"{first:.4f} balanced, {second:.4f} independent weights"),),
    )


CLAIM = Claim(
    id="text-density",
    title="Dynamics of the joint density",
    source="section 2.6.3",
    statement="The joint density of breakpoint, delta-slope and orientation has dynamics of its own.",
    corrected="Only together with the charge v^2 - w^2 - b^2, which does not change: the law of all four is closed.",
    check=check,
    stated={"other": independent},
)
