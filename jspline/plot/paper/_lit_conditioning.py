"""Condition numbers of two bases over the number of knots."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from jspline.plot._style import COLOURS, LEFT, QUIET, RIGHT, style


def conditioning(arrays: Mapping[str, np.ndarray]) -> Figure:
    """`knots`, `(K,)`; `relus` and `hats`, the condition at each; `uneven`, of hats on random knots, `(K, draws)`."""
    knots, relus = arrays["knots"], arrays["relus"]
    with style():
        figure = Figure(figsize=(9, 4.8), layout="constrained")
        ax = figure.add_subplot()
        ax.plot(knots, relus, "o-", color=LEFT, lw=2, label="ReLUs")
        ax.plot(knots, relus[-1] * (knots / knots[-1]) ** 4.0, color=QUIET, lw=1, ls=(0, (4, 3)), label="slope 4")
        ax.plot(knots, arrays["hats"], "o-", color=RIGHT, lw=2, label="hats, even knots")
        ax.plot(np.repeat(knots, arrays["uneven"].shape[1]), arrays["uneven"].ravel(), "_", color=COLOURS[1], ms=9,
                label="hats, uneven knots")  # fmt: skip
        ax.set(xscale="log", yscale="log", xlabel="knots", ylabel="condition of the Gram matrix")
        ax.set_xticks(knots, [str(k) for k in knots])
        ax.minorticks_off()
        ax.legend()
    return figure
