"""The loss L = constant + sum_n p_n l(f(x_n), y_n), its gradient, and predictions, in the time it takes to sort.

With e_n = -p_n l'(f(x_n), y_n), which is p_n (y_n - f(x_n)) for the square loss l = (f - y)^2 / 2, and, for each
neuron, E_i the sum of e_n and X_i that of e_n x_n over the data it is active on, the gradient is

    dL/dw_i = -v_i X_i    dL/db_i = -v_i E_i    dL/dv_i = -(w_i X_i + b_i E_i)    dL/db0 = -sum_n e_n

so everything is two sums over neurons at each datum and two sums over data for each neuron (`jspline.activation`).
With several inputs w_i, x_n and X_i are vectors, and it is two products of matrices, O(N H D).

For a `Spline` the gradient is that in (beta, mu): dL/dbeta_i = mu_i E_i, dL/dmu_i = beta_i E_i - X_i.

Every function takes `method`: "sorted", O((N + H) log N) in time and O(N + H) in memory; "dense", the reference, with
N x H arrays; "auto" (the default), sorted unless the problem is so small that dense is faster.

Theory: docs/theory.md 1.1, 5.1.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple, TypeVar

import jax.numpy as jnp
from jaxtyping import Array, Float

from jspline._checks import check_choice
from jspline._programs import compiled
from jspline.activation import Method, activation, heights
from jspline.charts import ReLUNet, Spline
from jspline.datasets import Dataset
from jspline.problem import Loss as Loss
from jspline.problem import Problem, as_problem, check_fitting, of_net, quadratic
from jspline.problem import Squared as Squared

__all__ = ["Point", "Sums", "loss", "predict", "relevant_sums", "value_and_grad"]

Point = TypeVar("Point", bound=ReLUNet | Spline)


class Sums(NamedTuple):
    """The residual and its sums over the active data of each neuron.

    Attributes:
        residual: eps_n = y_n - f(x_n), `(data,)`.
        X: X_i = sum of p_n eps_n x_n, `(width,)`; of several inputs `(width, inputs)`.
        E: E_i = sum of p_n eps_n, `(width,)`.
        Z: w_i X_i + b_i E_i = sum of p_n eps_n (w_i x_n + b_i), `(width,)`, formed where it does not cancel.
        total: E_0, the sum of p_n eps_n over all data, a scalar.
    """

    residual: Float[Array, " data"]
    X: Float[Array, "width ..."]
    E: Float[Array, " width"]
    Z: Float[Array, " width"]
    total: Float[Array, ""]


@of_net
@compiled
def predict(net: ReLUNet | Spline, problem: Problem | Dataset, *, method: Method = "auto") -> Float[Array, " data"]:
    """f(x_n) at the data, `(data,)`."""
    fit, _ = _forward(*_posed(net, as_problem(problem)), method)
    return fit


@of_net
@compiled
def loss(net: ReLUNet | Spline, problem: Problem | Dataset, *, method: Method = "auto") -> Float[Array, ""]:
    """L = constant + sum_n p_n l(f(x_n), y_n), of a data set 1/2 sum_n p_n (y_n - f(x_n))^2.

    Note the half: the mean squared error is this with p_n = 2/N.
    """
    problem = as_problem(problem, decay=False)
    return _loss(predict(net, problem, method=method), problem)


@of_net
@compiled
def value_and_grad(
    net: Point, problem: Problem | Dataset, *, method: Method = "auto"
) -> tuple[Float[Array, ""], Point]:
    """The loss and its gradient; the gradient is of the same kind and width as the net (of a `Spline`, with s = 0).

    relu'(0) = 0: a neuron whose breakpoint is on a datum is not active on it. Without `train_b0` that of b0 is 0,
    without `biases` that of b.
    """
    problem = as_problem(problem, decay=False)
    fit, sum_over_active = _forward(*_posed(net, problem), method)
    e = _force(fit, problem)
    X, E, Z = sum_over_active(e)
    grad: Any
    b0 = -jnp.sum(e) if problem.train_b0 else jnp.zeros_like(fit[0])
    if isinstance(net, Spline):
        grad = Spline(beta=net.mu * E, mu=-net.s * Z, s=jnp.zeros_like(net.s), b0=b0)
    else:
        b = -net.v * E if problem.biases else jnp.zeros_like(E)
        grad = ReLUNet(w=-(net.v if net.on_line else net.v[:, None]) * X, b=b, v=-Z, b0=b0)
    return _loss(fit, problem), grad


@of_net
@compiled
def relevant_sums(net: ReLUNet, problem: Problem | Dataset, *, method: Method = "auto") -> Sums:
    """The sums that gradient and flow are made of (the paper's relevant residuals, section 2.1)."""
    problem = quadratic(net, problem)
    data = problem.data
    fit, sum_over_active = _forward(net, data, method)
    residual = data.y - fit
    e = data.weight * residual
    X, E, Z = sum_over_active(e)
    return Sums(residual, X, E, Z, jnp.sum(e))


def _posed(point: ReLUNet | Spline, problem: Problem) -> tuple[ReLUNet, Dataset]:
    """The point as a net, and the data, which fit to each other."""
    check_fitting(point, problem)
    return point.unit_net() if isinstance(point, Spline) else point, problem.data


def _forward(
    net: ReLUNet, data: Dataset, method: Method
) -> tuple[Array, Callable[[Array], tuple[Array, Array, Array]]]:
    """The fit at the data, and the map from e to (X, E, Z)."""
    check_choice(method=method, choices=("auto", "sorted", "dense"))
    if not net.on_line:
        return _forward_many(net, data, method)
    active = activation(net.w, net.b, data.x, method)
    centre = data.middle
    x, b = data.x - centre, net.b + net.w * centre
    slope, intercept = active.over_neurons(jnp.stack([net.w * net.v, b * net.v]))

    def sum_over_active(e: Array) -> tuple[Array, Array, Array]:
        X, E = active.over_data(jnp.stack([e * x, e]))
        return X + centre * E, E, net.w * X + b * E

    return net.b0 + slope * x + intercept, sum_over_active


def _forward_many(
    net: ReLUNet, data: Dataset, method: Method
) -> tuple[Array, Callable[[Array], tuple[Array, Array, Array]]]:
    """The same for several inputs: one product of matrices each way."""
    active = activation(net.w, net.b, data.x, method)
    centre = data.middle
    x, b = data.x - centre[None], net.b + _product(net.w, centre)
    height, _ = heights(net.w, net.b, data.x)
    fit = _product(jnp.where(active.mask(), height, 0), net.v)

    def sum_over_active(e: Array) -> tuple[Array, Array, Array]:
        sums = active.over_data(jnp.concatenate([e[None] * x.T, e[None]]))
        X, E = sums[:-1].T, sums[-1]
        return X + centre[None] * E[:, None], E, jnp.sum(net.w * X, axis=1) + b * E

    return net.b0 + fit, sum_over_active


_product = partial(jnp.matmul, precision="highest")


def _loss(fit: Array, problem: Problem) -> Array:
    data = problem.data
    return data.constant + jnp.sum(data.weight * problem.loss.value(fit, data.y))


def _force(fit: Array, problem: Problem) -> Array:
    """e_n = -p_n l'(f_n, y_n)."""
    return problem.data.weight * problem.loss.force(fit, problem.data.y)
