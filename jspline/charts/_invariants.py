"""What the scale symmetry moves (`rescale`), and measures of curvature, free from breakpoints and delta-slopes.

Theory: docs/theory.md 1.3, 1.6.
"""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Float

from jspline._checks import as_like, check_ends, check_kind, check_positive, check_unbatched, given
from jspline._programs import compiled
from jspline.charts._breakplanes import Breakplanes
from jspline.charts._charts import Polar, ReLUNet, Spline
from jspline.charts._lift import norm


def rescale(net: ReLUNet, alpha: ArrayLike) -> ReLUNet:
    """The net (alpha w, alpha b, v / alpha): the same function at another point of its scale orbit.

    Args:
        net: a net of width H.
        alpha: a positive factor, a scalar or one per neuron, `(width,)`.

    Large alpha leads gradient flow to the kernel regime, small alpha to the adaptive one (section 2.6).
    Raises `ValueError` for another shape, or when a concrete alpha is not positive and finite.
    """
    check_kind(ReLUNet, net=net)
    check_positive(alpha=alpha)
    alpha = as_like(net.w, alpha=alpha)
    if alpha.shape not in ((), net.b.shape):
        raise ValueError(f"`alpha` must be a scalar or one factor per neuron, {net.b.shape}; got {alpha.shape}.")
    alpha = jnp.broadcast_to(alpha, net.b.shape)
    rows = alpha if net.on_line else alpha[..., None]
    return eqx.tree_at(lambda n: (n.w, n.b, n.v), net, (rows * net.w, alpha * net.b, net.v / alpha))


Chart = ReLUNet | Spline | Polar | Breakplanes
"""A net in any of its charts."""

Weight = Callable[[Array], Array]
"""A positive function of the breakpoint."""

Interval = tuple[ArrayLike, ArrayLike]
"""Its two ends."""


def roughness(
    point: Chart,
    *,
    weight: Weight | None = None,
    interval: Interval | None = None,
) -> Float[Array, ""]:
    """rho = sum_i mu_i^2, for several inputs sum_i eta_i^2, for a net in any chart.

    Args:
        point: a net of width H.
        weight: counts each neuron times this function of its breakpoint, such as `lambda beta: 1 / density(beta)`.
        interval: counts only breakpoints in [lo, hi], such as a gap in the data. Both for one input only.

    A property of the parameters, not of the function: the integral of |f''|^2, which the paper writes for it
    (section 2.2.1), is infinite for a spline, and two neurons on one breakpoint add their squares, not their kinks.
    """
    if weight is None and interval is None:
        return jnp.sum(_delta_slopes(point) ** 2)  # without breakpoints, so that w = 0 needs no word
    beta, mu = _breakpoints(point)
    return jnp.sum(_counted(beta, weight, interval) * mu**2)


def total_delta_slope(
    point: Chart,
    *,
    weight: Weight | None = None,
    interval: Interval | None = None,
) -> Float[Array, ""]:
    """sum_i |mu_i|, for several inputs sum_i |eta_i|; arguments as for `roughness`.

    At least the total variation of the slope, and equal without overlap. With
    `weight=lambda beta: jnp.sqrt(1 + beta**2)` it is the least of sum (w^2 + b^2 + v^2) / 2 over all scales, the norm
    that counts biases (Boursier and Flammarion 2023).
    """
    if weight is None and interval is None:
        return jnp.sum(jnp.abs(_delta_slopes(point)))
    beta, mu = _breakpoints(point)
    return jnp.sum(_counted(beta, weight, interval) * jnp.abs(mu))


def slope_variation(point: ReLUNet | Spline | Polar, *, interval: Interval | None = None) -> Float[Array, ""]:
    """The total variation of f': sum over distinct breakpoints of |sum of the kinks mu_i s_i there|. A property of f.

    Args:
        point: a net of width H.
        interval: counts only breakpoints in [lo, hi].
    """
    spline = _as_spline(point)
    return _sum_of_jumps(spline.beta, _counted(spline.beta, None, interval) * spline.mu * spline.s)


@compiled
def _sum_of_jumps(beta: Array, kink: Array) -> Array:
    order = jnp.argsort(beta)
    beta, kink = beta[order], kink[order]
    group = jnp.cumsum(jnp.insert(jnp.diff(beta) > 0, 0, False))
    return jnp.sum(jnp.abs(jax.ops.segment_sum(kink, group, beta.size)))


def variation_norm(point: ReLUNet | Spline | Polar) -> Float[Array, ""]:
    """max(total variation of f', |f'(-inf) + f'(inf)|): the least sum (w^2 + v^2) / 2 of any net that computes f.

    Savarese et al. (2019); biases are not counted.
    """
    spline = _as_spline(point)
    ends = jnp.abs(jnp.sum(spline.mu))  # left-facing neurons make f'(-inf), right-facing ones f'(inf)
    return jnp.maximum(slope_variation(spline), ends)


def _as_spline(point: Chart) -> Spline:
    check_kind(ReLUNet, Spline, Polar, Breakplanes, point=point)
    return point if isinstance(point, Spline) else point.to_spline()


def _delta_slopes(point: Chart) -> Array:
    check_kind(ReLUNet, Spline, Polar, Breakplanes, point=point)
    match point:
        case ReLUNet():
            mu = (point.w if point.on_line else norm(point.w)) * point.v
        case Spline():
            mu = point.mu
        case Breakplanes():
            mu = point.eta
        case Polar():
            mu = point.r * (jnp.cos(point.theta) if point.on_line else norm(point.theta[..., :-1]))
    check_unbatched(mu)
    return mu


def _breakpoints(point: Chart) -> tuple[Array, Array]:
    spline = _as_spline(point)
    check_unbatched(spline.mu)
    return spline.beta, spline.mu


def _counted(beta: Array, weight: Weight | None, interval: Interval | None) -> Array:
    counted = jnp.ones_like(beta) if weight is None else weight(beta)
    if interval is None:
        return counted
    if not isinstance(interval, tuple | list) or len(interval) != 2:
        raise ValueError(f"`interval` must be its two ends, (lo, hi); got {given(interval)}.")
    lo, hi = (as_like(beta, interval=end) for end in interval)
    check_ends("`interval`", lo, hi)
    return jnp.where((beta >= lo) & (beta <= hi), counted, 0)
