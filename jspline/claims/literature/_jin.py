"""Jin and Montufar (2023): a wide net ends within H^-1/2 of the interpolant of least weighted curvature.

So, it says, with uniform breakpoints of the natural cubic spline. Independent: the interpolants of least norm of v of
H neurons in numpy, breakpoints random or even on [-R, R], R = 1, |w| = 1 / sqrt(H), flat starts; the kernel regime
of lemma 2. Stated: the exponent of H, and as limits `jspline.kernel.natural_cubic` and `weighted_spline`. Decision:
slopes of logarithms, mean over repetitions.

At a fixed R the limit is not the natural spline f = 1/2 int f'' |x - t| dt + A x + C itself but one that pays for A
and C. Their theorem first takes a line off the data: taking A x + C off leaves the limit nothing to pay.
"""

from typing import Any

import numpy as np
from scipy.interpolate import CubicSpline

from jspline.claims._claim import Claim, Compared, Evidence, Run
from jspline.claims._decide import exponent
from jspline.datasets import Dataset
from jspline.init import UniformBreakpoints
from jspline.kernel import natural_cubic, weighted_spline
from jspline.plot.paper import approach
from jspline.problem import Problem

WIDTHS, REACH = np.array([32, 128, 512, 2048]), 1.0
X = np.array([-1.0, -0.7, -0.35, 0.1, 0.3, 0.65, 1.0])
Y = np.array([0.3, -0.8, 0.2, 1.0, 0.1, -0.6, 0.7])
GRID = np.linspace(-1, 1, 201)


def trained(y: np.ndarray, beta: np.ndarray, s: np.ndarray) -> np.ndarray:
    """On the grid, the interpolant of least norm."""
    features = [np.maximum(s * (x[:, None] - beta), 0) for x in (X, GRID)]
    q, r = np.linalg.qr(features[0].T)
    return features[1] @ (q @ np.linalg.solve(r.T, y))


def own_line(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """A x + C of the natural cubic spline: the mean of its two outer lines."""
    spline = CubicSpline(x, y, bc_type="natural")
    return np.mean([spline(end) + spline(end, 1) * (x - end) for end in (x[0], x[-1])], axis=0)


def check(run: Run, stated: Any) -> Evidence:
    rng = run.rng()
    data, level = Dataset(X, Y), Y - stated.line(X, Y)
    targets = {
        "natural": (Y, np.asarray(stated.natural(data)(GRID))),
        "level": (level, np.asarray(stated.natural(Dataset(X, level))(GRID))),
        "wide": (Y, np.asarray(stated.wide(Problem(data, train_b0=False), UniformBreakpoints(-REACH, REACH))(GRID))),
    }

    def gaps(beta: np.ndarray, s: np.ndarray) -> list[float]:
        return [float(np.max(np.abs(trained(y, beta, s) - target))) for y, target in targets.values()]

    drawn = np.array([
        [gaps(rng.uniform(-REACH, REACH, H), rng.choice([-1.0, 1.0], H)) for _ in range(run.size(30, 300))]
        for H in WIDTHS
    ])  # fmt: skip
    even = np.array([gaps(np.tile(REACH * (4 * np.arange(H // 2) + 2 - H) / H, 2), np.repeat([1.0, -1.0], H // 2))
                     for H in WIDTHS])  # fmt: skip
    names = {
        "natural": "gap to the natural cubic spline",
        "level": "gap to the natural cubic spline, its line taken off",
        "wide": "gap to the least weighted curvature with a line",
    }
    at_random = {name: exponent(f"{words}, random breakpoints", WIDTHS, drawn[..., k], stated.power)
                 for k, (name, words) in enumerate(names.items())}  # fmt: skip
    at_even = {name: exponent(f"{words}, even breakpoints", WIDTHS, even[:, k], stated.power, bound=True)
               for k, (name, words) in enumerate(names.items())}  # fmt: skip
    powers = {name: f"H^{at_random[name].numbers['exponent']:.2f} for random, "
              f"H^{at_even[name].numbers['exponent']:.2f} for even breakpoints" for name in names}  # fmt: skip
    H = WIDTHS[1]
    fit = trained(Y, np.tile(REACH * (4 * np.arange(H // 2) + 2 - H) / H, 2), np.repeat([1.0, -1.0], H // 2))
    return Evidence(
        printed=(at_even["natural"],),
        condition=(at_random["level"], at_even["level"]),
        corrected=(at_random["wide"], at_even["wide"]),
        compared=tuple(Compared(words, "within H^-1/2", powers[name]) for name, words in names.items()),
        arrays={"widths": WIDTHS, "names": np.array(list(names)), "random": drawn, "even": even, "x": X, "y": Y,
                "grid": GRID, "fit": fit, "natural": targets["natural"][1], "wide": targets["wide"][1]},
    )  # fmt: skip


CLAIM = Claim(
    id="lit-jin",
    title="How fast wide networks approach least curvature",
    source="Jin and Montufar (2023), Implicit bias of gradient descent for mean squared error regression with "
    "two-layer wide neural networks",
    statement="A net of width H ends within H^-1/2 of the interpolant of least weighted curvature, for uniform "
    "breakpoints of the natural cubic spline.",
    condition="A line is taken off the data first, as their theorem does: that of the spline, A x + C.",
    corrected="Without, within H^-1/2 of the least int f''^2 / nu + 4 A^2 / int nu + 4 C^2 / int beta^2 nu; even "
    "breakpoints are faster.",
    check=check,
    stated={"power": -0.5, "natural": natural_cubic, "wide": weighted_spline, "line": own_line},
    figure=approach,
)
