"""Where nodes are missing: where what a unit of mass adds to the fit does not go on from cell to cell as a line.

Theory: docs/theory.md 13.2.
"""

import numpy as np

from jspline.meanfield._labels import Cells, joined

SHARE = 0.75
"""Measured: with 0.5 a refinement takes 20 runs in place of 14 from 130 nodes to 1,500, and ends no better."""


def refined(cells: Cells, cuts: np.ndarray, profiles: np.ndarray, room: int) -> Cells:
    """The cells, those halved that make up `SHARE` of the sum of the indicator; at most `room` in all.

    The indicator of a cell is its mass times how far it or a neighbour is from the line between its own neighbours: an
    estimate of the error of the midpoint rule, which jumps and kinks exceed.

    Args:
        cells: as they are, all tilts alike.
        cuts: turns across which nothing need be continuous, since no cell goes across them.
        profiles: what a unit of mass adds to the fit, `(cells, times x points)`.
        room: the most cells that there may be.
    """
    indicator = cells.mass * bend(cells, cuts, profiles)
    order = np.argsort(-indicator)
    most = np.searchsorted(np.cumsum(indicator[order]), SHARE * indicator.sum()) + 1
    chosen = np.zeros(indicator.size, bool)
    chosen[order[: min(most, room - indicator.size)]] = True
    return joined(cells.take(~chosen), cells.take(chosen).halves())


def bend(cells: Cells, cuts: np.ndarray, profiles: np.ndarray) -> np.ndarray:
    """How far each cell or a neighbour of it is from the line between its neighbours, `(cells,)`.

    Where two are all that there are, their difference.
    """
    middle, (below, above) = cells.turn.mean(axis=0), _neighbours(cells, cuts)
    inner = (below >= 0) & (above >= 0)
    here, low, high = (each[inner] for each in (np.arange(middle.size), below, above))
    back, ahead = ((middle[one] - middle[other]) % 1 for one, other in ((here, low), (high, here)))
    share = (back / (back + ahead))[:, None]
    line = (1 - share) * profiles[low] + share * profiles[high]
    far = np.zeros(middle.size)
    far[here] = np.max(np.abs(profiles[here] - line), axis=1, initial=0)
    for one, other in ((below, above), (above, below)):
        pair = (one >= 0) & (other < 0)
        pair[pair] = ~inner[one[pair]]
        far[pair] = np.max(np.abs(profiles[pair] - profiles[one[pair]]), axis=1, initial=0)
    return np.maximum(far, np.maximum(*(np.where(other >= 0, far[other], 0) for other in (below, above))))


def _neighbours(cells: Cells, cuts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The cells below and above each in turn, which goes round; -1 where there is none."""
    order = np.lexsort((cells.turn[0], cells.sign))
    after = np.concatenate([np.roll(group, -1) for group in (order[cells.sign[order] == s] for s in (-1, 1))])
    before = np.concatenate([order[cells.sign[order] == s] for s in (-1, 1)])
    touching = (cells.turn[1, before] % 1 == cells.turn[0, after] % 1) & ~np.isin(cells.turn[0, after], cuts)
    touching &= before != after
    below, above = np.full(order.size, -1), np.full(order.size, -1)
    above[before[touching]] = after[touching]
    below[after[touching]] = before[touching]
    return below, above
