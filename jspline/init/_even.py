"""Even laws on the line, of which the laws of breakplanes are made: variance gamma, Student's, and the balanced one's.

Each knows its density at t >= 0, as a number and a power of two, and its tail P(> t). Theory: docs/theory.md 15.2.
"""

import abc
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import betainc, erfc
from jaxtyping import Array, Float

from jspline._programs import compiled
from jspline._scale import exponent, exponential, product, shifted, to_the
from jspline.init._bessel import grown, k0_tail

Parts = tuple[Array, Array]
"""A number of moderate size, and the power of two that it is to be multiplied by."""


@dataclass(frozen=True)
class Even(abc.ABC):
    """A law with p(-t) = p(t)."""

    @abc.abstractmethod
    def density(self, t: Float[Array, "..."]) -> Parts:
        """p(t) for t >= 0."""

    @abc.abstractmethod
    def tail(self, t: Float[Array, "..."]) -> Float[Array, "..."]:
        """P(> t) for t >= 0: 1/2 at 0."""


@compiled
def density(law: Even, t: Float[Array, "..."]) -> Parts:
    """p(t) for t >= 0."""
    return law.density(t)


@compiled
def cdf(law: Even, t: Float[Array, "..."]) -> Float[Array, "..."]:
    """P(<= t), with the digits of the lower tail. Its derivative is the density, also at 0."""
    return _cdf(law, t)


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def _cdf(law: Even, t: Array) -> Array:
    tail = jnp.minimum(law.tail(jnp.abs(t)), 0.5)
    return jnp.where(t < 0, tail, 1 - tail)


@_cdf.defjvp
def _cdf_jvp(law: Even, primals: tuple, tangents: tuple) -> tuple[Array, Array]:
    (t,), (tangent,) = primals, tangents
    value, powers = law.density(jnp.abs(t))
    return _cdf(law, t), product((value,), powers=(powers,)) * tangent


@dataclass(frozen=True)
class VarianceGamma(Even):
    """N(0, 1) times chi_k: the difference of two gamma variables of shape k / 2.

    With f the density and T the tail, K_{n+1} = K_{n-1} + (2 n / t) K_n and f' for k + 2 being -t f / k give

        f_{k+2} = (k - 1) / k f_k + t^2 / (k (k - 2)) f_{k-2}        T_{k+2} = T_k + (t / k) f_k

    which add positive terms only, from K0, K1 and the integral of K0 for odd k and from e^{-t} for even k. What goes
    along are ratios, f_{k+2} / f_k and T_k / f_k, and f itself with an exponent of its own. Errors are some k units in
    the last place, and those that t brings into e^{-t}.
    """

    k: int

    def density(self, t: Float[Array, "..."]) -> Parts:
        """|t|^n K_n(|t|) / (sqrt(pi) 2^n Gamma(k / 2)) with n = (k - 1) / 2: infinite at 0 for k = 1."""
        if self.k == 1:
            zero = t == 0
            falls, e = exponential(-t)
            t = _capped(t)
            return falls * jnp.where(zero, jnp.inf, grown(t)[0] / jnp.where(zero, 1, t)) / math.pi, e
        value, e, _ = self._climb(t)
        return value, e

    def tail(self, t: Float[Array, "..."]) -> Float[Array, "..."]:
        """T, in O(k) operations."""
        if self.k == 1:
            return k0_tail(t) / math.pi
        value, e, tail = self._climb(t)
        return product((value, tail), powers=(e,))

    def _climb(self, t: Array) -> tuple[Array, Array, Array]:
        """f, by its two parts, and T / f; k >= 2, or f would be infinite at 0."""
        falls, e = exponential(-t)
        t = _capped(t)
        if self.k % 2:
            zeroth, first, integral = grown(t)
            value, tail = falls * first / math.pi, (integral + zeroth) / first
            j, ratio = 3, 2 / 3 + t / 3 * (zeroth / first)
        else:
            value, tail = falls / 2, jnp.ones_like(t)
            j, ratio = 2, (1 + t) / 2

        def step(carry: tuple, j: Array) -> tuple[tuple, None]:
            value, e, tail, ratio = carry
            value, tail = value * ratio, (tail + t / j) / ratio
            more = exponent(value)
            # From f_{j+2} / f_j to f_{j+4} / f_{j+2}.
            ratio = (j + 1) / (j + 2) + t / (j + 2) * (t / (j * ratio))
            return (shifted(value, -more), e + more, tail, ratio), None

        steps = jnp.arange(j, self.k, 2).astype(t.dtype)
        (value, e, tail, _), _ = jax.lax.scan(step, (value, e, tail, ratio), steps)
        return value, e, tail


@dataclass(frozen=True)
class EvenGamma(Even):
    """A gamma variable of shape k / 2 with a fair sign."""

    k: int

    def density(self, t: Float[Array, "..."]) -> Parts:
        """t^{k/2 - 1} e^{-t} / (2 Gamma(k / 2))."""
        return _half_gamma(self.k / 2, t)

    def tail(self, t: Float[Array, "..."]) -> Float[Array, "..."]:
        """Half the regularized upper incomplete gamma function."""
        return _upper_gamma(self.k, t) / 2


