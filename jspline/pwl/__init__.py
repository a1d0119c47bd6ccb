"""Piecewise-linear least squares: what learning is compared with.

In every fit `sse` is sum_n p_n (f(x_n) - y_n)^2: twice the loss of `jspline.loss`, without the half.
"""

from jspline.pwl._continuous import Continuous, continuous
from jspline.pwl._criterion import criterion
from jspline.pwl._dynamic import dynamic_programming
from jspline.pwl._greedy import greedy_merge
from jspline.pwl._segments import Segments
from jspline.pwl._sparsest import sparsest_interpolant

__all__ = [
    "Continuous",
    "Segments",
    "continuous",
    "criterion",
    "dynamic_programming",
    "greedy_merge",
    "sparsest_interpolant",
]
