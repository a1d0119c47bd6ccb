"""Figure 3: a knot of each type, with the parabolas that meet there."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from jspline.plot._hessian import KNOTS
from jspline.plot._style import COLOURS, QUIET, RIGHT, style, theme

TITLES = {"passthrough": "Type I, passthrough", "repeller": "Type II, repeller", "attractor": "Type III, attractor"}


def fig3(arrays: Mapping[str, np.ndarray]) -> Figure:
    """The loss as a function of one breakpoint, solid; both parabolas, p1 blue and p2 green, dotted past the datum."""
    with style():
        figure = Figure(figsize=(11, 3.6), layout="constrained")
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
            ax.set(title=TITLES[name], xlabel="breakpoint", ylim=(low - 0.5 * (high - low), high + 0.5 * (high - low)))
            ax.set_xticks([knot], labels=["$x_n$"])
            ax.set_yticks([])
        figure.axes[0].set_ylabel("loss")
    return figure
