"""One-dimensional slices of the loss: continuous, quadratic between the data, known exactly (theorem 3).

Move the breakpoint beta of one neuron and keep everything else. With r_n the residual without that neuron, a datum it
sees has the residual r_n - mu (x_n - beta), another one r_n. So between two data

    L(beta) = constant + 1/2 sum_{unseen} p_n r_n^2 + 1/2 sum_{seen} p_n (t_n + mu beta)^2,     t_n = r_n - mu x_n

and with P, g and Q the sum of weights of the seen data, the mean and the scatter of their t_n, the last sum is
Q + P (g + mu beta)^2. All terms are positive: nothing cancels, however small the loss. (P, g, Q) of two groups of data
give those of both, so all pieces together cost O(N).

Theory: docs/theory.md 3.1.
"""

from typing import Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from jspline._checks import Reals, as_like, check_choice, nan_is_an_answer
from jspline._programs import compiled
from jspline.activation import Ranks
from jspline.charts import ReLUNet, Spline
from jspline.datasets import Dataset
from jspline.landscape._arguments import as_index, check_breakpoint, posed
from jspline.objective import predict
from jspline.problem import Problem

Index = int | np.integer | Int[Array, ""]


class PiecewiseQuadratic(eqx.Module):
    """A continuous function of t, a parabola between neighbouring knots.

    On piece k, from knot k - 1 to knot k, it is floor_k + weight_k / 2 (offset_k + slope (t - origin))^2. Equal knots
    have pieces of no width between them.

    Attributes:
        knots: in increasing order, `(data,)`.
        floor, weight, offset: of each piece, `(data + 1,)`.
        slope, origin: of all pieces, scalars.
    """

    knots: Float[Array, " data"]
    floor: Float[Array, " pieces"]
    weight: Float[Array, " pieces"]
    offset: Float[Array, " pieces"]
    slope: Float[Array, ""]
    origin: Float[Array, ""]

    def __call__(self, t: Reals) -> Float[Array, "..."]:
        """The value at `t` of any shape."""
        return _value(self, as_like(self.knots, t=t))

    def derivative(self, t: Reals, side: Literal["left", "right"] = "right") -> Float[Array, "..."]:
        """The derivative at `t` of any shape; on a knot, that from the left or from the right."""
        check_choice(choices=("left", "right"), side=side)
        return _derivative(self, as_like(self.knots, t=t), side)

    @property
    def curvature(self) -> Float[Array, " pieces"]:
        """The second derivative on each piece: 0 or positive."""
        return self.weight * self.slope**2

    @property
    def minimiser(self) -> Float[Array, " pieces"]:
        """Where the parabola of each piece is least, inside the piece or not; NaN where it is flat."""
        flat = (self.weight == 0) | (self.slope == 0)
        with nan_is_an_answer():
            return jnp.where(flat, jnp.nan, self.origin - self.offset / jnp.where(flat, 1, self.slope))

    def stretched(self, factor: Float[Array, ""], slope: Float[Array, ""]) -> "PiecewiseQuadratic":
        """The function of u = factor t. `slope` is slope / factor, which the caller may know better, and for 0."""
        turns = factor <= 0

        def turned(values: Array) -> Array:
            return jnp.where(turns, values[::-1], values)

        return PiecewiseQuadratic(
            knots=turned(factor * self.knots),
            floor=turned(self.floor),
            weight=turned(self.weight),
            offset=turned(self.offset),
            slope=slope,
            origin=factor * self.origin,
        )


@compiled
def _value(of: PiecewiseQuadratic, t: Array) -> Array:
    piece = jnp.searchsorted(of.knots, t)
    return of.floor[piece] + of.weight[piece] / 2 * _bias(of, piece, t) ** 2


@compiled
def _derivative(of: PiecewiseQuadratic, t: Array, side: str) -> Array:
    piece = jnp.searchsorted(of.knots, t, side=side)
    return of.slope * of.weight[piece] * _bias(of, piece, t)


def _bias(of: PiecewiseQuadratic, piece: Array, t: Array) -> Array:
    return of.offset[piece] + of.slope * (t - of.origin)


class ScaleSlice(eqx.Module):
    """The loss while w moves along the hyperbola w v = mu with b fixed.

    Attributes:
        in_breakpoint: the loss as a function of beta = -b / w.
        b: the bias, a scalar.
        sign: that of w, which cannot change: w = 0 is infinitely far along the hyperbola. A scalar.
    """

    in_breakpoint: PiecewiseQuadratic
    b: Float[Array, ""]
    sign: Float[Array, ""]

    def breakpoint(self, w: Reals) -> Float[Array, "..."]:
        """beta = -b / w; NaN for a w on the other branch, or 0."""
        with nan_is_an_answer():
            return _breakpoint(self, as_like(self.b, w=w))

    def __call__(self, w: Reals) -> Float[Array, "..."]:
        """The loss at `w` of any shape; NaN for a w on the other branch, or 0."""
        with nan_is_an_answer():
            return _value_at_scale(self, as_like(self.b, w=w))


