"""Table 2 (section 3.5): distances of fits to the linear interpolant and to the natural cubic spline, over alpha.

The print has no sizes. Here: 10 standard normal data, 100 neurons, (w, b) of size alpha / sqrt(H), b0 trained; uniform
breakpoints and He's, from v = 0, and He's standard start, of which alpha = sqrt(H) is the usual one; `jspline.flow` to
convergence. Stated: the two targets. Independent: the fit in numpy, root mean square distances on a grid. Decision: in
more than half of the draws of data and network, the same at every alpha, by binomial tests.
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy.interpolate import CubicSpline

from jspline.charts import ReLUNet, rescale
from jspline.claims._claim import Budget, Claim, Compared, Evidence, Run
from jspline.claims._decide import at_most, more_often
from jspline.claims._training import WIDTH, flows, rms
from jspline.datasets import Dataset
from jspline.init import UniformBreakpoints, flat, he
from jspline.plot import paper

ALPHAS = np.array([1.0, 3.0, 10.0, 30.0, 100.0, 300.0])
INITS = "uniform, flat", "He, flat", "He, standard"
X, GRID = np.linspace(-1, 1, 10), np.linspace(-1, 1, 201)


def start(init: str, alpha: float, key: jax.Array) -> tuple[ReLUNet, Dataset]:
    """A network and data; the key decides on both, whatever alpha."""
    net_key, y_key = jax.random.split(key)
    law = UniformBreakpoints(-1.5, 1.5, WIDTH**0.5, 0.0) if init == INITS[0] else he(WIDTH)
    net = rescale(law.sample(WIDTH, key=net_key), alpha / WIDTH**0.5)
    data = Dataset(jnp.asarray(X), jax.random.normal(y_key, X.shape))
    return (net if init == INITS[2] else flat(net)), data


@functools.cache
def trained(budget: Budget, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """y `(draws, data)`, and fits on the grid and losses, `(inits, alphas, draws, ...)`: 72 draws, or 192."""
    draws = 72 if budget == "quick" else 192
    keys = jax.random.split(jax.random.key(seed), draws)
    fits, losses = [], []
    for init in INITS:
        for alpha in ALPHAS:
            starts = jax.vmap(functools.partial(start, init, alpha))(keys)
            found = flows(starts, 1e4, loss_tol=1e-8)
            fits.append(found.fit(GRID)[:, -1])
            losses.append(found.loss)
    shape = len(INITS), len(ALPHAS), draws
    return np.asarray(starts[1].y), np.reshape(fits, (*shape, -1)), np.reshape(losses, shape)


def check(run: Run, stated: Any) -> Evidence:
    y, fits, loss = trained(run.budget, run.seed)
    linear, cubic = (
        np.sqrt(np.mean((fits - np.apply_along_axis(target, -1, y)) ** 2, axis=-1))
        for target in (stated.linear, stated.cubic)
    )
    best = {"linear": np.argmin(linear, axis=1), "cubic": np.argmin(cubic, axis=1)}  # (inits, draws)
    nearer, n = linear < cubic, len(y)
    off = np.minimum(linear, cubic)
    uniform, flat_he, he_usual = range(3)
    regimes, printed = [], []
    for k in (uniform, flat_he):
        name = INITS[k]
        regimes += [
            more_often(f"{name}: underfits at alpha = {ALPHAS[0]:g}", np.sum(loss[k, 0] > 1e-3), n),
            more_often(f"{name}: nearest to the linear interpolant at a smaller alpha than to the cubic spline",
                       np.sum(best["linear"][k] < best["cubic"][k]), np.sum(best["linear"][k] != best["cubic"][k])),
            more_often(f"{name}: at its nearest to the linear one, nearer to that",
                       np.sum(np.take_along_axis(nearer[k], best["linear"][k][None], axis=0)), n),
            more_often(f"{name}: nearer to the cubic spline at alpha = {ALPHAS[-1]:g}", np.sum(~nearer[k, -1]), n),
        ]  # fmt: skip
    farther = (linear[he_usual] > linear[flat_he]) & (cubic[he_usual] > cubic[flat_he])
    printed.append(more_often("He, standard: farther from both targets than from a flat start, at every alpha",
                              np.sum(np.all(farther, axis=0)), n))  # fmt: skip
    there = np.any(nearer[he_usual] & (loss[he_usual] < 1e-6), axis=0)
    printed.append(more_often("He, standard: at no alpha does it interpolate nearer to the linear one",
                              np.sum(~there), n))  # fmt: skip
    corrected = [
        more_often("He, standard: at some alpha it interpolates nearer to the linear one", np.sum(there), n),
        more_often(f"alpha = {ALPHAS[0]:g}: standard He nearer to its nearer target than flat He",
                   np.sum(off[he_usual, 0] < off[flat_he, 0]), n),
        at_most(f"alpha = {ALPHAS[-1]:g}: largest distance of standard from flat He",
                float(np.max(rms(fits[he_usual, -1] - fits[flat_he, -1]))), 0.1),
    ]  # fmt: skip
    middle = {"linear": np.median(linear, axis=-1), "cubic": np.median(cubic, axis=-1)}

    def nearest(k: int, to: str) -> str:
        a = int(np.argmin(middle[to][k]))
        return f"alpha = {ALPHAS[a]:g}, distance {middle[to][k, a]:.3f}"

    return Evidence(
        printed=(*regimes, *printed),
        corrected=(*regimes, *corrected),
        compared=(
            *(Compared(f"{INITS[k]}: nearest to the {kind}", f"alpha = {at}", nearest(k, to))
              for k, ats in ((uniform, (3, 100)), (flat_he, (10, 100)))
              for at, to, kind in zip(ats, ("linear", "cubic"), ("linear interpolant", "natural cubic spline"),
                                      strict=True)),
            Compared("He, standard: the linear regime", "disappears", f"nearest at {nearest(he_usual, 'linear')}"),
            Compared("He, standard against flat: error at every alpha", "uniformly higher",
                     "times " + ", ".join(f"{v:.2f}" for v in np.median(off[he_usual] / off[flat_he], axis=-1))),
        ),
        arrays={"alphas": ALPHAS, "linear": linear, "cubic": cubic},
    )  # fmt: skip


CLAIM = Claim(
    id="table2",
    title="Linear interpolation, cubic splines and alpha",
    source="table 2, section 3.5",
    statement="From flat starts the fit is the linear interpolant at a middle alpha, the natural cubic spline at a "
    "large one; from He's standard start errors are higher at every alpha, and the linear regime disappears.",
    corrected="From He's standard start there is a linear regime, too; errors at small alpha are lower, not higher; "
    "and at large alpha the fit is that from the flat start.",
    check=check,
    stated={
        "linear": lambda y: np.interp(GRID, X, y),
        "cubic": lambda y: CubicSpline(X, y, bc_type="natural")(GRID),
    },
    figure=paper.table2,
)
