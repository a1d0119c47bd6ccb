"""Boursier and Flammarion (2025): from a small start neurons align before they grow, and may then never fit the data.

Their three points: (w, b) normal of standard deviation scale / sqrt(H), |v| = |(w, b)|, no output bias. And their forty
points, for the sparseness that alignment leaves behind. Stated: the error where the three points stall, that of the
least squares line, and the direction of alignment, the first pull on a neuron that sees all data, sum y (x, 1).
Independent: the error by `numpy.linalg.lstsq`; errors, directions of (w, b) and their weights |v| |(w, b)| from the
exact flow. Decision: distances; a binomial test over starts, that nine tenths of all weight point within a tenth of a
radian along that direction before the error has fallen by a twentieth; and that small starts end with less than half
as many directions as large ones.
"""

import functools
from typing import Any

import jax
import numpy as np

from jspline.claims._claim import Budget, Claim, Compared, Evidence, Run
from jspline.claims._decide import at_least, at_most, more_often
from jspline.claims.literature._flows import LANES, LOOKS, WIDTH, Ends, balanced, counts, ends
from jspline.plot.paper import alignment

X, Y = np.array([-0.75, -0.5, 0.125]), np.array([1.1, 0.1, 0.8])
BENDS = np.array([(-1, 0), (-0.7, 0.7), (-0.55, 0.5), (-0.4, 1), (0, 0), (0.5, 1), (0.6, 0.6), (0.7, 0.7), (1, 0)])
SCALES = {"small": 1e-3, "large": 1.0}
GRID = np.linspace(-1, 1, 201)


def line_error(x: np.ndarray, y: np.ndarray) -> float:
    """The mean squared error of the least squares line."""
    line = np.stack([x, np.ones_like(x)], axis=1)
    return float(np.mean((line @ np.linalg.lstsq(line, y, rcond=None)[0] - y) ** 2))


def first_pull(x: np.ndarray, y: np.ndarray) -> float:
    """The angle of sum y (x, 1), with which neurons that see all data begin to turn."""
    return float(np.arctan2(np.sum(y), np.sum(x * y)))


@functools.cache
def flows(budget: Budget, seed: int, name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, dict[str, Ends]]:
    """The data, the times, and the flows from both scales. Weights 2 / N: the loss is the mean squared error."""
    if name == "three":
        x, y, t1 = X, Y, 1e4
    else:
        x = np.sort(np.random.default_rng(seed).uniform(-1, 1, 40))
        y, t1 = np.interp(x, *BENDS.T), 100.0
    times = np.geomspace(1e-2, t1, LOOKS)
    starts = (LANES if name == "three" else 6) * (1 if budget == "quick" else 5)
    scales = np.repeat(list(SCALES.values()), starts)
    nets = balanced(jax.random.key(seed), scales / np.sqrt(WIDTH), np.full(len(scales), WIDTH))
    found = ends(nets, x, y, np.full(len(x), 2 / len(x)), t1, times)
    parts = {scale: Ends(*(part[scales == size] for part in found)) for scale, size in SCALES.items()}
    return x, y, times, parts


def check(run: Run, stated: Any) -> Evidence:
    _, _, times, three = flows(run.budget, run.seed, "three")
    x40, y40, _, forty = flows(run.budget, run.seed, "forty")
    small, due = three["small"], stated.error(X, Y)
    angle = np.arctan2(small.b, small.w) - stated.direction(X, Y)
    size = np.abs(small.v) * np.hypot(small.w, small.b)
    along = np.sum(np.where(np.abs(np.sin(angle / 2)) < np.sin(0.05), size, 0), axis=-1) / size.sum(axis=-1)
    early = np.sum(small.loss >= 0.95 * small.loss[:, :1], axis=1) - 1
    aligned = np.take_along_axis(along, early[:, None], axis=1)[:, 0]
    few, many = counts(forty["small"]), counts(forty["large"])
    off = float(np.max(np.abs(small.loss[:, -1] - due)) / due)
    return Evidence(
        printed=(
            at_most("three points, small: error at the end, from that of the line, relative", off, 1e-4),
            more_often("three points, small: aligned before the error falls", int(np.sum(aligned > 0.9)), len(aligned),
                       mean_share_aligned=aligned.mean(), mean_share_at_start=along[:, 0].mean()),
            at_most("three points, large: largest error at the end", three["large"].loss[:, -1].max(), 1e-6),
            at_least("forty points: fewest directions from large starts over most from small",
                     many.min() / few.max(), 2),
        ),
        compared=(
            Compared("three points: mean squared error where small starts stall", f"{due:.8f}, that of the line",
                     f"{small.loss[:, -1].min():.8f} to {small.loss[:, -1].max():.8f}"),
            Compared("forty points: directions left of 200 neurons", "few", f"{few.min()} to {few.max()} from small, "
                     f"{many.min()} to {many.max()} from large starts"),
        ),
        arrays={"times": times, "loss_small": small.loss[:, :-1], "loss_large": three["large"].loss[:, :-1],
                "along": along[:, :-1], "error": np.array(due), "x": x40, "y": y40, "grid": GRID,
                "fit_small": forty["small"].fit(GRID)[:, -1], "fit_large": forty["large"].fit(GRID)[:, -1]},
    )  # fmt: skip


CLAIM = Claim(
    id="lit-alignment",
    title="Early alignment",
    source="Boursier and Flammarion (2025), Early alignment in two-layer networks training is a two-edged sword",
    statement="From a small start neurons turn to few directions before they grow. That makes networks sparse, and "
    "there are three points on which wide ones stall at the least squares line.",
    check=check,
    stated={"error": line_error, "direction": first_pull},
    figure=alignment,
)
