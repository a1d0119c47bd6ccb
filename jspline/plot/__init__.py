"""Pictures. Functions that take an axes draw on it and return artists; those that end in `_figure` make a figure."""

from jspline.plot._fit import fit_figure
from jspline.plot._flow import breakpoint_paths, fits, flow_figure, losses, rug
from jspline.plot._hessian import census, eigenvalues, hessian_figure, loss_slice
from jspline.plot._law import law_figure
from jspline.plot._repeatable import save_repeatable
from jspline.plot._style import COLOURS, LEFT, RIGHT, save, style
from jspline.plot._sweep import events_figure, sweep_figure

__all__ = [
    "COLOURS",
    "LEFT",
    "RIGHT",
    "breakpoint_paths",
    "census",
    "eigenvalues",
    "events_figure",
    "fit_figure",
    "fits",
    "flow_figure",
    "hessian_figure",
    "law_figure",
    "loss_slice",
    "losses",
    "rug",
    "save",
    "save_repeatable",
    "style",
    "sweep_figure",
]
