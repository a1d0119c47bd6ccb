"""How all neurons answer, within a step, to what those that met a datum changed in the fit.

Theory: docs/theory.md 8.2.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jspline.activation import Ranks
from jspline.charts import ReLUNet
from jspline.dynamics._cell import in_cell, velocity, weights_of
from jspline.dynamics.carry._response import ERROR
from jspline.dynamics.carry._step import Carried, FrozenStep


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

    def felt(active: Ranks, pin: Array, net: ReLUNet) -> Array:
        cell = in_cell(term, active, pin)
        w, b, v = (jnp.where(met, leaf, 0) for leaf in weights_of(net))
        force = cell.project(cell.gather(impulse))._replace(total=jnp.zeros_like(net.b0))
        mine = ReLUNet(w, b, v, net.b0)
        return cell.push(mine, velocity(mine, force))

    new = felt(carried.term.active, carried.term.pin, carried.net)
    old = felt(term.active, term.pin, step.dense.at(limit))
    error = ERROR * jnp.max(jnp.abs(back)) + jnp.max(jnp.abs(new - old))
    return carried._replace(net=jax.tree.map(jnp.add, carried.net, answer), error=error)
