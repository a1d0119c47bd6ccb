"""Section 4.2: with H / N grow both the number of zero eigenvalues at the minimum and the smoothness, 1 / rho.

So flatter minima are smoother, and generalize better. Kernel regression on sin 3x from flat starts, breakpoints
uniform on [-1.5, 1.5], |w| = 1 / sqrt(H), at four widths. Independent: all in numpy; zero eigenvalues of the Gram
matrix, which is the Hessian at a minimum of loss 0, from singular values of its factor. Decision: rank correlations of
each initialization that interpolates at all widths, more often of the stated sign than not, by binomial tests. (rho is
a property of the parameters, and falls as 1 / H by spreading the same kinks over more neurons. How often the variation
of the slope, a property of f, falls too is reported beside it.)
"""

from typing import Any

import numpy as np
from scipy import stats

from jspline.claims._case import Case
from jspline.claims._claim import Claim, Evidence, Run
from jspline.claims._decide import more_often

WIDTHS = 40, 80, 160, 320
X, GRID = np.linspace(-1, 1, 10), np.linspace(-1, 1, 401)


def minimum(H: int, rng: np.random.Generator) -> dict[str, float]:
    """Flatness, roughness, error between the data, and total variation of f', at the end of kernel regression."""
    beta, s = rng.uniform(-1.5, 1.5, H), rng.choice([-1.0, 1.0], H)
    beta[:2], s[:2] = (-1.4, 1.4), (1, -1)  # seen by all data
    w, y = s / np.sqrt(H), np.sin(3 * X)
    hidden = np.maximum(w * X[:, None] - w * beta, 0)
    v = np.linalg.lstsq(hidden, y, rcond=None)[0]
    case = Case.of(w, -w * beta, v, 0.0, X, y)
    seen = case.active
    J = np.hstack([v * X[:, None] * seen, v * seen, hidden, np.ones((10, 1))])
    order = np.argsort(beta)
    inside = np.abs(beta[order]) < 1
    return {
        "loss": float(case.loss()),
        "zeros": J.shape[1] - np.linalg.matrix_rank(J),
        "rho": float(np.sum((w * v) ** 2)),
        "error": float(np.sqrt(np.mean((np.maximum(w * GRID[:, None] - w * beta, 0) @ v - np.sin(3 * GRID)) ** 2))),
        "variation": float(np.sum(np.abs((w * v * s)[order][inside]))),
    }


def check(run: Run, stated: Any) -> Evidence:
    rng, inits = run.rng(), run.size(40, 1000)
    drawn = [[minimum(H, rng) for H in WIDTHS] for _ in range(inits)]
    found = [each for each in drawn if max(m["loss"] for m in each) < 1e-20]

    def correlated(name: str, sign: int) -> int:
        pairs = [([m["zeros"] for m in each], [m[name] for m in each]) for each in found]
        return sum(sign * stats.spearmanr(*pair).statistic > 0 for pair in pairs)

    return Evidence((
        more_often("flatter with lower roughness", correlated("rho", stated.rho), len(found),
                   share_with_lower_variation=correlated("variation", stated.rho) / len(found)),
        more_often("flatter with lower error", correlated("error", stated.error), len(found)),
    ))  # fmt: skip


CLAIM = Claim(
    id="text-flatness",
    title="Flat minima are smooth and generalize",
    source="section 4.2",
    statement="With overparametrization zero eigenvalues and smoothness grow together, and flatter minima "
    "generalize better.",
    check=check,
    stated={"rho": -1, "error": -1},
)
