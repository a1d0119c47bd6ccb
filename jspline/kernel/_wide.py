"""The linear regime of infinitely many neurons: weighted cubic splines, and the PDE that leads there.

With orientations fair and the weight nu(beta) = p(beta) E[w^2 | beta] a flat start learns, at every time, a function
f = 1/2 int f''(t) |x - t| dt + A x + C with f'' = nu g. Here g(beta) = 1/2 sum_n c_n |x_n - beta| for the impulses c of
the data: a broken line with kinks at the data, continued on both sides by l(beta) = 1/2 sum_n c_n (x_n - beta) to the
left and by -l to the right. Its values at the data are the unknowns. In them the kernel is H A H with H_nm = 1/2 |x_n -
x_m|, where A holds the integrals of nu with the hats of a linear interpolation: tridiagonal, but for a term of rank two
that is due to what nu there is outside of the data. Interpolation needs A alone, which is as well conditioned as the
problem; the kernel itself has eigenvalues of the order of the third power of the distance of two data.

Theory: docs/theory.md 10.2, 10.4.
"""

from collections.abc import Callable
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Float

from jspline._checks import Reals, as_like, given, is_concrete
from jspline._programs import compiled
from jspline.datasets import Dataset
from jspline.init import Law
from jspline.kernel import _weight
from jspline.kernel._linear import as_time, grown
from jspline.kernel._weight import Element, Weight
from jspline.problem import Problem, b0_moved, data_and_b0


class WideFit(eqx.Module):
    """An infinitely wide net in the linear regime, at one time: a weighted cubic spline.

    Attributes:
        x: the data, `(data,)`, with those of weight 0 moved to one that has weight.
        value: f there.
        bend: g there, with f'' = nu g (see the module).
        line: l in the middle of the data, and -l', `(2,)`.
        ends: f' at the first and at the last datum, `(2,)`.
        residual: the largest |y_n - f(x_n)|, y the mean of ties. At t = inf 0 but for rounding, unless no net with this
            law can interpolate.
        jump: the largest jump of f' at a datum, which should be 0, as a share of what it is the sum of: of the order of
            rounding if the solution can be trusted.
        law: the initialization.
        moments: int nu, mean and variance of nu, `(3,)`.
        t: the time.
    """

    x: Float[Array, " data"]
    value: Float[Array, " data"]
    bend: Float[Array, " data"]
    line: Float[Array, "2"]
    ends: Float[Array, "2"]
    residual: Float[Array, ""]
    jump: Float[Array, ""]
    law: Law | Callable[[Array], Array]
    moments: Float[Array, "3"]
    t: Float[Array, ""]

    def __call__(self, x: Reals) -> Float[Array, "..."]:
        """f(x) for `x` of any shape. The start was flat, so f = 0 at t = 0."""
        return _value(self, as_like(self.x, x=x))

    def delta_slope(self, beta: Reals, s: int) -> Float[Array, "..."]:
        """What a neuron at `beta` facing `s` has gained, mu / w^2 = int_0^t (X - beta E) over the data on its side.

        The solution of the PDE of section 2.6.2 (where w^2 = 1): piecewise linear in beta and continuous, with kinks
        at the data, at all times.
        """
        beta = as_like(self.x, beta=beta)
        if is_concrete(s) and not np.all(np.abs(np.asarray(s)) == 1):
            raise ValueError(f"`s` must be 1, to the right, or -1, to the left; got {given(s)}.")
        return _line(self, beta) + s * _bend(self, beta)

    def curvature(self, x: Reals) -> Float[Array, "..."]:
        """f''(x) = nu (mu(x, +) - mu(x, -)) / (2 w^2). The print of section 2.6.2 has a sum, which is wrong."""
        x = as_like(self.x, x=x)
        return _weight.weight(self.law, self.moments).nu(x) * _bend(self, x)


