"""The loss L = constant + sum_n p_n l(f(x_n), y_n), its gradient, and predictions, in the time it takes to sort.

With e_n = -p_n l'(f(x_n), y_n), which is p_n (y_n - f(x_n)) for the square loss l = (f - y)^2 / 2, and, for each
neuron, E_i the sum of e_n and X_i that of e_n x_n over the data it is active on, the gradient is

    dL/dw_i = -v_i X_i    dL/db_i = -v_i E_i    dL/dv_i = -(w_i X_i + b_i E_i)    dL/db0 = -sum_n e_n

so everything is two sums over neurons at each datum and two sums over data for each neuron (`jspline.activation`).

For a `Spline` the gradient is that in (beta, mu): dL/dbeta_i = mu_i E_i, dL/dmu_i = beta_i E_i - X_i.

Every function takes `method`: "sorted", O((N + H) log N) in time and O(N + H) in memory; "dense", the reference, with
N x H arrays; "auto" (the default), sorted unless the problem is so small that dense is faster.

Theory: docs/theory.md 1.1, 5.1.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import jax.numpy as jnp
from jaxtyping import Array, Float

from jspline._checks import check_choice, check_net
from jspline._programs import compiled
from jspline.activation import Method, activation
from jspline.charts import ReLUNet, Spline
from jspline.datasets import Dataset
from jspline.problem import Loss as Loss
from jspline.problem import Problem, as_problem, only_data
from jspline.problem import Squared as Squared

__all__ = ["Point", "Sums", "loss", "predict", "relevant_sums", "value_and_grad"]

Point = TypeVar("Point", bound=ReLUNet | Spline)


class Sums(NamedTuple):
    """The residual and its sums over the active data of each neuron.

    Attributes:
        residual: eps_n = y_n - f(x_n), `(data,)`.
        X: X_i = sum of p_n eps_n x_n, `(width,)`.
        E: E_i = sum of p_n eps_n, `(width,)`.
        Z: w_i X_i + b_i E_i = sum of p_n eps_n (w_i x_n + b_i), `(width,)`, formed where it does not cancel.
        total: E_0, the sum of p_n eps_n over all data, a scalar.
    """

    residual: Float[Array, " data"]
    X: Float[Array, " width"]
    E: Float[Array, " width"]
    Z: Float[Array, " width"]
    total: Float[Array, ""]


@compiled
def predict(net: ReLUNet | Spline, problem: Problem | Dataset, *, method: Method = "auto") -> Float[Array, " data"]:
    """f(x_n) at the data, `(data,)`."""
    fit, _ = _forward(_net(net), as_problem(problem, inputs=1).data, method)
    return fit


@compiled
def loss(net: ReLUNet | Spline, problem: Problem | Dataset, *, method: Method = "auto") -> Float[Array, ""]:
    """L = constant + sum_n p_n l(f(x_n), y_n), of a data set 1/2 sum_n p_n (y_n - f(x_n))^2.

    Note the half: the mean squared error is this with p_n = 2/N.
    """
    problem = as_problem(problem, decay=False, inputs=1, biases=True)
    return _loss(predict(net, problem, method=method), problem)


@compiled
def value_and_grad(
    net: Point, problem: Problem | Dataset, *, method: Method = "auto"
) -> tuple[Float[Array, ""], Point]:
    """The loss and its gradient; the gradient is of the same kind and width as the net (of a `Spline`, with s = 0).

    relu'(0) = 0: a neuron whose breakpoint is on a datum is not active on it. Without `train_b0` that of b0 is 0.
    """
    problem = as_problem(problem, decay=False, inputs=1, biases=True)
    fit, sum_over_active = _forward(_net(net), problem.data, method)
    e = _force(fit, problem)
    X, E, Z = sum_over_active(e)
    grad: Any
    b0 = -jnp.sum(e) if problem.train_b0 else jnp.zeros_like(fit[0])
    if isinstance(net, Spline):
        grad = Spline(beta=net.mu * E, mu=-net.s * Z, s=jnp.zeros_like(net.s), b0=b0)
    else:
        grad = ReLUNet(w=-net.v * X, b=-net.v * E, v=-Z, b0=b0)
    return _loss(fit, problem), grad


@compiled
def relevant_sums(net: ReLUNet, problem: Problem | Dataset, *, method: Method = "auto") -> Sums:
    """The sums that gradient and flow are made of (the paper's relevant residuals, section 2.1)."""
    data = only_data(problem)
    fit, sum_over_active = _forward(net, data, method)
    residual = data.y - fit
    e = data.weight * residual
    X, E, Z = sum_over_active(e)
    return Sums(residual, X, E, Z, jnp.sum(e))


def _net(point: ReLUNet | Spline) -> ReLUNet:
    return point.unit_net() if isinstance(point, Spline) else point


def _forward(
    net: ReLUNet, data: Dataset, method: Method
) -> tuple[Array, Callable[[Array], tuple[Array, Array, Array]]]:
    """The fit at the data, and the map from e to (X, E, Z)."""
    check_choice(method=method, choices=("auto", "sorted", "dense"))
    check_net(net)
    active = activation(net.w, net.b, data.x, method)
    centre = data.middle
    x, b = data.x - centre, net.b + net.w * centre
    slope, intercept = active.over_neurons(jnp.stack([net.w * net.v, b * net.v]))

    def sum_over_active(e: Array) -> tuple[Array, Array, Array]:
        X, E = active.over_data(jnp.stack([e * x, e]))
        return X + centre * E, E, net.w * X + b * E

    return net.b0 + slope * x + intercept, sum_over_active


def _loss(fit: Array, problem: Problem) -> Array:
    data = problem.data
    return data.constant + jnp.sum(data.weight * problem.loss.value(fit, data.y))


def _force(fit: Array, problem: Problem) -> Array:
    """e_n = -p_n l'(f_n, y_n)."""
    return problem.data.weight * problem.loss.force(fit, problem.data.y)
