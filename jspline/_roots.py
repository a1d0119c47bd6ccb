"""Square roots of what may be exactly 0."""

import jax.numpy as jnp
from jaxtyping import Array, Float


def root(square: Float[Array, "..."]) -> Float[Array, "..."]:
    """sqrt(square), with derivative 0 where `square` is 0: there a length or a spread is least, or stays 0.

    JAX's own is infinite, so that it makes NaN of every derivative that comes by.
    """
    zero = square == 0
    return jnp.where(zero, 0, jnp.sqrt(jnp.where(zero, 1, square)))
