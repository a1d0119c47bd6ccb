"""Independent Gaussian weights (theorem 1a, corollary 1a, theorem 2), and the balanced law that shares their spline.

Theory: docs/theory.md 2.1, 15.2.
"""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Float, PRNGKeyArray

from jspline._checks import (
    as_floats,
    as_key,
    as_like,
    check_neurons,
    check_positive,
    check_scalar,
    check_whole,
    is_zero,
)
from jspline._scale import product
from jspline.charts import ReLUNet
from jspline.charts._lift import norm
from jspline.init._bessel import k0, k0_tail
from jspline.init._even import BalancedSlope, Even, EvenGamma, VarianceGamma
from jspline.init._law import Place, orientations, place
from jspline.init._planes import PlaneLaw


class GaussianSpline(PlaneLaw):
    """The law of (beta, mu) under independent Gaussian weights, which has two parameters only.

    With g = sigma_b / sigma_w, the scale of the breakpoints, and m = sigma_w sigma_v, that of the delta-slopes,
    beta ~ Cauchy(0, g) and, given beta, mu ~ Laplace(0, m / sqrt(1 + (beta / g)^2)). With `inputs` it is one of
    breakplanes, and what is of beta and mu raises `ValueError`; without, what is of gamma and eta does.
    """

    def pdf(self, *at: ArrayLike, width: int | None = None, **named: ArrayLike) -> Float[Array, "..."]:
        """p(beta, mu), by `pdf(beta, mu)`; with `inputs` p(eta, gamma), by `pdf(eta, gamma)`. Names may be given.

        For one input exp(-|mu| S / (sigma_b sigma_v sigma_w)) / (2 pi sigma_v S) with S^2 = sigma_b^2 + sigma_w^2
        beta^2 (theorem 1a); for many p(gamma) p(eta | gamma).
        """
        names = ("beta", "mu") if self.inputs is None else ("eta", "gamma")
        given = dict(zip(names, at, strict=False)) | named
        if len(at) + len(named) != 2 or given.keys() != set(names):
            raise TypeError(f"`pdf` of this law takes `{names[0]}` and `{names[1]}`; got {len(at)} and {[*named]}.")
        return self._joint(**given) if self.inputs is not None else self._joint_of_line(**given)

    def _joint_of_line(self, beta: ArrayLike, mu: ArrayLike) -> Array:
        at, sigma_v = self._place(beta), self._of_mu()[1]
        return at.joint(1 / math.pi, jnp.exp(-at.reach(mu, sigma_v)) / 2, sigma_v)

    def pdf_beta(self, beta: ArrayLike) -> Float[Array, "..."]:
        """p(beta): Cauchy(0, sigma_b / sigma_w). Breakpoints have no mean: compare quantiles, not moments."""
        return self._place(beta).marginal(1 / math.pi)

    def cdf_beta(self, beta: ArrayLike) -> Float[Array, "..."]:
        """P(breakpoint <= beta)."""
        at = self._place(beta)
        # arctan2 keeps its digits in the lower tail, where 1/2 + arctan(beta / g) / pi would lose them.
        up = jnp.where(at.near, 1, jnp.abs(at.ratio))
        along = jnp.where(at.near, at.ratio, jnp.sign(as_like(up, beta=beta)))
        return jnp.arctan2(up, -along) / jnp.pi

    def pdf_mu(self, mu: ArrayLike, *, width: int | None = None) -> Float[Array, "..."]:
        """p(mu) = K0(|mu| / (sigma_v sigma_w)) / (pi sigma_v sigma_w): infinite at 0, and integrable there."""
        scale = self._of_mu()
        mu = jnp.abs(as_like(scale[0], mu=mu))
        return product((k0(product((mu,), over=scale)), 1 / math.pi), over=scale)

    def cdf_mu(self, mu: ArrayLike, *, width: int | None = None) -> Float[Array, "..."]:
        """P(delta-slope <= mu), by the integral of K0 (in closed form, products with modified Struve functions)."""
        scale = self._of_mu()
        mu = as_like(scale[0], mu=mu)
        tail = k0_tail(product((jnp.abs(mu),), over=scale)) / jnp.pi
        return jnp.where(mu < 0, tail, 1 - tail)

    def pdf_mu_given_beta(self, mu: ArrayLike, beta: ArrayLike, *, width: int | None = None) -> Float[Array, "..."]:
        """p(mu | beta): Laplace(0, sigma_b sigma_v sigma_w / S(beta))."""
        at, sigma_v = self._place(beta), self._of_mu()[1]
        return at.conditional(jnp.exp(-at.reach(mu, sigma_v)) / 2, sigma_v)

    def _inward(self, w: Float[Array, "inputs width"]) -> Array:
        """Rows of weights, one for each input, as a net has them."""
        return w[0] if self.inputs is None else w.T

    def _place(self, beta: ArrayLike) -> Place:
        self._no_inputs()
        sigma_w, sigma_b, _ = self._scales()
        if is_zero(sigma_b):
            raise ValueError("With `sigma_b` = 0 every breakpoint is at 0, so there is no density; use sigma_b > 0.")
        return place(beta, sigma_w, sigma_b, rounded=True)

    def _of_mu(self) -> tuple[Array, Array]:
        """The factors of the scale of mu."""
        self._no_inputs()
        return self._of_slopes()


