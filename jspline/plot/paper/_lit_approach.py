"""How interpolants of growing width approach their limits."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from jspline.plot._style import COLOURS, INK, LEFT, QUIET, RIGHT, style


def approach(arrays: Mapping[str, np.ndarray]) -> Figure:
    """`widths`; the largest gaps to targets with these `names`, `random`, `(width, draw, name)`, and `even`, `(width,
    name)`; data, one fit with even breakpoints and its limits on a grid.
    """
    widths = arrays["widths"]
    colours = {"natural": LEFT, "level": COLOURS[1], "wide": RIGHT}
    labels = {
        "natural": "natural cubic spline",
        "level": "the same, its line taken off",
        "wide": "limit of wide networks",
    }
    with style():
        figure = Figure(figsize=(12, 5.2), layout="constrained")
        left, right = figure.subplots(1, 2)
        for name in ("natural", "wide"):
            left.plot(arrays["grid"], arrays["fit"] - arrays[name], color=colours[name], lw=2,
                      label=f"network less {labels[name]}")  # fmt: skip
        left.plot(arrays["x"], 0 * arrays["x"], "o", ms=6, mfc="white", mec=INK, mew=1.2, zorder=4, label="data")
        left.set(xlabel="x", title=f"What is left at width {widths[1]}, even breakpoints")
        left.legend(loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=1)
        for k, name in enumerate(arrays["names"].tolist()):
            low, middle, high = np.quantile(arrays["random"][..., k], [0.1, 0.5, 0.9], axis=1)
            right.fill_between(widths, low, high, color=colours[name], alpha=0.15, lw=0)
            right.plot(widths, middle, "o-", color=colours[name], lw=1.8, ms=4.5, label=labels[name])
            right.plot(widths, arrays["even"][:, k], "s:", color=colours[name], lw=1.4, ms=4.5)
        start = np.median(arrays["random"][0, :, -1])
        right.plot(
            widths, start * (widths / widths[0]) ** -0.5, color=QUIET, lw=1.2, ls=(0, (4, 3)), label="slope −1/2"
        )
        right.set(xscale="log", yscale="log", xlabel="width", title="Largest gap (dotted: even breakpoints)")
        right.set_xticks(widths, [str(width) for width in widths])
        right.minorticks_off()
        right.legend(loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=2)
    return figure
