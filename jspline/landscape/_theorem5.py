"""When the Hessian is the Gram matrix: theorem 5, with the condition that it lacks.

Theory: docs/theory.md 5.4.
"""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from jspline._checks import check_finite, check_kind, check_positive, on_host
from jspline.charts import ReLUNet
from jspline.curvature import flat
from jspline.curvature._lanczos import gram_diagonal
from jspline.curvature._spectrum import pull
from jspline.datasets import Dataset
from jspline.landscape._arguments import touched
from jspline.objective import value_and_grad
from jspline.problem import Problem, b0_moved, quadratic


class Theorem5(NamedTuple):
    """Whether the Hessian is the Gram matrix at a point, and what stands in the way if not.

    Attributes:
        holds: whether it is, within `tolerance`.
        gap: the largest |q_i|: the spectral norm of Hessian - Gram matrix.
        tolerance: what `gap` and the gradient are held against.
        critical: whether the gradient vanishes.
        gradient: its length.
        silent: how many neurons have v_i = 0 and q_i != 0: the gradient does not see their q_i, the Hessian does.
        on_data: how many neurons have their breakpoint on a datum, where the loss has no second derivative.
        reason: all of this in one sentence.
    """

    holds: bool
    gap: float
    tolerance: float
    critical: bool
    gradient: float
    silent: int
    on_data: int
    reason: str


@b0_moved
@on_host
def theorem5(net: ReLUNet, problem: Problem | Dataset, *, tol: float | None = None) -> Theorem5:
    """Whether theorem 5 holds at a net: is the Hessian the Gram matrix, hence positive semi-definite?

    It is if and only if q_i = (X_i, E_i) = 0 for every neuron. At a critical point with **all v_i != 0** it always is.
    The printed theorem lacks that condition: with v_i = 0 the gradient vanishes whatever q_i is, and the Hessian has a
    negative eigenvalue if q_i != 0 (`jspline.curvature.escape_direction` finds it). Nor has the loss a Hessian where a
    breakpoint (or breakplane) is on a datum of positive weight.

    Args:
        net: concrete, on the host.
        problem: likewise, as data or as what is to be done with them.
        tol: what counts as zero for the gradient and the q_i; by default 10^-8 (10^-3 in float32) times the square
            root of the largest diagonal entry of the Gram matrix and of the weights times y^2, the size of what they
            are sums of.

    Raises `ValueError` when the net holds NaN or infinity.

    Theory: docs/theory.md 5.4.
    """
    check_kind(ReLUNet, net=net)
    problem = quadratic(net, problem)
    data = problem.data
    check_finite(w=net.w, b=net.b, v=net.v, b0=net.b0)
    if tol is not None:
        check_positive(strict=False, tol=tol)
    pulls = np.asarray(pull(net, problem))
    _, grad = value_and_grad(net, problem)
    gradient = float(jnp.linalg.norm(flat(grad, problem.train_b0, problem.biases)))
    if tol is None:
        energy = jnp.sum(data.weight * data.y**2) + jnp.finfo(net.w.dtype).tiny
        size_of_terms = jnp.sqrt(energy * jnp.max(gram_diagonal(net, problem)))
        tol = float(size_of_terms) * (1e-8 if net.w.dtype == jnp.float64 else 1e-3)
    v, weighs = np.asarray(net.v), np.asarray(data.weight) > 0
    on_data = int(np.sum(np.any(touched(net, data)[weighs], axis=0)))
    silent = int(np.sum((v == 0) & (pulls > tol)))
    gap, critical = float(pulls.max()), gradient <= tol
    holds = gap <= tol and on_data == 0
    if holds:
        reason = "The Hessian is the Gram matrix: no neuron has a residual left to pull on it."
    elif on_data:
        reason = f"{on_data} breakpoints are on data, where the loss has a second derivative on either side only."
    elif silent and critical:
        reason = f"The point is critical, but {silent} neurons have v = 0 and a residual that pulls on them: a saddle."
    else:
        reason = "The point is not critical: the residual enters the Hessian."
    return Theorem5(holds, gap, tol, critical, gradient, silent, on_data, reason)
