"""The drive of a breakpoint: where gradient flow would push one that were put at beta (section 2.5.2).

With e_n the weighted residual, psi_s(beta) = E + beta X, summed over the data on side s of beta, and a neuron there
moves by beta' = -(v / w) psi_s. Between data psi is linear. At a datum it jumps by e_n (1 + x_n^2), since the
breakpoint loses or gains the datum. (The X - beta E of the kernel regime, which drives mu, is continuous there.)

Theory: docs/theory.md 3.3.
"""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jspline._checks import Reals, as_like, nan_is_an_answer
from jspline._programs import compiled
from jspline.activation import Ranks
from jspline.charts import ReLUNet, Spline
from jspline.datasets import Dataset
from jspline.landscape._arguments import posed, same_x
from jspline.objective import predict
from jspline.problem import Problem


class Drive(NamedTuple):
    """The drive of right-facing and of left-facing breakpoints, and its derivative in beta, of the shape of beta.

    The two drives add up to E_0 + beta X_0 over all data, affine in beta (the print has a constant); on a datum, less
    its own e_n (1 + x_n^2).
    """

    right: Float[Array, "..."]
    left: Float[Array, "..."]
    right_slope: Float[Array, "..."]
    left_slope: Float[Array, "..."]


class Zeros(NamedTuple):
    """Where the drives change sign.

    Attributes:
        right, left: the zero inside each interval between data, with the two unbounded ones, or NaN, `(data + 1,)`.
        right_jump, left_jump: 1 where the drive jumps from below 0 to above 0 at a datum (left to right), -1 where it
            jumps down, 0 where its sign stays, `(data,)`.
    """

    right: Float[Array, " intervals"]
    left: Float[Array, " intervals"]
    right_jump: Int[Array, " data"]
    left_jump: Int[Array, " data"]


def drive(net: ReLUNet | Spline, problem: Problem | Dataset, beta: Reals) -> Drive:
    """psi_+ and psi_- at beta of any shape, for the residual of the net as it stands.

    O((N + H + M) log N) for M values. A datum at beta itself is not counted. Along a flow it is
    `jax.vmap(lambda net: drive(net, data, beta))(sol.nets)`.
    """
    net, data = posed(net, problem)
    return _drive(net, data, as_like(data.x, beta=beta))


@compiled
def _drive(net: ReLUNet, data: Dataset, beta: Array) -> Drive:
    flat = beta.ravel()
    e = data.weight * (data.y - predict(net, data))
    E, X = _sums(e, data, jnp.searchsorted(data.x, flat, side="right"), True)
    E_left, X_left = _sums(e, data, jnp.searchsorted(data.x, flat), False)
    psi = E + flat * X, E_left + flat * X_left, X, X_left
    return Drive(*(value.reshape(beta.shape) for value in psi))


def drive_zeros(net: ReLUNet | Spline, problem: Problem | Dataset) -> Zeros:
    """All zero crossings of both drives: inside the intervals, where they are -E / X, and by jumps at the data.

    O((N + H) log N). Intervals where a drive is constant, or 0 throughout, have none.
    """
    with nan_is_an_answer():
        return _zeros(*posed(net, problem))


@compiled
def _zeros(net: ReLUNet, data: Dataset) -> Zeros:
    e, (first, behind) = data.weight * (data.y - predict(net, data)), same_x(data)
    infinity = jnp.full((1,), jnp.inf, data.x.dtype)
    begin, end = jnp.concatenate([-infinity, data.x]), jnp.concatenate([data.x, infinity])
    inside, jumps = [], []
    for right in (True, False):
        E, X = _sums(e, data, jnp.arange(data.size + 1), right)
        zero = jnp.where(X == 0, jnp.nan, -E / jnp.where(X == 0, 1, X))
        inside.append(jnp.where((begin < zero) & (zero < end), zero, jnp.nan))
        before, after = (jnp.sign(E[k] + data.x * X[k]) for k in (first, behind))
        jumps.append(jnp.where(before * after < 0, after, 0).astype(jnp.int32))
    return Zeros(*inside, *jumps)


def _sums(e: Array, data: Dataset, rank: Array, right: bool) -> tuple[Array, Array]:
    """E and X over the data from each rank on, or before it."""
    origin = data.middle
    ranked = Ranks(rank.astype(jnp.int32), jnp.full(rank.shape, right), data.size)
    E, X = ranked.over_data(jnp.stack([e, e * (data.x - origin)]))
    return E, X + origin * E
