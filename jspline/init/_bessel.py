"""The modified Bessel functions K0 and K1 and the integral of K0, which JAX does not have.

Up to t = 2 the power series with its logarithm. Beyond, the integral representations

    K0(t) = int_0^inf exp(-t cosh u) du        int_t^inf K0 = int_0^inf exp(-t cosh u) / cosh u du

with t (cosh u - 1) = z^2, which leaves e^{-t} times a Gaussian times a function without poles within sqrt(t) of the
real line: there the trapezoidal rule converges geometrically, and with step 0.2 the error is below rounding. K1 is the
integral of exp(-t cosh u) cosh u. All are accurate to a few units in the last place, in float32 and float64 (checked
against scipy and mpmath).
"""

import functools
import math
from collections.abc import Iterable

import jax.numpy as jnp
from jaxtyping import Array, Float

from jspline._programs import compiled

_TERMS = 14  # (t/2)^(2k) / (k!)^2 < 1e-18 at t = 2
_HARMONIC = [sum(1 / j for j in range(1, k + 1)) for k in range(_TERMS)]
_COEFFICIENT = [1 / math.factorial(k) ** 2 for k in range(_TERMS)]
_SECOND = [1 / (math.factorial(k) * math.factorial(k + 1)) for k in range(_TERMS)]
_STEP = 0.2
_NODES = [_STEP * j for j in range(33)]  # exp(-6.4^2) < 2e-18
_WEIGHTS = [(_STEP if z == 0 else 2 * _STEP) * math.exp(-(z**2)) for z in _NODES]


@compiled
def k0(t: Float[Array, "..."]) -> Float[Array, "..."]:
    """K0(t) for t >= 0; infinite at 0 only."""
    near, far, _, high = _k0(t)
    return jnp.where(t > 2, jnp.exp(-high) * far, near)


@compiled
def k0_tail(t: Float[Array, "..."]) -> Float[Array, "..."]:
    """The integral of K0 from t >= 0 to infinity; pi / 2 at 0."""
    near, far, _, high = _k0_tail(t)
    return jnp.where(t > 2, jnp.exp(-high) * far, near)


def grown(t: Float[Array, "..."]) -> tuple[Array, Array, Array]:
    """t K0(t), t K1(t) and the integral of K0 from t, each times e^t, for t >= 0: in range for every t."""
    zero = t == 0
    positive = jnp.where(zero, 1, t)
    near, far, low, high = _k0(positive)
    first = jnp.where(zero, 0, positive * jnp.where(t > 2, far, jnp.exp(low) * near))
    second = jnp.where(t > 2, high * _k1_far(high), jnp.exp(low) * _times_k1(low))
    near, far, low, _ = _k0_tail(t)
    return first, jnp.where(zero, 1, second), jnp.where(t > 2, far, jnp.exp(low) * near)


def _k0(t: Array) -> tuple[Array, Array, Array, Array]:
    """K0 near 0 and e^t K0 far from it, and where each holds."""
    low, high = _split(t)
    powers = [c * (low / 2) ** (2 * k) for k, c in enumerate(_COEFFICIENT)]
    near = _sum(h * p for h, p in zip(_HARMONIC, powers, strict=True)) - _log(low) * _sum(powers)
    far = _sum(w / jnp.sqrt(2 * high + z**2) for w, z in zip(_WEIGHTS, _NODES, strict=True))
    return near, far, low, high


def _times_k1(t: Array) -> Array:
    """t K1(t) by its series, which needs 0 < t <= 2."""
    powers = [c * (t / 2) ** (2 * k + 2) for k, c in enumerate(_SECOND)]
    digamma = [h + 1 / (2 * k + 2) for k, h in enumerate(_HARMONIC)]
    return 1 + 2 * (_log(t) * _sum(powers) - _sum(h * p for h, p in zip(digamma, powers, strict=True)))


def _k1_far(t: Array) -> Array:
    """e^t K1(t) for t >= 2."""
    return _sum(w * (1 + z**2 / t) / jnp.sqrt(2 * t + z**2) for w, z in zip(_WEIGHTS, _NODES, strict=True))


def _k0_tail(t: Array) -> tuple[Array, Array, Array, Array]:
    """The integral near 0 and e^t times it far from it, and where each holds."""
    low, high = _split(t)
    log = jnp.where(low == 0, 0, _log(jnp.where(low == 0, 1, low)))
    head = _sum(
        c * low * (low / 2) ** (2 * k) / (2 * k + 1) * (_HARMONIC[k] + 1 / (2 * k + 1) - log)
        for k, c in enumerate(_COEFFICIENT)
    )
    far = _sum(w / (jnp.sqrt(2 * high + z**2) * (1 + z**2 / high)) for w, z in zip(_WEIGHTS, _NODES, strict=True))
    return math.pi / 2 - head, far, low, high


def _sum(terms: Iterable[Array]) -> Array:
    return functools.reduce(jnp.add, terms)


def _split(t: Array) -> tuple[Array, Array]:
    """`t` where each formula holds (NaN to the first), and 2 elsewhere, where it is not used."""
    return jnp.where(t > 2, 2, t), jnp.where(t > 2, t, 2)


def _log(t: Array) -> Array:
    return jnp.log(t) - math.log(2) + 0.5772156649015329
