"""The same function and loss in another shape."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array

from jspline._checks import check_whole
from jspline.charts import ReLUNet
from jspline.datasets import Dataset
from jspline.problem._problem import Problem, as_problem, check_fitting

LEAST = 16
"""The smallest of the sizes that `common_size` gives."""
NEXT_TO_NOTHING = 1e-30


def pad(
    net: ReLUNet, problem: Problem | Dataset, *, width: int | None = None, size: int | None = None
) -> tuple[ReLUNet, Problem]:
    """A net with dead neurons more, and a problem with data of weight 0 more: the same function and the same loss.

    For where many widths are tried: nets and data of one shape share what is compiled.

    Args:
        net: a net of width H; the new neurons come last, with w = v = 0 and b just below 0.
        problem: N data, or what is to be done with them; the new data come last, where the last one is.
        width: how many neurons there are to be; H by default.
        size: how many data; N by default.

    Raises:
        ValueError: when that would be less than there are.

    Numerical caveat: what is a mean over parameters, such as the error that chooses the steps of a flow, is one over
    more of them.
    """
    problem = as_problem(problem)
    check_fitting(net, problem)
    data = problem.data
    width, size = net.width if width is None else width, data.size if size is None else size
    check_whole(least=net.width, width=width)
    check_whole(least=data.size, size=size)
    neurons, rows = (0, width - net.width), (0, size - data.size)
    # So that they count for nothing in the length of the parameters.
    b = jnp.pad(net.b, neurons, constant_values=-NEXT_TO_NOTHING)
    dead = ReLUNet(_more(net.w, neurons), b, jnp.pad(net.v, neurons), net.b0)
    x, y = _more(data.x, rows, mode="edge"), jnp.pad(data.y, rows, mode="edge")
    more = Dataset(x, y, jnp.pad(data.weight, rows), constant=data.constant)
    return dead, eqx.tree_at(lambda p: p.data, problem, more)


def _more(rows: Array, count: tuple[int, int], mode: str = "constant") -> Array:
    return jnp.pad(rows, (count, *[(0, 0)] * (rows.ndim - 1)), mode=mode)


def common_size(count: int, *, least: int = LEAST, factor: int = 2) -> int:
    """The first of `least`, `least` times `factor`, ... that is not less than `count`: what shapes are padded to."""
    size = least
    while size < count:
        size *= factor
    return size
