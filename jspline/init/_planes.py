"""Laws of breakplanes (eta, xi, gamma), the coordinates of a neuron of many inputs.

Theory: docs/theory.md 15.2.
"""

import abc
import math

import equinox as eqx
import jax.numpy as jnp
from jax.scipy.special import gammainc
from jax.typing import ArrayLike
from jaxtyping import Array, Float

from jspline._checks import Reals, as_floats, as_like, check_memory, check_positive, check_scalar, check_whole, is_zero
from jspline._scale import exponent, exponential, product, shifted, to_the
from jspline.charts._lift import norm, positive
from jspline.init._even import Even, Student, cdf, density
from jspline.init._law import Place, RoughnessLaw, place


class PlaneLaw(RoughnessLaw):
    """A law of neurons whose (w, b) is Gaussian with w isotropic; given `inputs`, it knows its breakplanes.

    xi = w / |w| is uniform on the sphere and independent of the rest, and gamma = -b / |w| is Student's with as many
    degrees of freedom as there are inputs: its moments exist below that order. eta = v |w| is even, given gamma too.
    Upper tails are P(-gamma) and P(-eta). In float32 densities and distribution functions are right to a few
    `inputs` units in the last place.
    """

    inputs: eqx.AbstractVar[int | None]

    @abc.abstractmethod
    def _scales(self) -> tuple[Array, Array, Array]:
        """sigma_w, sigma_b and sigma_v, of which scales are made (and may be out of range)."""

    @abc.abstractmethod
    def _eta(self, inputs: int) -> tuple[Even, Even]:
        """The law of eta / (sigma_v sigma_w), and given gamma that of eta S / (sigma_v sigma_w sigma_b)."""

    def pdf_gamma(self, gamma: ArrayLike) -> Float[Array, "..."]:
        """p(gamma) of the distance: sigma_b / (sigma_w sqrt(inputs)) times Student's of `inputs` degrees of freedom.

        Raises `ValueError` for a law without `inputs`, and where sigma_b = 0: then every gamma is 0.
        """
        at = self._plane(gamma)
        mass, powers = self._mass(at)
        return at.marginal(mass, (powers,))

    def cdf_gamma(self, gamma: ArrayLike) -> Float[Array, "..."]:
        """P(distance <= gamma). Raises as `pdf_gamma`."""
        inputs, (sigma_w, sigma_b, _) = self._inputs(), self._spread()
        return cdf(Student(inputs), product((as_like(sigma_w, gamma=gamma), sigma_w), over=(sigma_b,)))

    def pdf_eta(self, eta: ArrayLike) -> Float[Array, "..."]:
        """p(eta) of the delta-slope. Under `Gaussian` variance gamma: N(0, 1) chi_inputs in units of sigma_v sigma_w.

        It may be infinite at 0 for one input only. Raises `ValueError` for a law without `inputs`, and where
        sigma_v = 0: then every eta is 0.
        """
        scale = self._of_eta()
        t = product((jnp.abs(as_like(scale[0], eta=eta)),), over=scale)
        value, powers = density(self._eta(self._inputs())[0], t)
        return product((value,), over=scale, powers=(powers,))

    def cdf_eta(self, eta: ArrayLike) -> Float[Array, "..."]:
        """P(delta-slope <= eta). Raises as `pdf_eta`."""
        scale = self._of_eta()
        return cdf(self._eta(self._inputs())[0], product((as_like(scale[0], eta=eta),), over=scale))

    def pdf_eta_given_gamma(self, eta: ArrayLike, gamma: ArrayLike) -> Float[Array, "..."]:
        """p(eta | gamma); under `Gaussian` variance gamma of one order more. Raises as `pdf_gamma` and `pdf_eta`."""
        at, sigma_v = self._plane(gamma), self._of_eta()[1]
        value, powers = density(self._eta(self._inputs())[1], at.reach(eta, sigma_v))
        return at.conditional(value, sigma_v, (powers,))

    def cdf_eta_given_gamma(self, eta: ArrayLike, gamma: ArrayLike) -> Float[Array, "..."]:
        """P(delta-slope <= eta | gamma). Raises as `pdf_gamma` and `pdf_eta`."""
        at, sigma_v = self._plane(gamma), self._of_eta()[1]
        reach = product((at.reach(eta, sigma_v), jnp.sign(as_like(sigma_v, eta=eta))))
        return cdf(self._eta(self._inputs())[1], reach)

    def pdf_norm_given_gamma(self, norm: ArrayLike, gamma: ArrayLike) -> Float[Array, "..."]:
        """p(|w| | gamma): sigma_w sigma_b / S times chi of `inputs` + 1 degrees of freedom. Raises as `pdf_gamma`."""
        at, k = self._plane(gamma), self._inputs() + 1
        reach, unit = self._reach_of_norm(norm, at)
        zero, reach = reach == 0, jnp.where(reach > 1e18, 1e18, reach)  # not infinity less infinity
        log = (k - 1) * jnp.log(jnp.where(zero, 1, reach)) - reach**2 / 2
        value, powers = exponential(log - (math.lgamma(k / 2) + (k / 2 - 1) * math.log(2)))
        return at.conditional(jnp.where(zero, 0, value), unit, (powers,))

    def cdf_norm_given_gamma(self, norm: ArrayLike, gamma: ArrayLike) -> Float[Array, "..."]:
        """P(|w| <= norm | gamma). Raises as `pdf_gamma`."""
        at, k = self._plane(gamma), self._inputs() + 1
        reach, _ = self._reach_of_norm(norm, at)
        return gammainc(jnp.asarray(k / 2, reach.dtype), reach**2 / 2)

    def var_gamma(self) -> Float[Array, ""]:
        """(sigma_b / sigma_w)^2 / (inputs - 2); infinite for two inputs, NaN for one, where there is no mean either."""
        inputs, (sigma_w, sigma_b, _) = self._inputs(), self._scales()
        if inputs == 1:
            return jnp.full_like(sigma_b, jnp.nan)
        if inputs == 2:
            return jnp.where(sigma_b > 0, jnp.inf, jnp.zeros_like(sigma_b))
        return product((sigma_b, sigma_b, 1 / (inputs - 2)), over=(sigma_w, sigma_w))

    def var_eta(self) -> Float[Array, ""]:
        """E eta^2; the mean is 0."""
        self._inputs()
        return self.roughness_mean(1)

    def separation_probability(self, x: Reals, y: Reals) -> Float[Array, "..."]:
        """The probability that a breakplane has x on one side and y on the other: see `init.separation_probability`.

        `x` and `y` are points, `(..., inputs)`, or numbers, `(...)`, for a law of one input without `inputs`.
        """
        sigma_w, sigma_b, _ = self._scales()
        x, y = as_like(sigma_w, x=x), as_like(sigma_w, y=y)
        if self.inputs is None:
            x, y = x[..., None], y[..., None]
        for name, points in {"x": x, "y": y}.items():
            if points.ndim < 1 or (self.inputs is not None and points.shape[-1] != self.inputs):
                raise ValueError(f"`{name}` must hold points of {self.inputs} inputs, last; got shape {points.shape}.")
        return separation_probability(x, y, sigma_w=sigma_w, sigma_b=sigma_b)

    def unseparated_pairs(self, x: Reals, width: int) -> Float[Array, ""]:
        """The expected number of pairs of x that no breakplane of a net of that width separates.

        `x` are the data, `(data, inputs)` or `(data,)` as `separation_probability` takes them. A pair of equal x is
        never separated. Time and memory grow as the square of their number.
        """
        check_whole(width=width)
        (x,) = as_floats(x=x)
        if x.ndim != (1 if self.inputs is None else 2):
            raise ValueError(
                f"`x` must be {'(data,)' if self.inputs is None else '(data, inputs)'}; got shape {x.shape}."
            )
        pairs = len(x) * (len(x) - 1) // 2
        of_each = 6 * (self.inputs or 1) + 4
        check_memory(f"All {pairs:,} pairs of {len(x):,} data", pairs * of_each * x.dtype.itemsize, "take fewer")
        first, second = jnp.triu_indices(len(x), 1)
        apart = self.separation_probability(x[first], x[second])
        return jnp.sum(jnp.exp(width * jnp.log1p(-apart)))

    def _inputs(self) -> int:
        if self.inputs is None:
            raise ValueError(
                "This law is of breakpoints: ask for beta and mu, or give the law `inputs` to ask for gamma and eta."
            )
        return self.inputs

    def _no_inputs(self) -> None:
        if self.inputs is not None:
            raise ValueError(
                "This law is of breakplanes, since it has `inputs`: ask for gamma and eta, not beta and mu."
            )

    def _spread(self) -> tuple[Array, Array, Array]:
        """The scales, which leave room for gamma."""
        scales = self._scales()
        if is_zero(scales[1]):
            raise ValueError("With `sigma_b` = 0 every gamma is 0, so there is no density; use sigma_b > 0.")
        return scales

    def _plane(self, gamma: ArrayLike) -> Place:
        self._inputs()
        sigma_w, sigma_b, _ = self._spread()
        return place(gamma, sigma_w, sigma_b, rounded=True)

    def _mass(self, at: Place) -> tuple[Array, Array]:
        """p(gamma) in units of what it would be were its tails those of one input."""
        inputs = self._inputs()
        value, powers = to_the(at.cosine(), inputs - 1)
        return Student(inputs).peak * value, powers

    def _of_eta(self) -> tuple[Array, Array]:
        """The factors of the scale of eta."""
        self._inputs()
        return self._of_slopes()

    def _of_slopes(self) -> tuple[Array, Array]:
        """The factors of the scale of delta-slopes, which have a density."""
        sigma_w, _, sigma_v = self._scales()
        if is_zero(sigma_v):
            raise ValueError("With `sigma_v` = 0 every delta-slope is 0, so there is no density; use sigma_v > 0.")
        return sigma_w, sigma_v

    def _joint(self, eta: ArrayLike, gamma: ArrayLike) -> Array:
        at, sigma_v = self._plane(gamma), self._of_eta()[1]
        value, powers = density(self._eta(self._inputs())[1], at.reach(eta, sigma_v))
        mass, more = self._mass(at)
        return at.joint(mass, value, sigma_v, (powers, more))

    def _reach_of_norm(self, norm: ArrayLike, at: Place) -> tuple[Array, Array]:
        """|w| over its scale given gamma, 0 for what is negative; and 1."""
        unit = jnp.ones_like(self._scales()[0])
        norm = as_like(unit, norm=norm)
        return at.reach(jnp.where(norm < 0, 0, norm), unit), unit


