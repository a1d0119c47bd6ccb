"""The derivative along the record: forwards, and backwards.

Each step is replayed from the net it began with, as one step of the same method (`_rosenbrock`), which JAX
differentiates but for the linear systems, whose derivative is another right-hand side. Backwards the record is read
from its end. So memory is one net for each step, not what is computed in between.

Theory: docs/theory.md 9.1, 9.4.
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jspline.charts import ReLUNet
from jspline.dynamics._cell import FlowTerm, Force, flatten, unflatten, velocity
from jspline.dynamics._implicit import Solver, factor
from jspline.dynamics._rosenbrock import rodas
from jspline.dynamics.sensitivity._saltation import through_events
from jspline.dynamics.sensitivity._tape import Tape
from jspline.problem import Points

Values = tuple[Float[Array, " data"], Float[Array, " data"], Float[Array, " data"]]
"""x, y and p of the points: what of them has derivatives."""


def values(points: Points) -> tuple[Any, ...]:
    """What of the points has derivatives."""
    return points.x, points.y, points.p


def _replay(tape: Tape, points: Points, k: Array, y: Array, at: Values) -> Array:
    """The parameters at the end of step k, as a function of those at its start and of the points."""
    points = eqx.tree_at(values, points, at)
    old, term = tape.cell(k, points), tape.cell(k + 1, points)
    net = through_events(unflatten(y), old, term)
    return flatten(rodas(term, net, term.force(net), tape.h[k], _differentiable)[0])


def _differentiable(term: FlowTerm, net: ReLUNet, force: Force, g: Array) -> Solver:
    """`factor` for AD: its factors are held, and serve for the derivatives of its solutions too.

    I - g F is symmetric on what can move only. These derivatives also change what the flow holds: b off the line
    b = -w x_m of a slide, when x_m changes, and b0 where it is not trained. That has columns in F and no rows, and is
    taken apart.
    """
    held, at = jax.lax.stop_gradient((term, net))
    inside = factor(held, at, jax.lax.stop_gradient(force), g)

    def free(a: ReLUNet) -> ReLUNet:
        q = held.project(Force(held.points.p, a.w, a.b, a.b0))
        return ReLUNet(q.X, q.E, a.v, jnp.where(held.train_b0, a.b0, 0))

    def fixed(a: ReLUNet) -> ReLUNet:
        return jax.tree.map(jnp.subtract, a, free(a))

    def gather(a: ReLUNet) -> ReLUNet:
        """g J^T p J a, with the rows of what is held."""
        e = g * held.points.p * held.push(at, a)
        return velocity(at, held.gather(e)._replace(total=jnp.sum(e)))

    def apply(a: ReLUNet) -> ReLUNet:
        """(I - g F) a."""
        own = velocity(a, force._replace(total=jnp.zeros_like(force.total)))
        back = velocity(net, term.project(term.gather(term.points.p * term.push(net, a))))
        return jax.tree.map(lambda a, own, back: a - g * (own - back), a, own, back)

    def solve(_: Any, r: ReLUNet) -> ReLUNet:
        beside = fixed(r)
        rest = jax.tree.map(lambda r, q, felt: r - q - felt, r, beside, free(gather(beside)))
        return jax.tree.map(jnp.add, inside(rest)[0], beside)

    def solve_transposed(_: Any, r: ReLUNet) -> ReLUNet:
        a = inside(free(r))[0]
        return jax.tree.map(jnp.add, a, fixed(jax.tree.map(jnp.subtract, r, gather(a))))

    def solver(r: ReLUNet) -> tuple[ReLUNet, Array]:
        a = jax.lax.custom_linear_solve(apply, r, solve, solve_transposed)
        return a, g * term.points.p * term.push(net, a)

    return solver


def forward(tape: Tape, points: Points, change: Array, at: Values) -> Array:
    """How the last parameters change, at a fixed time, with those at the start and with the points."""

    def step(state: tuple[Array, Array]) -> tuple[Array, Array]:
        k, s = state
        _, s = jax.jvp(lambda y, at: _replay(tape, points, k, y, at), (tape.y[k], values(points)), (s, at))
        return k + 1, s

    begin = (jnp.zeros((), jnp.int32), change)
    return jax.lax.while_loop(lambda state: state[0] < tape.count, step, begin)[1]


def reverse(tape: Tape, points: Points, wanted: Array) -> tuple[Array, Values]:
    """The transpose of `forward`: how one function of the last parameters changes with everything at the start."""

    def step(state: tuple[Array, Array, Values]) -> tuple[Array, Array, Values]:
        k, s, at = state
        _, pull = jax.vjp(lambda y, at: _replay(tape, points, k - 1, y, at), tape.y[k - 1], values(points))
        s, more = pull(s)
        return k - 1, s, jax.tree.map(jnp.add, at, more)

    begin = (tape.count, wanted, jax.tree.map(jnp.zeros_like, values(points)))
    _, s, at = jax.lax.while_loop(lambda state: state[0] > 0, step, begin)
    return s, at
