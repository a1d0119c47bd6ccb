"""Pictures of sweeps: how often something happened, and maps over a grid."""

import warnings
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, NullLocator, StrMethodFormatter

from jspline._text import exact, point
from jspline.plot._axes import as_written, sheet
from jspline.plot._style import theme

MEASURES = {"regime": "regime index: 0 linear, 1 cubic", "loss": "loss at the end", "steps": "steps"}


def events_figure(title: str, met: Any, interval: Any, *, references: dict[str, Any] | None = None) -> Figure:
    """The share of networks that met a datum, over the last axis of the grid, a line for each point of the others.

    Args:
        title: of the figure.
        met: a labelled array (an `xarray.DataArray`) of booleans, whose last dimension is `inits`.
        interval: the share and the ends of its interval, three arrays of the shape of `met` without the last axis.
        references: further lines, by their label.
    """
    axes = [str(name) for name in met.dims[:-1]]
    x = np.asarray(met[axes[-1]])
    share, low, high = (np.asarray(part).reshape(-1, x.size) for part in interval)
    share, low = (np.where(part > 0, part, np.nan) for part in (share, np.maximum(low, 1e-6)))
    shape = [met.sizes[name] for name in axes[:-1]]
    with sheet(9, 5.6, title) as figure:
        ax = figure.add_subplot()
        for k, place in enumerate(np.ndindex(*shape)):
            at = {name: met[name].values[i] for name, i in zip(axes[:-1], place, strict=True)}
            _line(ax, k, x, (low[k], share[k], high[k]), as_written(point(at)) or "share", alpha=0.25, ms=4.5)
        for label, values in (references or {}).items():
            ax.plot(x, values, color=theme().ink, lw=1, ls=(0, (4, 3)), label=label)
        ax.set(xscale="log", yscale="log", xlabel=as_written(axes[-1]), ylabel="share of networks")
        ax.set_xticks(x, [exact(value) for value in x])
        ax.xaxis.set_minor_locator(NullLocator())
        ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        ax.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        ax.yaxis.set_minor_formatter(NullFormatter())
        ax.set_title("Networks in which a breakpoint reached a datum, with 95 % intervals")
        ax.legend()
    return figure


def sweep_figure(title: str, result: Any) -> Figure:
    """Medians over the inits, with the middle half of them, over the first axis; a line for each point of the others.

    Args:
        title: of the figure.
        result: a labelled data set (an `xarray.Dataset`) whose arrays end with `inits`.
    """
    names = [name for name in MEASURES if name in result]
    axes = [str(name) for name in result[names[0]].dims[:-1]]
    x = np.asarray(result[axes[0]])
    numbers = np.issubdtype(x.dtype, np.number)
    place = x if numbers else np.arange(x.size)
    with sheet(4.6 * len(names), 4.8, title) as figure:
        for ax, name in zip(figure.subplots(1, len(names), squeeze=False)[0], names, strict=True):
            values = np.asarray(result[name], float)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", RuntimeWarning)  # of points without a finite network, not drawn
                low, middle, high = np.nanquantile(values, [0.25, 0.5, 0.75], axis=-1)
            for k, rest in enumerate(np.ndindex(middle.shape[1:])):
                at = {a: result[a].values[i] for a, i in zip(axes[1:], rest, strict=True)}
                parts = low[:, *rest], middle[:, *rest], high[:, *rest]
                _line(ax, k, place, parts, as_written(point(at)) or None, alpha=0.2, ms=4)
            if numbers and x.min() > 0 and x.max() / x.min() > 5:
                ax.set_xscale("log")
            if not numbers or x.size == 1:
                ax.set_xticks(place, [exact(value) if numbers else as_written(str(value)) for value in x])
            if name == "loss" and np.nanmin(values) > 0:
                ax.set_yscale("log")
            if name == "regime":
                ax.set_ylim(-0.03, 1.03)
            ax.set(xlabel=as_written(axes[0]), title=MEASURES[name])
        if len(axes) > 1:
            ax.legend()
    return figure


def _line(ax: Any, k: int, x: np.ndarray, parts: Any, label: str | None, alpha: float, ms: float) -> None:
    """Line k with its interval."""
    (low, middle, high), colour = parts, theme().pick(k)
    ax.fill_between(x, low, high, color=colour, alpha=alpha, lw=0)
    ax.plot(x, middle, "o-", color=colour, lw=1.8, ms=ms, label=label)
