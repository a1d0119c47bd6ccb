"""The figure of docs/idea.md: a network as a spline, and its activations as prefixes and suffixes of sorted data."""

from pathlib import Path

import jax.numpy as jnp
import numpy as np
from matplotlib.figure import Figure

import jspline
from jspline import plot
from jspline.plot import LEFT, RIGHT


def main(path: Path) -> None:
    """Draw it."""
    spline = jspline.Spline(
        beta=jnp.array([-1.4, -0.5, 0.3, 1.1]),
        mu=jnp.array([1.6, -1.3, -1.8, 1.5]),
        s=jnp.array([1.0, -1.0, 1.0, 1.0]),
        b0=-0.6,
    )
    x = np.array([-1.9, -1.6, -1.1, -0.8, -0.1, 0.05, 0.6, 0.9, 1.5, 1.8])
    grid = np.linspace(-2.1, 2.1, 421)
    colours = [RIGHT if side > 0 else LEFT for side in spline.s]
    with plot.style():
        figure = Figure(figsize=(11, 4.2), layout="constrained")
        left, right = figure.subplots(1, 2)

        for i, colour in enumerate(colours):
            alone = jspline.Spline(spline.beta[i : i + 1], spline.mu[i : i + 1], spline.s[i : i + 1])
            left.plot(grid, alone(grid), color=colour, lw=1.1, alpha=0.8)
            left.plot(spline.beta[i], spline(spline.beta[i]), "o", color=colour, ms=7, zorder=3)
        left.plot(grid, spline(grid), color="#222222", lw=2.4)
        plot.rug(left, spline.beta, colours=colours, base=0.0, height=0.06)
        left.set(xlim=(-2.1, 2.1), xlabel="x", title="Four neurons and their sum, a spline")

        order = np.argsort(spline.beta)
        for row, i in enumerate(order):
            beta, side = float(spline.beta[i]), float(spline.s[i])
            active = x[x > beta] if side > 0 else x[x < beta]
            right.plot([active[0], active[-1]], [row, row], color=colours[i], lw=9, alpha=0.35, solid_capstyle="round")
            right.plot(active, np.full(active.size, row), "o", color=colours[i], ms=6)
            right.plot(
                np.setdiff1d(x, active), np.full(x.size - active.size, row), "o", mfc="none", mec="#9AA0A6", ms=6
            )
            right.plot([beta, beta], [row - 0.32, row + 0.32], color="#222222", lw=1.4)
            rank = x.size - active.size if side > 0 else active.size
            right.text(2.15, row, f"rank {rank}", va="center")
        right.set(xlabel="sorted data", yticks=range(4), yticklabels=[f"neuron {i + 1}" for i in order])
        right.set(title="Active data: a suffix or a prefix", xlim=(-2.1, 2.6), ylim=(3.6, -0.6))
        right.spines["left"].set_visible(False)
        right.tick_params(left=False)
    figure.savefig(path, dpi=144)


if __name__ == "__main__":
    main(Path(__file__).with_name("idea.png"))