@b0_moved
def weighted_spline(
    problem: Problem | Dataset,
    law: Law | Callable[[Array], Array],
    t: ArrayLike = jnp.inf,
    *,
    moments: tuple[ArrayLike, ArrayLike, ArrayLike] | None = None,
    about: ArrayLike = 0.0,
) -> WideFit:
    """The function that infinitely many neurons learn in the linear regime from a flat start, at time t.

    At t = inf and without b0 it minimises int f''^2 / nu + 4 A^2 / int nu + 4 C^2 / int beta^2 nu among the
    interpolants, where f = 1/2 int f''(t) |x - t| dt + A x + C, for a symmetric nu. That is a natural cubic spline only
    for uniform breakpoints on [-R, R] and R -> infinity, with a gap O(1/R): corollary 4 as printed leaves the last
    two terms out; and its form for other densities has p in place of nu. Where nu is 0 the fit is straight: three or
    more data there get the line of least squares, as from `min_norm`.

    Args:
        problem: what to fit; zero weights and ties are merged. An output bias that moves adds 1 to the kernel.
        law: `Gaussian`, `Uniform` or `UniformBreakpoints`; or nu as a function of an array, with its `moments`. Time
            and kernel are those of a net with |w| over sqrt(H) in place of |w| (which `UniformBreakpoints` samples), so
            for the others b0's part of the kernel is 1 / H: leave b0 out, `Problem(data, train_b0=False)`.
        t: the time, zero or positive; may be infinite.
        moments: for nu as a function: the integrals of nu, (beta - about) nu and (beta - about)^2 nu. Where nu lies far
            from 0 they need an `about` near it.

    Raises:
        ValueError: for another law, a function without moments or with those of no density, or a negative time.

    O(N) time and memory at t = inf, if it is known to be; else O(N^3) and O(N^2), by one singular value decomposition.
    The fit reports its `residual` and `jump`. nu as a function is integrated by at most 128 panels of 16 nodes, where
    they are needed; the fit is NaN if they do not resolve it.

    Numerical caveat: between two data that are 1 / r times as far apart as nu is wide, f keeps its digits less r^-2.
    At finite times modes of relative rate under (N eps)^2 are lost.
    """
    data, train_b0 = data_and_b0(problem)
    if is_concrete(data):
        data = data.merged()
    known = _weight.moments(law, moments, about, data.x)
    time = as_time(t, data.x)
    end = bool(np.isinf(time)) if is_concrete(time) else None
    return _solve(data, law, time, known, train_b0, end)


@compiled
def _value(fit: WideFit, x: Array) -> Array:
    q, last = x.reshape(-1), fit.x.size - 1
    below, above = q < fit.x[0], q > fit.x[-1]
    left = jnp.clip(jnp.searchsorted(fit.x, q, side="right") - 1, 0, jnp.where(above, last, max(last - 1, 0)))
    right = jnp.where(below, 0, jnp.minimum(left + 1, last))
    a, b = jnp.where(below, q, fit.x[left]), jnp.where(above, q, fit.x[right])
    nu = _weight.weight(fit.law, fit.moments)
    before, after = _weight.elements(nu, a, q), _weight.elements(nu, q, b)
    g = _bend(fit, q)
    # The moments about a and b of what f turns between them and x.
    up = (q - a) * (fit.bend[left] * before.cross + g * before.last)
    down = (b - q) * (g * after.first + fit.bend[right] * after.cross)
    up_above = (q - a) * (fit.bend[-1] * before.first + g * before.cross)
    down_below = (b - q) * (g * after.cross + fit.bend[0] * after.last)
    share = (q - a) / jnp.where(b > a, b - a, 1)
    inside = (1 - share) * (fit.value[left] - up) + share * (fit.value[right] - down)
    outside = jnp.where(
        above,
        fit.value[-1] + fit.ends[1] * (q - fit.x[-1]) + up_above,
        fit.value[0] + fit.ends[0] * (q - fit.x[0]) + down_below,
    )
    return jnp.where(below | above, outside, inside).reshape(x.shape)


def _line(fit: WideFit, beta: Array) -> Array:
    """l(beta)."""
    return fit.line[0] + fit.line[1] * (_middle(fit.x) - beta)


def _bend(fit: WideFit, beta: Array) -> Array:
    """g(beta)."""
    inside = jnp.interp(beta, fit.x, fit.bend)
    side = jnp.where(beta < fit.x[0], 1, -1).astype(beta.dtype)
    return jnp.where((beta < fit.x[0]) | (beta > fit.x[-1]), side * _line(fit, beta), inside)


