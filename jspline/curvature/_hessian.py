"""The Hessian of the loss, exactly and in the time it takes to write it down; its Gram part; products with either.

With J the Jacobian of the fit at the data, the Hessian is

    J^T diag(p) J - R        R couples w_i and v_i by X_i, and b_i and v_i by E_i, within each neuron

(equation 4, completed: the paper gives the first term). X_i and E_i are the sums of p eps x and p eps over the data
that neuron i sees, so R vanishes at a critical point where no v_i is 0, and the Hessian is the Gram matrix of the
columns of J (theorem 5, which needs that condition). The functions are compiled, also where nobody asks for it: called
by themselves they would be a hundred small programs. In the chart (beta, mu) R couples beta_i and mu_i by -E_i.

Theory: docs/theory.md 5.3, 5.6.
"""

from collections.abc import Callable
from typing import Literal

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jspline._checks import Reals, as_like, check_choice, check_kind, check_memory, check_unbatched
from jspline._programs import compiled
from jspline._scale import middle
from jspline.activation import Columns, LiftedColumns, columns, residual_blocks
from jspline.charts import ReLUNet, Spline
from jspline.curvature._parameters import flat, size, tangent
from jspline.datasets import Dataset
from jspline.objective import Sums, loss, predict, relevant_sums, value_and_grad
from jspline.problem import Problem, b0_moved, of_net, quadratic

Matrix = Literal["hessian", "gram"]


@b0_moved
@of_net
@compiled
def hessian(
    net: ReLUNet | Spline,
    problem: Problem | Dataset,
    *,
    method: Literal["structured", "autodiff"] = "structured",
) -> Float[Array, "params params"]:
    """The exact Hessian of the loss at any point, residual terms included, `(3 width + 1, 3 width + 1)`.

    Rows and columns are all w, then all b, all v, and b0 last; if that (or b) does not move it is left out. For a
    `Spline` they are all beta, all mu, and b0: `(2 width + 1, 2 width + 1)`. With D inputs there are (D + 2) width + 1,
    the w of one neuron together, and the time is that of the product of J, `(data, params)`, with itself. Where a
    breakpoint is on a datum, the loss has a second derivative on either side only; this is the one of the side where
    the datum is not seen.

    Args:
        net: a net of width H, or a spline.
        problem: N data, or what is to be done with them. Without its `train_b0` b0 is no parameter,
            without its `biases` b is none.
        method: "structured" sums over sorted data, O(N + H^2), the size of the output; "autodiff" is `jax.hessian` of
            the dense loss, the reference.

    Raises:
        ValueError: for another method, or when the matrix would not fit into memory.

    Numerical caveat: an entry between a right- and a left-facing neuron is the difference of two sums, accurate
    relative to these sums, not to itself.
    """
    problem = quadratic(net, problem)
    check_choice(method=method, choices=("structured", "autodiff"))
    check_fits(net, problem)
    if method == "autodiff":

        def moved(step: Array) -> Array:
            by = tangent(net, step, problem.biases)
            return loss(jax.tree.map(jnp.add, net, by), problem.data, method="dense")

        return jax.hessian(moved)(jnp.zeros_like(flat(net, problem.train_b0, problem.biases)))
    sums = relevant_sums(net.unit_net() if isinstance(net, Spline) else net, problem)
    return _structured(net, problem, sums)


@b0_moved
@of_net
@compiled
def gram(
    net: ReLUNet | Spline,
    problem: Problem | Dataset,
    *,
    method: Literal["structured", "dense"] = "structured",
) -> Float[Array, "params params"]:
    """J^T diag(p) J, in the order of `hessian`: the Hessian at a critical point where no v_i is 0 (theorem 5).

    "structured" is O(N + H^2) by sums over sorted data, "dense" makes J, `(N, 3 H + 1)`, and multiplies. Positive
    semi-definite. Raises `ValueError` for another method, or when the matrix would not fit into memory.
    """
    problem = quadratic(net, problem)
    check_choice(method=method, choices=("structured", "dense"))
    check_fits(net, problem)
    if method == "dense":
        J = jacobian(net, problem)
        return jnp.matmul(J.T, problem.data.weight[:, None] * J, precision="highest")
    return _structured(net, problem, None)


@b0_moved
@of_net
@compiled
def jacobian(net: ReLUNet | Spline, problem: Problem | Dataset) -> Float[Array, "data params"]:
    """J, the derivative of f(x_n) with respect to the parameters in the order of `hessian`: N (3 H + 1) numbers."""
    problem = quadratic(net, problem)
    of_net, z = jacobian_columns(net, problem)
    J = of_net.dense(z)
    return jnp.pad(J, ((0, 0), (0, 1)), constant_values=1) if problem.train_b0 else J


