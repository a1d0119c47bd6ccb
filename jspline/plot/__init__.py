"""Pictures. Functions that take an axes draw on it and return artists; those that end in `_figure` make a figure."""

from jspline.plot._fit import fit_figure
from jspline.plot._flow import breakpoint_paths, fits, flow_figure, losses, rug
from jspline.plot._hessian import census, eigenvalues, hessian_figure, loss_slice
from jspline.plot._style import COLOURS, LEFT, RIGHT, save, style

__all__ = [
    "COLOURS",
    "LEFT",
    "RIGHT",
    "breakpoint_paths",
    "census",
    "eigenvalues",
    "fit_figure",
    "fits",
    "flow_figure",
    "hessian_figure",
    "loss_slice",
    "losses",
    "rug",
    "save",
    "style",
]
