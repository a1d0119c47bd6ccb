"""What a neuron meets, and what it does then: it crosses, slides, is released or is parked.

Theory: docs/theory.md 7.2, 7.3, 7.4, 7.5.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from jspline.charts import ReLUNet
from jspline.dynamics._cell import FREE, PARKED, FlowTerm, Force, in_cell
from jspline.dynamics.events._origin import ways_out
from jspline.dynamics.events._roots import first_fall, first_root
from jspline.dynamics.events._rotation import Stretch, counted_from, pushes, turned_in_cell

BAND = 0.01
MARGIN = 10
"""Units of rounding of z = w x + b, and 1e-10 of what the tolerances allow it."""


NOTHING, HIT, TO_INNER, TO_OUTER, VANISHED, PARKS = range(6)
"""What happens to a neuron: nothing; it meets a datum; sliding, it is released to z < 0, to z > 0, or, as its v passes
0, to z < 0 by convention; or its (w, b) reaches 0."""


class Meeting(NamedTuple):
    """What each neuron meets first, and when.

    Attributes:
        theta: when, as a fraction of the step; infinity if it meets nothing, `(width,)`.
        sigma: the same on its own stretch; 1 if it meets nothing, `(width,)`.
        datum: the datum that a free neuron meets or that a sliding one is on, `(width,)`.
        kind: what happens: NOTHING, HIT, TO_INNER, TO_OUTER, VANISHED or PARKS, `(width,)`.
    """

    theta: Float[Array, " width"]
    sigma: Float[Array, " width"]
    datum: Int[Array, " width"]
    kind: Int[Array, " width"]

    def only(self, these: Bool[Array, " width"]) -> "Meeting":
        """Without what happens to others."""
        return self._replace(kind=jnp.where(these, self.kind, NOTHING))

    @property
    def hit(self) -> Bool[Array, " width"]:
        """Which free neurons meet a datum."""
        return self.kind == HIT

    @property
    def released(self) -> Bool[Array, " width"]:
        """Which neurons stop sliding and go on."""
        return (self.kind >= TO_INNER) & (self.kind <= VANISHED)

    @property
    def parks(self) -> Bool[Array, " width"]:
        """Which neurons come to rest at (w, b) = 0."""
        return self.kind == PARKS

    @property
    def any(self) -> Bool[Array, " width"]:
        """Which neurons meet anything."""
        return self.kind != NOTHING


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
    roots = jnp.where((term.alive & (term.pin != PARKED))[None], first_root(*barriers), jnp.inf)

    # The two inequalities of a slide, as where it would go from now on, had it been free.
    travel = v[:1, None] * stretch.push * jnp.asarray([1.0, -1.0], x.dtype)[None, :, None]
    exits = first_fall(travel[0], travel[1], travel[2], band)
    exits = jnp.where(slides[None], exits, jnp.inf)

    sigma = jnp.minimum(jnp.min(roots, axis=0), jnp.min(exits, axis=0))
    happens = jnp.isfinite(sigma)
    first, second = (roots <= sigma[None]) & happens[None]
    sigma = jnp.where(happens, sigma, 1)
    sliding = jnp.where(second, VANISHED, jnp.where(exits[0] <= sigma, TO_INNER, TO_OUTER))
    sliding = jnp.where(first, PARKS, sliding)
    return Meeting(
        theta=jnp.where(happens, stretch.begin + (1 - stretch.begin) * sigma, jnp.inf),
        sigma=sigma,
        datum=jnp.where(slides, term.pin, jnp.where(first, datum[0], datum[1])),
        kind=jnp.where(happens, jnp.where(slides, sliding, HIT), NOTHING).astype(jnp.int32),
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
    X, E, push = (counted_from(cubic, theta) for cubic in (*outside.sums(impulse), impulse[:, meeting.datum]))
    came_from_inside = meeting.hit & ~outside.active.same(term.active)
    inner = v * (E[0] + x * X[0])
    outer = inner + v * push[0] * (1 + x**2)
    stuck = meeting.hit & jnp.where(came_from_inside, inner > 0, outer < 0)
    enters = (meeting.hit & ~came_from_inside & ~stuck) | (meeting.kind == TO_OUTER)
    pin = jnp.where(stuck, meeting.datum, outside.pin)
    new = in_cell(outside, outside.active.adding(enters, meeting.datum), pin)

    # Put those that stick exactly on their datum.
    z = jnp.where(stuck, w * x + b, 0) / (1 + x**2)
    w = jnp.where(meeting.parks, 0, w - z * x)
    b = jnp.where(meeting.parks, 0, jnp.where(stuck, -w * x, b))

    # Go on.
    length = 1 - theta
    power = jnp.stack([length, length**2, length**3])
    gained = jnp.where(enters[None], push, 0)
    X, E = power * (X + gained * x[None]), power * (E + gained)
    then = Stretch(theta, turned_in_cell(new, jnp.stack([w, b, v]), X, E), pushes(new, X, E, power * push))

    def replace(old: Array, new: Array) -> Array:
        return jnp.where(meeting.any.reshape((1,) * (old.ndim - 1) + (-1,)), new, old)

    return Turn(new, jax.tree.map(replace, stretch, then), meeting.hit & ~stuck, stuck)


def without(term: FlowTerm, meeting: Meeting) -> FlowTerm:
    """The cell in which those that met a datum do not see it, and nobody slides who is released.

    Theory: docs/theory.md 7.5.
    """
    active = term.active.removing(meeting.hit, meeting.datum).dropping(meeting.parks)
    pin = jnp.where(meeting.parks, PARKED, jnp.where(meeting.released, FREE, term.pin))
    return in_cell(term, active, pin)


def lies_beyond(term: FlowTerm, net: ReLUNet) -> Bool[Array, ""]:
    """Whether a free neuron is beyond a datum next to it, by more than rounding."""
    datum, inside = term.active.candidates(~(net.w < 0))
    on, size = net.w[None] * term.points.x[datum], jnp.abs(net.b)[None]
    z = jnp.where(inside, 1, -1).astype(on.dtype) * (on + net.b[None])
    free = (term.alive & ~term.slides & (term.pin != PARKED))[None]
    return jnp.any(free & (z < -2 * MARGIN * jnp.finfo(on.dtype).eps * (jnp.abs(on) + size)))


def on_their_sides(term: FlowTerm, net: ReLUNet) -> ReLUNet:
    """The net with every neuron on the side of its neighbouring data on which the cell has it.

    It may be beyond by rounding, or by what the others' answer moved it (`carry`). Then it is put on that datum, w x =
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
    new = in_cell(term, term.active.adding(enters, which), jnp.where(stuck, which, term.pin))
    gained = jnp.where(enters, push, 0)
    force = force._replace(X=force.X + gained * at, E=force.E + gained)
    leaves = on & (v * inner <= 0) & (v * outer > 0)
    at_origin = (net.w == 0) & (net.b == 0) & (net.v != 0)
    return new, force, stuck, leaves | (at_origin & (ways_out(term, net, force.e).rate > 0))
