"""What moves what: the data, the loss, the decay, and which parameters there are."""

from jspline.problem._loss import Loss, Squared
from jspline.problem._points import Points
from jspline.problem._problem import Problem, as_problem, b0_moved, data_and_b0, moved, only_data

__all__ = ["Loss", "Points", "Problem", "Squared", "as_problem", "b0_moved", "data_and_b0", "moved", "only_data"]
