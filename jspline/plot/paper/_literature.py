"""Figures of other people's results."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from scipy import stats

from jspline.plot._style import COLOURS, INK, LEFT, QUIET, RIGHT, canvas
from jspline.plot.paper._parts import band, log_ticks

DATA = {"ls": "", "marker": "o", "ms": 6, "mfc": "white", "mec": INK, "mew": 1.2, "zorder": 4}
"""How data are drawn."""


def alignment(arrays: Mapping[str, np.ndarray]) -> Figure:
    """Over `times`: `loss_small`, `loss_large`, `along`, each `(start, time)`; `fit_small`, `fit_large` on a grid."""
    times = arrays["times"]
    with canvas(13, 4.6) as figure:
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
    with canvas(12, 5.2) as figure:
        left, right = figure.subplots(1, 2)
        for name in ("natural", "wide"):
            left.plot(arrays["grid"], arrays["fit"] - arrays[name], color=colours[name], lw=2,
                      label=f"network less {labels[name]}")  # fmt: skip
        left.plot(arrays["x"], 0 * arrays["x"], **DATA, label="data")
        left.set(xlabel="x", title=f"What is left at width {widths[1]}, even breakpoints")
        left.legend(loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=1)
        for k, name in enumerate(arrays["names"].tolist()):
            look: dict[str, Any] = {"color": colours[name], "ms": 4.5}
            band(right, widths, arrays["random"][..., k], tail=0.1, alpha=0.15, lw=1.8, label=labels[name], **look)
            right.plot(widths, arrays["even"][:, k], "s:", lw=1.4, **look)
        start = np.median(arrays["random"][0, :, -1])
        falling = start * (widths / widths[0]) ** -0.5
        right.plot(widths, falling, color=QUIET, lw=1.2, ls=(0, (4, 3)), label="slope −1/2")
        right.set(xscale="log", yscale="log", xlabel="width", title="Largest gap (dotted: even breakpoints)")
        log_ticks(right, widths)
        right.legend(loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=2)
    return figure


def conditioning(arrays: Mapping[str, np.ndarray]) -> Figure:
    """`knots`, `(K,)`; `relus` and `hats`, the condition at each; `uneven`, of hats on random knots, `(K, draws)`."""
    knots, relus = arrays["knots"], arrays["relus"]
    with canvas(9, 4.8) as figure:
        ax = figure.add_subplot()
        ax.plot(knots, relus, "o-", color=LEFT, lw=2, label="ReLUs")
        ax.plot(knots, relus[-1] * (knots / knots[-1]) ** 4.0, color=QUIET, lw=1, ls=(0, (4, 3)), label="slope 4")
        ax.plot(knots, arrays["hats"], "o-", color=RIGHT, lw=2, label="hats, even knots")
        ax.plot(np.repeat(knots, arrays["uneven"].shape[1]), arrays["uneven"].ravel(), "_", color=COLOURS[1], ms=9,
                label="hats, uneven knots")  # fmt: skip
        ax.set(xscale="log", yscale="log", xlabel="knots", ylabel="condition of the Gram matrix")
        log_ticks(ax, knots)
        ax.legend()
    return figure


def meetings(arrays: Mapping[str, np.ndarray]) -> Figure:
    """`met`, how many of `nets` nets by `(offset, width)`; with 95 % intervals of Wilson."""
    widths, nets = arrays["widths"], int(arrays["nets"])
    with canvas(9, 4.8) as figure:
        ax = figure.add_subplot()
        for k, (offset, met) in enumerate(zip(arrays["offsets"], arrays["met"], strict=True)):
            ends = [stats.binomtest(int(count), nets).proportion_ci(method="wilson") for count in met]
            ax.fill_between(widths, [e.low for e in ends], [e.high for e in ends], color=COLOURS[k], alpha=0.2, lw=0)
            label = "lines through 0" if offset == 0 else f"data moved up by {offset:g}"
            ax.plot(widths, met / nets, "o-", color=COLOURS[k], lw=2, label=label)
        ax.set(xscale="log", yscale="log", xlabel="width", ylabel="share of networks",
               title="A breakpoint reaches a datum")  # fmt: skip
        log_ticks(ax, widths, [0.03, 0.1, 0.3, 1])
        ax.legend()
    return figure


def quantized(arrays: Mapping[str, np.ndarray]) -> Figure:
    """`few` and `many`, directions by `(width, start)`; `fits` and `fits_large`, `(width, start, grid)`."""
    widths = arrays["widths"]
    with canvas(13, 4.6) as figure:
        left, middle, right = figure.subplots(1, 3)
        for name, colour, label in (("many", LEFT, "large start"), ("few", RIGHT, "small start")):
            counts = arrays[name]
            left.plot(widths, counts.mean(axis=1), "o-", color=colour, lw=2, label=label)
            left.fill_between(widths, counts.min(axis=1), counts.max(axis=1), color=colour, alpha=0.15, lw=0)
        left.set(xscale="log", yscale="log", xlabel="width", title="Distinct directions at the end")
        log_ticks(left, widths, [1, 3, 10, 30, 100])
        left.legend()
        for ax, name, title in ((middle, "fits", "Small starts"), (right, "fits_large", "Large starts")):
            for k, width in enumerate(widths):
                for n, fit in enumerate(arrays[name][k]):
                    ax.plot(arrays["grid"], fit, color=COLOURS[k], lw=1, alpha=0.6,
                            label=None if n else f"width {width}")  # fmt: skip
            ax.plot(arrays["x"], arrays["y"], **DATA)
            ax.set(xlabel="x", title=f"{title}: what is learned")
        right.legend(loc="lower right")
    return figure


def saddles(arrays: Mapping[str, np.ndarray]) -> Figure:
    """Over `times`: `loss`, `(start, time)`; `beta` and `size` of one net's neurons, `(time, neuron)`, `sign` of v."""
    times = arrays["times"]
    with canvas(12, 4.8) as figure:
        left, right = figure.subplots(1, 2)
        left.axhline(float(arrays["saddle"]), color=QUIET, lw=1.2, ls=(0, (4, 3)), label="the saddle")
        for k, losses in enumerate(arrays["loss"]):
            left.plot(times, losses, color=RIGHT, lw=1, alpha=0.6, label=None if k else "networks")
        left.set(xlabel="time", ylabel="loss", ylim=(-0.03, 1.05), title="Loss")
        left.legend()
        weight = arrays["size"] / arrays["size"].max()
        for sign, colour, name in ((1, RIGHT, "v > 0"), (-1, LEFT, "v < 0")):
            mine = arrays["sign"] == sign
            at = np.broadcast_to(times[:, None], arrays["beta"][:, mine].shape)
            right.scatter(at, arrays["beta"][:, mine], s=3 + 60 * weight[:, mine], color=colour, alpha=0.45, lw=0)
            right.plot([], [], "o", color=colour, label=name)
        for x in arrays["x"]:
            right.axhline(x, color=INK, lw=0.8, ls=(0, (4, 3)))
        right.set(xlabel="time", ylabel="breakpoint", ylim=(-3, 4), title="Breakpoints of one network, by their weight")
        right.legend()
    return figure


