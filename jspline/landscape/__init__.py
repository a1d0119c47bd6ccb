"""The loss surface, exactly: slices, knot types, the drive, pieces, critical points, flat moves; whether the Hessian is
the Gram matrix (theorem 5). For any number of inputs: slices along lines, turns and shifts of a breakplane, critical
points, theorem 5, where small neurons turn to; for two, the cells of the plane."""

from jspline.landscape._alignment import Alignment, alignment_maximisers
from jspline.landscape._cells import Cells, cells
from jspline.landscape._critical import Criticality, CriticalPoint, count_fits, critical_points, is_critical
from jspline.landscape._critical_planes import PlaneCriticality
from jspline.landscape._drive import Drive, Zeros, drive, drive_zeros
from jspline.landscape._knots import KNOTS, Knots, classify_knots
from jspline.landscape._lonely import (
    is_lonely,
    lonely_bound,
    lonely_partitions,
    lonely_probability,
    partitions,
    remark_1,
)
from jspline.landscape._moves import cancel_in_gap, drift_outside, rotate_about_datum
from jspline.landscape._pieces import Pieces, pieces
from jspline.landscape._slice_gamma import slice_gamma
from jspline.landscape._slice_line import slice_line
from jspline.landscape._slice_rotation import PiecewiseTrigonometric, slice_rotation
from jspline.landscape._slices import PiecewiseQuadratic, ScaleSlice, slice_bias, slice_breakpoint, slice_scale
from jspline.landscape._theorem5 import Theorem5, theorem5

__all__ = [
    "KNOTS",
    "Alignment",
    "Cells",
    "CriticalPoint",
    "Criticality",
    "Drive",
    "Knots",
    "Pieces",
    "PiecewiseQuadratic",
    "PiecewiseTrigonometric",
    "PlaneCriticality",
    "ScaleSlice",
    "Theorem5",
    "Zeros",
    "alignment_maximisers",
    "cancel_in_gap",
    "cells",
    "classify_knots",
    "count_fits",
    "critical_points",
    "drift_outside",
    "drive",
    "drive_zeros",
    "is_critical",
    "is_lonely",
    "lonely_bound",
    "lonely_partitions",
    "lonely_probability",
    "partitions",
    "pieces",
    "remark_1",
    "rotate_about_datum",
    "slice_bias",
    "slice_breakpoint",
    "slice_gamma",
    "slice_line",
    "slice_rotation",
    "slice_scale",
    "theorem5",
]
