"""The search for the best knots: from one to the next, each time from several starts, until nothing gains.

Each part earns its place. On forty series of 100 points, up to six pieces, leaving out the coarse guesses made up to
three a piece count worse (by up to 1.5 %), the separate lines' one (3 %), both up to six; two random starts in place of
six made two worse; and without crossings the same fits took 3.6 times as long.
"""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array

from jspline._programs import compiled
from jspline.pwl._knots import AWAY, Scaled, best_place, crossings, squares

STARTS, JITTER = 6, 0.1
"""Twice as many random sets of knots are tried as this and as there are knots, and how far they later go."""

SWEEPS = 60
"""At most so many times every knot is moved in one descent."""


def search(
    data: Scaled, guesses: Array, most: int, progress: Callable[[float], None] | None = None
) -> tuple[Array, Array]:
    """The best 1, ..., `most` knots that were found, padded, `(most, most)`, and their errors.

    `guesses`, of shape `(2, most + 1, most)`, are where to start from.
    """
    knots = jnp.full(most, AWAY, data.x.dtype)
    if progress is None:
        return jax.lax.scan(partial(one_more, data, guesses), knots, jnp.arange(1, most + 1))[1]
    found = []
    for count in range(1, most + 1):
        knots, best = _one_more(data, guesses, knots, jnp.asarray(count))
        found.append(best)
        progress((count / most) ** 2)  # each takes longer than the one before
    every, errors = zip(*found, strict=True)
    return jnp.stack(every), jnp.stack(errors)


def one_more(data: Scaled, guesses: Array, knots: Array, count: Array) -> tuple[Array, tuple[Array, Array]]:
    """The best `count` knots that were found, from the best with one fewer, twice; and their error."""
    most = knots.size
    lanes = STARTS + most
    low = jax.random.randint(jax.random.key(0), (2 * lanes, most), 0, data.x.size - 1)
    share = jax.random.uniform(jax.random.key(1), (2 * lanes, most), data.x.dtype)
    random, lane = data.x[low] + share * jnp.diff(data.x)[low], jnp.arange(2 * lanes) % lanes
    out = jnp.where(jnp.arange(2 * lanes) < lanes, 1, 2)
    slots = jnp.arange(most)

    def complete(knots: Array, out: Array) -> tuple[Array, Array]:
        """Without the last knot, or two: move the rest, put those left out where they are best, move all."""
        fewer = jnp.maximum(count - out, 0)

        def half(late: Array, state: tuple[Array, Array]) -> tuple[Array, Array]:
            knots, _ = state
            place, _, jump = best_place(data, knots)
            pair = jnp.where(slots == fewer, data.x[jump], data.x[jump + 1])
            new = jnp.where(count - fewer == 2, pair, place)
            more = jnp.where((slots < fewer) | (slots >= count), knots, new)
            return descend(data, jnp.where(late > 0, count, fewer), jnp.where(late > 0, more, knots))

        start = (jnp.where(slots < fewer, knots, AWAY), jnp.asarray(jnp.inf, knots.dtype))
        return jax.lax.fori_loop(0, 2, half, start)

    def again(state: tuple[Array, Array, Array, Array, Array]) -> tuple[Array, Array, Array, Array, Array]:
        starts, out_now, knots, error, _ = state
        found, errors = jax.vmap(complete)(starts, out_now)
        best = jnp.argmin(errors)
        gains = error - errors[best] > 1e3 * jnp.finfo(error.dtype).eps * errors[best]
        knots, error = jnp.where(gains, jnp.sort(found[best]), knots), jnp.minimum(error, errors[best])
        # Next, the best of them with each in turn as the last, that is taken out, or each and its neighbour.
        turned = knots[(slots[None] + lane[:, None] + 1) % count]
        nearby = jnp.where(slots < count, jnp.clip(turned + JITTER * (2 * share - 1), 0, 1), AWAY)
        return jnp.where((lane < count)[:, None], turned, nearby), out, knots, error, gains & (count > 1)

    # First, from one knot fewer, from the guesses, and from random ones.
    starts = random.at[0].set(knots).at[1:3].set(guesses[:, count])
    start = (starts, out.at[1:3].set(0), knots, jnp.asarray(jnp.inf, data.x.dtype), jnp.asarray(True))
    *_, knots, error, _ = jax.lax.while_loop(lambda state: state[-1], again, start)
    return knots, (knots, error)


_one_more = compiled(one_more)


def descend(data: Scaled, count: Array, knots: Array) -> tuple[Array, Array]:
    """Move each knot to its best place, and those between data to where their lines cross, until nothing gains."""
    tolerance = 1e2 * jnp.finfo(knots.dtype).eps

    def move(j: Array, state: tuple[Array, Array]) -> tuple[Array, Array]:
        knots, error = state
        place, better, _ = best_place(data, knots.at[j].set(AWAY))
        gains = better < error
        return knots.at[j].set(jnp.where(gains, place, knots[j])), jnp.where(gains, better, error)

    def sweep(state: tuple[Array, Array, Array, Array]) -> tuple[Array, Array, Array, Array]:
        knots, before, _, k = state
        knots, _ = jax.lax.fori_loop(0, count, move, (knots, before))
        crossed = crossings(data, knots)
        errors = jax.vmap(partial(squares, data))(jnp.stack([knots, crossed]))
        knots = jnp.where(errors[1] < errors[0], crossed, knots)
        error = jnp.min(errors)
        return knots, error, before - error > tolerance * before, k + 1

    def goes_on(state: tuple[Array, Array, Array, Array]) -> Array:
        return state[2] & (state[3] < SWEEPS)

    start = (knots, squares(data, knots), jnp.asarray(True), jnp.asarray(0))
    knots, error, _, _ = jax.lax.while_loop(goes_on, sweep, start)
    return knots, error
