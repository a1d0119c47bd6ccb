"""A picture of piecewise-linear fits: the fits, their breaks, and the errors of all numbers of pieces."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from jspline._text import counted
from jspline.plot._axes import as_written, sheet
from jspline.plot._dates import show_dates
from jspline.plot._flow import data_points, rug
from jspline.plot._style import theme


def fit_figure(fitted: Any, *, title: str = "") -> Figure:
    """Several fits of one data set, with the breaks of each below, and errors and criteria against the pieces.

    Args:
        fitted: labelled arrays as `jspline fit` writes them (`fit.nc`): the data `x`, `y`; by `kind` the `fit` on a
            `grid`, the `breaks` with NaN in the places that it does not need, the number of `pieces`, and `sse` and
            `criterion` for each number of pieces that was `tried`.
        title: of the figure.
    """
    kinds, x, y = [str(kind) for kind in fitted.kind.values], fitted.x, fitted.y
    with sheet(13.33, 7.5, title, w_pad=0.14, h_pad=0.12, hspace=0.04, wspace=0.02) as figure:
        parts = figure.add_gridspec(2, 2, width_ratios=[1.5, 1])
        main = figure.add_subplot(parts[:, 0])
        errors, scores = figure.add_subplot(parts[0, 1]), figure.add_subplot(parts[1, 1])
        data_points(main, x, y, zorder=1)
        drawn: list[np.ndarray] = []
        for k, (name, colour) in enumerate(zip(kinds, map(theme().pick, range(len(kinds))), strict=True)):
            one = fitted.sel(kind=name)
            count, breaks = int(one.pieces), one.breaks.values[np.isfinite(one.breaks.values)]
            label = f"{as_written(name)}, {counted(count, 'piece')}"
            drawn.append(_with_gaps(one, breaks))
            main.plot(fitted.grid, drawn[-1], color=colour, lw=2.2, label=label, zorder=3)
            rug(main, breaks, colours=colour, base=0.012 + 0.03 * (len(kinds) - 1 - k), height=0.025)
            for ax, values in ((errors, one.sse.values), (scores, one.criterion.values)):
                _by_pieces(ax, values, count, colour)
        low, high = _limits(np.asarray(y), drawn)
        span = (high - low) or 1.0
        main.set(ylim=(low - 0.18 * span, high + 0.06 * span), xlabel=as_written(x.long_name),
                 ylabel=as_written(y.long_name))  # fmt: skip
        main.legend(loc="lower left", bbox_to_anchor=(-0.015, 0.99), ncols=4, columnspacing=1.2)
        show_dates(figure)
        values = fitted.sse.values[np.isfinite(fitted.sse.values)]
        if np.all(values > 0) and np.max(values) > 30 * np.min(values):
            errors.set(yscale="log")
        errors.set(title="Sum of squared errors", xlabel="pieces")
        scores.set(title="Schwarz's criterion: the least is best", xlabel="pieces")
    return figure


def _limits(y: np.ndarray, drawn: list[np.ndarray]) -> tuple[float, float]:
    """Of the data and of the fits; not of a steep line farther from the data than these are apart."""
    low, high = float(np.min(y)), float(np.max(y))
    least, most = float(np.nanmin(drawn)), float(np.nanmax(drawn))
    return min(low, max(least, 2 * low - high)), max(high, min(most, 2 * high - low))


def _with_gaps(one: Any, breaks: np.ndarray) -> np.ndarray:
    """The values of a fit, which jumps at its breaks unless its lines are joined: a jump is a gap in the picture."""
    grid = one.grid.values
    jumps = np.any(np.abs(grid[:, None] - breaks[None]) <= grid[1] - grid[0], axis=1)
    return np.where(jumps & (str(one.kind.values) != "continuous"), np.nan, one.fit.values)


def _by_pieces(ax: Axes, values: np.ndarray, count: int, colour: str) -> None:
    """What there is for 1, 2, ... pieces, with a ring around the number that was taken."""
    ax.plot(np.arange(1, len(values) + 1), values, "o-", ms=3.5, lw=1.4, color=colour)
    ax.plot(count, values[count - 1], "o", ms=9, mfc="none", mec=colour, mew=1.8)
    ax.set_xlim(0.5, len(values) + 0.5)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
