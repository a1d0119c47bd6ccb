"""The pieces that the breakpoints cut the line into, and which datum lies in which.

Theory: docs/theory.md 4.1.
"""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from jspline._programs import compiled
from jspline.activation import Ranks
from jspline.charts import ReLUNet, Spline
from jspline.datasets import Dataset
from jspline.landscape._arguments import posed_finite
from jspline.problem import Problem


class Pieces(eqx.Module):
    """Piece k is the interval between breakpoints k - 1 and k, in increasing order; the outer two are unbounded.

    Coinciding breakpoints have pieces of no width between them. Neurons without a breakpoint (`net.degenerate()`) come
    last, with an edge at infinity, and no datum lies beyond.

    Attributes:
        edges: the breakpoints, in increasing order, `(width,)`.
        first, last: the piece of each datum, `(data,)`. They differ for a datum on a breakpoint, which belongs to
            both neighbours and to those of no width between them.
        count: the number of data strictly inside each piece, `(width + 1,)`.
        shared: how many data lie on a breakpoint, a scalar.
    """

    edges: Float[Array, " width"]
    first: Int[Array, " data"]
    last: Int[Array, " data"]
    count: Int[Array, " pieces"]
    shared: Int[Array, ""]

    @property
    def on_breakpoint(self) -> Bool[Array, " data"]:
        """Which data lie on a breakpoint."""
        return self.first != self.last


def pieces(net: ReLUNet | Spline, problem: Problem | Dataset) -> Pieces:
    """Which piece each datum lies in. O((N + H) log(N + H)), with the very comparison that defines activation.

    So a breakpoint that was put on a datum is on it, whatever the rounding of -b / w.
    """
    return _find(*posed_finite(net, problem))


@compiled
def _find(net: ReLUNet, data: Dataset) -> Pieces:
    lost = net.degenerate()
    edges = jnp.sort(jnp.where(lost, jnp.inf, -net.b / jnp.where(lost, 1, net.w)))
    before, behind = data_before(net, data)
    # Where the data before (or up to) a breakpoint end, the data behind it begin.
    weight = jnp.where(lost, 0, 1).astype(jnp.int32)
    bins = jnp.zeros(data.size + 1, jnp.int32)
    last, first = (jnp.cumsum(bins.at[k].add(weight), dtype=jnp.int32)[: data.size] for k in (before, behind))
    strictly = jnp.where(first == last, 1, 0).astype(jnp.int32)
    count = jnp.zeros(net.width + 1, jnp.int32).at[first].add(strictly)
    return Pieces(edges, first, last, count, data.size - jnp.sum(strictly, dtype=jnp.int32))


def data_before(net: ReLUNet, data: Dataset) -> tuple[Int[Array, " width"], Int[Array, " width"]]:
    """How many data lie before each breakpoint, and how many before it or on it. Without meaning for w = 0."""
    one, mirrored = Ranks.of(net.w, net.b, data.x).rank, Ranks.of(-net.w, -net.b, data.x).rank
    return jnp.minimum(one, mirrored), jnp.maximum(one, mirrored)
