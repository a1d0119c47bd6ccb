"""How all neurons answer, within a step, to what those that met a datum changed in the fit.

Theory: docs/theory.md 8.2.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jspline.charts import ReLUNet
from jspline.dynamics._cell import FlowTerm, velocity, weights_of
from jspline.dynamics.carry._step import Carried, FrozenStep

# How a net answers to a force that sets in at the fraction 1 - u of a step and grows linearly to 1: u phi_2(u z), with
# phi_2(z) = (e^z - 1 - z) / z^2 and z = h lambda <= 0, as a polynomial in R = 1 / (1 - z / 4). Row k is the coefficient
# of R^(k + 1), itself a polynomial in u. By least squares over z and u; in the fit it is off by ERROR for u > 0.1.
RESPONSE = (
    (0.2310, 0.2503, -0.7730, 0.8659, -0.3294),
    (-0.8046, 3.7536, -5.1305, 3.2812, -0.8523),
    (0.6432, -4.1209, 7.4034, -5.5431, 1.6427),
)
ERROR = 0.032


def onset_weights(u: Float[Array, " width"]) -> Float[Array, "pulses width"]:
    """How much of a change in the fit that set in at the fraction 1 - u counts for each power of R; and 1."""
    powers = jnp.stack([jnp.ones_like(u), u, u**2, u**3, u**4])
    weights = jnp.matmul(jnp.asarray(RESPONSE, u.dtype), powers, precision="highest")
    return jnp.concatenate([weights, powers[:1]])


def respond(step: FrozenStep, carried: Carried, limit: Float[Array, ""]) -> Carried:
    """With the answer of all neurons to what the carried ones changed, and how far that may be off."""
    term, h, p = step.term, step.dense.t1 - step.dense.t0, step.term.points.p
    *pulses, change = carried.pulses

    def add(answer: ReLUNet, pulse: Array) -> tuple[ReLUNet, None]:
        rate = velocity(step.start, term.project(term.gather(p * pulse)))
        return step.solve(jax.tree.map(lambda sum, r: sum - h * r, answer, rate))[0], None

    answer, _ = jax.lax.scan(add, jax.tree.map(jnp.zeros_like, step.start), jnp.stack(pulses), reverse=True)
    back = term.push(step.start, answer)

    # At second order the carried neurons feel the change of the force in their new cells, not in their old ones.
    impulse = -h * limit * p * (change + back)
    met = step.meeting.theta <= limit

    def felt(term: FlowTerm, net: ReLUNet) -> Array:
        w, b, v = (jnp.where(met, leaf, 0) for leaf in weights_of(net))
        force = term.project(term.gather(impulse))._replace(total=jnp.zeros_like(net.b0))
        mine = ReLUNet(w, b, v, net.b0)
        return term.push(mine, velocity(mine, force))

    second = felt(carried.term, carried.net) - felt(term, step.dense.at(limit))
    error = ERROR * jnp.max(jnp.abs(back)) + jnp.max(jnp.abs(second))
    return carried._replace(net=jax.tree.map(jnp.add, carried.net, answer), error=error)
