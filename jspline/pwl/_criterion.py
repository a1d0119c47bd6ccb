"""How many pieces: an information criterion."""

import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Float

from jspline._checks import Reals, as_floats, check_positive, is_concrete
from jspline.datasets import Dataset


def criterion(
    sses: Reals, size: ArrayLike, *, continuous: bool = False, floor: ArrayLike = 0.0
) -> Float[Array, " tried"]:
    """Schwarz's criterion N log(sse / N) + k log N for 1, 2, ... pieces; the least is best (Yao 1988).

    K pieces have k = 3 K - 1 parameters, two a line and one a break, or k = 2 K if they are continuous.

    Args:
        sses: sums of squares for 1, 2, ... pieces, `(tried,)`.
        size: the number of data N (of positive weight). Weights are taken as inverse variances up to a factor.
        continuous: whether the pieces are joined.
        floor: what counts as no error at all, or data without noise would be cut ever finer.

    Raises `ValueError` for sums that are no vector or negative, a size that is not positive, or a negative floor.
    """
    (sses,) = as_floats(sses=sses)
    if sses.ndim != 1 or sses.size < 1:
        raise ValueError(f"`sses` must be a vector of at least one number; got shape {sses.shape}.")
    if is_concrete(sses) and (lowest := np.nanmin(np.asarray(sses), initial=0)) < 0:  # NaN is of what was not tried
        raise ValueError(f"`sses` must be sums of squares, zero or positive; got {lowest:g}.")
    check_positive(size=size)
    check_positive(strict=False, floor=floor)
    pieces = jnp.arange(1, sses.shape[-1] + 1).astype(sses.dtype)
    size = jnp.asarray(size).astype(sses.dtype)
    parameters = 2 * pieces if continuous else 3 * pieces - 1
    least = jnp.maximum(jnp.asarray(floor, sses.dtype), jnp.finfo(sses.dtype).tiny)
    return size * jnp.log(jnp.maximum(sses, least) / size) + parameters * jnp.log(size)


def choose(sses: Array, data: Dataset, size: int, *, continuous: bool) -> int:
    """The number of pieces with the least criterion, on the host, for data `in_units`.

    The floor is the rounding of the data, half a unit in the last place, and of fits, made of differences.
    """
    rounding = jnp.finfo(data.y.dtype).eps * (jnp.max(jnp.abs(data.y)) / 2 + 64 * jnp.max(jnp.abs(data.y - data.y[0])))
    floor = jnp.sum(data.weight) * rounding**2
    return int(jnp.argmin(criterion(sses, size, continuous=continuous, floor=floor))) + 1


def most_pieces(data: Dataset, most: int | None) -> int:
    """How many pieces "auto" tries: a quarter of the distinct x, at most 50, unless told."""
    if not is_concrete(data):
        raise ValueError("pieces='auto' sets a shape, so it cannot run under jax.jit or jax.vmap: see `criterion`.")
    return max(1, min(data.size // 4, 50)) if most is None else most
