"""What the two regimes of training converge to, and where between them a net has come out.

From a flat start of large scale gradient flow ends near a cubic spline (the kernel regime): the natural one in the
limit of breakpoints over a growing range. From a small scale it often ends near the linear interpolant (the adaptive
regime), but it may also underfit, and a start that is not flat may show neither (section 2.6, table 2).

Theory: docs/theory.md 10.3.
"""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from scipy.interpolate import CubicSpline

from jspline.charts import Polar, ReLUNet, Spline
from jspline.datasets import Dataset
from jspline.problem import Problem, only_data

GRID = 1000
"""Points of the uniform grid on which `regime` measures distances."""


def natural_cubic(problem: Problem | Dataset) -> CubicSpline:
    """The natural cubic spline through the merged data: f'' = 0 at both ends. A scipy object; call it.

    Raises:
        ValueError: for fewer than two distinct x, or under `jax.jit`.
    """
    merged = _at_least_two(problem)
    return CubicSpline(np.asarray(merged.x), np.asarray(merged.y), bc_type="natural")


def regime(net: ReLUNet | Spline | Polar, problem: Problem | Dataset) -> Float[Array, ""]:
    """The regime index d_lin / (d_lin + d_cub) of a fit: 0 at the linear interpolant, 1 at the natural cubic spline.

    d_lin and d_cub are root mean square distances to the two on a uniform grid of 1000 points over the merged data.
    The net may be traced (`jax.vmap` it over a batch), the data may not. A fit that is close to neither has an index
    too: read it beside the loss. Where the two coincide, as on a line, it is NaN.

    Raises:
        ValueError: for fewer than two distinct x, or under `jax.jit` of the data.
    """
    merged = _at_least_two(problem)
    x, y = np.asarray(merged.x), np.asarray(merged.y)
    grid = np.linspace(x[0], x[-1], GRID)
    linear, cubic = np.interp(grid, x, y), natural_cubic(merged)(grid)
    if np.max(np.abs(linear - cubic)) <= 1e3 * np.finfo(x.dtype).eps * np.max(np.abs(y)):
        return jnp.asarray(jnp.nan, x.dtype)
    fit = net(jnp.asarray(grid, x.dtype))
    to_linear, to_cubic = (jnp.sqrt(jnp.mean((fit - jnp.asarray(f, x.dtype)) ** 2)) for f in (linear, cubic))
    return to_linear / (to_linear + to_cubic)


def _at_least_two(problem: Problem | Dataset) -> Dataset:
    merged = only_data(problem).merged()
    if merged.size < 2:
        raise ValueError("At least two distinct x are needed to interpolate.")
    return merged
