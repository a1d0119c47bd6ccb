"""Inputs in as few dimensions as the data span."""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jspline._checks import Reals, as_floats, check_finite, check_kind, on_host
from jspline.charts import ReLUNet


class Reduced(NamedTuple):
    """What `reduce_inputs` gives.

    Attributes:
        x: the inputs in the basis, `(data, rank)`.
        basis: orthonormal columns that span the data, `(inputs, rank)`; of lifted data `(inputs + 1, rank)`, the bias
            last.
        lifted: whether x are coordinates of (x, 1), for nets without hidden biases.
    """

    x: Float[Array, "data rank"]
    basis: Float[Array, "_ rank"]
    lifted: bool

    def net(self, net: ReLUNet) -> ReLUNet:
        """The net of the reduced inputs that computes the same at the data; lifted, its biases are 0.

        Raises `ValueError` for a net of other inputs.
        """
        u = self._rows(net)
        b = jnp.zeros_like(net.b) if self.lifted else net.b
        return ReLUNet(jnp.matmul(u, self.basis, precision="highest"), b, net.v, net.b0)

    def restore(self, reduced: ReLUNet, start: ReLUNet) -> ReLUNet:
        """The net of the inputs as they were, where training has led from `self.net(start)` to `reduced`: what the
        data do not see of `start` has not moved. Raises `ValueError` for nets of other inputs or widths."""
        u, before = self._rows(start), self.net(start)
        if reduced.w.shape != before.w.shape:
            raise ValueError(f"`reduced` must have w of shape {before.w.shape}; got {reduced.w.shape}.")
        u = u + jnp.matmul(reduced.w - before.w, self.basis.T, precision="highest")
        if self.lifted:
            return ReLUNet(u[:, :-1], u[:, -1], reduced.v, reduced.b0)
        return ReLUNet(u, reduced.b, reduced.v, reduced.b0)

    def _rows(self, net: ReLUNet) -> Array:
        check_kind(ReLUNet, net=net)
        inputs = len(self.basis) - self.lifted
        if net.on_line or net.inputs != inputs:
            raise ValueError(f"`net` must have w of shape (width, {inputs}); got {net.w.shape}.")
        return jnp.concatenate([net.w, net.b[:, None]], axis=1) if self.lifted else net.w


@on_host
def reduce_inputs(x: Reals, *, lifted: bool = True) -> Reduced:
    """The inputs in an orthonormal basis of what they span: an isometry, so that training goes the same way.

    A neuron meets data through u . (x, 1) with u = (w, b), and gradient descent moves u by sums of (x_n, 1). So
    nothing sees or moves what is orthogonal to all of them, and what is left has at most as many dimensions as there
    are data. (Weight decay does shrink it.)

    Args:
        x: inputs, `(data, inputs)`, concrete: the rank sets a shape.
        lifted: reduce (x, 1), for nets without hidden biases, `Problem(..., biases=False)`, whose w is then all of u.
            Without, reduce x alone: for nets that keep their biases, or have none.

    Singular values up to max(data, inputs) eps of the largest count as 0. Raises `ValueError` when x is no such
    matrix, holds NaN or infinity, is traced, or (not lifted) is 0 everywhere.
    """
    (points,) = as_floats(x=x)
    if points.ndim != 2 or 0 in points.shape:
        raise ValueError(f"`x` must have a row for each datum and a column for each input; got shape {points.shape}.")
    check_finite(x=points)
    rows = np.asarray(points)
    rows = np.append(rows, np.ones_like(rows[:, :1]), axis=1) if lifted else rows
    _, sizes, directions = np.linalg.svd(rows, full_matrices=False)
    rank = int(np.sum(sizes > max(rows.shape) * np.finfo(rows.dtype).eps * sizes[0]))
    if rank == 0:
        raise ValueError("`x` must not be 0 everywhere.")
    basis = directions[:rank].T
    return Reduced(jnp.asarray(rows @ basis), jnp.asarray(basis), bool(lifted))
