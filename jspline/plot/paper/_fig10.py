"""Figure 10: spiky and standard starts before and after; roughness in the gap by width and by variance."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jspline.plot._style import COLOURS, INK, LEFT, RIGHT, style

GAPS = "smooth", "sharp"


def fig10(arrays: Mapping[str, np.ndarray]) -> Figure:
    """Top: before, after. Bottom: medians of the networks, with half of them around, by width and by variance."""
    a = arrays
    with style():
        figure = Figure(figsize=(11, 7.6), layout="constrained")
        (before, after), (width, variance) = figure.subplots(2, 2)
        for ax, part, title in ((before, "begin", "Before training"), (after, "end", "After training")):
            for kind, colour in (("spiky", LEFT), ("standard", RIGHT)):
                ax.plot(a["grid"], a[f"{kind}_{part}"], color=colour, lw=2, label=kind)
            ax.plot(a["x"], a["y"], "o", ms=5, color=INK, label="data", zorder=3)
            ax.set(title=title, xlabel="x")
        before.legend(loc="best")
        for g, gap in enumerate(GAPS):
            _curve(width, a["widths"], a["he"][g], COLOURS[g], "o-", f"{gap} gap, He")
            _curve(width, a["widths"], a["glorot"][g], COLOURS[g], "s--", f"{gap} gap, Glorot")
            _curve(variance, a["variances"], a["variance"][g], COLOURS[g], "o-", f"{gap} gap, He")
        for ax, name, values in ((width, "width", a["widths"]), (variance, "variance of w and b", a["variances"])):
            ax.set(xscale="log", yscale="log", xlabel=name, title=f"Roughness in the gap by {name.split(' ')[0]}")
            ax.set_xticks(values, labels=[f"{v:g}" for v in values])
            ax.tick_params(axis="x", which="minor", bottom=False, labelbottom=False)
            ax.legend(fontsize=9.5)
        variance.set_xlabel("variance of w and b, in He's")
        width.set_ylabel("sum of $\\mu^2$ in the gap")
    return figure


def _curve(ax: Axes, x: np.ndarray, values: np.ndarray, colour: str, mark: str, label: str) -> None:
    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75], axis=-1)
    ax.fill_between(x, low, high, color=colour, alpha=0.13, lw=0)
    ax.plot(x, middle, mark, ms=5, color=colour, lw=1.6, label=label)
