"""Figures 1 to 6, 8 and 14: networks as splines, the loss along a breakpoint, lonely partitions, flat directions."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle

from jspline.plot._flow import rug
from jspline.plot._hessian import KNOTS
from jspline.plot._style import COLOURS, INK, LEFT, QUIET, RIGHT, canvas, theme
from jspline.plot.paper._parts import log_ticks


def fig1() -> Figure:
    """One neuron's curve of constant loss in (w, b, v), and what it computes at three of its points."""
    alpha = np.geomspace(0.35, 2.8, 200)
    w, b, v = 1.0, -0.5, 1.0
    with canvas(9.6, 4.4) as figure:
        space = figure.add_subplot(1, 2, 1, projection="3d")
        space.plot(w * alpha, b * alpha, v / alpha, color=INK, lw=2)
        space.plot(w * alpha, b * alpha, 0 * alpha, color=QUIET, lw=1, ls=":")
        line = figure.add_subplot(1, 2, 2)
        x = np.linspace(-1, 2, 301)
        for a, colour in zip((0.6, 1.5, 2.5), COLOURS, strict=False):
            space.plot([w * a], [b * a], [v / a], "o", ms=8, color=colour)
            space.plot([w * a] * 2, [b * a] * 2, [0, v / a], color=colour, lw=1, ls=":")
            hidden = np.maximum(a * (w * x + b), 0)
            line.plot(x, hidden, color=colour, lw=1.4, ls="--", label=f"hidden, $\\alpha$ = {a:g}")
        line.plot(x, v * np.maximum(w * x + b, 0), color=INK, lw=3, alpha=0.85, label="output, the same for all")
        line.legend(loc="upper left")
        line.set(xlabel="x", ylim=(-0.15, 2.6), title="What it computes")
        space.set(xlabel="w", ylabel="b", zlabel="v", xticks=[1, 2], yticks=[-1, -0.5], zticks=[1, 2],
                  title="$(\\alpha w,\\ \\alpha b,\\ v/\\alpha)$")  # fmt: skip
        space.view_init(elev=22, azim=-60)
        space.set_box_aspect(None, zoom=0.9)
    return figure


def fig2() -> Figure:
    """Two right-facing neurons with positive delta-slopes, and a left-facing one with a negative delta-slope."""
    beta, mu, s = np.array([-1.2, 0.0, 1.9]), np.array([0.8, 0.9, -0.9]), np.array([1, 1, -1])
    x = np.linspace(-2, 2.6, 600)

    def f(at: np.ndarray) -> np.ndarray:
        apart = at[..., None] - beta
        total: np.ndarray = np.sum(mu * np.where(apart * s > 0, apart, 0), axis=-1)
        return total

    with canvas(9.6, 4.8) as figure:
        ax = figure.add_subplot()
        ax.plot(x, f(x), color=INK, lw=2.4)
        low = f(x).min() - 1.4
        for k in range(3):
            colour, at = (RIGHT if s[k] > 0 else LEFT), f(beta[k : k + 1])[0]
            ax.vlines(beta[k], low, at, color=colour, lw=1, ls=(0, (3, 3)))
            ax.plot(beta[k], at, "o", ms=8, color=colour, zorder=4)
            _delta(ax, beta[k], at, f, mu[k], s[k], colour, k + 1)
            ax.annotate("", (beta[k] + 0.55 * s[k], low + 0.18), (beta[k], low + 0.18),
                        arrowprops={"arrowstyle": "-|>", "color": colour, "lw": 2.2})  # fmt: skip
            ax.text(beta[k], low - 0.1, f"$\\beta_{k + 1}$", ha="center", va="top", color=colour, fontsize=13)
            ax.text(beta[k] + 0.3 * s[k], low + 0.3, f"$s_{k + 1} = {s[k]:+d}$", ha="center", color=colour, fontsize=11)
        ax.set(xlim=(-2, 2.6), ylim=(low, f(x).max() + 0.25), ylabel="f(x)")
        ax.set_xticks([])
        ax.set_yticks([])
        ax.text(2.6, low - 0.1, "x", ha="right", va="top", fontsize=12)
    return figure


def _delta(ax: Axes, beta: float, at: float, f: Any, mu: float, s: int, colour: str, k: int) -> None:
    """The piece on the neuron's inactive side, continued, and the wedge between it and f."""
    near = np.array([beta, beta + 0.45 * s])
    slope = (at - float(f(np.array([beta - 1e-3 * s]))[0])) / (1e-3 * s)
    straight = at + slope * (near - beta)
    bent = straight + mu * (near - beta)
    ax.plot(near, straight, color=colour, lw=1.4, ls=":")
    ax.fill_between(near, straight, bent, color=colour, alpha=0.22, lw=0)
    height = (straight[1] + bent[1]) / 2 - (0.15 if s < 0 else 0)
    ax.text(near[1] + 0.05 * s, height, f"$\\mu_{k} {'>' if mu > 0 else '<'} 0$", color=colour,
            ha="left" if s > 0 else "right", va="center", fontsize=12)  # fmt: skip


