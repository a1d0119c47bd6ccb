"""The loss while a neuron moves along a straight line, for any number of inputs: a parabola between knots.

With u = (w, b), x~_n = (x_n, 1) and r_n the residual without the neuron, u + t d has the height z_n + kappa_n t at a
datum, kappa_n = d . x~_n. It sees the data with kappa > 0 from their knot -z_n / kappa_n on, and those with kappa < 0
up to theirs. What a datum adds while it is seen, 1/2 p_n (r_n - v z_n - v kappa_n t)^2, is a parabola of weight
p_n kappa_n^2 in place of the p_n of a breakpoint's slice, and sums of parabolas are merged in the same way.

Theory: docs/theory.md 15.5.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jspline._checks import Reals, nan_is_an_answer
from jspline._programs import compiled
from jspline._scale import unit_of
from jspline.charts import ReLUNet
from jspline.datasets import Dataset
from jspline.landscape._arguments import as_direction, as_index, heights_along, heights_slack, parameters_of, posed_any
from jspline.landscape._slices import Group, Index, PiecewiseQuadratic, residual_without, together
from jspline.problem import Problem


def slice_line(net: ReLUNet, problem: Problem | Dataset, i: Index, direction: Reals) -> PiecewiseQuadratic:
    """The loss as a function of t while (w_i, b_i) is moved by t `direction`; t = 0 is the net. Any number of inputs.

    Args:
        net: the net.
        problem: the data, or what is to be done with them.
        i: the place of the neuron.
        direction: of (w, b), `(inputs + 1,)`; of w alone, `(inputs,)`, in a problem without hidden biases.

    The knots are where the neuron meets a datum; infinite, and last, for data that it never meets. O(N log N + N H D).
    A rate kappa of at most 4 (inputs + 2) rounding units of the sum of the sizes of its terms counts as 0. Derivatives
    are NaN of neighbouring weights of 0, and in data and direction where some kappa is 0.

    Raises:
        ValueError: when i is out of range, or `direction` has another shape, or (known) is not finite.
        TypeError: when i is not a whole number, or net and data differ in dtype.

    Theory: docs/theory.md 15.5.
    """
    net, problem = posed_any(net, problem)
    i = as_index(i, net.width, "i", "neuron")
    with nan_is_an_answer():
        return _along(net, problem.data, i, as_direction("direction", direction, net, problem.biases))


@compiled
def _along(net: ReLUNet, data: Dataset, i: Array, direction: Array) -> PiecewiseQuadratic:
    z, kappa = heights_along(parameters_of(net, i), data), heights_along(direction, data)
    # What is 0 up to rounding may be 0 in one place of a program and not in another.
    kappa = jnp.where(jnp.abs(kappa) > heights_slack(direction, data), kappa, 0)
    return along(data, residual_without(net, data, i), net.v[i], z, kappa, jnp.zeros_like(z[0]))


def along(
    data: Dataset,
    r: Float[Array, " data"],
    v: Float[Array, ""],
    z: Float[Array, " data"],
    kappa: Float[Array, " data"],
    origin: Float[Array, ""],
    knots: Float[Array, " data"] | None = None,
) -> PiecewiseQuadratic:
    """The slice of a neuron v relu(z + kappa (t - origin)).

    Args:
        data: of which weights and constant are used.
        r: the residual without the neuron.
        v, z, kappa: its output weight, heights and their rates.
        origin: where t is counted from.
        knots: origin - z / kappa, if the caller knows them better.
    """
    p, unit = data.weight, unit_of(kappa, jnp.zeros_like(origin))
    rate = kappa / unit
    moves = jnp.abs(rate) > jnp.finfo(rate.dtype).tiny ** 0.4  # or squares and quotients leave the range
    safe = jnp.where(moves, rate, 1)
    rest = r - v * z
    knots = jnp.where(moves, origin - z / (safe * unit) if knots is None else knots, jnp.inf)
    order = jnp.argsort(jax.lax.stop_gradient(knots))
    comes, goes = ((moves & side)[order] for side in (rate > 0, rate < 0))
    weight, offset, unseen = (part[order] for part in (p * rate**2, rest / safe, p * r**2))

    def merged(there: Array, reverse: bool) -> Group:
        group = jnp.where(there, weight, 0), jnp.where(there, offset, 0), jnp.zeros_like(offset), there
        sums = jax.lax.associative_scan(together, group, reverse=reverse)
        p, mean, scatter, some = (jnp.pad(part, (0, 1) if reverse else (1, 0)) for part in sums)
        return p, mean, scatter, some

    total, mean, scatter, _ = together(merged(comes, False), merged(goes, True))
    before = jnp.pad(jnp.cumsum(jnp.where(goes, unseen, 0)), (1, 0))
    behind = jnp.pad(jnp.cumsum(jnp.where(comes, unseen, 0)[::-1])[::-1], (0, 1))
    # Of what does not move no derivative of kappa is known: the root makes it NaN.
    nothing = 0 * jnp.sqrt(jnp.where(moves, 1, rate**2))
    still = jnp.sum(jnp.where(moves, 0, p * jnp.where(z > 0, rest, r) ** 2) + nothing)
    floor = data.constant + (before + behind + scatter + still) / 2 + 0 * v
    return PiecewiseQuadratic(knots[order], floor, total, mean, -v * unit, origin)
