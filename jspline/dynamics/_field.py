"""The gradient flow of the loss, d theta / dt = -grad L, written in its charts.

With e_n = p_n (y_n - f(x_n)), E_i the sum of e_n and X_i that of e_n x_n over the active data of neuron i:

    ReLUNet: w' = v X      b' = v E      v' = w X + b E      b0' = E_0
    Spline:  beta' = -(mu / w^2) (E + beta X)       mu' = (v^2 + w^2) X - w^2 beta E
    Polar:   r' = d (X cos th + E sin th)           th' = k (E cos th - X sin th),   d = v^2 + rho^2,  k = v / rho

w^2, v^2 and rho^2 are functions of the chart's coordinates and of the conserved charge c = v^2 - w^2 - b^2, which
closes the last two systems: the paper's (beta, mu) equations (6) and (7) still contain v / w and w, and have the
sign of the residual reversed. With several inputs w and X are vectors, and `Breakplanes` take the place of splines.

Theory: docs/theory.md 6.1, 6.2.
"""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from jspline.charts import Breakplanes, Polar, ReLUNet, Spline, lengths
from jspline.datasets import Dataset
from jspline.objective import relevant_sums
from jspline.problem import Problem, as_problem


def net_field(net: ReLUNet, problem: Problem | Dataset) -> ReLUNet:
    """(w', b', v', b0'): minus the gradient. Regular everywhere."""
    sums = relevant_sums(net, problem)
    v = net.v if net.on_line else net.v[:, None]
    b = net.v * sums.E if as_problem(problem).biases else jnp.zeros_like(sums.E)
    return ReLUNet(w=v * sums.X, b=b, v=sums.Z, b0=_b0(sums.total, problem))


def spline_field(spline: Spline, charge: Float[Array, " width"], problem: Problem | Dataset) -> Spline:
    """(beta', mu', 0, b0'), closed by the charge, `(width,)`. Singular where w = 0: there beta is at infinity.

    A neuron with mu = 0 and charge >= 0 has (w, b) = 0. It does not move.
    """
    sums = relevant_sums(spline.unit_net(), problem)
    net = spline.to_net(charge)
    moves = (net.w != 0).astype(net.w.dtype)
    ratio = moves * net.v / jnp.where(net.w == 0, 1, net.w)
    # Z of the unit neuron is s (X - beta E), formed where it does not cancel.
    return Spline(
        beta=-ratio * (sums.E + spline.beta * sums.X),
        mu=moves * (net.v**2 * sums.X + net.w**2 * spline.s * sums.Z),
        s=jnp.zeros_like(spline.s),
        b0=_b0(sums.total, problem),
    )


def breakplane_field(planes: Breakplanes, charge: Float[Array, " width"], problem: Problem | Dataset) -> Breakplanes:
    """(eta', xi', gamma', b0'), closed by the charge, `(width,)`: xi' = (eta / w^2) (I - xi xi^T) X, gamma' = -(eta /
    w^2) (E + gamma xi . X), eta' = (v^2 + w^2) xi . X - w^2 gamma E, with w for |w|.

    Minus the gradient, by the `Breakplanes.metric`. Singular where w = 0; a neuron with eta = 0 and charge >= 0, which
    has (w, b) = 0, does not move.

    Theory: docs/theory.md 15.1.
    """
    unit = planes.unit_net()
    sums = relevant_sums(unit, problem)
    net = planes.to_net(charge)
    square = net.w**2 if net.on_line else jnp.sum(net.w**2, axis=1)
    moves = (square > 0).astype(square.dtype)
    ratio = moves * planes.eta / jnp.where(square > 0, square, 1)
    if net.on_line:
        along, across = unit.w * sums.X, jnp.zeros_like(sums.X)
    else:
        along = jnp.sum(unit.w * sums.X, axis=1)
        across = ratio[:, None] * (sums.X - along[:, None] * unit.w)
    # Z of the unit neuron is xi . X - gamma E, formed where it does not cancel.
    velocity = (
        planes,
        (
            moves * (net.v**2 * along + square * sums.Z),
            across,
            -ratio * (sums.E + planes.gamma * along),
            _b0(sums.total, problem),
        ),
    )
    return eqx.tree_at(lambda p: (p.eta, p.xi, p.gamma, p.b0), *velocity)


def polar_field(polar: Polar, problem: Problem | Dataset) -> Polar:
    """(r', theta', 0, b0'). Regular at w = 0, singular at (w, b) = 0, where the neuron does not move."""
    if not polar.on_line:
        return _polar_field_many(polar, problem)
    cos, sin = jnp.cos(polar.theta), jnp.sin(polar.theta)
    sums = relevant_sums(ReLUNet(w=cos, b=sin, v=polar.r, b0=polar.b0), problem)
    net = polar.to_net()
    rho = jnp.hypot(net.w, net.b)
    moves = (rho > 0).astype(rho.dtype)
    ratio = moves * net.v / jnp.where(rho > 0, rho, 1)
    # Z of the unit neuron is X cos + E sin.
    return Polar(
        r=moves * (net.v**2 + rho**2) * sums.Z,
        theta=ratio * (cos * sums.E - sin * sums.X),
        charge=jnp.zeros_like(polar.charge),
        b0=_b0(sums.total, problem),
    )


def _polar_field_many(polar: Polar, problem: Problem | Dataset) -> Polar:
    """The same on the sphere of lifted directions: r' = d th . q, th' = k (I - th th^T) q with q = (X, E)."""
    theta = polar.theta
    sums = relevant_sums(ReLUNet(w=theta[:, :-1], b=theta[:, -1], v=polar.r, b0=polar.b0), problem)
    rho, v = lengths(polar.r, polar.charge)
    moves = (rho > 0).astype(rho.dtype)
    ratio = moves * v / jnp.where(rho > 0, rho, 1)
    q = jnp.concatenate([sums.X, sums.E[:, None]], axis=1)
    return Polar(
        r=moves * (v**2 + rho**2) * sums.Z,
        theta=ratio[:, None] * (q - sums.Z[:, None] * theta),
        charge=jnp.zeros_like(polar.charge),
        b0=_b0(sums.total, problem),
    )


def _b0(total: Array, problem: Problem | Dataset) -> Array:
    return total if as_problem(problem).train_b0 else jnp.zeros_like(total)
