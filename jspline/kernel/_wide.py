"""The linear regime of infinitely many neurons, in closed form: weighted cubic splines, and the PDE that leads there.

With orientations fair and the weight nu(beta) = p(beta) E[w^2 | beta] the kernel of a flat start is

    k(x, x') = 1/2 int nu(t) [(x - t)_+ (x' - t)_+ + (x - t)_- (x' - t)_-] dt
             = 1/2 int_{m}^{M} nu(t) (M - t)(t - m) dt + 1/2 (S0 x x' - S1 (x + x') + S2),      m, M = min, max of x, x'

with the moments S_j = int t^j nu. The second form is a spline and a line, and stays accurate for breakpoints
spread far beyond the data, where the first loses everything.
"""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Float

from jspline._checks import Reals, check_unbatched, is_concrete
from jspline._programs import compiled
from jspline.datasets import Dataset
from jspline.init import Gaussian, Law, Uniform, UniformBreakpoints
from jspline.kernel._linear import as_time, grown

NODES, PANELS = 16, 16
"""Gauss and Legendre's rule for densities without a closed form: nodes in each of the panels between two x."""


class WideFit(eqx.Module):
    """An infinitely wide net in the linear regime, at one time: a weighted cubic spline.

    Attributes:
        x: the data, `(data,)`.
        impulse: the weighted residuals integrated over time, int_0^t p_n (y_n - f(x_n)) dt, `(data,)`.
        constant, slope: the line in the second form of the kernel (see the module).
        law: the initialization.
        t: the time.
    """

    x: Float[Array, " data"]
    impulse: Float[Array, " data"]
    constant: Float[Array, ""]
    slope: Float[Array, ""]
    law: Law | Callable[[Array], Array]
    t: Float[Array, ""]

    def __call__(self, x: Reals) -> Float[Array, "..."]:
        """f(x) for `x` of any shape. The start was flat, so f = 0 at t = 0."""
        return _value(self, jnp.asarray(x, self.x.dtype))

    def delta_slope(self, beta: Reals, s: int) -> Float[Array, "..."]:
        """What a neuron at `beta` facing `s` has gained, mu / w^2 = int_0^t (X - beta E) over the data on its side.

        The solution of the PDE of section 2.6.2 (where w^2 = 1): piecewise linear in beta and continuous, with kinks
        at the data, at all times.
        """
        beta = jnp.asarray(beta, self.x.dtype)
        ahead = self.x[(None,) * beta.ndim] - beta[..., None]
        return _dot(jnp.where(s * ahead > 0, ahead, 0), self.impulse)

    def curvature(self, x: Reals) -> Float[Array, "..."]:
        """f''(x) = nu (mu(x, +) - mu(x, -)) / (2 w^2). The print of section 2.6.2 has a sum, which is wrong."""
        difference = self.delta_slope(x, 1) - self.delta_slope(x, -1)
        return _weight(self.law)(jnp.asarray(x, self.x.dtype)) * difference / 2


def weighted_spline(
    data: Dataset,
    law: Law | Callable[[Array], Array],
    t: ArrayLike = jnp.inf,
    *,
    moments: tuple[ArrayLike, ArrayLike, ArrayLike] | None = None,
    train_b0: bool = True,
) -> WideFit:
    """The function that infinitely many neurons learn in the linear regime from a flat start, at time t.

    At t = inf and without b0 it minimises int f''^2 / nu + 4 A^2 / int nu + 4 C^2 / int beta^2 nu among the
    interpolants, where f = 1/2 int f''(t) |x - t| dt + A x + C, for a symmetric nu. That is a natural cubic spline only
    for uniform breakpoints on [-R, R] and R -> infinity, with a gap O(1/R): corollary 4 as printed leaves the last
    two terms out; and its form for other densities has p in place of nu.

    Args:
        data: what to fit; zero weights and (at t = inf) ties are merged away if the data are concrete.
        law: `Gaussian`, `Uniform` or `UniformBreakpoints`; or nu as a function, smooth between data, with its
            `moments`. Time and kernel are those of a net with |w| over sqrt(H) in place of |w| (which
            `UniformBreakpoints` samples), so for the others b0's part of the kernel is 1 / H: leave b0 out.
        t: the time, zero or positive; may be infinite.
        moments: (int nu, int beta nu, int beta^2 nu), for nu as a function.
        train_b0: whether the output bias moves: adds 1 to the kernel.

    Raises:
        ValueError: for another law, a function without moments, or a negative time.

    Numerical caveat: finite times need the kernel itself, whose condition grows as R^3 with the range of the
    breakpoints; t = inf does not.
    """
    check_unbatched(data.x)
    if is_concrete(data):
        data = data.merged()
    return _solve(data, law, as_time(t, data.x), jnp.asarray(_moments(law, moments), data.x.dtype), train_b0)


@compiled
def _value(fit: WideFit, x: Array) -> Array:
    spline = _spline_part(fit.law, x.reshape(-1)[:, None], fit.x[None])
    return _dot(spline, fit.impulse).reshape(x.shape) + fit.constant + fit.slope * x


