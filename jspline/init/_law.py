"""What every initialization has in common.

Theory: docs/theory.md 2, 2.3.
"""

import abc
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Float, PRNGKeyArray

from jspline._checks import as_like, check_whole
from jspline._scale import product
from jspline.charts import ReLUNet


class Law(eqx.Module):
    """An initialization as a distribution: it samples nets, and where it has exact densities it knows them.

    The neurons are independent and alike, b0 = 0, and the orientation is a fair coin, independent of (beta, mu),
    unless a law says otherwise. Laws are of one input; `Gaussian` and `Balanced` are also of many, with `inputs`,
    and then of breakplanes (eta, xi, gamma): they know gamma and eta in place of beta and mu. The densities that
    involve mu take a `width`, which only the laws whose delta-slopes depend on it need (`UniformBreakpoints`): code
    for any law can give it always. Densities and distribution functions hold at any scale, wherever their value is
    in the range of the dtype, and at infinity. Distribution functions have the digits of the lower tail; that of mu
    gives the upper one as P(-mu).
    """

    @abc.abstractmethod
    def sample(self, width: int, *, key: PRNGKeyArray) -> ReLUNet:
        """A net with `width` neurons. Raises `ValueError` when `width` is not a whole number of at least 1."""


class RoughnessLaw(Law):
    """A law that knows mean and variance of the roughness rho = sum_i mu_i^2, or sum_i eta_i^2, from their moments."""

    @abc.abstractmethod
    def _mu_moments(self, width: int) -> tuple[tuple[Array, Array], float, float]:
        """Two factors of a scale of mu (or eta), and E mu^2 and E mu^4 in units of it."""

    def roughness_mean(self, width: int) -> Float[Array, ""]:
        """E rho (theorem 2)."""
        check_whole(width=width)
        scale, second, _ = self._mu_moments(width)
        return product((*scale, *scale, width, second))

    def roughness_var(self, width: int) -> Float[Array, ""]:
        """Var rho (theorem 2)."""
        check_whole(width=width)
        scale, second, fourth = self._mu_moments(width)
        return product((*scale, *scale, *scale, *scale, width, fourth - second**2))

    def roughness_tail(self, width: int, t: ArrayLike) -> Float[Array, "..."]:
        """An upper bound of P(rho - E rho >= t) for t >= 0: the one-sided Chebyshev bound of theorem 2."""
        check_whole(width=width)
        scale, second, fourth = self._mu_moments(width)
        t = jnp.maximum(as_like(scale[0], t=t), 0)
        deviations = product((t,), over=(*scale, *scale, (width * (fourth - second**2)) ** 0.5))
        return jnp.where(t == 0, 1, 1 / (1 + deviations**2))  # also for a law of no variance


class Place(NamedTuple):
    """A breakpoint against a_b / a_w, for independent w, b and v of scales a_w, a_b and a_v, in numbers within range.

    lead / size is the smaller of a_w and a_b / |beta|, other size the larger of a_b and a_w |beta|. Given the
    breakpoint, the delta-slope has a scale of a_v lead / (size stretch). Of a breakplane gamma and eta in their place.

    Attributes:
        near: whether |beta| <= a_b / a_w.
        lead, other: a_w and a_b, the other way round if not near.
        size: |beta|, or 1 if near.
        ratio: beta a_w / a_b or its inverse, whichever is at most 1 in size.
        stretch: 1, or sqrt(1 + ratio^2) where the law is round.
    """

    near: Array
    lead: Array
    other: Array
    size: Array
    ratio: Array
    stretch: Array

    def reach(self, mu: ArrayLike, a_v: Array) -> Array:
        """|mu| over its scale."""
        mu = jnp.abs(as_like(a_v, mu=mu))
        return product((mu, jnp.where(mu == 0, 1, self.size), self.stretch), over=(a_v, self.lead))

    def cosine(self) -> Array:
        """a_b over the root of a_b^2 + a_w^2 beta^2."""
        return jnp.where(self.near, 1, jnp.abs(self.ratio)) / self.stretch

    def marginal(self, mass: ArrayLike, powers: tuple[Array, ...] = ()) -> Array:
        """p(beta), of which `mass` (times two to the `powers`) is the part of each unit of a_b / a_w at 0."""
        below = (self.other, self.size, self.size, self.stretch, self.stretch)
        return product((self.lead, mass), over=below, powers=powers)

    def conditional(self, profile: Array, a_v: Array, powers: tuple[Array, ...] = ()) -> Array:
        """p(mu | beta), `profile` in units of the scale of mu; 0 beside a scale of 0."""
        size = jnp.where(profile == 0, 1, self.size)
        return product((profile, size, self.stretch), over=(a_v, self.lead), powers=powers)

    def joint(self, mass: ArrayLike, profile: Array, a_v: Array, powers: tuple[Array, ...] = ()) -> Array:
        """p(beta, mu): their product, also where it is 0 times infinity."""
        return product((profile, mass), over=(a_v, self.other, self.size, self.stretch), powers=powers)


def place(beta: ArrayLike, a_w: Array, a_b: Array, *, rounded: bool) -> Place:
    """Where beta lies."""
    beta = as_like(a_w, beta=beta)
    near = jnp.abs(beta) * a_w <= a_b
    lead, other = jnp.where(near, a_w, a_b), jnp.where(near, a_b, a_w)
    above, below = jnp.where(near, beta, 1), jnp.where(near, 1, beta)
    ratio = product((above, lead), over=(other, below))
    stretch = jnp.sqrt(1 + ratio**2) if rounded else jnp.ones_like(ratio)
    return Place(near, lead, other, jnp.abs(below), ratio, stretch)


def inputs_of(law: Any) -> int | None:
    """How many inputs a law is of; None for breakpoints, which are all that most laws know."""
    return getattr(law, "inputs", None)


def check_line(law: Any, what: str) -> None:
    """Raise `ValueError` for a law with `inputs`, where `what` knows breakpoints only."""
    if inputs_of(law) is not None:
        raise ValueError(f"{what} is of one input: give a law without `inputs`; got {law.inputs} of them.")


def orientations(key: PRNGKeyArray, width: int, dtype: jnp.dtype) -> Float[Array, " width"]:
    """Fair signs."""
    return jax.random.rademacher(key, (width,), dtype)
