"""The Jacobian of a net at the data, column by column: each is a straight line in x on the data its neuron sees.

That one sentence is all that curvature needs. A product of two columns, summed over the data, is a combination of the
moments of 1, x and x^2 on the intersection of two half-lines; a product of two rows, summed over the neurons, is one
of the moments of the neurons that see both data. Both are running sums (`jspline.ranks`).

Theory: docs/theory.md 5.3, 5.6.
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jspline._checks import check_kind, check_unbatched
from jspline.charts import ReLUNet, Spline
from jspline.objective import Point
from jspline.ranks import Ranks, rank


class Columns(eqx.Module):
    """Lines slope (x - centre) + level, k for each neuron, each on the data that the neuron sees.

    Attributes:
        slope, level: `(k, width)`.
        ranks: which data each neuron sees.
    """

    slope: Float[Array, "k width"]
    level: Float[Array, "k width"]
    ranks: Ranks

    def gram(
        self,
        z: Float[Array, " data"],
        p: Float[Array, " data"],
        bias: float,
        blocks: tuple[Float[Array, "k width"], Float[Array, "k width"]] | None = None,
    ) -> Float[Array, "params params"]:
        """J^T diag(p) J, neurons running faster than k, with the constant column `bias` as the last; O(N + params^2).

        Args:
            z: x - centre.
            p: weights.
            bias: 1, or 0 for a last row and column of zeros.
            blocks: a and c, to add the block a c^T + c a^T of each neuron. Here, since a second pass over the matrix
                would take as long as all the rest.
        """
        k = len(self.slope)
        moments = p[None] * jnp.stack([z**2, z, jnp.ones_like(z)])
        everywhere = jnp.sum(moments, axis=1, keepdims=True)
        own, after = self.ranks.over_data(moments), self._turned_right().over_data(moments)

        def per_column(values: Array, last: Array) -> Array:
            """From one value a neuron to one a column, that of the bias behind them."""
            return jnp.concatenate([jnp.tile(values, k), last], axis=-1)

        first = jnp.zeros((1,), self.ranks.rank.dtype)
        # Made before the matrix, or the compiler would put them together anew for every entry of it.
        place, right, own, after, slope, level = jax.lax.optimization_barrier(
            (
                per_column(self.ranks.rank, first),
                per_column(self.ranks.right, first == 0),
                per_column(own, everywhere),
                per_column(after, everywhere),
                jnp.append(self.slope.ravel(), 0),
                jnp.append(self.level.ravel(), bias),
            )
        )

        # Of two suffixes or two prefixes the smaller is the intersection; of one and the other, what lies between.
        later, right_row = place[:, None] >= place[None], right[:, None]
        alike = right_row == right[None]
        row_is_smaller = later == right_row
        # Two of different kinds meet where the suffix starts before the prefix ends.
        meet = (place[:, None] != place[None]) & (later != right_row)
        sign = jnp.where(meet, jnp.where(right_row, 1, -1).astype(z.dtype), 0)

        def common(i: int) -> Array:
            nested = jnp.where(row_is_smaller, own[i, :, None], own[i, None])
            between = sign * (after[i, :, None] - after[i, None])
            return jnp.where(alike, nested, between)

        along = slope[:, None] * common(0) + level[:, None] * common(1)
        across = slope[:, None] * common(1) + level[:, None] * common(2)
        matrix = along * slope[None] + across * level[None]
        if blocks is None:
            return matrix
        neuron = jnp.append(jnp.tile(jnp.arange(self.slope.shape[1]), k), -1)
        a, c = (jnp.append(part.ravel(), 0) for part in blocks)
        neuron, a, c = jax.lax.optimization_barrier((neuron, a, c))
        return matrix + jnp.where(neuron[:, None] == neuron[None], a[:, None] * c[None] + c[:, None] * a[None], 0)

    def moments(self) -> tuple[Float[Array, "3 data"], Float[Array, "3 data"]]:
        """At each datum, the sums of slope^2, slope level and level^2 over the right-facing neurons that see it, and
        over the left-facing ones."""
        products = jnp.stack([self.slope**2, self.slope * self.level, self.level**2])
        return self.ranks.by_side(jnp.sum(products, axis=1))

    def _turned_right(self) -> Ranks:
        return Ranks(self.ranks.rank, jnp.ones_like(self.ranks.right), self.ranks.size)


def residual_blocks(
    X: Float[Array, " width"], E: Float[Array, " width"]
) -> tuple[Float[Array, "3 width"], Float[Array, "3 width"]]:
    """What the residual adds to the Hessian of a net, as `blocks` of `Columns.gram`: -X_i at (w_i, v_i), -E_i at
    (b_i, v_i)."""
    none = jnp.zeros_like(E)
    return jnp.stack([-X, -E, none]), jnp.stack([none, none, jnp.ones_like(E)])


def kernel(
    z1: Float[Array, " n"],
    moments1: tuple[Float[Array, "3 n"], Float[Array, "3 n"]],
    z2: Float[Array, " m"],
    moments2: tuple[Float[Array, "3 m"], Float[Array, "3 m"]],
    bias: float,
) -> Float[Array, "n m"]:
    """J J^T between two sets of points, from the `Columns.moments` at each: O(n m).

    Of two points, a right-facing neuron sees both if it sees the left one, a left-facing one if it sees the right one.
    """
    (right1, left1), (right2, left2) = moments1, moments2
    before = z1[:, None] <= z2[None]

    def common(i: int) -> Array:
        return jnp.where(before, right1[i, :, None] + left2[i, None], left1[i, :, None] + right2[i, None])

    row, column = z1[:, None], z2[None]
    return common(0) * (row * column) + common(1) * (row + column) + common(2) + bias


def columns(point: ReLUNet | Spline, x: Float[Array, " data"], centre: Float[Array, ""]) -> Columns:
    """The columns of w, b, v of a net, or of beta, mu of a spline; lines around `centre`."""
    check_kind(ReLUNet, Spline, net=point)
    check_unbatched(x)
    match point:
        case ReLUNet(w=w, b=b, v=v):
            check_unbatched(w)
            slope = jnp.stack([v, jnp.zeros_like(v), w])
            level = jnp.stack([v * centre, v, b + w * centre])
            return Columns(slope, level, rank(w, b, x))
        case Spline(beta=beta, mu=mu):
            check_unbatched(mu)
            seen = (point.s != 0).astype(mu.dtype)
            unit = point.unit_net()
            slope = jnp.stack([jnp.zeros_like(mu), seen])
            level = jnp.stack([-mu, seen * (centre - beta)])
            return Columns(slope, level, rank(unit.w, unit.b, x))


def flat(point: ReLUNet | Spline, train_b0: bool) -> Float[Array, " params"]:
    """The parameters (or a tangent) in the order of rows and columns: w, b, v or beta, mu; b0 last, if trained."""
    parts = [point.w, point.b, point.v] if isinstance(point, ReLUNet) else [point.beta, point.mu]
    return jnp.concatenate([*parts, point.b0[None]] if train_b0 else parts)


def tangent(point: Point, vector: Float[Array, " params"]) -> Point:
    """The inverse of `flat` for tangents at `point`: what is not in the vector does not change."""
    H, k = point.width, 3 if isinstance(point, ReLUNet) else 2
    parts = jnp.reshape(vector[: k * H], (k, H))
    b0 = jnp.sum(vector[k * H :])  # 0 if b0 is not in it
    step: Any = (
        ReLUNet(parts[0], parts[1], parts[2], b0)
        if isinstance(point, ReLUNet)
        else Spline(parts[0], parts[1], jnp.zeros_like(parts[0]), b0)
    )
    return step


def size(point: ReLUNet | Spline, train_b0: bool) -> int:
    """The number of parameters."""
    check_kind(ReLUNet, Spline, net=point)
    return (3 if isinstance(point, ReLUNet) else 2) * point.width + train_b0
