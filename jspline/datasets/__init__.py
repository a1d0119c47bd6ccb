"""Data on the line: `Dataset`, the built-in series and functions, and CSV files."""

from jspline.datasets._dataset import Dataset, Units
from jspline.datasets._synthetic import quadratic, sharp_gap, sine, six_points, smooth_gap, square_wave, teacher
from jspline.datasets._tables import NAMES, Table, load, load_table, read_csv, read_table

__all__ = [
    "NAMES",
    "Dataset",
    "Table",
    "Units",
    "load",
    "load_table",
    "quadratic",
    "read_csv",
    "read_table",
    "sharp_gap",
    "sine",
    "six_points",
    "smooth_gap",
    "square_wave",
    "teacher",
]
