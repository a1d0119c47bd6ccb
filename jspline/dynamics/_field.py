"""The gradient flow of the loss, d theta / dt = -grad L, written in three charts.

With e_n = p_n (y_n - f(x_n)), E_i the sum of e_n and X_i that of e_n x_n over the active data of neuron i:

    ReLUNet: w' = v X      b' = v E      v' = w X + b E      b0' = E_0
    Spline:  beta' = -(mu / w^2) (E + beta X)       mu' = (v^2 + w^2) X - w^2 beta E
    Polar:   r' = d (X cos th + E sin th)           th' = k (E cos th - X sin th),   d = v^2 + rho^2,  k = v / rho

w^2, v^2 and rho^2 are functions of the chart's coordinates and of the conserved charge c = v^2 - w^2 - b^2, which
closes the last two systems: the paper's (beta, mu) equations (6) and (7) still contain v / w and w, and have the
sign of the residual reversed.

Theory: docs/theory.md 6.1, 6.2.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float

from jspline.charts import Polar, ReLUNet, Spline
from jspline.datasets import Dataset
from jspline.objective import relevant_sums
from jspline.problem import Problem, as_problem


def net_field(net: ReLUNet, problem: Problem | Dataset) -> ReLUNet:
    """(w', b', v', b0'): minus the gradient. Regular everywhere."""
    sums = relevant_sums(net, problem)
    return ReLUNet(w=net.v * sums.X, b=net.v * sums.E, v=sums.Z, b0=_b0(sums.total, problem))


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


def polar_field(polar: Polar, problem: Problem | Dataset) -> Polar:
    """(r', theta', 0, b0'). Regular at w = 0, singular at (w, b) = 0, where the neuron does not move."""
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


def _b0(total: Array, problem: Problem | Dataset) -> Array:
    return total if as_problem(problem).train_b0 else jnp.zeros_like(total)
