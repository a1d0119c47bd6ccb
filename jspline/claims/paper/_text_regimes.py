"""Section 3.5: as alpha grows the fit underfits, then interpolates linearly, then is the natural cubic spline.

Flat starts, breakpoints uniform, standard normal data; `jspline.flow` to convergence (see `_flows.py`). Stated: the
two targets. Independent: the fit of the network in numpy, root mean square distances on a grid. Decision: in more than
half of the networks, by binomial tests: underfitting is a loss above 10^-3, interpolation one below 10^-6, and a fit
has the form of the target that it is nearer to.
"""

from typing import Any

import numpy as np
from scipy.interpolate import CubicSpline

from jspline.claims._claim import Claim, Evidence, Run
from jspline.claims._decide import more_often
from jspline.claims._flows import ALPHAS, X, flows

GRID = np.linspace(X[0], X[-1], 201)


def check(run: Run, stated: Any) -> Evidence:
    small, middle, large = ALPHAS
    found = flows(run.budget, run.seed)
    fit, y = found.fit(GRID)[:, :, -1], found.y
    linear, cubic = (
        np.sqrt(np.mean((fit - np.apply_along_axis(target, -1, y)) ** 2, axis=-1))
        for target in (stated.linear, stated.cubic)
    )
    n = y.shape[1]
    return Evidence((
        more_often(f"alpha = {small:g}: underfits", np.sum(found.loss[0] > 1e-3), n),
        more_often(f"alpha = {middle:g}: interpolates", np.sum(found.loss[1] < 1e-6), n),
        more_often(f"alpha = {middle:g}: nearer to the linear spline", np.sum(linear[1] < cubic[1]), n),
        more_often(f"alpha = {large:g}: interpolates", np.sum(found.loss[2] < 1e-6), n),
        more_often(f"alpha = {large:g}: nearer to the cubic spline", np.sum(cubic[2] < linear[2]), n),
    ))  # fmt: skip


CLAIM = Claim(
    id="text-regimes",
    title="Three regimes of the scale",
    source="section 3.5",
    statement="As alpha grows there are an underfitting linear spline, an interpolating one, and a natural "
    "cubic spline.",
    check=check,
    stated={
        "linear": lambda y: np.interp(GRID, X, y),
        "cubic": lambda y: CubicSpline(X, y, bc_type="natural")(GRID),
    },
)
