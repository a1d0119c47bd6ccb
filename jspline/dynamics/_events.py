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

All this is decided for each neuron by itself, at its own time, with the residual given (`_carry` answers for that).
Between two events it obeys a linear equation of its own, and goes on as a `Stretch`.

Theory: docs/theory.md 6.3, 6.4, 7.
"""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from jspline.activation import Ranks
from jspline.charts import ReLUNet
from jspline.dynamics._rosenbrock import Cubic
from jspline.dynamics._term import FREE, PARKED, FlowTerm, Force, Points

BAND = 0.01
MARGIN = 10
"""Units of rounding of z = w x + b, and 1e-10 of what the tolerances allow it."""


class Stretch(NamedTuple):
    """Each neuron from its own `begin` to the end of the step, as if its cell did not end.

    Attributes:
        begin: where it starts, as a fraction of the step, `(width,)`.
        cubic: the coefficients of 1, sigma, sigma^2, sigma^3 for w, b and v, `(4, 3, width)`. sigma goes from 0 to 1
            on the stretch.
        push: those of sigma, sigma^2, sigma^3 for the integrals of S and of S + e_m (1 + x_m^2), which decide whether
            a neuron that slides on m is let go, `(3, 2, width)`.
    """

    begin: Float[Array, " width"]
    cubic: Float[Array, "4 3 width"]
    push: Float[Array, "3 2 width"]

    @classmethod
    def whole(cls, term: FlowTerm, dense: Cubic) -> "Stretch":
        """The whole step, on its dense output."""
        impulse = jnp.stack(dense.impulses)
        push = _pushes(term, *term.sums(impulse), impulse[:, term.pin])
        return cls(jnp.zeros_like(term.pinned_x), jnp.stack([_stack(net) for net in dense.nets]), push)

    @classmethod
    def place(cls, y: Float[Array, "3 width"]) -> "Stretch":
        """No more than a place."""
        zeros = jnp.zeros((3, *y.shape), y.dtype)
        return cls(jnp.zeros_like(y[0]), jnp.concatenate([y[None], zeros]), zeros[:, :2])

    def at(self, sigma: Float[Array, " width"]) -> Float[Array, "3 width"]:
        """w, b and v there."""
        c0, c1, c2, c3 = self.cubic
        sigma = sigma[None]
        return c0 + sigma * (c1 + sigma * (c2 + sigma * c3))

    def sigma(self, theta: Float[Array, ""]) -> Float[Array, " width"]:
        """Where a fraction of the step is on the stretch; 0 on one without length."""
        length = 1 - self.begin
        return jnp.where(length > 0, (theta - self.begin) / jnp.where(length > 0, length, 1), 0)

    def flip(self) -> Float[Array, " width"]:
        """The sigma at which w passes 0; infinity if it does not (docs/theory.md 7.9)."""
        w = self.cubic[:, 0]
        return _first_root(*(jnp.sign(w[0]) * coefficient for coefficient in w))


def _stack(net: ReLUNet) -> Float[Array, "3 width"]:
    return jnp.stack([net.w, net.b, net.v])


def _pushes(term: FlowTerm, X: Array, E: Array, own: Array) -> Float[Array, "3 2 width"]:
    x = term.pinned_x[None]
    inner = E + x * X
    return jnp.stack([inner, inner + own * (1 + x**2)], axis=1)


class Meeting(NamedTuple):
    """What each neuron meets first, and when.

    Attributes:
        theta: when, as a fraction of the step; infinity if it meets nothing, `(width,)`.
        sigma: the same on its own stretch; 1 if it meets nothing, `(width,)`.
        datum: the datum that a free neuron meets or that a sliding one is on, `(width,)`.
        hit: which free neurons meet a datum, `(width,)`.
        to_inner, to_outer: which sliding neurons are released to z < 0 and to z > 0, `(width,)`.
        vanished: those whose v passes 0, released to z < 0 by convention, `(width,)`.
        parked: those whose (w, b) reaches 0, `(width,)`.
    """

    theta: Float[Array, " width"]
    sigma: Float[Array, " width"]
    datum: Int[Array, " width"]
    hit: Bool[Array, " width"]
    to_inner: Bool[Array, " width"]
    to_outer: Bool[Array, " width"]
    vanished: Bool[Array, " width"]
    parked: Bool[Array, " width"]

    def only(self, these: Bool[Array, " width"]) -> "Meeting":
        """Without what happens to others."""
        return self._replace(**{name: mask & these for name, mask in self._asdict().items() if mask.dtype == bool})

    @property
    def released(self) -> Bool[Array, " width"]:
        """Which neurons stop sliding and go on."""
        return self.to_inner | self.to_outer | self.vanished

    @property
    def any(self) -> Bool[Array, " width"]:
        """Which neurons meet anything."""
        return self.hit | self.released | self.parked


def meet(term: FlowTerm, stretch: Stretch, allowed: Float[Array, " width"], patient: Bool[Array, ""]) -> Meeting:
    """What each neuron meets first on its stretch. `allowed` is what the tolerances allow its z to err.

    One that is on its datum, as after a release, may come back by less than that. If `patient`, this is no event.

    Theory: docs/theory.md 6.4, 7.3, 7.4.
    """
    x, slides = term.points.x, term.slides
    w, b, v = jnp.moveaxis(stretch.cubic, 1, 0)

    # Cubics that are positive until the event: for a free neuron z at the two neighbouring data, signed; for one that
    # slides w and v, signed.
    datum, inside = term.active.candidates(~(w[0] < 0))
    seen = jnp.where(inside, 1, -1).astype(x.dtype)[None]
    at = x[datum]
    free = seen * (w[:, None] * at[None] + b[:, None])
    terms = jnp.sum(jnp.abs(w), axis=0)[None] * jnp.abs(at) + jnp.sum(jnp.abs(b), axis=0)[None]
    rounding = jnp.finfo(x.dtype).eps * terms
    margin, band = MARGIN * (rounding + allowed[None] / 1e10), BAND * allowed[None]
    on_datum = (free[0] <= 2 * margin) & (free[0] >= -band)
    start = jnp.where(patient & on_datum, band, free[0] + margin)
    own = jnp.stack([jnp.sign(w[:1]) * w, jnp.sign(v[:1]) * v], axis=1)
    barriers = jnp.where(slides[None, None], own, free.at[0].set(start))
    roots = jnp.where((term.alive & (term.pin != PARKED))[None], _first_root(*barriers), jnp.inf)

    # The two inequalities of a slide, as where it would go from now on, had it been free.
    travel = v[:1, None] * stretch.push * jnp.asarray([1.0, -1.0], x.dtype)[None, :, None]
    exits = _descent(travel[0], travel[1], travel[2], band)
    exits = jnp.where(slides[None], exits, jnp.inf)

    sigma = jnp.minimum(jnp.min(roots, axis=0), jnp.min(exits, axis=0))
    happens = jnp.isfinite(sigma)
    first, second = (roots <= sigma[None]) & happens[None]
    sigma = jnp.where(happens, sigma, 1)
    inner = exits[0] <= sigma
    parked = slides & first
    vanished = slides & second & ~parked
    freed = happens & slides & ~parked & ~vanished
    return Meeting(
        theta=jnp.where(happens, stretch.begin + (1 - stretch.begin) * sigma, jnp.inf),
        sigma=sigma,
        datum=jnp.where(slides, term.pin, jnp.where(first, datum[0], datum[1])),
        hit=happens & ~slides,
        to_inner=freed & inner,
        to_outer=freed & ~inner,
        vanished=vanished,
        parked=parked,
    )


class Turn(NamedTuple):
    """What was decided: the cell and the stretch from there on, and which free neurons crossed or stuck, `(width,)`."""

    term: FlowTerm
    stretch: Stretch
    crossed: Bool[Array, " width"]
    stuck: Bool[Array, " width"]


def turn(
    term: FlowTerm,
    stretch: Stretch,
    meeting: Meeting,
    impulse: Float[Array, "3 data"],
) -> Turn:
    """Cross, slide, be released or park, each neuron at its own time, and go on from there (docs/theory.md 7.1).

    `impulse` are the coefficients of theta, theta^2, theta^3 of the integral of e: the residual is given, and decides.
    z = 0 for these neurons, so that it does not depend on what they see.
    """
    # Decide: only the side it would enter is asked.
    w, b, v = stretch.at(meeting.sigma)
    x = term.points.x[meeting.datum]
    theta = jnp.clip(meeting.theta, 0, 1)
    outside = without(term, meeting)
    X, E, push = (_shifted(cubic, theta) for cubic in (*outside.sums(impulse), impulse[:, meeting.datum]))
    came_from_inside = meeting.hit & ~outside.active.same(term.active)
    inner = v * (E[0] + x * X[0])
    outer = inner + v * push[0] * (1 + x**2)
    stuck = meeting.hit & jnp.where(came_from_inside, inner > 0, outer < 0)
    enters = (meeting.hit & ~came_from_inside & ~stuck) | meeting.to_outer
    active, pin = outside.active.adding(enters, meeting.datum), jnp.where(stuck, meeting.datum, outside.pin)
    new = eqx.tree_at(lambda t: (t.active, t.pin), outside, (active, pin))

    # Put those that stick exactly on their datum.
    z = jnp.where(stuck, w * x + b, 0) / (1 + x**2)
    w = jnp.where(meeting.parked, 0, w - z * x)
    b = jnp.where(meeting.parked, 0, jnp.where(stuck, -w * x, b))

    # Go on.
    length = 1 - theta
    power = jnp.stack([length, length**2, length**3])
    gained = jnp.where(enters[None], push, 0)
    X, E = power * (X + gained * x[None]), power * (E + gained)
    then = Stretch(theta, _alone(new, jnp.stack([w, b, v]), X, E), _pushes(new, X, E, power * push))

    def replace(old: Array, new: Array) -> Array:
        return jnp.where(meeting.any.reshape((1,) * (old.ndim - 1) + (-1,)), new, old)

    return Turn(new, jax.tree.map(replace, stretch, then), meeting.hit & ~stuck, stuck)


def _shifted(cubic: Float[Array, "3 places"], theta: Float[Array, "..."]) -> Float[Array, "3 places"]:
    """The coefficients of c1 theta + c2 theta^2 + c3 theta^3, counted from a later place on."""
    c1, c2, c3 = cubic
    return jnp.stack([c1 + theta * (2 * c2 + theta * 3 * c3), c2 + 3 * c3 * theta, c3])


def _alone(term: FlowTerm, y: Array, X: Array, E: Array) -> Float[Array, "4 3 width"]:
    """A neuron under a given force, (w, b, v)' = M(q) (w, b, v), where q = q1 + 2 q2 sigma + 3 q3 sigma^2 = (X, E).

    Its end is that of Magnus' method of order 4: the exponential of M for the mean of q, which is a hyperbolic
    rotation, with a small rotation of (w, b) since q turns. It keeps the charge. In between, Hermite's cubic.

    Theory: docs/theory.md 6.3.
    """
    x = term.pinned_x[None]
    along = (X - x * E) / (1 + x**2)
    parked = (term.pin == PARKED)[None]
    X = jnp.where(term.slides[None], along, jnp.where(parked, 0, X))
    E = jnp.where(term.slides[None], -x * along, jnp.where(parked, 0, E))

    def rate(X: Array, E: Array, y: Array) -> Array:
        w, b, v = y
        return jnp.stack([X * v, E * v, X * w + E * b])

    mean_x, mean_e = jnp.sum(X, axis=0), jnp.sum(E, axis=0)
    turning = (mean_e * (2 * X[1] + 3 * X[2]) - mean_x * (2 * E[1] + 3 * E[2])) / 12

    def generator(y: Array) -> Array:
        w, b, _ = y
        return rate(mean_x, mean_e, y) + jnp.stack([turning * b, -turning * w, jnp.zeros_like(w)])

    # Its cube is s times itself; sinh(r) / r and (cosh(r) - 1) / r^2, r^2 = s, to 1e-9 where |q| <= 2, as it is here.
    s = mean_x**2 + mean_e**2 - turning**2
    sinh = 1 + s / 6 * (1 + s / 20 * (1 + s / 42 * (1 + s / 72 * (1 + s / 110))))
    cosh = 1 / 2 + s / 24 * (1 + s / 30 * (1 + s / 56 * (1 + s / 90 * (1 + s / 132))))
    once = generator(y)
    change = sinh[None] * once + cosh[None] * generator(once)
    begin = rate(X[0], E[0], y)
    end = rate(X[0] + 2 * X[1] + 3 * X[2], E[0] + 2 * E[1] + 3 * E[2], y + change)
    return jnp.stack([y, begin, 3 * change - 2 * begin - end, begin + end - 2 * change])


def _first_root(c0: Array, c1: Array, c2: Array, c3: Array) -> Array:
    """The first theta in [0, 1] where c0 + c1 theta + c2 theta^2 + c3 theta^3 becomes negative; infinity if none."""

    def value(theta: Array) -> Array:
        return c0 + theta * (c1 + theta * (c2 + theta * c3))

    def slope(theta: Array) -> Array:
        return c1 + theta * (2 * c2 + 3 * c3 * theta)

    # Between its turning points the cubic is monotone, so a change of sign brackets one root.
    t1, t2 = _turning_points(c1, c2, c3)
    n1, n2, n3 = value(t1) < 0, value(t2) < 0, value(jnp.ones_like(c0)) < 0
    low = jnp.where(n1, 0, jnp.where(n2, t1, t2))
    high = jnp.where(n1, t1, jnp.where(n2, t2, 1))

    # On its side of the inflection Halley's method comes from the steeper end without overshooting: no step has to be
    # undone, so rounding cannot throw it back.
    bend = jnp.clip(jnp.where(c3 == 0, low, -c2 / jnp.where(c3 == 0, 1, 3 * c3)), low, high)
    before = value(bend) < 0
    low, high = jnp.where(before, low, bend), jnp.where(before, bend, high)
    theta = jnp.where(jnp.abs(slope(low)) > jnp.abs(slope(high)), low, high)

    def halley(_: Array, theta: Array) -> Array:
        f, d = value(theta), slope(theta)
        divisor = 2 * d * d - f * (2 * c2 + 6 * c3 * theta)
        return jnp.clip(theta - 2 * f * d / jnp.where(divisor == 0, 1, divisor), low, high)

    theta = jax.lax.fori_loop(0, 10, halley, theta)
    return jnp.where(n1 | n2 | n3, jnp.where(c0 <= 0, 0, theta), jnp.inf)


def _turning_points(c1: Array, c2: Array, c3: Array) -> tuple[Array, Array]:
    """Where c1 + 2 c2 theta + 3 c3 theta^2 = 0 within [0, 1]; an end of the interval for a root that is not."""
    root = jnp.sqrt(jnp.maximum(c2 * c2 - 3 * c1 * c3, 0))
    q = -(c2 + jnp.where(c2 < 0, -root, root))
    one = jnp.clip(jnp.where(q == 0, 0, c1 / jnp.where(q == 0, 1, q)), 0, 1)
    two = jnp.clip(jnp.where(c3 == 0, 0, q / jnp.where(c3 == 0, 1, 3 * c3)), 0, 1)
    return jnp.minimum(one, two), jnp.maximum(one, two)


def _descent(c1: Array, c2: Array, c3: Array, depth: Array) -> Array:
    """The first theta in [0, 1] where c1 theta + c2 theta^2 + c3 theta^3 falls by over `depth`, or infinity.

    Theory: docs/theory.md 7.4.
    """

    def value(theta: Array) -> Array:
        return theta * (c1 + theta * (c2 + theta * c3))

    t1, t2 = _turning_points(c1, c2, c3)
    f1, f2, f3 = value(t1), value(t2), value(jnp.ones_like(t1))
    last = jnp.where(f2 - f3 > depth, t2, jnp.inf)
    return jnp.where(-f1 > depth, 0, jnp.where(f1 - f2 > depth, t1, last))


def without(term: FlowTerm, meeting: Meeting) -> FlowTerm:
    """The cell in which those that met a datum do not see it, and nobody slides who is released.

    Theory: docs/theory.md 7.5.
    """
    active = term.active.removing(meeting.hit, meeting.datum).dropping(meeting.parked)
    pin = jnp.where(meeting.parked, PARKED, jnp.where(meeting.released, FREE, term.pin))
    return eqx.tree_at(lambda t: (t.active, t.pin), term, (active, pin.astype(term.pin.dtype)))


def beyond(term: FlowTerm, net: ReLUNet) -> Bool[Array, ""]:
    """Whether a free neuron is beyond a datum next to it, by more than rounding."""
    datum, inside = term.active.candidates(~(net.w < 0))
    on, size = net.w[None] * term.points.x[datum], jnp.abs(net.b)[None]
    z = jnp.where(inside, 1, -1).astype(on.dtype) * (on + net.b[None])
    free = (term.alive & ~term.slides & (term.pin != PARKED))[None]
    return jnp.any(free & (z < -2 * MARGIN * jnp.finfo(on.dtype).eps * (jnp.abs(on) + size)))


def side_by_side(term: FlowTerm, net: ReLUNet) -> ReLUNet:
    """The net with every neuron on the side of its neighbouring data on which the cell has it.

    It may be beyond by rounding, or by what the others' answer moved it (`_carry`). Then it is put on that datum, w x =
    -b to the last bit, by the comparison that defines activation (`activation.is_active`), or just above if it is seen.
    """
    tiny, eps = jnp.finfo(net.b.dtype).tiny, jnp.finfo(net.b.dtype).eps
    datum, inside = term.active.candidates(~(net.w < 0))
    b = net.b
    for side in range(2):
        on = -(net.w * term.points.x[datum[side]])
        above = on + (2 * eps * jnp.abs(on) + tiny)
        b = jnp.where(inside[side], jnp.maximum(b, above), jnp.minimum(b, on))
    b = jnp.where(term.slides, -(net.w * term.pinned_x), b)
    nothing = (term.pin == PARKED) | (term.points.count == 0)
    return ReLUNet(net.w, jnp.where(nothing, net.b, b), net.v, net.b0)


def start_on_data(term: FlowTerm, net: ReLUNet) -> tuple[FlowTerm, Force, Array, Array]:
    """The first decision, for breakpoints that begin on a datum: both sides are asked (docs/theory.md 7.10).

    Attractor: slide. Pushed from both sides to z > 0: see it. Otherwise, also for a repeller, z < 0 (relu'(0) = 0).
    Returns the cell, the force in it, who slides, and where z > 0 would have been a solution too.
    """
    datum, inside = term.active.candidates(~(net.w < 0))
    meets = (net.w != 0)[None] & ~inside & (net.w[None] * term.points.x[datum] == -net.b[None])
    which = jnp.where(meets[0], datum[0], datum[1])
    on = jnp.any(meets, axis=0)
    force = term.force(net)
    at, push = term.points.x[which], force.e[which]
    inner, outer = force.side(at), force.side(at) + push * (1 + at**2)
    # With v = 0 the sign v is about to take: that of v' = w (E x + X ...), the same on both sides as z = 0.
    v = jnp.where(net.v != 0, net.v, net.w * force.X + net.b * force.E)
    stuck = on & (v * inner > 0) & (v * outer < 0)
    enters = on & (v * inner > 0) & (v * outer >= 0)
    active, pin = term.active.adding(enters, which), jnp.where(stuck, which, term.pin).astype(term.pin.dtype)
    new = eqx.tree_at(lambda t: (t.active, t.pin), term, (active, pin))
    gained = jnp.where(enters, push, 0)
    force = force._replace(X=force.X + gained * at, E=force.E + gained)
    leaves = on & (v * inner <= 0) & (v * outer > 0)
    at_origin = (net.w == 0) & (net.b == 0) & (net.v != 0)
    return new, force, stuck, leaves | (at_origin & (_ways(term, net, force.e).rate > 0))


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


def _ways(term: FlowTerm, net: ReLUNet, e: Float[Array, " data"]) -> Departure:
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
        rate = _ways(term, net, _shifted(impulse, theta)[0]).rate
        # Since it opened the rate has grown from 0: what was missed is at most half of this.
        late = jnp.max(eager * rate) * theta > 2
        return number + 1, jnp.where(late, low, theta), jnp.where(late, theta, high)

    zero = jnp.zeros((), impulse.dtype)
    begin = (jnp.zeros((), jnp.int32), zero, zero + jnp.inf)
    return jax.lax.while_loop(lambda s: (s[0] < 30) & (s[1] < 1), halve, begin)[2]


def depart(term: FlowTerm, net: ReLUNet, e: Array) -> tuple[FlowTerm, Bool[Array, " width"], Bool[Array, " width"]]:
    """Let parked neurons go, where they can: the new cell, who left, and whose way was not the only one."""
    way = _ways(term, net, e)
    leaves = (term.pin == PARKED) & (way.rate > 0) & (net.v != 0)
    ways = Ranks(way.rank, way.right, term.active.size).canonical(term.points.count)
    active, pin = term.active.exchanging(leaves, ways), jnp.where(leaves, way.pin, term.pin)
    return eqx.tree_at(lambda t: (t.active, t.pin), term, (active, pin)), leaves, leaves & way.nonunique
