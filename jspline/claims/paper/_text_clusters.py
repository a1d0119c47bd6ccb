"""Section 2.5.2: breakpoints form clusters at data, which stay for some time, then shift, split or smear.

A cluster is two breakpoints or more on one datum (within 10^-7). Between two looks it is still there; or all have left
together, to one side (shift); or to both (split); or they are apart, or some are left behind (smear). Flat starts at
the middle and the small scale (see `_flows.py`). Independent: positions of the exact flow in numpy. Decision: networks
with clusters, and with one that stays, are more than half, by binomial tests; each of the three ends occurs.
"""

from typing import Any

import numpy as np

from jspline.claims._claim import Claim, Evidence, Run
from jspline.claims._decide import at_least, more_often
from jspline.claims._flows import TIMES, Flows, X, flows

ON = 1e-7


def clusters(beta: np.ndarray, at: np.ndarray) -> list[np.ndarray]:
    """Which breakpoints are on each place, where there are at least two."""
    on = np.abs(beta[:, None] - at) < ON
    return [np.flatnonzero(column) for column in on.T if column.sum() >= 2]


def fate(before: np.ndarray, after: np.ndarray) -> str:
    """What has become of the breakpoints of a cluster."""
    moved = after - before
    if np.all(np.abs(moved) < ON):
        return "stay"
    gone = moved[np.abs(moved) >= ON]
    if len(gone) == len(moved) and np.all(gone * gone[0] > 0) and np.ptp(gone) < 1e-3:
        return "shift"
    return "split" if gone.min() < 0 < gone.max() else "smear"


def check(run: Run, stated: Any) -> Evidence:
    beta = flows(run.budget, run.seed).beta
    counts = dict.fromkeys(("stay", "shift", "split", "smear"), 0)
    staying = 0
    for a, init, t in np.ndindex(2, beta.shape[1], len(TIMES) - 1):
        now, then = beta[a, init, t], beta[a, init, t + 1]
        fates = [fate(now[group], then[group]) for group in clusters(now, stated.places)]
        for kind in fates:
            counts[kind] += 1
        staying += (a, t) == Flows.at(20.0, 3.0) and "stay" in fates
    a, t = Flows.at(20.0, 3.0)
    formed = sum(bool(clusters(each, stated.places)) for each in beta[a, :, t])
    return Evidence((
        more_often("alpha = 20, t = 3: networks with a cluster", formed, beta.shape[1]),
        more_often("alpha = 20, t = 3: networks with one that stays until t = 10", staying, beta.shape[1]),
        *(at_least(f"clusters that {kind} from one look to the next", counts[kind], 1) for kind in counts),
    ))  # fmt: skip


CLAIM = Claim(
    id="text-clusters",
    title="Clusters of breakpoints",
    source="section 2.5.2",
    statement="Breakpoints form clusters at data, which stay for some time, then shift, split or smear.",
    check=check,
    stated={"places": X},
)
