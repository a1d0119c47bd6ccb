"""How the derivative of the state jumps where a neuron meets a datum.

Theory: docs/theory.md 9.2.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from jspline.charts import ReLUNet
from jspline.dynamics._cell import FREE, FlowTerm, Force


class Jumps(eqx.Module):
    """What the neurons meet between two cells, `(width,)` each.

    Attributes:
        datum: the datum that is met.
        met: who crosses it or begins to slide on it.
        released: who slid on it until now.
        before, after: S in z' = v S, n's product with the force, on both sides.
    """

    datum: Int[Array, " width"]
    met: Bool[Array, " width"]
    released: Bool[Array, " width"]
    before: Float[Array, " width"]
    after: Float[Array, " width"]

    @property
    def rho(self) -> Float[Array, " width"]:
        """z'_+ / z'_-."""
        return jnp.where(self.met, self.after / jnp.where(self.met & (self.before != 0), self.before, 1), 1)


def jumps(old: FlowTerm, new: FlowTerm, force: Force) -> Jumps:
    """What happens between the cells `old` and `new`, where `force` is that of `new` (docs/theory.md 9.2)."""
    one, two = old.active, new.active
    sticks, released = (old.pin == FREE) & new.slides, old.slides & (new.pin == FREE)
    datum = jnp.where(sticks, new.pin, jnp.where(old.slides, old.pin, one.switched(two)))
    crosses = (old.pin == FREE) & (new.pin == FREE) & ~one.same(two)

    x = new.points.x[datum]
    after, own = force.side(x), force.e[datum] * (1 + x**2)
    before = after + jnp.where(one.sees(datum), own, 0) - jnp.where(two.sees(datum), own, 0)
    return Jumps(datum, crosses | sticks, released, before, jnp.where(sticks, 0, after))


def through_events(net: ReLUNet, old: FlowTerm, term: FlowTerm) -> ReLUNet:
    """The net, unchanged, with the derivative that it has behind the events between the cells `old` and `term`."""
    met = jax.lax.stop_gradient(jumps(old, term, term.force(net)))
    x = term.points.x[met.datum]
    z, n = net.w * x + net.b, jax.lax.stop_gradient(x)
    change = (met.rho - 1) * (z - jax.lax.stop_gradient(z)) / (1 + n**2)
    return ReLUNet(net.w + change * n, net.b + change, net.v, net.b0)