@compiled
def _solve(data: Dataset, law: Law | Callable, t: Array, known: Array, train_b0: bool, end: bool | None) -> WideFit:
    """`end`: whether t is infinite, if that is known."""
    nu = _weight.weight(law, known)
    x = _with_weight(data)
    between = _weight.elements(nu, x[:-1], x[1:])
    y = _lines(x, data.y, data.weight, x[1:] == x[:-1])
    rim = _rim(nu, x, between, train_b0)

    def evolve() -> tuple[Array, Array, Array]:
        return _evolve(x, data.y, data.weight, between, rim, t)

    def interpolate() -> tuple[Array, Array, Array]:
        value = _lines(x, y, data.weight, (between.first == 0) & (between.rest == 0))
        return value, *_interpolate(x, value, between, rim)

    if end is None:
        value, bend, line = jax.lax.cond(jnp.isinf(t), interpolate, evolve)
    else:
        value, bend, line = interpolate() if end else evolve()
    half = (x[-1] - x[0]) / 2
    level, turn = _dot(rim, line[::-1])
    spread = jnp.where(half > 0, (level - value[0] - value[-1]) / jnp.where(half > 0, half, 1), 0)
    ends = jnp.stack([turn + spread, turn - spread]) / 2
    jump = _jump(x, value, bend, between, ends)
    residual = jnp.max(jnp.where(data.weight > 0, jnp.abs(y - value), 0))
    residual = jnp.where(jnp.isnan(jump), jump, residual)
    return WideFit(x, value, bend, line, ends, residual, jump, law, known, t)


def _with_weight(data: Dataset) -> Array:
    """x, with the data of weight 0 moved to the nearest before (or after) that has weight."""
    some, place = data.weight > 0, jnp.arange(data.size)
    before = jax.lax.cummax(jnp.where(some, place, -1))
    return data.x[jnp.where(before >= 0, before, jnp.argmax(some))]


def _lines(x: Array, y: Array, p: Array, straight: Array) -> Array:
    """y with each run of data that are joined by `straight` replaced by its line of least squares."""
    size, joined = x.size, jnp.concatenate([jnp.zeros(1, bool), straight])
    run = jnp.cumsum(~joined) - 1
    first = jax.lax.cummax(jnp.where(joined, 0, jnp.arange(size)))

    def mean(values: Array) -> Array:
        return (jax.ops.segment_sum(p * values, run, size) / jax.ops.segment_sum(p, run, size))[run]

    u, z = x - x[first], y - y[first]
    u, level = u - mean(u), mean(z)
    square = mean(u**2)
    line = y[first] + level + u * mean(u * (z - level)) / jnp.where(square > 0, square, 1)
    alone = ~joined & ~jnp.concatenate([straight, jnp.zeros(1, bool)])
    return jnp.where(alone, y, line)


def _rim(nu: Weight, x: Array, between: Element, train_b0: bool) -> Array:
    """The integrals of nu with the lines (middle - beta, 1), `(2, 2)`, where all outside of the data counts twice.

    int f''^2 / nu outside of the data is eliminated together with A and C; b0, 2 b0 in the sum of the two lines that f
    tends to, is of variance 4.
    """
    u = _middle(x) - x
    left, right = u[:-1], u[1:]
    square = left**2 * between.first + 2 * left * right * between.cross + right**2 * between.last
    mixed = left * (between.first + between.cross) + right * (between.cross + between.last)
    mass = between.first + 2 * between.cross + between.last
    away = _middle(x) - nu.mean
    level = 2 * nu.total * (away**2 + nu.variance) - jnp.sum(square) + (4 if train_b0 else 0)
    cross = 2 * nu.total * away - jnp.sum(mixed)
    return jnp.stack([jnp.stack([level, cross]), jnp.stack([cross, 2 * nu.total - jnp.sum(mass)])])


