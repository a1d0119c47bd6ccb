"""Figure 14 (appendix; remark 1): how often the partition at the start is lonely, by the width over N^2.

The text does not say what the figure shows; this is remark 1 over a range. Evenly spaced breakpoints and uniform data,
and both uniform. Stated: the print's 1 - exp(-N^2 / (H + 1)); exact products; the bound exp(-N^2 / (H + 1)).
Independent: draws in numpy. Decision: binomial tests at every (N, H); that H of order N^2 is needed and enough, by the
range of the measured shares at H = 4 N^2, and at H = 4 N.
"""

from typing import Any

import numpy as np

from jspline.claims._claim import Claim, Compared, Evidence, Run
from jspline.claims._decide import at_least, at_most, share, share_at_least
from jspline.claims.paper._fig4 import lonely
from jspline.landscape import lonely_bound, lonely_probability, remark_1
from jspline.plot import paper

SIZES, DEGREES = (5, 10, 20), np.array([0.25, 1.0, 4.0, 16.0])

DRAWN_AT_ONCE = 1 << 22
"""Breakpoints: of 200,000 partitions with 6,400 each the memory would not hold three copies."""


def lonely_at_random(x: np.ndarray, beta: np.ndarray) -> np.ndarray:
    """The same for random breakpoints: between any two neighbouring data there is one."""
    both = np.concatenate([x, beta], axis=1)
    datum = np.argsort(both, axis=1) < x.shape[1]
    return np.all(~(datum[:, 1:] & datum[:, :-1]), axis=1)


def check(run: Run, stated: Any) -> Evidence:
    rng, draws = run.rng(), run.size(3_000, 200_000)
    even = np.zeros((len(SIZES), len(DEGREES)))
    drawn, printed, exact, bounded = np.zeros_like(even), [], [], []
    linear = []
    for i, N in enumerate(SIZES):
        x = rng.uniform(size=(draws, N))
        for j, degree in enumerate(DEGREES):
            H = int(degree * N * N)
            even[i, j], name = np.mean(lonely(x, H)), f"N = {N}, H = {H}"
            parts = np.array_split(x, -(-draws * H // DRAWN_AT_ONCE))
            alone = [lonely_at_random(part, rng.uniform(size=(len(part), H))) for part in parts]
            drawn[i, j] = np.mean(np.concatenate(alone))
            happened = round(even[i, j] * draws)
            printed.append(share(f"{name}: print", happened, draws, stated.printed(N, H)))
            exact.append(share(f"{name}: exact", happened, draws, stated.even(N, H)))
            exact.append(share(f"{name}: exact, random breakpoints", round(drawn[i, j] * draws), draws,
                               stated.random(N, H)))  # fmt: skip
            bounded.append(share_at_least(f"{name}: bound", happened, draws, stated.bound(N, H)))
        linear.append(np.mean(lonely(x, 4 * N)))
    at = DEGREES.tolist().index(4.0)
    order = (
        at_least("H = 4 N^2: the least share", even[:, at].min(), np.exp(-1 / 4)),
        at_most("H = 4 N: the share at the largest N", linear[-1], linear[0] / 4),
    )
    N, k = SIZES[-1], at
    return Evidence(
        printed=tuple(printed),
        corrected=(*exact, *bounded, *order),
        compared=(
            *(Compared(f"N = {N}, H = {int(d * N * N)}: P(lonely)", f"{float(stated.printed(N, int(d * N * N))):.3f}",
                       f"{even[-1, j]:.3f}; exact {float(stated.even(N, int(d * N * N))):.3f}")
              for j, d in enumerate(DEGREES)),
            Compared("H = 4 N^2: is a lonely partition almost guaranteed?", "high probability",
                     ", ".join(f"{v:.2f} (N = {n})" for n, v in zip(SIZES, even[:, k], strict=True))),
        ),
        arrays={"sizes": np.array(SIZES), "degrees": DEGREES, "even": even, "random": drawn,
                "printed": np.array([[float(stated.printed(n, int(d * n * n))) for d in DEGREES] for n in SIZES]),
                "exact": np.array([[float(stated.even(n, int(d * n * n))) for d in DEGREES] for n in SIZES])},
    )  # fmt: skip


CLAIM = Claim(
    id="fig14",
    title="How often partitions are lonely",
    source="figure 14, appendix; remark 1",
    statement="With H >= d N^2 breakpoints a partition is lonely with probability 1 - exp(-N^2 / (H + 1)).",
    corrected="The products over k < N of 1 - k / (H + 1), evenly spaced, or C(H + 1, N) / C(H + N, N), random; at "
    "least exp(-N^2 / (H + 1)). So H of order N^2 is enough, as the print says, and order N is not.",
    check=check,
    stated={
        "printed": remark_1,
        "bound": lonely_bound,
        "even": lonely_probability,
        "random": lambda N, H: lonely_probability(N, H, breakpoints="random"),
    },
    figure=paper.fig14,
)
