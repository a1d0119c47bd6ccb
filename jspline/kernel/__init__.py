"""The linear regime of training, solved exactly: breakpoints frozen, output weights moving.

From a large scale, breakpoints hardly move (theory of lazy training; lemma 2), and what is left is linear regression on
fixed features: at any time, at convergence, and for infinitely many neurons.
"""

from jspline.kernel._linear import LazyDistance, flow, lazy_distance, min_norm
from jspline.kernel._ridge import RidgeFit, ridge
from jspline.kernel._targets import natural_cubic, regime
from jspline.kernel._wide import WideFit, weighted_spline

__all__ = [
    "LazyDistance",
    "RidgeFit",
    "WideFit",
    "flow",
    "lazy_distance",
    "min_norm",
    "natural_cubic",
    "regime",
    "ridge",
    "weighted_spline",
]
