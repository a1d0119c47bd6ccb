"""The loss while a neuron turns in a plane of its parameters: between knots a trigonometric polynomial of degree 2.

With u^ = (w, b) / |(w, b)|, zeta a unit vector orthogonal to it, x~_n = (x_n, 1) and u = |u| (cos phi u^ + sin phi
zeta), the height at a datum is |u| (a_n cos phi + b_n sin phi), a_n = u^ . x~_n and b_n = zeta . x~_n: positive within
a right angle of phi_n = atan2(b_n, a_n). So there are two knots for each datum, and the loss on a piece is

    constant + 1/2 sum_{unseen} p_n r_n^2 + 1/2 sum_{seen} p_n (r_n - v |u| (a_n cos phi + b_n sin phi))^2

As such it is evaluated, datum by datum, and nothing cancels, however small the loss. Coefficients are given besides.

Theory: docs/theory.md 15.5.
"""

import math
from typing import Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from jspline._checks import Reals, as_like, check_choice, is_concrete, nan_is_an_answer
from jspline._programs import compiled
from jspline.charts import ReLUNet
from jspline.charts._lift import norm
from jspline.datasets import Dataset
from jspline.landscape._arguments import as_direction, as_index, heights_along, parameters_of, posed_any
from jspline.landscape._slices import Index, residual_without
from jspline.problem import Problem


class PiecewiseTrigonometric(eqx.Module):
    """A continuous function of an angle phi, a trigonometric polynomial of degree 2 between neighbouring knots:

        constant + 1/2 sum_n weight_n (rest_n - slope (cosine_n cos phi + sine_n sin phi)_+)^2

    The first and the last piece are one, joined at phi = -pi.

    Attributes:
        knots: from -pi to pi, in increasing order, `(2 data,)`; infinite for data that are never met.
        enters, leaves: places of the knots between which a datum is seen, `(data,)`; over phi = pi if they decrease.
        weight, rest, cosine, sine: of each datum, `(data,)`.
        slope, constant: scalars.
    """

    knots: Float[Array, " knots"]
    enters: Int[Array, " data"]
    leaves: Int[Array, " data"]
    weight: Float[Array, " data"]
    rest: Float[Array, " data"]
    cosine: Float[Array, " data"]
    sine: Float[Array, " data"]
    slope: Float[Array, ""]
    constant: Float[Array, ""]

    def __call__(self, phi: Reals) -> Float[Array, "..."]:
        """The value at the angle `phi`, in radians, of any shape; O(N) each."""
        return _value(self, as_like(self.knots, phi=phi))

    def derivative(self, phi: Reals, side: Literal["left", "right"] = "right") -> Float[Array, "..."]:
        """The derivative at `phi` of any shape; on a knot, that from the left or from the right."""
        check_choice(choices=("left", "right"), side=side)
        return _derivative(self, as_like(self.knots, phi=phi), side)

    @property
    def coefficients(self) -> Float[Array, "5 pieces"]:
        """Those of 1, cos phi, sin phi, cos 2 phi and sin 2 phi on each piece, from knot k - 1 to knot k; O(N^2).

        Where the loss is small, their sum cancels: the function itself does not.
        """
        return _coefficients(self)

    def _seen(self, piece: Int[Array, "..."]) -> Bool[Array, "... data"]:
        begun, not_over = self.enters < piece[..., None], piece[..., None] <= self.leaves
        seen = jnp.where(self.enters < self.leaves, begun & not_over, begun | not_over)
        return seen & ((self.cosine != 0) | (self.sine != 0))


@compiled
def _value(of: PiecewiseTrigonometric, phi: Array) -> Array:
    def at(phi: Array) -> Array:
        height = jax.nn.relu(of.cosine * jnp.cos(phi) + of.sine * jnp.sin(phi))
        return of.constant + jnp.sum(of.weight * (of.rest - of.slope * height) ** 2) / 2

    return jax.vmap(at)(phi.ravel()).reshape(phi.shape)


@compiled
def _derivative(of: PiecewiseTrigonometric, phi: Array, side: str) -> Array:
    def at(phi: Array) -> Array:
        turn = 2 * math.pi
        place = phi - turn * jnp.round(phi / turn)
        seen = of._seen(jnp.searchsorted(of.knots, jnp.where(place >= math.pi, place - turn, place), side=side))
        cos, sin = jnp.cos(phi), jnp.sin(phi)
        rest = of.rest - of.slope * (of.cosine * cos + of.sine * sin)
        return -of.slope * jnp.sum(jnp.where(seen, of.weight * rest * (of.sine * cos - of.cosine * sin), 0))

    return jax.vmap(at)(phi.ravel()).reshape(phi.shape)


