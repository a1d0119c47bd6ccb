"""Shevchenko, Kungurtsev and Mondelli (2022): with noise and decay, at most three knots between neighbouring data.

Stated: the largest number of knots in a gap of what noisy gradient descent of infinite width learns, as the noise and
the decay vanish. Independent: that limit is the optimum of a convex problem (docs/theory.md 13.5, 14.1), solved by its
dual, whose directions are knots. Decision: counts over random data. Between two data a direction of each
orientation can be where the dual is tight, so that there are two strictly inside at the most; the others lie on data.
"""

from typing import Any

import numpy as np

from jspline import Problem, penalty
from jspline.claims._claim import Claim, Compared, Evidence, Run
from jspline.claims._decide import at_least, at_most
from jspline.datasets import Dataset

DECAYS = (0.3, 0.03, 1e-3)
ON = 1e-5
"""A knot is on a datum if it is nearer than this."""


def knots(x: np.ndarray, y: np.ndarray, decay: float) -> np.ndarray:
    """How many knots of the optimum are strictly inside each gap."""
    net = penalty.optimum(Problem(Dataset(x, y), decay=decay)).net
    beta = -np.asarray(net.b) / np.where(net.w == 0, np.nan, net.w)
    inside = beta[np.min(np.abs(beta[:, None] - x), axis=1) > ON]
    return np.histogram(np.unique(inside.round(9)), x)[0]


def check(run: Run, stated: Any) -> Evidence:
    rng, counts = run.rng(), []
    for _ in range(run.size(40, 400)):
        size = int(rng.integers(3, 8))
        x, y = np.sort(rng.uniform(-1, 1, size)), rng.normal(size=size)
        counts += [knots(x, y, decay) for decay in DECAYS]
    found = np.bincount(np.concatenate(counts), minlength=4)
    most = int(np.flatnonzero(found).max())
    return Evidence(
        printed=(at_most("most knots strictly inside a gap", most, stated.most),),
        condition=(
            at_most("most knots strictly inside a gap, by the dual", most, 2),
            at_least("gaps with a knot strictly inside", int(found[1:].sum()), 1),
        ),
        compared=(Compared("knots in a gap", "at most 3", f"0, 1, 2, 3 in {', '.join(map(str, found[:4]))} gaps"),),
    )


CLAIM = Claim(
    id="lit-shevchenko",
    title="Knots of the noisy limit",
    source="Shevchenko, Kungurtsev and Mondelli (2022), Mean-field analysis of piecewise linear solutions for wide "
    "ReLU networks",
    statement="Noisy gradient descent with weight decay on an infinitely wide network learns, as the noise vanishes, a "
    "piecewise-linear function with at most three knots between two neighbouring data.",
    check=check,
    stated={"most": 3},
)
