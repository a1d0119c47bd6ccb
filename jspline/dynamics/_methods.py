"""How a flow is integrated: exactly, or by a general solver."""

from typing import Literal

import diffrax
import equinox as eqx

from jspline._checks import check_choice, check_memory, check_whole, given
from jspline.dynamics._diffrax import CHARTS


class Exact(eqx.Module):
    """Every crossing, slide and release located, implicit steps in between: to convergence in hundreds of steps.

    Attributes:
        until: "first_event" stops when a breakpoint first meets a datum.
        events: capacity of the event log, `Solution.events`.
        stepsize_controller: any diffrax controller; `diffrax.PIDController(rtol, atol)` by default.

    Raises `ValueError` for an argument out of range.
    """

    until: Literal["first_event"] | None = eqx.field(static=True, default=None)
    events: int = eqx.field(static=True, default=0)
    stepsize_controller: diffrax.AbstractStepSizeController | None = None

    def __check_init__(self) -> None:
        if self.until is not None and not (isinstance(self.until, str) and self.until == "first_event"):
            raise ValueError(f"`until` must be None or 'first_event'; got {given(self.until)}.")
        check_whole(least=0, events=self.events)
        check_memory(f"A log of {self.events:,} events", 20 * self.events, "`events` is its capacity, so ask for fewer")


class Diffrax(eqx.Module):
    """The field handed to `diffrax.diffeqsolve`, as if it were smooth.

    Attributes:
        solver: any diffrax solver; `diffrax.Tsit5()` by default.
        chart: the coordinates that are integrated: "nn" (w, b, v), "spline" (beta, mu, closed by the charge) or "polar"
            (r, theta).
        stepsize_controller: as in `Exact`.

    Raises `ValueError` for another chart.
    """

    solver: diffrax.AbstractSolver | None = None
    chart: Literal["nn", "spline", "polar"] = eqx.field(static=True, default="nn")
    stepsize_controller: diffrax.AbstractStepSizeController | None = None

    def __check_init__(self) -> None:
        check_choice(choices=tuple(CHARTS), chart=self.chart)


Method = Exact | Diffrax | Literal["exact", "diffrax"]


def as_method(method: Method) -> Exact | Diffrax:
    """A method, given as one or by its name. Raises `ValueError` for anything else."""
    if isinstance(method, (Exact, Diffrax)):
        return method
    check_choice(choices=("exact", "diffrax"), method=method)
    return Exact() if method == "exact" else Diffrax()