@compiled
def _coefficients(of: PiecewiseTrigonometric) -> Array:
    p, a, b = of.weight, of.slope * of.cosine, of.slope * of.sine
    terms = [a**2 + b**2, -4 * of.rest * a, -4 * of.rest * b, a**2 - b**2, 2 * a * b]
    seen = jax.vmap(of._seen)(jnp.arange(of.knots.size + 1, dtype=of.enters.dtype)).astype(p.dtype)
    sums = jnp.matmul(jnp.stack(terms) * p[None] / 4, seen.T, precision="highest")
    return sums.at[0].add(of.constant + jnp.sum(p * of.rest**2) / 2)


def slice_rotation(net: ReLUNet, problem: Problem | Dataset, i: Index, towards: Reals) -> PiecewiseTrigonometric:
    """The loss as a function of the angle phi by which u = (w_i, b_i) is turned `towards` another direction.

    |u| stays, and phi = 0 is the net. What of `towards` is orthogonal to u spans the plane with it: at pi / 2 it is
    what u points along.

    Args:
        net: the net.
        problem: the data, or what is to be done with them.
        i: the place of the neuron.
        towards: of (w, b), `(inputs + 1,)`; of w alone, `(inputs,)`, in a problem without hidden biases.

    The knots are where the neuron meets a datum: two for each. O(N log N + N H D).

    Raises:
        ValueError: when i is out of range, `towards` has another shape, or (known; traced: NaN) is parallel to u up to
            rounding, or u = 0.
        TypeError: when i is not a whole number, or net and data differ in dtype.

    Theory: docs/theory.md 15.5.
    """
    net, problem = posed_any(net, problem)
    i = as_index(i, net.width, "i", "neuron")
    direction = as_direction("towards", towards, net, problem.biases)
    with nan_is_an_answer():
        plane = _plane(parameters_of(net, i), direction)
        if is_concrete(plane) and np.any(np.isnan(np.asarray(plane[1:]))):
            raise ValueError("`towards` must span a plane with (w, b) of the neuron: neither may be 0, nor parallel.")
        return _turning(net, problem.data, i, *plane)


@compiled
def _plane(u: Array, towards: Array) -> tuple[Array, Array, Array]:
    """|u|, u^ and zeta; NaN where there is no plane."""
    size = norm(u[None])[0]
    ahead = u / jnp.where(size > 0, size, jnp.nan)
    reach = norm(towards[None])[0]
    zeta = towards / jnp.where(reach > 0, reach, jnp.nan)
    for _ in range(2):  # once is not enough where little is left
        zeta = zeta - jnp.sum(ahead * zeta) * ahead
    left = norm(zeta[None])[0]
    return size, ahead, zeta / jnp.where(left > 8 * jnp.finfo(u.dtype).eps, left, jnp.nan)


@compiled
def _turning(net: ReLUNet, data: Dataset, i: Array, size: Array, ahead: Array, zeta: Array) -> PiecewiseTrigonometric:
    r, slope = residual_without(net, data, i), net.v[i] * size
    a, b = heights_along(ahead, data), heights_along(zeta, data)
    met = (a != 0) | (b != 0)
    angle = jnp.arctan2(b, jnp.where(met, a, 1))
    quarter = math.pi / 2
    enters = jnp.where(angle - quarter < -math.pi, angle + 3 * quarter, angle - quarter)
    leaves = jnp.where(angle + quarter >= math.pi, angle - 3 * quarter, angle + quarter)
    knots = jnp.where(jnp.tile(met, 2), jnp.concatenate([enters, leaves]), jnp.inf)
    order = jnp.argsort(jax.lax.stop_gradient(knots)).astype(jnp.int32)
    place = jnp.zeros_like(order).at[order].set(jnp.arange(order.size, dtype=order.dtype))
    return PiecewiseTrigonometric(
        knots=knots[order],
        enters=place[: data.size],
        leaves=place[data.size :],
        weight=data.weight,
        rest=r,
        cosine=a,
        sine=b,
        slope=slope,
        constant=data.constant,
    )