@compiled
def _breakpoint(of: ScaleSlice, w: Array) -> Array:
    there = w * of.sign > 0
    return jnp.where(there, -of.b / jnp.where(there, w, 1), jnp.nan)


@compiled
def _value_at_scale(of: ScaleSlice, w: Array) -> Array:
    beta = _breakpoint(of, w)
    lost = jnp.isnan(beta)
    return jnp.where(lost, jnp.nan, of.in_breakpoint(jnp.where(lost, 0, beta)))


def slice_breakpoint(net: ReLUNet | Spline, problem: Problem | Dataset, i: Index) -> PiecewiseQuadratic:
    """The loss as a function of the breakpoint of neuron i, everything else (its mu and s, all others) fixed.

    Theorem 3. The knots are the data; the constant of the loss is in it. O(N + H) after the search for ranks, under
    `jax.vmap` over i too. The second derivative on a piece is mu^2 times the weight of the data seen there. Of
    neighbouring weights of 0 the derivatives are NaN.

    Raises:
        ValueError: when i is out of range, or neuron i has w = 0 (traced: NaN).
        TypeError: when i is not a whole number, or net and data differ in dtype.
    """
    net, data = posed(net, problem)
    i = as_index(i, net.width, "i", "neuron")
    check_breakpoint(net, i)
    with nan_is_an_answer():
        return _in_breakpoint(net, data, i)


@compiled
def _in_breakpoint(net: ReLUNet, data: Dataset, i: Array) -> PiecewiseQuadratic:
    return _slice(net, data, i, jnp.where(net.w[i] == 0, jnp.nan, net.w[i] * net.v[i]))


def slice_bias(net: ReLUNet, problem: Problem | Dataset, i: Index) -> PiecewiseQuadratic:
    """The loss as a function of b_i, everything else fixed (corollary 2): knots at -w x_n.

    It is the slice in the breakpoint, stretched by -w. With w = 0 all knots are at 0. Raises as `slice_breakpoint`.
    """
    net, data = posed(net, problem)
    i = as_index(i, net.width, "i", "neuron")
    return _in_bias(net, data, i)


@compiled
def _in_bias(net: ReLUNet, data: Dataset, i: Array) -> PiecewiseQuadratic:
    w, v = net.w[i], net.v[i]
    return _slice(net, data, i, w * v).stretched(-w, -v)


def slice_scale(net: ReLUNet, problem: Problem | Dataset, i: Index) -> ScaleSlice:
    """The loss as w_i moves along the hyperbola w_i v_i = mu_i with b_i fixed, so that beta = -b / w moves.

    Raises as `slice_breakpoint`.
    """
    inside = slice_breakpoint(net, problem, i)
    return ScaleSlice(inside, net.b[i], jnp.sign(net.w[i]))


def residual_without(net: ReLUNet, data: Dataset, i: Array) -> Float[Array, " data"]:
    """y - f without neuron i; formed without subtracting it again."""
    others = eqx.tree_at(lambda n: n.v, net, net.v.at[i].set(0))
    return data.y - predict(others, data)


def _slice(net: ReLUNet, data: Dataset, i: Array, mu: Array) -> PiecewiseQuadratic:
    r, p, origin = residual_without(net, data, i), data.weight, data.middle
    right = ~(net.w[i] < 0)
    t = r - mu * (data.x - origin)
    # What a neuron far to the inactive side sees first comes first.
    first_seen = [jnp.where(right, values[::-1], values) for values in (p, t, jnp.zeros_like(t))]
    seen = jax.lax.associative_scan(_together, tuple(first_seen))
    pieces = [jnp.pad(values, (1, 0)) for values in seen]
    weight, mean, scatter = (jnp.where(right, values[::-1], values) for values in pieces)
    places = jnp.arange(data.size + 1, dtype=jnp.int32)
    (unseen,) = Ranks(places, jnp.broadcast_to(~right, places.shape), data.size).over_data((p * r**2)[None])
    # mu = NaN has to show where nothing is seen, too.
    floor = data.constant + (unseen + scatter) / 2 + 0 * mu
    return PiecewiseQuadratic(data.x, floor, weight, mean, mu, origin)


def _together(one: tuple[Array, Array, Array], other: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
    """Weight, mean and scatter of two groups taken together (Chan, Golub and LeVeque, 1983)."""
    there = jnp.ones((), bool)
    return together((*one, there), (*other, there))[:3]


Group = tuple[Array, Array, Array, Array]


def together(one: Group, other: Group) -> Group:
    """The same of groups that may be empty: the last entry is whether anything is in them."""
    (p1, m1, q1, some1), (p2, m2, q2, some2) = one, other
    p = p1 + p2
    # Of two weights of 0 there is no mean that their derivatives could go by: the root makes these NaN.
    undecided = 0 * jnp.sqrt(jnp.where((p > 0) | ~(some1 & some2), 1, p2))
    share = jnp.where(p > 0, p2 / jnp.where(p > 0, p, 1), jnp.where(some1, undecided, 1))
    apart = m2 - m1
    return p, m1 + share * apart, q1 + q2 + p1 * share * apart**2, some1 | some2
