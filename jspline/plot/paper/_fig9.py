"""Figure 9: the training loss by the number of pieces."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from jspline.plot._style import COLOURS, INK, style

NAMES = "Adam", "batch-norm SGD", "SGD"


def fig9(arrays: Mapping[str, np.ndarray]) -> Figure:
    """Dynamic programming and greedy merging as lines, the medians of the optimisers with half of the seeds around."""
    a = arrays
    with style():
        figure = Figure(figsize=(7.5, 4.8), layout="constrained")
        ax = figure.add_subplot()
        ax.plot(a["pieces"], a["optimal"], color=INK, lw=1.8, label="dynamic programming")
        ax.plot(a["pieces"], a["greedy"], color=INK, lw=1.8, ls=":", label="greedy merging")
        for name, colour, errors in zip(NAMES, COLOURS, a["errors"], strict=False):
            low, middle, high = np.quantile(errors, [0.25, 0.5, 0.75], axis=-1)
            ax.fill_between(a["trained_pieces"], low, high, color=colour, alpha=0.2, lw=0)
            ax.plot(a["trained_pieces"], middle, "o-", ms=5, color=colour, lw=1.6, label=name)
        ax.set(xscale="log", yscale="log", xlabel="pieces", ylabel="mean squared error at the data")
        ax.set_xticks([1, 2, 5, 10, 20, 50], labels=["1", "2", "5", "10", "20", "50"])
        ax.minorticks_off()
        ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return figure
