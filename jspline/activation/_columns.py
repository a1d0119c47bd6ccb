"""The Jacobian of a net at the data, column by column: each is a straight line in x on the data its neuron sees.

That one sentence is all that curvature needs. A product of two columns, summed over the data, is a combination of the
moments of 1, x and x^2 on the intersection of two half-lines; a product of two rows, summed over the neurons, is one
of the moments of the neurons that see both data. Both are sums of `Ranks` or `Mask`.

Theory: docs/theory.md 5.3, 5.6.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jspline._checks import check_kind, check_unbatched
from jspline.activation._lifted import LiftedColumns
from jspline.activation._line import Ranks
from jspline.activation._space import Mask
from jspline.charts import ReLUNet, Spline


class Columns(eqx.Module):
    """Lines slope (x - centre) + level, k for each neuron, each on the data that the neuron sees.

    Attributes:
        slope, level: `(k, width)`.
        active: which data each neuron sees.
    """

    slope: Float[Array, "k width"]
    level: Float[Array, "k width"]
    active: Ranks | Mask

    def without_biases(self) -> "Columns":
        """Those of the net whose b are no parameters."""
        return Columns(self.slope[::2], self.level[::2], self.active)

    def gram(
        self,
        z: Float[Array, " data"],
        p: Float[Array, " data"],
        bias: float | Array,
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
        moments = self.active.pairs(_weighted_powers(z, p), k)
        # Made before the matrix, or the compiler would put them together anew for every entry of it.
        slope, level = jax.lax.optimization_barrier(
            (jnp.append(self.slope.ravel(), 0), jnp.append(self.level.ravel(), bias))
        )
        along = slope[:, None] * moments[0] + level[:, None] * moments[1]
        across = slope[:, None] * moments[1] + level[:, None] * moments[2]
        matrix = along * slope[None] + across * level[None]
        if blocks is None:
            return matrix
        neuron = jnp.append(jnp.tile(jnp.arange(self.slope.shape[1]), k), -1)
        a, c = (jnp.append(part.ravel(), 0) for part in blocks)
        neuron, a, c = jax.lax.optimization_barrier((neuron, a, c))
        return matrix + jnp.where(neuron[:, None] == neuron[None], a[:, None] * c[None] + c[:, None] * a[None], 0)

    def kernel(
        self,
        z: Float[Array, " data"],
        bias: float | Array,
        rows: Int[Array, " n"] | None = None,
        others: Int[Array, " m"] | None = None,
    ) -> Float[Array, "n m"]:
        """J J^T between data, O(H + n m): of all of them, or of those at the places `rows` and `others`.

        Args:
            z: x - centre.
            bias: 1, or 0 where b0 is no parameter.
            rows, others: places among the data; all of them by default.
        """
        everything = jnp.arange(len(z), dtype=jnp.int32)
        rows, others = everything if rows is None else rows, everything if others is None else others
        products = jnp.stack([self.slope**2, self.slope * self.level, self.level**2])
        moments = self.active.between(jnp.sum(products, axis=1), rows, others)
        row, column = z[rows][:, None], z[others][None]
        return moments[0] * (row * column) + moments[1] * (row + column) + moments[2] + bias

    def diagonal(self, z: Float[Array, " data"], p: Float[Array, " data"]) -> Float[Array, "k width"]:
        """The diagonal of `gram`, without the last entry; O(N + H)."""
        xx, x1, one = self.active.over_data(_weighted_powers(z, p))
        return self.slope**2 * xx[None] + 2 * self.slope * self.level * x1[None] + self.level**2 * one[None]

    def dense(self, z: Float[Array, " data"]) -> Float[Array, "data params"]:
        """The columns themselves, N k H numbers."""
        values = z[:, None, None] * self.slope[None] + self.level[None]
        return jnp.where(self.active.mask()[:, None], values, 0).reshape(len(z), -1)


def _weighted_powers(z: Float[Array, " data"], p: Float[Array, " data"]) -> Float[Array, "3 data"]:
    return p[None] * jnp.stack([z**2, z, jnp.ones_like(z)])


def residual_blocks(
    X: Float[Array, " width"], E: Float[Array, " width"]
) -> tuple[Float[Array, "3 width"], Float[Array, "3 width"]]:
    """What the residual adds to the Hessian of a net, as `blocks` of `Columns.gram`: -X_i at (w_i, v_i), -E_i at
    (b_i, v_i)."""
    none = jnp.zeros_like(E)
    return jnp.stack([-X, -E, none]), jnp.stack([none, none, jnp.ones_like(E)])


def columns(
    point: ReLUNet | Spline, x: Float[Array, "data ..."], centre: Float[Array, "..."]
) -> Columns | LiftedColumns:
    """The columns of w, b, v of a net, or of beta, mu of a spline; lines (or planes) around `centre`."""
    check_kind(ReLUNet, Spline, net=point)
    if isinstance(point, ReLUNet) and not point.on_line:
        return LiftedColumns.of(point, x, centre)
    check_unbatched(x)
    match point:
        case ReLUNet(w=w, b=b, v=v):
            check_unbatched(w)
            slope = jnp.stack([v, jnp.zeros_like(v), w])
            level = jnp.stack([v * centre, v, b + w * centre])
            return Columns(slope, level, Ranks.of(w, b, x))
        case Spline(beta=beta, mu=mu):
            check_unbatched(mu)
            seen = (point.s != 0).astype(mu.dtype)
            unit = point.unit_net()
            slope = jnp.stack([jnp.zeros_like(mu), seen])
            level = jnp.stack([-mu, seen * (centre - beta)])
            return Columns(slope, level, Ranks.of(unit.w, unit.b, x))
