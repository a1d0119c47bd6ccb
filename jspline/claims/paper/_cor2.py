"""Corollary 2 (section 2.3): moving only beta_i changes the loss in the same way however (w_i, b_i, v_i) move.

Ways: (i) b alone; (ii) w along the hyperbola w v = mu, b fixed; (iii) (i) and any scaling. Stated: `slice_bias` and
`slice_scale` of `jspline.landscape`. Independent: the loss of the moved network in numpy. Decision: rounding. That the
slice in beta is piecewise quadratic with knots at the data is in `th3`; here all ways give that slice.
"""

from typing import Any

import numpy as np

from jspline.claims._case import Case, random_case
from jspline.claims._claim import Claim, Evidence, Run
from jspline.claims._decide import equal
from jspline.landscape import slice_bias, slice_scale


def moved(case: Case, i: int, w: Any, b: Any, v: Any) -> float:
    """The loss with neuron i replaced."""
    theta = case.theta.copy()
    theta[[i, case.width + i, 2 * case.width + i]] = w, b, v
    return float(case.at(theta).loss())


def check(run: Run, stated: Any) -> Evidence:
    rng, ways = run.rng(), np.zeros((5, 0))
    sizes: list[float] = []
    for _ in range(run.size(10, 200)):
        case, i = random_case(rng), int(rng.integers(20))
        w, b, v, _ = (part[i] if part.ndim else part for part in case.split())
        betas = np.sign(-b / w) * np.linspace(0.1, 2, 21)
        alpha = rng.uniform(0.2, 5, 21)
        ways = np.append(ways, np.array([
            [moved(case, i, w, -w * t, v) for t in betas],
            [moved(case, i, -b / t, b, w * v * t / -b) for t in betas],
            [moved(case, i, a * w, -a * w * t, v / a) for t, a in zip(betas, alpha, strict=True)],
            np.asarray(stated.bias(case.net, case.data, i)(-w * betas)),
            np.asarray(stated.scale(case.net, case.data, i)(-b / betas)),
        ]), axis=1)  # fmt: skip
        mu = np.abs(case.split()[0] * case.split()[2])
        reach = np.abs(case.y) + np.abs(case.theta[-1]) + (np.abs(case.x) + 2) * mu.sum() + mu @ np.abs(case.beta)
        sizes += [float(np.sum(case.p * reach**2))] * 21
    names = ("along the hyperbola", "with a scaling", "slice_bias", "slice_scale")
    return Evidence(
        tuple(
            equal(f"loss, {name}", way, ways[0], size=np.array(sizes), operations=case.operations)
            for name, way in zip(names, ways[1:], strict=True)
        )
    )


CLAIM = Claim(
    id="cor2",
    title="Slices of the loss in the network's own parameters",
    source="corollary 2, section 2.3",
    statement="All changes of (w, b, v) that move only a breakpoint change the loss in the same way.",
    check=check,
    stated={"bias": slice_bias, "scale": slice_scale},
)
