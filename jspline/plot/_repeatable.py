"""Files whose bytes depend on the figure alone: no date, and no random identifiers."""

from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

from jspline.plot._style import style


def save_repeatable(figure: Figure, path: Path) -> None:
    """Write a PNG or an SVG in the package's style, the same file every time."""
    metadata = {"Date": None} if path.suffix == ".svg" else {}
    with style(), mpl.rc_context({"svg.hashsalt": "jspline"}):
        figure.savefig(path, dpi=144, metadata=metadata)
