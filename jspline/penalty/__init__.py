"""Weight decay: the least penalized loss over networks of any width.

Theory: docs/theory.md 14.
"""

from jspline.penalty._optimum import Optimum, optimum

__all__ = ["Optimum", "optimum"]
