"""Chizat and Bach (2018): from full support, gradient flow of infinite width ends in a global optimum.

Their theorem asks for a smooth activation, or infinitely many data, of which a ReLU on finite data has neither. Stated:
the scale from which it is tried, and that the loss goes to 0. Independent: the limit of infinite width by nodes
(docs/theory.md 13.2), whose labels cover the circle, in both signs. Decision: the loss at a late time. From a small
scale all neurons align before they grow, and full support does not help; from scale 1 the conclusion holds.
"""

from typing import Any

import numpy as np

from jspline.claims._claim import Claim, Compared, Evidence, Run
from jspline.claims._decide import at_most
from jspline.claims._infinite import balanced, limit, problem
from jspline.objective import loss

LATE = 400.0
NOTHING = 1e-3
"""A loss at which the data are as good as interpolated; that of their line is 0.175."""


def check(run: Run, stated: Any) -> Evidence:
    data = problem().data
    ends = {scale: float(loss(limit(balanced(scale), LATE).net, problem())) for scale in (stated.scale, 1.0)}
    x, y = np.asarray(data.x), np.asarray(data.y)
    line = np.sum((np.polyval(np.polyfit(x, y, 1), x) - y) ** 2) / 2
    return Evidence(
        printed=(at_most(f"loss at t = {LATE:g} from scale {stated.scale:g}", ends[stated.scale], NOTHING),),
        condition=(at_most(f"loss at t = {LATE:g} from scale 1", ends[1.0], NOTHING),),
        compared=(
            Compared(
                "loss at the end",
                "0",
                f"{ends[stated.scale]:.4g} from scale {stated.scale:g}, that of the line of least squares being "
                f"{line:.4g}; {ends[1.0]:.1g} from scale 1",
            ),
        ),
    )


CLAIM = Claim(
    id="lit-chizat",
    title="Global optimum from full support",
    source="Chizat and Bach (2018), On the global convergence of gradient descent for over-parameterized models using "
    "optimal transport",
    statement="If neurons of all directions are there at the start, gradient flow of an infinitely wide network that "
    "converges does so to a global optimum.",
    condition="The activation is smooth, as their theorem asks, or the scale is large: for ReLU and finite data there "
    "is a critical scale, 0.092 for these three.",
    check=check,
    stated={"scale": 0.05},
)
