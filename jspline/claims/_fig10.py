"""Figure 10 (sections 3.3, 3.4): what is left of spikes in the start; roughness in a gap by width and by variance.

Top: the nets of table 3. Bottom: 12 data with a gap, smooth or sharp (figure 11), `jspline.flow` to convergence, from
He's start and from Glorot's; the variance of w and b is changed at 50 neurons. Independent: the sum of mu_i^2 over the
breakpoints in the gap, in numpy. Decision: by binomial tests, that a network's slope of log sum over log variance is
positive (the same numbers are behind it at each variance); and that four times the width halves the sum or more, which
is a slope of -1/2. Slopes that are reported are of the means over 6 networks each.

He's start has a roughness of 4 at every width (theorem 2), and keeps its share of it in the gap. The sum is a property
of the parameters, which falls as 1 / H when kinks are spread over more neurons; the variation of the slope in the gap,
which belongs to the fit, is reported beside it.
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jspline.charts import ReLUNet
from jspline.claims import _table3 as spiky
from jspline.claims._claim import Budget, Claim, Compared, Evidence, Run
from jspline.claims._decide import more_often
from jspline.claims._training import Trained, descents, flows
from jspline.datasets import Dataset, sharp_gap, smooth_gap
from jspline.init import Gaussian, glorot, he
from jspline.plot import paper

WIDTHS, VARIANCES = np.array([25, 50, 100]), np.array([0.25, 1.0, 4.0, 16.0])
GAPS = {"smooth": smooth_gap, "sharp": sharp_gap}
LAWS = {"He": he, "Glorot": glorot}
MIDDLE, TINY = 50, 1e-12
"""The width at which the variance is changed; the width is changed at variance 1."""


def start(law: str, gap: str, width: int, variance: float, key: jax.Array) -> tuple[ReLUNet, Dataset]:
    """A network with so many times the usual variance of w and b, and data."""
    usual, data = LAWS[law](width), GAPS[gap](12)
    changed = Gaussian(variance**0.5 * usual.sigma_w, variance**0.5 * usual.sigma_b, usual.sigma_v)
    return changed.sample(width, key=key), Dataset(data.x, data.y, jnp.full(12, 2 / 12))


def in_gap(found: Trained) -> np.ndarray:
    """Sum of mu^2, and of |mu|, which bounds the variation of the slope, in the gap at the end, `(2, networks)`."""
    mu = np.where(np.abs(found.beta[:, -1]) < 0.5, found.mu[:, -1], 0)
    return np.array([np.sum(mu**2, axis=1), np.sum(np.abs(mu), axis=1)])


@functools.cache
def trained(budget: Budget, seed: int) -> dict[str, np.ndarray]:
    """`in_gap` by what is changed, `(gaps, values, 2, networks)`: 48 networks, or 192."""
    keys = jax.random.split(jax.random.key(seed), 48 if budget == "quick" else 192)

    def ends(law: str, gap: str, width: int, variance: float, adam: bool = False) -> np.ndarray:
        starts = [start(law, gap, width, variance, key) for key in keys]
        return in_gap(descents(starts, budget) if adam else flows(starts, 1e4, loss_tol=1e-8))

    return {
        "variance": np.array([[ends("He", gap, MIDDLE, float(c)) for c in VARIANCES] for gap in GAPS]),
        **{law: np.array([[ends(law, gap, int(H), 1.0) for H in WIDTHS] for gap in GAPS]) for law in LAWS},
        "Adam": np.array([[ends("He", gap, int(H), 1.0, True) for H in WIDTHS] for gap in GAPS]),
    }


def slope(x: np.ndarray, rough: np.ndarray) -> tuple[float, float]:
    """Of log mean over log x, and its error, from 8 groups of networks; `rough` is `(len(x), networks)`."""
    means = np.mean(rough.reshape(len(x), 8, -1), axis=-1)
    found = np.polyfit(np.log(x), np.log(means), 1)[0]
    return float(np.mean(found)), float(np.std(found, ddof=1) / 8**0.5)


def check(run: Run, stated: Any) -> Evidence:
    found, fits = (
        trained(run.budget, run.seed),
        dict(zip(spiky.KINDS, spiky.trained(run.budget, run.seed), strict=True)),
    )
    away = {kind: np.sqrt(np.mean((each.end - spiky.target(spiky.GRID)) ** 2, axis=-1)) for kind, each in fits.items()}
    off = {kind: np.sqrt(np.mean((each.at_data - spiky.target(spiky.X)) ** 2, axis=-1)) for kind, each in fits.items()}
    top = (
        more_often("top: both fit the data by less than a hundredth", np.sum(np.maximum(*off.values())[0] < 0.01),
                   off["spiky"].shape[1]),
        more_often("top: spiky is farther off between them", np.sum(away["spiky"][0] > away["standard"][0]),
                   away["spiky"].shape[1], median_ratio=np.median(away["spiky"][0] / away["standard"][0])),
    )  # fmt: skip
    rising, falling, by_glorot, rows = [], [], [], []
    for g, gap in enumerate(GAPS):
        rough = found["variance"][g]
        each = np.polyfit(np.log(VARIANCES), np.log(np.maximum(rough[:, 0], TINY)), 1)[0]
        value, error = slope(VARIANCES, rough[:, 0])
        rising.append(more_often(f"{gap} gap: rises with the variance", np.sum(each * stated.variance > 0), len(each),
                                 slope=value, slope_error=error))  # fmt: skip
        varied = slope(VARIANCES, rough[:, 1])[0]
        rows.append(Compared(f"{gap} gap: roughness over the variance", "increases",
                             f"slope {value:+.2f} +- {error:.2f}; variation of the slope {varied:+.2f}"))  # fmt: skip
        of = {name: slope(WIDTHS, found[name][g, :, 0]) for name in (*LAWS, "Adam")}
        for name, findings in (("He", falling), ("Glorot", by_glorot)):
            narrow, wide = found[name][g, [0, -1], 0]
            halved = np.sum(wide < (WIDTHS[-1] / WIDTHS[0]) ** stated.width * narrow)
            findings.append(more_often(f"{gap} gap: halved by four times the width, {name}", halved, len(wide),
                                       slope=of[name][0], slope_error=of[name][1]))  # fmt: skip
        varied = slope(WIDTHS, found["He"][g, :, 1])[0]
        slopes = [f"{name} {value:+.2f} +- {error:.2f}" for name, (value, error) in of.items()]
        rows.append(Compared(f"{gap} gap: roughness over the width", "decreases",
                             f"slope: {', '.join(slopes)}; variation of the slope, He {varied:+.2f}"))  # fmt: skip
    first = {f"{kind}_{part}": getattr(each, part)[0, 0] for kind, each in fits.items() for part in ("begin", "end")}
    return Evidence(
        printed=(*top, *rising, *falling),
        condition=(*top, *rising, *by_glorot),
        compared=(
            Compared("top: error between the data, spiky and standard", "much worse",
                     f"{np.median(away['spiky'][0]):.3g} and {np.median(away['standard'][0]):.3g}"),
            *rows,
        ),
        arrays={"x": spiky.X, "y": spiky.target(spiky.X), "grid": spiky.GRID, **first, "widths": WIDTHS,
                "variances": VARIANCES, **{name.lower(): each[:, :, 0] for name, each in found.items()}},
    )  # fmt: skip


CLAIM = Claim(
    id="fig10",
    title="What training leaves of a rough start",
    source="figure 10, sections 3.3 and 3.4",
    statement="After training a spiky start is still worse between the data; roughness in a gap of the data decreases "
    "with the width and increases with the variance of the weights.",
    condition="For the width: the roughness of the start falls with it, too, as Glorot's does; He's does not, and what "
    "it puts into the gap stays.",
    check=check,
    stated={"variance": 1, "width": -0.5},
    figure=paper.fig10,
)
