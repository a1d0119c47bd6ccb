"""The way of one neuron in its cell, given the residual: a hyperbolic rotation of (w, b, v).

Theory: docs/theory.md 6.3, 7.4.
"""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from jspline.dynamics._cell import FlowTerm, projected, weights_of
from jspline.dynamics._rosenbrock import Cubic
from jspline.dynamics.events._roots import first_root


class Stretch(NamedTuple):
    """Each neuron from its own `begin` to the end of the step, as if its cell did not end.

    Attributes:
        begin: where it starts, as a fraction of the step, `(width,)`.
        cubic: the coefficients of 1, sigma, sigma^2, sigma^3 for w, b and v, `(4, 3, width)`. sigma goes from 0 to 1
            on the stretch.
        push: those of sigma, sigma^2, sigma^3 for the integrals of S and of S + e_m (1 + x_m^2), which decide whether
            a neuron that slides on m is let go, `(3, 2, width)`.
    """

    begin: Float[Array, " width"]
    cubic: Float[Array, "4 3 width"]
    push: Float[Array, "3 2 width"]

    @classmethod
    def whole(cls, term: FlowTerm, dense: Cubic) -> "Stretch":
        """The whole step, on its dense output."""
        push = pushes(term, *term.sums(dense.impulse), dense.impulse[:, term.pin])
        cubic = jnp.stack([jnp.stack(weights_of(net)) for net in dense.nets])
        return cls(jnp.zeros_like(term.pinned_x), cubic, push)

    @classmethod
    def place(cls, y: Float[Array, "3 width"]) -> "Stretch":
        """No more than a place."""
        zeros = jnp.zeros((3, *y.shape), y.dtype)
        return cls(jnp.zeros_like(y[0]), jnp.concatenate([y[None], zeros]), zeros[:, :2])

    def at(self, sigma: Float[Array, " width"]) -> Float[Array, "3 width"]:
        """w, b and v there."""
        c0, c1, c2, c3 = self.cubic
        sigma = sigma[None]
        return c0 + sigma * (c1 + sigma * (c2 + sigma * c3))

    def sigma(self, theta: Float[Array, ""]) -> Float[Array, " width"]:
        """Where a fraction of the step is on the stretch; 0 on one without length."""
        length = 1 - self.begin
        return jnp.where(length > 0, (theta - self.begin) / jnp.where(length > 0, length, 1), 0)

    def flip(self) -> Float[Array, " width"]:
        """The sigma at which w passes 0; infinity if it does not (docs/theory.md 7.9)."""
        w = self.cubic[:, 0]
        return first_root(*(jnp.sign(w[0]) * coefficient for coefficient in w))


def pushes(term: FlowTerm, X: Array, E: Array, own: Array) -> Float[Array, "3 2 width"]:
    x = term.pinned_x[None]
    inner = E + x * X
    return jnp.stack([inner, inner + own * (1 + x**2)], axis=1)


def counted_from(cubic: Float[Array, "3 places"], theta: Float[Array, "..."]) -> Float[Array, "3 places"]:
    """The coefficients of c1 theta + c2 theta^2 + c3 theta^3, counted from a later place on."""
    c1, c2, c3 = cubic
    return jnp.stack([c1 + theta * (2 * c2 + theta * 3 * c3), c2 + 3 * c3 * theta, c3])


def turned_in_cell(term: FlowTerm, y: Array, X: Array, E: Array) -> Float[Array, "4 3 width"]:
    """A neuron under a given force, (w, b, v)' = M(q) (w, b, v), where q = q1 + 2 q2 sigma + 3 q3 sigma^2 = (X, E).

    Its end is that of Magnus' method of order 4: the exponential of M for the mean of q, which is a hyperbolic
    rotation, with a small rotation of (w, b) since q turns. It keeps the charge. In between, Hermite's cubic.

    Theory: docs/theory.md 6.3.
    """
    X, E = projected(term, X, E)

    def rate(X: Array, E: Array, y: Array) -> Array:
        w, b, v = y
        return jnp.stack([X * v, E * v, X * w + E * b])

    mean_x, mean_e = jnp.sum(X, axis=0), jnp.sum(E, axis=0)
    turning = (mean_e * (2 * X[1] + 3 * X[2]) - mean_x * (2 * E[1] + 3 * E[2])) / 12

    def generator(y: Array) -> Array:
        w, b, _ = y
        return rate(mean_x, mean_e, y) + jnp.stack([turning * b, -turning * w, jnp.zeros_like(w)])

    # Its cube is s times itself; sinh(r) / r and (cosh(r) - 1) / r^2, r^2 = s, to 1e-9 where |q| <= 2, as it is here.
    s = mean_x**2 + mean_e**2 - turning**2
    sinh = 1 + s / 6 * (1 + s / 20 * (1 + s / 42 * (1 + s / 72 * (1 + s / 110))))
    cosh = 1 / 2 + s / 24 * (1 + s / 30 * (1 + s / 56 * (1 + s / 90 * (1 + s / 132))))
    once = generator(y)
    change = sinh[None] * once + cosh[None] * generator(once)
    begin = rate(X[0], E[0], y)
    end = rate(X[0] + 2 * X[1] + 3 * X[2], E[0] + 2 * E[1] + 3 * E[2], y + change)
    return jnp.stack([y, begin, 3 * change - 2 * begin - end, begin + end - 2 * change])