KNOT_TITLES = {
    "passthrough": "Type I, passthrough",
    "repeller": "Type II, repeller",
    "attractor": "Type III, attractor",
}


def fig3(arrays: Mapping[str, np.ndarray]) -> Figure:
    """The loss as a function of one breakpoint, solid; both parabolas, p1 blue and p2 green, dotted past the datum."""
    with canvas(11, 3.6) as figure:
        for ax, (name, marker, colour) in zip(figure.subplots(1, 3), KNOTS, strict=True):
            beta, height, knot = (arrays[f"{name}_{part}"] for part in ("beta", "slice", "knot"))
            for part, own, shade in (("p1", beta <= knot, RIGHT), ("p2", beta >= knot, COLOURS[0])):
                curve = arrays[f"{name}_{part}"]
                ax.plot(beta[own], curve[own], color=shade, lw=2.2)
                ax.plot(beta[~own], curve[~own], color=shade, lw=1.5, ls=":")
                least = np.argmin(curve)
                if 0 < least < len(curve) - 1:
                    ax.plot(beta[least], curve[least], "o", ms=5, mfc="white", mec=shade)
            low, high = height.min(), height.max()
            ax.axvline(knot, color=QUIET, lw=0.8, zorder=0)
            ax.plot(knot, np.interp(knot, beta, height), marker, ms=9, color=theme().pick(colour), zorder=4)
            ax.set(
                title=KNOT_TITLES[name], xlabel="breakpoint", ylim=(low - 0.5 * (high - low), high + 0.5 * (high - low))
            )
            ax.set_xticks([knot], labels=["$x_n$"])
            ax.set_yticks([])
        figure.axes[0].set_ylabel("loss")
    return figure


def fig4(arrays: Mapping[str, np.ndarray]) -> Figure:
    """Breakpoints as blue bars, data as red points; on the right the share of lonely partitions by H / N."""
    a = arrays
    with canvas(11, 3.6) as figure:
        grid = figure.add_gridspec(2, 2, width_ratios=[1.7, 1])
        for row, name in enumerate(("crowded", "lonely")):
            ax = figure.add_subplot(grid[row, 0])
            ax.vlines(a[f"{name}_beta"], -1, 1, color=RIGHT, lw=1.6)
            ax.plot(a[name], 0 * a[name], "o", ms=8, color=LEFT, zorder=3)
            ax.axhline(0, color=INK, lw=0.7, zorder=0)
            ax.set(xlim=(0, 1), ylim=(-1.6, 1.6), yticks=[], title=f"{name}: {len(a[f'{name}_beta'])} breakpoints")
            ax.spines["left"].set_visible(False)
            ax.tick_params(labelbottom=row == 1)
        ax.set_xlabel("x")
        ax = figure.add_subplot(grid[:, 1])
        for colour, size, shares in zip(COLOURS, a["sizes"], a["shares"], strict=False):
            ax.plot(a["ratios"], shares, "o-", color=colour, ms=5, label=f"{size} data")
        ax.set(xscale="log", xlabel="breakpoints for each datum", ylim=(0, 1), title="Share of lonely partitions")
        log_ticks(ax, a["ratios"])
        ax.legend()
    return figure


MOVES = {"a": ("A: two breakpoints of one gap", (0, 1), (-1.1, 1.1)),
          "b": ("B: two about a datum", (2, 3), (-0.6, 1.6)),
          "c": ("C: outside, facing away", (4,), (1.3, 3.6))}  # fmt: skip


def fig5(arrays: Mapping[str, np.ndarray]) -> Figure:
    """The function in black, after moves in colour, near where they change it; breakpoints that moved as ticks."""
    a = arrays
    with canvas(12, 3.9) as figure:
        for ax, (letter, (title, moved, window)) in zip(figure.subplots(1, 3), MOVES.items(), strict=True):
            near = (a["grid"] > window[0]) & (a["grid"] < window[1])
            for colour, f, beta in zip(COLOURS, a[f"{letter}_f"], a[f"{letter}_beta"], strict=False):
                ax.plot(a["grid"][near], f[near], color=colour, lw=1.5)
                rug(ax, beta[list(moved)], colours=colour, base=0.01, height=0.07)
            ax.plot(a["grid"][near], a["f"][near], color=INK, lw=1.8, zorder=3)
            rug(ax, a[f"{letter}_beta"][-1, list(moved)], colours=INK, base=0.01, height=0.07)
            inside = (a["x"] > window[0]) & (a["x"] < window[1])
            ax.plot(a["x"][inside], a["f_data"][inside], "o", ms=7, color=LEFT, zorder=4)
            for x in a["x"][inside]:
                ax.axvline(x, color=QUIET, lw=0.7, ls=(0, (2, 3)), zorder=0)
            shown = np.concatenate([a[f"{letter}_f"][:, near].ravel(), a["f"][near]])
            low, high = shown.min(), shown.max()
            ax.set(title=title, xlim=window, xlabel="x", ylim=(low - 0.18 * (high - low), high + 0.05 * (high - low)))
            ax.set_yticks([])
        figure.axes[0].set_ylabel("f: before black, after in colours")
    return figure


