"""What the scale symmetry moves (`rescale`) and what only the delta-slopes know (`roughness`)."""

import equinox as eqx
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Float

from jspline._checks import check_positive, check_unbatched
from jspline.charts._charts import Polar, ReLUNet, Spline


def rescale(net: ReLUNet, alpha: ArrayLike) -> ReLUNet:
    """The net (alpha w, alpha b, v / alpha): the same function at another point of its scale orbit.

    Args:
        net: a net of width H.
        alpha: a positive factor, a scalar or one per neuron, `(width,)`.

    Large alpha leads gradient flow to the kernel regime, small alpha to the adaptive one (section 2.6).
    Raises `ValueError` for another shape, or when a concrete alpha is not positive and finite.
    """
    check_positive(alpha=alpha)
    alpha = jnp.asarray(alpha, net.w.dtype)
    if alpha.shape not in ((), net.w.shape):
        raise ValueError(f"`alpha` must be a scalar or one factor per neuron, {net.w.shape}; got {alpha.shape}.")
    return eqx.tree_at(lambda n: (n.w, n.b, n.v), net, (alpha * net.w, alpha * net.b, net.v / alpha))


def roughness(point: ReLUNet | Spline | Polar) -> Float[Array, ""]:
    """rho = sum_i mu_i^2, for a net in any chart.

    A property of the parameters, not of the function: the integral of |f''|^2, which the paper writes for it
    (section 2.2.1), is infinite for a spline, and two neurons on one breakpoint add their squares, not their kinks.
    """
    match point:
        case ReLUNet():
            mu = point.w * point.v
        case Spline():
            mu = point.mu
        case Polar():
            mu = point.r * jnp.cos(point.theta)
    check_unbatched(mu)
    return jnp.sum(mu**2)
