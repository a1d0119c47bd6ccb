"""Equation 10 (section 2.6.2): mu'(x, s, t) = r_1(x, s, t) + r_x(x, s, t) x, the kernel regime as a PDE.

r_1 and r_x are the same for all neurons of one orientation between the same two data.

So in a flat kernel-regime start (v = 0, |w| = 1) the delta-slopes of all neurons that see the same data change by one
affine function of their breakpoints. Independent: speeds by complex steps. r_1 and r_x are found from two neurons of
each group, and have to give the others. Decision: rounding. (Their printed definitions are `text-pde`.)
"""

from typing import Any

import numpy as np

from jspline.claims._case import Case
from jspline.claims._claim import Claim, Evidence, Run
from jspline.claims._decide import equal

SIZE, WIDTH = 6, 60


def flat_start(rng: np.random.Generator) -> Case:
    """Breakpoints uniform beyond the data, |w| = 1, v = 0."""
    x = np.linspace(-1, 1, SIZE) + rng.uniform(-0.1, 0.1, SIZE)
    s, beta = rng.choice([-1.0, 1.0], WIDTH), rng.uniform(-1.3, 1.3, WIDTH)
    return Case.of(s, -s * beta, np.zeros(WIDTH), rng.normal(), x, rng.normal(size=SIZE))


def check(run: Run, stated: Any) -> Evidence:
    rng = run.rng()
    value: list[float] = []
    reference: list[float] = []
    size: list[float] = []
    for _ in range(run.size(20, 500)):
        case = flat_start(rng)
        speed = case.velocity(lambda w, b, v: w * v)
        patterns = np.unique(case.active.T, axis=0)
        for pattern in patterns:
            group = np.flatnonzero(np.all(pattern == case.active.T, axis=1))
            if len(group) < 3:
                continue
            group = group[np.argsort(case.beta[group])]
            first, last = group[0], group[-1]
            r_x = (speed[last] - speed[first]) / (case.beta[last] - case.beta[first])
            r_1 = speed[first] - r_x * case.beta[first]
            value.extend(stated.rate(r_1, r_x, case.beta[group[1:-1]]))
            reference.extend(speed[group[1:-1]])
            size.extend([np.max(case.terms)] * (len(group) - 2))
    return Evidence((equal("speed of mu", value, np.array(reference), size=size, operations=case.operations),))


CLAIM = Claim(
    id="eq10",
    title="The kernel regime as a PDE",
    source="equation 10, section 2.6.2",
    statement="In the kernel regime mu' is affine in the breakpoint, with coefficients that are constant between data.",
    check=check,
    stated={"rate": lambda r_1, r_x, beta: r_1 + r_x * beta},
)
