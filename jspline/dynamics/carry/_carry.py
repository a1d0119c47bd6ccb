"""Each neuron that meets a datum on a frozen step, carried on alone through all that it meets.

Theory: docs/theory.md 8.1.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from jspline.charts import ReLUNet
from jspline.dynamics._cell import FlowTerm, in_cell, weights_of
from jspline.dynamics._log import Events
from jspline.dynamics.carry._response import onset_weights
from jspline.dynamics.carry._step import Carried, FrozenStep
from jspline.dynamics.events import VANISHED, Meeting, Stretch, meet, turn

PASSES = 200
"""The most events of a neuron in one step."""


class _Passes(NamedTuple):
    term: FlowTerm
    stretch: Stretch
    meeting: Meeting
    counts: Array
    log: Events | None
    parked: Array
    passes: Array


def carry(step: FrozenStep, limit: Float[Array, ""]) -> Carried:
    """Those that meet anything, each for itself; the others on the frozen step (docs/theory.md 8.1)."""
    # In chunks: a pass over all neurons for each event of the busiest one would cost many times as much.
    width = step.term.pin.size
    chunk = min(width, max(16, min(width // 8, 2048)))
    due = step.meeting.theta <= so_far(limit)
    place = jnp.where(due, jnp.cumsum(due, dtype=jnp.int32) - 1, width)
    nowhere = jnp.full((-(-width // chunk) * chunk,), width, jnp.int32)
    index = nowhere.at[place].set(jnp.arange(width, dtype=jnp.int32), mode="drop")
    count = jnp.sum(due, dtype=jnp.int32)

    def next_chunk(state: tuple[Array, Carried]) -> tuple[Array, Carried]:
        done, carried = state
        who = jax.lax.dynamic_slice(index, (done,), (chunk,))
        return done + chunk, _chunk(step, carried, who, limit)

    begin = (jnp.zeros((), jnp.int32), step.nobody(limit))
    return jax.lax.while_loop(lambda state: state[0] < count, next_chunk, begin)[1]


def _chunk(step: FrozenStep, carried: Carried, who: Int[Array, " chunk"], limit: Array) -> Carried:
    """Carry these neurons. Behind the last one there is number `width`, which does not count."""
    take = lambda leaf: leaf.at[..., who].get(mode="clip")  # noqa: E731
    term = in_cell(step.term, step.term.active.take(who), take(step.term.pin))
    allowed = take(step.allowed.b)
    meeting = jax.tree.map(take, step.meeting).only(who < step.term.pin.size)

    begin = _Passes(
        term=term,
        stretch=Stretch.place(take(step.met_at)),
        meeting=meeting,
        counts=carried.counts,
        log=carried.log,
        parked=carried.parked,
        passes=jnp.zeros((), jnp.int32),
    )
    end = _through(step, begin, who, allowed, limit)
    new, old = end.stretch.at(end.stretch.sigma(limit)), take(jnp.stack(weights_of(carried.net)))

    # What that changes in the fit, by how long it has been able to act.
    weights = jnp.where(meeting.any[None], onset_weights(jnp.maximum(limit - meeting.theta, 0)), 0)
    w, b, v = new
    now = end.term.lines(weights * (w * v)[None], weights * (b * v)[None])
    w, b, v = old
    before = term.lines(weights * (w * v)[None], weights * (b * v)[None])

    put = lambda leaf, values: leaf.at[..., who].set(values, mode="drop")  # noqa: E731
    w, b, v = put(jnp.stack(weights_of(carried.net)), new)
    active, pin = carried.term.active.put(who, end.term.active), put(carried.term.pin, end.term.pin)
    return carried._replace(
        net=ReLUNet(w, b, v, carried.net.b0),
        term=in_cell(carried.term, active, pin),
        counts=end.counts,
        log=end.log,
        parked=end.parked,
        complete=carried.complete & ~jnp.any(end.meeting.any),
        pulses=carried.pulses + (now - before),
    )


def _through(
    step: FrozenStep, begin: _Passes, who: Int[Array, " chunk"], allowed: Float[Array, " chunk"], limit: Array
) -> _Passes:
    """One event of each of these neurons after the other, until none of them meets anything before `limit`."""

    def one_pass(state: _Passes) -> _Passes:
        met = state.meeting
        term, stretch, crossed, stuck = turn(state.term, state.stretch, met, step.impulse)
        then = meet(term, stretch, allowed, step.patient)
        new = jnp.stack([crossed, stuck, met.released, met.kind == VANISHED])
        log = state.log
        if log is not None:
            kinds = {"crossing": crossed, "slide": stuck, "release": met.released, "parking": met.parks}
            log = log.add([(mask, kind, who, *step.logged(met.datum, met.theta)) for kind, mask in kinds.items()])
            log = log.add([flips(step, stretch, then, limit, met.any, who)])
        return _Passes(
            term=term,
            stretch=stretch,
            meeting=then.only(met.any & (then.theta <= so_far(limit))),
            counts=state.counts + jnp.sum(new, axis=1, dtype=jnp.int32),
            log=log,
            parked=jnp.minimum(state.parked, jnp.min(jnp.where(met.parks, met.theta, jnp.inf))),
            passes=state.passes + 1,
        )

    return jax.lax.while_loop(lambda s: jnp.any(s.meeting.any) & (s.passes < PASSES), one_pass, begin)


def flips(
    step: FrozenStep,
    ways: Stretch,
    until: Meeting,
    limit: Float[Array, ""],
    these: Bool[Array, " width"],
    who: Int[Array, " width"],
) -> tuple[Array, str, Array, Array, Array]:
    """An entry of the log: the orientation flips, before what these neurons meet next."""
    sigma = ways.flip()
    theta = ways.begin + (1 - ways.begin) * sigma
    mask = these & (sigma < until.sigma) & (theta <= limit)
    return (mask, "flip", who, *step.logged(jnp.full_like(who, -1), jnp.where(mask, theta, 0)))


def so_far(limit: Array) -> Array:
    """What happens at `limit`, to rounding, has happened."""
    return limit * (1 + 1e3 * jnp.finfo(limit.dtype).eps)
