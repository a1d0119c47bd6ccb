"""Gradient flow: the field in three charts, and its integration."""

from jspline.dynamics._diffrax import charge_drift
from jspline.dynamics._field import net_field, polar_field, spline_field
from jspline.dynamics._flow import flow
from jspline.dynamics._solution import RESULTS, Solution, result_names

__all__ = ["RESULTS", "Solution", "charge_drift", "flow", "net_field", "polar_field", "result_names", "spline_field"]
