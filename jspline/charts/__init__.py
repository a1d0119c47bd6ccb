"""Charts of one network: `ReLUNet` (w, b, v), `Spline` (beta, mu, s), `Breakplanes` (eta, xi, gamma) and `Polar` (r,
theta, charge)."""

from jspline.charts._breakplanes import Breakplanes, Metric
from jspline.charts._charts import OneSided, Polar, ReLUNet, Spline, charge
from jspline.charts._invariants import rescale, roughness, slope_variation, total_delta_slope, variation_norm
from jspline.charts._lift import lengths

__all__ = [
    "Breakplanes",
    "Metric",
    "OneSided",
    "Polar",
    "ReLUNet",
    "Spline",
    "charge",
    "lengths",
    "rescale",
    "roughness",
    "slope_variation",
    "total_delta_slope",
    "variation_norm",
]
