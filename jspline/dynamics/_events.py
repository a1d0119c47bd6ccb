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

A neuron is taken to have met the datum only once it is a little beyond (`BAND` of what the tolerances allow), and is
put back: or, as the residual vanishes, rounding would make it cross without end.
"""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from jspline.charts import ReLUNet
from jspline.dynamics._rosenbrock import Cubic
from jspline.dynamics._term import FREE, PARKED, FlowTerm, Force, Points, canonical
from jspline.ranks import Ranks

BAND = 0.01


class Meeting(NamedTuple):
    """The first event of a step.

    Attributes:
        theta: the fraction of the step at which it happens; 1 if nothing does.
        hit: which free neurons meet a datum then, `(width,)`.
        datum: which datum, `(width,)`; for a sliding neuron, its own.
        to_inner, to_outer: which sliding neurons are released to z < 0 and to z > 0, `(width,)`.
        vanished: those whose v passes 0, released to z < 0 by convention, `(width,)`.
        parked: those whose (w, b) reaches 0, `(width,)`.
    """

    theta: Float[Array, ""]
    hit: Bool[Array, " width"]
    datum: Int[Array, " width"]
    to_inner: Bool[Array, " width"]
    to_outer: Bool[Array, " width"]
    vanished: Bool[Array, " width"]
    parked: Bool[Array, " width"]

    @property
    def happens(self) -> Bool[Array, ""]:
        """Whether there is an event."""
        masks = (self.hit, self.to_inner, self.to_outer, self.vanished, self.parked)
        return jnp.any(jnp.stack([jnp.any(mask) for mask in masks]))


def first_meeting(term: FlowTerm, dense: Cubic, allowed: Array) -> Meeting:
    """The first event on the dense output of a step, all at that time (to rounding) with it.

    `allowed` is what the tolerances allow each neuron to err, `(width,)`.
    """
    x, slides = term.points.x, term.slides
    nets, impulses = zip(*dense.coefficients, strict=True)
    net = nets[0]
    alive = term.alive & ~slides
    datum, inside = _neighbours(term)
    seen = jnp.where(inside, 1, -1).astype(x.dtype)
    at = x[datum]
    band = BAND * allowed[None] * jnp.sqrt(1 + at**2)

    # Four coefficients of two functions per neuron, positive until the event: z at the two neighbouring data, signed,
    # for a free neuron; w and v, signed, for one that slides.
    signs = jnp.stack([jnp.sign(net.w), jnp.sign(net.v)])

    def barrier(coefficient: ReLUNet) -> Array:
        free = jnp.where(alive[None], seen * (coefficient.w[None] * at + coefficient.b[None]), 0)
        return jnp.where(slides[None], signs * jnp.stack([coefficient.w, coefficient.v]), free)

    c0, c1, c2, c3 = (barrier(coefficient) for coefficient in nets)
    roots = _first_root(jnp.where(slides[None], c0, c0 + band), c1, c2, c3)
    roots = jnp.where((alive | slides)[None], roots, jnp.inf)

    # The two inequalities of a slide: where the neuron would go from now on, had it been free.
    own = term.pinned_x
    impulse = jnp.stack(impulses[1:])
    side = term.sides(impulse, own)
    outer = side + impulse[:, term.pin] * (1 + own**2)[None]
    travel = net.v[None, None] * jnp.stack([side, -outer], axis=1)
    one, two, three = travel
    exits = _descent(one, two, three, BAND * (allowed * jnp.sqrt(1 + own**2))[None])
    exits = jnp.where(slides[None], exits, jnp.inf)

    theta = jnp.minimum(jnp.minimum(jnp.min(roots), jnp.min(exits)), 1)
    due = theta * (1 + 1e3 * jnp.finfo(x.dtype).eps)
    first, second = roots <= due
    inner, outer = exits <= due
    hit = ~slides & (first | second)
    parked, vanished = slides & first, slides & second
    return Meeting(
        theta=theta,
        hit=hit,
        datum=jnp.where(slides, term.pin, jnp.where(roots[0] <= roots[1], datum[0], datum[1])),
        to_inner=inner & ~parked & ~vanished,
        to_outer=outer & ~inner & ~parked & ~vanished,
        vanished=vanished & ~parked,
        parked=parked,
    )


def _neighbours(term: FlowTerm) -> tuple[Int[Array, "2 width"], Bool[Array, "2 width"]]:
    """The two data next to the breakpoint of each neuron that is alive, and whether they are seen."""
    rank, right = term.ranks.rank, term.ranks.right
    datum = jnp.stack([jnp.where(term.sees_all, term.points.count - 1, rank - 1), rank])
    inside = jnp.stack([term.sees_all | ~right, right])
    return jnp.clip(datum, 0, len(term.points.x) - 1), inside


def _first_root(c0: Array, c1: Array, c2: Array, c3: Array) -> Array:
    """The first theta in [0, 1] where c0 + c1 theta + c2 theta^2 + c3 theta^3 becomes negative; infinity if none."""

    def value(theta: Array) -> Array:
        return c0 + theta * (c1 + theta * (c2 + theta * c3))

    # Between its turning points the cubic is monotone, so a change of sign brackets one root.
    t1, t2 = _turning_points(c1, c2, c3)
    n1, n2, n3 = value(t1) < 0, value(t2) < 0, value(jnp.ones_like(c0)) < 0
    low = jnp.where(n1, 0, jnp.where(n2, t1, t2))
    high = jnp.where(n1, t1, jnp.where(n2, t2, 1))

    # Newton's method, kept in the bracket by bisection.
    theta = (low + high) / 2
    for _ in range(6):
        f = value(theta)
        low, high = jnp.where(f < 0, low, theta), jnp.where(f < 0, theta, high)
        newton = theta - f / (c1 + theta * (2 * c2 + 3 * c3 * theta))
        theta = jnp.where((newton >= low) & (newton <= high), newton, (low + high) / 2)
    negative = n1 | n2 | n3
    return jnp.where(negative, jnp.where(c0 <= 0, 0, theta), jnp.inf)


def _turning_points(c1: Array, c2: Array, c3: Array) -> tuple[Array, Array]:
    """Where c1 + 2 c2 theta + 3 c3 theta^2 = 0 within [0, 1]; an end of the interval for a root that is not."""
    root = jnp.sqrt(jnp.maximum(c2 * c2 - 3 * c1 * c3, 0))
    q = -(c2 + jnp.where(c2 < 0, -root, root))
    one = jnp.clip(jnp.where(q == 0, 0, c1 / jnp.where(q == 0, 1, q)), 0, 1)
    two = jnp.clip(jnp.where(c3 == 0, 0, q / jnp.where(c3 == 0, 1, 3 * c3)), 0, 1)
    return jnp.minimum(one, two), jnp.maximum(one, two)


def crossing_time(dense: Cubic) -> Float[Array, " width"]:
    """The theta in [0, 1] at which w passes 0; infinity if it does not."""
    w = [net.w for net, _ in dense.coefficients]
    return _first_root(*(jnp.sign(w[0]) * coefficient for coefficient in w))


def _descent(c1: Array, c2: Array, c3: Array, depth: Array) -> Array:
    """The first theta in [0, 1] where c1 theta + c2 theta^2 + c3 theta^3 falls by over `depth`, or infinity."""

    def value(theta: Array) -> Array:
        return theta * (c1 + theta * (c2 + theta * c3))

    t1, t2 = _turning_points(c1, c2, c3)
    f1, f2, f3 = value(t1), value(t2), value(jnp.ones_like(t1))
    last = jnp.where(f2 - f3 > depth, t2, jnp.inf)
    return jnp.where(-f1 > depth, 0, jnp.where(f1 - f2 > depth, t1, last))


def without(term: FlowTerm, meeting: Meeting) -> FlowTerm:
    """The cell in which those that met a datum do not see it, and nobody slides who is released."""
    ranks, count = term.ranks, term.points.count
    seen = meeting.hit & jnp.where(ranks.right, meeting.datum >= ranks.rank, meeting.datum < ranks.rank)
    # Of all data, losing the last one leaves those to the left.
    left = ~ranks.right | ((meeting.datum == count - 1) & (ranks.rank == 0) & (count > 1))
    place = jnp.where(left, meeting.datum, meeting.datum + 1)
    place = jnp.where(seen, place, ranks.rank)
    place = jnp.where(meeting.parked, count, place)
    right = jnp.where(seen, ~left, ranks.right) | meeting.parked
    free = meeting.to_inner | meeting.to_outer | meeting.vanished
    pin = jnp.where(meeting.parked, PARKED, jnp.where(free, FREE, term.pin))
    ranks = canonical(Ranks(place, right, ranks.size), count)
    return eqx.tree_at(lambda t: (t.ranks, t.pin), term, (ranks, pin.astype(term.pin.dtype)))


def including(term: FlowTerm, neurons: Bool[Array, " width"], datum: Int[Array, " width"]) -> FlowTerm:
    """The cell in which these neurons see one datum more, next to those they see."""
    place = jnp.where(term.ranks.right, datum, datum + 1)
    ranks = Ranks(jnp.where(neurons, place, term.ranks.rank), term.ranks.right, term.ranks.size)
    return eqx.tree_at(lambda t: t.ranks, term, canonical(ranks, term.points.count))


class Outcome(NamedTuple):
    """What was decided: the new cell, the force in it, and what each neuron did, `(width,)` each."""

    term: FlowTerm
    force: Force
    crossed: Bool[Array, " width"]
    stuck: Bool[Array, " width"]


def decide(term: FlowTerm, net: ReLUNet, meeting: Meeting, mean: Array) -> Outcome:
    """Cross, slide or be released, for all that meet a datum now: the residual decides, and is the same for all.

    z = 0 for these neurons, so the fit, and with it e, does not depend on what they see.
    """
    outside = without(term, meeting)
    force = outside.force(net)
    x = term.points.x[meeting.datum]
    push = force.e[meeting.datum]
    came_from_inside = meeting.hit & ~_same(outside.ranks, term.ranks)
    (side,) = outside.sides(mean[None], x)
    inner, outer = net.v * side, net.v * (side + mean[meeting.datum] * (1 + x**2))
    stuck = meeting.hit & jnp.where(came_from_inside, inner > 0, outer < 0)
    enters = (meeting.hit & ~came_from_inside & ~stuck) | meeting.to_outer
    new = including(outside, enters, meeting.datum)
    new = eqx.tree_at(lambda t: t.pin, new, jnp.where(stuck, meeting.datum, outside.pin))
    gained = jnp.where(enters, push, 0)
    force = force._replace(X=force.X + gained * x, E=force.E + gained)
    return Outcome(new, force, meeting.hit & ~stuck, stuck)


def _same(one: Ranks, other: Ranks) -> Bool[Array, " width"]:
    return (one.rank == other.rank) & (one.right == other.right)


def start_on_data(term: FlowTerm, net: ReLUNet) -> tuple[FlowTerm, Force, Array, Array]:
    """The first decision, for breakpoints that begin on a datum: both sides are asked.

    Attractor: slide. Pushed from both sides to z > 0: see it. Otherwise, also for a repeller, z < 0 (relu'(0) = 0).
    Returns the cell, the force in it, who slides, and where z > 0 would have been a solution too.
    """
    datum, inside = _neighbours(term)
    meets = term.alive[None] & ~inside & (net.w[None] * term.points.x[datum] == -net.b[None])
    which = jnp.where(meets[0], datum[0], datum[1])
    on = jnp.any(meets, axis=0)
    force = term.force(net)
    at, push = term.points.x[which], force.e[which]
    inner, outer = force.side(at), force.side(at) + push * (1 + at**2)
    # With v = 0 the sign v is about to take: that of v' = w (E x + X ...), the same on both sides as z = 0.
    v = jnp.where(net.v != 0, net.v, net.w * force.X + net.b * force.E)
    stuck = on & (v * inner > 0) & (v * outer < 0)
    enters = on & (v * inner > 0) & (v * outer >= 0)
    new = including(term, enters, which)
    new = eqx.tree_at(lambda t: t.pin, new, jnp.where(stuck, which, term.pin).astype(term.pin.dtype))
    gained = jnp.where(enters, push, 0)
    force = force._replace(X=force.X + gained * at, E=force.E + gained)
    return new, force, stuck, on & (v * inner <= 0) & (v * outer > 0)


class Departure(NamedTuple):
    """The steepest way out of (w, b) = 0, for one sign of v.

    Attributes:
        leaves: whether the loss falls in any direction.
        rank, right, pin: what the neuron sees then, and the datum it slides on.
        nonunique: whether there are several ways.
    """

    leaves: Bool[Array, ""]
    rank: Int[Array, ""]
    right: Bool[Array, ""]
    pin: Int[Array, ""]
    nonunique: Bool[Array, ""]


def departure(points: Points, e: Float[Array, " data"], sign: Float[Array, ""]) -> Departure:
    """Maximise sign * sum_n e_n relu(x_n cos th + sin th) over directions th; O(N)."""
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
        leaves=jnp.max(values) > 0,
        rank=jnp.where(kind == 2, k + 1, k),
        right=kind % 2 == 0,
        pin=jnp.where(kind >= 2, k, FREE).astype(jnp.int32),
        nonunique=jnp.sum(values > 0) > 1,
    )


def depart(term: FlowTerm, net: ReLUNet, e: Array) -> tuple[FlowTerm, Bool[Array, " width"], Bool[Array, " width"]]:
    """Let parked neurons go, where they can: the new cell, who left, and whose way was not the only one."""
    ways = jax.vmap(lambda sign: departure(term.points, e, sign))(jnp.asarray([1.0, -1.0], e.dtype))
    way = jax.tree.map(lambda both: jnp.where(net.v > 0, both[0], both[1]), ways)
    leaves = (term.pin == PARKED) & way.leaves & (net.v != 0)
    rank, right = jnp.where(leaves, way.rank, term.ranks.rank), jnp.where(leaves, way.right, term.ranks.right)
    ranks = canonical(Ranks(rank, right, term.ranks.size), term.points.count)
    pin = jnp.where(leaves, way.pin, term.pin)
    return eqx.tree_at(lambda t: (t.ranks, t.pin), term, (ranks, pin)), leaves, leaves & way.nonunique
