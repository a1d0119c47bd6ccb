"""The linear systems of an implicit step, solved by structure.

The Jacobian of the field is

    A - J^T diag(p) J,    A = one 3 x 3 block per neuron: (w, v) and (b, v) are coupled by X and E

which is minus the Hessian of the loss: blocks plus rank N. So a system with I - g (A - J^T p J) takes the closed
inverse of the blocks and one symmetric positive definite N x N system (Woodbury), or, when that is smaller, one on
the parameter side. Both are assembled from sums over what is active. Of a neuron that slides, blocks and J are
projected on its line.

Theory: docs/theory.md 6.5.
"""

from collections.abc import Callable
from typing import TypeAlias

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jspline.activation import Columns, residual_blocks
from jspline.charts import ReLUNet
from jspline.dynamics._cell import FlowTerm, Force, flatten, unflatten, velocity

Solver: TypeAlias = Callable[[ReLUNet], tuple[ReLUNet, Array]]
"""From r to a, and to g p J a, which comes with it."""


def factor(term: FlowTerm, net: ReLUNet, force: Force, g: Float[Array, ""]) -> Solver:
    """The solver of (I - g F) a = r, F the Jacobian of the field at `net`, where its projected `force` is known.

    Beside a it returns g p J a, `(data,)`, which the solution comes with.

    Needs g |q| < 1 for every neuron, or a block is singular. O(N^2 + H) to assemble, N^3 / 3 to factor; with
    3 H + 1 < N, O(N + H^2) and 9 H^3.

    Theory: docs/theory.md 6.5.
    """
    if 3 * net.width + 1 < len(term.points.x):
        return _factor_parameters(term, net, force, g)
    X, E = force.X, force.E
    inverse_determinant = 1 / (1 - g**2 * (X**2 + E**2))

    def block(r: ReLUNet) -> ReLUNet:
        """(I - g A)^-1 r."""
        v = (r.v + g * (X * r.w + E * r.b)) * inverse_determinant
        return ReLUNet(w=r.w + g * X * v, b=r.b + g * E * v, v=v, b0=r.b0)

    weight = jnp.sqrt(term.points.p)
    identity = jnp.eye(len(weight), dtype=weight.dtype)
    gram = weight[:, None] * _kernel(term, net, force, g, inverse_determinant) * weight[None]
    triangle = jnp.linalg.cholesky(identity + g * gram)
    # For few data the inverse: a product with it is one operation, also in a batch. For many it costs too much.
    invert = len(weight) <= 64
    if invert:
        half = jax.scipy.linalg.solve_triangular(triangle, identity, lower=True) * weight[None]
        inverse = g * jnp.matmul(half.T, half, precision="highest")

    def solve(r: ReLUNet) -> tuple[ReLUNet, Array]:
        r = block(r)
        change = term.push(net, r)
        if invert:
            change = jnp.matmul(inverse, change, precision="highest")
        else:
            change = g * weight * jax.scipy.linalg.cho_solve((triangle, True), weight * change)
        back = velocity(net, term.project(term.gather(change)))
        return jax.tree.map(jnp.subtract, r, block(back)), change

    return solve


def _factor_parameters(term: FlowTerm, net: ReLUNet, force: Force, g: Array) -> Solver:
    """`factor` by one system with as many unknowns as parameters: for more data than these."""
    z = term.points.x - term.points.centre
    blocks = residual_blocks(force.X, force.E)
    hessian = _columns(term, net).gram(z, term.points.p, term.train_b0.astype(net.w.dtype), blocks)
    matrix = jnp.eye(len(hessian), dtype=hessian.dtype) + g * hessian
    factored = jax.scipy.linalg.cho_factor(matrix, lower=True)

    def solve(r: ReLUNet) -> tuple[ReLUNet, Array]:
        a = unflatten(jax.scipy.linalg.cho_solve(factored, flatten(r)))
        return a, g * term.points.p * term.push(net, a)

    return solve


def _columns(term: FlowTerm, net: ReLUNet) -> Columns:
    """The columns of J, those of w and b of a neuron that slides projected on b = -w x_m."""
    centre, x = term.points.centre, term.pinned_x
    along = net.v / (1 + x**2)
    w = jnp.where(term.slides, along, net.v), jnp.where(term.slides, along * (centre - x), net.v * centre)
    b = jnp.where(term.slides, -x * along, 0), jnp.where(term.slides, -x * along * (centre - x), net.v)
    v = net.w, net.b + net.w * centre
    slope, level = (jnp.stack(parts) for parts in zip(w, b, v, strict=True))
    return Columns(slope, level, term.active)


def _kernel(
    term: FlowTerm, net: ReLUNet, force: Force, g: Array, inverse_determinant: Array
) -> Float[Array, "data data"]:
    """J (I - g A)^-1 J^T: the neural tangent kernel, seen through the blocks.

    Those turn the column of v, (w, b), into ((w, b) + g v q) / sqrt(det), and leave what is projected on
    b = -w x_m of the columns of w and b.
    """
    centre, x = term.points.centre, term.pinned_x
    norm = net.v / jnp.sqrt(1 + x**2)
    scale = jnp.sqrt(inverse_determinant)
    w = jnp.where(term.slides, norm, net.v), jnp.where(term.slides, -x * norm, 0)
    b = jnp.zeros_like(norm), jnp.where(term.slides, 0, net.v)
    v = scale * (net.w + g * net.v * force.X), scale * (net.b + g * net.v * force.E)
    slope, level = (jnp.stack(parts) for parts in zip(w, b, v, strict=True))
    columns = Columns(slope, level + slope * centre, term.active)
    return columns.kernel(term.points.x - centre, term.train_b0.astype(net.w.dtype))
