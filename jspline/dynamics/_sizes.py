"""How large a neuron is, and how far off it may be: in what the data see of it, wherever they lie.

With data near x = 1000 a neuron whose breakpoint is among them has |b| = 1000 |w|, and says nothing with that: errors
that are small beside |b| are not small at the data. So (w, b) is measured by what it does there, by its slope times
half the range R of the data and by its value at their centre c: z = (R w, w c + b). The flow trades v for z at the rate
of (1 + x^2) to 1. What is tolerated is therefore relative to

    |z| and |v| / k for an error of z,    |v| and |z| / k for an error of v,    k^2 = (1 + c^2 + R^2) / 2 or 1

whichever is more, in place of |(w, b, v)| for both, which it is for data that fill [-1, 1].

Theory: docs/theory.md 6.6.
"""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from jspline.charts import ReLUNet
from jspline.dynamics._cell import FlowTerm, Force, velocity
from jspline.dynamics._solution import length
from jspline.problem import Points


def seen(points: Points, net: ReLUNet) -> ReLUNet:
    """A net, or a change of one, as the data see it: R w in place of w, and w c + b in place of b."""
    return ReLUNet(points.half_range * net.w, net.w * points.centre + net.b, net.v, net.b0)


def sizes(points: Points, net: ReLUNet) -> ReLUNet:
    """What an error of each entry of `seen` is relative to: a size for each neuron, or small ones would not count."""
    at_data = seen(points, net)
    z, v = jnp.hypot(at_data.w, at_data.b), jnp.abs(net.v)
    k = jnp.sqrt(jnp.maximum((1 + points.centre**2 + points.half_range**2) / 2, 1))
    of_z = jnp.hypot(z, v / k)
    return ReLUNet(w=of_z, b=of_z, v=jnp.hypot(v, z / k), b0=net.b0)


def unrest(term: FlowTerm, net: ReLUNet, force: Force) -> Float[Array, ""]:
    """The gradient over the length of the net, both for x and y moved to 0 and x to [-1, 1]. At rest that is 0.

    A net is then `seen`, with b0 from the middle of y. So neither length depends on where the data lie, nor on the unit
    of x.
    """
    points = term.points
    unit = jnp.where(points.half_range > 0, points.half_range, 1)
    moved = eqx.tree_at(lambda t: t.pinned_x, term, (term.pinned_x - points.centre) / unit)
    force = moved.project(force._replace(X=(force.X - points.centre * force.E) / unit))
    there = seen(points, net)
    moved_net = eqx.tree_at(lambda n: n.b0, there, net.b0 - points.middle)
    gradient, size = (length(each, term.train_b0) for each in (velocity(there, force), moved_net))
    return jnp.where(gradient == 0, 0, gradient / size)


def rests(unrest: Float[Array, ""], tol: Float[Array, ""]) -> Bool[Array, ""]:
    """Whether that is rest; never for a `tol` of 0."""
    return (tol > 0) & (unrest <= tol)
