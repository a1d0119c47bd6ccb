"""Equation 5 (section 2.4): the gradient of the loss.

dL/db0 = -<eps, 1>, dL/dw_i = -<eps_i, v_i x_i>, dL/db_i = -<eps_i, v_i 1>, dL/dv_i = -<eps_i, w_i x_i + b_i 1>.

Stated: `jspline.value_and_grad`, which sums over sorted data. Independent: the loss in numpy, by complex steps.
Decision: rounding. Nets are random, and data weighted.
"""

from typing import Any

import equinox as eqx
import numpy as np
from jaxtyping import Array

from jspline.charts import ReLUNet
from jspline.claims._case import random_case
from jspline.claims._claim import Claim, Evidence, Run
from jspline.claims._decide import equal
from jspline.curvature import flat
from jspline.datasets import Dataset
from jspline.objective import value_and_grad


@eqx.filter_jit
def gradient(net: ReLUNet, data: Dataset) -> Array:
    """In the order of all w, all b, all v, b0."""
    return flat(value_and_grad(net, data, method="sorted")[1], True)


def check(run: Run, stated: Any) -> Evidence:
    rng = run.rng()
    cases = [random_case(rng) for _ in range(run.size(20, 1000))]
    value = np.array([stated.gradient(case.net, case.data) for case in cases])
    reference, size = (np.array(part) for part in zip(*[(c.gradient(), c.terms) for c in cases], strict=True))
    return Evidence((equal("gradient of the loss", value, reference, size=size, operations=cases[0].operations),))


CLAIM = Claim(
    id="eq5",
    title="The gradient",
    source="equation 5, section 2.4",
    statement="Every derivative of the loss is a sum of residuals over the data that a neuron is active on.",
    check=check,
    stated={"gradient": gradient},
)
