"""Figures of the claims, from the arrays that a claim returns: one function each, in the arrangement of the paper."""

from jspline.plot.paper._lit_alignment import alignment
from jspline.plot.paper._lit_approach import approach
from jspline.plot.paper._lit_conditioning import conditioning
from jspline.plot.paper._lit_meetings import meetings
from jspline.plot.paper._lit_quantized import quantized
from jspline.plot.paper._lit_saddles import saddles
from jspline.plot.paper._lit_step_bound import step_bound
from jspline.plot.paper._lit_two_regimes import two_regimes

__all__ = [
    "alignment",
    "approach",
    "conditioning",
    "meetings",
    "quantized",
    "saddles",
    "step_bound",
    "two_regimes",
]
