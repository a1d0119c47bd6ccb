"""Figure 10 (sections 3.3, 3.4): what is left of spikes in the start; roughness in a gap by width and by variance.

Top: the nets of table 3. Bottom: 12 data with a gap, smooth or sharp (figure 11), `jspline.flow` to convergence, from
He's start and from Glorot's; the variance of w and b is changed at 50 neurons. Independent: the sum of mu_i^2 over the
breakpoints in the gap, in numpy. Decision: over the variance, by binomial tests, that a network's slope of log sum is
positive (the same numbers are behind it at each variance). Over the width, by the t test on slopes of means over 4
networks, as in the print: it falls if the mean slope is below -1/2.

He's start has a roughness of 4 at every width (theorem 2), and keeps its share of it in the gap. The sum is a property
of the parameters, which falls as 1 / H when kinks are spread over more neurons; the variation of the slope in the gap,
which belongs to the fit, is reported beside it.
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jspline.claims._claim import Budget, Claim, Compared, Evidence, Run
from jspline.claims._decide import above, more_often
from jspline.claims._training import Starts, Trained, descents, flows
from jspline.claims.paper import _table3 as spiky
from jspline.datasets import Dataset, sharp_gap, smooth_gap
from jspline.init import Gaussian, glorot, he
from jspline.plot import paper

WIDTHS, VARIANCES = np.array([25, 50, 100]), np.array([0.25, 1.0, 4.0, 16.0])
GAPS = {"smooth": smooth_gap, "sharp": sharp_gap}
LAWS = {"He": he, "Glorot": glorot}
MIDDLE, TINY = 50, 1e-12
"""The width at which the variance is changed; the width is changed at variance 1."""


def starts(law: str, gap: str, width: int, variance: float, keys: jax.Array) -> Starts:
    """Networks with so many times the usual variance of w and b, and data."""
    usual, data = LAWS[law](width), GAPS[gap](12)
    changed = Gaussian(variance**0.5 * usual.sigma_w, variance**0.5 * usual.sigma_b, usual.sigma_v)
    return jax.vmap(lambda key: (changed.sample(width, key=key), Dataset(data.x, data.y, jnp.full(12, 2 / 12))))(keys)


def in_gap(found: Trained) -> np.ndarray:
    """Sum of mu^2, and of |mu|, which bounds the variation of the slope, in the gap at the end, `(2, networks)`."""
    mu = np.where(np.abs(found.beta[:, -1]) < 0.5, found.mu[:, -1], 0)
    return np.array([np.sum(mu**2, axis=1), np.sum(np.abs(mu), axis=1)])


@functools.cache
def trained(budget: Budget, seed: int) -> dict[str, np.ndarray]:
    """`in_gap` by what is changed, `(gaps, values, 2, networks)`: 48 networks, by width 192, or four times that.

    From Glorot's start twice as many: its slope, near -0.8, is closer to the bound than its spread is small.
    """
    keys = jax.random.split(jax.random.key(seed), 384 if budget == "quick" else 1536)
    some, few = keys[: len(keys) // 2], keys[: len(keys) // 8]

    def ends(keys: jax.Array, law: str, gap: str, width: int, variance: float = 1.0) -> np.ndarray:
        return in_gap(flows(starts(law, gap, width, variance, keys), 1e4, loss_tol=1e-8))

    def by_adam(gap: str, width: int) -> np.ndarray:
        return in_gap(descents(starts("He", gap, width, 1.0, few), budget))

    return {
        "variance": np.array([[ends(few, "He", gap, MIDDLE, float(c)) for c in VARIANCES] for gap in GAPS]),
        "He": np.array([[ends(some, "He", gap, int(H)) for H in WIDTHS] for gap in GAPS]),
        "Glorot": np.array([[ends(keys, "Glorot", gap, int(H)) for H in WIDTHS] for gap in GAPS]),
        "Adam": np.array([[by_adam(gap, int(H)) for H in WIDTHS] for gap in GAPS]),
    }


def slopes(x: np.ndarray, rough: np.ndarray) -> np.ndarray:
    """Of log mean over log x, the means over 4 networks each; `rough` is `(len(x), networks)`."""
    means = np.mean(rough.reshape(len(x), -1, 4), axis=-1)
    found: np.ndarray = np.polyfit(np.log(x), np.log(np.maximum(means, TINY)), 1)[0]
    return found


def _error(sample: np.ndarray) -> float:
    """Of the mean."""
    return float(np.std(sample, ddof=1) / len(sample) ** 0.5)


def _text(sample: np.ndarray) -> str:
    return f"{np.mean(sample):+.2f} +- {_error(sample):.2f}"


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
    rising, rows = [], []
    over_width = {name: np.stack([slopes(WIDTHS, each) for each in found[name][:, :, 0]]) for name in (*LAWS, "Adam")}
    for rough, gap in zip(found["variance"], GAPS, strict=True):
        each = np.polyfit(np.log(VARIANCES), np.log(np.maximum(rough[:, 0], TINY)), 1)[0]
        rising.append(more_often(f"{gap} gap: rises with the variance", np.sum(each * stated.variance > 0), len(each),
                                 slope=np.mean(each), slope_error=_error(each)))  # fmt: skip
        varied = _text(slopes(VARIANCES, rough[:, 1]))
        rows.append(Compared(f"{gap} gap: slope of log roughness over log variance", "increases",
                             f"{_text(each)}; of the variation of the slope {varied}"))  # fmt: skip
    for g, gap in enumerate(GAPS):
        of = "; ".join(f"{name} {_text(each[g])}" for name, each in over_width.items())
        varied = _text(slopes(WIDTHS, found["He"][g, :, 1]))
        rows.append(Compared(f"{gap} gap: slope of log roughness over log width", "decreases",
                             f"{of}; of the variation of the slope, He {varied}"))  # fmt: skip
    falling = {
        name: [above(f"{gap} gap: how fast it falls with the width, {name}", -each, -stated.width)
               for gap, each in zip(GAPS, over_width[name], strict=True)]
        for name in LAWS
    }  # fmt: skip
    first = {f"{kind}_{part}": getattr(each, part)[0, 0] for kind, each in fits.items() for part in ("begin", "end")}
    return Evidence(
        printed=(*top, *rising, *falling["He"]),
        condition=(*top, *rising, *falling["Glorot"]),
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
