"""What every initialization has in common."""

import abc

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Float, PRNGKeyArray

from jspline._checks import check_whole
from jspline.charts import ReLUNet


class Law(eqx.Module):
    """An initialization as a distribution: it samples nets, and where it has exact densities it knows them.

    The neurons are independent and alike, b0 = 0, and the orientation is a fair coin, independent of (beta, mu),
    unless a law says otherwise. The densities that involve mu take a `width`, which only the laws whose delta-slopes
    depend on it need (`UniformBreakpoints`): code for any law can give it always.
    """

    @abc.abstractmethod
    def sample(self, width: int, *, key: PRNGKeyArray) -> ReLUNet:
        """A net with `width` neurons. Raises `ValueError` when `width` is not a whole number of at least 1."""


class RoughnessLaw(Law):
    """A law that knows mean and variance of the roughness rho = sum_i mu_i^2, from the moments of mu."""

    @abc.abstractmethod
    def _mu_moments(self, width: int) -> tuple[Array, Array]:
        """E mu^2 and E mu^4."""

    def roughness_mean(self, width: int) -> Float[Array, ""]:
        """E rho (theorem 2)."""
        check_whole(width=width)
        return width * self._mu_moments(width)[0]

    def roughness_var(self, width: int) -> Float[Array, ""]:
        """Var rho (theorem 2)."""
        check_whole(width=width)
        second, fourth = self._mu_moments(width)
        return width * (fourth - second**2)

    def roughness_tail(self, width: int, t: ArrayLike) -> Float[Array, "..."]:
        """An upper bound of P(rho - E rho >= t) for t >= 0: the one-sided Chebyshev bound of theorem 2."""
        variance = self.roughness_var(width)
        t = jnp.maximum(jnp.asarray(t, variance.dtype), 0)
        # Not 1 / (1 + t^2 / Var), which is 0 / 0 for a law of no variance.
        return jnp.where(t > 0, variance / jnp.where(t > 0, variance + t**2, 1), 1)


def orientations(key: PRNGKeyArray, width: int, dtype: jnp.dtype) -> Float[Array, " width"]:
    """Fair signs."""
    return jax.random.rademacher(key, (width,), dtype)
