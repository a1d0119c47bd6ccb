"""All eigenvalues of the Hessian or of the Gram matrix, through the smaller side, and when the two are one.

Theory: docs/theory.md 5.4, 5.6, 5.7.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jspline._checks import check_choice, check_finite, check_kind, check_memory, check_positive, is_concrete, on_host
from jspline._programs import compiled
from jspline.charts import ReLUNet, Spline
from jspline.charts._lift import norm
from jspline.curvature._hessian import Matrix, gram, hessian, jacobian, ntk
from jspline.curvature._lanczos import extreme_eigenvalues, gram_diagonal
from jspline.curvature._parameters import flat, size, tangent
from jspline.datasets import Dataset
from jspline.objective import relevant_sums, value_and_grad
from jspline.problem import Problem, b0_moved, only_data, quadratic

DENSE = 1500
"""Up to so many parameters one negative eigenvalue is looked for among all, beyond by Lanczos's method."""


@b0_moved
def spectrum(
    net: ReLUNet | Spline, problem: Problem | Dataset, *, matrix: Matrix = "hessian"
) -> Float[Array, " params"]:
    """All eigenvalues in increasing order, `(3 width + 1,)`, zeros included.

    J^T diag(p) J, `(params, params)`, and diag(sqrt p) K diag(sqrt p), `(data, data)`, have the same non-zero
    eigenvalues, K the neural tangent kernel: the smaller of the two is taken, at O(min(N, 3 H + 1)^3). So the Gram
    spectrum of a net of any width is exact as long as the data are few. The Hessian takes that way where it is the
    Gram matrix up to rounding (concrete values only), and a dense decomposition of its own elsewhere. For large
    problems see `curvature.spectral_density` and `extreme_eigenvalues`.

    Args:
        net: a net of width H, or a spline.
        problem: N data, or what is to be done with them. Without its `train_b0` b0 is no parameter,
            without its `biases` b is none.
        matrix: "hessian" or "gram".

    Raises:
        ValueError: for another matrix, or when the matrix would not fit into memory.

    Numerical caveat: errors are about machine epsilon times the largest eigenvalue, so of a smaller eigenvalue not even
    the sign is known. `zero_modes` counts zeros more sharply. Of eigenvalues that are equal only the sum has a
    derivative, and the derivative in a weight of 0 is NaN.
    """
    check_kind(ReLUNet, Spline, net=net)
    problem = quadratic(net, problem)
    data, params = problem.data, size(net, problem.train_b0, problem.biases)
    check_choice(matrix=matrix, choices=("hessian", "gram"))
    if matrix == "hessian" and not _coincide(net, problem):
        return jnp.linalg.eigvalsh(hessian(net, problem))
    if data.size >= params:
        return jnp.linalg.eigvalsh(gram(net, problem))
    check_memory(
        f"A kernel of {data.size:,} x {data.size:,} data",
        data.size**2 * data.x.dtype.itemsize,
        "see jspline.curvature.spectral_density and extreme_eigenvalues",
    )
    root = jnp.sqrt(data.weight)
    kernel = ntk(net, data.x, train_b0=problem.train_b0, biases=problem.biases)
    values = jnp.linalg.eigvalsh(root[:, None] * kernel * root[None])
    # Behind the negative ones that rounding makes.
    return jnp.sort(jnp.append(values, jnp.zeros(params - data.size, values.dtype)))


def _coincide(net: ReLUNet | Spline, problem: Problem) -> bool:
    """Whether the residual terms cannot move an eigenvalue by more than rounding does."""
    if not is_concrete(net, problem):
        return False
    with jax.ensure_compile_time_eval():  # they are known, even where the caller is being traced
        gap = jnp.max(pull(net, problem))
        return bool(gap <= jnp.finfo(gap.dtype).eps * jnp.max(gram_diagonal(net, problem)))


@compiled
def pull(net: ReLUNet | Spline, problem: Problem | Dataset) -> Float[Array, " width"]:
    """|q_i| for each neuron, q = (X, E), or |E_i| in the spline chart: the eigenvalues of R are these, with both signs,
    so the largest is the distance between Hessian and Gram matrix. Of what is no parameter there is no part."""
    problem = quadratic(net, problem)
    if isinstance(net, Spline):
        return jnp.abs(relevant_sums(net.unit_net(), problem).E)
    sums = relevant_sums(net, problem)
    along = jnp.abs(sums.X) if net.on_line else norm(sums.X)
    return jnp.hypot(along, sums.E) if problem.biases else along


