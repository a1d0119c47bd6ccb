"""The loss while a neuron turns in a plane of its parameters: between knots a trigonometric polynomial of degree 2.

With u^ = (w, b) / |(w, b)|, zeta a unit vector orthogonal to it, x~_n = (x_n, 1) and u = |u| (cos phi u^ + sin phi
zeta), the height at a datum is |u| (a_n cos phi + b_n sin phi), a_n = u^ . x~_n and b_n = zeta . x~_n: positive within
a right angle of phi_n = atan2(b_n, a_n). So there are two knots for each datum, and the loss on a piece is

    constant + 1/2 sum_{unseen} p_n r_n^2 + 1/2 sum_{seen} p_n (r_n - v |u| (a_n cos phi + b_n sin phi))^2

The last sum is written as squares, by taking r apart along a, along what b has beside a, and the rest. So nothing
cancels, however small the loss.

Theory: docs/theory.md 15.5.
"""

import math
from typing import Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from jspline._checks import Reals, as_like, check_choice, is_concrete, nan_is_an_answer
from jspline._programs import compiled
from jspline.charts import ReLUNet
from jspline.charts._lift import norm
from jspline.datasets import Dataset
from jspline.landscape._arguments import as_direction, as_index, heights_along, parameters_of, posed_any
from jspline.landscape._slices import Index, residual_without
from jspline.problem import Problem

AT_ONCE = 1024
"""Up to this many pieces are made at once, of data times pieces numbers; more by so many."""


class PiecewiseTrigonometric(eqx.Module):
    """A continuous function of an angle phi, a trigonometric polynomial of degree 2 between neighbouring knots.

    On piece k, from knot k - 1 to knot k, it is

        floor + first / 2 (along - slope (cos phi + lean sin phi))^2 + second / 2 (beside - slope sin phi)^2

    The first and the last piece are one, joined at phi = -pi.

    Attributes:
        knots: from -pi to pi, in increasing order, `(2 data,)`; infinite for data that are never met.
        floor, first, along, lean, second, beside: of each piece, `(2 data + 1,)`.
        slope: of all pieces, a scalar.
    """

    knots: Float[Array, " knots"]
    floor: Float[Array, " pieces"]
    first: Float[Array, " pieces"]
    along: Float[Array, " pieces"]
    lean: Float[Array, " pieces"]
    second: Float[Array, " pieces"]
    beside: Float[Array, " pieces"]
    slope: Float[Array, ""]

    def __call__(self, phi: Reals) -> Float[Array, "..."]:
        """The value at the angle `phi`, in radians, of any shape."""
        return _value(self, as_like(self.knots, phi=phi))

    def derivative(self, phi: Reals, side: Literal["left", "right"] = "right") -> Float[Array, "..."]:
        """The derivative at `phi` of any shape; on a knot, that from the left or from the right."""
        check_choice(choices=("left", "right"), side=side)
        return _derivative(self, as_like(self.knots, phi=phi), side)

    @property
    def coefficients(self) -> Float[Array, "5 pieces"]:
        """Those of 1, cos phi, sin phi, cos 2 phi and sin 2 phi. Where the loss is small their sum cancels."""
        first, second = self.first * self.slope**2 / 4, self.second * self.slope**2 / 4
        constant = self.first * self.along**2 / 2 + self.second * self.beside**2 / 2
        of_cos = -self.slope * self.first * self.along
        return jnp.stack(
            [
                self.floor + constant + first * (1 + self.lean**2) + second,
                of_cos,
                of_cos * self.lean - self.slope * self.second * self.beside,
                first * (1 - self.lean**2) - second,
                2 * first * self.lean,
            ]
        )


def _place(of: PiecewiseTrigonometric, phi: Array, side: str) -> tuple[Array, Array, Array]:
    """The piece, cos phi and sin phi."""
    turn = 2 * math.pi
    phi = phi - turn * jnp.round(phi / turn)
    phi = jnp.where(phi >= math.pi, phi - turn, phi)
    return jnp.searchsorted(of.knots, phi, side=side), jnp.cos(phi), jnp.sin(phi)


