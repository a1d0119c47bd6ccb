"""Pictures. Functions that take an axes draw on it and return artists; those that end in `_figure` make a figure."""

from jspline.plot._dates import date_ticks
from jspline.plot._film import Film, delta_slopes, drive_signs, drives, event_name, event_ticks
from jspline.plot._film_html import TICKS, film_html
from jspline.plot._fit import fit_figure
from jspline.plot._flow import breakpoint_paths, fits, flow_figure, losses, rug
from jspline.plot._hessian import CAUSES, KNOTS, census, eigenvalues, hessian_figure, loss_slice
from jspline.plot._law import law_figure
from jspline.plot._meanfield import MeanFieldFilm
from jspline.plot._planes import cut, planes, planes_figure
from jspline.plot._reel import Reel, film_times, first_change, reel, travelled
from jspline.plot._style import COLOURS, LEFT, RIGHT, THEMES, save, style, theme
from jspline.plot._sweep import events_figure, sweep_figure

__all__ = [
    "CAUSES",
    "COLOURS",
    "KNOTS",
    "LEFT",
    "RIGHT",
    "THEMES",
    "TICKS",
    "Film",
    "MeanFieldFilm",
    "Reel",
    "breakpoint_paths",
    "census",
    "cut",
    "date_ticks",
    "delta_slopes",
    "drive_signs",
    "drives",
    "eigenvalues",
    "event_name",
    "event_ticks",
    "events_figure",
    "film_html",
    "film_times",
    "first_change",
    "fit_figure",
    "fits",
    "flow_figure",
    "hessian_figure",
    "law_figure",
    "loss_slice",
    "losses",
    "planes",
    "planes_figure",
    "reel",
    "rug",
    "save",
    "style",
    "sweep_figure",
    "theme",
    "travelled",
]
