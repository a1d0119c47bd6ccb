"""Section 2.6.2: mu' = -<eps, x> + <eps, 1> beta = r_1 + r_x beta; mu is discontinuous in x; f'' = mu(x, +) + mu(x, -).

From a flat start, v = 0. Independent: speeds by complex steps; second differences of f. Decision: rounding. Right
is mu' = w^2 (X - beta E): the print has the sign of eps = f - y, and drops w^2. mu is continuous, since a datum enters
where its x - beta is 0. And f'' is the difference mu(x, +) - mu(x, -), by equation 2.
"""

from typing import Any

import numpy as np

from jspline.claims._case import Case, random_case
from jspline.claims._claim import Claim, Evidence, Run
from jspline.claims._decide import at_least, at_most, equal

NEAR, WINDOW = 1e-9, 0.3


def flat(case: Case) -> Case:
    """With v = 0."""
    w, b, v, b0 = case.split()
    return Case.of(w, b, 0 * v, float(b0), case.x, case.y, case.p)


def jump(case: Case) -> float:
    """The largest difference of mu' across a datum, of neurons with w = 1 on both sides of each."""
    both = [Case.of(np.ones(10), -case.x + d, np.zeros(10), 0.0, case.x, case.y, case.p) for d in (-NEAR, NEAR)]
    before, after = (each.velocity(lambda w, b, v: w * v) for each in both)
    return float(np.max(np.abs(after - before)))


def check(run: Run, stated: Any) -> Evidence:
    rng = run.rng()
    speed, printed, corrected, size, jumps = [], [], [], [], []
    bend, total, difference, bend_size = [], [], [], []
    for _ in range(run.size(50, 1000)):
        case = flat(random_case(rng))
        w, _, _, _ = case.split()
        speed.append(case.velocity(lambda w, b, v: w * v))
        printed.append(stated.printed(w, case.beta, *case.sums()))
        corrected.append(stated.corrected(w, case.beta, *case.sums()))
        size.append(np.abs(w) * case.split(case.terms)[2])
        jumps.append(jump(case))
        # f'' seen through a hat: a second difference of the f that these speeds make in unit time.
        mu, s, x = speed[-1], np.sign(w), np.linspace(-1, 1, 21)
        f = [np.where(s * (t[:, None] - case.beta) > 0, t[:, None] - case.beta, 0) @ mu for t in
             (x - WINDOW, x, x + WINDOW)]  # fmt: skip
        hats = np.maximum(WINDOW - np.abs(x[:, None] - case.beta), 0)
        plus, minus = hats @ np.where(s > 0, mu, 0), hats @ np.where(s < 0, mu, 0)
        bend.append(f[0] - 2 * f[1] + f[2])
        total.append(stated.sum(plus, minus))
        difference.append(stated.difference(plus, minus))
        bend_size.append(np.full(21, 4 * np.sum(np.abs(mu) * (2 + np.abs(case.beta)))))
    operations, near = 2 * case.operations, NEAR * 100 * max(np.max(case.terms), 1)
    bends: dict[str, Any] = {"size": np.array(bend_size), "operations": operations}
    rates: dict[str, Any] = {"size": np.array(size), "operations": operations}
    return Evidence(
        printed=(
            equal("speed of mu, print", printed, np.array(speed), **rates),
            equal("f'' as a sum", total, np.array(bend), **bends),
            at_least("jump of mu' at data", max(jumps), near),
        ),
        corrected=(
            equal("speed of mu", corrected, np.array(speed), **rates),
            equal("f'' as a difference", difference, np.array(bend), **bends),
            at_most("jump of mu' at data, none", max(jumps), near),
        ),
    )


CLAIM = Claim(
    id="text-pde",
    title="What the PDE of the kernel regime says",
    source="section 2.6.2",
    statement="r_1 = -<eps, x> and r_x = <eps, 1>; mu is discontinuous at data; f'' = mu(x, +) + mu(x, -).",
    corrected="mu' = w^2 (X - beta E); mu is continuous; f'' = mu(x, +) - mu(x, -).",
    check=check,
    stated={
        "printed": lambda w, beta, E, X: -X + E * beta,
        "corrected": lambda w, beta, E, X: w**2 * (X - beta * E),
        "sum": lambda plus, minus: plus + minus,
        "difference": lambda plus, minus: plus - minus,
    },
)
