"""Pictures of curvature: a spectrum, what its zeros are, slices of the loss with the types of their knots."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from numpy.typing import ArrayLike

from jspline.charts import ReLUNet
from jspline.datasets import Dataset
from jspline.plot._axes import as_written, sheet
from jspline.plot._planes import bar, cut, planes, through
from jspline.plot._style import theme

CAUSES: dict[str, tuple[str | int, str]] = {
    "non-zero": ("ink", "not zero"),
    "dead": ("quiet", "dead neurons"),
    "silent": (3, "v = 0"),
    "constant": (2, "w = 0 < b"),
    "scale": (4, "scale symmetry"),
    "few": ("left", "too few data"),
    "shared": ("right", "same data"),
    "functional": (0, "between the data"),
    "unexplained": (1, "unexplained"),
}
"""Colour (of the style) and label of each cause of a zero eigenvalue, and of the eigenvalues that are not 0."""

KNOTS = (("passthrough", "|", "quiet"), ("repeller", "^", "left"), ("attractor", "v", "right"))
"""Name, marker and colour (of the style) of each type of knot, in the order of `landscape.KNOTS`."""


def eigenvalues(
    ax: Axes, values: ArrayLike, *, count: int, colour: str | None = None, label: str | None = None
) -> list[Line2D]:
    """Sizes of the largest eigenvalues, in decreasing order, on a logarithmic axis; negative ones hollow.

    Args:
        ax: where to draw.
        values: eigenvalues, `(params,)`.
        count: how many to draw: as many as are not 0.
        colour, label: of the positive ones; ink by default.
    """
    shown = np.asarray(values)
    shown = shown[np.argsort(-np.abs(shown))][:count]
    colour = theme().ink if colour is None else colour
    place, negative = 1 + np.arange(len(shown)), shown < 0
    lines = ax.plot(place[~negative], shown[~negative], "o", ms=4, color=colour, mew=0, label=label)
    lines += ax.plot(place[negative], -shown[negative], "o", ms=4.5, mfc="none", mec=colour, mew=0.9)
    ax.set(yscale="log")
    return lines


def census(ax: Axes, rows: Mapping[str, Mapping[str, int]]) -> list[Rectangle]:
    """For each named point a bar as long as there are parameters, cut by what its eigenvalues are.

    Args:
        ax: where to draw.
        rows: for each name the counts by cause, keys of `CAUSES`.
    """
    patches = []
    for row, counts in enumerate(rows.values()):
        left = 0
        for cause, (colour, _) in CAUSES.items():
            count = counts.get(cause, 0)
            patches += ax.barh(row, count, left=left, height=0.62, color=theme().pick(colour)).patches
            if count > 0.045 * sum(counts.values()):
                light = cause in ("dead", "scale")
                ax.text(left + count / 2, row, str(count), ha="center", va="center",
                        color=theme().ink if light else theme().paper, fontsize=9.5)  # fmt: skip
            left += count
    ax.set(yticks=range(len(rows)), yticklabels=list(rows), ylim=(len(rows) - 0.5, -0.5))
    ax.margins(x=0)
    ax.spines["left"].set_visible(False)
    ax.tick_params(left=False)
    return patches


def loss_slice(
    ax: Axes, beta: ArrayLike, values: ArrayLike, *, knots: ArrayLike, at_knots: ArrayLike, types: ArrayLike, now: float
) -> list[Line2D]:
    """The loss as a function of one breakpoint, its knots marked by type, a line at where the breakpoint is.

    Args:
        ax: where to draw.
        beta, values: the curve, `(grid,)`.
        knots, at_knots: the knots and the loss there, `(data,)`.
        types: places in `landscape.KNOTS`, `(data,)`.
        now: the breakpoint, outside of the picture perhaps.
    """
    x, height, codes = np.asarray(knots), np.asarray(at_knots), np.asarray(types)
    lines = ax.plot(beta, values, color=theme().ink, lw=1.4, zorder=1)
    for kind, (_, marker, colour) in enumerate(KNOTS):
        of_kind = codes == kind
        lines += ax.plot(
            x[of_kind], height[of_kind], marker, ms=5 if kind == 0 else 7, color=theme().pick(colour), zorder=2 + kind
        )
    low, high = ax.get_xlim()
    if low < now < high:
        ax.axvline(now, color=theme().pick(2), lw=1.6, zorder=0)
    return lines


def hessian_figure(curved: Any, *, title: str = "") -> Figure:
    """Spectra and what their zeros are, and slices of the loss; of several inputs the function in place of slices.

    Args:
        curved: labelled arrays as `jspline hessian` writes them (`hessian.nc`): by `matrix`, of which there are three
            at most, the `eigenvalues` and the numbers of `zeros` by `cause`; by `neuron` the `slice` along its
            breakpoint `beta` with the `knot_type` at each `x`; and the parameters `theta`. With several inputs, x of
            the dimensions `data` and `input`, there are no slices, and `y` is drawn.
        title: of the figure.
    """
    spectra = {str(name): curved.eigenvalues.sel(matrix=name).values for name in curved.matrix.values}
    causes = [str(cause) for cause in curved.cause.values]
    counts = {
        name: {"non-zero": int(len(spectra[name]) - zeros.sum())} | dict(zip(causes, zeros.tolist(), strict=True))
        for name, zeros in zip(spectra, curved.zeros.values, strict=True)
    }
    with sheet(13.33, 7.5, title, w_pad=0.14, h_pad=0.1, hspace=0.05, wspace=0.02) as figure:
        columns = figure.add_gridspec(1, 2, width_ratios=[1.35, 1])
        left = columns[0].subgridspec(2, 1, height_ratios=[3.4, 0.45 + 0.35 * len(spectra)])
        _sizes(figure.add_subplot(left[0]), spectra, counts)
        bottom = figure.add_subplot(left[1])
        census(bottom, counts)
        bottom.set(title="All of them, and why the others are zero", xlabel="eigenvalues")
        there = [cause for cause in CAUSES if any(row.get(cause, 0) for row in counts.values())]
        bottom.legend(
            [Rectangle((0, 0), 1, 1, color=theme().pick(CAUSES[cause][0])) for cause in there],
            [CAUSES[cause][1] for cause in there],
            loc="upper left", bbox_to_anchor=(-0.01, -0.42 + 0.06 * len(spectra)), ncols=min(len(there), 4),
            columnspacing=1.0, handlelength=1.0,
        )  # fmt: skip
        if "input" in curved.sizes:
            _function(figure, columns[1], curved)
            return figure
        axes = columns[1].subgridspec(curved.sizes["neuron"], 1).subplots(sharex=True, squeeze=False)[:, 0]
        for ax, neuron in zip(axes, range(curved.sizes["neuron"]), strict=True):
            _slice(ax, curved.isel(neuron=neuron))
        ax.set(xlabel=as_written(curved.x.long_name))
        keys = [Line2D([], [], ls="", marker=m, color=theme().pick(c), ms=7, label=f"{n}s") for n, m, c in KNOTS]
        keys.append(Line2D([], [], color=theme().pick(2), lw=1.6, label="where it is"))
        ax.legend(
            handles=keys, loc="upper left", bbox_to_anchor=(-0.09, -0.3), ncols=4, columnspacing=0.9,
            handletextpad=0.3, handlelength=1.4, fontsize=10,
        )  # fmt: skip
    return figure


def _function(figure: Figure, place: Any, curved: Any) -> None:
    """The net of several inputs whose curvature it is: of two the plane, of more cuts along the first three."""
    inputs, theta = curved.sizes["input"], curved.theta.values
    w, b, v = np.split(theta[:-1], [curved.sizes["width"] * inputs, curved.sizes["width"] * (inputs + 1)])
    net = ReLUNet(w.reshape(-1, inputs), b, v, theta[-1])
    data, names = Dataset(curved.x.values, curved.y.values), [str(name) for name in curved.input.values]
    output = str(curved.y.attrs.get("long_name", "output"))
    if inputs == 2:
        ax = figure.add_subplot(place)
        bar(figure, planes(ax, net, data, names=names), output, ax=ax, location="bottom", shrink=0.9, aspect=30)
        ax.set_title("The function, standardized")
        return
    axes = place.subgridspec(min(inputs, CUTS), 1).subplots(squeeze=False)[:, 0]
    for j, ax in enumerate(axes):
        one, points, near = through(net, data, [j])
        cut(ax, one, points, near=near, names=(names[j], output))
    axes[0].set_title("The function, others at their medians")


CUTS = 3
"""Inputs along which a function is drawn beside its spectrum."""


def _slice(ax: Axes, one: Any) -> None:
    """The loss along the breakpoint of one neuron."""
    i, kinds = int(one.neuron), [name for name, *_ in KNOTS]
    w, b, v = one.theta.values[:-1].reshape(3, -1)[:, i]
    beta, values, x = one.beta.values, one.slice.values, one.x.values
    types = [kinds.index(str(kind)) for kind in one.knot_type.values]
    loss_slice(ax, beta, values, knots=x, at_knots=np.interp(x, beta, values), types=types, now=-b / w if w else np.nan)
    side = "right" if w > 0 else "left"
    ax.set(title=f"Loss along breakpoint {i}: mu = {w * v:.2g}, {side}-facing", ylabel="loss")


def _sizes(ax: Axes, spectra: Mapping[str, ArrayLike], counts: Mapping[str, Mapping[str, int]]) -> None:
    """The eigenvalues of each matrix that are not 0: the one that counts in ink, the Gram matrix, the last, green."""
    colours = [theme().ink] if len(spectra) == 1 else [theme().quiet, theme().ink, theme().pick(0)][-len(spectra) :]
    for colour, (name, values) in zip(colours, spectra.items(), strict=True):
        eigenvalues(ax, values, count=counts[name]["non-zero"], colour=colour, label=name)
    ax.set(xlabel="rank by size", ylabel="|eigenvalue|", title="Eigenvalues that are not zero")
    hollow = Line2D([], [], ls="", marker="o", mfc="none", mec=theme().ink, ms=4.5)
    handles = [*ax.get_legend_handles_labels()[0], hollow]
    ax.legend(handles, [*spectra, "hollow: negative"], loc="upper right")
