"""Figures 1 and 2: illustrations of the scale symmetry, and of breakpoints, delta-slopes and orientations."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jspline.plot._style import COLOURS, INK, LEFT, QUIET, RIGHT, style


def fig1() -> Figure:
    """One neuron's curve of constant loss in (w, b, v), and what it computes at three of its points."""
    alpha = np.geomspace(0.35, 2.8, 200)
    w, b, v = 1.0, -0.5, 1.0
    with style():
        figure = Figure(figsize=(9.6, 4.4), layout="constrained")
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
        space.set(
            xlabel="w",
            ylabel="b",
            zlabel="v",
            xticks=[1, 2],
            yticks=[-1, -0.5],
            zticks=[1, 2],
            title="$(\\alpha w,\\ \\alpha b,\\ v/\\alpha)$",
        )
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

    with style():
        figure = Figure(figsize=(9.6, 4.8), layout="constrained")
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


def _delta(ax: Axes, beta: float, at: float, f: object, mu: float, s: int, colour: str, k: int) -> None:
    """The piece on the neuron's inactive side, continued, and the wedge between it and f."""
    assert callable(f)
    near = np.array([beta, beta + 0.45 * s])
    slope = (at - float(f(np.array([beta - 1e-3 * s]))[0])) / (1e-3 * s)
    straight = at + slope * (near - beta)
    bent = straight + mu * (near - beta)
    ax.plot(near, straight, color=colour, lw=1.4, ls=":")
    ax.fill_between(near, straight, bent, color=colour, alpha=0.22, lw=0)
    height = (straight[1] + bent[1]) / 2 - (0.15 if s < 0 else 0)
    ax.text(near[1] + 0.05 * s, height, f"$\\mu_{k} {'>' if mu > 0 else '<'} 0$", color=colour,
            ha="left" if s > 0 else "right", va="center", fontsize=12)  # fmt: skip
