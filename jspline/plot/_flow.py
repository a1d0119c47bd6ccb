"""Pictures of networks learning: fits, breakpoint paths, losses, and the three together."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import ArrayLike

from jspline._text import exact
from jspline.plot._axes import as_written, sheet
from jspline.plot._dates import show_dates
from jspline.plot._style import side, theme


def fits(
    ax: Axes, x: ArrayLike, values: ArrayLike, *, highlight: Sequence[int] = (), labels: Sequence[str] = ()
) -> list[Line2D]:
    """A batch of functions as lines, a few of them highlighted.

    Args:
        ax: where to draw.
        x: `(grid,)`.
        values: `(inits, grid)`.
        highlight: which functions to draw in colour.
        labels: their labels.

    Returns:
        The highlighted lines.
    """
    x, values = np.asarray(x), np.asarray(values)
    lines = [np.column_stack([x, row]) for row in values]
    ax.add_collection(LineCollection(lines, colors=theme().quiet, linewidths=0.9, alpha=0.45, zorder=1))
    return [
        ax.plot(x, values[i], color=theme().pick(k), lw=2.2, label=label, zorder=3)[0]
        for k, (i, label) in enumerate(zip(highlight, labels, strict=True))
    ]


def rug(
    ax: Axes, beta: ArrayLike, *, colours: Sequence[str] | str | None = None, base: float, height: float
) -> LineCollection:
    """Breakpoints as ticks from `base` up, in parts of the axes' height.

    Args:
        ax: where to draw.
        beta: breakpoints, `(width,)`.
        colours: one colour, or one for each; ink by default.
        base, height: where the ticks start and how long they are, from 0 to 1.
    """
    ticks = [[(position, base), (position, base + height)] for position in np.asarray(beta)]
    collection = LineCollection(
        ticks, colors=theme().ink if colours is None else colours, linewidths=1.0, alpha=0.8, zorder=2
    )
    collection.set_transform(ax.get_xaxis_transform())
    ax.add_collection(collection, autolim=False)
    return collection


def breakpoint_paths(ax: Axes, times: ArrayLike, beta: ArrayLike, s: ArrayLike, mu: ArrayLike) -> LineCollection:
    """The paths of one network's breakpoints over time, coloured by orientation, wider where |mu| ends larger.

    A neuron that flips its orientation passes through infinity, not through the data: its path is cut there.

    Args:
        ax: where to draw; time runs to the right.
        times: `(times,)`.
        beta: `(times, width)`.
        s: orientations, `(times, width)`.
        mu: delta-slopes at the end, `(width,)`.
    """
    times, beta, s, mu = (np.asarray(a) for a in (times, beta, s, mu))
    weight = np.abs(mu) / max(np.abs(mu).max(), np.finfo(float).tiny)
    paths, colours, widths = [], [], []
    for i in range(beta.shape[1]):
        ends = [0, *(np.flatnonzero(np.diff(s[:, i])) + 1), len(times)]
        for begin, end in pairwise(ends):
            if s[begin, i] != 0:
                paths.append(np.column_stack([times[begin:end], beta[begin:end, i]]))
                colours.append(side(s[begin, i]))
                widths.append(0.5 + 2.0 * weight[i])
    collection = LineCollection(paths, colors=colours, linewidths=widths, alpha=0.75)
    ax.add_collection(collection)
    return collection


def losses(
    ax: Axes, times: ArrayLike, values: ArrayLike, *, highlight: Sequence[int] = (), floor: float = 0.0
) -> LineCollection:
    """The losses of a batch over time, both logarithmic.

    Args:
        ax: where to draw.
        times: `(times,)`, positive.
        values: `(inits, times)`.
        highlight: which to draw in colour.
        floor: the least possible loss, drawn as a line if it is positive.
    """
    times, values = np.asarray(times), np.asarray(values)
    collection = LineCollection(
        [np.column_stack([times, row]) for row in values], colors=theme().quiet, linewidths=0.9, alpha=0.5
    )
    ax.add_collection(collection)
    for k, i in enumerate(highlight):
        ax.plot(times, values[i], color=theme().pick(k), lw=2)
    if floor > 0:
        ax.axhline(floor, color=theme().ink, lw=1, ls=(0, (4, 3)))
        ax.annotate("least possible, ties", (times[0], floor), xytext=(4, 4), textcoords="offset points", fontsize=9.5)
    ax.set(xscale="log", yscale="log")
    ax.autoscale_view()
    return collection


def flow_figure(flow: Any, *, title: str = "") -> Figure:
    """A batch of networks that learned one data set: data, fits and breakpoints; breakpoint paths; losses.

    The network with the median loss at the end lends its breakpoints to the rug and to the paths. The curves of one
    that ended before the last time end there.

    Args:
        flow: labelled arrays of a batch of flows with one leading axis that kept nets on the way, as
            `Solution.to_xarray` gives them and `jspline flow` writes them (`flow.nc`).
        title: of the figure.
    """
    times, loss, fit = flow.times.values, flow.loss.values, flow.fit.values
    order = np.argsort(np.where(np.isfinite(loss[:, -1]), loss[:, -1], np.inf), kind="stable")
    median = int(order[(len(order) - 1) // 2])
    chosen = {int(order[0]): "lowest", int(order[-1]): "highest", median: "median"}
    running = times[None] <= flow.t_end.values[:, None] * (1 + 1e-9)
    if np.all(flow.t_end.values >= times[-1]):
        title = f"{title}, t = {exact(times[-1])}"
    shown, beta, s, mu = times > 0, *(flow[name].values[median] for name in ("beta", "s", "mu"))
    with sheet(13.33, 7.5, title, w_pad=0.14, h_pad=0.12, hspace=0.04, wspace=0.02) as figure:
        parts = figure.add_gridspec(2, 2, width_ratios=[1.5, 1])
        main = figure.add_subplot(parts[:, 0])
        _learned(main, flow.x, flow.y, flow.grid.values, fit, chosen)
        rug(main, beta[-1, s[-1] != 0], colours=[side(o) for o in s[-1] if o != 0], base=0.012, height=0.05)
        rug_key(main, "breakpoints" if len(chosen) == 1 else "breakpoints of the median network")
        paths = figure.add_subplot(parts[0, 1])
        beta = np.where(running[median, :, None], beta, np.nan)
        breakpoint_paths(paths, times[shown], beta[shown], s[shown], mu[-1])
        paths.set(xscale="log", ylim=range_of(flow.grid.values, 0), ylabel=as_written(flow.x.long_name),
                  title="The paths of these breakpoints")  # fmt: skip
        history = figure.add_subplot(parts[1, 1], sharex=paths)
        losses(history, times[shown], np.where(running, loss, np.nan)[:, shown], highlight=list(chosen),
               floor=flow.attrs["least_possible_loss"])  # fmt: skip
        show_dates(figure)
        first = times[shown][0]  # the only one, if the flow was interrupted there
        limits = (first, times[-1]) if first < times[-1] else None
        history.set(xlabel="time t", ylabel="mean squared error", title="Loss", xlim=limits)
    return figure


def _learned(ax: Axes, x: Any, y: Any, grid: np.ndarray, fit: np.ndarray, chosen: dict[int, str]) -> None:
    """Data and functions, the chosen ones with their names."""
    data_points(ax, x, y)
    names = [f"{name} loss" for name in chosen.values()] if len(chosen) > 1 else ["fit"]
    fits(ax, grid, fit, highlight=list(chosen), labels=names)
    low, high = range_of(np.concatenate([y.values, fit[np.isfinite(fit)]]))
    ax.set(xlim=range_of(grid, 0), ylim=(low - 0.12 * (high - low), high), xlabel=as_written(x.long_name),
           ylabel=as_written(y.long_name))  # fmt: skip
    handles, labels = ax.get_legend_handles_labels()
    if len(fit) > len(chosen):
        handles, labels = [*handles, Line2D([], [], color=theme().quiet, lw=1)], [*labels, "others"]
    ax.legend(handles, labels, loc="lower left", bbox_to_anchor=(-0.015, 0.99), ncols=5, columnspacing=1.2)


def data_points(ax: Axes, x: ArrayLike, y: ArrayLike, zorder: float = 2.5) -> None:
    """The data, with a name for a legend."""
    ax.plot(x, y, "o", ms=5, mfc=theme().paper, mec=theme().ink, mew=1.1, zorder=zorder, label="data")


def rug_key(ax: Axes, text: str, height: float = 0.068, size: float = 9.5) -> None:
    """A line above the rug that names its two colours."""
    part = ax.annotate(f"{text}: ", (0.008, height), xycoords="axes fraction", fontsize=size, va="bottom")
    for word, colour in (("right-facing", theme().right), (" and ", theme().ink), ("left-facing", theme().left)):
        part = ax.annotate(word, (1, 0), xycoords=part, color=colour, fontsize=size, va="bottom")


def range_of(values: np.ndarray, margin: float = 0.04) -> tuple[float, float]:
    low, high = float(np.min(values)), float(np.max(values))
    pad = margin * (high - low) or (0.0 if high > low else 0.5)
    return low - pad, high + pad
