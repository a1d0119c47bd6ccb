"""Pictures of nets of several inputs: contours with the lines at which neurons bend them, and cuts through the data."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.colors import LinearSegmentedColormap, Normalize, to_rgba
from matplotlib.contour import ContourSet
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

from jspline._checks import check_kind
from jspline.charts import ReLUNet
from jspline.datasets import Dataset, Units
from jspline.plot._axes import as_written, sheet
from jspline.plot._flow import rug
from jspline.plot._style import theme

GRID = 241
"""Places along an axis at which a function is drawn."""

MOST = 4
"""Inputs that `planes_figure` cuts along."""

SPACING, LENGTH = 0.045, 0.013
"""Of the ticks of a line, in parts of the box."""

ALIKE = 1.6
"""Inputs whose ranges differ by less than this factor have one scale on both axes."""


def planes(
    ax: Axes,
    net: ReLUNet,
    data: Dataset,
    *,
    names: Sequence[str] = (),
    box: ArrayLike | None = None,
    values: tuple[float, float] | None = None,
    near: ArrayLike | None = None,
    cells: Sequence[ArrayLike] = (),
) -> ContourSet:
    """A net of two inputs as filled contours, its data in the same colours, and its breaklines.

    Each breakline has ticks on the side on which its neuron is active. It is wider and stronger the more it bends the
    function: |eta|, where inputs are measured by their standard deviations. Those below a hundredth of the largest are
    left out.

    Args:
        ax: where to draw.
        net: w of shape `(width, 2)`.
        data: x of shape `(data, 2)`.
        names: of the inputs, for the axes.
        box: from where to where to draw, `((low, high), (low, high))`; a little beyond the data by default.
        values: the ends of the colours; the range of y by default.
        near: how much each datum is to be seen, from 0 to 1, `(data,)`.
        cells: polygons, `(corners, 2)` each, whose edges are drawn thin, such as those of `jspline.landscape.cells`.

    Returns:
        The contours, which a colour bar can be made for.

    Raises `ValueError` for a net or data of another number of inputs.
    """
    w, b, v, x, y = _parts(net, data)
    if w.shape[1] != 2:
        raise ValueError(f"`net` must have 2 inputs; got {w.shape[1]}: `planes_figure` cuts through more.")
    reach = _reach(x) if box is None else np.asarray(box, float)
    low, high = (float(np.min(y)), float(np.max(y))) if values is None else values
    if not low < high:
        low, high = low - 0.5, high + 0.5
    levels = MaxNLocator(12).tick_values(low, high)
    colours: dict[str, Any] = {"cmap": _cmap(), "norm": Normalize(levels[0], levels[-1])}
    axes = np.meshgrid(*(np.linspace(low, high, GRID) for low, high in reach))
    points = np.stack(axes, axis=-1)
    heights = float(net.b0) + np.maximum(points @ w.T + b, 0) @ v
    filled = ax.contourf(*axes, heights, levels, extend="both", zorder=0, **colours)
    ax.contour(*axes, heights, levels, colors=theme().quiet, linewidths=0.4, alpha=0.5, zorder=1)
    if len(cells):
        ax.add_collection(
            PolyCollection([np.asarray(c) for c in cells], facecolors="none", edgecolors=theme().quiet, linewidths=0.4)
        )
    lines, ticks, strength = breaklines(w, b, v * np.linalg.norm(w * np.std(x, axis=0), axis=1), reach)
    shades = [to_rgba(theme().ink, 0.3 + 0.7 * float(s)) for s in strength]
    ax.add_collection(LineCollection(lines, colors=shades, linewidths=0.5 + 1.5 * strength, zorder=2))
    edges = [tick for each in ticks for tick in each]
    of_each = np.repeat(np.arange(len(lines)), [len(each) for each in ticks])
    ax.add_collection(LineCollection(edges, colors=[shades[i] for i in of_each], linewidths=0.8, zorder=2))
    few, seen = len(x) <= 300, _seen(near)
    size, edge = (44, 1.0) if few else (14, 0.5)
    ax.scatter(x[:, 0], x[:, 1], c=y, s=size, alpha=seen, edgecolors=theme().ink, linewidths=edge, zorder=3, **colours)
    ax.set(xlim=reach[0], ylim=reach[1])
    for axis, name in zip((ax.xaxis, ax.yaxis), names, strict=False):
        axis.set_label_text(as_written(name))
    if _are_alike(*np.diff(reach, axis=1)[:, 0]):
        ax.set_aspect("equal")
    ax.spines[["left", "bottom"]].set_visible(False)
    return filled


def cut(
    ax: Axes, net: ReLUNet, data: Dataset, *, names: Sequence[str] = (), near: ArrayLike | None = None
) -> list[Line2D]:
    """A net of one input, x of shape `(data, 1)`, as a line, with its data and a rug of its breakpoints.

    Args:
        ax: where to draw.
        net, data: w of shape `(width, 1)` and x of shape `(data, 1)`.
        names: of the input and of the output.
        near: as in `planes`.

    Raises `ValueError` for a net or data of another number of inputs.
    """
    w, b, v, x, y = _parts(net, data)
    if w.shape[1] != 1:
        raise ValueError(f"`net` must have 1 input; got {w.shape[1]}: `planes_figure` cuts through more.")
    (reach,) = _reach(x)
    knots = -b[w[:, 0] != 0] / w[w[:, 0] != 0, 0]
    knots = knots[(reach[0] < knots) & (knots < reach[1])]
    grid = np.unique(np.append(np.linspace(reach[0], reach[1], GRID), knots))
    ax.scatter(x[:, 0], y, s=16, color=theme().quiet, alpha=_seen(near), linewidths=0, zorder=1)
    lines = ax.plot(grid, float(net.b0) + np.maximum(grid[:, None] * w[:, 0] + b, 0) @ v, color=theme().pick(0), lw=2.2)
    rug(ax, knots, base=0.0, height=0.04)
    ax.set_xlim(reach)
    for axis, name in zip((ax.xaxis, ax.yaxis), names, strict=False):
        axis.set_label_text(as_written(name))
    return lines


def planes_figure(
    net: ReLUNet,
    data: Dataset,
    *,
    units: Units | None = None,
    names: Sequence[str] = (),
    y_name: str = "y",
    title: str = "",
) -> Figure:
    """A net of two inputs; of more, its cuts along one and along two of them, the others at their medians.

    Data are the fainter the farther they are from a cut, in standard deviations of the inputs. Of more than four inputs
    the four along which the function bends most are taken.

    Args:
        net: w of shape `(width, inputs)`, with two inputs at least.
        data: what it has learned, x of shape `(data, inputs)`.
        units: those of standardized data: with them everything is drawn in the original ones.
        names: of the inputs, `x1`, `x2` and so on by default.
        y_name: of the outputs.
        title: of the figure.

    Raises `ValueError` for a net of one input, data of another number of inputs, or another number of names.
    """
    w, *_ = _parts(net, data)
    inputs = w.shape[1]
    names = [str(name) for name in names] or [f"x{k + 1}" for k in range(inputs)]
    if inputs < 2 or len(names) != inputs:
        raise ValueError(f"`net` must have at least 2 inputs, and each of them a name; got {inputs} and {len(names)}.")
    if units is not None:
        net, data = units.restore(net), Dataset(units.x(data.x), units.y(data.y), data.weight)
    if inputs == 2:
        wide, high = np.diff(_reach(np.asarray(data.x, float)), axis=1)[:, 0]
        ratio = wide / high if _are_alike(wide, high) else 1.2
        with sheet(
            2.4 + 6.0 * min(ratio, 1.2), 1.5 + 6.0 * min(1, 1.2 / ratio), title, w_pad=0.14, h_pad=0.12
        ) as figure:
            ax = figure.subplots()
            bar(figure, planes(ax, net, data, names=names), y_name, ax=ax, shrink=0.9)
            ax.legend(handles=_keys(), loc="lower left", bbox_to_anchor=(-0.02, 1.0), ncols=2, columnspacing=1.2)
        return figure
    w, _, v, x, _ = _parts(net, data)
    bends = np.sum(np.abs(v[:, None] * w), axis=0) * np.std(x, axis=0)
    kept = np.sort(np.argsort(-bends, kind="stable")[:MOST]).tolist()
    return _cuts(net, data, kept, names, y_name, title)


def _cuts(net: ReLUNet, data: Dataset, kept: list[int], names: list[str], y_name: str, title: str) -> Figure:
    count, values = len(kept), (float(np.min(data.y)), float(np.max(data.y)))
    with sheet(3.7 * count + 0.6, 3.1 * count + 0.9, title, w_pad=0.1, h_pad=0.1) as figure:
        grid = figure.add_gridspec(count, count)
        for row, j in enumerate(kept):
            for column, i in enumerate(kept[:row]):
                ax = figure.add_subplot(grid[row, column])
                # Axes of one row or column have one range; where there are only such, aspects would pull them apart.
                two, points, near = through(net, data, [i, j])
                filled = planes(ax, two, points, near=near, values=values)
                ax.set_aspect("auto")
                ax.set(xlabel=as_written(names[i]) if row == count - 1 else "", ylabel=as_written(names[j]))
            one, points, near = through(net, data, [j])
            ax = figure.add_subplot(grid[row, row])
            cut(ax, one, points, near=near, names=(names[j], y_name))
        side = figure.add_subplot(grid[0, 1:])
        side.axis("off")
        side.legend(handles=_keys(), loc="lower left", bbox_to_anchor=(0.03, 0.0))
        bar(figure, filled, y_name, cax=side.inset_axes((0.06, 0.42, 0.8, 0.07)), orientation="horizontal")
        at = np.median(np.asarray(data.x), axis=0)
        where = [f"{name} = {value:.4g}" for name, value in zip(names, at, strict=True)]
        said = ["An input that is not on an axis is at its median:", *_lines(where)]
        if net.inputs > MOST:
            said.insert(0, f"The {MOST} of {net.inputs} inputs along which the function bends most.")
        side.text(0.06, 1.0, "\n".join(map(as_written, said)), va="top")
    return figure


def _lines(words: list[str], most: int = 60) -> list[str]:
    """Words with commas between, in lines of about so many characters; four lines at most."""
    lines = [""]
    for k, word in enumerate(words):
        if len(lines[-1]) + len(word) > most:
            if len(lines) == 4:
                lines[-1] += "..."
                break
            lines.append("")
        lines[-1] += word + ", " * (k < len(words) - 1)
    return lines


def through(net: ReLUNet, data: Dataset, kept: list[int]) -> tuple[ReLUNet, Dataset, np.ndarray]:
    """The net of these inputs with the others at their medians, and how near to that each datum is."""
    w, b, v, x, y = _parts(net, data)
    at, others = np.median(x, axis=0), np.setdiff1d(np.arange(x.shape[1]), kept)
    size = np.std(x, axis=0)[others]
    away = (x[:, others] - at[others]) / np.where(size > 0, size, 1)
    near = 0.25 + 0.75 * np.exp(-np.sum(away**2, axis=1) / 2)
    return ReLUNet(w[:, kept], b + w[:, others] @ at[others], v, net.b0), Dataset(x[:, kept], y), near


def breaklines(
    w: np.ndarray, b: np.ndarray, eta: np.ndarray, box: np.ndarray
) -> tuple[list[np.ndarray], list[list[np.ndarray]], np.ndarray]:
    """The parts of the lines w . x + b = 0 in a box, `(2, 2)` each, their ticks, and |eta| over the largest of all.

    In the unit square that the box is scaled to, lines and ticks are at right angles.
    """
    low, span = box[:, 0], np.diff(box, axis=1)[:, 0]
    slopes, offsets = w * span, b + w @ low
    size, strength = np.hypot(*slopes.T), np.abs(eta) / max(np.max(np.abs(eta)), np.finfo(float).tiny)
    lines, ticks, kept = [], [], []
    for i in np.flatnonzero((size > 0) & (strength > 0.01)):
        normal = slopes[i] / size[i]
        foot, along = -offsets[i] / size[i] * normal, np.array([-normal[1], normal[0]])
        with np.errstate(divide="ignore", invalid="ignore"):
            ends = np.sort((np.array([[0.0], [1.0]]) - foot) / along, axis=0)
        free = along == 0
        if np.any(free & ((foot < 0) | (foot > 1))):
            continue
        begin, end = np.max(ends[0, ~free]), np.min(ends[1, ~free])
        if not begin < end:
            continue
        at = foot + np.arange(begin + SPACING / 2, end, SPACING)[:, None] * along
        lines.append(low + span * (foot + np.array([[begin], [end]]) * along))
        ticks.append([low + span * np.stack([place, place + LENGTH * normal]) for place in at])
        kept.append(i)
    return lines, ticks, strength[kept]


def _parts(net: ReLUNet, data: Dataset) -> tuple[np.ndarray, ...]:
    """w, b, v, x, y in numpy, of one net and of data with the same inputs, which have an axis of their own."""
    check_kind(ReLUNet, net=net)
    check_kind(Dataset, data=data)
    if net.b.ndim != 1 or net.w.ndim != 2 or data.x.ndim != 2 or net.w.shape[1] != data.x.shape[1]:
        shapes = f"w of shape {net.w.shape} and x of shape {data.x.shape}"
        raise ValueError(
            f"Net and data must be one each, and have the same inputs in an axis of their own; got {shapes}."
        )
    w, b, v, x, y = (np.asarray(part, float) for part in (net.w, net.b, net.v, data.x, data.y))
    return w, b, v, x, y


def _seen(near: ArrayLike | None) -> Any:
    """One opacity, or one for each datum; matplotlib's types know of the former only."""
    return 1.0 if near is None else np.asarray(near)


def _are_alike(wide: float, high: float) -> bool:
    """Whether both axes are to have one scale."""
    return bool(max(wide, high) < ALIKE * min(wide, high))


def _reach(x: np.ndarray) -> np.ndarray:
    """A little beyond the data, `(inputs, 2)`."""
    low, high = np.min(x, axis=0), np.max(x, axis=0)
    margin = np.where(high > low, 0.08 * (high - low), 0.5)
    return np.stack([low - margin, high + margin], axis=1)


def _cmap() -> LinearSegmentedColormap:
    """From blue over paper to orange, the two hues that colour-blind readers tell apart."""
    return LinearSegmentedColormap.from_list("planes", [theme().right, theme().paper, theme().left])


def bar(figure: Figure, filled: ContourSet, name: str, **where: Any) -> None:
    """A colour bar of `planes`."""
    made = figure.colorbar(filled, label=as_written(name), **where)
    made.outline.set_visible(False)


def _keys() -> list[Line2D]:
    ink = theme().ink
    return [
        Line2D([], [], color=ink, lw=1.6, marker=2, ms=5, label="where a neuron bends f; ticks: the side it sees"),
        Line2D([], [], marker="o", mfc="none", mew=1.0, ms=6, label="data", ls="", mec=ink),
    ]
