"""What a breakpoint does at a datum: as the slice has it, and as the flow has it. They differ.

The slice moves beta alone. Gradient flow moves w, b and v together, and so asks E + x_n X where the slice asks E. Of
20,000 random cases 496 attract in both senses, 117 in the slice's only, 401 in the flow's only (tests/test_knots.py).

Theory: docs/theory.md 3.2.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jspline._programs import compiled
from jspline.activation import Ranks
from jspline.charts import ReLUNet, Spline
from jspline.datasets import Dataset
from jspline.landscape._arguments import as_index, posed_finite, same_x
from jspline.landscape._slices import Index, residual_without, slice_breakpoint
from jspline.problem import Problem

KNOTS = ("passthrough", "repeller", "attractor")
"""What the codes of `Knots` count in."""


class Knots(eqx.Module):
    """The type of one neuron at each datum, `(data,)` each; equal x are one knot.

    Attributes:
        slice: place in `KNOTS`, from the loss as a function of beta alone. Attractor: it falls to the datum from both
            sides, m2 < x_n < m1 for the minimisers of the parabolas to its left and right; repeller: it rises,
            m1 < x_n < m2; passthrough otherwise, so also where a piece is flat or a minimiser is on the datum.
        flow: place in `KNOTS`, from gradient flow with the neuron on the datum. Attractor: both sides push towards
            it, and the neuron would slide; repeller: both push away; passthrough otherwise.
        left, right: the one-sided derivatives of the slice.
        inner, outer: the velocity of z = w x_n + b on the side where the datum is not seen and on that where it is,
            over |v|: sign(v) S and sign(v) (S + e_n (1 + x_n^2)), S = E + x_n X summed without the datum.
    """

    slice: Int[Array, " data"]
    flow: Int[Array, " data"]
    left: Float[Array, " data"]
    right: Float[Array, " data"]
    inner: Float[Array, " data"]
    outer: Float[Array, " data"]


def classify_knots(net: ReLUNet | Spline, problem: Problem | Dataset, i: Index) -> Knots:
    """Passthrough, repeller or attractor, for neuron i at each datum: of the slice (theorem 3), and of the flow.

    For both, the neuron is put on the datum with its mu and s, all others staying where they are. Whether its bias
    alone is changed, or (w, b, v) at fixed mu and charge, makes no difference: the residual depends on mu and s only,
    and the side velocities on v by its sign, which is that of mu s. With v = 0 it is the sign that v is about to take.
    So for a net on its way, just before neuron i meets datum n, `flow[n]` says what the exact flow will do: slide on an
    attractor, cross a passthrough. O(N + H) after the search for ranks.

    Raises as `slice_breakpoint`. Numerical caveat: as the residual vanishes, the signs are those of rounding.
    """
    quadratic = slice_breakpoint(net, problem, i)
    net, data = posed_finite(net, problem)
    left, right = (quadratic.derivative(data.x, side) for side in ("left", "right"))
    inner, outer = _side_velocities(net, data, as_index(i, net.width, "i", "neuron"))
    return Knots(_kind(-left, right), _kind(inner, -outer), left, right, inner, outer)


def _kind(one: Array, other: Array) -> Array:
    """From how strongly each side pushes towards the datum."""
    attractor, repeller = (one > 0) & (other > 0), (one < 0) & (other < 0)
    return jnp.where(attractor, 2, jnp.where(repeller, 1, 0)).astype(jnp.int32)


@compiled
def _side_velocities(net: ReLUNet, data: Dataset, i: Array) -> tuple[Array, Array]:
    w, v = net.w[i], net.v[i]
    r, x = residual_without(net, data, i), data.x - data.middle
    first, behind = same_x(data)
    # E, and the sum of e (x - x_n), over what it sees from x_n, where the residual is r - mu (x - x_n).
    seen = Ranks(jnp.where(w > 0, behind, first), jnp.broadcast_to(w > 0, x.shape), data.size)
    p, e = data.weight, data.weight * r
    e0, e1, p0, p1, p2 = seen.over_data(jnp.stack([e, e * x, p, p * x, p * x**2]))
    mu = w * v
    E = e0 - mu * (p1 - x * p0)
    lever = (e1 - x * e0) - mu * (p2 - 2 * x * p1 + x**2 * p0)
    own = jax.ops.segment_sum(e, first, data.size)[first]
    length = 1 + data.x**2
    S = length * E + data.x * lever
    sign = jnp.where(v != 0, jnp.sign(v), jnp.sign(w) * jnp.sign(lever))
    return sign * S, sign * (S + own * length)
