"""Figure 7 (section 2.5.2): a fit, its residual, the drive psi and the breakpoints at five times.

The print has no sizes. Here: 40 data of a smooth function with three bends, 60 neurons, a nearly flat start of small
scale; time in steps of gradient descent, of a size chosen after seed 0 (seed 1 agrees). Independent: positions, fit and
psi of the exact flow in numpy. Decision: for each sentence about the figure, in more than half of the networks, by
binomial tests. A breakpoint is at a bend within 0.15, a cluster is what is within 0.45, half of the way to the next;
the drive changes sign near the bends if its zeros are nearer to them than to the points halfway between.
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from jspline.charts import ReLUNet
from jspline.claims._claim import Budget, Claim, Compared, Evidence, Run
from jspline.claims._decide import more_often
from jspline.claims._training import Trained, flows
from jspline.datasets import Dataset
from jspline.init import UniformBreakpoints
from jspline.plot import paper

SIZE, WIDTH, REACH = 40, 60, 2.2
RATE = 3e-3
TIMES = np.array([0.0, 1e3, 4e3, 1e4, 1e5])
"""In steps of gradient descent on the mean squared error, at this learning rate."""

BENDS, KINKS, ROUND = (-1.1, 0.1, 1.0), (-3.0, 5.7, -6.1), 0.2
"""Where the function bends, by how much its slope changes there, and over which length."""

X, GRID, NEAR, BASIN = np.linspace(-2, 2, SIZE), np.linspace(-2, 2, 401), 0.15, 0.45


def target(x: np.ndarray) -> np.ndarray:
    """A smooth function with three bends, the leftmost the mildest."""
    bends = [k * ROUND * np.logaddexp(0, (x - bend) / ROUND) for bend, k in zip(BENDS, KINKS, strict=True)]
    return 2.4 + 0.95 * x + sum(bends)


def problem(seed: ArrayLike) -> tuple[ReLUNet, Dataset]:
    """A nearly flat net of small scale, and the data: weights 2 RATE / SIZE make the flow's time that of `TIMES`."""
    net = UniformBreakpoints(-REACH, REACH, 3.0, 0.1).sample(WIDTH, key=jax.random.key(seed))
    return net, Dataset(jnp.asarray(X), jnp.asarray(target(X)), jnp.full(SIZE, 2 * RATE / SIZE))


@functools.cache
def trained(budget: Budget, seed: int) -> Trained:
    """96 networks, or 384, at `TIMES`."""
    count = 96 if budget == "quick" else 384
    return flows(jax.vmap(problem)(1000 * seed + np.arange(count)), TIMES[-1], looks=TIMES[:-1])


def drive(residual: np.ndarray) -> np.ndarray:
    """psi of right-facing breakpoints on `GRID`, by its definition."""
    seen = GRID[:, None] < X
    return residual @ seen.T + GRID * ((residual * X) @ seen.T)


