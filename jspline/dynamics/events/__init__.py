"""Where the field jumps: a breakpoint meets a datum and crosses it, or slides on it, and is released again.

Take a neuron at datum m and let S = E + x_m X, summed without m. Its z = w x_m + b moves with velocity v S where m is
not seen (z < 0), and v (S + e_m (1 + x_m^2)) where it is (z > 0).

- Coming from z < 0 it sticks if v (S + e_m (1 + x_m^2)) < 0 and crosses otherwise; coming from z > 0 it sticks if
  v S > 0 and crosses otherwise. Only the side it would enter is asked: the other one pushes it here.
- Sticking is sliding in the sense of Filippov: it keeps z = 0 while v S > 0 and v (S + e_m (1 + x_m^2)) < 0, and is
  released to the side whose inequality fails.
- The last datum a neuron sees it leaves for good, since then S = 0.

Three things happen on a datum besides. v may pass 0 (negative charge): the slide becomes a repeller, both sides are
solutions, and the convention is z < 0. (w, b) may reach 0 (positive charge): the neuron is parked there until the loss
falls in some direction, and leaves in the steepest. Elsewhere, w may pass 0 while all data are seen: nothing jumps,
the orientation flips.

A neuron is taken to have met a datum once it is beyond by more than rounding (`MARGIN`). If it then rests just
beyond, it would have met it. A slide is taken to have ended once the neuron would have gone `BAND` of what the
tolerances allow: or, as the residual vanishes, rounding would release it without end.

All this is decided for each neuron by itself, at its own time, with the residual given (`carry` answers for that).
Between two events it obeys a linear equation of its own, and goes on as a `Stretch`.

Theory: docs/theory.md 6.3, 6.4, 7.
"""

from jspline.dynamics.events._meeting import (
    BAND,
    VANISHED,
    Meeting,
    lies_beyond,
    meet,
    on_their_sides,
    start_on_data,
    turn,
)
from jspline.dynamics.events._origin import depart, departure, opening
from jspline.dynamics.events._roots import first_root
from jspline.dynamics.events._rotation import Stretch

__all__ = [
    "BAND",
    "VANISHED",
    "Meeting",
    "Stretch",
    "depart",
    "departure",
    "first_root",
    "lies_beyond",
    "meet",
    "on_their_sides",
    "opening",
    "start_on_data",
    "turn",
]
