"""Losses: what a fit costs at a datum, and what it does to the fit.

Theory: docs/theory.md 1.1.
"""

from abc import abstractmethod

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float


class Loss(eqx.Module):
    """A convex loss l(f, y) of a fit f at a datum with output y. A loss of your own is a subclass.

    All three functions go entry by entry, and are given arrays of one shape.
    """

    @abstractmethod
    def value(self, f: Float[Array, "..."], y: Float[Array, "..."]) -> Float[Array, "..."]:
        """l(f, y)."""

    @abstractmethod
    def force(self, f: Float[Array, "..."], y: Float[Array, "..."]) -> Float[Array, "..."]:
        """-dl/df: the way the fit is pulled."""

    @abstractmethod
    def stiffness(self, f: Float[Array, "..."], y: Float[Array, "..."]) -> Float[Array, "..."]:
        """d^2 l / df^2, not negative."""

    def check(self, y: Float[Array, "..."]) -> None:
        """Raise `ValueError` for outputs that are none of this loss; by default all real numbers are."""


class Squared(Loss):
    """(f - y)^2 / 2."""

    def value(self, f: Float[Array, "..."], y: Float[Array, "..."]) -> Float[Array, "..."]:
        return (y - f) ** 2 / 2

    def force(self, f: Float[Array, "..."], y: Float[Array, "..."]) -> Float[Array, "..."]:
        return y - f

    def stiffness(self, f: Float[Array, "..."], y: Float[Array, "..."]) -> Float[Array, "..."]:
        return jnp.ones_like(f)