def check(run: Run, stated: Any) -> Evidence:
    found = trained(run.budget, run.seed)
    y, fit = target(X), found.fit(X)
    residual, bends = y - fit, np.asarray(stated.bends)
    psi, n = drive(residual), len(fit)
    crosses = np.diff(np.sign(psi), axis=-1) != 0
    halfway = np.append((bends[1:] + bends[:-1]) / 2, (bends[-1] + X[-1]) / 2)
    miss, other = (_to_zeros(crosses, places) for places in (bends, halfway))
    at = np.mean(np.abs(found.beta[..., None] - bends) < NEAR, axis=2)  # (networks, times, bends)
    varied = np.sum(np.abs(np.diff(fit, 2, axis=-1)), axis=-1) / np.sum(np.abs(np.diff(y, 2)))
    off = np.abs(residual.mean(axis=-1)) / np.std(y)
    there = [np.argmin(np.abs(X - bend)) for bend in bends[1:]]
    left = np.mean(np.abs(residual[:, :, there]), axis=-1) / np.sqrt(np.mean(residual**2, axis=-1))
    wide = _widths(found.beta, bends[1:])
    error = np.sqrt(np.mean(residual**2, axis=-1)) / np.std(y)
    right_two = at[..., 1:].sum(axis=-1)

    def most(what: str, happened: Any, **facts: Any) -> Any:
        return more_often(what, np.sum(happened), n, **facts)

    share = np.median(at, axis=0)
    return Evidence(
        (
            most("A: the slope varies less than a quarter as much as the data's", varied[:, 0] < 0.25,
                 median=np.median(varied[:, 0])),
            most("B: the mean residual is below a tenth", off[:, 1] < 0.1, median=np.median(off[:, 1]),
                 at_start=np.median(off[:, 0])),
            most("B: as flat as that still", varied[:, 1] < 0.25, median=np.median(varied[:, 1])),
            most("B: psi changes sign near the first two bends", np.all(miss[:, 1, :2] < other[:, 1, :2], axis=1),
                 median_distance=np.median(miss[:, 1, :2])),
            most("C: psi changes sign near all three", np.all(miss[:, 2] < other[:, 2], axis=1),
                 median_distance=np.median(miss[:, 2])),
            most("C: more breakpoints at the right two than before", right_two[:, 2] > right_two[:, 0]),
            most("D: yet more, and nearer together", (right_two[:, 3] > right_two[:, 2]) & (wide[:, 3] < wide[:, 2]),
                 width=np.median(wide[:, 3]), width_at_start=np.median(wide[:, 0])),
            most("D: the right two gain more than the left one does",
                 (right_two[:, 3] - right_two[:, 0]) / 2 > at[:, 3, 0] - at[:, 0, 0]),
            most("E: the error is below a tenth", error[:, 4] < 0.1, median=np.median(error[:, 4])),
            most("E: less of the residual is at the right two than in C", left[:, 4] < left[:, 2],
                 median=np.median(left[:, 4]), before=np.median(left[:, 2])),
            most("E: the clusters at the right two are wider than in D", wide[:, 4] > wide[:, 3],
                 width=np.median(wide[:, 4]), before=np.median(wide[:, 3])),
        ),
        compared=(
            Compared("A: the fit is much flatter than the data", "much flatter",
                     f"{np.median(varied[:, 0]):.0%} of the variation of the slope"),
            Compared("B: the mean of the data is matched", "matched",
                     f"mean residual {np.median(off[:, 1]):.3f} standard deviations, from {np.median(off[:, 0]):.2f}"),
            Compared("C: zeros of psi at the three inflections", "correspond",
                     "off by " + ", ".join(f"{v:.2f}" for v in np.median(miss[:, 2], axis=0))),
            Compared("D, E: mean distance from the right two bends", "tight clusters, then spread out",
                     " -> ".join(f"{v:.3f}" for v in np.median(wide, axis=0)) + " (A -> E)"),
            Compared("A to E: breakpoints at the left, middle, right bend", "clusters at the right two, then spread",
                     "; ".join(" / ".join(f"{v:.0%}" for v in row) for row in share)),
        ),
        arrays={"times": TIMES, "x": X, "y": y, "grid": GRID, "fit": found.fit(GRID)[0], "residual": residual[0],
                "psi": psi[0], "beta": found.beta[0], "mu": found.mu[0], "s": np.sign(found.w[0]), "bends": bends},
    )  # fmt: skip


def _widths(beta: np.ndarray, bends: np.ndarray) -> np.ndarray:
    """Mean distance from the bend of the breakpoints within `BASIN` of it, `(networks, times)`."""
    apart = np.abs(beta[..., None] - bends)
    return np.nanmean(np.where(apart < BASIN, apart, np.nan), axis=(2, 3))


def _to_zeros(crosses: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Distance of each place from the nearest zero, `(networks, times, places)`."""
    middle = (GRID[1:] + GRID[:-1]) / 2
    return np.min(np.where(crosses[..., None], np.abs(middle[:, None] - places), np.inf), axis=2)


CLAIM = Claim(
    id="fig7",
    title="Breakpoint dynamics",
    source="figure 7, section 2.5.2",
    statement="A flat fit first matches the mean of the data; psi then changes sign at the inflections, where "
    "breakpoints form clusters, which spread out once the fit is good there.",
    check=check,
    stated={"bends": BENDS},
    figure=paper.fig7,
)
