"""The exact flow recorded step by step, and its derivative along the record: forwards, and backwards.

While the cells stay, the derivative s of the state obeys the linearised flow. Where a neuron crosses datum m, with
z = w x_m + b, its velocity jumps along n = (x_m, 1) from z'_- to z'_+, and so does the derivative at fixed time:

    (s_w, s_b) += (rho - 1) (n / |n|^2) dz,    rho = z'_+ / z'_-,    dz = x_m s_w + s_b + w dx_m,

the saltation term, in which the derivative of the event's time, -dz / z'_-, is already inserted. Where a slide begins
rho = 0: the derivative is projected on the line of the slide. Where it ends the velocity is continuous, and rho = 1.
Nothing else jumps: at z = 0 the neuron contributes nothing to the fit. So events of different neurons at one time do
not disturb each other, and have a derivative.

Theory: docs/theory.md 9.1, 9.2, 9.3.
"""

from jspline.dynamics.sensitivity._map import Change, Sensitivity, differentiate, linearize
from jspline.dynamics.sensitivity._tape import OBSTACLES

__all__ = ["OBSTACLES", "Change", "Sensitivity", "differentiate", "linearize"]
