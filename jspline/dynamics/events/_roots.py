"""Where a cubic on [0, 1] first becomes negative, or first falls by a given amount: when an event happens."""

import jax
import jax.numpy as jnp
from jaxtyping import Array


def first_root(c0: Array, c1: Array, c2: Array, c3: Array) -> Array:
    """The first theta in [0, 1] where c0 + c1 theta + c2 theta^2 + c3 theta^3 becomes negative; infinity if none."""

    def value(theta: Array) -> Array:
        return c0 + theta * (c1 + theta * (c2 + theta * c3))

    def slope(theta: Array) -> Array:
        return c1 + theta * (2 * c2 + 3 * c3 * theta)

    # Between its turning points the cubic is monotone, so a change of sign brackets one root.
    t1, t2 = turning_points(c1, c2, c3)
    n1, n2, n3 = value(t1) < 0, value(t2) < 0, value(jnp.ones_like(c0)) < 0
    low = jnp.where(n1, 0, jnp.where(n2, t1, t2))
    high = jnp.where(n1, t1, jnp.where(n2, t2, 1))

    # On its side of the inflection Halley's method comes from the steeper end without overshooting: no step has to be
    # undone, so rounding cannot throw it back.
    bend = jnp.clip(jnp.where(c3 == 0, low, -c2 / jnp.where(c3 == 0, 1, 3 * c3)), low, high)
    before = value(bend) < 0
    low, high = jnp.where(before, low, bend), jnp.where(before, bend, high)
    theta = jnp.where(jnp.abs(slope(low)) > jnp.abs(slope(high)), low, high)

    def halley(_: Array, theta: Array) -> Array:
        f, d = value(theta), slope(theta)
        divisor = 2 * d * d - f * (2 * c2 + 6 * c3 * theta)
        return jnp.clip(theta - 2 * f * d / jnp.where(divisor == 0, 1, divisor), low, high)

    theta = jax.lax.fori_loop(0, 10, halley, theta)
    return jnp.where(n1 | n2 | n3, jnp.where(c0 <= 0, 0, theta), jnp.inf)


def turning_points(c1: Array, c2: Array, c3: Array) -> tuple[Array, Array]:
    """Where c1 + 2 c2 theta + 3 c3 theta^2 = 0 within [0, 1]; an end of the interval for a root that is not."""
    root = jnp.sqrt(jnp.maximum(c2 * c2 - 3 * c1 * c3, 0))
    q = -(c2 + jnp.where(c2 < 0, -root, root))
    one = jnp.clip(jnp.where(q == 0, 0, c1 / jnp.where(q == 0, 1, q)), 0, 1)
    two = jnp.clip(jnp.where(c3 == 0, 0, q / jnp.where(c3 == 0, 1, 3 * c3)), 0, 1)
    return jnp.minimum(one, two), jnp.maximum(one, two)


def first_fall(c1: Array, c2: Array, c3: Array, depth: Array) -> Array:
    """The first theta in [0, 1] where c1 theta + c2 theta^2 + c3 theta^3 falls by over `depth`, or infinity.

    Theory: docs/theory.md 7.4.
    """

    def value(theta: Array) -> Array:
        return theta * (c1 + theta * (c2 + theta * c3))

    t1, t2 = turning_points(c1, c2, c3)
    f1, f2, f3 = value(t1), value(t2), value(jnp.ones_like(t1))
    last = jnp.where(f2 - f3 > depth, t2, jnp.inf)
    return jnp.where(-f1 > depth, 0, jnp.where(f1 - f2 > depth, t1, last))
