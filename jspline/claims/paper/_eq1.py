"""Equation 1 (section 2.1): f(x) = b0 + sum mu_i (x - beta_i)_{s_i}, beta = -b / w, mu = w v, s = sgn w.

Stated: `ReLUNet.to_spline`. Independent: the sum of v relu(w x + b) in numpy, inside the data, far out and on
breakpoints. Decision: rounding.
"""

from typing import Any

import numpy as np

from jspline.charts import ReLUNet
from jspline.claims._case import random_case
from jspline.claims._claim import Claim, Evidence, Run
from jspline.claims._decide import equal


def check(run: Run, stated: Any) -> Evidence:
    rng = run.rng()
    value, reference, size = [], [], []
    for _ in range(run.size(20, 1000)):
        case = random_case(rng)
        w, b, v, b0 = case.split()
        x = np.concatenate([np.linspace(-3, 3, 31), [-1e3, 1e3], case.beta[:5]])
        value.append(stated.spline(case.net)(x))
        reference.append(b0 + np.maximum(x[:, None] * w + b, 0) @ v)
        size.append(np.abs(b0) + (np.abs(x[:, None] * w) + np.abs(b)) @ np.abs(v))
    return Evidence((equal("f(x)", value, np.array(reference), size=size, operations=case.operations),))


CLAIM = Claim(
    id="eq1",
    title="The spline parametrization",
    source="equation 1, section 2.1",
    statement="A ReLU network is the spline with breakpoints -b / w, delta-slopes w v and orientations sgn w.",
    check=check,
    stated={"spline": ReLUNet.to_spline},
)
