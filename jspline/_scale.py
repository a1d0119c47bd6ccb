"""Where numbers are summed from, and in what units, or digits are lost by where data lie or how large they are."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


def middle(x: Float[Array, " data"]) -> Float[Array, ""]:
    """Half way between the outermost of sorted x. Moments are about it, or data near x = 1000 lose all digits."""
    return x[0] / 2 + x[-1] / 2


def unit_of(values: Array, origin: Array) -> Array:
    """A power of two of about the size of the largest distance from the origin; 1 where all are there.

    Division by it is exact, and squares of what is left neither overflow nor underflow. So `values / unit - origin /
    unit` is `(values - origin) / unit`, and finite where the difference is not.
    """
    half = jax.lax.stop_gradient(jnp.max(jnp.abs(values / 2 - origin / 2)))
    limits = jnp.finfo(values.dtype)
    # A compiler may multiply by the reciprocal, which has to be a normal number too.
    exponent = jnp.clip(jnp.frexp(half)[1], limits.minexp + limits.nmant, limits.maxexp - 3)
    return jnp.where(half > 0, jnp.ldexp(jnp.ones((), values.dtype), exponent), 1)
