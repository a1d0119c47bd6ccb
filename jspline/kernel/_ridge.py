"""Ridge regression with the tangent kernel: what training in the linear regime with a pull towards its start ends at.

With the kernel K of the parameters that move, e = y - f_0 and the weights p, the fit f_0 + K(., x) a with

    (K + penalty diag(1 / p)) a = e

minimises the loss of the linearised net plus penalty / 2 |theta - theta_0|^2. It is the mean of a Gaussian process with
covariance K after observations with noise of variance penalty / p_n (Lee et al. 2018, Jacot et al. 2018).

For infinitely many neurons (w, b, v) of a Gaussian law K is known: with a = (sigma_w x, sigma_b) and the angle t of
a and a', one neuron adds on average |a||a'| (sin t + (pi - t) cos t) / (2 pi) through v, and sigma_v^2 (x . x' + 1)
(pi - t) / (2 pi) through w and b: the arc-cosine kernels of order 1 and 0 (Cho and Saul 2009).

Theory: docs/theory.md 15.4.
"""

from collections.abc import Callable
from typing import Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.linalg import cho_solve, cholesky, solve_triangular
from jax.typing import ArrayLike
from jaxtyping import Array, Float

from jspline._checks import (
    Reals,
    as_like,
    check_choice,
    check_memory,
    check_one_dtype,
    check_positive,
    check_scalar,
    check_whole,
    is_concrete,
    warn,
)
from jspline._programs import compiled
from jspline.charts import ReLUNet
from jspline.charts._lift import norm, positive
from jspline.curvature import ntk
from jspline.datasets import Dataset
from jspline.init import Gaussian, Law
from jspline.problem import Problem, as_problem, of_net, quadratic

Train = Literal["v", "all"]


class RidgeFit(eqx.Module):
    """The fit, its uncertainty and its evidence.

    Attributes:
        coefficients: a_n, what the datum n adds in multiples of its kernel, `(data,)`.
        log_marginal_likelihood: log density of the y that weigh, under the Gaussian process and its noise, a scalar.
        factor: of Cholesky, of penalty I + diag(sqrt p) K diag(sqrt p), `(data, data)`.
    """

    coefficients: Float[Array, " data"]
    log_marginal_likelihood: Float[Array, ""]
    factor: Float[Array, "data data"]
    kernel: "Kernel"
    problem: Problem

    def __call__(self, x: Reals) -> Float[Array, "..."]:
        """The fit at x of any shape; of several inputs, `(..., inputs)`."""
        return self._at(x, lambda points: self.kernel.start(points) + _dot(self._to_data(points), self.coefficients))

    def variance(self, x: Reals) -> Float[Array, "..."]:
        """The variance that is left at x after the data, without the noise of a new observation."""

        def left(points: Array) -> Array:
            root = jnp.sqrt(self.problem.data.weight)
            seen = solve_triangular(self.factor, root[:, None] * self._to_data(points).T, lower=True)
            prior = jax.vmap(lambda point: self.kernel(point[None], point[None])[0, 0])(points)
            return jnp.maximum(prior - jnp.sum(seen**2, axis=0), 0)

        return self._at(x, left)

    def _to_data(self, points: Array) -> Array:
        return self.kernel(points, self.problem.data.x)

    def _at(self, x: Reals, of_points: Callable[[Array], Array]) -> Array:
        data = self.problem.data
        x, inputs = as_like(data.x, x=x), data.x.shape[1:]
        if inputs and x.shape[-1:] != inputs:
            raise ValueError(f"`x` must end in an axis of {inputs[0]}, the inputs of the data; got shape {x.shape}.")
        shape = x.shape[: x.ndim - len(inputs)]
        return of_points(x.reshape(-1, *inputs)).reshape(shape)


class Kernel(eqx.Module):
    """The kernel between points, `(n, m)`, and the function at the start."""

    of: ReLUNet | Gaussian
    width: int = eqx.field(static=True)
    train: Train = eqx.field(static=True)
    train_b0: bool = eqx.field(static=True)
    biases: bool = eqx.field(static=True)

    def __call__(self, x1: Array, x2: Array) -> Float[Array, "n m"]:
        if isinstance(self.of, ReLUNet):
            still = jnp.zeros_like(self.of.v)  # with v = 0 no function changes through w and b
            net = self.of if self.train == "all" else eqx.tree_at(lambda n: n.v, self.of, still)
            return ntk(net, x1, x2, train_b0=self.train_b0, biases=self.biases)
        return self.width * _of_neuron(self.of, x1, x2, self.train, self.biases) + float(self.train_b0)

    def start(self, x: Array) -> Array:
        """f_0 at some points: that of the net; of a law 0."""
        return self.of(x) if isinstance(self.of, ReLUNet) else jnp.zeros(len(x), x.dtype)


