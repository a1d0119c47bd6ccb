"""Nets that are built rather than drawn: from a curvature, and flat ones.

Theory: docs/theory.md 1.6.
"""

from collections.abc import Callable
from typing import Literal

import equinox as eqx
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array

from jspline._checks import as_floats, as_like, check_choice, check_function, check_kind, check_positive
from jspline.charts import ReLUNet, Spline


def from_curvature(
    curvature: Callable[[Array], Array],
    density: Callable[[Array], Array],
    beta: ArrayLike,
    s: ArrayLike = 1.0,
) -> Spline:
    """The spline with mu_i s_i = f''(beta_i) / (H p(beta_i)) (section 2.1.1).

    Args:
        curvature: f'', of a vector of x.
        density: the density p that the breakpoints were drawn from, or are evenly placed in; positive there.
        beta: breakpoints, `(width,)`.
        s: orientations, 1 or -1, a scalar or `(width,)`.

    Its second derivative tends to f'' as the width H grows, with an error in f of O(1/H) for evenly placed and
    O_p(H^-1/2) for random breakpoints (the print has O(1/H) for both). f itself is recovered up to a line: with all
    neurons facing right it is 0, with slope 0, to the left of all breakpoints.
    Raises `ValueError` when the density is not positive and finite at a (concrete) breakpoint.
    """
    (beta,) = as_floats(beta=beta)
    check_function(curvature=curvature, density=density)
    weight = density(beta)
    check_positive(density=weight)
    s = jnp.broadcast_to(as_like(beta, s=s), beta.shape)
    return Spline(beta, s * curvature(beta) / (beta.size * weight), s, 0.0)


def flat(net: ReLUNet, kind: Literal["zero", "mirror"] = "zero") -> ReLUNet:
    """A net with the same breakpoints that computes the zero function.

    Args:
        net: where the breakpoints come from.
        kind: "zero" sets v = 0 and keeps the width. "mirror" puts beside every neuron a second one with the same
            (w, b) and the opposite v: twice the width, the same delta-slopes, and twice the tangent kernel.

    Raises `ValueError` for another kind.
    """
    check_kind(ReLUNet, net=net)
    check_choice(choices=("zero", "mirror"), kind=kind)
    if kind == "zero":
        return eqx.tree_at(lambda n: (n.v, n.b0), net, (jnp.zeros_like(net.v), jnp.zeros_like(net.b0)))
    twice = jnp.concatenate([net.v, -net.v])
    return ReLUNet(jnp.concatenate([net.w] * 2), jnp.concatenate([net.b] * 2), twice, jnp.zeros_like(net.b0))
