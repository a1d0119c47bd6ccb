"""Names and ticks of axes: text as its writer wrote it, numbers in the digits that tell them apart."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec
from matplotlib.ticker import Formatter, ScalarFormatter

from jspline._text import labels, offset, printable, shifted
from jspline.plot._style import canvas


def as_written(text: str) -> str:
    """A name as matplotlib draws it without taking its dollars for formulas."""
    return printable(text).replace("$", r"\$")


@contextmanager
def sheet(width: float, height: float, title: str, **spacing: Any) -> Iterator[Figure]:
    """A figure in the package's style with its title, to be drawn in; when all is drawn, its ticks are told apart."""
    with canvas(width, height, **spacing) as figure:
        figure.suptitle(as_written(title), x=0.012, ha="left", fontsize=17)
        yield figure
        tell_ticks_apart(figure)


def tell_ticks_apart(figure: Figure) -> None:
    """What the numbers of a linear axis have in common goes into its name, beside the axis and not over the picture.

    A logarithmic vertical axis that spans less than a factor of 2 becomes linear. For the limits as they are: to be
    called when all is drawn.
    """
    for ax in figure.axes:
        low, high = ax.get_ylim()
        if ax.get_yscale() == "log" and 0 < low < high < 2 * low:
            ax.set_yscale("linear")
        for axis, (low, high) in ((ax.xaxis, ax.get_xlim()), (ax.yaxis, ax.get_ylim())):
            if isinstance(axis.get_major_formatter(), ScalarFormatter) and axis.get_scale() == "linear":
                common = offset(min(low, high), max(low, high))
                axis.set_major_formatter(_Digits(common))
                axis.set_label_text(shifted(axis.get_label_text(), common))


class _Digits(Formatter):
    def __init__(self, common: float):
        self.common = common

    def __call__(self, value: float, pos: Any = None) -> str:
        return labels([value - self.common])[0]

    def format_ticks(self, values: Any) -> list[str]:
        return labels(np.asarray(values, float) - self.common)


def make_room(parts: GridSpec, *first: Axes) -> None:
    """Move the left end of a grid of axes in, where long numbers push the names of the `first` column out."""
    figure: Any = first[0].figure
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of glyphs: it is said when they are drawn
        begins = [box.x0 for ax in first if (box := ax.yaxis.get_tightbbox(figure.canvas.get_renderer())) is not None]
    if begins:
        left = first[0].get_position().x0
        parts.update(left=max(left, left + 0.01 - min(begins) / figure.bbox.width))
        for ax in figure.axes:
            ax.set_position(ax.get_subplotspec().get_position(figure))
