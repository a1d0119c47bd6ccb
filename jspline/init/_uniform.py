"""Independent uniform weights (theorem 1b, corollary 1b), and uniform breakpoints.

Theory: docs/theory.md 2.2.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Float, PRNGKeyArray

from jspline._checks import (
    as_floats,
    as_key,
    as_like,
    check_finite,
    check_neurons,
    check_positive,
    check_scalar,
    check_whole,
    is_concrete,
    is_zero,
)
from jspline._scale import product
from jspline.charts import ReLUNet
from jspline.init._law import Place, RoughnessLaw, orientations, place


class Uniform(RoughnessLaw):
    """w ~ U[-a_w, a_w], b ~ U[-a_b, a_b], v ~ U[-a_v, a_v], independent (theorem 1b, corollary 1b).

    In the densities m(beta) = min(a_b / |beta|, a_w), the largest |w| that puts a breakpoint at beta, and A = a_w a_v.

    Args:
        a_w: largest input weight, positive.
        a_b: largest input bias. With 0 every breakpoint is at 0: the law samples, and has no densities.
        a_v: largest output weight. With 0 every delta-slope is 0: likewise.

    Raises:
        ValueError: when a_w is not positive, or another is negative.
    """

    a_w: Float[Array, ""]
    a_b: Float[Array, ""]
    a_v: Float[Array, ""]

    def __init__(self, a_w: ArrayLike, a_b: ArrayLike, a_v: ArrayLike):
        self.a_w, self.a_b, self.a_v = as_floats(a_w=a_w, a_b=a_b, a_v=a_v)
        check_scalar(a_w=self.a_w, a_b=self.a_b, a_v=self.a_v)
        check_positive(a_w=self.a_w)
        check_positive(strict=False, a_b=self.a_b, a_v=self.a_v)

    def sample(self, width: int, *, key: PRNGKeyArray) -> ReLUNet:
        """A net with `width` neurons and b0 = 0."""
        check_neurons(width, self.a_w.dtype)
        key = as_key(key)
        w, b, v = jax.random.uniform(key, (3, width), self.a_w.dtype, minval=-1, maxval=1)
        return ReLUNet(self.a_w * w, self.a_b * b, self.a_v * v, 0.0)

    def pdf(self, beta: ArrayLike, mu: ArrayLike, *, width: int | None = None) -> Float[Array, "..."]:
        """p(beta, mu) = (m - |mu| / a_v)_+ / (4 a_b a_w a_v)."""
        at, a_v = self._place(beta), self._of_mu()[1]
        return at.joint(1 / 4, jax.nn.relu(1 - at.reach(mu, a_v)), a_v)

    def pdf_beta(self, beta: ArrayLike) -> Float[Array, "..."]:
        """p(beta) = m^2 / (4 a_b a_w): flat on |beta| <= a_b / a_w, then falling as 1 / beta^2."""
        return self._place(beta).marginal(1 / 4)

    def cdf_beta(self, beta: ArrayLike) -> Float[Array, "..."]:
        """P(breakpoint <= beta)."""
        at = self._place(beta)
        tail = jnp.abs(at.ratio) / 4
        return jnp.where(at.near, 0.5 + at.ratio / 4, jnp.where(as_like(tail, beta=beta) < 0, tail, 1 - tail))

    def pdf_mu(self, mu: ArrayLike, *, width: int | None = None) -> Float[Array, "..."]:
        """p(mu) = log(A / |mu|) / (2 A) on |mu| <= A: infinite at 0, and integrable there."""
        return product((jnp.abs(jnp.log(jnp.abs(self._share(mu)))), 1 / 2), over=self._of_mu())

    def cdf_mu(self, mu: ArrayLike, *, width: int | None = None) -> Float[Array, "..."]:
        """P(delta-slope <= mu) = 1/2 + mu / (2 A) (1 + log(A / |mu|)) on |mu| <= A."""
        share = self._share(mu)
        log = jnp.log(jnp.where(share == 0, 1, jnp.abs(share)))
        # 1 - u + u log u cancels as u nears 1: there by its series in 1 - u, all of one sign.
        rest = 1 - jnp.abs(share)
        end = rest < 0.25
        left = jnp.where(end, rest, 0)
        tail = sum(left**k / (k * (k - 1)) for k in range(2, 28)) / 2
        tail = jnp.where(end, tail, 0.5 - jnp.abs(share) / 2 * (1 - log))
        return jnp.where(share < 0, tail, 1 - tail)

    def pdf_mu_given_beta(self, mu: ArrayLike, beta: ArrayLike, *, width: int | None = None) -> Float[Array, "..."]:
        """p(mu | beta): symmetric triangular on [-a_v m, a_v m]."""
        at, a_v = self._place(beta), self._of_mu()[1]
        return at.conditional(jax.nn.relu(1 - at.reach(mu, a_v)), a_v)

    def _place(self, beta: ArrayLike) -> Place:
        if is_zero(self.a_b):
            raise ValueError("With `a_b` = 0 every breakpoint is at 0, so there is no density; use a_b > 0.")
        return place(beta, self.a_w, self.a_b, rounded=False)

    def _of_mu(self) -> tuple[Array, Array]:
        """The factors of A."""
        if is_zero(self.a_v):
            raise ValueError("With `a_v` = 0 every delta-slope is 0, so there is no density; use a_v > 0.")
        return self.a_w, self.a_v

    def _share(self, mu: ArrayLike) -> Array:
        """mu / A, at most 1 in size."""
        return jnp.clip(product((as_like(self.a_w, mu=mu),), over=self._of_mu()), -1, 1)

    def _mu_moments(self, width: int) -> tuple[tuple[Array, Array], float, float]:
        return (self.a_w, self.a_v), 1 / 9, 1 / 25


class UniformBreakpoints(RoughnessLaw):
    """beta ~ U[lo, hi], |w| = scale / sqrt(width), a fair orientation, and v ~ N(0, sigma_v^2).

    The initialization that puts breakpoints where they may be needed, with a kernel that has a limit as the width
    grows. Breakpoints and delta-slopes are independent, and mu ~ N(0, scale^2 sigma_v^2 / width): the densities that
    involve mu ask for the width.

    Args:
        lo, hi: ends of the interval, in units of x; lo < hi.
        scale: sqrt(width) |w|, positive.
        sigma_v: standard deviation of the output weights. With 0 every delta-slope is 0 (a flat function): the law
            samples, and has no density of mu.

    Raises:
        ValueError: when lo >= hi, scale is not positive, or sigma_v is negative.
    """

    lo: Float[Array, ""]
    hi: Float[Array, ""]
    scale: Float[Array, ""]
    sigma_v: Float[Array, ""]

    def __init__(self, lo: ArrayLike, hi: ArrayLike, scale: ArrayLike = 1.0, sigma_v: ArrayLike = 1.0):
        self.lo, self.hi, self.scale, self.sigma_v = as_floats(lo=lo, hi=hi, scale=scale, sigma_v=sigma_v)
        check_scalar(lo=self.lo, hi=self.hi, scale=self.scale, sigma_v=self.sigma_v)
        check_finite(lo=self.lo, hi=self.hi)
        check_positive(scale=self.scale)
        check_positive(strict=False, sigma_v=self.sigma_v)
        if is_concrete(self.lo, self.hi) and not np.asarray(self.lo) < np.asarray(self.hi):
            raise ValueError(f"`lo` must be less than `hi`; got {self.lo:g} and {self.hi:g}.")

    def sample(self, width: int, *, key: PRNGKeyArray) -> ReLUNet:
        """A net with `width` neurons and b0 = 0."""
        check_neurons(width, self.lo.dtype)
        key = as_key(key)
        beta_key, sign_key, v_key = jax.random.split(key, 3)
        dtype = self.lo.dtype
        beta = jax.random.uniform(beta_key, (width,), dtype, minval=self.lo, maxval=self.hi)
        w = orientations(sign_key, width, dtype) * self.scale / width**0.5
        return ReLUNet(w, -w * beta, self.sigma_v * jax.random.normal(v_key, (width,), dtype), 0.0)

    def pdf(self, beta: ArrayLike, mu: ArrayLike, *, width: int | None = None) -> Float[Array, "..."]:
        """p(beta, mu), the product of the two."""
        return self.pdf_beta(beta) * self.pdf_mu(mu, width=width)

    def pdf_beta(self, beta: ArrayLike) -> Float[Array, "..."]:
        """p(beta) = 1 / (hi - lo) inside."""
        beta = as_like(self.lo, beta=beta)
        inside = jnp.where((beta >= self.lo) & (beta <= self.hi), 1 / (self.hi - self.lo), 0)
        return jnp.where(jnp.isnan(beta), beta, inside)

    def cdf_beta(self, beta: ArrayLike) -> Float[Array, "..."]:
        """P(breakpoint <= beta)."""
        beta = jnp.clip(as_like(self.lo, beta=beta), self.lo, self.hi)
        return product((self._half(beta),), over=(self._half(self.hi),))

    def _half(self, beta: Array) -> Array:
        """(beta - lo) / 2: the difference itself may overflow."""
        return beta / 2 - self.lo / 2

    def pdf_mu(self, mu: ArrayLike, *, width: int | None = None) -> Float[Array, "..."]:
        """p(mu): N(0, scale^2 sigma_v^2 / width)."""
        root, scale = self._of_mu(width)
        return product((jax.scipy.stats.norm.pdf(self._deviations(mu, width)), root), over=scale)

    def cdf_mu(self, mu: ArrayLike, *, width: int | None = None) -> Float[Array, "..."]:
        """P(delta-slope <= mu)."""
        return jax.scipy.stats.norm.cdf(self._deviations(mu, width))

    def pdf_mu_given_beta(self, mu: ArrayLike, beta: ArrayLike, *, width: int | None = None) -> Float[Array, "..."]:
        """p(mu | beta) = p(mu)."""
        beta = as_like(self.lo, beta=beta)
        return self.pdf_mu(mu, width=width) + jnp.where(jnp.isnan(beta), beta, 0)

    def _of_mu(self, width: int | None) -> tuple[float, tuple[Array, Array]]:
        """The standard deviation of mu is the product of two factors, over the root of the width."""
        if width is None:
            raise ValueError("The delta-slopes of `UniformBreakpoints` depend on the width: give `width`.")
        check_whole(width=width)
        if is_zero(self.sigma_v):
            raise ValueError("With `sigma_v` = 0 every delta-slope is 0, so there is no density; use sigma_v > 0.")
        return width**0.5, (self.scale, self.sigma_v)

    def _deviations(self, mu: ArrayLike, width: int | None) -> Array:
        root, scale = self._of_mu(width)
        return product((as_like(self.lo, mu=mu), root), over=scale)

    def _mu_moments(self, width: int) -> tuple[tuple[Array, Array], float, float]:
        return (self.scale, self.sigma_v), 1 / width, 3 / width**2
