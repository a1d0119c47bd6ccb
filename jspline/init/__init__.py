"""Initializations: each samples nets, and knows its exact law where there is one (section 2.2).

Theory: docs/theory.md 2, 15.2.
"""

from jspline.init._construct import flat, from_curvature
from jspline.init._from_data import FromData
from jspline.init._gaussian import Balanced, Gaussian, glorot, he
from jspline.init._law import Law
from jspline.init._planes import separation_probability
from jspline.init._spiky import Spiky
from jspline.init._uniform import Uniform, UniformBreakpoints

__all__ = [
    "Balanced",
    "FromData",
    "Gaussian",
    "Law",
    "Spiky",
    "Uniform",
    "UniformBreakpoints",
    "flat",
    "from_curvature",
    "glorot",
    "he",
    "separation_probability",
]
