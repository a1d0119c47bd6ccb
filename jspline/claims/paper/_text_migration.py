"""Section 3.2: breakpoints cannot migrate very far from where they begin.

Near is within a tenth of the range of the data, and the claim that most breakpoints inside the data end there. Flat
starts at three scales, `jspline.flow` to convergence (see `_flows.py`). Independent: positions in numpy. Decision: in
more than half of the networks, by binomial tests. It depends on the scale: from small ones most migrate farther.
"""

from typing import Any

import numpy as np

from jspline.claims._claim import Claim, Evidence, Run
from jspline.claims._decide import more_often
from jspline.claims._flows import ALPHAS, X, flows


def check(run: Run, stated: Any) -> Evidence:
    beta = flows(run.budget, run.seed).beta
    begin, end = beta[:, :, 0], beta[:, :, -1]
    inside = (begin > X[0]) & (begin < X[-1])
    near = inside & (np.abs(end - begin) <= stated.near * (X[-1] - X[0]))
    most = near.sum(axis=-1) > inside.sum(axis=-1) / 2
    findings = [
        more_often(f"alpha = {alpha:g}: most breakpoints stay near", k, most.shape[1])
        for alpha, k in zip(ALPHAS, most.sum(axis=1), strict=True)
    ]
    small, middle, large = findings
    away = more_often(f"alpha = {ALPHAS[0]:g}: most do not", np.sum(~most[0]), most.shape[1])
    return Evidence(printed=(small,), condition=(middle, large), corrected=(away,))


CLAIM = Claim(
    id="text-migration",
    title="How far breakpoints migrate",
    source="section 3.2",
    statement="Breakpoints cannot migrate very far from their initial location.",
    condition="The scale is not small: alpha = 20 or 100 here, where most stay within a tenth of the range of "
    "the data.",
    corrected="From a small scale most breakpoints migrate farther.",
    check=check,
    stated={"near": 0.1},
)
