"""How many directions and functions small and large starts lead to."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from jspline.plot._style import COLOURS, INK, LEFT, RIGHT, style


def quantized(arrays: Mapping[str, np.ndarray]) -> Figure:
    """`few` and `many`, directions by `(width, start)`; `fits` and `fits_large`, `(width, start, grid)`."""
    widths = arrays["widths"]
    with style():
        figure = Figure(figsize=(13, 4.6), layout="constrained")
        left, middle, right = figure.subplots(1, 3)
        for name, colour, label in (("many", LEFT, "large start"), ("few", RIGHT, "small start")):
            counts = arrays[name]
            left.plot(widths, counts.mean(axis=1), "o-", color=colour, lw=2, label=label)
            left.fill_between(widths, counts.min(axis=1), counts.max(axis=1), color=colour, alpha=0.15, lw=0)
        left.set(xscale="log", yscale="log", xlabel="width", title="Distinct directions at the end")
        left.set_xticks(widths, [str(width) for width in widths])
        left.set_yticks([1, 3, 10, 30, 100], ["1", "3", "10", "30", "100"])
        left.minorticks_off()
        left.legend()
        for ax, name, title in ((middle, "fits", "Small starts"), (right, "fits_large", "Large starts")):
            for k, width in enumerate(widths):
                for n, fit in enumerate(arrays[name][k]):
                    ax.plot(arrays["grid"], fit, color=COLOURS[k], lw=1, alpha=0.6,
                            label=None if n else f"width {width}")  # fmt: skip
            ax.plot(arrays["x"], arrays["y"], "o", ms=6, mfc="white", mec=INK, mew=1.2, zorder=4)
            ax.set(xlabel="x", title=f"{title}: what is learned")
        right.legend(loc="lower right")
    return figure
