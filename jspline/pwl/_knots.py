"""The continuous least squares fit with given knots, and the best place of one knot more.

As a knot moves between two data, the others at rest, the column that it contributes is linear in its position, so the
error is a quotient of quadratic polynomials with one interior minimum in closed form: the best place of one knot on the
whole line is found exactly, in one pass over the data.

Theory: docs/theory.md 12.2.
"""

from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jspline._roots import root
from jspline.datasets import Dataset

AWAY = 2.0
"""Where a knot has no effect: beyond the data, which are scaled to [0, 1]."""


_dot = partial(jnp.matmul, precision="highest")


class Scaled(eqx.Module):
    """The data on [0, 1], times the roots of the weights: what the linear algebra is made of."""

    x: Float[Array, " data"]
    root: Float[Array, " data"]
    y: Float[Array, " data"]
    moments: Float[Array, "three gaps"]


def rescaled(data: Dataset) -> tuple[Scaled, tuple[Array, Array]]:
    """The scaled data, of data `in_units`, and where their x came from: (origin, length)."""
    length = data.x[-1] - data.x[0]
    length = jnp.where(length > 0, length, 1)
    x, share = (data.x - data.x[0]) / length, jnp.sqrt(data.weight)
    gap = jnp.diff(x)
    zeroth = _from_right(data.weight[1:])
    first = _from_right(gap * zeroth)
    second = _from_right(gap**2 * zeroth + 2 * gap * jnp.append(first[1:], jnp.zeros((), x.dtype)))
    moments = jnp.stack([zeroth, first, second])
    return Scaled(x, share, share * (data.y - data.y[0]), moments), (data.x[0], length)


def _from_right(values: Array) -> Array:
    return jax.lax.cumsum(values, axis=values.ndim - 1, reverse=True)


def columns(data: Scaled, knots: Array) -> Array:
    """1, x and a hinge for each knot, weighted, `(pieces + 1, data)`."""
    line = jnp.stack([jnp.ones_like(data.x), data.x - 0.5])
    return data.root[None] * jnp.concatenate([line, jax.nn.relu(data.x[None] - knots[:, None])])


def orthonormal(columns: Array) -> tuple[Array, Array]:
    """Gram and Schmidt, twice over: Q `(columns, data)` and R; a column that depends on those before it gives 0."""
    count = len(columns)
    tolerance = jnp.finfo(columns.dtype).eps ** 0.6

    def step(k: Array, state: tuple[Array, Array]) -> tuple[Array, Array]:
        q, r = state
        rest, along = columns[k], jnp.zeros(count, columns.dtype)
        for _ in range(2):
            part = _dot(q, rest)
            rest, along = rest - _dot(part, q), along + part
        length = root(jnp.sum(rest**2))
        new = length > tolerance * root(jnp.sum(columns[k] ** 2))
        unit = jnp.where(new, rest / jnp.where(new, length, 1), 0)
        return q.at[k].set(unit), r.at[:, k].set(along.at[k].set(jnp.where(new, length, 0)))

    return jax.lax.fori_loop(0, count, step, (jnp.zeros_like(columns), jnp.zeros((count, count), columns.dtype)))


def coefficients(data: Scaled, columns: Array) -> Array:
    """The least squares fit by these columns; 0 for those that depend on others."""
    q, r = orthonormal(columns)
    diagonal = jnp.diagonal(r)
    full = r + jnp.diag(jnp.where(diagonal == 0, 1, 0).astype(r.dtype))
    return jax.scipy.linalg.solve_triangular(full, jnp.where(diagonal == 0, 0, _dot(q, data.y)))


def residual(data: Scaled, q: Array) -> Array:
    """What orthonormal columns leave of y."""
    return data.y - _dot(_dot(q, data.y), q)


def squares(data: Scaled, knots: Array) -> Array:
    """The error of the fit with these knots."""
    return jnp.sum(residual(data, orthonormal(columns(data, knots))[0]) ** 2)


def best_place(data: Scaled, knots: Array) -> tuple[Array, Array, Array]:
    """The best place for one knot more, the error with it, and the best gap for a jump: for two knots, at its ends."""
    q = orthonormal(columns(data, knots))[0]
    rest = residual(data, q)
    gap = jnp.diff(data.x)

    def sides(z: Array) -> tuple[Array, Array]:
        """Products with the hinge on the left end of each gap, and with the step behind it."""
        step = _from_right((z * data.root[None])[:, 1:])
        return _from_right(gap[None] * step), step

    (a, b), (hinge, step) = (tuple(each[0] for each in sides(rest[None]))), sides(q)
    zeroth, first, second = data.moments
    # With the knot at t behind the left end: the residual along it is a - t b, what is new in it has this square.
    c, d, e = second - jnp.sum(hinge**2, 0), first - jnp.sum(hinge * step, 0), zeroth - jnp.sum(step**2, 0)
    slope, value = b * d - a * e, b * c - a * d
    inside = jnp.where(slope != 0, value / jnp.where(slope != 0, slope, 1), 0)
    t = jnp.stack([jnp.zeros_like(gap), jnp.clip(jnp.where(jnp.isfinite(inside), inside, 0), 0, gap)])
    new = c[None] - 2 * t * d[None] + t**2 * e[None]
    whole = second[None] - 2 * t * first[None] + t**2 * zeroth[None]
    enough = new > jnp.finfo(t.dtype).eps ** 0.75 * whole
    gain = jnp.where(enough, (a[None] - t * b[None]) ** 2 / jnp.where(enough, new, 1), 0)
    best = jnp.argmax(gain)
    # Two knots in a gap free both the hinge and the step.
    area = c * e - d**2
    enough = area > jnp.finfo(t.dtype).eps ** 0.75 * second * zeroth
    jump = jnp.argmax(jnp.where(enough, (a**2 * e - 2 * a * b * d + b**2 * c) / jnp.where(enough, area, 1), 0))
    return (data.x[None, :-1] + t).ravel()[best], jnp.sum(rest**2) - gain.ravel()[best], jump


def crossings(data: Scaled, knots: Array) -> Array:
    """Knots between data, moved to where the lines that are fitted on their two sides cross."""
    sign = jnp.sign(data.x[None] - knots[:, None])
    on_datum = jnp.any(jnp.abs(data.x[None] - knots[:, None]) < 1e3 * jnp.finfo(knots.dtype).eps, axis=1)
    steps = jnp.where(on_datum[:, None], 0, (sign > 0).astype(knots.dtype)) * data.root[None]
    coefficient = coefficients(data, jnp.concatenate([columns(data, knots), steps]))
    kink, jump = coefficient[2 : 2 + len(knots)], coefficient[2 + len(knots) :]
    moved = knots - jnp.where(kink == 0, 0, jump / jnp.where(kink == 0, 1, kink))
    place = jnp.clip(jnp.searchsorted(data.x, knots, side="right") - 1, 0, data.x.size - 2)
    moved = jnp.clip(moved, data.x[place], data.x[place + 1])
    return jnp.where(on_datum | (knots >= 1), knots, moved)


def followed(data: Scaled, knots: Array) -> Array:
    """The best knots as the data change, for AD: those on a datum stay on it, the others where their lines cross."""
    knots = jax.lax.stop_gradient(knots)
    nearest = jnp.argmin(jnp.abs(data.x[None] - knots[:, None]), axis=1)
    on_datum = jnp.abs(data.x[nearest] - knots) < 1e3 * jnp.finfo(knots.dtype).eps
    return jnp.where(on_datum, data.x[nearest], crossings(data, knots))
