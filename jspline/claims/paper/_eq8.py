"""Equation 8 (section 2.6.1): with breakpoints fixed and no b0, y_hat = Phi mu, phi_ni = (x_n - beta_i)_{s_i}.

Stated: Phi, here the columns of `jspline.curvature.jacobian` of the spline that belong to mu. Independent: the network
in numpy, and its complex-step derivative in mu (through v, at fixed w and b). Decision: rounding.
"""

from typing import Any

import numpy as np

from jspline.charts import Spline
from jspline.claims._case import TINY, random_case
from jspline.claims._claim import Claim, Evidence, Run
from jspline.claims._decide import equal
from jspline.curvature import jacobian
from jspline.datasets import Dataset
from jspline.problem import Problem


def features(spline: Spline, data: Dataset) -> np.ndarray:
    """Phi, `(N, H)`."""
    return np.asarray(jacobian(spline, Problem(data, train_b0=False)))[:, spline.width :]


def check(run: Run, stated: Any) -> Evidence:
    rng = run.rng()
    phi, derivative, fit, product, size = [], [], [], [], []
    for _ in range(run.size(20, 1000)):
        case = random_case(rng)
        w, _, v, b0 = case.split()
        directions = np.zeros((case.width, case.theta.size))
        directions[:, 2 * case.width : -1] = np.diag(1 / w)  # mu_i grows by 1
        phi.append(stated.features(case.net.to_spline(), case.data))
        derivative.append(np.imag(case.fit(case.theta + 1j * TINY * directions)).T / TINY)
        product.append(phi[-1] @ (w * v))
        fit.append(case.fit() - b0)
        size.append(np.abs(case.x)[:, None] + np.abs(case.beta))
    total = [each @ np.abs(case.split()[0] * case.split()[2]) + np.abs(b0) + 1 for each in size]
    bounds = {"operations": case.operations}
    return Evidence((
        equal("derivative of the fit in mu", phi, np.array(derivative), size=size, **bounds),
        equal("Phi mu", product, np.array(fit), size=np.max(total), **bounds),
    ))  # fmt: skip


CLAIM = Claim(
    id="eq8",
    title="Linear regression on fixed breakpoints",
    source="equation 8, lemma 2, section 2.6.1",
    statement="With breakpoints fixed, the fit is linear in the delta-slopes, with features (x_n - beta_i)_{s_i}.",
    check=check,
    stated={"features": features},
)
