"""Quadrature nodes of a law: a network whose flow is the mean-field flow from a quadrature measure.

Theory: docs/theory.md 13.2.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from jspline._checks import check_whole, on_host
from jspline.charts import ReLUNet
from jspline.datasets import Dataset
from jspline.init import Law
from jspline.meanfield._labels import Cells, Labels, joined, labels_of
from jspline.problem import Problem, only_data

SILENT = 64
"""Cells of a stretch that sees nothing: for the density and the fluctuations, at no cost to the flow."""


class Nodes(NamedTuple):
    """A quadrature of a law, its neurons in the order of the cells.

    Attributes:
        net: one neuron for each cell, sqrt(E radius^2 mass) times that of its midpoint with radius 1.
        cells: where their labels are; all of them see some of the data.
        silent: cells that see none. Their neurons never move, and those of opposite signs cancel.
        labels: what labels mean.
        cuts: the turns that no cell goes across.
    """

    net: ReLUNet
    cells: Cells
    silent: Cells
    labels: Labels
    cuts: np.ndarray


@on_host
def nodes(law: Law | Callable, problem: Problem | Dataset, count: int) -> Nodes:
    """About `count` quadrature nodes of a law, as a network: cells of labels, cut where a label meets a datum.

    By the flow's homogeneity a neuron counts by its direction and the square of its length only, so the labels of
    three weights lie on a sphere, and on a circle for a balanced law: midpoints of cells of equal mass, times Gauss's
    rule over the share of v on a sphere. What no datum sees is given no node.

    Args:
        law: in units of mean field, f = b0 + mean_i V_i relu(W_i x + B_i): `Balanced(s)` here is
            `Balanced(s / sqrt(H))` at width H; `Gaussian`, `Uniform` and `UniformBreakpoints` likewise. The function
            `jspline.init.glorot` stands for its limit, `Gaussian(sqrt(2), sqrt(2), sqrt(2))`. He's limit is not of
            this kind, but the kernel regime (`jspline.kernel`).
        problem: data, where breakpoints may meet something, or a `Problem` of square loss without decay.
        count: how many nodes; at least one is given to each sign and each stretch between the data.

    Raises:
        ValueError: for a law without a limit or without densities, and traced arguments.

    Theory: docs/theory.md 13.2.
    """
    data = only_data(problem)
    check_whole(count=count)
    labels = labels_of(law)
    x = np.asarray(data.x, float)[np.asarray(data.weight) > 0]
    if x.size == 0:
        raise ValueError("All data have weight 0: there is nothing to learn.")
    cuts = np.unique(labels.met(x) % 1)
    ends = np.unique(np.concatenate([cuts, [0.0, 1.0]]))
    low, high = ends[:-1], ends[1:]
    seen = sees_some(labels, (low + high) / 2, x)
    tilts = 1 if labels.rule is None else max(1, round(np.sqrt(count / 8)))
    arcs = (high - low)[seen]
    counts = np.maximum(1, np.rint(arcs / arcs.sum() * count / (2 * tilts))).astype(int) if arcs.size else []
    stretches = zip(low[seen], high[seen], counts, strict=True)
    live = _boxes(labels, [np.linspace(first, last, n + 1) for first, last, n in stretches], tilts)
    still = zip(low[~seen], high[~seen], strict=True)
    silent = _boxes(labels, [np.linspace(first, last, SILENT + 1) for first, last in still], SILENT // 4)
    return Nodes(as_net(labels, live, data), live, silent, labels, cuts)


def as_net(labels: Labels, cells: Cells, data: Dataset) -> ReLUNet:
    """The midpoints of cells as neurons of the cells' mass."""
    root = np.sqrt(labels.second * cells.mass)
    w, b, v = (jnp.asarray(root * part, data.x.dtype) for part in labels.of(cells))
    return ReLUNet(w, b, v, jnp.zeros((), data.x.dtype))


def sees_some(labels: Labels, turn: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Whether a label of this turn is active on one of the points."""
    w, b = labels.around(turn)
    return np.any(w[:, None] * x + b[:, None] > 0, axis=1)


def _boxes(labels: Labels, edges: list[np.ndarray], tilts: int) -> Cells:
    """Cells of both signs between edges in turn, row by row, times a rule over tilts."""
    low = np.concatenate([[], *(row[:-1] for row in edges)])
    high = np.concatenate([[], *(row[1:] for row in edges)])
    at, share = (np.array([0.5]), np.ones(1)) if labels.rule is None else labels.rule(tilts)
    ends = np.concatenate([[0], np.cumsum(share / share.sum())])
    tilt = np.stack([np.repeat(end, low.size) for end in (ends[:-1], ends[1:])])
    turn = np.stack([np.tile(end, at.size) for end in (low, high)])
    where = np.repeat(at, low.size)
    return joined(*(Cells(np.full(where.size, sign), tilt, turn, where) for sign in (1.0, -1.0)))
