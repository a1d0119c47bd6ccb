"""Functions to learn, without noise: of one input at evenly spaced x, of several where their docstrings say."""

from collections.abc import Sequence
from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, PRNGKeyArray

from jspline._checks import (
    Reals,
    as_floats,
    as_key,
    as_like,
    check_finite,
    check_memory,
    check_positive,
    check_scalar,
    check_whole,
)
from jspline._programs import compiled
from jspline.charts import ReLUNet
from jspline.datasets._dataset import Dataset

FORTY_POINT_KNOTS = (-1.0, -0.7, -0.55, -0.4, 0.0, 0.5, 0.6, 0.7, 1.0)
FORTY_POINT_VALUES = (0.0, 0.7, 0.5, 1.0, 0.0, 1.0, 0.6, 0.7, 0.0)


def sine(n: int = 40, *, frequency: float = 3.0, lo: float = -2.0, hi: float = 2.0) -> Dataset:
    """y = sin(frequency x) at n points of [lo, hi]. Raises `ValueError` when n < 2 or lo >= hi, as all here do."""
    x = _evenly(n, lo, hi)
    check_finite(frequency=frequency)
    return Dataset(x, jnp.sin(frequency * x))


def quadratic(n: int = 40, *, lo: float = -2.0, hi: float = 2.0) -> Dataset:
    """y = x^2 / 2, whose curvature is 1 everywhere (figure 9, table 1)."""
    x = _evenly(n, lo, hi)
    return Dataset(x, x**2 / 2)


def square_wave(n: int = 40, *, period: float = 2.0, lo: float = -2.0, hi: float = 2.0) -> Dataset:
    """y = 1 in the first half of each period, which starts at 0, and -1 in the second."""
    check_positive(period=period)
    x = _evenly(n, lo, hi)
    return Dataset(x, jnp.where(jnp.mod(x / period, 1) < 0.5, 1.0, -1.0).astype(x.dtype))


def smooth_gap(n: int = 40) -> Dataset:
    """Two lines of slope 1 with a jump in the gap (-0.5, 0.5), where there are no data: an easy turn (figure 11)."""
    return _gap(n, slope=1.0)


def sharp_gap(n: int = 40) -> Dataset:
    """Two lines of slope -1 with a jump in the gap (-0.5, 0.5), where there are no data: a sharp turn (figure 11).

    The ends at the gap, (-0.5, -1) and (0.5, 1), are those of `smooth_gap`; the slopes oppose the jump.
    """
    return _gap(n, slope=-1.0)


def teacher(
    n: int = 40,
    *,
    knots: Sequence[float] = FORTY_POINT_KNOTS,
    values: Sequence[float] = FORTY_POINT_VALUES,
    inputs: int | None = None,
    width: int = 3,
    key: PRNGKeyArray | None = None,
) -> Dataset:
    """n points of the piecewise-linear function through (knots, values), from the first knot to the last.

    The default is the forty-point teacher of Boursier and Flammarion's early-alignment experiment, at evenly spaced x.
    With `inputs` the teacher is a random net of this `width` at standard normal x, `(n, inputs)`: unit normals uniform
    on the sphere, planes at normal distances of standard deviation 1/2 from the origin, v = 1 and -1 in turn.

    Raises `ValueError` when there are fewer than 2 knots, they do not increase, or there is not a value for each; with
    `inputs` when that or `width` is no whole number of at least 1, or there is no key.
    """
    if inputs is not None:
        return _planes(n, inputs, width, key)
    places, heights = as_floats(knots=knots, values=values)
    check_finite(knots=places, values=heights)
    if len(knots) < 2 or len(knots) != len(values) or any(a >= b for a, b in pairwise(knots)):
        raise ValueError(f"`knots` must be at least 2 increasing numbers with a value each; got {knots} and {values}.")
    x = _evenly(n, knots[0], knots[-1])
    return Dataset(x, jnp.interp(x, jnp.asarray(knots, x.dtype), jnp.asarray(values, x.dtype)))


def _planes(n: int, inputs: int, width: int, key: PRNGKeyArray | None) -> Dataset:
    check_whole(inputs=inputs, width=width)
    _check_points(n, inputs=inputs)
    if key is None:
        raise ValueError("A teacher of several inputs is random: give `key`.")
    keys = jax.random.split(as_key(key), 3)
    x, w = jax.random.normal(keys[0], (n, inputs)), jax.random.normal(keys[1], (width, inputs))
    w = w / jnp.linalg.norm(w, axis=1, keepdims=True)
    v = jnp.where(jnp.arange(width) % 2 == 0, 1.0, -1.0).astype(x.dtype)
    return Dataset(x, ReLUNet(w, jax.random.normal(keys[2], (width,)) / 2, v)(x))


def xor() -> Dataset:
    """The corners of a square, x = (-1, -1), (-1, 1), (1, -1), (1, 1), and y = 1 where the signs differ, else -1.

    Four neurons interpolate, one towards each corner; no line separates the two values.
    """
    x = jnp.asarray([[-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 1.0]])
    return Dataset(x, -x[:, 0] * x[:, 1])


