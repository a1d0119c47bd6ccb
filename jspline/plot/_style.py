"""One style for every figure: colours that colour-blind readers can tell apart, few lines, room for the data."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

# From Okabe and Ito's palette: two colours for orientation, and others for networks.
RIGHT, LEFT = "#0072B2", "#D55E00"
COLOURS = ("#009E73", "#8A4FBF", "#B8860B", "#CC79A7", "#56B4E9")
INK, QUIET, PAPER = "#222222", "#9AA0A6", "#FFFFFF"

RC: dict[Any, Any] = {
    "figure.facecolor": PAPER,
    "savefig.facecolor": PAPER,
    "axes.facecolor": PAPER,
    "axes.edgecolor": QUIET,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 13,
    "axes.titlecolor": INK,
    "axes.labelsize": 12,
    "axes.linewidth": 0.8,
    "font.size": 11,
    "legend.frameon": False,
    "legend.fontsize": 10.5,
    "lines.solid_capstyle": "round",
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "svg.fonttype": "none",
}


@contextmanager
def style() -> Iterator[None]:
    """Draw in the package's style inside this context."""
    with mpl.rc_context(RC):
        yield


def save(figure: Figure, path: Path) -> None:
    """Write a figure in the package's style, which decides on some things only then (text stays text in an SVG)."""
    with style():
        figure.savefig(path, dpi=144)
