"""One style for every figure, light or dark: colours that colour-blind readers can tell apart, room for the data."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any, Literal, NamedTuple

import matplotlib as mpl
from matplotlib.figure import Figure


class Theme(NamedTuple):
    """The colours of a style. Those of the dark one are the same hues, lighter."""

    ink: str
    quiet: str
    paper: str
    right: str
    left: str
    colours: tuple[str, ...]

    def pick(self, name: str | int) -> str:
        """One of the colours by its name, or by its place among those for networks."""
        return getattr(self, name) if isinstance(name, str) else self.colours[name % len(self.colours)]


# From Okabe and Ito's palette: two colours for orientation, and others for networks.
THEMES = {
    "light": Theme(
        "#222222", "#9AA0A6", "#FFFFFF", "#0072B2", "#D55E00", ("#009E73", "#8A4FBF", "#B8860B", "#CC79A7", "#56B4E9")
    ),
    "dark": Theme(
        "#E8EAED", "#7D848C", "#15181C", "#56B4E9", "#FF8F40", ("#2CC295", "#B48BE0", "#E0B040", "#E39CC3", "#4C8FC7")
    ),
}
INK, QUIET, PAPER, RIGHT, LEFT, COLOURS = THEMES["light"]

_theme: ContextVar[Theme] = ContextVar("theme", default=THEMES["light"])


def theme() -> Theme:
    """The colours of the style that is being drawn in."""
    return _theme.get()


def side(s: float) -> str:
    """The colour of an orientation."""
    return theme().right if s > 0 else theme().left


def _rc(colours: Theme) -> dict[Any, Any]:
    return {
        "figure.facecolor": colours.paper,
        "savefig.facecolor": colours.paper,
        "axes.facecolor": colours.paper,
        "axes.edgecolor": colours.quiet,
        "axes.labelcolor": colours.ink,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.titlelocation": "left",
        "axes.titlesize": 13,
        "axes.titlecolor": colours.ink,
        "axes.labelsize": 12,
        "axes.linewidth": 0.8,
        "font.size": 11,
        "legend.frameon": False,
        "legend.fontsize": 10.5,
        "lines.solid_capstyle": "round",
        "text.color": colours.ink,
        "xtick.color": colours.ink,
        "ytick.color": colours.ink,
        "svg.fonttype": "none",
    }


@contextmanager
def style(name: Literal["light", "dark"] | None = None) -> Iterator[Theme]:
    """Draw in the package's style inside this context, and in the one around it where none is named.

    Raises:
        ValueError: for another name.
    """
    if name not in (None, *THEMES):
        raise ValueError(f"The style must be 'light' or 'dark'; got {name!r}.")
    colours = theme() if name is None else THEMES[name]
    token = _theme.set(colours)
    try:
        with mpl.rc_context(_rc(colours)):
            yield colours
    finally:
        _theme.reset(token)


def save(figure: Figure, path: Path, *, dpi: float = 144) -> None:
    """Write a figure in the style it was drawn in (text stays text in an SVG): the same figure, the same bytes."""
    # An SVG would have the date, and random identifiers.
    metadata = {"Date": None} if path.suffix == ".svg" else {}
    with style(), mpl.rc_context({"svg.hashsalt": "jspline"}):
        figure.savefig(path, dpi=dpi, facecolor=figure.get_facecolor(), metadata=metadata)