def circles(n: int = 40, *, radii: Sequence[float] = (0.5, 1.0)) -> Dataset:
    """n points evenly spaced on circles around the origin of the plane, y from -1 on the first to 1 on the last.

    Each circle gets as many, the last ones one more where n is no multiple. Raises `ValueError` when there are fewer
    than 2 radii, one is not positive and finite, or n is less than their number.
    """
    (sizes,) = as_floats(radii=radii)
    if sizes.ndim != 1 or len(sizes) < 2:
        raise ValueError(f"`radii` must be at least 2 numbers; got {radii}.")
    check_positive(radii=sizes)
    _check_points(n, least=len(sizes), inputs=2)
    rings = len(sizes)
    count = np.array([n // rings + (k >= rings - n % rings) for k in range(rings)])
    ring = np.repeat(np.arange(rings), count)
    turn = np.concatenate([np.arange(each) / each for each in count])
    angle = jnp.asarray(2 * np.pi * turn, sizes.dtype)
    x = sizes[ring, None] * jnp.stack([jnp.cos(angle), jnp.sin(angle)], axis=1)
    return Dataset(x, jnp.asarray(2 * ring / (rings - 1) - 1, sizes.dtype))


def orthogonal(y: Reals, inputs: int | None = None, *, key: PRNGKeyArray | None = None) -> Dataset:
    """Orthonormal inputs with given outputs, on which the flow from small nets is known: Boursier, Pillaud-Vivien and
    Flammarion (2022).

    Args:
        y: outputs, `(data,)`.
        inputs: how many, at least as many as data, which is the default.
        key: turns them by a random rotation or reflection; without it x_n is the n-th unit vector.

    They are orthogonal to nets without hidden biases, `Problem(data, biases=False)`: (x, 1) are not. Raises
    `ValueError` for fewer inputs than data, or outputs that are no vector.
    """
    (values,) = as_floats(y=y)
    if values.ndim != 1 or not len(values):
        raise ValueError(f"`y` must be a vector of at least 1 number; got shape {values.shape}.")
    n = len(values)
    inputs = n if inputs is None else inputs
    check_whole(least=n, inputs=inputs)
    _check_points(n, least=1, inputs=inputs)
    if key is None:
        return Dataset(jnp.eye(n, inputs, dtype=values.dtype), values)
    q, r = jnp.linalg.qr(jax.random.normal(as_key(key), (inputs, n), values.dtype))
    return Dataset((q * jnp.sign(jnp.diagonal(r))[None]).T, values)


def six_points(offset: ArrayLike = 0.0, *, draws: int | None = None, key: PRNGKeyArray | None = None) -> Dataset:
    """Holzmueller and Steinwart's x = -3, -2, -1, 1, 2, 3 and y = (-1, 2, -1, 1, -2, 1) + offset, of total weight 1.

    Args:
        offset: moves all y.
        draws: with a `key`, the weights are those of a sample of so many draws, with replacement, from the six points;
            without, they are 1/6 each.
        key: a typed key.

    The best line of each side is y = offset when the weights are equal. Raises `ValueError` for draws without a key, a
    key without draws, or draws that are not at least 1.
    """
    if (draws is None) != (key is None):
        raise ValueError(f"`draws`, a whole number of at least 1, and `key` go together; got draws = {draws}.")
    check_scalar(offset=offset)
    if draws is not None:
        check_whole(most=2**62, draws=draws)  # the square of any width
    x = jnp.asarray([-3.0, -2.0, -1.0, 1.0, 2.0, 3.0])
    y = jnp.asarray([-1.0, 2.0, -1.0, 1.0, -2.0, 1.0]) + as_like(x, offset=offset)
    equal = jnp.full(6, 1 / 6, x.dtype)
    if draws is None or key is None:
        return Dataset(x, y, equal)
    check_whole(draws=draws)
    key = as_key(key)
    return Dataset(x, y, _multinomial(key, jnp.asarray(draws, x.dtype), equal) / draws)


@compiled
def _multinomial(key: PRNGKeyArray, draws: Array, p: Array) -> Array:
    return jax.random.multinomial(key, draws, p, dtype=p.dtype)


def _check_points(n: int, least: int = 2, inputs: int = 1) -> None:
    check_whole(least=least, n=n)
    size = (inputs + 2) * n * jnp.zeros(()).dtype.itemsize
    check_memory(f"A sample at {n:,} points", size, "take fewer")


def _evenly(n: int, lo: float, hi: float) -> Array:
    _check_points(n)
    check_finite(lo=lo, hi=hi)
    if not lo < hi:
        raise ValueError(f"`lo` must be less than `hi`; got {lo} and {hi}.")
    return jnp.linspace(lo, hi, n)


def _gap(n: int, slope: float) -> Dataset:
    _check_points(n, least=4)  # two points on each side of the gap
    left = jnp.linspace(-1.5, -0.5, n // 2)
    right = jnp.linspace(0.5, 1.5, n - n // 2)
    y = jnp.concatenate([-1 + slope * (left + 0.5), 1 + slope * (right - 0.5)])
    return Dataset(jnp.concatenate([left, right]), y)
