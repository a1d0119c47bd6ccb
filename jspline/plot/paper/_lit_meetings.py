"""How often a breakpoint reaches a datum, over the width."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from scipy import stats

from jspline.plot._style import COLOURS, style


def meetings(arrays: Mapping[str, np.ndarray]) -> Figure:
    """`met`, how many of `nets` nets by `(offset, width)`; with 95 % intervals of Wilson."""
    widths, nets = arrays["widths"], int(arrays["nets"])
    with style():
        figure = Figure(figsize=(9, 4.8), layout="constrained")
        ax = figure.add_subplot()
        for k, (offset, met) in enumerate(zip(arrays["offsets"], arrays["met"], strict=True)):
            ends = [stats.binomtest(int(count), nets).proportion_ci(method="wilson") for count in met]
            ax.fill_between(widths, [e.low for e in ends], [e.high for e in ends], color=COLOURS[k], alpha=0.2, lw=0)
            label = "lines through 0" if offset == 0 else f"data moved up by {offset:g}"
            ax.plot(widths, met / nets, "o-", color=COLOURS[k], lw=2, label=label)
        ax.set(xscale="log", yscale="log", xlabel="width", ylabel="share of networks",
               title="A breakpoint reaches a datum")  # fmt: skip
        ax.set_xticks(widths, [str(width) for width in widths])
        ax.set_yticks([0.03, 0.1, 0.3, 1], ["0.03", "0.1", "0.3", "1"])
        ax.minorticks_off()
        ax.legend()
    return figure
