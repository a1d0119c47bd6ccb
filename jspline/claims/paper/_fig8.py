"""Figure 8 (theorem 7): descent on mu from the origin increases |mu|, from elsewhere the distance from there.

So it ends at the interpolant of least |mu|, or of least |mu - mu_0|, and a rough start makes a rough end. Stated: the
nearest interpolant. Independent: 4,000 steps of gradient descent in numpy, from the features' definition. Decision: the
least increase over all steps, down to rounding; the distance of the end, against the way that is left.
"""

from typing import Any

import numpy as np

from jspline.claims._claim import Claim, Compared, Evidence, Run
from jspline.claims._decide import at_least, at_most
from jspline.claims.paper._fig6 import features
from jspline.plot import paper

N, H, STEPS = 4, 12, 4_000


def descend(phi: np.ndarray, y: np.ndarray, mu: np.ndarray, steps: int) -> np.ndarray:
    """All steps of gradient descent, `(steps + 1, H)`."""
    rate, path = 1 / np.linalg.norm(phi, 2) ** 2, [mu]
    for _ in range(steps):
        path.append(path[-1] - rate * phi.T @ (phi @ path[-1] - y))
    return np.array(path)


def nearest(phi: np.ndarray, y: np.ndarray, mu: np.ndarray) -> np.ndarray:
    """The interpolant that is nearest to mu."""
    found: np.ndarray = mu + np.linalg.lstsq(phi, y - phi @ mu, rcond=None)[0]
    return found


def check(run: Run, stated: Any) -> Evidence:
    rng, (grows, away, rougher), (off, far), rough = run.rng(), [float("inf")] * 3, [0.0] * 2, []
    for _ in range(run.size(20, 300)):
        x, y = np.linspace(-1, 1, N) + rng.uniform(-0.1, 0.1, N), rng.normal(size=N)
        s = np.where(np.arange(H) % 2, 1.0, -1.0)
        phi, start = features(x, rng.uniform(-2, 2, H), s), 2 * rng.normal(size=H)
        ends = []
        for mu in (np.zeros(H), start):
            path = descend(phi, y, mu, STEPS)
            length = np.linalg.norm(path - mu, axis=1)
            least, (end, left) = float(np.min(np.diff(length)) / length[-1]), (path[-1], y - phi @ path[-1])
            # Of the residual, some features cannot take all: the rest of the way is for what they can.
            rest = float(np.linalg.norm(np.linalg.lstsq(phi, left)[0])) + 1e-10
            miss = float(np.linalg.norm(end - stated.nearest(phi, y, mu)) / rest)
            ends.append(float(np.linalg.norm(end)))
            if mu is start:
                away, far = min(away, least), max(far, miss)
            else:
                grows, off = min(grows, least), max(off, miss)
        # From the origin |mu| has only grown; from elsewhere it may yet grow by the rest of the way.
        rougher = min(rougher, (ends[1] + rest) / ends[0])
        rough.append(ends[1] / ends[0])
    y, phi = np.array([1.0]), features(np.array([0.6]), np.array([-0.9, 0.1]), np.ones(2))
    return Evidence(
        (
            at_least("from the origin: least growth of |mu| in a step", grows, -1e-12),
            at_most("from the origin: distance from the least |mu|, by what is left", off, 1 + 1e-6),
            at_least("from elsewhere: least growth of |mu - mu_0| in a step", away, -1e-12),
            at_most("from elsewhere: distance from the least |mu - mu_0|, by what is left", far, 1 + 1e-6),
            at_least("|mu| at the end, from elsewhere, with what is left, over from the origin", rougher, 1.0),
        ),
        compared=(
            Compared("|mu| from the origin", "increases monotonically", f"least change in a step {grows:.1e}"),
            Compared("from elsewhere", "minimizes |mu - mu_0| instead", f"off by {far:.2f} of the way that is left"),
            Compared("|mu| at the end, from elsewhere", "high",
                     f"{np.median(rough):.2f} times that from the origin (median)"),
        ),
        arrays={"features": phi, "y": y, "from_origin": descend(phi / 3, y / 3, np.zeros(2), 200),
                "from_elsewhere": descend(phi / 3, y / 3, np.array([-1.2, 1.5]), 200)},
    )  # fmt: skip


CLAIM = Claim(
    id="fig8",
    title="Where descent on delta-slopes goes",
    source="figure 8, theorem 7",
    statement="Descent from the origin increases |mu| monotonically, from another start it minimizes |mu - mu_0|; a "
    "rough start has a rough end.",
    check=check,
    stated={"nearest": nearest},
    figure=paper.fig8,
)