@compiled
def _solve(data: Dataset, law: Law | Callable, t: Array, moments: Array, train_b0: bool) -> WideFit:
    s0, s1, s2 = moments / 2
    x, y, root = data.x, data.y, jnp.sqrt(data.weight)
    # About the middle of the data, where the line part is well conditioned.
    centre = (x[0] + x[-1]) / 2
    prior = jnp.stack([
        jnp.stack([s2 - 2 * centre * s1 + centre**2 * s0, centre * s0 - s1]),
        jnp.stack([centre * s0 - s1, s0]),
    ])  # fmt: skip
    prior = prior.at[0, 0].add(1.0 if train_b0 else 0.0)
    line = jnp.stack([jnp.ones_like(x), x - centre], axis=1)
    spline = _spline_part(law, x[:, None], x[None])

    def interpolate() -> Array:
        """[spline, line; line^T, -prior^-1] [impulse; line's coefficients] = [y; 0]."""
        upper = jnp.concatenate([spline, line], axis=1)
        lower = jnp.concatenate([line.T, -jnp.linalg.inv(prior)], axis=1)
        return jnp.linalg.solve(jnp.concatenate([upper, lower]), jnp.append(y, jnp.zeros(2, y.dtype)))

    def evolve() -> Array:
        kernel = root[:, None] * (spline + _dot(_dot(line, prior), line.T)) * root[None]
        rates, vectors = jnp.linalg.eigh(kernel)
        null = rates[-1] * data.size * jnp.finfo(rates.dtype).eps
        impulse = root * _dot(vectors, grown(rates, jnp.where(jnp.isinf(t), 1, t), null) * _dot(root * y, vectors))
        return jnp.append(impulse, _dot(prior, _dot(impulse, line)))

    solution = jax.lax.cond(jnp.isinf(t), interpolate, evolve)
    constant, slope = solution[-2], solution[-1]
    return WideFit(x, solution[:-2], constant - slope * centre, slope, law, t)


def _dot(a: Array, b: Array) -> Array:
    return jnp.matmul(a, b, precision="highest")


def _moments(law: Law | Callable, given: tuple | None) -> tuple[ArrayLike, ArrayLike, ArrayLike]:
    """int nu, int beta nu and int beta^2 nu: E w^2, -E w b and E b^2."""
    match law:
        case Gaussian():
            return law.sigma_w**2, 0.0, law.sigma_b**2
        case Uniform():
            return law.a_w**2 / 3, 0.0, law.a_b**2 / 3
        case UniformBreakpoints():
            mean, square = (law.lo + law.hi) / 2, (law.lo**2 + law.lo * law.hi + law.hi**2) / 3
            return law.scale**2, law.scale**2 * mean, law.scale**2 * square
    if not callable(law) or given is None:
        raise ValueError("`law` must be Gaussian, Uniform, UniformBreakpoints, or a function nu with its `moments`.")
    return given


def _weight(law: Any) -> Callable[[Array], Array]:
    """nu(beta) = p(beta) E[w^2 | beta] (footnote 2)."""
    match law:
        case Gaussian():
            spread = lambda beta: law.sigma_b**2 + (law.sigma_w * beta) ** 2  # noqa: E731
            return lambda beta: 2 * law.sigma_w**3 * law.sigma_b**3 / (np.pi * spread(beta) ** 2)
        case Uniform():
            return lambda beta: law.pdf_beta(beta) ** 2 * 2 * law.a_b * law.a_w
        case UniformBreakpoints():
            return lambda beta: law.pdf_beta(beta) * law.scale**2
    return law


def _spline_part(law: Any, x: Array, other: Array) -> Array:
    """1/2 int nu(t) (M - t)(t - m) dt between x and the other, of two shapes that broadcast."""
    low, high = jnp.minimum(x, other), jnp.maximum(x, other)
    if isinstance(law, UniformBreakpoints):
        a, b = (jnp.clip(end, law.lo, law.hi) for end in (low, high))
        middle, half = (a + b) / 2, (b - a) / 2
        integral = 2 * half * ((high - middle) * (middle - low) - half**2 / 3)
        return law.scale**2 / (law.hi - law.lo) * integral / 2
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    share = jnp.asarray((np.arange(PANELS)[:, None] + (nodes[None] + 1) / 2).ravel() / PANELS, low.dtype)
    factor = jnp.asarray(np.tile(weights, PANELS) / (4 * PANELS), low.dtype)
    leading = (None,) * low.ndim
    share, factor = share[leading], factor[leading]
    # nu of the uniform law has kinks: never across them, or their error is what the small kernel differences drown in.
    kink = law.a_b / law.a_w if isinstance(law, Uniform) else None
    total = jnp.zeros_like(low)
    ends: tuple[Any, ...] = (-jnp.inf, jnp.inf) if kink is None else (-jnp.inf, -kink, kink, jnp.inf)
    for a, b in pairwise(ends):
        begin, end = (jnp.clip(each, a, b)[..., None] for each in (low, high))
        t = begin + (end - begin) * share
        values = _weight(law)(t) * (high[..., None] - t) * (t - low[..., None])
        total = total + jnp.sum(values * factor, axis=-1) * (end - begin)[..., 0]
    return total
