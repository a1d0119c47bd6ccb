"""Below equation 3 (section 2.1.1): mu_i s_i = f''(beta_i) / (H p(beta_i)) gives f up to O(1 / H), for random beta_i.

Stated: the exponent of H. Independent: f itself, which the sum of `jspline.init.from_curvature` should
be; here f'' = cos 3x on [-1, 1], integrated by hand. Decision: the slope of log error over log width, mean over
repetitions, against steps of 1/2.
"""

from typing import Any

import numpy as np

from jspline.claims._claim import Claim, Evidence, Run
from jspline.claims._decide import exponent
from jspline.init import from_curvature

WIDTHS = 64, 256, 1024, 4096
X = np.linspace(-1, 1, 101)
F = (np.cos(3.0) - np.cos(3 * X)) / 9 + np.sin(3.0) / 3 * (X + 1)
"""The function with f'' = cos 3x, f(-1) = f'(-1) = 0."""


def error(stated: Any, beta: np.ndarray) -> float:
    """Root mean square, of all neurons facing right."""
    spline = stated.expansion(lambda t: np.cos(3 * t), lambda t: 0.5 + 0 * t, beta)
    ahead = np.maximum(X[:, None] - np.asarray(spline.beta), 0)
    return float(np.sqrt(np.mean((ahead @ np.asarray(spline.mu) - F) ** 2)))


def check(run: Run, stated: Any) -> Evidence:
    rng = run.rng()
    drawn = [[error(stated, rng.uniform(-1, 1, H)) for _ in range(run.size(60, 1000))] for H in WIDTHS]
    even = [error(stated, np.linspace(-1, 1, H + 1)[1:]) for H in WIDTHS]
    return Evidence(
        printed=(exponent("error at random breakpoints, print", WIDTHS, drawn, stated.printed),),
        corrected=(
            exponent("error at random breakpoints", WIDTHS, drawn, stated.random),
            exponent("error at even breakpoints", WIDTHS, even, stated.even),
        ),
    )


CLAIM = Claim(
    id="text-expansion",
    title="The error of the infinite-width expansion",
    source="section 2.1.1, below equation 3",
    statement="With mu_i s_i = f''(beta_i) / (H p(beta_i)) the law of large numbers leaves an error of O(1 / H).",
    corrected="O(1 / H) for evenly placed breakpoints; O_p(H^-1/2) for random ones.",
    check=check,
    stated={"expansion": from_curvature, "printed": -1.0, "random": -0.5, "even": -1.0},
)
