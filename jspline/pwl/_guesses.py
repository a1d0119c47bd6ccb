"""Where the search for knots starts: two sets of guesses for every number of pieces."""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array

from jspline._programs import compiled
from jspline.datasets import Dataset
from jspline.pwl._dynamic import firsts, optimum
from jspline.pwl._knots import AWAY, Scaled

SPOTS, LEVELS = 64, 24
"""The grid of data and values on which knots are guessed."""


def separate(
    data: Dataset, at: tuple[Array, Array], pieces: int, progress: Callable[[float], None] | None = None
) -> Array:
    """Where the best 1, ..., `pieces` separate lines break, `(pieces, pieces - 1)`, padded with `AWAY`."""
    _, begins = optimum(data, pieces, progress)
    after = jax.vmap(partial(firsts, begins))(jnp.arange(1, pieces + 1))[:, 1:]
    after = jnp.minimum(after, data.size)
    between = (data.x[after - 1] + data.x[jnp.minimum(after, data.size - 1)]) / 2
    return jnp.where(after < data.size, (between - at[0]) / at[1], AWAY)


@compiled
def coarse(data: Scaled, pieces: int) -> Array:
    """The best knots on a coarse grid of data and values, by dynamic programming, as in `separate`."""
    spots = min(data.x.size, SPOTS)
    at = jnp.asarray([round(i * (data.x.size - 1) / max(spots - 1, 1)) for i in range(spots)])
    x, p, y = data.x, data.root**2, data.y * data.root
    sums = jnp.cumsum(jnp.stack([p, p * x, p * x**2, y, y * x, data.y**2]), axis=1)
    # Before each spot, and of all data at the last.
    before = jnp.where(at == 0, 0, sums[:, at - 1]).at[:, -1].set(sums[:, -1])
    values = data.y / jnp.where(data.root > 0, data.root, 1)
    low, high = jnp.min(values), jnp.max(values)
    value = low + (high - low) * jnp.linspace(-0.1, 1.1, LEVELS, dtype=x.dtype)
    x = x[at]

    def extend(least: Array, b: Array) -> tuple[Array, Array]:
        s, sx, sxx, sy, sxy, syy = (before[:, b][:, None] - before)[:, :, None, None]
        width = x[b] - x
        rise = (value[None] - value[:, None])[None] / jnp.where(width > 0, width, 1)[:, None, None]
        level = value[None, :, None] - rise * x[:, None, None]
        error = syy - 2 * level * sy - 2 * rise * sxy + level**2 * s + 2 * level * rise * sx + rise**2 * sxx
        error = jnp.where((jnp.arange(spots) < b)[:, None, None], error, jnp.inf)
        through = (least[:-1, :, :, None] + error[None]).reshape(pieces, -1, LEVELS)
        return least.at[1:, b].set(jnp.min(through, axis=1)), jnp.argmin(through, axis=1)

    least = jnp.full((pieces + 1, spots, LEVELS), jnp.inf, x.dtype).at[0, 0].set(0)
    least, origin = jax.lax.scan(extend, least, jnp.arange(1, spots))

    def knots(count: Array) -> Array:
        def back(end: tuple[Array, Array], k: Array) -> tuple[tuple[Array, Array], Array]:
            spot, level = end
            begin = origin[jnp.maximum(spot, 1) - 1, k, level]
            here = k < count
            spot, level = jnp.where(here, begin // LEVELS, spot), jnp.where(here, begin % LEVELS, level)
            return (spot, level), spot

        end = (jnp.asarray(spots - 1), jnp.argmin(least[count, -1]))
        _, found = jax.lax.scan(back, end, jnp.arange(pieces), reverse=True)
        return jnp.where(jnp.arange(1, pieces) < count, x[found[1:]], AWAY)

    return jax.vmap(knots)(jnp.arange(1, pieces + 1))
