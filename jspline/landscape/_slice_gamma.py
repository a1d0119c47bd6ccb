"""The loss while one breakplane is shifted: theorem 3 for any number of inputs.

Theory: docs/theory.md 15.5.
"""

import jax.numpy as jnp
from jaxtyping import Array

from jspline._checks import nan_is_an_answer
from jspline._programs import compiled
from jspline.charts import ReLUNet
from jspline.charts._lift import norm
from jspline.datasets import Dataset
from jspline.landscape._arguments import as_index, check_breakpoint, posed_any, rows
from jspline.landscape._slice_line import along
from jspline.landscape._slices import Index, PiecewiseQuadratic, residual_without
from jspline.problem import Problem


def slice_gamma(net: ReLUNet, problem: Problem | Dataset, i: Index) -> PiecewiseQuadratic:
    """The loss as a function of gamma_i, the signed distance of breakplane i, with eta_i and its normal xi_i fixed.

    The knots are xi . x_n, and the second derivative on a piece is eta^2 times the weight of the data seen there. For
    one input it is `slice_breakpoint` at gamma = s beta. O(N log N + N H D). Of neighbouring weights of 0 the
    derivatives are NaN.

    Raises:
        ValueError: when i is out of range, neuron i has w = 0 (traced: NaN), or the problem has no hidden biases.
        TypeError: when i is not a whole number, or net and data differ in dtype.

    Theory: docs/theory.md 15.5.
    """
    net, problem = posed_any(net, problem, biases=True)
    i = as_index(i, net.width, "i", "neuron")
    check_breakpoint(net, i)
    with nan_is_an_answer():
        return _in_gamma(net, problem.data, i)


@compiled
def _in_gamma(net: ReLUNet, data: Dataset, i: Array) -> PiecewiseQuadratic:
    w = jnp.reshape(net.w[i], (-1,))
    size = norm(w[None])[0]
    xi = jnp.where(size == 0, jnp.nan, w / jnp.where(size == 0, 1, size))
    x, centre = rows(data.x), jnp.reshape(data.middle, (-1,))
    z = jnp.matmul(x - centre[None], xi, precision="highest")
    origin = jnp.matmul(centre, xi, precision="highest")
    knots = x[:, 0] * xi[0] if x.shape[1] == 1 else origin + z
    eta = jnp.where(size == 0, jnp.nan, net.v[i] * size)
    return along(data, residual_without(net, data, i), eta, z, -jnp.ones_like(z), origin, knots)
