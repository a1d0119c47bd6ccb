"""The linear regime of a net of finite width: exact at every time, by one singular value decomposition.

Theory: docs/theory.md 10.1.
"""

from functools import partial
from typing import NamedTuple, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Float

from jspline._checks import (
    as_like,
    check_ends,
    check_kind,
    check_net,
    check_one_width,
    check_scalar,
    is_concrete,
)
from jspline._programs import compiled
from jspline.activation import Ranks, heights
from jspline.charts import ReLUNet, Spline
from jspline.datasets import Dataset
from jspline.objective import predict
from jspline.problem import Problem, b0_moved, quadratic

Net = TypeVar("Net", ReLUNet, Spline)


@b0_moved
def flow(net: Net, problem: Problem | Dataset, t: ArrayLike) -> Net:
    """Gradient flow to time t with frozen breakpoints: w and b at rest, v (and b0) moving. Exact for every t.

    mu' = W^2 Phi^T e with W = diag(w) and Phi_ni = (x_n - beta_i)_{s_i}, the limit of gradient flow from a large scale
    (section 2.6.1, lemma 2). Time is that of `jspline.flow`. From `rescale(net, a)` the gap to it falls as a^-4 at
    equal a^2 t.

    Args:
        net: where to start. A `Spline` is taken with |w| = 1, which makes the flow theorem 7's, and comes back as one.
        problem: what to fit, N data.
        t: the time, zero or positive; may be infinite. For several, `jax.vmap`.

    Raises:
        ValueError: when t is negative.

    O(H + N^3) time and O(N^2 + H) memory, with the singular values of the features rather than their squares; with
    several inputs O(N H min(N, H)) and O(N H).
    Directions of relative size under N eps are taken as null. What it does not fit is `data.y - predict(net, data)` of
    the result.

    First derivatives, forward and reverse, are exact to rounding where singular values are equal or zero, too. Where
    the end t = inf jumps, as the rank of the features changes or a weight leaves 0, it has none: what comes is the
    derivative at constant rank, and with the data of weight 0 left out.
    """
    if isinstance(net, Spline):
        moved = flow(net.unit_net(), problem, t)
        return eqx.tree_at(lambda n: (n.mu, n.b0), net, (net.s * moved.v, moved.b0))
    problem = quadratic(net, problem)
    return _flow(net, problem.data, as_time(t, net.w), problem.train_b0)


@compiled
def _flow(net: ReLUNet, data: Dataset, t: Array, train_b0: bool) -> ReLUNet:
    residual = data.y - predict(net, data)
    if not net.on_line:
        height, seen = heights(net.w, net.b, data.x)
        features = _with_b0(jnp.where(seen, height, 0), train_b0, 1)
        gains = _gained_of(features, data.weight, residual, t)
        gain, gain_b0 = gains[: net.width], jnp.sum(gains[net.width :])
        return eqx.tree_at(lambda n: (n.v, n.b0), net, (net.v + gain, net.b0 + gain_b0))
    gain, gain_b0 = _gained(train_b0, net.w, net.b, data.x, data.weight, residual, t)
    return eqx.tree_at(lambda n: (n.v, n.b0), net, (net.v + gain, net.b0 + gain_b0))


@b0_moved
def min_norm(net: Net, problem: Problem | Dataset) -> Net:
    """Where `flow` ends: the interpolant that minimises sum_i (mu_i - mu0_i)^2 / w_i^2 (+ (b0 - b0_0)^2 if trained).

    Theorem 7; its l2 norm of mu is that of a `Spline` here, or of a net whose |w_i| are all 1. Where the features
    cannot interpolate, the nearest least squares solution. Arguments as for `flow`.

    Theory: docs/theory.md 10.1.
    """
    return flow(net, problem, jnp.inf)


class LazyDistance(NamedTuple):
    """How far training went from the linear regime.

    Attributes:
        breakpoints: how far each breakpoint moved, `(width,)`, in units of x; infinite where one end has none.
        turns: the angle by which each (w, b) turned, `(width,)`, in radians; finite for far breakpoints too.
        median, largest: of `breakpoints` that began between the given ends; 0 if none did.
    """

    breakpoints: Float[Array, " width"]
    turns: Float[Array, " width"]
    median: Float[Array, ""]
    largest: Float[Array, ""]


