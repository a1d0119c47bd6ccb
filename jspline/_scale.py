"""Where numbers are summed from, in what units and powers of two: or digits are lost by where or how large they are.

Products carry exponents of their own: nothing over- or underflows on the way to a result that does not.
"""

import functools
import math

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Float

from jspline._programs import compiled


def middle(x: Float[Array, "data ..."]) -> Float[Array, "..."]:
    """Half way between the outermost of x, sorted if it is a vector. Moments are about it, or data near x = 1000 lose
    all digits."""
    low, high = (x[0], x[-1]) if x.ndim == 1 else (jnp.min(x, axis=0), jnp.max(x, axis=0))
    return low / 2 + high / 2


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


def exponent(x: Array) -> Array:
    """e with 2^(e - 1) <= |x| < 2^e, a constant to derivatives. Some number for 0, infinity and NaN."""
    info = jnp.finfo(x.dtype)
    bits = jax.lax.bitcast_convert_type(jax.lax.stop_gradient(x), f"int{info.bits}")
    return ((bits >> info.nmant) & (2 * info.maxexp - 1)) - (info.maxexp - 2)


def shifted(x: Array, e: Array) -> Array:
    """x 2^e, exactly unless it is out of range; for e up to twice the largest exponent, so in halves."""
    return x * _two_to(e >> 1, x.dtype) * _two_to((e + 1) >> 1, x.dtype)


def product(factors: tuple[ArrayLike, ...], over: tuple[ArrayLike, ...] = (), powers: tuple[Array, ...] = ()) -> Array:
    """The product of `factors` over that of `over`, in the dtype of the first of them; shapes broadcast.

    Times two to the whole numbers `powers`, each of the shape of one of the factors.
    """
    dtype = jnp.asarray(factors[0]).dtype
    return _product(*(tuple(jnp.asarray(x, dtype) for x in each) for each in (factors, over)), powers)


@compiled
def _product(factors: tuple[Array, ...], over: tuple[Array, ...], powers: tuple[Array, ...]) -> Array:
    dtype, rank = factors[0].dtype, max(x.ndim for x in (*factors, *over))

    def parts(values: tuple[Array, ...]) -> tuple[Array, Array]:
        arrays = [jnp.reshape(x, (1,) * (rank - x.ndim) + x.shape) for x in values]
        # That of 0 is so small that 2^e, a derivative in reverse mode, would be 0.
        exponents = [jnp.where(x == 0, 0, exponent(x)) for x in arrays]
        mantissas = [shifted(x, -e) for x, e in zip(arrays, exponents, strict=True)]
        return functools.reduce(jnp.multiply, mantissas), functools.reduce(jnp.add, exponents)

    above, e = parts(factors)
    if over:
        below, e_below = parts(over)
        above, e = above / below, e - e_below
    for more in powers:
        e = e + jnp.reshape(more, (1,) * (rank - more.ndim) + more.shape)
    most = 3 * jnp.finfo(dtype).maxexp  # out of range, whatever the mantissas
    e = jnp.clip(e, -most, most)
    return shifted(shifted(above, e >> 1), (e + 1) >> 1)


def to_the(x: Float[Array, "..."], n: int) -> tuple[Array, Array]:
    """x^n for x >= 0, as a number from about 1/2 to 2 (or 0) and a power of two: in range for every n >= 0."""
    zero = x == 0
    e = exponent(jnp.where(zero, 1, x))
    log = n * jnp.log2(shifted(jnp.where(zero, 1, x), -e))
    whole = jnp.round(jax.lax.stop_gradient(log))
    mantissa = jnp.exp2(log - whole)
    return jnp.where(zero & (n > 0), 0, mantissa), n * e + _whole(whole)


def exponential(x: Float[Array, "..."]) -> tuple[Array, Array]:
    """e^x likewise, and 0 for x below -10^7: no product of a few numbers would bring that back into range."""
    nothing = x < -1e7
    x = jnp.where(nothing, 0, x)
    whole = jnp.round(jax.lax.stop_gradient(x) / math.log(2))
    # log 2 in two parts, the first of few bits: its product with `whole` is exact.
    first = jnp.asarray(0.693359375, x.dtype)
    rest = jnp.asarray(math.log(2) - 0.693359375, x.dtype)
    return jnp.where(nothing, 0, jnp.exp((x - whole * first) - whole * rest)), _whole(whole)


def _whole(x: Array) -> Array:
    """As integers of as many bits, which exponents are."""
    return jnp.where(jnp.isnan(x), 0, x).astype(f"int{jnp.finfo(x.dtype).bits}")


def _two_to(e: Array, dtype: jnp.dtype) -> Array:
    """2^e from its bits: `2.0**e` need not be exact."""
    info = jnp.finfo(dtype)
    return jax.lax.bitcast_convert_type((e + (info.maxexp - 1)) << info.nmant, dtype)
