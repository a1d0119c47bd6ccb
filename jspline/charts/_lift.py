"""The inverse by the charge: where on its scale orbit a neuron is.

Theory: docs/theory.md 1.4.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jspline._programs import compiled


@compiled
def lengths(r: Float[Array, " width"], charge: Float[Array, " width"]) -> tuple[Array, Array]:
    """|(w, b)| and v from the strength r = v |(w, b)| and the charge, `(width,)` each: the inverse by the charge.

    The larger of the two has no cancellation in its square; the smaller is |r| over it. Neither squares r or the
    charge, which are squares already: nothing under- or overflows that the neurons themselves can hold the square of.

    Theory: docs/theory.md 1.4.
    """
    # Not |c|, whose derivative at c = 0 is that of neither side: rho is the larger up to there.
    larger = jnp.sqrt(positive((hypot(charge, 2 * r) + jnp.where(charge > 0, charge, -charge)) / 2))
    larger = jnp.where((r == 0) & (charge == 0), 0, larger)
    smaller = jnp.where(larger == 0, 0, jnp.abs(r) / positive(larger))
    rho, size = jnp.where(charge > 0, smaller, larger), jnp.where(charge > 0, larger, smaller)
    return rho, jnp.where(r < 0, -size, size)


def hypot(x: Array, y: Array) -> Array:
    """sqrt(x^2 + y^2) without overflow, with derivative 0 at the origin."""
    scale = jax.lax.stop_gradient(jnp.maximum(jnp.abs(x), jnp.abs(y)))
    safe = positive(scale)
    square = (x / safe) ** 2 + (y / safe) ** 2
    return jnp.where(scale == 0, 0, safe * jnp.sqrt(positive(square)))


def norm(rows: Float[Array, "*width lifted"]) -> Float[Array, " *width"]:
    """The length of each row without over- or underflow, with derivative 0 at the origin."""
    scale = jax.lax.stop_gradient(jnp.max(jnp.abs(rows), axis=-1))
    safe = positive(scale)
    square = jnp.sum((rows / safe[..., None]) ** 2, axis=-1)
    return jnp.where(scale > 0, safe * jnp.sqrt(positive(square)), scale)  # NaN shows


def positive(x: Array) -> Array:
    """`x` with zeros replaced by one, so that neither a root nor a quotient, nor its derivative, is singular.

    NaN stays, so that it shows.
    """
    return jnp.where(x <= 0, 1, x)
