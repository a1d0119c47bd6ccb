"""Maennel, Bousquet and Gelly (2018): from small starts there are few directions and few functions, at any width.

Five points, balanced starts of scale 10^-6 / sqrt(H), and for comparison 10 / sqrt(H); no output bias. Stated: the
exponents of the number of distinct directions of (w, b) in the width. Independent: directions of neurons with more
than a thousandth of the total weight, counted after the exact flow, two being one within a hundredth of a radian.
Decision: slopes of logarithms, told apart in steps of 1/2; and by a binomial test that a wide net ends within 1 % of
the range of the data from an end of a narrow one.
"""

import functools
from typing import Any

import jax
import numpy as np

from jspline.claims._claim import Claim, Compared, Evidence, Run
from jspline.claims._decide import exponent, more_often
from jspline.claims.literature._flows import LANES, LOOKS, Ends, balanced, counts, ends
from jspline.plot.paper import quantized

X = np.array([-1.0, -0.4, 0.1, 0.5, 1.0])
Y = np.array([0.2, -0.8, 0.9, -0.3, 0.4])
WIDTHS = np.array([50, 100, 200])
GRID = np.linspace(-1, 1, 201)
SMALL, LARGE = 1e-6, 10.0


def different(fits: np.ndarray, near: float) -> int:
    """How many fits are left when those near an earlier one are struck out."""
    kept: list[np.ndarray] = []
    for fit in fits:
        if all(np.max(np.abs(fit - other)) > near for other in kept):
            kept.append(fit)
    return len(kept)


@functools.cache
def flows(run: Run) -> list[Ends]:
    """From small and from large starts, `starts` of each width after the other."""
    widths = np.repeat(WIDTHS, run.size(2 * LANES, 10 * LANES))
    times = np.geomspace(1e-2, 1e5, LOOKS)
    return [
        ends(balanced(key, scale / np.sqrt(widths), widths), X, Y, np.ones(5), 1e5, times)
        for key, scale in zip(jax.random.split(run.key()), (SMALL, LARGE), strict=True)
    ]


def check(run: Run, stated: Any) -> Evidence:
    found = flows(run)
    starts = len(found[0].w) // len(WIDTHS)
    few, many = (counts(each).reshape(len(WIDTHS), -1) for each in found)
    near = 0.01 * np.ptp(Y)
    fits = [each.fit(GRID)[:, -1].reshape(len(WIDTHS), starts, -1) for each in found]
    gaps = [np.min(np.max(np.abs(wide[-1][:, None] - wide[0]), axis=-1), axis=1) for wide in fits]
    kinds = [different(each.reshape(-1, len(GRID)), near) for each in fits]
    return Evidence(
        printed=(
            exponent("directions over the width, small start", WIDTHS, few, stated.small),
            exponent("directions over the width, large start", WIDTHS, many, stated.large),
            more_often("wide nets that end where a narrow one does, small start", np.sum(gaps[0] < near), starts,
                       share_of_large_start=np.mean(gaps[1] < near)),
        ),
        compared=(
            Compared("directions at H = 50, 100, 200, small start", "independent of H",
                     ", ".join(f"{row.mean():.1f}" for row in few)),
            Compared(f"different functions among {3 * starts} ends", "finitely many", f"{kinds[0]} from small, "
                     f"{kinds[1]} from large starts"),
        ),
        arrays={"widths": WIDTHS, "few": few, "many": many, "grid": GRID, "x": X, "y": Y, "fits": fits[0],
                "fits_large": fits[1]},
    )  # fmt: skip


CLAIM = Claim(
    id="lit-maennel",
    title="Few functions, at any width",
    source="Maennel, Bousquet and Gelly (2018), Gradient descent quantizes ReLU network features",
    statement="From a small start neurons gather at few directions given by the data, so that only finitely many "
    "functions can be learned, whatever the width.",
    check=check,
    stated={"small": 0.0, "large": 1.0},
    figure=quantized,
)
