"""Figure 5: three changes of the function that leave its values at the data."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from jspline.plot._flow import rug
from jspline.plot._style import COLOURS, INK, LEFT, QUIET, style

TITLES = {"a": ("A: two breakpoints of one gap", (0, 1), (-1.1, 1.1)),
          "b": ("B: two about a datum", (2, 3), (-0.6, 1.6)),
          "c": ("C: outside, facing away", (4,), (1.3, 3.6))}  # fmt: skip


def fig5(arrays: Mapping[str, np.ndarray]) -> Figure:
    """The function in black, after moves in colour, near where they change it; breakpoints that moved as ticks."""
    a = arrays
    with style():
        figure = Figure(figsize=(12, 3.9), layout="constrained")
        for ax, (letter, (title, moved, window)) in zip(figure.subplots(1, 3), TITLES.items(), strict=True):
            near = (a["grid"] > window[0]) & (a["grid"] < window[1])
            for colour, f, beta in zip(COLOURS, a[f"{letter}_f"], a[f"{letter}_beta"], strict=False):
                ax.plot(a["grid"][near], f[near], color=colour, lw=1.5)
                rug(ax, beta[list(moved)], colours=colour, base=0.01, height=0.07)
            ax.plot(a["grid"][near], a["f"][near], color=INK, lw=1.8, zorder=3)
            rug(ax, a[f"{letter}_beta"][-1, list(moved)], colours=INK, base=0.01, height=0.07)
            inside = (a["x"] > window[0]) & (a["x"] < window[1])
            ax.plot(a["x"][inside], a["f_data"][inside], "o", ms=7, color=LEFT, zorder=4)
            for x in a["x"][inside]:
                ax.axvline(x, color=QUIET, lw=0.7, ls=(0, (2, 3)), zorder=0)
            shown = np.concatenate([a[f"{letter}_f"][:, near].ravel(), a["f"][near]])
            low, high = shown.min(), shown.max()
            ax.set(title=title, xlim=window, xlabel="x", ylim=(low - 0.18 * (high - low), high + 0.05 * (high - low)))
            ax.set_yticks([])
        figure.axes[0].set_ylabel("f: before black, after in colours")
    return figure
