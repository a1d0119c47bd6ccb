"""A net put where its cell says that it is: sliding neurons on their data, parked ones at rest, all on their charge.

Theory: docs/theory.md 6.7.
"""

import jax.numpy as jnp
from jaxtyping import Array

from jspline.charts import ReLUNet, charge, lengths
from jspline.dynamics._cell import PARKED, FlowTerm
from jspline.dynamics.events import on_their_sides


def settled(net: ReLUNet, term: FlowTerm, origin: ReLUNet, moved: Array) -> tuple[ReLUNet, Array]:
    """Put sliding neurons on their data, parked ones to rest, all on their charge; also how far off that was.

    `moved` are those that were alive before the step: one that died in it is put on its charge a last time.
    """
    x, parked = term.pinned_x, term.pin == PARKED
    z = jnp.where(term.slides, net.w * x + net.b, 0) / (1 + x**2)
    w = jnp.where(parked, 0, net.w - z * x)
    b = jnp.where(parked, 0, jnp.where(term.slides, -w * x, net.b))
    v = jnp.where(parked, jnp.sign(net.v) * jnp.sqrt(jnp.maximum(charge(origin), 0)), net.v)
    net = ReLUNet(w, b, v, net.b0)
    moved = moved | term.alive
    drift = jnp.where(moved, charge(net) - charge(origin), 0)
    size = jnp.maximum(*(n.v**2 + n.w**2 + n.b**2 for n in (net, origin)))
    drift = jnp.max(jnp.abs(drift) / jnp.where(size > 0, size, 1))
    return on_charge(net, origin, moved), drift


def on_charge(net: ReLUNet, origin: ReLUNet, these: Array) -> ReLUNet:
    """These neurons at the charge of `origin`, along their scale orbit: that keeps v |(w, b)| (docs/theory.md 6.7)."""
    length = jnp.hypot(net.w, net.b)
    wanted, _ = lengths(net.v * length, charge(origin))
    moves = these & (length > 0) & (wanted > 0)
    a = jnp.where(moves, wanted / jnp.where(moves, length, 1), 1)
    return ReLUNet(w=a * net.w, b=a * net.b, v=net.v / a, b0=net.b0)


def returned(net: ReLUNet, term: FlowTerm, origin: ReLUNet) -> ReLUNet:
    """A settled net as it is given out: it sees what the cell says that it sees, and is on its charge."""
    put = on_their_sides(term, net)
    return on_their_sides(term, on_charge(put, origin, put.b != net.b))