@b0_moved
@of_net
@compiled
def hvp(
    net: ReLUNet | Spline,
    problem: Problem | Dataset,
    vector: Reals | ReLUNet | Spline,
    *,
    matrix: Matrix = "hessian",
) -> Float[Array, " params"] | ReLUNet | Spline:
    """The product of the Hessian (or of the Gram matrix) with a vector, O((N + H) log N) and without the matrix.

    Args:
        net: a net of width H, or a spline.
        problem: N data, or what is to be done with them. Without its `train_b0` b0 is no parameter,
            without its `biases` b is none.
        vector: in the order of `hessian`, `(3 width + 1,)`, or a `ReLUNet` (a `Spline`) that holds it, as a gradient
            does. The product comes back in the same form.
        matrix: "hessian" or "gram".

    Raises `ValueError` for a vector of another length. It is the derivative of the sorted gradient along the vector.
    """
    problem = quadratic(net, problem)
    if not isinstance(vector, type(net)):
        expected = (size(net, problem.train_b0, problem.biases),)
        vector = as_like(net.b0, vector=vector)  # type: ignore[arg-type]  # it is of another chart, or no point
        if vector.shape != expected:
            raise ValueError(f"`vector` must have one entry per parameter, {expected}; got shape {vector.shape}.")
        return operator(net, problem, matrix)(vector)
    if jnp.shape(flat(vector, True)) != jnp.shape(flat(net, True)):
        raise ValueError(f"`vector` must have the width of the net, {net.width}, and its inputs; got {vector.width}.")
    moving = problem.train_b0, problem.biases
    return tangent(net, operator(net, problem, matrix)(flat(vector, *moving)), problem.biases)


def operator(net: ReLUNet | Spline, problem: Problem, matrix: Matrix) -> Callable[[Array], Array]:
    """The map `hvp` from vector to product: the neurons are ranked once, for many products."""
    check_choice(matrix=matrix, choices=("hessian", "gram"))
    data, moving = problem.data, (problem.train_b0, problem.biases)
    if matrix == "hessian":
        _, apply = jax.linearize(lambda point: value_and_grad(point, data)[1], net)
        return lambda vector: flat(apply(tangent(net, vector, problem.biases)), *moving)
    _, push = jax.linearize(lambda point: predict(point, data), net)
    pull = jax.linear_transpose(push, net)

    def product(vector: Array) -> Array:
        (back,) = pull(data.weight * push(tangent(net, vector, problem.biases)))
        return flat(back, *moving)

    return product


@compiled
def ntk(
    net: ReLUNet | Spline,
    x1: Reals,
    x2: Reals | None = None,
    *,
    train_b0: bool = True,
    biases: bool = True,
) -> Float[Array, "n m"]:
    """The neural tangent kernel, sum over the parameters of df(x1_i) df(x2_j), `(n, m)`; x2 = x1 by default.

    Unweighted: the kernel that drives the fit is this times the weights p. In any order, ties allowed. O(H log n + n m)
    by sums over ranked neurons; of several inputs, x1 and x2 of shape `(n, inputs)`, products of matrices, O(n m H).
    Without `biases` b is no parameter. For a `Spline` it is the kernel of gradient descent in (beta, mu). The points
    take the dtype of the net. Raises `ValueError` when x1 or x2 is not at least one point, or has other inputs.
    """
    check_kind(ReLUNet, Spline, net=net)
    check_unbatched(net.b0[None])
    inputs = net.w.shape[1:] if isinstance(net, ReLUNet) else ()
    sets = [as_like(net.b0, x=x) for x in (x1, x2) if x is not None]
    for x in sets:
        if x.ndim != 1 + len(inputs) or x.shape[1:] != inputs or x.size < 1:
            what = f"of shape (points, {inputs[0]})" if inputs else "vectors of at least one point"
            raise ValueError(f"`x1` and `x2` must be {what}; got shape {x.shape}.")
    points, n = jnp.concatenate(sets), len(sets[0])
    order = jnp.arange(len(points)) if inputs else jnp.argsort(points)
    points, place = points[order], jnp.argsort(order)
    centre = middle(points)
    of_net = columns(net, points, centre)
    rows, others = place[:n], place[:n] if x2 is None else place[n:]
    return (of_net if biases else of_net.without_biases()).kernel(points - centre[None], float(train_b0), rows, others)


def jacobian_columns(net: ReLUNet | Spline, problem: Problem) -> tuple[Columns | LiftedColumns, Array]:
    """The Jacobian at the data, and these around their middle."""
    data = problem.data
    of_net = columns(net, data.x, data.middle)
    return of_net if problem.biases else of_net.without_biases(), data.x - data.middle[None]


def _structured(net: ReLUNet | Spline, problem: Problem, sums: Sums | None) -> Float[Array, "params params"]:
    """The Gram matrix, and with the sums of the residual the Hessian."""
    of_net, z = jacobian_columns(net, problem)
    if isinstance(of_net, LiftedColumns):
        matrix = of_net.gram(z, problem.data.weight, 1.0)
        matrix = matrix if sums is None else of_net.coupled(matrix, sums.X, sums.E)
    else:
        matrix = of_net.gram(z, problem.data.weight, 1.0, _blocks(net, problem, sums))
    return matrix if problem.train_b0 else matrix[:-1, :-1]


def _blocks(net: ReLUNet | Spline, problem: Problem, sums: Sums | None) -> tuple[Array, Array] | None:
    """What the residual adds, as `Columns.gram` takes it."""
    if sums is None:
        return None
    if isinstance(net, Spline):
        none = jnp.zeros_like(sums.E)
        return jnp.stack([sums.E, none]), jnp.stack([none, jnp.ones_like(none)])
    a, c = residual_blocks(sums.X, sums.E)
    return (a, c) if problem.biases else (a[::2], c[::2])


def check_fits(net: ReLUNet | Spline, problem: Problem) -> None:
    """Raise `ValueError` when a matrix of all parameters would not fit into memory, and say what to do instead."""
    P = size(net, problem.train_b0, problem.biases)
    check_memory(
        f"A matrix of {P:,} x {P:,} parameters",
        P * P * net.b0.dtype.itemsize,
        "jspline.hvp multiplies with it without making it, and jspline.curvature.spectral_density and "
        "extreme_eigenvalues find its spectrum that way",
    )
