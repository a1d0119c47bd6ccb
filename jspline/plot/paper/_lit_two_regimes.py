"""The kernel and the adaptive regime: fits, distances to both splines, and drift over the width."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from jspline.plot._style import COLOURS, INK, LEFT, QUIET, RIGHT, style


def two_regimes(arrays: Mapping[str, np.ndarray]) -> Figure:
    """`fit` by `(alpha, net, grid)`, its distances `linear` and `cubic`, `(alpha, net)`; drifts by `(width, net)`."""
    widths = arrays["widths"]
    with style():
        figure = Figure(figsize=(13, 4.6), layout="constrained")
        left, middle, right = figure.subplots(1, 3)
        for a, colour in ((1, RIGHT), (2, LEFT)):
            label = f"α = {arrays['alphas'][a]:g}"
            left.plot(arrays["grid"], arrays["fit"][a, 0], color=colour, lw=2, label=label)
            middle.plot(arrays["linear"][a], arrays["cubic"][a], "o", color=colour, ms=5, mew=0, alpha=0.7, label=label)
        left.plot(arrays["x"], arrays["y"][0], "o", ms=6, mfc="white", mec=INK, mew=1.2, zorder=4)
        left.set(xlabel="x", title="Two fits of one data set")
        left.legend()
        low = min(arrays["linear"][1:].min(), arrays["cubic"][1:].min())
        high = max(arrays["linear"][1:].max(), arrays["cubic"][1:].max())
        middle.plot([low, high], [low, high], color=QUIET, lw=1, ls=(0, (4, 3)))
        middle.set(xscale="log", yscale="log", xlabel="distance to the linear spline",
                   ylabel="distance to the cubic spline", title="All networks")  # fmt: skip
        ticks = [0.02, 0.05, 0.1, 0.2, 0.4]
        middle.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        middle.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
        middle.minorticks_off()
        middle.legend(loc="lower right")
        for name, colour, label in (("mean", COLOURS[0], "factor 1 / H"), ("usual", COLOURS[1], "factor 1 / √H")):
            bottom, centre, top = np.quantile(arrays[name], [0.1, 0.5, 0.9], axis=1)
            right.fill_between(widths, bottom, top, color=colour, alpha=0.2, lw=0)
            right.plot(widths, centre, "o-", color=colour, lw=2, label=label)
        right.set(xscale="log", yscale="log", xlabel="width", title="Drift of the breakpoints")
        right.set_xticks(widths, [str(width) for width in widths])
        right.minorticks_off()
        right.legend()
    return figure
