"""Gradient flow: the field in three charts, and its integration, exact or by a general solver."""

from jspline.dynamics._cell import FlowTerm, cell
from jspline.dynamics._compile import compiler_options
from jspline.dynamics._condense import condense, nothing_follows
from jspline.dynamics._field import breakplane_field, net_field, polar_field, spline_field
from jspline.dynamics._flow import advance, finish, flow, sensitivity, start
from jspline.dynamics._log import KINDS, Events
from jspline.dynamics._methods import Diffrax, Exact
from jspline.dynamics._rosenbrock import Rosenbrock
from jspline.dynamics._running import Running
from jspline.dynamics._solution import NAMES as RESULT_NAMES
from jspline.dynamics._solution import RESULTS, Solution, charge_drift, result_codes, result_names
from jspline.dynamics.sensitivity import OBSTACLES, Change, Sensitivity
from jspline.problem import Points as Points

__all__ = [
    "KINDS",
    "OBSTACLES",
    "RESULTS",
    "RESULT_NAMES",
    "Change",
    "Diffrax",
    "Events",
    "Exact",
    "FlowTerm",
    "Rosenbrock",
    "Running",
    "Sensitivity",
    "Solution",
    "advance",
    "breakplane_field",
    "cell",
    "charge_drift",
    "compiler_options",
    "condense",
    "finish",
    "flow",
    "net_field",
    "nothing_follows",
    "polar_field",
    "result_codes",
    "result_names",
    "sensitivity",
    "spline_field",
    "start",
]