class Escape(NamedTuple):
    """A direction in which the loss curves down.

    Attributes:
        curvature: direction . H direction, negative.
        direction: a unit tangent vector, as a net (or spline).
        gradient: the length of the gradient: 0 at a critical point.
    """

    curvature: float
    direction: ReLUNet | Spline
    gradient: float


@b0_moved
@on_host
def escape_direction(net: ReLUNet | Spline, problem: Problem | Dataset, *, tol: float | None = None) -> Escape | None:
    """The direction of the most negative curvature, or None if no eigenvalue is below -tol.

    At a critical point it is the way down that gradient flow cannot find; theorem 5 as printed says there is none, and
    v_i = 0 with q_i != 0 is the counterexample. On the host; a dense decomposition for few parameters, Lanczos's method
    for many.

    Args:
        net: a net of width H, or a spline.
        problem: N data, or what is to be done with them. Without its `train_b0` b0 is no parameter,
            without its `biases` b is none.
        tol: by default the number of parameters times machine epsilon times the trace.
    """
    problem = quadratic(net, problem)
    moving = problem.train_b0, problem.biases
    P = size(net, *moving)
    if tol is not None:
        check_positive(strict=False, tol=tol)
    else:
        trace = jnp.sum(gram_diagonal(net, problem)) + jnp.max(pull(net, problem))
        tol = float(P * jnp.finfo(net.b0.dtype).eps * trace)
    if P <= DENSE:
        values, vectors = jnp.linalg.eigh(hessian(net, problem))
        value, vector = values[0], vectors[:, 0]
    else:
        found = extreme_eigenvalues(net, problem, 1, which="smallest")
        value, vector = found.values[0], found.vectors[0]
    check_finite(net=flat(net, True))  # or it would have none
    if not value < -tol:
        return None
    _, grad = value_and_grad(net, problem)
    return Escape(float(value), tangent(net, vector, problem.biases), float(jnp.linalg.norm(flat(grad, *moving))))


class DeltaSlopes(NamedTuple):
    """The singular value decomposition of diag(sqrt p) Phi = U diag(S) V^T, Phi_ni = (x_n - beta_i)_{s_i}.

    The Hessian of the loss in mu alone is Phi^T diag(p) Phi = V diag(S^2) V^T (section 2.4, figure 6).

    Attributes:
        U: `(data, k)`, k = min(data, width).
        S: `(k,)`, decreasing.
        V: `(width, k)`.
        rank: how many of S are above max(N, H) eps times the largest, a scalar.
    """

    U: Float[Array, "data k"]
    S: Float[Array, " k"]
    V: Float[Array, "width k"]
    rank: Array

    def split(self, mu: Float[Array, " width"]) -> tuple[Float[Array, " width"], Float[Array, " width"]]:
        """mu as a part that the fit depends on and a part that no datum sees: range and null space of Phi."""
        basis = jnp.where(jnp.arange(len(self.S))[None] < self.rank, self.V, 0)
        seen = jnp.matmul(basis, jnp.matmul(basis.T, mu, precision="highest"), precision="highest")
        return seen, mu - seen


def delta_slopes(spline: Spline, problem: Problem | Dataset) -> DeltaSlopes:
    """The loss as a function of the delta-slopes alone, which is quadratic: its modes. O(N H min(N, H)).

    The modes have derivatives where the singular values are distinct and none is 0; elsewhere these are NaN.

    Theory: docs/theory.md 5.7.
    """
    check_kind(Spline, spline=spline)
    data = only_data(problem)
    Phi = jacobian(spline, data)[:, spline.width : 2 * spline.width]
    U, S, Vt = jnp.linalg.svd(jnp.sqrt(data.weight)[:, None] * Phi, full_matrices=False)
    rank = jnp.sum(S / S[0] > max(Phi.shape) * jnp.finfo(S.dtype).eps)
    return DeltaSlopes(U, S, Vt.T, rank)
