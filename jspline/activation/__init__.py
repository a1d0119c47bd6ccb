"""Which data does a neuron see: the one idea that carries the package, in one room.

In one dimension a neuron is active on the data to the right of its breakpoint, or on those to the left. So once the
data are sorted, its activation is a suffix or a prefix of them, and one number, its rank, says which. Summing over the
active data of every neuron, or over the active neurons at every datum, is then a running sum and a gather: O(N + H)
after an O(H log N) search (`Ranks`), where the matrix of activations has N H entries (`Mask`). Loss, gradient, Hessian,
neural tangent kernel and flow are such sums, and ask for them here.

With several inputs there is no order, and the matrix it is.

Both classes have the same methods. `Mask` is what method="dense" takes, too: the reference that `Ranks` is held to.

Theory: docs/theory.md 5.2.
"""

from typing import Literal, TypeAlias

from jaxtyping import Array, Float

from jspline.activation._active import heights, is_active
from jspline.activation._columns import Columns, columns, residual_blocks
from jspline.activation._lifted import LiftedColumns
from jspline.activation._line import Ranks
from jspline.activation._space import Mask

Activation: TypeAlias = Ranks | Mask
Method: TypeAlias = Literal["auto", "sorted", "dense"]

DENSE_LIMIT = 2000
"""Up to this many pairs (datum, neuron), "auto" is dense. Measured: see benchmarks/RESULTS.md."""


def activation(
    w: Float[Array, "width ..."], b: Float[Array, " width"], x: Float[Array, "data ..."], method: Method
) -> Activation:
    """Which of the data x the neurons (w, b) see: sorted data by ranks, or written out.

    Written out for "dense", for several inputs, and if `method` is "auto" for few data on the line, too. Raises
    `ValueError` for "sorted" and several inputs.
    """
    if x.ndim == 2 and method == "sorted":
        raise ValueError("Several inputs have no order to sort by: take method 'auto' or 'dense'.")
    dense = method == "dense" or x.ndim == 2 or (method == "auto" and x.size * w.size <= DENSE_LIMIT)
    return (Mask if dense else Ranks).of(w, b, x)


__all__ = [
    "DENSE_LIMIT",
    "Activation",
    "Columns",
    "LiftedColumns",
    "Mask",
    "Method",
    "Ranks",
    "activation",
    "columns",
    "heights",
    "is_active",
    "residual_blocks",
]
