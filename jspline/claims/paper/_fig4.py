"""Figure 4 (section 2.3.1): with more breakpoints a lonely partition becomes more likely.

Evenly spaced breakpoints, uniform data in their range, 5 and 20 of them. Stated: the exact probability
(`jspline.landscape.lonely_probability`), and that it grows. Independent: draws in numpy, in which two data share a
piece or do not. Decision: the binomial test at every width; that at eight times a width more draws are lonely, by the
binomial test on the draws that are so at one of the two only.
"""

from typing import Any

import numpy as np

from jspline.claims._claim import Claim, Compared, Evidence, Run
from jspline.claims._decide import more_often, share
from jspline.landscape import lonely_probability
from jspline.plot import paper

SIZES, RATIOS = (5, 20), np.array([1, 2, 4, 8, 16, 32, 64])


def lonely(x: np.ndarray, H: int) -> np.ndarray:
    """Whether no piece between H evenly spaced breakpoints, which cut [0, 1] into H + 1, has two of the data."""
    pieces = np.sort(np.floor(x * (H + 1)), axis=-1)
    return np.all(np.diff(pieces, axis=-1) > 0, axis=-1)


def check(run: Run, stated: Any) -> Evidence:
    rng, draws, findings, shares = run.rng(), run.size(20_000, 1_000_000), [], []
    for N in SIZES:
        x = rng.uniform(size=(draws, N))
        found = np.stack([lonely(x, int(N * ratio)) for ratio in RATIOS])
        shares.append(found.mean(axis=1))
        for ratio, each in zip(RATIOS, found, strict=True):
            stated_share = float(stated.probability(N, int(N * ratio)))
            findings.append(share(f"N = {N}, H = {N * ratio}: lonely", np.sum(each), draws, stated_share))
        fewer, more = found[len(RATIOS) - 4 :: 3]
        findings.append(
            more_often(f"N = {N}: lonely at H = {N * RATIOS[-1]} rather than at {N * RATIOS[-4]}",
                       np.sum(stated.sign * more > stated.sign * fewer), np.sum(more != fewer))
        )  # fmt: skip
    crowded, alone = _example(rng, 6, 7, False), _example(rng, 6, 40, True)
    return Evidence(
        tuple(findings),
        compared=tuple(
            Compared(f"N = {N}: lonely partitions at H / N = {RATIOS[0]}, {RATIOS[3]}, {RATIOS[-1]}",
                     "increasingly likely", ", ".join(f"{each[k]:.3f}" for k in (0, 3, -1)))
            for N, each in zip(SIZES, shares, strict=True)
        ),
        arrays={"crowded": crowded, "lonely": alone, "crowded_beta": np.arange(1, 8) / 8,
                "lonely_beta": np.arange(1, 41) / 41, "ratios": RATIOS, "sizes": np.array(SIZES),
                "shares": np.array(shares)},
    )  # fmt: skip


def _example(rng: np.random.Generator, N: int, H: int, alone: bool) -> np.ndarray:
    """Data that are lonely, or not."""
    while True:
        x = rng.uniform(size=N)
        if lonely(x, H) == alone:
            return np.sort(x)


CLAIM = Claim(
    id="fig4",
    title="Lonely partitions",
    source="figure 4, section 2.3.1",
    statement="In a lonely partition every datum is isolated, and overparametrization makes it increasingly likely.",
    check=check,
    stated={"probability": lonely_probability, "sign": 1},
    figure=paper.fig4,
)