@compiled
def _value(of: PiecewiseTrigonometric, phi: Array) -> Array:
    k, cos, sin = _place(of, phi, "left")
    first = of.along[k] - of.slope * (cos + of.lean[k] * sin)
    return of.floor[k] + of.first[k] / 2 * first**2 + of.second[k] / 2 * (of.beside[k] - of.slope * sin) ** 2


@compiled
def _derivative(of: PiecewiseTrigonometric, phi: Array, side: str) -> Array:
    k, cos, sin = _place(of, phi, side)
    first = of.first[k] * (of.along[k] - of.slope * (cos + of.lean[k] * sin)) * (of.lean[k] * cos - sin)
    return -of.slope * (first + of.second[k] * (of.beside[k] - of.slope * sin) * cos)


def slice_rotation(net: ReLUNet, problem: Problem | Dataset, i: Index, towards: Reals) -> PiecewiseTrigonometric:
    """The loss as a function of the angle phi by which u = (w_i, b_i) is turned `towards` another direction.

    |u| stays, and phi = 0 is the net. What of `towards` is orthogonal to u spans the plane with it: at pi / 2 it is
    what u points along.

    Args:
        net: the net.
        problem: the data, or what is to be done with them.
        i: the place of the neuron.
        towards: of (w, b), `(inputs + 1,)`; of w alone, `(inputs,)`, in a problem without hidden biases.

    The knots are where the neuron meets a datum: two for each. O(N^2) in time. Derivatives in the net and the data are
    NaN on pieces whose data span no plane with weights above 0.

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
    order = jnp.argsort(jax.lax.stop_gradient(knots))
    place = jnp.zeros_like(order).at[order].set(jnp.arange(order.size, dtype=order.dtype))
    first, last = place[: data.size], place[data.size :]

    def piece(k: Array) -> dict[str, Array]:
        inside = (first < k) & (k <= last)
        around = (first < k) | (k <= last)
        return _squares(data.weight, r, a, b, met & jnp.where(first < last, inside, around))

    pieces = jnp.arange(order.size + 1, dtype=order.dtype)
    some = pieces.size > AT_ONCE
    parts = jax.lax.map(piece, pieces, batch_size=AT_ONCE // 8) if some else jax.vmap(piece)(pieces)
    floor = data.constant + parts.pop("floor") + 0 * slope
    return PiecewiseTrigonometric(knots=knots[order], floor=floor, slope=slope, **parts)


def _squares(
    p: Float[Array, " data"],
    r: Float[Array, " data"],
    a: Float[Array, " data"],
    b: Float[Array, " data"],
    seen: Bool[Array, " data"],
) -> dict[str, Float[Array, ""]]:
    """What is known of a piece: r by least squares in a, then in what b has beside a."""
    weight = jnp.where(seen, p, 0)

    def share(values: Array, of: Array) -> tuple[Array, Array]:
        size = jnp.sum(weight * of**2)
        # Where nothing is left to project on, derivatives have nothing to go by: the root makes them NaN.
        undecided = 0 * jnp.sqrt(jnp.where((size > 0) | ~jnp.any(seen), 1, size))
        return jnp.where(size > 0, jnp.sum(weight * of * values) / jnp.where(size > 0, size, 1), undecided), size

    lean, first = share(b, a)
    b = b - lean * a
    again, _ = share(b, a)  # of orthogonality that rounding has cost
    lean, b = lean + again, b - again * a
    along, _ = share(r, a)
    rest = r - along * a
    beside, second = share(rest, b)
    floor = jnp.sum(weight * (rest - beside * b) ** 2) + jnp.sum(jnp.where(seen, 0, p * r**2))
    names = ("floor", "first", "along", "lean", "second", "beside")
    return dict(zip(names, (floor / 2, first, along, lean, second, beside), strict=True))
