"""Figure 7: five times, from left to right; the fit, the residual, the drive."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from jspline.plot._flow import rug
from jspline.plot._style import COLOURS, INK, LEFT, QUIET, RIGHT, style


def fig7(arrays: Mapping[str, np.ndarray]) -> Figure:
    """A column for each time: data and fit with breakpoints, residual, psi; the bends of the data as lines."""
    a = arrays
    with style():
        figure = Figure(figsize=(13.33, 6.6), layout="constrained")
        axes = figure.subplots(3, len(a["times"]), sharex=True, sharey="row", height_ratios=[1.7, 1, 1])
        low, high = a["y"].min(), a["y"].max()
        for k, time in enumerate(a["times"]):
            top, middle, bottom = axes[:, k]
            for ax in axes[:, k]:
                for bend in a["bends"]:
                    ax.axvline(bend, color=QUIET, lw=0.7, ls=(0, (2, 3)), zorder=0)
            top.plot(a["x"], a["y"], "o", ms=3, mfc="white", mec=INK, mew=0.8, zorder=1)
            top.plot(a["grid"], a["fit"][k], color=COLOURS[0], lw=2, zorder=3)
            colours = [RIGHT if side > 0 else LEFT for side in a["s"][k]]
            rug(top, a["beta"][k], colours=colours, base=0.01, height=0.07)
            top.set(title=f"{'ABCDE'[k]}: t = {time:,.0f}", ylim=(low - 0.3 * (high - low), high + 0.15 * (high - low)))
            middle.axhline(0, color=QUIET, lw=0.8)
            middle.plot(a["x"], a["residual"][k], color=COLOURS[1], lw=1.5)
            bottom.axhline(0, color=QUIET, lw=0.8)
            bottom.plot(a["grid"], a["psi"][k] / np.max(np.abs(a["psi"][k])), color=COLOURS[2], lw=1.5)
            bottom.set(xlabel="x", xlim=(a["x"][0] * 1.04, a["x"][-1] * 1.04))
        axes[0, 0].set_ylabel("data and fit")
        axes[1, 0].set_ylabel("residual")
        axes[2, 0].set_ylabel("psi, scaled")
        figure.suptitle("Ticks: breakpoints, right-facing blue, left-facing red. Dotted: the bends of the data.",
                        x=0.005, ha="left", fontsize=11)  # fmt: skip
    return figure
