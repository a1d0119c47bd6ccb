"""The loss L = constant + 1/2 sum_n p_n (y_n - f(x_n))^2, its gradient, and predictions, in the time it takes to sort.

With e_n = p_n (y_n - f(x_n)) and, for each neuron, E_i the sum of e_n and X_i that of e_n x_n over the data it is
active on, the gradient is

    dL/dw_i = -v_i X_i    dL/db_i = -v_i E_i    dL/dv_i = -(w_i X_i + b_i E_i)    dL/db0 = -sum_n e_n

so everything is two sums over neurons at each datum and two sums over data for each neuron (`jspline.ranks`).

For a `Spline` the gradient is that in (beta, mu): dL/dbeta_i = mu_i E_i, dL/dmu_i = beta_i E_i - X_i.

Every function takes `method`: "sorted", O((N + H) log N) in time and O(N + H) in memory; "dense", the reference, with
N x H arrays; "auto" (the default), sorted unless the problem is so small that dense is faster.

Theory: docs/theory.md 1.1, 5.1.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, Literal, NamedTuple, TypeVar

import jax.numpy as jnp
from jaxtyping import Array, Float

from jspline import ranks
from jspline._checks import check_choice, check_data, check_net
from jspline.charts import ReLUNet, Spline
from jspline.datasets import Dataset

Method = Literal["auto", "sorted", "dense"]
Point = TypeVar("Point", bound=ReLUNet | Spline)

DENSE_LIMIT = 2000
"""Up to this many pairs (datum, neuron), "auto" is dense. Measured: see benchmarks/RESULTS.md."""


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


def predict(net: ReLUNet | Spline, data: Dataset, *, method: Method = "auto") -> Float[Array, " data"]:
    """f(x_n) at the data, `(data,)`."""
    fit, _ = _forward(_net(net), data, method)
    return fit


def loss(net: ReLUNet | Spline, data: Dataset, *, method: Method = "auto") -> Float[Array, ""]:
    """L = constant + 1/2 sum_n p_n (y_n - f(x_n))^2. Note the half: the mean squared error is this with p_n = 2/N."""
    fit = predict(net, data, method=method)
    return _half_square(data.y - fit, data)


def value_and_grad(net: Point, data: Dataset, *, method: Method = "auto") -> tuple[Float[Array, ""], Point]:
    """The loss and its gradient; the gradient is of the same kind and width as the net (of a `Spline`, with s = 0).

    relu'(0) = 0: a neuron whose breakpoint is on a datum is not active on it.
    """
    sums = relevant_sums(_net(net), data, method=method)
    grad: Any
    if isinstance(net, Spline):
        grad = Spline(beta=net.mu * sums.E, mu=-net.s * sums.Z, s=jnp.zeros_like(net.s), b0=-sums.total)
    else:
        grad = ReLUNet(w=-net.v * sums.X, b=-net.v * sums.E, v=-sums.Z, b0=-sums.total)
    return _half_square(sums.residual, data), grad


def relevant_sums(net: ReLUNet, data: Dataset, *, method: Method = "auto") -> Sums:
    """The sums that gradient and flow are made of (the paper's relevant residuals, section 2.1)."""
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
    check_data(data)
    centre = data.middle
    x, b = data.x - centre, net.b + net.w * centre
    if method == "dense" or (method == "auto" and data.size * net.width <= DENSE_LIMIT):
        active = ranks.is_active(net.w[None], net.b[None], data.x[:, None])
        hidden = jnp.where(active, net.w[None] * x[:, None] + b[None], 0)
        fit = _matmul(hidden, net.v)

        def sum_over_active(e: Array) -> tuple[Array, Array, Array]:
            X, E = _matmul(jnp.stack([e * x, e]), active.astype(e.dtype))
            return X + centre * E, E, _matmul(e, hidden)
    else:
        ranked = ranks.rank(net.w, net.b, data.x)
        slope, intercept = ranked.over_neurons(jnp.stack([net.w * net.v, b * net.v]))
        fit = slope * x + intercept

        def sum_over_active(e: Array) -> tuple[Array, Array, Array]:
            X, E = ranked.over_data(jnp.stack([e * x, e]))
            return X + centre * E, E, net.w * X + b * E

    return net.b0 + fit, sum_over_active


_matmul = partial(jnp.matmul, precision="highest")


def _half_square(residual: Array, data: Dataset) -> Array:
    return data.constant + jnp.sum(data.weight * residual**2) / 2