class _Eliminated(NamedTuple):
    """The equations pivot g_n = load - to_first g_0 - to_next g_(n + 1) of all data but the last.

    Attributes:
        free: whether it is the equation of a datum, and not a copy of another g.
    """

    pivot: Array
    load: Array
    to_first: Array
    to_next: Array
    free: Array


def _eliminate(x: Array, value: Array, between: Element) -> tuple[_Eliminated, Element, Array]:
    """Eliminate all data between the first and the last: their equations, and what is left of A and of the loads.

    Two intervals (a, r, s), (b, q, t) with int nu of the joint hat squared eliminated are one again, of the same three
    numbers: a (b + s) / (a r^2 + s + b), -r q b / (b + s), t + q^2 b s / (b + s). Nothing is subtracted, so each pivot
    has all of its digits.
    """
    h = jnp.diff(x)
    chord = jnp.diff(value) / jnp.where(h > 0, h, 1)

    def step(carry: tuple, interval: tuple) -> tuple[tuple, _Eliminated]:
        begun, done, at_first, at_next = carry
        h, chord, new = interval
        real, sum_ = h > 0, done.rest + new.first
        pivot, load = done.last + new.first, at_next + chord
        free = begun & real & (pivot > 0)
        safe = jnp.where(free, pivot, 1)
        share = jnp.where(sum_ > 0, new.first / jnp.where(sum_ > 0, sum_, 1), 0)
        joint = Element(
            jnp.where(free, done.first * sum_ / safe, done.first),
            -done.ratio * new.ratio * share,
            new.rest + new.ratio**2 * done.rest * share,
        )
        out = _Eliminated(
            safe,
            jnp.where(free, load, 0),
            jnp.where(free, done.cross, jnp.where(begun | ~real, 0, -1)),
            jnp.where(free, new.cross, jnp.where(begun | ~real, -1, 0)),
            free,
        )
        joint, at_first, at_end = (
            jax.tree.map(lambda old, started: jnp.where(begun, old, started), kept, fresh)
            for kept, fresh in (
                (joint, new),
                (at_first - jnp.where(free, done.cross * load / safe, 0), chord),
                (-chord - jnp.where(free, new.cross * load / safe, 0), -chord),
            )
        )
        following = (begun | real, joint, at_first, at_end)
        return jax.tree.map(lambda new, old: jnp.where(real, new, old), following, carry), out

    zero = jnp.zeros((), x.dtype)
    begin = (jnp.asarray(False), Element(zero, zero, zero), zero, zero)
    (_, left, at_first, at_last), nodes = jax.lax.scan(step, begin, (h, chord, between))
    return nodes, left, jnp.stack([at_first, at_last])


def _with_rim(x: Array, left: Element, rim: Array) -> Array:
    """What is left of A, and the rim, as a form in -l' and l(middle)."""
    half = (x[-1] - x[0]) / 2
    mixed = half * (left.first - left.last)
    level = half**2 * (left.first + 2 * left.cross + left.last)
    return rim + jnp.stack([
        jnp.stack([level, mixed]),
        jnp.stack([mixed, left.first - 2 * left.cross + left.last]),
    ])  # fmt: skip


def _interpolate(x: Array, value: Array, between: Element, rim: Array) -> tuple[Array, Array]:
    """g at the data and the line of the interpolant, for values that an interpolant has."""
    nodes, left, (at_first, at_last) = _eliminate(x, value, between)
    half = (x[-1] - x[0]) / 2
    form = _with_rim(x, left, rim)
    load = half * (at_first + at_last) + value[0] + value[-1]
    ratio = form[0, 1] / form[0, 0]
    level = (at_first - at_last - ratio * load) / (form[1, 1] - ratio * form[0, 1])
    level = jnp.where(half > 0, level, 0)
    slope = (load - form[0, 1] * level) / form[0, 0]
    first, last = half * slope + level, half * slope - level

    def step(g: Array, node: _Eliminated) -> tuple[Array, Array]:
        g = (node.load - node.to_first * first - node.to_next * g) / node.pivot
        return g, g

    _, bend = jax.lax.scan(step, last, nodes, reverse=True)
    bend = jnp.append(bend, last)
    # Where nu is 0 around a datum, it needs no impulse: g goes on in a straight line.
    kept, place = _touched(x, between), jnp.arange(x.size)
    before = jax.lax.cummax(jnp.where(kept, place, 0))
    after = jax.lax.cummin(jnp.where(kept, place, x.size - 1), reverse=True)
    length = x[after] - x[before]
    share = (x - x[before]) / jnp.where(length > 0, length, 1)
    straight = bend[before] + share * (bend[after] - bend[before])
    return jnp.where(kept, bend, straight), jnp.stack([level, slope])