def separation_probability(
    x: Reals, y: Reals, *, sigma_w: ArrayLike = 1.0, sigma_b: ArrayLike = 1.0
) -> Float[Array, "..."]:
    """The probability that w x + b and w y + b have opposite signs: the angle of their lifts over pi.

    Lifts are (sigma_w x, sigma_b) and (sigma_w y, sigma_b) (docs/theory.md 15.2).

    Args:
        x, y: points, `(..., inputs)`.
        sigma_w: standard deviation of every w, positive.
        sigma_b: of b. With 0 there are no biases: the angle of x and y themselves, and 0 where one of them is 0.

    Raises:
        ValueError: when the points differ in their inputs, sigma_w is not positive or sigma_b is negative.
    """
    x, y, sigma_w, sigma_b = as_floats(x=x, y=y, sigma_w=sigma_w, sigma_b=sigma_b)
    check_scalar(sigma_w=sigma_w, sigma_b=sigma_b)
    check_positive(sigma_w=sigma_w)
    check_positive(strict=False, sigma_b=sigma_b)
    if x.ndim < 1 or y.ndim < 1 or x.shape[-1] != y.shape[-1]:
        raise ValueError(f"`x` and `y` must be points of as many inputs, last; got shapes {x.shape} and {y.shape}.")
    shape = jnp.broadcast_shapes(x.shape, y.shape)
    x, y = jnp.broadcast_to(x, shape), jnp.broadcast_to(y, shape)
    # In units that are powers of two, so that no quotient is out of range.
    ratio = jnp.minimum(product((sigma_b,), over=(sigma_w,)), jnp.finfo(x.dtype).max / 4)
    ratio = jnp.broadcast_to(ratio, (*shape[:-1], 1))
    e = -exponent(jnp.max(jnp.concatenate([jnp.abs(x), jnp.abs(y), ratio], axis=-1), axis=-1, keepdims=True))
    x, y, ratio = shifted(x, e), shifted(y, e), shifted(ratio, e)
    a, b = jnp.concatenate([x, ratio], axis=-1), jnp.concatenate([y, ratio], axis=-1)
    a = a / positive(norm(a))[..., None]
    # The difference before it is projected: of points close to each other the angle has its digits.
    step = jnp.concatenate([y - x, jnp.zeros_like(ratio)], axis=-1)
    across = norm(step - a * jnp.sum(a * step, axis=-1, keepdims=True))
    along = jnp.sum(a * b, axis=-1)
    nowhere = jnp.all(a == 0, axis=-1) | jnp.all(b == 0, axis=-1)
    return jnp.arctan2(jnp.where(nowhere, 0, across), jnp.where(nowhere, 1, along)) / math.pi