class Gaussian(GaussianSpline):
    """w ~ N(0, sigma_w^2), b ~ N(0, sigma_b^2), v ~ N(0, sigma_v^2), independent (theorem 1a, corollary 1a).

    Args:
        sigma_w: standard deviation of the input weights, positive.
        sigma_b: of the input biases. With 0 every breakpoint is at 0: the law samples, and has no densities (of
            breakplanes: those that involve gamma).
        sigma_v: of the output weights. With 0 every delta-slope is 0: likewise.
        inputs: how many there are, at least 1; then w is `(width, inputs)`, and the law knows gamma and eta
            (docs/theory.md 15.2). Without it there is one, w is `(width,)`, and the law knows beta and mu.

    Raises:
        ValueError: when sigma_w is not positive, another is negative, or inputs is no whole number of at least 1.
    """

    sigma_w: Float[Array, ""]
    sigma_b: Float[Array, ""]
    sigma_v: Float[Array, ""]
    inputs: int | None = eqx.field(static=True)

    def __init__(self, sigma_w: ArrayLike, sigma_b: ArrayLike, sigma_v: ArrayLike, inputs: int | None = None):
        self.sigma_w, self.sigma_b, self.sigma_v = as_floats(sigma_w=sigma_w, sigma_b=sigma_b, sigma_v=sigma_v)
        check_scalar(sigma_w=self.sigma_w, sigma_b=self.sigma_b, sigma_v=self.sigma_v)
        check_positive(sigma_w=self.sigma_w)
        check_positive(strict=False, sigma_b=self.sigma_b, sigma_v=self.sigma_v)
        self.inputs = _checked(inputs)

    def sample(self, width: int, *, key: PRNGKeyArray) -> ReLUNet:
        """A net with `width` neurons and b0 = 0."""
        check_neurons(width, self.sigma_w.dtype, self.inputs or 1)
        z = jax.random.normal(as_key(key), ((self.inputs or 1) + 2, width), self.sigma_w.dtype)
        return ReLUNet(self.sigma_w * self._inward(z[:-2]), self.sigma_b * z[-2], self.sigma_v * z[-1], 0.0)

    def _scales(self) -> tuple[Array, Array, Array]:
        return self.sigma_w, self.sigma_b, self.sigma_v

    def _eta(self, inputs: int) -> tuple[Even, Even]:
        return VarianceGamma(inputs), VarianceGamma(inputs + 1)

    def _mu_moments(self, width: int) -> tuple[tuple[Array, Array], float, float]:
        d = float(self.inputs or 1)
        return (self.sigma_w, self.sigma_v), d, 3 * d * (d + 2)


