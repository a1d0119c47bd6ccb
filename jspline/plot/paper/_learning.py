"""Figures 7, 9 to 11 and tables 1 to 3: what networks learn, and how well."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jspline.plot._flow import rug
from jspline.plot._style import COLOURS, INK, LEFT, QUIET, RIGHT, canvas
from jspline.plot.paper._parts import band, log_ticks


def fig7(arrays: Mapping[str, np.ndarray]) -> Figure:
    """A column for each time: data and fit with breakpoints, residual, psi; the bends of the data as lines."""
    a = arrays
    with canvas(13.33, 6.6) as figure:
        axes = figure.subplots(3, len(a["times"]), sharex=True, sharey="row", height_ratios=[1.7, 1, 1])
        low, high = a["y"].min(), a["y"].max()
        for k, time in enumerate(a["times"]):
            top, middle, bottom = axes[:, k]
            for ax in axes[:, k]:
                for bend in a["bends"]:
                    ax.axvline(bend, color=QUIET, lw=0.7, ls=(0, (2, 3)), zorder=0)
            top.plot(a["x"], a["y"], "o", ms=3, mfc="white", mec=INK, mew=0.8, zorder=1)
            top.plot(a["grid"], a["fit"][k], color=COLOURS[0], lw=2, zorder=3)
            colours = [RIGHT if side > 0 else LEFT for side in a["s"][k]]
            rug(top, a["beta"][k], colours=colours, base=0.01, height=0.07)
            top.set(title=f"{'ABCDE'[k]}: t = {time:,.0f}", ylim=(low - 0.3 * (high - low), high + 0.15 * (high - low)))
            middle.axhline(0, color=QUIET, lw=0.8)
            middle.plot(a["x"], a["residual"][k], color=COLOURS[1], lw=1.5)
            bottom.axhline(0, color=QUIET, lw=0.8)
            bottom.plot(a["grid"], a["psi"][k] / np.max(np.abs(a["psi"][k])), color=COLOURS[2], lw=1.5)
            bottom.set(xlabel="x", xlim=(a["x"][0] * 1.04, a["x"][-1] * 1.04))
        axes[0, 0].set_ylabel("data and fit")
        axes[1, 0].set_ylabel("residual")
        axes[2, 0].set_ylabel("psi, scaled")
        figure.suptitle("Ticks: breakpoints, right-facing blue, left-facing red. Dotted: the bends of the data.",
                        x=0.005, ha="left", fontsize=11)  # fmt: skip
    return figure


def fig9(arrays: Mapping[str, np.ndarray]) -> Figure:
    """Dynamic programming and greedy merging as lines, the medians of the optimisers with half of the seeds around."""
    a = arrays
    with canvas(7.5, 4.8) as figure:
        ax = figure.add_subplot()
        ax.plot(a["pieces"], a["optimal"], color=INK, lw=1.8, label="dynamic programming")
        ax.plot(a["pieces"], a["greedy"], color=INK, lw=1.8, ls=":", label="greedy merging")
        for name, colour, errors in zip(("Adam", "batch-norm SGD", "SGD"), COLOURS, a["errors"], strict=False):
            band(ax, a["trained_pieces"], errors, ms=5, color=colour, lw=1.6, label=name)
        ax.set(xscale="log", yscale="log", xlabel="pieces", ylabel="mean squared error at the data")
        log_ticks(ax, [1, 2, 5, 10, 20, 50])
        ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return figure


def fig10(arrays: Mapping[str, np.ndarray]) -> Figure:
    """Top: before, after. Bottom: medians of the networks, with half of them around, by width and by variance."""
    a = arrays
    with canvas(11, 7.6) as figure:
        (before, after), (width, variance) = figure.subplots(2, 2)
        for ax, part, title in ((before, "begin", "Before training"), (after, "end", "After training")):
            for kind, colour in (("spiky", LEFT), ("standard", RIGHT)):
                ax.plot(a["grid"], a[f"{kind}_{part}"], color=colour, lw=2, label=kind)
            ax.plot(a["x"], a["y"], "o", ms=5, color=INK, label="data", zorder=3)
            ax.set(title=title, xlabel="x")
        before.legend(loc="best")
        for g, gap in enumerate(("smooth", "sharp")):
            look: dict[str, Any] = {"alpha": 0.13, "ms": 5, "lw": 1.6, "color": COLOURS[g]}
            band(width, a["widths"], a["he"][g], label=f"{gap} gap, He", **look)
            band(width, a["widths"], a["glorot"][g], "s--", label=f"{gap} gap, Glorot", **look)
            band(variance, a["variances"], a["variance"][g], label=f"{gap} gap, He", **look)
        for ax, name, values in ((width, "width", a["widths"]), (variance, "variance of w and b", a["variances"])):
            ax.set(xscale="log", yscale="log", xlabel=name, title=f"Roughness in the gap by {name.split(' ')[0]}")
            ax.set_xticks(values, labels=[f"{v:g}" for v in values])
            ax.tick_params(axis="x", which="minor", bottom=False, labelbottom=False)
            ax.legend(fontsize=9.5)
        variance.set_xlabel("variance of w and b, in He's")
        width.set_ylabel("sum of $\\mu^2$ in the gap")
    return figure


def fig11(arrays: Mapping[str, np.ndarray]) -> Figure:
    """Smooth on the left, sharp on the right; the gap shaded."""
    with canvas(9, 3.6) as figure:
        for ax, name in zip(figure.subplots(1, 2, sharey=True), ("smooth", "sharp"), strict=True):
            x, y = arrays[f"{name}_x"], arrays[f"{name}_y"]
            ax.axvspan(-0.5, 0.5, color=QUIET, alpha=0.18, lw=0)
            for side in (x < 0, x > 0):
                ax.plot(x[side], y[side], color=INK, lw=1, zorder=1)
            ax.plot(x, y, "o", ms=6, color=LEFT, zorder=2)
            ax.set(title=f"{name} gap", xlabel="x")
        figure.axes[0].set_ylabel("y")
    return figure


def rows_on(ax: Axes, header: Sequence[str], rows: Sequence[Sequence[str]], widths: Sequence[float]) -> None:
    """A table with three rules; the first column to the left, the others to the right."""
    ends = np.cumsum(widths) / np.sum(widths)
    ax.set(xlim=(0, 1), ylim=(len(rows) + 0.6, -0.7))
    ax.axis("off")
    for k, row in enumerate([header, *rows]):
        for j, text in enumerate(row):
            ax.text(0.0 if j == 0 else ends[j], k, text, ha="left" if j == 0 else "right", va="center", fontsize=11,
                    fontweight="normal" if k else "bold")  # fmt: skip
    for place, width in ((-0.6, 1.4), (0.5, 0.8), (len(rows) + 0.5, 1.4)):
        ax.axhline(place, color=INK, lw=width)


def number(value: float) -> str:
    """Two digits."""
    return f"{value:#.2g}" if 1e-3 <= value < 1 else f"{value:.3g}" if 1 <= value < 1e3 else f"{value:.1e}"


def table1(arrays: Mapping[str, np.ndarray]) -> Figure:
    """Test losses, standard above uniform, the sine before the quadratic; quartiles in brackets."""
    with canvas(11.5, 2.0) as figure:
        each = [(k, t) for t in range(2) for k in range(2)]
        rows = []
        for j, kind in enumerate(("standard", "uniform")):
            found = [[number(arrays[name][k, t, j]) for name in ("medians", "low", "high")] for k, t in each]
            rows.append([kind, *(f"{median} [{low}, {high}]" for median, low, high in found)])
        header = ["test loss", "sine, flow", "sine, Adam", "$x^2/2$, flow", "$x^2/2$, Adam"]
        rows_on(figure.add_subplot(), header, rows, (1, 1.9, 1.9, 1.9, 1.9))
    return figure


def table2(arrays: Mapping[str, np.ndarray]) -> Figure:
    """Distances to the linear interpolant and to the natural cubic spline over alpha, as a table and as curves."""
    a, names = arrays, ("uniform, flat", "He, flat", "He, standard")
    with canvas(12, 6.6) as figure:
        parts = figure.add_gridspec(2, 3, height_ratios=[1.15, 1])
        first = figure.add_subplot(parts[0, 0])
        panels = [first, *(figure.add_subplot(parts[0, k], sharey=first) for k in (1, 2))]
        for k, (ax, name) in enumerate(zip(panels, names, strict=True)):
            for part, colour, label in (("linear", RIGHT, "linear interpolant"), ("cubic", LEFT, "natural cubic")):
                band(ax, a["alphas"], a[part][k], alpha=0.18, ms=5, color=colour, label=label)
            ax.set(xscale="log", yscale="log", title=name, xlabel="alpha")
        first.set_ylabel("root mean square distance")
        first.legend(fontsize=9.5)
        rows = [
            [f"{name}: {part}", *(number(v) for v in np.median(a[key][k], axis=-1))]
            for k, name in enumerate(names)
            for key, part in (("linear", "linear interpolant"), ("cubic", "natural cubic spline"))
        ]
        header = ["median distance, alpha =", *(f"{alpha:g}" for alpha in a["alphas"])]
        rows_on(figure.add_subplot(parts[1, :]), header, rows, (2.6, *np.ones(len(a["alphas"]))))
    return figure


def table3(arrays: Mapping[str, np.ndarray]) -> Figure:
    """Errors at the data and between them, standard above spiky, shallow beside deep."""
    with canvas(9.6, 2.6) as figure:
        header = ["error (median)", "", "shallow, flow", "shallow, Adam", "deep, Adam"]
        rows = [
            [kind, part, *(number(v) for v in arrays["medians"][j, p])]
            for j, kind in enumerate(("standard", "spiky"))
            for p, part in enumerate(("at the data", "between them"))
        ]
        rows_on(figure.add_subplot(), header, rows, (1.2, 1.2, 1.4, 1.4, 1.4))
    return figure
