"""A net put where its cell says that it is: sliding neurons on their data, parked ones at rest, all on their charge.

Theory: docs/theory.md 6.7.
"""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from jspline.charts import ReLUNet, charge, lengths
from jspline.dynamics._cell import PARKED, FlowTerm
from jspline.dynamics._solution import terms
from jspline.dynamics.events import on_their_sides
from jspline.problem import Points


class Origin(eqx.Module):
    """What is remembered of the net that a flow began with.

    Attributes:
        charge: of each neuron, which is kept, `(width,)`.
        square: v^2 + w^2 + b^2 of each neuron, `(width,)`.
        terms: the size of the terms that the fit is a sum of, a scalar.
        excess: its loss, less the part that ties make unavoidable, a scalar.
    """

    charge: Float[Array, "... width"]
    square: Float[Array, "... width"]
    terms: Float[Array, "..."]
    excess: Float[Array, "..."]

    @classmethod
    def of(cls, net: ReLUNet, points: Points, excess: Float[Array, ""]) -> "Origin":
        return cls(charge(net), _square(net), terms(net, points.x[0], points.x[-1]), excess)


def _square(net: ReLUNet) -> Float[Array, " width"]:
    return net.v**2 + net.w**2 + net.b**2


def settled(net: ReLUNet, term: FlowTerm, origin: Origin, moved: Array) -> tuple[ReLUNet, Array]:
    """Put sliding neurons on their data, parked ones to rest, all on their charge; also how far off that was.

    `moved` are those that were alive before the step: one that died in it is put on its charge a last time.
    """
    x, parked = term.pinned_x, term.pin == PARKED
    z = jnp.where(term.slides, net.w * x + net.b, 0) / (1 + x**2)
    w = jnp.where(parked, 0, net.w - z * x)
    b = jnp.where(parked, 0, jnp.where(term.slides, -w * x, net.b))
    v = jnp.where(parked, jnp.sign(net.v) * jnp.sqrt(jnp.maximum(origin.charge, 0)), net.v)
    net = ReLUNet(w, b, v, net.b0)
    moved = moved | term.alive
    drift = jnp.where(moved, charge(net) - origin.charge, 0)
    size = jnp.maximum(_square(net), origin.square)
    drift = jnp.max(jnp.abs(drift) / jnp.where(size > 0, size, 1))
    return on_charge(net, origin, moved), drift


def on_charge(net: ReLUNet, origin: Origin, these: Array) -> ReLUNet:
    """These neurons at the charge of `origin`, along their scale orbit: that keeps v |(w, b)| (docs/theory.md 6.7)."""
    length = jnp.hypot(net.w, net.b)
    wanted, _ = lengths(net.v * length, origin.charge)
    moves = these & (length > 0) & (wanted > 0)
    a = jnp.where(moves, wanted / jnp.where(moves, length, 1), 1)
    return ReLUNet(w=a * net.w, b=a * net.b, v=net.v / a, b0=net.b0)


def returned(net: ReLUNet, term: FlowTerm, origin: Origin) -> ReLUNet:
    """A settled net as it is given out: it sees what the cell says that it sees, and is on its charge."""
    put = on_their_sides(term, net)
    return on_their_sides(term, on_charge(put, origin, put.b != net.b))
