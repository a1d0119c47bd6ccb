"""Figure 11 (section 3.4): two discontinuous functions with a gap at [-0.5, 0.5], smooth and sharp.

Stated: the two data sets (`jspline.datasets.smooth_gap`, `sharp_gap`). Independent: kernel regression in numpy on the
same random breakpoints for both, from 0, and scipy's natural cubic spline. Decision: no data in the gap; a jump there,
along the slopes or against them; the turn in the gap, sum of mu_i^2 and integral of f''^2, is larger in the sharp one,
the first in more than half of the draws, by a binomial test.
"""

from typing import Any

import numpy as np
from scipy.interpolate import CubicSpline

from jspline.claims._claim import Claim, Compared, Evidence, Run
from jspline.claims._decide import at_least, at_most, counted, more_often
from jspline.claims.paper._fig6 import features
from jspline.datasets import sharp_gap, smooth_gap
from jspline.plot import paper

NAMES, SIZE, WIDTH = ("smooth", "sharp"), 20, 100


def bending(x: np.ndarray, y: np.ndarray) -> float:
    """The integral of f''^2 over the gap, of the natural cubic spline: f'' is a line there."""
    ends = CubicSpline(x, y, bc_type="natural")(np.array([-0.5, 0.5]), 2)
    return float((ends[0] ** 2 + ends[0] * ends[1] + ends[1] ** 2) / 3)


def check(run: Run, stated: Any) -> Evidence:
    rng, sets = run.rng(), {name: stated.sets[name](SIZE) for name in NAMES}
    xs, ys = ({name: np.asarray(getattr(data, part)) for name, data in sets.items()} for part in "xy")
    inside = sum(int(np.sum(np.abs(xs[name]) < 0.5)) for name in NAMES)
    slopes = {name: np.polyfit(xs[name][: SIZE // 2], ys[name][: SIZE // 2], 1)[0] for name in NAMES}
    jump = {name: ys[name][SIZE // 2] - ys[name][SIZE // 2 - 1] for name in NAMES}
    rough = []
    for _ in range(run.size(100, 3000)):
        beta, s = rng.uniform(-1.5, 1.5, WIDTH), rng.choice([-1.0, 1.0], WIDTH)
        mu = [np.linalg.lstsq(features(xs[n], beta, s), ys[n], rcond=None)[0] for n in NAMES]
        rough.append([np.sum(m[np.abs(beta) < 0.5] ** 2) for m in mu])
    smooth, sharp = np.array(rough).T
    bends = [bending(xs[name], ys[name]) for name in NAMES]
    return Evidence(
        (
            counted("data in the gaps", inside, 0),
            at_least("smooth: jump along the slopes", jump["smooth"] * slopes["smooth"], 1.0),
            at_most("sharp: jump against the slopes", jump["sharp"] * slopes["sharp"], -1.0),
            at_least("natural cubic spline: bending in the gap, sharp over smooth", bends[1] / bends[0], 1.0),
            more_often("kernel regression: rougher in the sharp gap", np.sum(sharp > smooth), len(rough),
                       median_ratio=np.median(sharp / smooth)),
        ),
        compared=(
            Compared("the gap in the data", "[-0.5, 0.5]", f"[{max(x[x < 0].max() for x in xs.values()):g}, "
                     f"{min(x[x > 0].min() for x in xs.values()):g}]"),
            Compared("the sharp gap needs", "a sharper turn", f"{np.median(sharp / smooth):.1f} times the sum of mu^2, "
                     f"{bends[1] / bends[0]:.1f} times the integral of f''^2"),
        ),
        arrays={f"{name}_{part}": each[name] for part, each in (("x", xs), ("y", ys)) for name in NAMES},
    )  # fmt: skip


SETS: dict[str, Any] = {"smooth": smooth_gap, "sharp": sharp_gap}

CLAIM = Claim(
    id="fig11",
    title="Data with gaps",
    source="figure 11, section 3.4",
    statement="Of two discontinuous functions with a gap in the data at [-0.5, 0.5] one is easily fit, and the other "
    "requires a sharper turn.",
    check=check,
    stated={"sets": SETS},
    figure=paper.fig11,
)