@dataclass(frozen=True)
class Student(Even):
    """N(0, 1) over chi_k: Student's law with k degrees of freedom, divided by sqrt(k)."""

    k: int

    @property
    def peak(self) -> float:
        """p(0)."""
        return math.exp(math.lgamma((self.k + 1) / 2) - math.lgamma(self.k / 2)) / math.sqrt(math.pi)

    def density(self, t: Float[Array, "..."]) -> Parts:
        """p(0) (1 + t^2)^{-(k + 1) / 2}."""
        value, e = to_the(self._cosine(t), self.k + 1)
        return self.peak * value, e

    def tail(self, t: Float[Array, "..."]) -> Float[Array, "..."]:
        """An incomplete beta function; by the other of the two near 0, where this one would lose digits in 1 + t^2."""
        if self.k == 1:
            return jnp.arctan2(jnp.ones_like(t), t) / math.pi
        cosine = self._cosine(t)
        sine = jnp.where(t > 1, 1, t) * jnp.where(t > 1, 1, cosine)
        inner = t < 1 / self.k**0.5
        half, other = jnp.asarray(0.5, t.dtype), jnp.asarray(self.k / 2, t.dtype)
        share = betainc(
            jnp.where(inner, half, other), jnp.where(inner, other, half), jnp.where(inner, sine, cosine) ** 2
        )
        return jnp.where(inner, 1 - share, share) / 2

    def _cosine(self, t: Array) -> Array:
        """1 / sqrt(1 + t^2)."""
        far = t > 1
        small = jnp.where(far, 1 / jnp.where(far, t, 1), t)
        return jnp.where(far, small, 1) / jnp.sqrt(1 + small**2)


@dataclass(frozen=True)
class BalancedSlope(Even):
    """A gamma variable of shape (k + 1) / 2 with a fair sign, over sqrt(1 + r^2), r of Student's law of k: k >= 2.

    The expectation over r = sinh u, an integral over u of a function that falls at least as e^{-k u} (the tail) or
    e^{-(k - 1) u / 2} (the density) and is without poles up to i pi / 2. The trapezoidal rule converges geometrically;
    its step is a tenth or less of pi^2, and half of the width of the function where that is narrow.
    """

    k: int

    def density(self, t: Float[Array, "..."]) -> Parts:
        """t^{(k-1)/2} / (2 Gamma((k + 1) / 2)) times the mean of cosh^{(k+1)/2} u e^{-t cosh u}."""
        power, (value, e) = (self.k - 1) / 2, _half_gamma((self.k + 1) / 2, t)
        t = _capped(t)
        integral = self._mean(t, power, lambda rise, log: jnp.exp(-t * rise - power * log))
        return value * integral, e

    def tail(self, t: Float[Array, "..."]) -> Float[Array, "..."]:
        """Half the mean of the tail of the gamma variable at t cosh u."""
        t = _capped(t)

        def integrand(rise: Array, log: Array) -> Array:
            return jnp.exp(-self.k * log) * _upper_gamma(self.k + 1, t * (1 + rise))

        return self._mean(t, float(self.k), integrand) / 2

    def _mean(self, t: Array, power: float, integrand: Callable[[Array, Array], Array]) -> Array:
        """2 p(0) times the integral of `integrand(cosh u - 1, log cosh u)`, at most cosh^{-power} u, over u > 0."""
        step = 0.5 / jnp.sqrt(jax.lax.stop_gradient(t) + (self.k + 2))
        reach = 39 / power  # log cosh of the last node at t = 0, where the rest is below rounding
        last = math.acosh(math.exp(reach)) if reach < 700 else reach + math.log(2)
        count = math.ceil(last / (0.5 / math.sqrt(self.k + 2)))

        def add(total: Array, j: Array) -> tuple[Array, None]:
            half = jnp.sinh(j * step / 2)
            rise = 2 * half**2
            return total + jnp.where(j == 0, 1, 2) * integrand(rise, jnp.log1p(rise)), None

        nodes = jnp.arange(count + 1).astype(t.dtype)
        total, _ = jax.lax.scan(add, jnp.zeros_like(t), nodes)
        return total * step * Student(self.k).peak


def _capped(t: Array) -> Array:
    """Not beyond where e^{-t} is 0 already, and infinity would make NaN of it."""
    return jnp.where(t > 1e8, 1e8, t)


def _upper_gamma(k: int, t: Array) -> Array:
    """The regularized upper incomplete gamma function of shape k / 2: a sum of positive terms."""
    t, zero = _capped(t), t == 0
    safe = jnp.where(zero, 1, t)
    log = jnp.log(safe)
    powers = np.arange(k % 2 / 2, k / 2)
    terms = jnp.asarray([powers, [math.lgamma(power + 1) for power in powers]], t.dtype)

    def add(total: Array, term: Array) -> tuple[Array, None]:
        return total + jnp.exp(term[0] * log - safe - term[1]), None

    total, _ = jax.lax.scan(add, erfc(jnp.sqrt(safe)) if k % 2 else jnp.zeros_like(t), terms.T)
    return jnp.where(zero, 1, total)


def _half_gamma(shape: float, t: Array) -> Parts:
    """t^{shape - 1} e^{-t} / (2 Gamma(shape)), for a shape of at least 1."""
    t, zero = _capped(t), t == 0
    power = (shape - 1) * jnp.log(jnp.where(zero, 1, t)) if shape > 1 else 0
    value, e = exponential(power - t - (math.lgamma(shape) + math.log(2)))
    return jnp.where(zero & (shape > 1), 0, value), e
