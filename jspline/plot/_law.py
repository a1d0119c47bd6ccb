"""A picture of an initialization law: counts of a Monte Carlo, and the exact densities on top."""

from typing import Any

import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from jspline.plot._axes import sheet
from jspline.plot._style import theme

NAMES = {"beta": "breakpoint beta", "mu": "delta-slope mu", "gamma": "distance gamma", "eta": "delta-slope eta"}


def law_figure(title: str, law: Any, width: int, counted: Any) -> Figure:
    """Joint density of (beta, mu), both marginals over many decades, and the tail of the roughness.

    Of a law with `inputs` gamma and eta in the place of beta and mu.

    Args:
        title: of the figure.
        law: an initialization with exact densities.
        width: of the networks.
        counted: the labelled counts that `jspline law` writes (`law.nc`).
    """
    place, slope = counted.joint.dims
    beta, mu = counted[f"{place}_edge"].values, counted[f"{slope}_edge"].values
    of_width = {"width": width} if place == "beta" else {}
    joint = counted.joint.values
    total = joint.sum()
    with sheet(13.33, 8, title) as figure:
        axes = figure.subplots(2, 2)
        exact = lambda at, kink: law.pdf(**{place: at, slope: kink}, **of_width)  # noqa: E731
        _joint(axes[0, 0], figure, exact, (NAMES[place], NAMES[slope]), beta, mu, joint / total)
        of_slope, of_place = getattr(law, f"pdf_{slope}"), getattr(law, f"pdf_{place}")
        _marginal(axes[0, 1], mu, joint.sum(axis=0) / total, lambda t: of_slope(t, **of_width), NAMES[slope])
        _marginal(axes[1, 0], beta, joint.sum(axis=1) / total, of_place, NAMES[place])
        _tail(axes[1, 1], counted)
    return figure


def _joint(
    ax: Any,
    figure: Figure,
    pdf: Any,
    names: tuple[str, str],
    beta: np.ndarray,
    mu: np.ndarray,
    share: np.ndarray,
) -> None:
    """Where most of the mass is, on linear axes; the density is symmetric in both."""
    far, steep = (
        edges[1 + np.searchsorted(np.cumsum(share.sum(axis=axis)), 0.99)] for edges, axis in ((beta, 1), (mu, 0))
    )
    far = min(far, 4.0)
    rows = np.flatnonzero((beta[:-1] >= -far * 1.001) & (beta[1:] <= far * 1.001))
    columns = np.flatnonzero((mu[:-1] >= -steep) & (mu[1:] <= steep))
    x, y = beta[rows[0] : rows[-1] + 2], mu[columns[0] : columns[-1] + 2]
    density = share[np.ix_(rows, columns)] / np.diff(x)[:, None] / np.diff(y)[None]
    grid_x, grid_y = np.linspace(x[0], x[-1], 241), np.linspace(y[0], y[-1], 241)
    exact = np.asarray(pdf(grid_x[:, None], grid_y[None]))
    top = exact.max()
    shown = ax.pcolormesh(
        x, y, np.maximum(density, top * 1e-4).T, norm=LogNorm(top * 1e-3, top), cmap="Blues", rasterized=True
    )
    levels = top * np.geomspace(3e-3, 0.5, 5)
    ax.contour(grid_x, grid_y, exact.T, levels=levels, colors=theme().ink, linewidths=0.9)
    figure.colorbar(shown, ax=ax, pad=0.01)
    ax.set(xlabel=names[0], ylabel=names[1], title="Joint density: counted, exact as lines")


def _marginal(ax: Any, edges: np.ndarray, share: np.ndarray, pdf: Any, name: str) -> None:
    """Both signs together, since the laws are even: density over |value|, both logarithmic."""
    half = len(share) // 2
    positive = edges[half:-1]
    density = (share[half:-1] + share[1:half][::-1])[:] / np.diff(positive) / 2
    middle = np.sqrt(np.maximum(positive[:-1], positive[1] / 2) * positive[1:])
    kept = density > 0
    line = np.geomspace(middle[0], positive[-1], 400)
    ax.plot(middle[kept], density[kept], "o", ms=4, color=theme().pick(0), label="counted")
    exact = np.asarray(pdf(line))
    ax.plot(line, np.where(exact > 0, exact, np.nan), color=theme().ink, lw=1.3, label="exact")
    ax.set(xscale="log", yscale="log", xlabel=f"|{name}|", title=f"Density of the {name}")
    ax.set_xlim(middle[kept].min() / 1.5, middle[kept].max() * 1.5)
    ax.set_ylim(density[kept].min() / 3, density[kept].max() * 3)
    ax.legend()


def _tail(ax: Any, counted: Any) -> None:
    edges, tail, bound = counted.excess_edge.values[:-1], counted["tail"].values, counted.tail_bound.values
    there = (edges > 0) & (tail > 0)
    ax.step(edges[there], tail[there], where="post", color=theme().pick(0), lw=1.8, label="counted")
    ax.plot(edges[there], bound[there], color=theme().quiet, lw=1.5, label="bound of theorem 2")
    ax.set(xscale="log", yscale="log", xlabel="standard deviations above the mean", title="Tail of the roughness")
    ax.legend()
