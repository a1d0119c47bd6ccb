"""How a net answers within a step to a force that sets in on the way, as a polynomial.

Theory: docs/theory.md 8.2.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float

# How a net answers to a force that sets in at the fraction 1 - u of a step and grows linearly to 1: u phi_2(u z), with
# phi_2(z) = (e^z - 1 - z) / z^2 and z = h lambda <= 0, as a polynomial in R = 1 / (1 - z / 4). Row k is the coefficient
# of R^(k + 1), itself a polynomial in u. By least squares over z and u (tests/response.py); in the fit it is off by
# ERROR for u > 0.1.
RESPONSE = (
    (0.2310, 0.2503, -0.7730, 0.8659, -0.3294),
    (-0.8046, 3.7536, -5.1305, 3.2812, -0.8523),
    (0.6432, -4.1209, 7.4034, -5.5431, 1.6427),
)
ERROR = 0.032


def onset_weights(u: Float[Array, " width"]) -> Float[Array, "pulses width"]:
    """How much of a change in the fit that set in at the fraction 1 - u counts for each power of R; and 1."""
    powers = jnp.stack([jnp.ones_like(u), u, u**2, u**3, u**4])
    weights = jnp.matmul(jnp.asarray(RESPONSE, u.dtype), powers, precision="highest")
    return jnp.concatenate([weights, powers[:1]])
