"""A film as one page that needs nothing else: the arrays of a reel, and a canvas that draws them."""

import base64
import html
import json
from pathlib import Path
from string import Template
from typing import Any

import numpy as np

from jspline.plot._film import APART, EVENTS, ROW, Film, event_name
from jspline.plot._style import THEMES

ARRAYS = ("x", "y", "times", "grid", "fit", "beta", "mu", "s", "edges", "psi", "zeros", "signs", "loss")
"""What of a reel the page holds, in float32: on the screen nobody sees more."""


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
    facts: dict[str, Any] = {
        name: _pack(getattr(r, name)[chosen] if name in per_frame else getattr(r, name)) for name in ARRAYS
    }
    rows = [(int(kind), r.event_times[r.event_kinds == kind]) for kind in np.unique(r.event_kinds)]
    facts |= {
        "arrays": ARRAYS,
        "title": film.title,
        "x_name": film.x_name,
        "y_name": film.y_name,
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
    # Inside a script only "</" could end it early.
    reel = json.dumps(facts).replace("</", "<\\/")
    return page.safe_substitute(title=html.escape(film.title), reel=reel, **named)


def _pack(values: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(values, "<f4").tobytes()).decode("ascii")
