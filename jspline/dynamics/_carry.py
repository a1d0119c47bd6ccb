"""Through all events of a step at once: each neuron that meets a datum is carried on alone, and the others respond.

A step with the cells frozen (`_rosenbrock`) gives the residual over the step. Given the residual, every neuron obeys a
linear equation of its own. So one that meets a datum is carried alone through all that it meets (`Journey.carry`).
This changes the fit, and all other neurons answer to that, at first order through the linearised flow: by the linear
systems of the step once more (`Journey.respond`). What is left is of second order: the carried neurons feel the change
of the residual in their new cells. It is computed, and decides how far the step goes: to its end, or to a place where
it is within the tolerance, or, at the least, to its first event (`Journey.far`).

So the steps do not grow with the width: in a wide net one neuron's event barely moves the fit, and all of them
together move it smoothly. A narrow net goes on event by event where it must.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import equinox.internal as eqxi
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from jspline.charts import ReLUNet
from jspline.dynamics._events import Meeting, Stretch, meet, turn
from jspline.dynamics._rosenbrock import Cubic, Solver
from jspline.dynamics._solution import Events
from jspline.dynamics._term import FlowTerm, velocity
from jspline.ranks import Ranks

PASSES = 200  # events of one neuron in one step; more are left to the next
TRIES = 6  # lengths of a step to try before its first event

# How a net answers to a force that sets in linearly at the fraction 1 - u of a step: u phi_2(u z), as a polynomial in
# R = 1 / (1 - z / 4), z = h lambda < 0, with coefficients that are polynomials in u. Row k is of the power k + 1 of R,
# column d of u^d. Fitted by least squares over all z; tests/test_exact.py has the error, 5 % of the force.
RESPONSE = ((0.2452, 0.0766, -0.0808), (-0.3262, 0.7870, -0.1934))
ERROR = 0.05


class Carried(NamedTuple):
    """Every neuron at a fraction of the step.

    Attributes:
        net: where they are.
        term: the cell they are in.
        parked: when the first neuron was parked; infinity if none was.
        counts: crossings, slides, releases, and choices that were free.
        log: the event log, if there is one.
        complete: whether all that was met was dealt with.
        pulses: the force on the fit that the events exert, in the powers of `RESPONSE`; last, their effect on the fit.
        error: how far off the fit may be.
    """

    net: ReLUNet
    term: FlowTerm
    parked: Float[Array, ""]
    counts: dict[str, Int[Array, ""]]
    log: Events | None
    complete: Bool[Array, ""]
    pulses: Float[Array, "powers data"]
    error: Float[Array, ""]


class _Passes(NamedTuple):
    term: FlowTerm
    stretch: Stretch
    meeting: Meeting
    parked: Array
    counts: dict[str, Array]
    log: Events | None
    number: Array


class Journey:
    """A step of the flow, from its frozen form on.

    Args:
        term: the cell in which the step was taken.
        start: the net before it.
        dense: its dense output.
        solve: the solver of its linear systems.
        allowed: what the tolerances allow each neuron to err, `(width,)`.
        tolerance: what they allow the fit, a scalar.
        at_rest: |v| of each neuron if it parks, `(width,)`.
        log: the event log so far, if there is one.
        write: adds events to it.
    """

    def __init__(
        self,
        term: FlowTerm,
        start: ReLUNet,
        dense: Cubic,
        solve: Solver,
        *,
        allowed: Float[Array, " width"],
        tolerance: Float[Array, ""],
        at_rest: Float[Array, " width"],
        log: Events | None,
        write: Callable[[Events, list], Events],
    ):
        self.term, self.start, self.dense, self.solve = term, start, dense, solve
        self.allowed, self.tolerance, self.at_rest = allowed, tolerance, at_rest
        self.log, self.write = log, write
        self.impulse = jnp.stack(dense.impulses)
        stretch = Stretch.whole(term, dense)
        self.meeting = meet(term, stretch, allowed)
        self.there = stretch.at(self.meeting.sigma)
        self.first = jnp.min(self.meeting.theta)
        self.chunk = min(term.pin.size, max(16, min(term.pin.size // 8, 2048)))

    def far(self, only_first: bool, enabled: Array) -> tuple[Carried, Float[Array, ""]]:
        """As far as the tolerance allows: the neurons there, and the fraction of the step."""

        class Try(NamedTuple):
            number: Array
            limit: Array
            next: Array
            carried: Carried

        def again(state: Try) -> Try:
            limit = state.next
            carried = self.to(limit, enabled)
            first = jnp.minimum(self.first, limit)
            fine = (carried.error <= self.tolerance) & (carried.parked >= limit) & carried.complete
            ratio = 0.8 * jnp.sqrt(self.tolerance / jnp.maximum(carried.error, self.tolerance))
            shorter = jnp.minimum(first + (limit - first) * jnp.where(carried.complete, ratio, 0.1), carried.parked)
            shorter = jnp.where(state.number < TRIES, shorter, first)
            if only_first:
                fine, shorter = first >= limit, first
            return Try(state.number + 1, limit, jnp.where(fine | (limit <= first) | ~enabled, limit, shorter), carried)

        one = jnp.ones_like(self.tolerance)
        blank = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), jax.eval_shape(self.to, one, enabled))
        state = Try(jnp.zeros((), jnp.int32), jnp.inf * one, one, blank)
        state = jax.lax.while_loop(lambda s: s.next < s.limit, again, state)
        return state.carried, state.limit

    def to(self, limit: Float[Array, ""], enabled: Array) -> Carried:
        """All neurons at this fraction of the step."""
        carried = self.carry(limit)
        return jax.lax.cond(
            eqxi.unvmap_any(enabled & (self.first <= limit)), lambda: self.respond(carried, limit), lambda: carried
        )

    def carry(self, limit: Float[Array, ""]) -> Carried:
        """Those that meet anything each for itself, given the residual of the frozen step; chunk by chunk."""
        zero = jnp.zeros((), jnp.int32)
        begin = Carried(
            net=self.dense.at(limit),
            term=self.term,
            parked=jnp.full_like(limit, jnp.inf),
            counts=dict.fromkeys(("crossings", "slides", "releases", "nonunique"), zero),
            log=self.log,
            complete=jnp.ones((), bool),
            pulses=jnp.zeros((len(RESPONSE) + 1, len(self.term.points.x)), limit.dtype),
            error=jnp.zeros_like(limit),
        )

        # Those that meet anything, in chunks: the others cost nothing more.
        width = self.term.pin.size
        until = limit * (1 + 1e3 * jnp.finfo(limit.dtype).eps)
        due = self.meeting.theta <= until
        place = jnp.where(due, jnp.cumsum(due, dtype=jnp.int32) - 1, width)
        count = jnp.sum(due, dtype=jnp.int32)
        index = jnp.full((-(-width // self.chunk) * self.chunk,), width, jnp.int32)
        index = index.at[place].set(jnp.arange(width, dtype=jnp.int32), mode="drop")

        def next_chunk(state: tuple[Array, Carried]) -> tuple[Array, Carried]:
            done, carried = state
            who = jax.lax.dynamic_slice(index, (done,), (self.chunk,))
            return done + self.chunk, self._chunk(carried, who, limit, until)

        return jax.lax.while_loop(lambda state: state[0] < count, next_chunk, (zero, begin))[1]

    def _chunk(self, carried: Carried, who: Int[Array, " chunk"], limit: Array, until: Array) -> Carried:
        """Carry these neurons."""
        take = lambda leaf: leaf.at[..., who].get(mode="clip")  # noqa: E731
        term, allowed, at_rest = _part(self.term, take), take(self.allowed), take(self.at_rest)
        meeting = jax.tree.map(take, self.meeting).only(who < self.term.pin.size)

        def one_pass(state: _Passes) -> _Passes:
            meeting = state.meeting
            term, stretch, crossed, stuck = turn(state.term, state.stretch, meeting, self.impulse, at_rest)
            new = {"crossings": crossed, "slides": stuck, "releases": meeting.released, "nonunique": meeting.vanished}
            log = state.log
            if log is not None:
                kinds = {"crossing": crossed, "slide": stuck, "release": meeting.released, "parking": meeting.parked}
                entries = [(mask, kind, who, meeting.datum, meeting.theta) for kind, mask in kinds.items()]
                log = self.write(log, entries)
            then = meet(term, stretch, allowed)
            return _Passes(
                term=term,
                stretch=stretch,
                meeting=then.only(meeting.any & (then.theta <= until)),
                parked=jnp.minimum(state.parked, jnp.min(jnp.where(meeting.parked, meeting.theta, jnp.inf))),
                counts={name: state.counts[name] + jnp.sum(mask, dtype=jnp.int32) for name, mask in new.items()},
                log=log,
                number=state.number + 1,
            )

        begin = _Passes(
            term=term,
            stretch=Stretch.at_rest(take(self.there)),
            meeting=meeting,
            parked=carried.parked,
            counts=carried.counts,
            log=carried.log,
            number=jnp.zeros((), jnp.int32),
        )
        end = jax.lax.while_loop(lambda s: jnp.any(s.meeting.any) & (s.number < PASSES), one_pass, begin)
        length = 1 - end.stretch.begin
        w, b, v = end.stretch.at(
            jnp.where(length > 0, (limit - end.stretch.begin) / jnp.where(length > 0, length, 1), 0)
        )

        # What changed, by the time it has had to act.
        u = jnp.where(meeting.any, limit - meeting.theta, 0)
        shape = jnp.asarray(RESPONSE, u.dtype) @ jnp.stack([jnp.ones_like(u), u, u**2])
        shape = jnp.where(meeting.any[None], jnp.concatenate([shape, jnp.ones_like(u)[None]]), 0)
        old = [take(leaf) for leaf in (carried.net.w, carried.net.b, carried.net.v)]
        pulses = carried.pulses
        for sign, cell, (w_, b_, v_) in ((1, end.term, (w, b, v)), (-1, term, old)):
            pulses += sign * cell.lines(shape * (w_ * v_)[None], shape * (b_ * v_)[None])

        put = lambda leaf, values: leaf.at[who].set(values, mode="drop")  # noqa: E731
        net = ReLUNet(put(carried.net.w, w), put(carried.net.b, b), put(carried.net.v, v), carried.net.b0)
        ranks = Ranks(
            put(carried.term.ranks.rank, end.term.ranks.rank),
            put(carried.term.ranks.right, end.term.ranks.right),
            carried.term.ranks.size,
        )
        pin = put(carried.term.pin, end.term.pin)
        return carried._replace(
            net=net,
            term=eqx.tree_at(lambda t: (t.ranks, t.pin), carried.term, (ranks, pin)),
            parked=end.parked,
            counts=end.counts,
            log=end.log,
            complete=carried.complete & ~jnp.any(end.meeting.any),
            pulses=pulses,
        )

    def respond(self, carried: Carried, limit: Float[Array, ""]) -> Carried:
        """With the answer of all neurons to what the carried ones changed, and how far that may be off."""
        term, h = self.term, self.dense.t1 - self.dense.t0
        p = term.points.p
        *pulses, change = carried.pulses
        answer = jax.tree.map(jnp.zeros_like, self.start)
        for pulse in reversed(pulses):
            rate = velocity(self.start, term.project(term.gather(p * pulse)))
            answer, _ = self.solve(jax.tree.map(lambda a, r: a - h * r, answer, rate))
        back = term.push(self.start, answer)

        # At second order, those that were carried feel the change of the force in their new cells, not in their old ones.
        impulse = -h * limit * p * (change + back)
        moved = self.meeting.theta <= limit

        def felt(term: FlowTerm, net: ReLUNet) -> Array:
            w, b, v = (jnp.where(moved, leaf, 0) for leaf in (net.w, net.b, net.v))
            mine = ReLUNet(w, b, v, jnp.zeros_like(net.b0))
            force = term.project(term.gather(impulse))
            return term.push(mine, velocity(mine, force._replace(total=jnp.zeros_like(force.total))))

        second = felt(carried.term, carried.net) - felt(term, self.dense.at(limit))
        error = ERROR * jnp.max(jnp.abs(back)) + jnp.max(jnp.abs(second))
        return carried._replace(net=jax.tree.map(jnp.add, carried.net, answer), error=error)


def _part(term: FlowTerm, take: Callable[[Any], Any]) -> FlowTerm:
    """The cells of some neurons."""
    ranks = Ranks(take(term.ranks.rank), take(term.ranks.right), term.ranks.size)
    return eqx.tree_at(lambda t: (t.ranks, t.pin), term, (ranks, take(term.pin)))
