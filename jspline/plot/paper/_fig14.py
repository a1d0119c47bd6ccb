"""Figure 14: how often partitions are lonely, over the width in units of N^2."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from jspline.plot._style import COLOURS, INK, QUIET, style


def fig14(arrays: Mapping[str, np.ndarray]) -> Figure:
    """Evenly spaced and random breakpoints, the exact products as lines, the printed probability dashed."""
    a = arrays
    with style():
        figure = Figure(figsize=(7.5, 4.6), layout="constrained")
        ax = figure.add_subplot()
        for colour, size, even, random, exact in zip(
            COLOURS, a["sizes"], a["even"], a["random"], a["exact"], strict=False
        ):
            ax.plot(a["degrees"], exact, color=colour, lw=1.4)
            ax.plot(a["degrees"], even, "o", color=colour, ms=6, label=f"N = {size}")
            ax.plot(a["degrees"], random, "s", mfc="none", mec=colour, ms=6)
        ax.plot(a["degrees"], a["printed"][-1], color=QUIET, lw=1.6, ls=(0, (4, 2)), label="remark 1 as printed")
        ax.plot([], [], "o", color=INK, ms=6, label="evenly spaced")
        ax.plot([], [], "s", mfc="none", mec=INK, ms=6, label="random")
        ax.plot([], [], color=INK, lw=1.4, label="exact, evenly spaced")
        ax.set(xscale="log", xlabel="H / N$^2$", ylabel="share of lonely partitions", ylim=(-0.02, 1.02))
        ax.set_xticks(a["degrees"], labels=[f"{d:g}" for d in a["degrees"]])
        ax.minorticks_off()
        ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return figure
