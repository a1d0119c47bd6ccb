"""The Jacobian of a net of several inputs at the data: planes in x on the data that their neuron sees.

With the lifted datum x~ = (x, 1) and u = (w, b), the columns of neuron i are v_i x~_n and u_i . x~_n. Their products,
summed over the data, are products of matrices; products of two rows, summed over the neurons, are those of two masks,
times x~_n . x~_m.

Theory: docs/theory.md 15.3.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jspline.activation._space import Mask, _matmul
from jspline.charts import ReLUNet

BLOCK = 2048
"""Data whose columns are written out at once."""


class LiftedColumns(eqx.Module):
    """The columns of w (neuron by neuron, its inputs together), b and v, as functions of z = x - centre.

    Attributes:
        w: `(width, inputs)`.
        b: the biases of the same neurons around the centre, b + w . centre, `(width,)`.
        v: `(width,)`.
        centre: `(inputs,)`.
        active: which data each neuron sees.
        biases: whether b is a parameter.
    """

    w: Float[Array, "width inputs"]
    b: Float[Array, " width"]
    v: Float[Array, " width"]
    centre: Float[Array, " inputs"]
    active: Mask
    biases: bool = eqx.field(default=True, static=True)

    @classmethod
    def of(cls, net: ReLUNet, x: Float[Array, "data inputs"], centre: Float[Array, " inputs"]) -> "LiftedColumns":
        """Those of a net at the data x."""
        offset = net.b + jnp.matmul(net.w, centre, precision="highest")
        return cls(net.w, offset, net.v, centre, Mask.of(net.w, net.b, x))

    def without_biases(self) -> "LiftedColumns":
        """Those of the net whose b are no parameters."""
        return LiftedColumns(self.w, self.b, self.v, self.centre, self.active, False)

    def dense(self, z: Float[Array, "data inputs"]) -> Float[Array, "data params"]:
        """The columns themselves, N H (D + 2) numbers."""
        return self._dense(z, self.active.seen)

    def gram(
        self, z: Float[Array, "data inputs"], p: Float[Array, " data"], bias: float | Array
    ) -> Float[Array, "params params"]:
        """J^T diag(p) J, with the constant column `bias` as the last; O(N params^2), and blocks of data at a time.

        Args:
            z: x - centre.
            p: weights.
            bias: 1, or 0 for a last row and column of zeros.
        """

        def of(z: Array, p: Array, seen: Array) -> Array:
            J = jnp.pad(self._dense(z, seen), ((0, 0), (0, 1)), constant_values=bias)
            return _matmul((p[:, None] * J).T, J)

        count = (len(z) - 1) // BLOCK
        first, parts = len(z) - count * BLOCK, (z, p, self.active.seen)
        blocks = [jnp.reshape(part[first:], (count, BLOCK, *part.shape[1:])) for part in parts]
        start = of(*(part[:first] for part in parts))
        return jax.lax.scan(lambda sums, block: (sums + of(*block), None), start, blocks)[0]

    def kernel(
        self,
        z: Float[Array, "data inputs"],
        bias: float | Array,
        rows: Int[Array, " n"] | None = None,
        others: Int[Array, " m"] | None = None,
    ) -> Float[Array, "n m"]:
        """J J^T between data, O((n + m) H D + n m H): of all, or of those at the places `rows` and `others`.

        Args:
            z: x - centre.
            bias: 1, or 0 where b0 is no parameter.
            rows, others: places among the data; all of them by default.
        """
        everything = jnp.arange(len(z), dtype=jnp.int32)
        rows, others = everything if rows is None else rows, everything if others is None else others
        (common,) = self.active.between(self.v[None] ** 2, rows, others)
        x, height = z + self.centre[None], self._heights(z, self.active.seen)
        return (
            common * (_matmul(x[rows], x[others].T) + float(self.biases))
            + _matmul(height[rows], height[others].T)
            + bias
        )

    def diagonal(self, z: Float[Array, "data inputs"], p: Float[Array, " data"]) -> Float[Array, " neurons_params"]:
        """The diagonal of `gram`, without the last entry; O(N H D)."""
        squares = jnp.concatenate([(z + self.centre[None]) ** 2, jnp.ones_like(z[:, :1])], axis=1)
        sums = self.v[:, None] ** 2 * self.active.over_data(p[None] * squares.T).T
        of_v = jnp.sum(p[:, None] * self._heights(z, self.active.seen) ** 2, axis=0)
        return jnp.concatenate([sums[:, :-1].ravel(), *([sums[:, -1]] if self.biases else []), of_v])

    def _dense(self, z: Array, seen: Array) -> Array:
        slope = jnp.where(seen, self.v[None], 0)
        of_w = slope[:, :, None] * (z + self.centre[None])[:, None]
        of_b = [slope] if self.biases else []
        return jnp.concatenate([of_w.reshape(len(z), -1), *of_b, self._heights(z, seen)], axis=1)

    def _heights(self, z: Array, seen: Array) -> Array:
        """w . x + b on the data that a neuron sees, and 0."""
        return jnp.where(seen, _matmul(z, self.w.T) + self.b[None], 0)

    def coupled(
        self,
        matrix: Float[Array, "params params"],
        X: Float[Array, "width inputs"],
        E: Float[Array, " width"],
    ) -> Float[Array, "params params"]:
        """`gram` and what the residual adds to it in the Hessian: -X_i at (w_i, v_i), -E_i at (b_i, v_i)."""
        q = -jnp.concatenate([X.ravel(), E] if self.biases else [X.ravel()])
        neuron = jnp.arange(len(E))
        first = jnp.arange(len(q))
        second = len(q) + jnp.concatenate([jnp.repeat(neuron, X.shape[1]), neuron])[: len(q)]
        return matrix.at[first, second].add(q).at[second, first].add(q)
