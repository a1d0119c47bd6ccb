"""What moves what: the data, the loss, the decay, and which parameters there are."""

from jspline.problem._loss import Loss, Squared
from jspline.problem._pad import common_size as common_size
from jspline.problem._pad import pad
from jspline.problem._points import Points
from jspline.problem._problem import MOVED as MOVED
from jspline.problem._problem import Problem
from jspline.problem._problem import as_problem as as_problem
from jspline.problem._problem import b0_moved as b0_moved
from jspline.problem._problem import check_fitting as check_fitting
from jspline.problem._problem import data_and_b0 as data_and_b0
from jspline.problem._problem import moved as moved
from jspline.problem._problem import of_net as of_net
from jspline.problem._problem import only_data as only_data
from jspline.problem._problem import plain_problem as plain_problem
from jspline.problem._problem import quadratic as quadratic

__all__ = ["Loss", "Points", "Problem", "Squared", "pad"]
