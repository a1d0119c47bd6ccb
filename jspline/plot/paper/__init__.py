"""Figures of the claims, from the arrays that a claim returns: one function each, in the arrangement of the paper."""

from jspline.plot.paper._lit_approach import approach
from jspline.plot.paper._lit_conditioning import conditioning
from jspline.plot.paper._lit_step_bound import step_bound

__all__ = [
    "approach",
    "conditioning",
    "step_bound",
]
