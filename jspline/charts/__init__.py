"""Three charts of one network: `ReLUNet` (w, b, v), `Spline` (beta, mu, s) and `Polar` (r, theta, charge)."""

from jspline.charts._charts import OneSided, Polar, ReLUNet, Spline, charge
from jspline.charts._invariants import rescale, roughness

__all__ = ["OneSided", "Polar", "ReLUNet", "Spline", "charge", "rescale", "roughness"]
