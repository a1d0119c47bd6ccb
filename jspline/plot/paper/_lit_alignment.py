"""Alignment before growth, the stall on three points, and what is learned of forty."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from jspline.plot._style import INK, LEFT, QUIET, RIGHT, style


def alignment(arrays: Mapping[str, np.ndarray]) -> Figure:
    """Over `times`: `loss_small`, `loss_large`, `along`, each `(start, time)`; `fit_small`, `fit_large` on a grid."""
    times = arrays["times"]
    with style():
        figure = Figure(figsize=(13, 4.6), layout="constrained")
        left, middle, right = figure.subplots(1, 3)
        left.axhline(float(arrays["error"]), color=QUIET, lw=1.2, ls=(0, (4, 3)), label="error of the line")
        for name, colour in (("large", LEFT), ("small", RIGHT)):
            for k, losses in enumerate(arrays[f"loss_{name}"]):
                left.plot(times, losses, color=colour, lw=1, alpha=0.5, label=None if k else f"{name} start")
        left.set(xscale="log", xlabel="time", ylim=(0, None), title="Three points: mean squared error")
        left.legend(loc="upper right")
        for share in arrays["along"]:
            middle.plot(times, share, color=RIGHT, lw=1, alpha=0.5)
        middle.set(xscale="log", xlabel="time", ylim=(-0.02, 1.02), title="Share aligned, small starts")
        for name, colour in (("large", LEFT), ("small", RIGHT)):
            for k, fit in enumerate(arrays[f"fit_{name}"][:5]):
                right.plot(arrays["grid"], fit, color=colour, lw=1.2, alpha=0.7, label=None if k else f"{name} start")
        right.plot(arrays["x"], arrays["y"], "o", ms=5, mfc="white", mec=INK, mew=1.1, zorder=4, label="data")
        right.set(xlabel="x", title="Forty points, t = 100")
        right.legend()
    return figure
