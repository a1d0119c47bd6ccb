"""A picture of piecewise-linear fits: the fits, their breaks, and the errors of all numbers of pieces."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

from jspline._text import counted
from jspline.plot._axes import as_written, tell_ticks_apart
from jspline.plot._dates import show_dates
from jspline.plot._flow import rug
from jspline.plot._style import style, theme


def fit_figure(
    *,
    title: str,
    x: ArrayLike,
    y: ArrayLike,
    x_name: str,
    y_name: str,
    grid: ArrayLike,
    fits: Mapping[str, ArrayLike],
    breaks: Mapping[str, ArrayLike],
    sses: Mapping[str, ArrayLike],
    criteria: Mapping[str, ArrayLike],
    pieces: Mapping[str, int],
) -> Figure:
    """Several fits of one data set, with the breaks of each below, and errors and criteria against the pieces.

    Args:
        title: of the figure.
        x, y: the data, `(data,)`.
        x_name, y_name: labels of the axes.
        grid: where the fits are given, `(grid,)`.
        fits: each `(grid,)`; a jump shows as a gap where the value is NaN.
        breaks: of each.
        sses, criteria: of each, for 1, 2, ... pieces.
        pieces: how many pieces each has.
    """
    x, y, grid = (np.asarray(a) for a in (x, y, grid))
    with style():
        spacing = ConstrainedLayoutEngine(w_pad=0.14, h_pad=0.12, hspace=0.04, wspace=0.02)
        figure = Figure(figsize=(13.33, 7.5), layout=spacing)
        figure.suptitle(as_written(title), x=0.012, ha="left", fontsize=17)
        parts = figure.add_gridspec(2, 2, width_ratios=[1.5, 1])
        main = figure.add_subplot(parts[:, 0])
        errors, scores = figure.add_subplot(parts[0, 1]), figure.add_subplot(parts[1, 1])
        main.plot(x, y, "o", ms=5, mfc=theme().paper, mec=theme().ink, mew=1.1, zorder=1, label="data")
        for k, name in enumerate(fits):
            colour, count = theme().pick(k), pieces[name]
            label = f"{as_written(name)}, {counted(count, 'piece')}"
            main.plot(grid, np.asarray(fits[name]), color=colour, lw=2.2, label=label, zorder=3)
            rug(main, breaks[name], colours=colour, base=0.012 + 0.03 * (len(fits) - 1 - k), height=0.025)
            for ax, values in ((errors, np.asarray(sses[name])), (scores, np.asarray(criteria[name]))):
                ax.plot(np.arange(1, len(values) + 1), values, "o-", ms=3.5, lw=1.4, color=colour)
                ax.plot(count, values[count - 1], "o", ms=9, mfc="none", mec=colour, mew=1.8)
                ax.set_xlim(0.5, len(values) + 0.5)
                ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        low, high = float(np.min(y)), float(np.max(y))
        span = (high - low) or 1.0
        main.set(ylim=(low - 0.18 * span, high + 0.06 * span), xlabel=as_written(x_name), ylabel=as_written(y_name))
        main.legend(loc="lower left", bbox_to_anchor=(-0.015, 0.99), ncols=4, columnspacing=1.2)
        show_dates(figure)
        values = np.concatenate([np.asarray(v) for v in sses.values()])
        values = values[np.isfinite(values)]
        if np.all(values > 0) and np.max(values) > 30 * np.min(values):
            errors.set(yscale="log")
        errors.set(title="Sum of squared errors", xlabel="pieces")
        scores.set(title="Schwarz's criterion: the least is best", xlabel="pieces")
        tell_ticks_apart(figure)
    return figure
