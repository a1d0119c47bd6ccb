"""Williams, Trager, Silva, Panozzo, Zorin and Bruna (2019): kernel or adaptive, by relative scale and limit of width.

A large first layer means the kernel regime and cubic splines, a small one the adaptive regime and linear splines with
knots at the data. Breakpoints uniform on [-3/2, 3/2], v = 0; |w| = alpha / sqrt(H). As H grows the usual scaling, both
layers of order 1 and a factor of 1 / sqrt(H), is alpha as H^1/4, and freezes the breakpoints; a factor of 1 / H is
alpha constant, and does not. Stated: the two targets, and the exponents of H. Independent: fits and positions of
exact flows to convergence (see both `_flows.py`). Decision: binomial tests over networks; slopes of
logarithms.
"""

import functools
from typing import Any

import jax
import numpy as np
from scipy.interpolate import CubicSpline

from jspline.claims._claim import Claim, Compared, Evidence, Run
from jspline.claims._decide import exponent, more_often
from jspline.claims._flows import ALPHAS, flows
from jspline.claims._flows import X as DATA
from jspline.claims.literature._flows import LANES, LOOKS, WIDTH, ends
from jspline.claims.literature._maennel import X, Y
from jspline.plot.paper import two_regimes

WIDTHS = np.array([25, 50, 100, 200])
GRID = np.linspace(DATA[0], DATA[-1], 201)
NEAR = 1e-3


def starts(key: jax.Array, alpha: np.ndarray, width: np.ndarray) -> np.ndarray:
    """Flat ones, `(lane, 3, WIDTH)`: one breakpoint in each of `width` equal cells of [-3/2, 3/2]."""
    rng = np.random.default_rng(np.asarray(jax.random.key_data(key)))
    place, H = np.arange(WIDTH), width[:, None]
    there = place < H
    w = np.where(there, rng.choice([-1.0, 1.0], there.shape) * alpha[:, None] / np.sqrt(H), 0)
    beta = 3 * (place + rng.uniform(size=there.shape)) / H - 1.5
    return np.stack([w, -w * beta, np.zeros(there.shape)], axis=1)


def moved(key: jax.Array, alpha: np.ndarray, width: np.ndarray) -> np.ndarray:
    """How far breakpoints inside the data move until convergence, root mean square, one number for each net."""
    nets = starts(key, alpha, width)
    last = ends(nets, X, Y, np.ones(5), 1e4, np.geomspace(1e-2, 1e4, LOOKS))
    before, after = (
        -b / np.where(w == 0, np.nan, w) for w, b in ((nets[:, 0], nets[:, 1]), (last.w[:, -1], last.b[:, -1]))
    )
    return np.sqrt(np.nanmean(np.where(np.abs(before) < 1, after - before, np.nan) ** 2, axis=1))


@functools.cache
def drifts(run: Run) -> dict[str, np.ndarray]:
    """For both scalings, `(width, repetition)`."""
    widths, keys = np.repeat(WIDTHS, run.size(LANES, 10 * LANES)), jax.random.split(run.key())
    return {
        "usual": moved(keys[0], 14 * widths**0.25, widths).reshape(len(WIDTHS), -1),
        "mean": moved(keys[1], np.full(len(widths), 10.0), widths).reshape(len(WIDTHS), -1),
    }


def check(run: Run, stated: Any) -> Evidence:
    found = flows(run.budget, run.seed)
    fit, n = found.fit(GRID)[:, :, -1], found.y.shape[1]
    linear, cubic = (
        np.sqrt(np.mean((fit - np.apply_along_axis(target, -1, found.y)) ** 2, axis=-1))
        for target in (stated.linear, stated.cubic)
    )
    # How much of all bending inside the data happens at the data.
    beta, size = found.beta[:, :, -1], np.abs(found.w * found.v)[:, :, -1]
    inside = np.where(np.abs(beta) < DATA[-1] - NEAR, size, 0)
    on = np.min(np.abs(beta[..., None] - DATA), axis=-1) < NEAR
    at_data = np.sum(np.where(on, inside, 0), axis=-1) / np.sum(inside, axis=-1)
    drift = drifts(run)
    rates = [exponent("drift of breakpoints over H, factor 1 / sqrt(H)", WIDTHS, drift["usual"], stated.usual),
             exponent("drift of breakpoints over H, factor 1 / H", WIDTHS, drift["mean"], stated.mean)]  # fmt: skip
    _, adaptive, kernel = ALPHAS
    return Evidence(
        printed=(
            more_often(f"alpha = {kernel:g}: nearer to the cubic than to the linear spline",
                       np.sum(cubic[2] < linear[2]), n),
            more_often(f"alpha = {adaptive:g}: nearer to the linear than to the cubic spline",
                       np.sum(linear[1] < cubic[1]), n),
            more_often(f"more bending at the data from alpha = {adaptive:g} than from {kernel:g}",
                       np.sum(at_data[1] > at_data[2]), n, mean_share=at_data[1].mean(), of_kernel=at_data[2].mean()),
            *rates,
        ),
        compared=(
            Compared("fit from a large first layer", "cubic spline", f"distance {np.median(cubic[2]):.2g} to "
                     f"the cubic, {np.median(linear[2]):.2g} to the linear one (medians)"),
            Compared("fit from a small first layer", "linear spline, knots at the data",
                     f"distance {np.median(linear[1]):.2g} to the linear, {np.median(cubic[1]):.2g} to the cubic one; "
                     f"{np.median(at_data[1]):.0%} of the bending at data"),
            Compared("drift of breakpoints as H grows", "to 0 with 1 / sqrt(H), not with 1 / H",
                     f"H^{rates[0].numbers['exponent']:.2f}, H^{rates[1].numbers['exponent']:.2f}"),
        ),
        arrays={"x": DATA, "y": found.y[1], "grid": GRID, "fit": fit, "linear": linear, "cubic": cubic,
                "alphas": np.array(ALPHAS), "at_data": at_data, "widths": WIDTHS, "usual": drift["usual"],
                "mean": drift["mean"]},
    )  # fmt: skip


CLAIM = Claim(
    id="lit-williams",
    title="Kernel and adaptive regime",
    source="Williams, Trager, Silva, Panozzo, Zorin and Bruna (2019), Gradient dynamics of shallow univariate ReLU "
    "networks",
    statement="The relative scale of the layers and the limit of width decide between a kernel regime, which learns "
    "cubic splines, and an adaptive one, which learns linear splines with knots at the data.",
    check=check,
    stated={
        "linear": lambda y: np.interp(GRID, DATA, y),
        "cubic": lambda y: CubicSpline(DATA, y, bc_type="natural")(GRID),
        "usual": -1.0,
        "mean": 0.0,
    },
    figure=two_regimes,
)
