"""Statistics that stream and merge: of any number of values, in a memory that does not grow.

`of` makes one of an array, on a device and inside `jax.vmap`; `a + b` merges two, on the device or on the host. Counts
are whole numbers, so histograms merge exactly, in any order; moments to rounding.
"""

import math
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Float, Int
from scipy import stats

from jspline._checks import check_memory, check_positive


class Moments(eqx.Module):
    """Count, mean and the sum of squared deviations from it, of shape `()` or of any other, elementwise."""

    count: Any
    mean: Any
    square: Any

    @classmethod
    def of(cls, values: Float[Array, " values"]) -> "Moments":
        """Of a vector of one value or more."""
        mean = values[0] + jnp.mean(values - values[0])  # so that equal values have no variance
        return cls(jnp.asarray(values.size, values.dtype), mean, jnp.sum((values - mean) ** 2))

    def __add__(self, other: "Moments") -> "Moments":
        count = self.count + other.count
        share, step = other.count / count, other.mean - self.mean
        return Moments(count, self.mean + step * share, self.square + other.square + step**2 * (self.count * share))

    @property
    def variance(self) -> Any:
        """The unbiased variance."""
        return self.square / (self.count - 1)

    @property
    def error(self) -> Any:
        """The standard error of the mean."""
        return (self.variance / self.count) ** 0.5


class LogBins(NamedTuple):
    """Bins for values of either sign over many decades, `per_octave` (a power of 2) of them to each factor of two.

    A bin's number is read off the bits of a float32: its exponent and the first digits behind it. So the edges are
    2^k (1 + j / per_octave), an edge belongs to the bin away from 0, and both outer and both inner bins hold what is
    beyond `high` and within `low` (powers of 2).
    """

    low: int
    high: int
    per_octave: int = 4

    @property
    def half(self) -> int:
        """Bins of a sign."""
        return (self.high - self.low) * self.per_octave

    @property
    def size(self) -> int:
        """Bins of both signs."""
        return 2 * self.half

    def edges(self) -> np.ndarray:
        """From the least to the largest, `(size + 1,)`, the outer ones infinite and the middle one 0."""
        octave = np.exp2(np.arange(self.low, self.high))[:, None] * (1 + np.arange(self.per_octave) / self.per_octave)
        positive = np.concatenate([octave.ravel()[1:], [np.inf]])
        return np.concatenate([-positive[::-1], [0.0], positive])

    def number(self, values: Float[Array, "..."]) -> Int[Array, "..."]:
        """The bin of each value; NaN goes to the outermost ones."""
        bits = jax.lax.bitcast_convert_type(values.astype(jnp.float32), jnp.int32)
        digits = self.per_octave.bit_length() - 1
        place = (bits & 0x7FFFFFFF) >> (23 - digits)
        place = jnp.clip(place - ((127 + self.low) << digits), 0, self.half - 1)
        return jnp.where(bits < 0, self.half - 1 - place, self.half + place)


def counts(sizes: tuple[int, ...], *numbers: Int[Array, " values"]) -> Int[Array, "..."]:
    """The histogram of bin numbers, joint if there are several; int32, so of at most 2^31 values until it is merged."""
    bins = math.prod(sizes)
    check_memory(f"A histogram of {bins:,} bins", 4 * bins, "take fewer")
    flat = jnp.ravel_multi_index(numbers, sizes, mode="clip")
    return jnp.zeros(bins, jnp.int32).at[flat].add(1, mode="promise_in_bounds").reshape(sizes)


class Proportion(NamedTuple):
    """A share with the ends of its interval."""

    value: Any
    low: Any
    high: Any


def proportion(happened: Any, level: float = 0.95) -> Proportion:
    """The share of true values along the last axis, with Wilson's interval.

    Raises `ValueError` for anything but booleans, or for none.
    """
    array = np.asarray(happened)
    if array.dtype != bool or array.ndim < 1 or array.shape[-1] < 1:
        raise ValueError(
            f"`happened` must hold booleans, at least one along its last axis; got {array.dtype}, shape {array.shape}."
        )
    return wilson(np.sum(array, axis=-1), array.shape[-1], level)


def wilson(successes: ArrayLike, trials: ArrayLike, level: float = 0.95) -> Proportion:
    """successes / trials with Wilson's score interval, which holds near 0 and 1 too.

    Raises `ValueError` unless 0 <= successes <= trials, 0 < trials and 0 < level < 1.
    """
    check_positive(strict=False, successes=successes)
    check_positive(trials=trials, level=level)
    k, n = np.asarray(successes, float), np.asarray(trials, float)
    if np.any(k > n):
        raise ValueError("`successes` must be at most `trials`.")
    if not level < 1:
        raise ValueError(f"`level` must be below 1; got {level}.")
    z = stats.norm.ppf(0.5 + level / 2)
    p = k / n
    centre = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    reach = z / (1 + z**2 / n) * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    return Proportion(p, np.minimum(centre - reach, p), np.maximum(centre + reach, p))
