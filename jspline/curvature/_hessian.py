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

from jspline._checks import Reals, as_like, check_choice, check_memory
from jspline._programs import compiled
from jspline._scale import middle
from jspline.activation import columns, residual_blocks
from jspline.charts import ReLUNet, Spline
from jspline.curvature._parameters import flat, size, tangent
from jspline.datasets import Dataset
from jspline.objective import loss, predict, relevant_sums, value_and_grad
from jspline.problem import Problem, b0_moved, data_and_b0

Matrix = Literal["hessian", "gram"]


@b0_moved
@compiled
def hessian(
    net: ReLUNet | Spline,
    problem: Problem | Dataset,
    *,
    method: Literal["structured", "autodiff"] = "structured",
) -> Float[Array, "params params"]:
    """The exact Hessian of the loss at any point, residual terms included, `(3 width + 1, 3 width + 1)`.

    Rows and columns are all w, then all b, all v, and b0 last; if that does not move it is left out. For a `Spline`
    they are all beta, all mu, and b0: `(2 width + 1, 2 width + 1)`. Where a breakpoint is on a datum, the loss has a
    second derivative on either side only; this is the one of the side where the datum is not seen.

    Args:
        net: a net of width H, or a spline.
        problem: N data, or what is to be done with them. Without its `train_b0` b0 is no parameter.
        method: "structured" sums over sorted data, O(N + H^2), the size of the output; "autodiff" is `jax.hessian` of
            the dense loss, the reference.

    Raises:
        ValueError: for another method, or when the matrix would not fit into memory.

    Numerical caveat: an entry between a right- and a left-facing neuron is the difference of two sums, accurate
    relative to these sums, not to itself.
    """
    data, train_b0 = data_and_b0(problem)
    check_choice(method=method, choices=("structured", "autodiff"))
    check_fits(net, train_b0)
    if method == "autodiff":

        def moved(step: Array) -> Array:
            return loss(jax.tree.map(jnp.add, net, tangent(net, step)), data, method="dense")

        return jax.hessian(moved)(jnp.zeros_like(flat(net, train_b0)))
    if isinstance(net, Spline):
        E = relevant_sums(net.unit_net(), data).E
        blocks = jnp.stack([E, jnp.zeros_like(E)]), jnp.stack([jnp.zeros_like(E), jnp.ones_like(E)])
    else:
        sums = relevant_sums(net, data)
        blocks = residual_blocks(sums.X, sums.E)
    return _structured(net, data, train_b0, blocks)


@b0_moved
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
    data, train_b0 = data_and_b0(problem)
    check_choice(method=method, choices=("structured", "dense"))
    check_fits(net, train_b0)
    if method == "dense":
        J = jacobian(net, problem)
        return jnp.matmul(J.T, data.weight[:, None] * J, precision="highest")
    return _structured(net, data, train_b0, None)


@b0_moved
@compiled
def jacobian(net: ReLUNet | Spline, problem: Problem | Dataset) -> Float[Array, "data params"]:
    """J, the derivative of f(x_n) with respect to the parameters in the order of `hessian`: N (3 H + 1) numbers."""
    data, train_b0 = data_and_b0(problem)
    J = columns(net, data.x, data.middle).dense(data.x - data.middle)
    return jnp.pad(J, ((0, 0), (0, 1)), constant_values=1) if train_b0 else J


@b0_moved
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
        problem: N data, or what is to be done with them. Without its `train_b0` b0 is no parameter.
        vector: in the order of `hessian`, `(3 width + 1,)`, or a `ReLUNet` (a `Spline`) that holds it, as a gradient
            does. The product comes back in the same form.
        matrix: "hessian" or "gram".

    Raises `ValueError` for a vector of another length. It is the derivative of the sorted gradient along the vector.
    """
    data, train_b0 = data_and_b0(problem)
    if not isinstance(vector, type(net)):
        expected = (size(net, train_b0),)
        vector = as_like(net.b0, vector=vector)  # type: ignore[arg-type]  # it is of another chart, or no point
        if vector.shape != expected:
            raise ValueError(f"`vector` must have one entry per parameter, {expected}; got shape {vector.shape}.")
        return operator(net, data, matrix, train_b0)(vector)
    if vector.width != net.width:
        raise ValueError(f"`vector` must have the width of the net, {net.width}; got {vector.width}.")
    return tangent(net, operator(net, data, matrix, train_b0)(flat(vector, train_b0)))


def operator(net: ReLUNet | Spline, data: Dataset, matrix: Matrix, train_b0: bool) -> Callable[[Array], Array]:
    """The map `hvp` from vector to product: the neurons are ranked once, for many products."""
    check_choice(matrix=matrix, choices=("hessian", "gram"))
    if matrix == "hessian":
        _, apply = jax.linearize(lambda point: value_and_grad(point, data)[1], net)
        return lambda vector: flat(apply(tangent(net, vector)), train_b0)
    _, push = jax.linearize(lambda point: predict(point, data), net)
    pull = jax.linear_transpose(push, net)

    def product(vector: Array) -> Array:
        (back,) = pull(data.weight * push(tangent(net, vector)))
        return flat(back, train_b0)

    return product


@compiled
def ntk(
    net: ReLUNet | Spline,
    x1: Reals,
    x2: Reals | None = None,
    *,
    train_b0: bool = True,
) -> Float[Array, "n m"]:
    """The neural tangent kernel, sum over the parameters of df(x1_i) df(x2_j), `(n, m)`; x2 = x1 by default.

    Unweighted: the kernel that drives the fit is this times the weights p. In any order, ties allowed. O(H log n + n m)
    by sums over ranked neurons. For a `Spline` it is the kernel of gradient descent in (beta, mu). The points take the
    dtype of the net. Raises `ValueError` when x1 or x2 is not a vector of at least one point.
    """
    sets = [as_like(net.b0, x=x) for x in (x1, x2) if x is not None]
    for x in sets:
        if x.ndim != 1 or x.size < 1:
            raise ValueError(f"`x1` and `x2` must be vectors of at least one point; got shape {x.shape}.")
    points, n = jnp.concatenate(sets), sets[0].size
    order = jnp.argsort(points)
    sorted_points = points[order]
    centre = middle(sorted_points)
    place = jnp.argsort(order)
    rows, others = place[:n], place[:n] if x2 is None else place[n:]
    return columns(net, sorted_points, centre).kernel(sorted_points - centre, float(train_b0), rows, others)


def _structured(
    net: ReLUNet | Spline, data: Dataset, train_b0: bool, blocks: tuple[Array, Array] | None
) -> Float[Array, "params params"]:
    matrix = columns(net, data.x, data.middle).gram(data.x - data.middle, data.weight, 1.0, blocks)
    return matrix if train_b0 else matrix[:-1, :-1]


def check_fits(net: ReLUNet | Spline, train_b0: bool) -> None:
    """Raise `ValueError` when a matrix of all parameters would not fit into memory, and say what to do instead."""
    P = size(net, train_b0)
    check_memory(
        f"A matrix of {P:,} x {P:,} parameters",
        P * P * net.b0.dtype.itemsize,
        "jspline.hvp multiplies with it without making it, and jspline.curvature.spectral_density and "
        "extreme_eigenvalues find its spectrum that way",
    )