def lazy_distance(start: ReLUNet, end: ReLUNet, lo: ArrayLike = -jnp.inf, hi: ArrayLike = jnp.inf) -> LazyDistance:
    """How far the breakpoints moved from `start` to `end`, two nets of one width: 0 in the linear regime.

    Args:
        start, end: such as a net and `jspline.flow(net, ...).net`.
        lo, hi: the summary counts breakpoints that began here, such as between the first and the last datum.

    Raises `TypeError` for what is no net, `ValueError` for batches, for nets of two widths, and for ends in
    the other order.
    """
    check_kind(ReLUNet, start=start, end=end)
    check_net(start)
    check_net(end)
    lo, hi = as_like(start.w, lo=lo), as_like(start.w, hi=hi)
    check_scalar(lo=lo, hi=hi)
    check_ends("`lo` and `hi`", lo, hi)
    check_one_width(start, end)
    lost = start.degenerate() | end.degenerate()
    begin, finish = (-n.b / jnp.where(lost, 1, n.w) for n in (start, end))
    moved = jnp.abs(jnp.where(lost, jnp.where((start.w == end.w) & (start.b == end.b), 0, jnp.inf), finish - begin))
    (w0, b0), (w1, b1) = _direction(start), _direction(end)
    sine, cosine = w0 * b1 - b0 * w1, w0 * w1 + b0 * b1
    # At (w, b) = 0 there is no direction: 0, and a constant to derivatives.
    turns = jnp.abs(jnp.arctan2(sine, jnp.where((sine == 0) & (cosine == 0), 1, cosine)))
    lo, hi = (jnp.asarray(end, begin.dtype) for end in (lo, hi))
    counted = ~start.degenerate() & ~(begin < lo) & ~(begin > hi)
    # Those that count come first in the order; NaN shows.
    inside, count = jnp.sort(jnp.where(counted, moved, jnp.inf)), jnp.sum(counted, dtype=jnp.int32)
    middle = (inside[jnp.maximum(count - 1, 0) // 2] + inside[count // 2]) / 2
    largest = jnp.max(jnp.where(counted, moved, 0))
    median = jnp.where((count == 0) | jnp.isnan(largest), largest, middle)
    return LazyDistance(moved, turns, median, largest)


def _direction(net: ReLUNet) -> tuple[Array, Array]:
    """(w, b) over the larger of the two, so that products of them stay in range."""
    size = jnp.maximum(jnp.abs(net.w), jnp.abs(net.b))
    size = jnp.where(size > 0, size, 1)
    return net.w / size, net.b / size


def as_time(t: ArrayLike, like: Array) -> Array:
    """The time as an array; raises `ValueError` if it is no scalar, or known and negative or NaN."""
    time = as_like(like, t=t)
    check_scalar(t=time)
    if is_concrete(time) and not time >= 0:
        raise ValueError(f"`t` must be zero or positive; got {time:g}.")
    return time


def grown(rate: Array, t: Array, null: Array) -> Array:
    """(1 - exp(-rate t)) / rate, for rates of 0 and infinite times too: there 0 for a null rate."""
    safe = jnp.where(rate > null, rate, 1)
    finite = jnp.where(jnp.isinf(t), 0, t)
    return jnp.where(rate > null, -jnp.expm1(-safe * t) / safe, finite)


class _Compressed(NamedTuple):
    """Features at the data with the same Gram matrix as those of all neurons.

    Neurons of one rank and side are lines on the same data, so two columns stand for all of them: the part along their
    common line, and what each deviates from it, which does not cancel. That is Y = Q R for their pairs Y = (z, w), with
    z their value on the nearest datum that they see.

    Attributes:
        features: C R^T, `(data, 4 (data + 1))`, for the two functions C = (1, x_n - nearest) of each rank and side: all
            first columns, then all second ones.
        seen, away: of C, `(data, 2 (data + 1))`.
        turn: of R, what the two columns have in x_n - nearest, `(2, 2 (data + 1))`.
        bucket: the rank and side of each neuron, `(width,)`.
        basis: Q, `(2, width)`.
        some: whether a neuron sees any datum, as a number, `(width,)`.
    """

    features: Array
    seen: Array
    away: Array
    turn: Array
    bucket: Array
    basis: Array
    some: Array


def _compressed(w: Array, b: Array, x: Array) -> _Compressed:
    (bucket, groups), size = Ranks.of(w, b, x).groups(), x.size
    nearest = _nearest(size)
    some = ((bucket != size) & (bucket != size + 1)).astype(w.dtype)
    w, z = w * some, (b + w * x[nearest[bucket]]) * some
    norm = jnp.sqrt(_total(z * z, bucket, size))
    safe = jnp.where(norm > 0, norm, 1)[bucket]
    first = z / safe
    turn = _total(first * w, bucket, size)
    apart = w - turn[bucket] * first
    rest = jnp.sqrt(_total(apart**2, bucket, size))
    seen = groups.mask()
    away = jnp.where(seen, x[:, None] - x[nearest][None], 0)
    features = jnp.concatenate([jnp.where(seen, norm[None], 0) + turn[None] * away, rest[None] * away], axis=1)
    basis = jnp.stack([first, apart / jnp.where(rest > 0, rest, 1)[bucket]])
    return _Compressed(features, seen, away, jnp.stack([turn, rest]), bucket, basis, some)


def _compressed_tangent(c: _Compressed, w: Array, x: Array, dw: Array, db: Array, dx: Array) -> Array:
    """How the features of all neurons move, seen from those that they have now: dC R^T + C dY^T Q."""
    size, nearest = x.size, _nearest(x.size)
    near = nearest[c.bucket]
    dz = (db + dw * x[near] + w * dx[near]) * c.some
    from_z, from_w = (
        jax.vmap(lambda q, move=move: _total(move * q, c.bucket, size))(c.basis) for move in (dz, dw * c.some)
    )
    moved = jnp.where(c.seen, dx[:, None] - dx[nearest][None], 0)
    columns = [
        jnp.where(c.seen, from_z[k][None], 0) + from_w[k][None] * c.away + c.turn[k][None] * moved for k in range(2)
    ]
    return jnp.concatenate(columns, axis=1)


def _nearest(size: int) -> Array:
    """The nearest datum that neurons of each rank and side see, `(2 (data + 1),)`."""
    return jnp.clip(jnp.concatenate([jnp.arange(size + 1), jnp.arange(-1, size)]), 0, size - 1)


def _total(values: Array, bucket: Array, size: int) -> Array:
    return jax.ops.segment_sum(values, bucket, 2 * size + 2)


def _with_b0(features: Array, train_b0: bool, value: int) -> Array:
    return jnp.concatenate([features, jnp.full_like(features[:, :1], value)], axis=1) if train_b0 else features


def _response(train_b0: bool, w: Array, b: Array, x: Array, impulse: Array) -> tuple[Array, Array]:
    """What v and b0 gain by the impulses int_0^t p_n e_n dt."""
    X, E = Ranks.of(w, b, x).over_data(jnp.stack([impulse * (x - x[0]), impulse]))
    return w * X + (b + w * x[0]) * E, jnp.sum(impulse) if train_b0 else jnp.zeros_like(x[0])


def _spread(train_b0: bool, c: _Compressed, change: Array) -> tuple[Array, Array]:
    """What v and b0 gain, from the gain of the two columns of each rank and side (and of b0).

    The same sum over impulses would cancel: those of close data are large, and of opposite signs.
    """
    parts = change[: c.features.shape[1]].reshape(2, -1)
    return jnp.sum(c.basis * parts[:, c.bucket], axis=0), change[-1] if train_b0 else jnp.zeros((), change.dtype)


class _Modes(NamedTuple):
    """The singular value decomposition of the weighted features, and the residual along it."""

    vectors: Array
    sizes: Array
    across: Array
    along: Array
    null: Array


def _modes(features: Array, root: Array, residual: Array) -> _Modes:
    vectors, sizes, across = jnp.linalg.svd(root[:, None] * features, full_matrices=False)
    null = (sizes[0] * root.size * jnp.finfo(root.dtype).eps) ** 2
    return _Modes(vectors, sizes, across.T, _dot(root * residual, vectors), null)


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def _gained(train_b0: bool, w: Array, b: Array, x: Array, p: Array, residual: Array, t: Array) -> tuple[Array, Array]:
    """What v and b0 gain from 0 to t."""
    c, root = _compressed(w, b, x), jnp.sqrt(p)
    modes = _modes(_with_b0(c.features, train_b0, 1), root, residual)
    change = modes.sizes * grown(modes.sizes**2, t, modes.null) * modes.along
    return _spread(train_b0, c, _dot(modes.across, change))


@_gained.defjvp
def _gained_jvp(train_b0: bool, primals: tuple, tangents: tuple) -> tuple:
    """In A = U S V^T, the weighted features, the gain is V S phi(S^2) U^T r with phi(k) = (1 - exp(-k t)) / k.

    The derivative of a function of a matrix is the entrywise product with its divided differences, in the basis of the
    eigenvectors: no difference of two eigenvalues is divided by, and no singular value. Weights move the flow of the
    parameters, where their square root is not needed.
    """
    (w, b, x, p, residual, t), (dw, db, dx, dp, dr, dt) = primals, tangents
    c = _compressed(w, b, x)
    features = _with_b0(c.features, train_b0, 1)
    moved = _with_b0(_compressed_tangent(c, w, x, dw, db, dx), train_b0, 0)
    coefficients, impulse, change = _along_modes(features, p, residual, t, moved, dp, dr, dt)
    gain = _spread(train_b0, c, coefficients)
    # The features move, while the impulses stay.
    _, direct = jax.jvp(partial(_response, train_b0), (w, b, x, impulse), (dw, db, dx, jnp.zeros_like(impulse)))
    indirect = _spread(train_b0, c, change)
    return gain, (direct[0] + indirect[0], direct[1] + indirect[1])


@jax.custom_jvp
def _gained_of(features: Array, p: Array, residual: Array, t: Array) -> Array:
    """What the weights of features gain from 0 to t, features written out: `(data, some)`."""
    modes = _modes(features, jnp.sqrt(p), residual)
    return _dot(modes.across, modes.sizes * grown(modes.sizes**2, t, modes.null) * modes.along)


@_gained_of.defjvp
def _gained_of_jvp(primals: tuple, tangents: tuple) -> tuple:
    (features, p, residual, t), (moved, dp, dr, dt) = primals, tangents
    data, some = features.shape
    # Features of which there are as many as data: what the others leave of the residual has modes of its own then.
    features, moved = (jnp.pad(each, ((0, 0), (0, max(data - some, 0)))) for each in (features, moved))
    gain, impulse, change = _along_modes(features, p, residual, t, moved, dp, dr, dt)
    return gain[:some], (_dot(impulse, moved) + change)[:some]


def _along_modes(
    features: Array, p: Array, residual: Array, t: Array, moved: Array, dp: Array, dr: Array, dt: Array
) -> tuple[Array, Array, Array]:
    """The gains of the features, the impulses that make them, and what the move of these adds to the gains."""
    root = jnp.sqrt(p)
    vectors, sizes, across, along, null = _modes(features, root, residual)
    rates = jnp.where(sizes**2 > null, sizes**2, 0)
    shares = grown(sizes**2, t, null)
    impulse = root * _dot(vectors, shares * along)
    # What the gain becomes along V:
    between = _divided(rates[:, None], rates[None], t)
    moved = _dot(vectors.T, _dot(root[:, None] * moved, across))
    fits = _dot(features, across)
    change = sizes * shares * _dot(root * dr, vectors)
    change = change - sizes * _dot(between * (moved * sizes[None] + sizes[:, None] * moved.T), along)
    change = change + shares * _dot(dp * residual, fits)
    change = change - _dot(between * _dot(fits.T, dp[:, None] * fits), sizes * along)
    ended = jnp.isinf(t)
    change = change + jnp.where(ended, 0, jnp.exp(-rates * jnp.where(ended, 0, t))) * sizes * along * dt
    # A datum of weight 0 may be seen by what no other sees. Its residual, integrated from 0 to t:
    unseen = jnp.where(ended, 0, t) * residual - _dot(fits, _divided(rates, jnp.zeros_like(rates), t) * sizes * along)
    beyond = _dot(jnp.where(p > 0, 0, unseen) * dp, features)
    change = _dot(across, change) + beyond - _dot(across, _dot(beyond, across))
    return _dot(across, sizes * shares * along), impulse, change


def _divided(k: Array, other: Array, t: Array) -> Array:
    """int_0^t exp(-k (t - s)) phi_s(other) ds: less the divided difference of phi_t(k) = (1 - exp(-k t)) / k.

    For infinite t its finite part, which is that of the pseudo-inverse.
    """
    k, other = jnp.broadcast_arrays(k, other)
    ended, zero = jnp.isinf(t), jnp.zeros_like(t)
    time = jnp.where(ended, 0, t)
    low, high = jnp.minimum(k, other), jnp.maximum(k, other)
    early = high * time < 0.5
    late = (grown(low, time, zero) - jnp.exp(-low * time) * grown(high - low, time, zero)) / jnp.where(early, 1, high)
    a, b = jnp.where(early, low * time, 0), jnp.where(early, high * time, 0)
    symmetric, power, factor, series = jnp.ones_like(a), jnp.ones_like(a), 1 / 2, jnp.zeros_like(a)
    for order in range(15):
        series = series + factor * symmetric
        power = power * b
        symmetric, factor = a * symmetric + power, -factor / (order + 3)
    one, two = (jnp.where(each > 0, 1 / jnp.where(each > 0, each, 1), 0) for each in (k, other))
    last = jnp.where((k > 0) & (other > 0), one * two, -(one**2) - two**2)
    return jnp.where(ended, last, jnp.where(early, time**2 * series, late))


_dot = partial(jnp.matmul, precision="highest")
