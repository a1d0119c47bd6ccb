"""Figure 11: data of two functions with a gap."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from jspline.plot._style import INK, LEFT, QUIET, style


def fig11(arrays: Mapping[str, np.ndarray]) -> Figure:
    """Smooth on the left, sharp on the right; the gap shaded."""
    with style():
        figure = Figure(figsize=(9, 3.6), layout="constrained")
        for ax, name in zip(figure.subplots(1, 2, sharey=True), ("smooth", "sharp"), strict=True):
            x, y = arrays[f"{name}_x"], arrays[f"{name}_y"]
            ax.axvspan(-0.5, 0.5, color=QUIET, alpha=0.18, lw=0)
            for side in (x < 0, x > 0):
                ax.plot(x[side], y[side], color=INK, lw=1, zorder=1)
            ax.plot(x, y, "o", ms=6, color=LEFT, zorder=2)
            ax.set(title=f"{name} gap", xlabel="x")
        figure.axes[0].set_ylabel("y")
    return figure
