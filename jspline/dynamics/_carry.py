"""Through all events of a step at once: each neuron that meets a datum is carried on alone, and the others respond.

A step with the cells frozen (`_rosenbrock`) gives the residual over the step. Given the residual, every neuron obeys a
linear equation of its own. So one that meets a datum is carried alone through all that it meets (`Journey.carry`).
This changes the fit, and all other neurons answer to that, at first order through the linearised flow: by the linear
systems of the step once more (`Journey.respond`). What is left is of second order: the carried neurons feel the change
of the residual in their new cells. It is computed, and decides how far the step goes: to its end, or to a place where
it is within the tolerance, or, at the least, to its first event (`Journey.far`).

So the steps do not grow with the width: in a wide net one neuron's event barely moves the fit, and all of them
together move it smoothly. A narrow net goes on event by event where it must.

Theory: docs/theory.md 8.1, 8.2, 8.3.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import equinox.internal as eqxi
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from jspline.charts import ReLUNet
from jspline.dynamics._events import Meeting, Stretch, meet, opening, turn
from jspline.dynamics._rosenbrock import Cubic, Solver
from jspline.dynamics._solution import Events
from jspline.dynamics._term import PARKED, FlowTerm, velocity

PASSES = 200  # the most events of a neuron in one step
TRIES = 6  # lengths of a step to try before its first event

# How a net answers to a force that sets in at the fraction 1 - u of a step and grows linearly to 1: u phi_2(u z), with
# phi_2(z) = (e^z - 1 - z) / z^2 and z = h lambda <= 0, as a polynomial in R = 1 / (1 - z / 4). Row k is the coefficient
# of R^(k + 1), itself a polynomial in u. By least squares over z and u; in the fit it is off by ERROR for u > 0.1.
RESPONSE = (
    (0.2310, 0.2503, -0.7730, 0.8659, -0.3294),
    (-0.8046, 3.7536, -5.1305, 3.2812, -0.8523),
    (0.6432, -4.1209, 7.4034, -5.5431, 1.6427),
)
ERROR = 0.032


class Carried(NamedTuple):
    """Every neuron at a fraction of the step.

    Attributes:
        net: where they are.
        term: the cell they are in.
        counts: crossings, slides, releases, and choices that were free.
        log: the event log, if there is one.
        parked: when the first neuron was parked; infinity if none was.
        complete: whether all that was met was dealt with.
        pulses: what the events change in the fit, weighted as the rows of `RESPONSE` want it; last, not weighted.
        error: how far off the fit may be.
    """

    net: ReLUNet
    term: FlowTerm
    counts: dict[str, Int[Array, ""]]
    log: Events | None
    parked: Float[Array, ""]
    complete: Bool[Array, ""]
    pulses: Float[Array, "powers data"]
    error: Float[Array, ""]


class _Passes(NamedTuple):
    term: FlowTerm
    stretch: Stretch
    meeting: Meeting
    counts: dict[str, Array]
    log: Events | None
    parked: Array
    number: Array


class Looks(NamedTuple):
    """What is looked at on the way: `put(nets, k, carried)` is `nets` with the k-th place.

    Attributes:
        ts: the times, sorted.
        put: see above.
        nets: what there is so far.
        saved: how many places.
    """

    ts: Float[Array, " times"]
    put: Callable[[Any, Array, Carried], Any]
    nets: Any
    saved: Int[Array, ""]


class _Try(NamedTuple):
    number: Array
    limit: Array
    then: Array
    carried: Carried
    nets: Any
    saved: Array


class Journey:
    """A step of the flow, from its frozen form on.

    Args:
        term: the cell in which the step was taken.
        start: the net before it.
        dense: its dense output.
        solve: the solver of its linear systems.
        allowed: what the tolerances allow each neuron to err, as the data see it (`_sizes`).
        tolerance: what they allow the fit, a scalar.
        log: the event log so far, if there is one.
        patient: whether neurons may come back to a datum that lets them go (`meet`).
    """

    def __init__(
        self,
        term: FlowTerm,
        start: ReLUNet,
        dense: Cubic,
        solve: Solver,
        allowed: ReLUNet,
        tolerance: Float[Array, ""],
        log: Events | None,
        patient: Bool[Array, ""],
    ):
        self.term, self.start, self.dense, self.solve = term, start, dense, solve
        self.allowed, self.tolerance, self.log, self.patient = allowed, tolerance, log, patient
        self.impulse = jnp.stack(dense.impulses)
        self.whole = Stretch.whole(term, dense)
        self.meeting = meet(term, self.whole, allowed.b, patient)
        self.there = self.whole.at(self.meeting.sigma)
        self.first = jnp.min(self.meeting.theta)

    def far(
        self, *, until_first: bool, enabled: Bool[Array, ""], looks: Looks | None
    ) -> tuple[Carried, Float[Array, ""], Any, Int[Array, ""]]:
        """As far as the tolerance allows: the neurons there, and which fraction of the step that is; and the looks.

        Not `enabled`, it does not look: under `jax.vmap` the other flows would have to wait, and a flow that has ended
        on an event is computed along with them.

        Theory: docs/theory.md 8.3.
        """
        begin, h = self.dense.t0, self.dense.t1 - self.dense.t0

        def due(state: _Try) -> Array:
            """Whether there is a time to look at on the way, once it is known how far that leads."""
            if looks is None:
                return jnp.zeros((), bool)
            k = jnp.minimum(state.saved, looks.ts.size - 1)
            t = jnp.where(state.limit >= 1, self.dense.t1, begin + state.limit * h)
            return enabled & (state.saved < looks.ts.size) & (looks.ts[k] <= t)

        def visit(state: _Try) -> _Try:
            """One place; that of a look once it is known how far the step goes. In one loop, to compile it once."""
            if looks is None:
                return attempt(state, self.to(state.then, enabled))
            deciding, k = state.then < state.limit, jnp.minimum(state.saved, looks.ts.size - 1)
            carried = self.to(jnp.where(deciding, state.then, (looks.ts[k] - begin) / h), enabled)
            further = attempt(state, carried)
            looked = state._replace(nets=looks.put(state.nets, k, carried), saved=state.saved + 1)
            return jax.tree.map(lambda a, b: jnp.where(deciding, a, b), further, looked)

        def attempt(state: _Try, carried: Carried) -> _Try:
            limit = state.then
            first = jnp.minimum(self.first, limit)
            # Who is let go into a steep force overflows, if carried too far.
            complete = carried.complete & jnp.isfinite(carried.error)
            fine = complete & (carried.error <= self.tolerance) & (carried.parked >= limit)
            # Errors grow with the square of the time since the first event.
            ratio = 0.8 * jnp.sqrt(self.tolerance / jnp.maximum(carried.error, self.tolerance))
            ratio = jnp.where(complete, ratio, 0.1)
            shorter = jnp.minimum(first + (limit - first) * ratio, carried.parked)
            shorter = jnp.where(state.number < TRIES, shorter, first)
            if until_first:
                fine = jnp.asarray(True)
            then = jnp.where(fine | (limit <= first) | ~enabled, limit, shorter)
            return state._replace(number=state.number + 1, limit=limit, then=then, carried=carried)

        # No further than to where a parked neuron should leave: that is decided at the end of the step.
        end = jax.lax.cond(
            eqxi.unvmap_any(enabled & jnp.any(self.term.pin == PARKED)),
            lambda: jnp.minimum(opening(self.term, self.start, self.impulse, self.allowed.v), 1),
            lambda: jnp.ones_like(self.tolerance),
        )
        end = jnp.where(enabled, jnp.minimum(self.first, end) if until_first else end, 0)
        none = jnp.zeros((), jnp.int32)
        nets, saved = (None, none) if looks is None else (looks.nets, looks.saved)
        state = _Try(none, jnp.full_like(end, jnp.inf), end, self._frozen(end), nets, saved)
        state = jax.lax.while_loop(lambda state: (state.then < state.limit) | due(state), visit, state)
        return state.carried, state.limit, state.nets, state.saved

    def to(self, limit: Float[Array, ""], enabled: Bool[Array, ""]) -> Carried:
        """All neurons at this fraction of the step."""
        carried = self.carry(limit)
        return jax.lax.cond(
            eqxi.unvmap_any(enabled & (self.first <= limit)), lambda: self.respond(carried, limit), lambda: carried
        )

    def carry(self, limit: Float[Array, ""]) -> Carried:
        """Those that meet anything, each for itself; the others on the frozen step (docs/theory.md 8.1)."""
        # In chunks: a pass over all neurons for each event of the busiest one would cost many times as much.
        width = self.term.pin.size
        chunk = min(width, max(16, min(width // 8, 2048)))
        due = self.meeting.theta <= _until(limit)
        place = jnp.where(due, jnp.cumsum(due, dtype=jnp.int32) - 1, width)
        room = jnp.full((-(-width // chunk) * chunk,), width, jnp.int32)
        index = room.at[place].set(jnp.arange(width, dtype=jnp.int32), mode="drop")
        count = jnp.sum(due, dtype=jnp.int32)

        def next_chunk(state: tuple[Array, Carried]) -> tuple[Array, Carried]:
            done, carried = state
            who = jax.lax.dynamic_slice(index, (done,), (chunk,))
            return done + chunk, self._chunk(carried, who, limit)

        begin = (jnp.zeros((), jnp.int32), self._frozen(limit))
        return jax.lax.while_loop(lambda state: state[0] < count, next_chunk, begin)[1]

    def _frozen(self, limit: Float[Array, ""]) -> Carried:
        """Nobody carried yet."""
        none = jnp.zeros((), jnp.int32)
        return Carried(
            net=self.dense.at(limit),
            term=self.term,
            counts=dict.fromkeys(("crossings", "slides", "releases", "nonunique"), none),
            log=self.log,
            parked=jnp.full_like(limit, jnp.inf),
            complete=jnp.ones((), bool),
            pulses=jnp.zeros((len(RESPONSE) + 1, len(self.term.points.x)), limit.dtype),
            error=jnp.zeros_like(limit),
        )

    def _chunk(self, carried: Carried, who: Int[Array, " chunk"], limit: Array) -> Carried:
        """Carry these neurons. Behind the last one there is number `width`, which does not count."""
        take = lambda leaf: leaf.at[..., who].get(mode="clip")  # noqa: E731
        some = self.term.active.take(who), take(self.term.pin)
        term, allowed = eqx.tree_at(lambda t: (t.active, t.pin), self.term, some), take(self.allowed.b)
        meeting = jax.tree.map(take, self.meeting).only(who < self.term.pin.size)

        def one_pass(state: _Passes) -> _Passes:
            met = state.meeting
            term, stretch, crossed, stuck = turn(state.term, state.stretch, met, self.impulse)
            then = meet(term, stretch, allowed, self.patient)
            new = {"crossings": crossed, "slides": stuck, "releases": met.released, "nonunique": met.vanished}
            log = state.log
            if log is not None:
                kinds = {"crossing": crossed, "slide": stuck, "release": met.released, "parking": met.parked}
                log = log.add([(mask, kind, who, *self._where(met.datum, met.theta)) for kind, mask in kinds.items()])
                log = log.add([self.flips(stretch, then, limit, met.any, who)])
            return _Passes(
                term=term,
                stretch=stretch,
                meeting=then.only(met.any & (then.theta <= _until(limit))),
                counts={name: state.counts[name] + jnp.sum(mask, dtype=jnp.int32) for name, mask in new.items()},
                log=log,
                parked=jnp.minimum(state.parked, jnp.min(jnp.where(met.parked, met.theta, jnp.inf))),
                number=state.number + 1,
            )

        begin = _Passes(
            term=term,
            stretch=Stretch.place(take(self.there)),
            meeting=meeting,
            counts=carried.counts,
            log=carried.log,
            parked=carried.parked,
            number=jnp.zeros((), jnp.int32),
        )
        end = jax.lax.while_loop(lambda s: jnp.any(s.meeting.any) & (s.number < PASSES), one_pass, begin)
        new, old = end.stretch.at(end.stretch.sigma(limit)), jnp.stack([take(leaf) for leaf in _parts(carried.net)])

        # What that changes in the fit, by how long it has been able to act.
        u = jnp.maximum(limit - meeting.theta, 0)
        powers = jnp.stack([jnp.ones_like(u), u, u**2, u**3, u**4])
        weights = jnp.matmul(jnp.asarray(RESPONSE, u.dtype), powers, precision="highest")
        weights = jnp.where(meeting.any[None], jnp.concatenate([weights, powers[:1]]), 0)
        w, b, v = new
        now = end.term.lines(weights * (w * v)[None], weights * (b * v)[None])
        w, b, v = old
        before = term.lines(weights * (w * v)[None], weights * (b * v)[None])

        put = lambda leaf, values: leaf.at[who].set(values, mode="drop")  # noqa: E731
        w, b, v = (put(leaf, values) for leaf, values in zip(_parts(carried.net), new, strict=True))
        cells = carried.term.active.put(who, end.term.active), put(carried.term.pin, end.term.pin)
        return carried._replace(
            net=ReLUNet(w, b, v, carried.net.b0),
            term=eqx.tree_at(lambda t: (t.active, t.pin), carried.term, cells),
            counts=end.counts,
            log=end.log,
            parked=end.parked,
            complete=carried.complete & ~jnp.any(end.meeting.any),
            pulses=carried.pulses + (now - before),
        )

    def respond(self, carried: Carried, limit: Float[Array, ""]) -> Carried:
        """With the answer of all neurons to what the carried ones changed, and how far that may be off.

        Theory: docs/theory.md 8.2.
        """
        term, h, p = self.term, self.dense.t1 - self.dense.t0, self.term.points.p
        *pulses, change = carried.pulses

        def add(answer: ReLUNet, pulse: Array) -> tuple[ReLUNet, None]:
            rate = velocity(self.start, term.project(term.gather(p * pulse)))
            return self.solve(jax.tree.map(lambda sum, r: sum - h * r, answer, rate))[0], None

        answer, _ = jax.lax.scan(add, jax.tree.map(jnp.zeros_like, self.start), jnp.stack(pulses), reverse=True)
        back = term.push(self.start, answer)

        # At second order the carried neurons feel the change of the force in their new cells, not in their old ones.
        impulse = -h * limit * p * (change + back)
        met = self.meeting.theta <= limit

        def felt(term: FlowTerm, net: ReLUNet) -> Array:
            w, b, v = (jnp.where(met, leaf, 0) for leaf in _parts(net))
            force = term.project(term.gather(impulse))._replace(total=jnp.zeros_like(net.b0))
            mine = ReLUNet(w, b, v, net.b0)
            return term.push(mine, velocity(mine, force))

        second = felt(carried.term, carried.net) - felt(term, self.dense.at(limit))
        error = ERROR * jnp.max(jnp.abs(back)) + jnp.max(jnp.abs(second))
        return carried._replace(net=jax.tree.map(jnp.add, carried.net, answer), error=error)

    def flips(
        self,
        stretch: Stretch,
        until: Meeting,
        limit: Float[Array, ""],
        these: Bool[Array, " width"],
        who: Int[Array, " width"],
    ) -> tuple[Array, str, Array, Array, Array]:
        """An entry of the log: the orientation flips, before what these neurons meet next."""
        sigma = stretch.flip()
        theta = stretch.begin + (1 - stretch.begin) * sigma
        mask = these & (sigma < until.sigma) & (theta <= limit)
        return (mask, "flip", who, *self._where(jnp.full_like(who, -1), jnp.where(mask, theta, 0)))

    def _where(self, datum: Array, theta: Array) -> tuple[Array, Array]:
        """Datum and time as the log has them."""
        index = jnp.where(datum < 0, -1, self.term.points.index[datum])
        return index, self.dense.t0 + theta * (self.dense.t1 - self.dense.t0)


def _until(limit: Array) -> Array:
    """What happens at `limit`, to rounding, has happened."""
    return limit * (1 + 1e3 * jnp.finfo(limit.dtype).eps)


def _parts(net: ReLUNet) -> tuple[Array, Array, Array]:
    return net.w, net.b, net.v
