"""A film as one page that needs nothing else: the arrays of a reel, and a canvas that draws them."""

import base64
import html
import json
from pathlib import Path
from string import Template
from typing import Any

import numpy as np

from jspline._text import offset, printable, shifted
from jspline.plot._dates import date_ticks
from jspline.plot._film import APART, EVENTS, ROW, Film, event_name
from jspline.plot._style import THEMES

TICKS = (Path(__file__).parent / "ticks.js").read_text(encoding="utf-8")
"""JavaScript that writes the numbers of ticks, a function `labels`, for pages."""

ARRAYS = ("x", "y", "times", "grid", "fit", "beta", "mu", "s", "edges", "psi", "zeros", "signs", "loss")
"""What of a reel the page holds, in float32: on the screen nobody sees more."""

BASES = {"x": ("x", "grid", "beta", "edges", "zeros"), "y": ("y", "fit")}
"""What is held from the begin of an axis on: far from 0, float32 would not tell data apart."""

DATES = (3, 5, 8)
"""Ticks of an axis of dates, at most: a page takes as many as it has room for."""


def film_html(film: Film, *, fps: float = 30.0, most: int = 600) -> str:
    """The film as a page: play, scrub, keys, light and dark; it stands still where the reader asks for less motion.

    Args:
        film: what to show, with its titles and ranges.
        fps: frames in a second.
        most: frames to hold, evenly chosen where the film has more; it then takes as long as it did.
    """
    r = film.reel
    count = len(r.times)
    chosen = np.arange(count)
    if count > most:
        chosen = np.unique(np.round(np.linspace(0, count - 1, most)).astype(int))
    per_frame = {"times", "fit", "beta", "mu", "s", "psi", "zeros", "signs", "loss"}
    begin = {"x": film.x_range[0], "y": film.y_range[0]}
    bases = {name: begin[axis] for axis, names in BASES.items() for name in names}
    facts: dict[str, Any] = {
        name: _pack((getattr(r, name)[chosen] if name in per_frame else getattr(r, name)) - bases.get(name, 0.0))
        for name in ARRAYS
    }
    offsets = {"x": offset(*film.x_range), "y": offset(*film.y_range)}
    dates = [ticks for most in DATES if (ticks := date_ticks(printable(film.x_name), *film.x_range, most))]
    rows = [(int(kind), r.event_times[r.event_kinds == kind]) for kind in np.unique(r.event_kinds)]
    facts |= {
        "arrays": ARRAYS,
        "bases": bases,
        "title": printable(film.title),
        "x_name": dates[0].name if dates else shifted(printable(film.x_name), offsets["x"]),
        "x_dates": [ticks._asdict() for ticks in dates],
        "y_name": shifted(printable(film.y_name), offsets["y"]),
        "x_offset": offsets["x"],
        "y_offset": offsets["y"],
        "width": r.beta.shape[1],
        "places": r.zeros.shape[-1],
        "largest": film.largest,
        "faint": film.faint,
        "apart": APART,
        "row": ROW,
        "floor": r.floor,
        "fps": fps * len(chosen) / count,
        "x_range": film.x_range,
        "y_range": film.y_range,
        "mu_range": film.mu_range,
        "loss_range": film.loss_range,
        "events": [
            {"kind": kind, "name": event_name(kind, when.size), "times": [float(f"{t:.6g}") for t in when]}
            for kind, when in rows
        ],
        "themes": {
            name: {key: getattr(t, key) for key in ("ink", "quiet", "paper", "right", "left")}
            | {"events": [t.pick(colour) for _, colour in EVENTS]}
            for name, t in THEMES.items()
        },
    }
    named = {f"{name}_{key}": getattr(t, key) for name, t in THEMES.items() for key in ("ink", "quiet", "paper")}
    page = Template((Path(__file__).parent / "film.html").read_text(encoding="utf-8"))
    # Inside a script "</script" could end it early, and "<!--" make its end be missed.
    reel = json.dumps(facts).replace("<", "\\u003c")
    return page.safe_substitute(title=html.escape(printable(film.title)), reel=reel, ticks=TICKS, **named)


def _pack(values: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(values, "<f4").tobytes()).decode("ascii")
