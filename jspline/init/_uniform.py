"""Independent uniform weights (theorem 1b, corollary 1b), and uniform breakpoints."""

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Float, PRNGKeyArray

from jspline._checks import as_floats, check_finite, check_neurons, check_positive, check_whole, is_concrete, is_zero
from jspline.charts import ReLUNet
from jspline.init._law import RoughnessLaw, orientations


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
        check_positive(a_w=self.a_w)
        check_positive(strict=False, a_b=self.a_b, a_v=self.a_v)

    def sample(self, width: int, *, key: PRNGKeyArray) -> ReLUNet:
        """A net with `width` neurons and b0 = 0."""
        check_neurons(width, self.a_w.dtype)
        w, b, v = jax.random.uniform(key, (3, width), self.a_w.dtype, minval=-1, maxval=1)
        return ReLUNet(self.a_w * w, self.a_b * b, self.a_v * v, 0.0)

    def pdf(self, beta: ArrayLike, mu: ArrayLike, *, width: int | None = None) -> Float[Array, "..."]:
        """p(beta, mu) = (m - |mu| / a_v)_+ / (4 a_b a_w a_v)."""
        return self.pdf_beta(beta) * self.pdf_mu_given_beta(mu, beta)

    def pdf_beta(self, beta: ArrayLike) -> Float[Array, "..."]:
        """p(beta) = m^2 / (4 a_b a_w): flat on |beta| <= a_b / a_w, then falling as 1 / beta^2."""
        return self._largest(beta) ** 2 / (4 * self._bias() * self.a_w)

    def cdf_beta(self, beta: ArrayLike) -> Float[Array, "..."]:
        """P(breakpoint <= beta)."""
        ratio = jnp.asarray(beta, self.a_w.dtype) * self.a_w / self._bias()
        tail = 1 / (4 * jnp.maximum(jnp.abs(ratio), 1))
        inside = jnp.abs(ratio) <= 1
        return jnp.where(inside, 0.5 + ratio / 4, jnp.where(ratio < 0, tail, 1 - tail))

    def pdf_mu(self, mu: ArrayLike, *, width: int | None = None) -> Float[Array, "..."]:
        """p(mu) = log(A / |mu|) / (2 A) on |mu| <= A: infinite at 0, and integrable there."""
        share = jnp.abs(jnp.asarray(mu, self.a_w.dtype)) / self._bound()
        return -jnp.log(jnp.minimum(share, 1)) / (2 * self._bound())

    def cdf_mu(self, mu: ArrayLike, *, width: int | None = None) -> Float[Array, "..."]:
        """P(delta-slope <= mu) = 1/2 + mu / (2 A) (1 + log(A / |mu|)) on |mu| <= A."""
        share = jnp.clip(jnp.asarray(mu, self.a_w.dtype) / self._bound(), -1, 1)
        log = jnp.log(jnp.where(share == 0, 1, jnp.abs(share)))
        return 0.5 + share / 2 * (1 - log)

    def pdf_mu_given_beta(self, mu: ArrayLike, beta: ArrayLike, *, width: int | None = None) -> Float[Array, "..."]:
        """p(mu | beta): symmetric triangular on [-a_v m, a_v m]."""
        self._bound()
        reach = self.a_v * self._largest(beta)
        return jax.nn.relu(1 - jnp.abs(jnp.asarray(mu, reach.dtype)) / reach) / reach

    def _largest(self, beta: ArrayLike) -> Array:
        """m(beta)."""
        beta = jnp.abs(jnp.asarray(beta, self.a_w.dtype))
        return self._bias() / jnp.maximum(beta, self._bias() / self.a_w)

    def _bias(self) -> Array:
        if is_zero(self.a_b):
            raise ValueError("With `a_b` = 0 every breakpoint is at 0, so there is no density; use a_b > 0.")
        return self.a_b

    def _bound(self) -> Array:
        """A."""
        if is_zero(self.a_v):
            raise ValueError("With `a_v` = 0 every delta-slope is 0, so there is no density; use a_v > 0.")
        return self.a_w * self.a_v

    def _mu_moments(self, width: int) -> tuple[Array, Array]:
        bound = self.a_w * self.a_v
        return bound**2 / 9, bound**4 / 25


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
        check_finite(lo=self.lo, hi=self.hi)
        check_positive(scale=self.scale)
        check_positive(strict=False, sigma_v=self.sigma_v)
        if is_concrete(self.lo, self.hi) and not np.asarray(self.lo) < np.asarray(self.hi):
            raise ValueError(f"`lo` must be less than `hi`; got {self.lo:g} and {self.hi:g}.")

    def sample(self, width: int, *, key: PRNGKeyArray) -> ReLUNet:
        """A net with `width` neurons and b0 = 0."""
        check_neurons(width, self.lo.dtype)
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
        beta = jnp.asarray(beta, self.lo.dtype)
        inside = jnp.where((beta >= self.lo) & (beta <= self.hi), 1 / (self.hi - self.lo), 0)
        return jnp.where(jnp.isnan(beta), beta, inside)

    def cdf_beta(self, beta: ArrayLike) -> Float[Array, "..."]:
        """P(breakpoint <= beta)."""
        return jnp.clip((jnp.asarray(beta, self.lo.dtype) - self.lo) / (self.hi - self.lo), 0, 1)

    def pdf_mu(self, mu: ArrayLike, *, width: int | None = None) -> Float[Array, "..."]:
        """p(mu): N(0, scale^2 sigma_v^2 / width)."""
        return jax.scipy.stats.norm.pdf(jnp.asarray(mu, self.lo.dtype), scale=self._mu_scale(width))

    def cdf_mu(self, mu: ArrayLike, *, width: int | None = None) -> Float[Array, "..."]:
        """P(delta-slope <= mu)."""
        return jax.scipy.stats.norm.cdf(jnp.asarray(mu, self.lo.dtype), scale=self._mu_scale(width))

    def pdf_mu_given_beta(self, mu: ArrayLike, beta: ArrayLike, *, width: int | None = None) -> Float[Array, "..."]:
        """p(mu | beta) = p(mu)."""
        return self.pdf_mu(mu, width=width) + 0 * jnp.asarray(beta, self.lo.dtype)

    def _mu_scale(self, width: int | None) -> Array:
        if width is None:
            raise ValueError("The delta-slopes of `UniformBreakpoints` depend on the width: give `width`.")
        check_whole(width=width)
        if is_zero(self.sigma_v):
            raise ValueError("With `sigma_v` = 0 every delta-slope is 0, so there is no density; use sigma_v > 0.")
        return self.scale * self.sigma_v / width**0.5

    def _mu_moments(self, width: int) -> tuple[Array, Array]:
        second = (self.scale * self.sigma_v) ** 2 / width
        return second, 3 * second**2
