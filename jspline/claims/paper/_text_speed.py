"""Section 2.5.1: the initial speed of beta goes as alpha^-2, that of mu approximately as alpha^2.

alpha scales (w, b, v) to (alpha w, alpha b, v / alpha). Independent: speeds of the scaled networks along complex-step
gradients. Decision: slopes of log speed over log alpha, against steps of 1/2. The speed of beta is so for all alpha.
That of mu is v^2 X + w^2 (X - beta E): as alpha^2 once alpha is large against |v / w|, and from v = 0; as alpha^-2 if
small.
"""

from typing import Any

import numpy as np

from jspline.claims._case import Case, random_case
from jspline.claims._claim import Claim, Evidence, Run
from jspline.claims._decide import exponent

SMALL, LARGE = np.array([0.01, 0.02, 0.05]), np.array([20.0, 50.0, 100.0])


def speeds(case: Case, alphas: np.ndarray) -> np.ndarray:
    """Root mean squares of the speeds of beta and of mu, `(2, alphas)`."""
    w, b, v, b0 = case.split()
    scaled = [Case.of(a * w, a * b, v / a, float(b0), case.x, case.y, case.p) for a in alphas]
    both = [each.velocity(lambda w, b, v: np.stack([-b / w, w * v])) for each in scaled]
    return np.sqrt(np.mean(np.array(both) ** 2, axis=2)).T


def check(run: Run, stated: Any) -> Evidence:
    rng = run.rng()
    cases = [random_case(rng) for _ in range(run.size(30, 1000))]
    alphas = np.concatenate([SMALL, LARGE])
    beta, mu = np.array([speeds(case, alphas) for case in cases]).transpose(1, 2, 0)
    flat = [case.at(np.where(np.arange(61) // 20 >= 2, 0.0, case.theta)) for case in cases]  # v = b0 = 0
    from_zero = np.array([speeds(case, alphas)[1] for case in flat]).T
    return Evidence(
        printed=(
            exponent("speed of beta", alphas, beta, stated.beta),
            exponent("speed of mu, small alpha", SMALL, mu[:3], stated.mu),
        ),
        condition=(
            exponent("speed of beta, all alpha", alphas, beta, stated.beta),
            exponent("speed of mu, large alpha", LARGE, mu[3:], stated.mu),
            exponent("speed of mu from v = 0", alphas, from_zero, stated.mu),
        ),
        corrected=(exponent("speed of mu, small alpha, corrected", SMALL, mu[:3], stated.small),),
    )


CLAIM = Claim(
    id="text-speed",
    title="Initial speeds and the scale",
    source="section 2.5.1",
    statement="The initial speed of breakpoints scales as alpha^-2, that of delta-slopes approximately as alpha^2.",
    condition="For delta-slopes alpha is large against |v| / |w|, or v = 0 at the start.",
    corrected="For small alpha delta-slopes are as fast as alpha^-2.",
    check=check,
    stated={"beta": -2.0, "mu": 2.0, "small": -2.0},
)
