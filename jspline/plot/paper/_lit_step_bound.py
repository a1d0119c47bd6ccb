"""Where gradient descent of several steps ends, and the bound on it."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from jspline.plot._style import COLOURS, INK, LEFT, RIGHT, style


def step_bound(arrays: Mapping[str, np.ndarray]) -> Figure:
    """`sums`, `(eta, starts)`, NaN where not converged; `fits` of the least and the largest eta."""
    eta, sums = arrays["eta"], arrays["sums"]
    with style():
        figure = Figure(figsize=(12, 4.8), layout="constrained")
        left, right = figure.subplots(1, 2)
        fine = np.geomspace(eta[0] / 1.3, eta[-1] * 1.3, 200)
        left.fill_between(fine, 1 / fine - 0.5, 1e4, color=LEFT, alpha=0.08, lw=0)
        left.plot(fine, 1 / fine - 0.5, color=LEFT, lw=2, label="bound, 1/η − 1/2")
        jitter = np.exp(np.linspace(-0.08, 0.08, sums.shape[1]))
        left.plot((eta[:, None] * jitter).ravel(), sums.ravel(), "o", color=RIGHT, ms=4, mew=0, alpha=0.6,
                  label="runs that converged")  # fmt: skip
        left.set(xscale="log", yscale="log", xlabel="step η", ylabel="Σ |μ| g(β)", title="At the end of training",
                 xlim=(fine[0], fine[-1]), ylim=(0.5 * np.nanmin(sums), 2 / fine[0]))  # fmt: skip
        left.set_xticks(eta, [f"{each:g}" for each in eta])
        left.minorticks_off()
        left.legend()
        for fits in arrays["fits"]:
            for fit, rate, colour in zip(fits, (eta[0], eta[-1]), (COLOURS[1], COLOURS[0]), strict=True):
                right.plot(arrays["grid"], fit, color=colour, lw=2, label=f"η = {rate:g}")
        right.plot(arrays["x"], arrays["y"], "o", ms=6, mfc="white", mec=INK, mew=1.2, zorder=4)
        right.set(xlabel="x", title="Two ends from one start")
        right.legend()
    return figure
