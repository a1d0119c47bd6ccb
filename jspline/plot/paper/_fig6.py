"""Figures 6 and 8: the loss over two delta-slopes, with one datum."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle

from jspline.plot._style import COLOURS, INK, LEFT, QUIET, RIGHT, style

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
    with style():
        figure = Figure(figsize=(9.6, 4.9), layout="constrained")
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
    with style():
        figure = Figure(figsize=(5.6, 5.2), layout="constrained")
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
