"""Figure 4: breakpoints and data, crowded and lonely, and how often the latter."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from jspline.plot._style import COLOURS, INK, LEFT, RIGHT, style


def fig4(arrays: Mapping[str, np.ndarray]) -> Figure:
    """Breakpoints as blue bars, data as red points; on the right the share of lonely partitions by H / N."""
    a = arrays
    with style():
        figure = Figure(figsize=(11, 3.6), layout="constrained")
        grid = figure.add_gridspec(2, 2, width_ratios=[1.7, 1])
        for row, name in enumerate(("crowded", "lonely")):
            ax = figure.add_subplot(grid[row, 0])
            ax.vlines(a[f"{name}_beta"], -1, 1, color=RIGHT, lw=1.6)
            ax.plot(a[name], 0 * a[name], "o", ms=8, color=LEFT, zorder=3)
            ax.axhline(0, color=INK, lw=0.7, zorder=0)
            ax.set(xlim=(0, 1), ylim=(-1.6, 1.6), yticks=[], title=f"{name}: {len(a[f'{name}_beta'])} breakpoints")
            ax.spines["left"].set_visible(False)
            ax.tick_params(labelbottom=row == 1)
        ax.set_xlabel("x")
        ax = figure.add_subplot(grid[:, 1])
        for colour, size, shares in zip(COLOURS, a["sizes"], a["shares"], strict=False):
            ax.plot(a["ratios"], shares, "o-", color=colour, ms=5, label=f"{size} data")
        ax.set(xscale="log", xlabel="breakpoints for each datum", ylim=(0, 1), title="Share of lonely partitions")
        ax.set_xticks(a["ratios"], labels=[str(r) for r in a["ratios"]], minor=False)
        ax.minorticks_off()
        ax.legend()
    return figure
