"""Theorem 2 (section 2.2.1): mean and tail of the initial roughness rho = sum mu_i^2.

He: E rho = 4, P(rho - E rho >= l) <= 1 / (1 + l^2 H / 128). Glorot: E rho = 4 H / (H + 1)^2, and
1 / (1 + l^2 (H + 1)^4 / (128 H)). Independent: networks drawn in numpy. Decision: the normal test of the mean, and of
the variance behind the tail; exact binomial tests of the tail at 1, 2 and 4 standard deviations. (That rho were the
integral of f''^2 is `text-roughness`.)
"""

from typing import Any

import numpy as np

from jspline.claims._claim import Claim, Evidence, Run
from jspline.claims._decide import mean, share_at_most

WIDTH = 20


def he_tail(H: int, l: float) -> float:  # noqa: E741
    """As printed."""
    return 1 / (1 + l**2 * H / 128)


def glorot_tail(H: int, l: float) -> float:  # noqa: E741
    """As printed."""
    return 1 / (1 + l**2 * (H + 1) ** 4 / (128 * H))


def check(run: Run, stated: Any) -> Evidence:
    rng, n, found = run.rng(), run.size(100_000, 2_000_000), []
    for name, variance_w, variance_v in (("he", 2, 2 / WIDTH), ("glorot", 2 / (WIDTH + 1), 2 / (WIDTH + 1))):
        w, v = rng.normal(size=(2, n, WIDTH))
        rho = np.sum(w**2 * v**2, axis=1) * variance_w * variance_v
        expected, tail = getattr(stated, f"{name}_mean")(WIDTH), getattr(stated, f"{name}_tail")
        variance = 1 / (1 / tail(WIDTH, 1.0) - 1)
        found += [
            mean(f"{name}: mean of rho", rho, expected),
            mean(f"{name}: variance of rho", (rho - expected) ** 2, variance),
        ]
        for k in (1, 2, 4):
            far = k * variance**0.5
            happened = int(np.sum(rho - expected >= far))
            found.append(share_at_most(f"{name}: tail beyond {k} sd", happened, n, tail(WIDTH, far)))
    return Evidence(tuple(found))


CLAIM = Claim(
    id="th2",
    title="The roughness of standard initializations",
    source="theorem 2, section 2.2.1",
    statement="The mean roughness is 4 for He's weights, 4 H / (H + 1)^2 for Glorot's; tails obey Chebyshev's bound.",
    check=check,
    stated={
        "he_mean": lambda H: 4.0,
        "he_tail": he_tail,
        "glorot_mean": lambda H: 4 * H / (H + 1) ** 2,
        "glorot_tail": glorot_tail,
    },
)
