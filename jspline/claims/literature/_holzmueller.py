"""Holzmueller and Steinwart (2022): wide nets with zero biases stay two lines, for no breakpoint reaches a datum.

Six points whose best line is 0 on either side, weights of a sample of H^2 draws, He's law without biases. Stated: the
share of nets in which a breakpoint meets a datum falls with the width, and the others end at the best line of each
side. Independent: the exact flow to its first event or to rest, on the six neurons that stand for all (see
docs/holzmueller.md, where this is done with 240,000 nets); lines by numpy. Decision: Fisher's exact test between
widths, either way once in 10^6, else undecided; the distance from the lines. Data moved up by 0.1, so that the lines
do not pass through 0, are reported beside it: there the share grows.
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy import stats

from jspline.charts import ReLUNet
from jspline.claims._claim import Budget, Claim, Compared, Evidence, Finding, Run
from jspline.claims._decide import LEVEL, at_most, finding
from jspline.claims._programs import compiled, in_tiles
from jspline.datasets import Dataset, six_points
from jspline.dynamics import RESULTS, Exact, condense, flow
from jspline.plot.paper import meetings

WIDTHS, OFFSETS, TILE = (16, 64, 256, 1024), (0.0, 0.1), 100
CODES: Any = RESULTS


def draw(rng: np.random.Generator, width: int, nets: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """w and v of He's law, filled up with zeros to the largest width, and the weights of the data."""
    w, v = rng.normal(size=(2, nets, WIDTHS[-1])) * (np.arange(WIDTHS[-1]) < width)
    return np.sqrt(2) * w, np.sqrt(2 / width) * v, rng.multinomial(width**2, np.full(6, 1 / 6), nets) / width**2


def _settle(w: jax.Array, v: jax.Array, p: jax.Array, offset: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Whether a breakpoint meets a datum, and the fit."""
    points, net = six_points(offset), condense(ReLUNet(w, jnp.zeros_like(w), v))
    options: dict[str, Any] = {"rtol": 1e-5, "atol": 1e-8, "grad_tol": 1e-10, "max_steps": 300}
    sol = flow(net, Dataset(points.x, points.y, p), method=Exact(until="first_event"), **options)
    return sol.result == CODES.first_event, sol.net(points.x)


_compiled = compiled(jax.vmap(_settle, (0, 0, 0, None)))


def settle(w: np.ndarray, v: np.ndarray, p: np.ndarray, offset: float) -> tuple[np.ndarray, np.ndarray]:
    """For nets along the first axis."""
    return in_tiles(lambda *nets: _compiled(*nets, jnp.asarray(offset)), (w, v, p), TILE)


def from_lines(x: np.ndarray, y: np.ndarray, p: np.ndarray, fit: np.ndarray) -> float:
    """How far a fit is from the best lines of both sides, at the data that have a weight."""
    off = 0.0
    for side in ((x < 0) & (p > 0), (x > 0) & (p > 0)):
        root, line = np.sqrt(p[side]), np.stack([x[side], np.ones(side.sum())], axis=1)
        best = line @ np.linalg.lstsq(root[:, None] * line, root * y[side], rcond=None)[0]
        off = max(off, np.max(np.abs(fit[side] - best), initial=0.0))
    return off


@functools.cache
def study(budget: Budget, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Whether each net met a datum, (offset, width, net), and how far the others are from the lines of their data."""
    shape = len(OFFSETS), len(WIDTHS), 600 if budget == "quick" else 10_000
    met, off = np.zeros(shape, bool), np.zeros(shape)
    for k, m in np.ndindex(shape[:2]):
        w, v, p = draw(np.random.default_rng([seed, m]), WIDTHS[m], shape[2])
        met[k, m], fit = settle(w, v, p, OFFSETS[k])
        points = six_points(OFFSETS[k])
        x, y = np.asarray(points.x), np.asarray(points.y)
        off[k, m] = [0.0 if met[k, m, n] else from_lines(x, y, p[n], fit[n]) for n in range(shape[2])]
    return met, off


def falls(what: str, met: np.ndarray, narrow: int, wide: int, **facts: float) -> Finding:
    """Whether something happens less often at the second place than at the first."""
    one, other = met[narrow], met[wide]
    table = [[one.sum(), (~one).sum()], [other.sum(), (~other).sum()]]
    down, up = (stats.fisher_exact(table, side).pvalue for side in ("greater", "less"))
    holds = True if down < LEVEL else False if up < LEVEL else None
    return finding(what, holds, share=one.mean(), then=other.mean(), nets=one.size, **facts)


def check(run: Run, stated: Any) -> Evidence:
    met, off = study(run.budget, run.seed)
    shares = met.mean(axis=-1)
    return Evidence(
        printed=(
            falls("share that meets a datum, H = 16 and 256", stated.met(met), 0, 2, moved_up=shares[1, 0],
                  moved_up_then=shares[1, 2]),
            falls("share that meets a datum, H = 64 and 1024", stated.met(met), 1, 3, moved_up=shares[1, 1],
                  moved_up_then=shares[1, 3]),
            at_most("distance of the others from the lines", float(off[0].max()), stated.near),
        ),
        compared=tuple(
            Compared(f"share that meets a datum, H = {H}", "falls with H", f"{one:.3f}; moved up by 0.1: {other:.3f}")
            for H, one, other in zip(WIDTHS, *shares, strict=True)
        ),
        arrays={"widths": np.array(WIDTHS), "offsets": np.array(OFFSETS), "met": met.sum(axis=-1),
                "nets": np.array(met.shape[-1])},
    )  # fmt: skip


CLAIM = Claim(
    id="lit-holzmueller",
    title="Wide networks that stay two lines",
    source="Holzmueller and Steinwart (2022), Training two-layer ReLU networks with gradient descent is inconsistent",
    statement="With He's weights and no biases, on data whose best lines left and right pass through 0, the wider a "
    "network is the less likely a breakpoint reaches a datum, and until one does it learns these two lines.",
    check=check,
    stated={"met": lambda met: met[0], "near": 1e-6},
    figure=meetings,
)
