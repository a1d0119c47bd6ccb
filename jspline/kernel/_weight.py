"""The weight nu(beta) = p(beta) E[w^2 | beta] of a law, and its moments between two points.

Gauss and Legendre's rule in the angle theta, beta = mean + scale tan(theta), which sees a narrow nu from far away: for
Gaussian weights the integrands are products of sines, and between the kinks of the other laws they are as smooth. All
sums are of positive terms, so that the smallest moments keep their digits.

Theory: docs/theory.md 10.2.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array

from jspline._checks import is_concrete
from jspline.init import Gaussian, Law, Uniform, UniformBreakpoints
from jspline.init._law import check_line

NODES = 16
"""Of the rule in each panel: exact to rounding for the laws of the package."""

PANELS = 128
"""At most so many for a density without a closed form: enough to close in on a jump or two."""


class Weight(NamedTuple):
    """nu, with its integral, mean and variance."""

    nu: Callable[[Array], Array]
    total: Array
    mean: Array
    variance: Array
    scale: Array
    """Of the angle: where nu turns from its top to its tails."""
    kinks: Array | None
    """Where nu is not smooth; None if that is not known."""


class Element(NamedTuple):
    """Moments of nu with the two hats of an interval, a falling from 1 to 0 and b rising from 0 to 1.

    The 2 x 2 matrix of int nu a^2, int nu a b and int nu b^2 is kept as first = int nu a^2, ratio = int nu a b / first
    and rest = int nu (b - ratio a)^2: nearly singular where nu is narrow, and still known to all digits.
    """

    first: Array
    ratio: Array
    rest: Array

    @property
    def cross(self) -> Array:
        """int nu a b."""
        return self.first * self.ratio

    @property
    def last(self) -> Array:
        """int nu b^2."""
        return self.rest + self.first * self.ratio**2

    @property
    def determinant(self) -> Array:
        """int nu a^2 int nu b^2 - (int nu a b)^2."""
        return self.first * self.rest


def moments(law: Law | Callable, given: tuple | None, about: ArrayLike, like: Array) -> Array:
    """int nu, the mean and the variance of nu, `(3,)`.

    Raises:
        ValueError: for a law that is not known, a function without moments, or moments that no density has.
    """
    check_line(law, "`weighted_spline`")
    match law:
        case Gaussian():
            found: tuple[ArrayLike, ArrayLike, ArrayLike] = law.sigma_w**2, 0.0, (law.sigma_b / law.sigma_w) ** 2
        case Uniform():
            found = law.a_w**2 / 3, 0.0, (law.a_b / law.a_w) ** 2
        case UniformBreakpoints():
            found = law.scale**2, law.lo + (law.hi - law.lo) / 2, (law.hi - law.lo) ** 2 / 12
        case _:
            if not callable(law) or given is None:
                raise ValueError(
                    "`law` must be Gaussian, Uniform, UniformBreakpoints, or a function nu with its `moments`."
                )
            s0, s1, s2 = (jnp.asarray(moment, like.dtype) for moment in given)
            found = s0, jnp.asarray(about, like.dtype) + s1 / s0, s2 / s0 - (s1 / s0) ** 2
            if is_concrete(s0, s1, s2) and not (s0 > 0 and s2 / s0 > (s1 / s0) ** 2):
                raise ValueError(
                    "`moments` must be those of a density, with int nu and the variance positive; "
                    f"got {s0:g} and {s2 / s0 - (s1 / s0) ** 2:g}. Far from 0 give them about a point nearby, `about`."
                )
    return jnp.stack([jnp.asarray(each, like.dtype) for each in found])


def weight(law: Any, known: Array) -> Weight:
    """The weight of a law whose `moments` are `known`."""
    total, mean, variance = known
    match law:
        case Gaussian():
            spread = lambda beta: law.sigma_b**2 + (law.sigma_w * beta) ** 2  # noqa: E731
            nu = lambda beta: 2 * law.sigma_w**3 * law.sigma_b**3 / (np.pi * spread(beta) ** 2)  # noqa: E731
            return Weight(nu, total, mean, variance, jnp.sqrt(variance), jnp.zeros(0, total.dtype))
        case Uniform():
            nu = lambda beta: law.pdf_beta(beta) ** 2 * 2 * law.a_b * law.a_w  # noqa: E731
            kink = jnp.sqrt(variance)
            return Weight(nu, total, mean, variance, kink, jnp.stack([-kink, kink]))
        case UniformBreakpoints():
            nu = lambda beta: law.pdf_beta(beta) * law.scale**2  # noqa: E731
            kinks = jnp.stack([law.lo, law.hi]).astype(total.dtype)
            return Weight(nu, total, mean, variance, kinks[1] - kinks[0], kinks)
    return Weight(law, total, mean, variance, jnp.sqrt(variance), None)


def elements(weight: Weight, low: Array, high: Array) -> Element:
    """The moments between `low` and `high`, of one shape. NaN for a nu that cannot be resolved."""
    ends = jnp.full(1, jnp.inf, low.dtype)
    if weight.kinks is None:
        inner = _panels(weight, jnp.min(low, initial=jnp.inf), jnp.max(high, initial=-jnp.inf))
    else:
        inner = weight.kinks
    edges = jnp.concatenate([-ends, inner, ends])

    def add(found: Element, panel: tuple[Array, Array]) -> tuple[Element, None]:
        more = _in_panel(weight, low, high, *(jnp.clip(end, *panel) for end in (low, high)))
        first = found.first + more.first
        share = jnp.where(more.first > 0, more.first / jnp.where(first > 0, first, 1), 0)
        apart = more.ratio - found.ratio
        rest = found.rest + more.rest + apart**2 * found.first * share
        return Element(first, found.ratio + apart * share, rest), None

    zero = jnp.where(jnp.any(jnp.isnan(inner)), jnp.nan, jnp.zeros_like(low))
    found, _ = jax.lax.scan(add, Element(zero, zero, zero), (edges[:-1], edges[1:]))
    return found


def _in_panel(weight: Weight, low: Array, high: Array, begin: Array, end: Array) -> Element:
    """The part from `begin` to `end` of the moments between `low` and `high`."""
    some = end > begin
    length = jnp.where(some, end - begin, 1)
    a, b = ((each - weight.mean) / weight.scale for each in (begin, begin + length))
    h = length / weight.scale
    cos_a, cos_b = 1 / jnp.sqrt(1 + a**2), 1 / jnp.sqrt(1 + b**2)
    angle = jnp.arctan2(h, 1 + a * b)[..., None]
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    leading = (None,) * low.ndim
    place = jnp.asarray((nodes + 1) / 2, low.dtype)[leading]
    # tan(theta) is between a and b as these two are to each other.
    falling, rising = jnp.sin(angle * place[..., ::-1]) * cos_a[..., None], jnp.sin(angle * place) * cos_b[..., None]
    share = rising / (falling + rising)
    along = length[..., None] * share
    cos = (falling + rising) / (h * cos_a * cos_b)[..., None]
    measure = weight.nu(begin[..., None] + along) * angle * weight.scale / cos**2
    measure = measure * jnp.asarray(weights / 2, low.dtype)[leading]
    whole = jnp.where(some, high - low, 1)[..., None]
    up = ((begin - low)[..., None] + along) / whole
    down = ((high - end)[..., None] + length[..., None] * (falling / (falling + rising))) / whole
    first = jnp.sum(measure * down**2, axis=-1)
    ratio = jnp.sum(measure * down * up, axis=-1) / jnp.where(first > 0, first, 1)
    rest = jnp.sum(measure * (up - ratio[..., None] * down) ** 2, axis=-1)
    return Element(*(jnp.where(some, each, 0) for each in (first, ratio, rest)))


def _panels(weight: Weight, low: Array, high: Array) -> Array:
    """Inner edges of panels between `low` and `high` in which the rule has converged, `(PANELS - 1,)`.

    The panel with the largest error is halved, until all of the error is rounding. What is integrated is nu and its
    second moment.
    """
    nu = lambda beta: jax.lax.stop_gradient(weight.nu(jax.lax.stop_gradient(beta)))  # noqa: E731
    low, high, mean, scale = jax.lax.stop_gradient((low, high, weight.mean, weight.scale))
    nodes, weights = (jnp.asarray(each, low.dtype) for each in np.polynomial.legendre.leggauss(NODES))

    def rule(begin: Array, end: Array) -> Array:
        tan = jnp.tan(begin + (end - begin) * (nodes + 1) / 2)
        return jnp.sum(weights * nu(mean + scale * tan) * (1 + tan**2) ** 2) * (end - begin) / 2

    def panel(begin: Array, end: Array) -> Array:
        middle = (begin + end) / 2
        halves = rule(begin, middle) + rule(middle, end)
        return jnp.stack([begin, end, halves, jnp.abs(halves - rule(begin, end))])

    def unresolved(state: tuple[Array, Array]) -> Array:
        panels, count = state
        return (count < PANELS) & (jnp.sum(panels[:, 3]) > 8 * jnp.finfo(low.dtype).eps * jnp.sum(panels[:, 2]))

    def halve(state: tuple[Array, Array]) -> tuple[Array, Array]:
        panels, count = state
        worst = jnp.argmax(panels[:, 3])
        begin, end = panels[worst, 0], panels[worst, 1]
        middle = (begin + end) / 2
        return panels.at[worst].set(panel(begin, middle)).at[count].set(panel(middle, end)), count + 1

    ends = jnp.arctan((jnp.stack([low, high]) - mean) / scale)
    begun = jnp.tile(jnp.stack([ends[1], ends[1], *jnp.zeros((2,), low.dtype)])[None], (PANELS, 1))
    panels, _ = jax.lax.while_loop(unresolved, halve, (begun.at[0].set(panel(*ends)), jnp.asarray(1)))
    edges = jnp.sort(panels[:, 0])[1:]
    resolved = jnp.sum(panels[:, 3]) <= jnp.finfo(low.dtype).eps ** 0.5 * jnp.sum(panels[:, 2])
    return jnp.where(resolved, mean + scale * jnp.tan(edges), jnp.nan)
