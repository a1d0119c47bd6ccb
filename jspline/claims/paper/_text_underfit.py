"""Section 2.5.2: breakpoints migrate toward nearby curvature that is underfit and has the sign of their delta-slope.

At a datum the underfit curvature is the second difference of the residual. A breakpoint between two data of which one
has the sign of its kink mu s, and the other has not, should move toward the first. Flat starts at the scale that ends
near the linear spline, at time 1 (see `_flows.py`). Independent: where the exact flow has taken it 0.02 later.
Decision: more of these breakpoints move so than not in more than half of the networks, by a binomial test. The same at
the smallest scale, where it is far less clear, is reported beside it.
"""

from typing import Any

import numpy as np

from jspline.claims._claim import Claim, Evidence, Run
from jspline.claims._decide import more_often
from jspline.claims._flows import SIZE, Flows, X, flows


def tally(found: Flows, alpha: float, stated: Any) -> tuple[int, int, float]:
    """Networks where most do, those where more do than not or the reverse, and the mean share of breakpoints."""
    (a, now), (_, later) = Flows.at(alpha, 1.0), Flows.at(alpha, 1.02)
    residual = found.y[a] - found.fit(X)[a, :, now]
    bend = np.pad(np.diff(residual, 2, axis=-1), ((0, 0), (1, 1)))
    wins, decided, shares = 0, 0, []
    for init, beta in enumerate(found.beta[a, :, now]):
        w, v = found.w[a, init, now], found.v[a, init, now]
        kink, moved = stated.kink(w * v, np.sign(w)), found.beta[a, init, later] - beta
        place = np.searchsorted(X, beta) - 1
        free = (place > 0) & (place < SIZE - 2) & (np.min(np.abs(beta[:, None] - X), axis=1) > 1e-5) & (moved != 0)
        left, right = (bend[init, np.clip(place + k, 0, SIZE - 1)] * kink > 0 for k in (0, 1))
        one = free & (left != right)
        toward = np.sum((moved > 0)[one] == right[one])
        shares.append(toward / max(one.sum(), 1))
        wins, decided = wins + int(2 * toward > one.sum()), decided + int(2 * toward != one.sum())
    return wins, decided, float(np.mean(shares))


def check(run: Run, stated: Any) -> Evidence:
    found = flows(run.budget, run.seed)
    wins, decided, share = tally(found, 20.0, stated)
    small, of, _ = tally(found, 0.1, stated)
    facts = {"mean_share": share, "share_at_alpha_0.1": small / max(of, 1)}
    return Evidence((more_often("networks where most do", wins, decided, **facts),))


CLAIM = Claim(
    id="text-underfit",
    title="Where breakpoints migrate to",
    source="section 2.5.2",
    statement="Breakpoints migrate toward nearby curvature that is underfit and has the sign of their delta-slope.",
    check=check,
    stated={"kink": lambda mu, s: mu * s},
)
