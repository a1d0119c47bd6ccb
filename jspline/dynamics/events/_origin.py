"""Leaving (w, b) = 0: the steepest way out, when it opens, and taking it.

Theory: docs/theory.md 7.8.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from jspline.activation import Ranks
from jspline.charts import ReLUNet
from jspline.dynamics._cell import FREE, PARKED, FlowTerm, in_cell
from jspline.dynamics.events._rotation import counted_from
from jspline.problem import Points


class Departure(NamedTuple):
    """The steepest way out of (w, b) = 0, for one sign of v.

    Attributes:
        rate: how fast the neuron leaves, for |v| = 1; 0 if the loss falls in no direction.
        rank, right, pin: what the neuron sees then, and the datum it slides on.
        nonunique: whether there are several ways.
    """

    rate: Float[Array, ""]
    rank: Int[Array, ""]
    right: Bool[Array, ""]
    pin: Int[Array, ""]
    nonunique: Bool[Array, ""]


def departure(points: Points, e: Float[Array, " data"], sign: Float[Array, ""]) -> Departure:
    """Maximise sign * sum_n e_n relu(x_n cos th + sin th) over directions th; O(N) (docs/theory.md 7.8)."""
    x, count = points.x, points.count
    place = jnp.arange(len(x), dtype=jnp.int32)
    values = jnp.stack([e * x, e])
    from_here = jnp.flip(jnp.cumsum(jnp.flip(values, 1), 1), 1)  # over k, k + 1, ...
    behind = jnp.concatenate([from_here[:, 1:], jnp.zeros((2, 1), x.dtype)], 1)
    before = jnp.concatenate([jnp.zeros((2, 1), x.dtype), jnp.cumsum(values, 1)[:, :-1]], 1)

    def z(q: Array, at: Array) -> Array:
        return sign * (q[0] * at + q[1])

    # Inside a cell: the direction of q, if it sees what q was summed over.
    previous, last = x[jnp.maximum(place - 1, 0)], x[jnp.maximum(count - 1, 0)]
    rightward = ((place == 0) | (z(from_here, previous) <= 0)) & (z(from_here, x) > 0) & (z(from_here, last) > 0)
    leftward = (place > 0) & (z(before, previous) > 0) & (z(before, x[0]) > 0) & (z(before, x) <= 0)
    # Between cells: sliding on datum m, if that attracts from both sides.
    root = jnp.sqrt(1 + x**2)
    along = [direction * sign * (q[0] - x * q[1]) / root for direction, q in ((1, behind), (-1, before))]
    attracts = [(z(q, x) > 0) & (z(q, x) + sign * e * root**2 < 0) for q in (behind, before)]
    values = jnp.stack(
        [
            jnp.where(rightward, jnp.hypot(*from_here), 0),
            jnp.where(leftward, jnp.hypot(*before), 0),
            jnp.where(attracts[0], along[0], 0),
            jnp.where(attracts[1], along[1], 0),
        ]
    )
    values = jnp.where((place < count)[None], values, 0)
    best = jnp.argmax(values)
    kind, k = best // len(x), (best % len(x)).astype(jnp.int32)
    return Departure(
        rate=jnp.max(values),
        rank=jnp.where(kind == 2, k + 1, k),
        right=kind % 2 == 0,
        pin=jnp.where(kind >= 2, k, FREE).astype(jnp.int32),
        nonunique=jnp.sum(values > 0) > 1,
    )


def ways_out(term: FlowTerm, net: ReLUNet, e: Float[Array, " data"]) -> Departure:
    """The one of each neuron, `(width,)`: only the sign of its v matters."""
    ways = jax.vmap(lambda sign: departure(term.points, e, sign))(jnp.asarray([1.0, -1.0], e.dtype))
    return jax.tree.map(lambda both: jnp.where(net.v > 0, both[0], both[1]), ways)


def opening(
    term: FlowTerm, net: ReLUNet, impulse: Float[Array, "3 data"], allowed: Float[Array, " width"]
) -> Float[Array, ""]:
    """The fraction of the step after which a parked neuron has had a way out for as long as the tolerances allow.

    Infinity if there is none. `allowed` is what its v may err. To go further would be to let it leave late: by
    bisection, on the given residual.

    Theory: docs/theory.md 7.8.
    """
    eager = jnp.where(term.pin == PARKED, jnp.abs(net.v) / allowed, 0)

    def halve(state: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        number, low, high = state
        theta = jnp.minimum((low + high) / 2, 1)
        rate = ways_out(term, net, counted_from(impulse, theta)[0]).rate
        # Since it opened the rate has grown from 0: what was missed is at most half of this.
        late = jnp.max(eager * rate) * theta > 2
        return number + 1, jnp.where(late, low, theta), jnp.where(late, theta, high)

    zero = jnp.zeros((), impulse.dtype)
    begin = (jnp.zeros((), jnp.int32), zero, zero + jnp.inf)
    return jax.lax.while_loop(lambda s: (s[0] < 30) & (s[1] < 1), halve, begin)[2]


def depart(term: FlowTerm, net: ReLUNet, e: Array) -> tuple[FlowTerm, Bool[Array, " width"], Bool[Array, " width"]]:
    """Let parked neurons go, where they can: the new cell, who left, and whose way was not the only one."""
    way = ways_out(term, net, e)
    leaves = (term.pin == PARKED) & (way.rate > 0) & (net.v != 0)
    ways = Ranks(way.rank, way.right, term.active.size).canonical(term.points.count)
    active, pin = term.active.exchanging(leaves, ways), jnp.where(leaves, way.pin, term.pin)
    return in_cell(term, active, pin), leaves, leaves & way.nonunique
