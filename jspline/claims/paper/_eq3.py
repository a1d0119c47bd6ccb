"""Equation 3 (section 2.1.1): f''(x) = E_beta[c(beta) / p(beta) delta(x - beta)], c the curvature, beta drawn from p.

Integrated twice: f(x) is the mean of c(beta) / p(beta) (x - beta)_+. Here c = cos 3x and p = 1/2 + x/4 on [-1, 1].
Independent: f by hand; breakpoints drawn in numpy by inverting the distribution function. Decision: the normal test at
four x. (How fast the mean over H breakpoints converges, which is printed below it wrongly, is `text-expansion`.)
"""

from typing import Any

import numpy as np

from jspline.claims._claim import Claim, Evidence, Run
from jspline.claims._decide import mean

X = -0.5, 0.0, 0.5, 1.0


def check(run: Run, stated: Any) -> Evidence:
    u = run.rng().uniform(size=run.size(200_000, 10_000_000))
    beta = 2 * np.sqrt(0.25 + 2 * u) - 2  # u = (beta + 1) / 2 + (beta^2 - 1) / 8
    terms = stated.weight(np.cos(3 * beta), 0.5 + beta / 4)
    exact = [(np.cos(3.0) - np.cos(3 * x)) / 9 + np.sin(3.0) / 3 * (x + 1) for x in X]
    return Evidence(
        tuple(
            mean(f"f({x:g})", terms * np.maximum(x - beta, 0), f) for x, f in zip(X, exact, strict=True)
        )
    )  # fmt: skip


CLAIM = Claim(
    id="eq3",
    title="The infinite-width expansion",
    source="equation 3, section 2.1.1",
    statement="A network of infinite width is the mean over its breakpoints of c(beta) / p(beta) times a kink there.",
    check=check,
    stated={"weight": lambda c, p: c / p},
)