REACH = 2.2


def valley(ax: Axes, features: np.ndarray, y: np.ndarray) -> None:
    """Contours of the loss, its null direction through the origin, and the line of interpolants."""
    grid = np.linspace(-REACH, REACH, 201)
    loss = (y - features[0] * grid - features[1] * grid[:, None]) ** 2 / 2
    ax.contourf(grid, grid, np.sqrt(loss), levels=14, cmap="Greys", alpha=0.35)
    normal = features / np.linalg.norm(features)
    along = np.array([-normal[1], normal[0]])
    foot = normal * y / np.linalg.norm(features)
    line = foot + along * np.array([-9, 9])[:, None]
    ax.plot(*line.T, color=INK, lw=1.8)
    ax.set(xlim=(-REACH, REACH), ylim=(-REACH, REACH), aspect="equal", xlabel="$\\mu_1$", ylabel="$\\mu_2$")


def arrow(ax: Axes, begin: np.ndarray, end: np.ndarray, colour: str, text: str) -> None:
    """An arrow with a name at its head."""
    look = {"arrowstyle": "-|>", "color": colour, "lw": 2.2, "shrinkA": 0, "shrinkB": 0}
    ax.annotate("", tuple(end), tuple(begin), arrowprops=look)
    ax.annotate(text, tuple(end), xytext=(5, 5), textcoords="offset points", color=colour, fontsize=12)


def fig6(arrays: Mapping[str, np.ndarray]) -> Figure:
    """Range and null space of the features, for two pairs of breakpoints."""
    mu, y = arrays["mu"], arrays["y"][0]
    with canvas(9.6, 4.9) as figure:
        titles = "A: breakpoints fixed", "B: other breakpoints"
        for ax, features, title in zip(figure.subplots(1, 2), arrays["features"], titles, strict=True):
            valley(ax, features, y)
            normal = features / np.linalg.norm(features)
            in_range = normal * (normal @ mu)
            arrow(ax, np.zeros(2), in_range, RIGHT, "$\\mu_r$")
            arrow(ax, in_range, mu, LEFT, "$\\mu_n$")
            arrow(ax, np.zeros(2), mu, INK, "$\\mu$")
            ax.plot([], [], color=INK, lw=1.8, label="loss 0")
            ax.plot([], [], color=RIGHT, lw=2.2, label="range")
            ax.plot([], [], color=LEFT, lw=2.2, label="null space")
            ax.set_title(title)
        figure.axes[0].legend(loc="lower left", fontsize=9.5)
    return figure


def fig8(arrays: Mapping[str, np.ndarray]) -> Figure:
    """Descent from the origin, among circles of |mu|, and from elsewhere, among arcs of the distance from there."""
    with canvas(5.6, 5.2) as figure:
        ax = figure.add_subplot()
        valley(ax, arrays["features"][0], arrays["y"][0])
        for path, colour, name in (
            (arrays["from_origin"], COLOURS[0], "from the origin"),
            (arrays["from_elsewhere"], LEFT, "from elsewhere"),
        ):
            begin, end = path[0], path[-1]
            for share in np.linspace(0.25, 1, 4):
                ax.add_patch(Circle(tuple(begin), share * np.linalg.norm(end - begin), fill=False, ec=colour, lw=0.8,
                                    alpha=0.7))  # fmt: skip
            ax.plot(*path.T, color=colour, lw=2.2, ls="--", label=name)
            ax.plot(*begin, "o", ms=6, mfc="white", mec=colour, mew=1.6)
            ax.plot(*end, "o", ms=6, color=colour)
        ax.axhline(0, color=QUIET, lw=0.6, zorder=0)
        ax.axvline(0, color=QUIET, lw=0.6, zorder=0)
        ax.legend(loc="lower left", fontsize=9.5)
    return figure


def fig14(arrays: Mapping[str, np.ndarray]) -> Figure:
    """Evenly spaced and random breakpoints, the exact products as lines, the printed probability dashed."""
    a = arrays
    with canvas(7.5, 4.6) as figure:
        ax = figure.add_subplot()
        for colour, size, even, random, exact in zip(
            COLOURS, a["sizes"], a["even"], a["random"], a["exact"], strict=False
        ):
            ax.plot(a["degrees"], exact, color=colour, lw=1.4)
            ax.plot(a["degrees"], even, "o", color=colour, ms=6, label=f"N = {size}")
            ax.plot(a["degrees"], random, "s", mfc="none", mec=colour, ms=6)
        ax.plot(a["degrees"], a["printed"][-1], color=QUIET, lw=1.6, ls=(0, (4, 2)), label="remark 1 as printed")
        ax.plot([], [], "o", color=INK, ms=6, label="evenly spaced")
        ax.plot([], [], "s", mfc="none", mec=INK, ms=6, label="random")
        ax.plot([], [], color=INK, lw=1.4, label="exact, evenly spaced")
        ax.set(xscale="log", xlabel="H / N$^2$", ylabel="share of lonely partitions", ylim=(-0.02, 1.02))
        log_ticks(ax, a["degrees"])
        ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return figure