def _touched(x: Array, between: Element) -> Array:
    """Whether there is nu next to each datum; counted as such beyond the first and the last."""
    some = (between.first > 0) | (between.rest > 0)
    return jnp.ones_like(x, bool).at[1:-1].set(some[:-1] | some[1:])


def _evolve(x: Array, y: Array, p: Array, between: Element, rim: Array, t: Array) -> tuple[Array, Array, Array]:
    """f and g at the data and the line at a finite time, from singular values of features.

    These have the kernel for Gram matrix, as H times a factor of A: a column for each datum that is eliminated, and two
    lines.
    """
    nodes, left, _ = _eliminate(x, jnp.zeros_like(x), between)
    distance = jnp.abs(x[:, None] - x[None]) / 2
    others = nodes.to_next[None] * distance[:, 1:] + nodes.to_first[None] * distance[:, :1]
    root = jnp.where(nodes.free, jnp.sqrt(nodes.pivot), 0)[None]
    columns = root * (distance[:, :-1] + others / nodes.pivot[None])
    form, u = _with_rim(x, left, rim), x - _middle(x)
    top = jnp.sqrt(form[0, 0])
    lines = [(top + form[0, 1] / top * u) / 2, u * jnp.sqrt(form[1, 1] - form[0, 1] ** 2 / form[0, 0]) / 2]
    features, root = jnp.concatenate([columns, jnp.stack(lines, axis=1)], axis=1), jnp.sqrt(p)
    vectors, sizes, across = jnp.linalg.svd(root[:, None] * features, full_matrices=False)
    some = sizes > sizes[0] * x.size * jnp.finfo(x.dtype).eps
    along = grown(sizes**2, t, jnp.zeros_like(t)) * _dot(root * y, vectors)
    impulse, lasting = root * _dot(vectors, jnp.where(some, along, 0)), root * _dot(vectors, jnp.where(some, 0, along))
    value = _dot(features, _dot(jnp.where(some, sizes * along, 0), across))
    # What cannot be fitted pulls for ever at neurons that do not exist, and at no others.
    bend = _dot(distance, impulse) + jnp.where(_touched(x, between), 0, _dot(distance, lasting))
    return value, bend, jnp.stack([_dot(impulse, u), jnp.sum(impulse)]) / 2


def _jump(x: Array, value: Array, bend: Array, between: Element, ends: Array) -> Array:
    """The largest jump of f' at a datum, as a share of what the two slopes are sums of."""
    h = jnp.diff(x)
    real = h > 0
    chord = jnp.diff(value) / jnp.where(real, h, 1)
    a, b = bend[:-1], bend[1:]
    begins, ends_ = chord - a * between.first - b * between.cross, chord + a * between.cross + b * between.last
    size = jnp.abs(chord) + (jnp.abs(a) + jnp.abs(b)) * (between.first + between.last)
    before = jax.lax.cummax(jnp.concatenate([jnp.zeros(1, int), jnp.where(real, jnp.arange(1, x.size), 0)]))
    come, known = jnp.append(ends[0], ends_)[before], jnp.append(jnp.abs(ends[0]), size)[before]
    go, scale = jnp.append(begins, ends[1]), jnp.append(size, jnp.abs(ends[1])) + known
    share = jnp.abs(go - come) / jnp.where(scale > 0, scale, 1)
    return jnp.max(jnp.where(jnp.append(real, jnp.any(real)), share, 0))


def _middle(x: Array) -> Array:
    return x[0] + (x[-1] - x[0]) / 2


def _dot(a: Array, b: Array) -> Array:
    return jnp.matmul(a, b, precision="highest")