def step_bound(arrays: Mapping[str, np.ndarray]) -> Figure:
    """`sums`, `(eta, starts)`, NaN where not converged; `fits` of the least and the largest eta."""
    eta, sums = arrays["eta"], arrays["sums"]
    with canvas(12, 4.8) as figure:
        left, right = figure.subplots(1, 2)
        fine = np.geomspace(eta[0] / 1.3, eta[-1] * 1.3, 200)
        left.fill_between(fine, 1 / fine - 0.5, 1e4, color=LEFT, alpha=0.08, lw=0)
        left.plot(fine, 1 / fine - 0.5, color=LEFT, lw=2, label="bound, 1/η − 1/2")
        jitter = np.exp(np.linspace(-0.08, 0.08, sums.shape[1]))
        left.plot((eta[:, None] * jitter).ravel(), sums.ravel(), "o", color=RIGHT, ms=4, mew=0, alpha=0.6,
                  label="runs that converged")  # fmt: skip
        left.set(xscale="log", yscale="log", xlabel="step η", ylabel="Σ |μ| g(β)", title="At the end of training",
                 xlim=(fine[0], fine[-1]), ylim=(0.5 * np.nanmin(sums), 2 / fine[0]))  # fmt: skip
        log_ticks(left, eta)
        left.legend()
        for fits in arrays["fits"]:
            for fit, rate, colour in zip(fits, (eta[0], eta[-1]), (COLOURS[1], COLOURS[0]), strict=True):
                right.plot(arrays["grid"], fit, color=colour, lw=2, label=f"η = {rate:g}")
        right.plot(arrays["x"], arrays["y"], **DATA)
        right.set(xlabel="x", title="Two ends from one start")
        right.legend()
    return figure


def two_regimes(arrays: Mapping[str, np.ndarray]) -> Figure:
    """`fit` by `(alpha, net, grid)`, its distances `linear` and `cubic`, `(alpha, net)`; drifts by `(width, net)`."""
    widths = arrays["widths"]
    with canvas(13, 4.6) as figure:
        left, middle, right = figure.subplots(1, 3)
        for a, colour in ((1, RIGHT), (2, LEFT)):
            label = f"α = {arrays['alphas'][a]:g}"
            left.plot(arrays["grid"], arrays["fit"][a, 0], color=colour, lw=2, label=label)
            middle.plot(arrays["linear"][a], arrays["cubic"][a], "o", color=colour, ms=5, mew=0, alpha=0.7, label=label)
        left.plot(arrays["x"], arrays["y"][0], **DATA)
        left.set(xlabel="x", title="Two fits of one data set")
        left.legend()
        low = min(arrays["linear"][1:].min(), arrays["cubic"][1:].min())
        high = max(arrays["linear"][1:].max(), arrays["cubic"][1:].max())
        middle.plot([low, high], [low, high], color=QUIET, lw=1, ls=(0, (4, 3)))
        middle.set(xscale="log", yscale="log", xlabel="distance to the linear spline",
                   ylabel="distance to the cubic spline", title="All networks")  # fmt: skip
        ticks = [0.02, 0.05, 0.1, 0.2, 0.4]
        log_ticks(middle, ticks, ticks)
        middle.legend(loc="lower right")
        for name, colour, label in (("mean", COLOURS[0], "factor 1 / H"), ("usual", COLOURS[1], "factor 1 / √H")):
            band(right, widths, arrays[name], tail=0.1, color=colour, lw=2, label=label)
        right.set(xscale="log", yscale="log", xlabel="width", title="Drift of the breakpoints")
        log_ticks(right, widths)
        right.legend()
    return figure
