"""How far a step goes: to its end, or to where the answer to its events can be relied on; and looks on the way.

Theory: docs/theory.md 8.3.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox.internal as eqxi
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from jspline.dynamics._cell import PARKED
from jspline.dynamics.carry._carry import carry
from jspline.dynamics.carry._respond import respond
from jspline.dynamics.carry._step import Carried, FrozenStep
from jspline.dynamics.events import opening

TRIES = 6
"""Lengths of a step to try before its first event."""
SAFETY, MUCH_SHORTER = 0.8, 0.1
"""Of the length at which the error should be what is allowed; and where there is no error to go by."""


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


class Reached(NamedTuple):
    """Where a step ended.

    Attributes:
        carried: all neurons there.
        theta: the fraction of the step.
        nets, saved: of `Looks`.
    """

    carried: Carried
    theta: Float[Array, ""]
    nets: Any
    saved: Int[Array, ""]


class _Search(NamedTuple):
    """`tried` is the fraction that `carried` is at, `next_try` the one to try; equal where the search has ended."""

    tries: Array
    tried: Array
    next_try: Array
    carried: Carried
    nets: Any
    saved: Array


def reach(step: FrozenStep, *, to_first: Bool[Array, ""], enabled: Bool[Array, ""], looks: Looks | None) -> Reached:
    """As far as the tolerance allows.

    If `to_first`, no further than to the first event. Not `enabled`, it does not look: under `jax.vmap` the other
    flows would have to wait, and a flow that has ended on an event is computed along with them.
    """
    begin, h = step.dense.t0, step.dense.t1 - step.dense.t0

    def due(state: _Search) -> Array:
        """Whether there is a time to look at on the way, once it is known how far that leads."""
        if looks is None:
            return jnp.zeros((), bool)
        k = jnp.minimum(state.saved, looks.ts.size - 1)
        t = jnp.where(state.tried >= 1, step.dense.t1, begin + state.tried * h)
        return enabled & (state.saved < looks.ts.size) & (looks.ts[k] <= t)

    def visit(state: _Search) -> _Search:
        """One place; that of a look once it is known how far the step goes. In one loop, to compile it once."""
        if looks is None:
            return _judged(step, state, _at(step, state.next_try, enabled), to_first, enabled)
        searching, k = state.next_try < state.tried, jnp.minimum(state.saved, looks.ts.size - 1)
        carried = _at(step, jnp.where(searching, state.next_try, (looks.ts[k] - begin) / h), enabled)
        further = _judged(step, state, carried, to_first, enabled)
        looked = state._replace(nets=looks.put(state.nets, k, carried), saved=state.saved + 1)
        return jax.tree.map(lambda a, b: jnp.where(searching, a, b), further, looked)

    end = jnp.where(enabled, _furthest(step, to_first, enabled), 0)
    none = jnp.zeros((), jnp.int32)
    nets, saved = (None, none) if looks is None else (looks.nets, looks.saved)
    state = _Search(none, jnp.full_like(end, jnp.inf), end, step.nobody(end), nets, saved)
    state = jax.lax.while_loop(lambda state: (state.next_try < state.tried) | due(state), visit, state)
    return Reached(state.carried, state.tried, state.nets, state.saved)


def _furthest(step: FrozenStep, to_first: Array, enabled: Array) -> Float[Array, ""]:
    """No further than to where a parked neuron should leave: that is decided at the end of the step."""
    end = jax.lax.cond(
        eqxi.unvmap_any(enabled & jnp.any(step.term.pin == PARKED)),
        lambda: jnp.minimum(opening(step.term, step.start, step.impulse, step.allowed.v), 1),
        lambda: jnp.ones_like(step.tolerance),
    )
    return jnp.where(to_first, jnp.minimum(step.first, end), end)


def _at(step: FrozenStep, theta: Float[Array, ""], enabled: Bool[Array, ""]) -> Carried:
    """All neurons at this fraction of the step."""
    carried = carry(step, theta)
    met = eqxi.unvmap_any(enabled & (step.first <= theta))
    return jax.lax.cond(met, lambda: respond(step, carried, theta), lambda: carried)


def _judged(step: FrozenStep, state: _Search, carried: Carried, to_first: Array, enabled: Array) -> _Search:
    """Whether that is near enough, and what to try next if not."""
    tried = state.next_try
    first = jnp.minimum(step.first, tried)
    # Who is let go into a steep force overflows, if carried too far.
    complete = carried.complete & jnp.isfinite(carried.error)
    fine = complete & (carried.error <= step.tolerance) & (carried.parked >= tried)
    # Errors grow with the square of the time since the first event.
    ratio = SAFETY * jnp.sqrt(step.tolerance / jnp.maximum(carried.error, step.tolerance))
    ratio = jnp.where(complete, ratio, MUCH_SHORTER)
    shorter = jnp.minimum(first + (tried - first) * ratio, carried.parked)
    shorter = jnp.where(state.tries < TRIES, shorter, first)
    next_try = jnp.where(to_first | fine | (tried <= first) | ~enabled, tried, shorter)
    return state._replace(tries=state.tries + 1, tried=tried, next_try=next_try, carried=carried)
