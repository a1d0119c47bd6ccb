"""Through all events of a step at once: each neuron that meets a datum is carried on alone, and the others respond.

A step with the cells frozen (`_rosenbrock`) gives the residual over the step. Given the residual, every neuron obeys a
linear equation of its own. So one that meets a datum is carried alone through all that it meets (`_carry`).
This changes the fit, and all other neurons answer to that, at first order through the linearised flow: by the linear
systems of the step once more (`_respond`). What is left is of second order: the carried neurons feel the change
of the residual in their new cells. It is computed, and decides how far the step goes: to its end, or to a place where
it is within the tolerance, or, at the least, to its first event (`_reach`).

So the steps do not grow with the width: in a wide net one neuron's event barely moves the fit, and all of them
together move it smoothly. A narrow net goes on event by event where it must.

Theory: docs/theory.md 8.1, 8.2, 8.3.
"""

from jspline.dynamics.carry._carry import flips
from jspline.dynamics.carry._reach import Looks, Reached, reach
from jspline.dynamics.carry._step import EVENTS, Carried, FrozenStep

__all__ = ["EVENTS", "Carried", "FrozenStep", "Looks", "Reached", "flips", "reach"]
