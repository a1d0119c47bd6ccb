"""Data: `Dataset`, the built-in series and functions, CSV files, and inputs in as few dimensions as they span."""

from jspline.datasets._dataset import Dataset, Units
from jspline.datasets._reduce import Reduced, reduce_inputs
from jspline.datasets._synthetic import (
    circles,
    orthogonal,
    quadratic,
    sharp_gap,
    sine,
    six_points,
    smooth_gap,
    square_wave,
    teacher,
    xor,
)
from jspline.datasets._tables import NAMES, Table, load, load_table, read_csv, read_table

__all__ = [
    "NAMES",
    "Dataset",
    "Reduced",
    "Table",
    "Units",
    "circles",
    "load",
    "load_table",
    "orthogonal",
    "quadratic",
    "read_csv",
    "read_table",
    "reduce_inputs",
    "sharp_gap",
    "sine",
    "six_points",
    "smooth_gap",
    "square_wave",
    "teacher",
    "xor",
]
