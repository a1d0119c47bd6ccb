"""Lemma 2 (section 2.6.1): from (alpha w_0, alpha b_0, 0), alpha -> infinity freezes breakpoints and leaves equation 8.

With theorem 7 the network then learns the interpolant of least |mu|. In time alpha^2 t the flow of (w / alpha, b /
alpha, alpha v) has 1 / alpha^4 before the first two: that is integrated by scipy, with the sums of the definition.
Stated: the exponents of drift and gap, and the interpolant (`jspline.kernel.min_norm`). Decision: slopes over log
alpha against steps of 1/2; distances against 10^-4, above the error of integration. Since mu' = w_0^2 (X - beta E),
the norm is that of mu / w_0: l2 only if all |w_0| are equal.
"""

from typing import Any

import equinox as eqx
import numpy as np
from scipy.integrate import solve_ivp

from jspline.charts import ReLUNet
from jspline.claims._claim import Claim, Evidence, Run
from jspline.claims._decide import at_most, exponent
from jspline.datasets import Dataset
from jspline.kernel import min_norm
from jspline.problem import Problem

WIDTH, ERROR = 20, 1e-4
X = np.array([-1.0, -0.3, 0.4, 1.0])
ALPHAS = np.array([4.0, 8.0, 16.0])


def integrate(w: np.ndarray, b: np.ndarray, y: np.ndarray, alpha: float, time: float) -> tuple[np.ndarray, ...]:
    """w / alpha, b / alpha and alpha v at the time."""
    share = alpha**-4.0

    def field(_: float, state: np.ndarray) -> np.ndarray:
        w, b, v = state.reshape(3, -1)
        z = w * X[:, None] + b
        e = (y - np.maximum(z, 0) @ v)[:, None] * (z > 0)
        X_i, E_i = X @ e, e.sum(axis=0)
        return np.concatenate([share * v * X_i, share * v * E_i, w * X_i + b * E_i])

    start = np.concatenate([w, b, np.zeros_like(w)])
    return tuple(solve_ivp(field, (0, time), start, "LSODA", rtol=1e-9, atol=1e-11).y[:, -1].reshape(3, -1))


def l2_nearest(net: ReLUNet, data: Dataset) -> Any:
    """mu of the print: of the spline, that is of equal |w|."""
    return min_norm(net.to_spline(), Problem(data, train_b0=False)).mu


def weighted(net: ReLUNet, data: Dataset) -> Any:
    """mu of the correction."""
    end: ReLUNet = min_norm(net, Problem(data, train_b0=False))
    return end.w * end.v


def check(run: Run, stated: Any) -> Evidence:
    rng, drifts, gaps = run.rng(), [], []
    off: dict[str, float] = {"print": 0.0, "equal": 0.0, "weighted": 0.0}
    for _ in range(run.size(3, 30)):
        s, beta, y = rng.choice([-1.0, 1.0], WIDTH), rng.uniform(-1.5, 1.5, WIDTH), rng.normal(size=4)
        data = Dataset(X, y)
        for name, size in (("unequal", rng.uniform(0.3, 3, WIDTH)), ("equal", np.ones(WIDTH))):
            w = s * size
            net = ReLUNet(w, -w * beta, np.zeros(WIDTH))
            hidden = np.maximum(w * X[:, None] - w * beta, 0)
            time = 25 / np.linalg.eigvalsh(hidden @ hidden.T)[0]
            end_w, _, end_v = integrate(w, -w * beta, y, 1e4, time)
            mu, unit = end_w * end_v, np.max(np.abs(end_w * end_v))
            printed, corrected = (np.asarray(f(net, data)) for f in (stated.printed, stated.corrected))
            key = "print" if name == "unequal" else "equal"
            off[key] = max(off[key], np.max(np.abs(printed - mu)) / unit)
            off["weighted"] = max(off["weighted"], np.max(np.abs(corrected - mu)) / unit)
        limit = integrate(w, -w * beta, y, np.inf, 1.0)[2]
        runs = [integrate(w, -w * beta, y, alpha, 1.0) for alpha in ALPHAS]
        drifts.append([np.max(np.abs(-b / w - beta)) for w, b, _ in runs])
        gaps.append([np.max(np.abs(v - limit)) for _, _, v in runs])
    freezing = (
        exponent("drift of breakpoints", ALPHAS, np.array(drifts).T, stated.drift, bound=True),
        exponent("gap to linear regression", ALPHAS, np.array(gaps).T, stated.drift, bound=True),
    )
    return Evidence(
        printed=(*freezing, at_most("distance to the least |mu|, unequal |w|", off["print"], ERROR)),
        condition=(at_most("distance to the least |mu|, equal |w|", off["equal"], ERROR),),
        corrected=(at_most("distance to the least |mu / w_0|, any |w|", off["weighted"], ERROR),),
    )


CLAIM = Claim(
    id="lemma2",
    title="The kernel regime",
    source="lemma 2 with theorem 7, section 2.6.1",
    statement="Large alpha freezes breakpoints; what is left is linear regression, and finds the interpolant "
    "of least |mu|.",
    condition="All |w_i| are equal at the start, for the last part.",
    corrected="The interpolant is that of least sum of mu_i^2 / w_i^2.",
    check=check,
    stated={"printed": eqx.filter_jit(l2_nearest), "corrected": eqx.filter_jit(weighted), "drift": -4.0},
)