@of_net
def ridge(
    law_or_net: Law | ReLUNet,
    problem: Problem | Dataset,
    penalty: ArrayLike,
    *,
    train: Train = "v",
    width: int | None = None,
) -> RidgeFit:
    """Kernel ridge regression with the tangent kernel of a net, or of infinitely many neurons of a law.

    Args:
        law_or_net: a net, whose own function is where the fit starts from; or an `init.Gaussian`, whose kernel is the
            mean over one neuron times `width`, and starts from 0.
        problem: N data, or what is to be done with them: square loss, no decay (the penalty is one of its own). With
            its `train_b0` the kernel has a 1 more; without its `biases` none of the neurons has one.
        penalty: of the squared distance of the parameters from their start, positive; the noise of y_n has variance
            penalty / p_n.
        train: "v", the output weights, or "all" parameters.
        width: of the law's net, how many neurons share the fit. A net has its own.

    Returns:
        A `RidgeFit`: a function of x, with `variance(x)` and `log_marginal_likelihood`. O(N^3); it has derivatives in
        all that is continuous.

    Raises:
        ValueError: for a penalty that is not positive, or so small that rounding of the kernel leaves nothing of it; a
            law without a `width`; more data than fit into memory.
        TypeError: for a law whose kernel is not known, or when net and data differ in dtype.

    Numerical caveat: the kernel is known to machine epsilon times its largest entry, which grows with the square of x.
    Where that, times the number of data, is more than the penalty, a warning says so: standardize the data.

    Theory: docs/theory.md 15.4.
    """
    check_scalar(penalty=penalty)
    check_positive(penalty=penalty)
    fit, largest = _ridge(law_or_net, problem, penalty, train, width)
    if is_concrete(fit):
        rounding = float(largest) * fit.factor.shape[0] * float(jnp.finfo(fit.factor.dtype).eps)
        remedy = "take a larger one, float64, or standardized data"
        if not np.all(np.isfinite(np.asarray(fit.factor))):
            raise ValueError(f"`penalty` must be above the rounding of the kernel, about {rounding:.1g}: {remedy}.")
        if rounding > np.max(np.asarray(penalty)):
            warn(f"The penalty is below the rounding of the kernel, about {rounding:.1g}: {remedy}.")
    return fit


@compiled
def _ridge(
    law_or_net: Law | ReLUNet, problem: Problem | Dataset, penalty: ArrayLike, train: Train, width: int | None
) -> tuple[RidgeFit, Array]:
    """The fit, and the largest entry of the weighted kernel."""
    check_choice(train=train, choices=("v", "all"))
    match law_or_net:
        case ReLUNet():
            problem = quadratic(law_or_net, problem)
            if width is not None:
                raise ValueError("`width` is for laws; a net has its own.")
            kernel = Kernel(law_or_net, law_or_net.width, train, problem.train_b0, problem.biases)
        case Gaussian():
            problem = _posed(law_or_net, problem)
            check_whole(width=width)
            kernel = Kernel(law_or_net, int(width or 0), train, problem.train_b0, problem.biases)
        case _:
            raise TypeError(f"The kernel is known of a net and of an init.Gaussian; got {type(law_or_net).__name__}.")
    data = problem.data
    if isinstance(law_or_net, ReLUNet):
        check_one_dtype(law_or_net, data)
    penalty = as_like(data.y, penalty=penalty)
    check_memory(f"A kernel of {data.size:,} x {data.size:,} data", 2 * data.y.nbytes * data.size, "take fewer data")
    residual = data.y - kernel.start(data.x)
    root = jnp.sqrt(data.weight)
    matrix = root[:, None] * kernel(data.x, data.x) * root[None]
    factor = cholesky(matrix + penalty * jnp.eye(data.size, dtype=matrix.dtype), lower=True)
    solved = cho_solve((factor, True), root * residual)
    weighs = root > 0
    # Of data without weight the factor has sqrt(penalty), and they have no density.
    spread = jnp.log(jnp.diagonal(factor)) - jnp.log(jnp.where(weighs, root, 1))
    evidence = jnp.sum(jnp.where(weighs, spread + jnp.log(2 * jnp.pi) / 2, 0)) + _dot(root * residual, solved) / 2
    return RidgeFit(root * solved, -evidence, factor, kernel, problem), jnp.max(jnp.diagonal(matrix))


def _posed(law: Gaussian, problem: Problem | Dataset) -> Problem:
    """A problem that a law fits to."""
    problem = as_problem(problem, square=True, decay=False)
    inputs = law.inputs
    if (inputs is None) != problem.data.on_line or (inputs is not None and inputs != problem.data.inputs):
        given = "x of shape (data,)" if problem.data.on_line else f"{problem.data.inputs} inputs"
        raise ValueError(f"Law and data must have the same inputs; got inputs={inputs} and {given}.")
    return problem


def _of_neuron(law: Gaussian, x1: Array, x2: Array, train: Train, biases: bool) -> Float[Array, "n m"]:
    """What one neuron adds on average."""
    one, other = (_lifted(law.sigma_w, law.sigma_b, x, biases) for x in (x1, x2))
    size, of_other = norm(one), norm(other)
    u, u_other = one / positive(size)[:, None], other / positive(of_other)[:, None]
    # By halves of the angle between unit vectors, which keep their digits where points are close.
    apart, along = (norm(u[:, None] - sign * u_other[None]) for sign in (1, -1))
    angle = 2 * jnp.arctan2(apart, along)
    far = jnp.pi - angle
    through_v = size[:, None] * of_other[None] * (jnp.sin(angle) + far * jnp.cos(angle))
    if train == "v":
        return through_v / (2 * jnp.pi)
    products = _dot(*(_lifted(1.0, 1.0, x, biases) for x in (x1, x2)))
    return (through_v + as_like(x1, sigma_v=law.sigma_v) ** 2 * products * far) / (2 * jnp.pi)


def _lifted(scale: ArrayLike, last: ArrayLike, x: Array, biases: bool) -> Array:
    """(scale x, last), or without biases the first part of it, a row for each point."""
    rows = as_like(x, scale=scale) * (x[:, None] if x.ndim == 1 else x)
    if not biases:
        return rows
    return jnp.concatenate([rows, jnp.broadcast_to(as_like(x, last=last), (len(x), 1))], axis=1)


def _dot(one: Array, other: Array) -> Array:
    return jnp.matmul(one, other.T, precision="highest")
