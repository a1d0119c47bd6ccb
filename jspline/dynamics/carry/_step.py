"""A step taken with the cells frozen, and every neuron at some fraction of it."""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from jspline.charts import ReLUNet
from jspline.dynamics._cell import FlowTerm
from jspline.dynamics._implicit import Solver
from jspline.dynamics._log import Events
from jspline.dynamics._rosenbrock import Cubic
from jspline.dynamics.carry._response import RESPONSE
from jspline.dynamics.events import Meeting, Stretch, meet

EVENTS = ("crossings", "slides", "releases", "nonunique")
"""What is counted; the last are choices that were free."""


class FrozenStep(NamedTuple):
    """A step taken as if no neuron met a datum, and who does on it.

    Attributes:
        term: the cell in which the step was taken.
        start: the net before it.
        dense: its dense output.
        solve: the solver of its linear systems.
        allowed: what the tolerances allow each neuron to err, as the data see it (`_sizes`).
        tolerance: what they allow the fit, a scalar.
        log: the event log so far, if there is one.
        patient: whether neurons may come back to a datum that lets them go (`meet`).
        impulse: that of the dense output, `(3, data)`.
        ways: where each neuron goes.
        meeting: what each meets first.
        met_at: w, b and v of each where it does, or at the end, `(3, width)`.
        first: when the first of them does, as a fraction of the step; infinity if none, a scalar.
    """

    term: FlowTerm
    start: ReLUNet
    dense: Cubic
    solve: Solver
    allowed: ReLUNet
    tolerance: Float[Array, ""]
    log: Events | None
    patient: Bool[Array, ""]
    impulse: Float[Array, "3 data"]
    ways: Stretch
    meeting: Meeting
    met_at: Float[Array, "3 width"]
    first: Float[Array, ""]

    @classmethod
    def of(
        cls,
        term: FlowTerm,
        start: ReLUNet,
        dense: Cubic,
        solve: Solver,
        allowed: ReLUNet,
        tolerance: Float[Array, ""],
        log: Events | None,
        patient: Bool[Array, ""],
    ) -> "FrozenStep":
        """Look who meets a datum on the dense output."""
        ways = Stretch.whole(term, dense)
        meeting = meet(term, ways, allowed.b, patient)
        met_at, first = ways.at(meeting.sigma), jnp.min(meeting.theta)
        impulse = dense.impulse
        return cls(term, start, dense, solve, allowed, tolerance, log, patient, impulse, ways, meeting, met_at, first)

    def nobody(self, limit: Float[Array, ""]) -> "Carried":
        """Nobody carried yet."""
        return Carried(
            net=self.dense.at(limit),
            term=self.term,
            counts=jnp.zeros(len(EVENTS), jnp.int32),
            log=self.log,
            parked=jnp.full_like(limit, jnp.inf),
            complete=jnp.ones((), bool),
            pulses=jnp.zeros((len(RESPONSE) + 1, len(self.term.points.x)), limit.dtype),
            error=jnp.zeros_like(limit),
        )

    def logged(self, datum: Array, theta: Array) -> tuple[Array, Array]:
        """Datum and time as the log has them."""
        index = jnp.where(datum < 0, -1, self.term.points.index[datum])
        return index, self.dense.t0 + theta * (self.dense.t1 - self.dense.t0)


class Carried(NamedTuple):
    """Every neuron at a fraction of the step.

    Attributes:
        net: where they are.
        term: the cell they are in.
        counts: how many of each of `EVENTS` there were, `(events,)`.
        log: the event log, if there is one.
        parked: when the first neuron was parked; infinity if none was.
        complete: whether all that was met was dealt with.
        pulses: what the events change in the fit, weighted as the answer wants it (`_respond`); last, not weighted.
        error: how far off the fit may be.
    """

    net: ReLUNet
    term: FlowTerm
    counts: Int[Array, " events"]
    log: Events | None
    parked: Float[Array, ""]
    complete: Bool[Array, ""]
    pulses: Float[Array, "powers data"]
    error: Float[Array, ""]
