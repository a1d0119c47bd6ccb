"""One style for every figure, light or dark: colours that colour-blind readers can tell apart, room for the data."""

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from pathlib import Path
from typing import Any, Literal, NamedTuple

import matplotlib as mpl
import numpy as np
from matplotlib.artist import Artist
from matplotlib.collections import Collection
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D

from jspline._checks import warn


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


FONTS = (
    "Noto Sans CJK JP", "Noto Sans CJK SC", "Noto Sans CJK TC", "Noto Sans CJK KR", "Noto Sans JP", "Noto Sans SC",
    "Noto Sans KR", "Source Han Sans", "WenQuanYi Zen Hei", "WenQuanYi Micro Hei", "Droid Sans Fallback", "IPAGothic",
    "IPAexGothic", "NanumGothic", "Hiragino Sans", "PingFang SC", "PingFang HK", "Apple SD Gothic Neo", "Yu Gothic",
    "Meiryo", "Microsoft YaHei", "SimHei", "Malgun Gothic", "Noto Sans Arabic", "Noto Sans Hebrew",
    "Noto Sans Devanagari", "Noto Sans Thai", "Arial Unicode MS", "Unifont",
)  # fmt: skip
"""Where characters are looked for that matplotlib's own font lacks, in this order."""

MARKS = 3000
"""An artist of more marks than this is a picture within an SVG: as shapes they would take megabytes."""


@cache
def _families() -> list[str]:
    """Those that are there: matplotlib complains of every other."""
    there = set(fontManager.get_font_names())
    return ["sans-serif", *(name for name in FONTS if name in there)]


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
        "font.family": _families(),
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


@contextmanager
def canvas(width: float, height: float, **spacing: Any) -> Iterator[Figure]:
    """A figure of so many inches in the package's style, to be drawn in."""
    with style():
        yield Figure(figsize=(width, height), layout=ConstrainedLayoutEngine(**spacing))


def save(figure: Figure, path: Path, *, dpi: float = 144) -> None:
    """Write a figure in the style it was drawn in (text stays text in an SVG): the same figure, the same bytes.

    Warns once of all characters that no font has. What consists of thousands of marks is a bitmap within an SVG.
    """
    # An SVG would have the date, and random identifiers.
    metadata = {"Date": None} if path.suffix == ".svg" else {}
    for artist in figure.findobj(_is_many):
        artist.set_rasterized(True)
    with style(), mpl.rc_context({"svg.hashsalt": "jspline"}), lacking_glyphs():
        figure.savefig(path, dpi=dpi, facecolor=figure.get_facecolor(), metadata=metadata)


def _is_many(artist: Artist) -> bool:
    if isinstance(artist, Line2D):
        return np.size(artist.get_xdata()) > MARKS
    return isinstance(artist, Collection) and max(len(artist.get_paths()), np.size(artist.get_offsets()) // 2) > MARKS


@contextmanager
def lacking_glyphs() -> Iterator[None]:
    """One warning for all characters that no font has, where matplotlib warns of each, each time it is drawn."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    lacking: dict[str, None] = {}
    for each in caught:
        if found := re.match(r"Glyph (\d+) .*missing from", str(each.message)):
            lacking[chr(int(found[1]))] = None
        else:
            warnings.warn_explicit(each.message, each.category, each.filename, each.lineno)
    if lacking:
        warn(
            f"No font here has {' '.join(lacking)}: a picture shows boxes in their place. Install one that does, Noto "
            "Sans CJK for instance; an SVG has the text, and needs it only where it is looked at."
        )
