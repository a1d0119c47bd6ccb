"""The linear regime of a net of finite width: exact at every time, by one singular value decomposition."""

from functools import partial
from typing import NamedTuple, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Float

from jspline import ranks
from jspline._checks import check_unbatched, is_concrete
from jspline._programs import compiled
from jspline.charts import ReLUNet, Spline
from jspline.datasets import Dataset
from jspline.objective import predict

Net = TypeVar("Net", ReLUNet, Spline)


def flow(net: Net, data: Dataset, t: ArrayLike, *, train_b0: bool = True) -> Net:
    """Gradient flow to time t with frozen breakpoints: w and b at rest, v (and b0) moving. Exact for every t.

    mu' = W^2 Phi^T e with W = diag(w) and Phi_ni = (x_n - beta_i)_{s_i}, the limit of gradient flow from a large scale
    (section 2.6.1, lemma 2). Time is that of `jspline.flow`. From `rescale(net, a)` the gap to it falls as a^-4 at
    equal a^2 t.

    Args:
        net: where to start. A `Spline` is taken with |w| = 1, which makes the flow theorem 7's, and comes back as one.
        data: what to fit, N data.
        t: the time, zero or positive; may be infinite. For several, `jax.vmap`.
        train_b0: whether the output bias moves.

    Raises:
        ValueError: when t is negative.

    O(H + N^3) time and O(N^2 + H) memory, with the singular values of the features rather than their squares.
    Directions of relative size under N eps are taken as null.
    """
    if isinstance(net, Spline):
        moved = flow(net.unit_net(), data, t, train_b0=train_b0)
        return eqx.tree_at(lambda n: (n.mu, n.b0), net, (net.s * moved.v, moved.b0))
    check_unbatched(net.w)
    check_unbatched(data.x)
    return _flow(net, data, as_time(t, net.w), train_b0)


@compiled
def _flow(net: ReLUNet, data: Dataset, t: Array, train_b0: bool) -> ReLUNet:
    root = jnp.sqrt(data.weight)
    features = _compressed(net, data)
    if train_b0:
        features = jnp.concatenate([features, jnp.ones_like(features[:, :1])], axis=1)
    vectors, sizes, _ = jnp.linalg.svd(root[:, None] * features, full_matrices=False)
    along = _dot(root * (data.y - predict(net, data)), vectors)
    # The residual, integrated from 0 to t, in each direction.
    impulse = root * _dot(vectors, grown(sizes**2, t, (sizes[0] * data.size * jnp.finfo(root.dtype).eps) ** 2) * along)
    X, E = ranks.rank(net.w, net.b, data.x).over_data(jnp.stack([impulse * (data.x - data.x[0]), impulse]))
    v = net.v + net.w * X + (net.b + net.w * data.x[0]) * E
    return eqx.tree_at(lambda n: (n.v, n.b0), net, (v, net.b0 + jnp.sum(impulse) if train_b0 else net.b0))


def min_norm(net: Net, data: Dataset, *, train_b0: bool = True) -> Net:
    """Where `flow` ends: the interpolant that minimises sum_i (mu_i - mu0_i)^2 / w_i^2 (+ (b0 - b0_0)^2 if trained).

    Theorem 7; its l2 norm of mu is that of a `Spline` here, or of a net whose |w_i| are all 1. Where the features
    cannot interpolate, the nearest least squares solution. Arguments as for `flow`.
    """
    return flow(net, data, jnp.inf, train_b0=train_b0)


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
    """
    lost = (start.w == 0) | (end.w == 0)
    begin, finish = (-n.b / jnp.where(n.w == 0, 1, n.w) for n in (start, end))
    breakpoints = jnp.where(lost, jnp.where((start.w == end.w) & (start.b == end.b), 0, jnp.inf), finish - begin)
    cross, along = start.w * end.b - start.b * end.w, start.w * end.w + start.b * end.b
    counted = (begin >= jnp.asarray(lo, begin.dtype)) & (begin <= jnp.asarray(hi, begin.dtype))
    inside = jnp.where(counted, jnp.abs(breakpoints), jnp.nan)
    some = jnp.any(counted)
    median, largest = (jnp.where(some, f(inside), 0) for f in (jnp.nanmedian, jnp.nanmax))
    return LazyDistance(jnp.abs(breakpoints), jnp.abs(jnp.arctan2(cross, along)), median, largest)


def as_time(t: ArrayLike, like: Array) -> Array:
    """The time as an array; raises `ValueError` if it is known and negative or NaN."""
    if is_concrete(t) and not np.all(np.asarray(t) >= 0):
        raise ValueError(f"`t` must be zero or positive; got {np.asarray(t)}.")
    return jnp.asarray(t, like.dtype)


def grown(rate: Array, t: Array, null: Array) -> Array:
    """(1 - exp(-rate t)) / rate, for rates of 0 and infinite times too: there 0 for a null rate."""
    safe = jnp.where(rate > null, rate, 1)
    finite = jnp.where(jnp.isinf(t), 0, t)
    return jnp.where(rate > null, -jnp.expm1(-safe * t) / safe, finite)


def _compressed(net: ReLUNet, data: Dataset) -> Array:
    """Features at the data with the same Gram matrix as the N x H of all neurons, `(data, 4 (data + 1))`.

    Neurons of one rank and side are lines on the same data, so two columns stand for all of them: the part along their
    common line, and what each deviates from it, which does not cancel.
    """
    ranked, size = ranks.rank(net.w, net.b, data.x), data.size
    bucket = jnp.where(ranked.right, ranked.rank, size + 1 + ranked.rank)
    nearest = jnp.clip(jnp.concatenate([jnp.arange(size + 1), jnp.arange(-1, size)]), 0, size - 1)
    some = ((bucket != size) & (bucket != size + 1)).astype(net.w.dtype)
    w = net.w * some
    z = (net.b + net.w * data.x[nearest[bucket]]) * some

    def total(values: Array) -> Array:
        return jax.ops.segment_sum(values, bucket, 2 * size + 2)

    zz = total(z * z)
    safe = jnp.where(zz > 0, zz, 1)
    slope = total(z * w) / safe
    rest = jnp.sqrt(total((w - slope[bucket] * z) ** 2))
    away = data.x[:, None] - data.x[nearest][None]
    active = ranks.Ranks(
        jnp.concatenate([jnp.arange(size + 1), jnp.arange(size + 1)]), jnp.arange(2 * size + 2) <= size, size
    ).mask()
    common = jnp.sqrt(zz)[None] * (1 + slope[None] * away)
    return jnp.concatenate([jnp.where(active, common, 0), jnp.where(active, rest[None] * away, 0)], axis=1)


_dot = partial(jnp.matmul, precision="highest")