def he(width: int, sigma_b: ArrayLike | None = None, inputs: int | None = None) -> Gaussian:
    """He initialization: sigma_w^2 = 2 / inputs, sigma_v^2 = 2 / width.

    sigma_b is sigma_w unless given; it may be 0. Without `inputs` there is one.
    """
    check_whole(width=width)
    sigma_w = jnp.sqrt(jnp.asarray(2.0 / (_checked(inputs) or 1)))
    return Gaussian(sigma_w, sigma_w if sigma_b is None else sigma_b, jnp.sqrt(jnp.asarray(2.0 / width)), inputs)


def glorot(width: int, sigma_b: ArrayLike | None = None, inputs: int | None = None) -> Gaussian:
    """Glorot initialization: sigma_w^2 = 2 / (width + inputs), sigma_v^2 = 2 / (width + 1).

    sigma_b is sigma_w unless given; it may be 0. Without `inputs` there is one.
    """
    check_whole(width=width)
    sigma_w, sigma_v = (jnp.sqrt(jnp.asarray(2.0 / (width + ends))) for ends in (_checked(inputs) or 1, 1))
    return Gaussian(sigma_w, sigma_w if sigma_b is None else sigma_b, sigma_v, inputs)


class Balanced(GaussianSpline):
    """w, b ~ N(0, scale^2) and v = +-|(w, b)| with a fair sign, so that every charge is 0 (docs/theory.md 2.1).

    |mu| = |(w, b)|^2 / sqrt(1 + beta^2), and |(w, b)|^2 is exponential and independent of the direction: (beta, mu) is
    distributed exactly as under `Gaussian(1, 1, 2 scale^2)`, although the weights are not. Of breakplanes gamma is as
    under `Gaussian(1, 1, ...)`, but |(w, b)|^2 is scale^2 chi^2 of `inputs` + 1 degrees of freedom: given gamma |eta|
    is a gamma variable, and its own law an integral over gamma, computed as one (docs/theory.md 15.2).

    Args:
        scale: standard deviation of w and of b, positive; so none of its laws is without a density.
        inputs: as for `Gaussian`.

    Raises:
        ValueError: when scale is not positive, or inputs is no whole number of at least 1.
    """

    scale: Float[Array, ""]
    inputs: int | None = eqx.field(static=True)

    def __init__(self, scale: ArrayLike, inputs: int | None = None):
        (self.scale,) = as_floats(scale=scale)
        check_scalar(scale=self.scale)
        check_positive(scale=self.scale)
        self.inputs = _checked(inputs)

    def sample(self, width: int, *, key: PRNGKeyArray) -> ReLUNet:
        """A net with `width` neurons and b0 = 0."""
        check_neurons(width, self.scale.dtype, self.inputs or 1)
        sign_key, key = jax.random.split(as_key(key))
        z = self.scale * jax.random.normal(key, ((self.inputs or 1) + 1, width), self.scale.dtype)
        lengths = jnp.hypot(z[0], z[1]) if self.inputs in (None, 1) else norm(z.T)
        return ReLUNet(self._inward(z[:-1]), z[-1], orientations(sign_key, width, z.dtype) * lengths, 0.0)

    def _scales(self) -> tuple[Array, Array, Array]:
        return self.scale, self.scale, 2 * self.scale

    def _eta(self, inputs: int) -> tuple[Even, Even]:
        return BalancedSlope(inputs) if inputs > 1 else VarianceGamma(1), EvenGamma(inputs + 1)

    def _mu_moments(self, width: int) -> tuple[tuple[Array, Array], float, float]:
        # In units of 2 scale^2; E eta^2 / scale^4 = D (D + 3).
        d = float(self.inputs or 1)
        return (self.scale, 2 * self.scale), d * (d + 3) / 4, d * (d + 2) * (d + 5) * (d + 7) / 16


def _checked(inputs: int | None) -> int | None:
    if inputs is not None:
        check_whole(inputs=inputs)
    return None if inputs is None else int(inputs)
