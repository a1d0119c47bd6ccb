"""What every function of the landscape asks of its arguments."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array

from jspline._checks import check_finite, check_net, given, is_concrete
from jspline.charts import ReLUNet, Spline
from jspline.datasets import Dataset
from jspline.problem import Problem, only_data


def posed(point: ReLUNet | Spline, problem: Problem | Dataset) -> tuple[ReLUNet, Dataset]:
    """The net, for a spline one with |w| = 1 and the same breakpoints to the last bit; and the data. Both unbatched."""
    match point:
        case ReLUNet():
            net = point
        case Spline():
            net = point.unit_net()
        case _:
            raise TypeError(f"The landscape is that of a ReLUNet or a Spline; got {type(point).__name__}.")
    check_net(net)
    data = only_data(problem)
    if net.w.dtype != data.x.dtype:
        raise TypeError(f"The net is {net.w.dtype} and the data are {data.x.dtype}; they must have one dtype.")
    return net, data


def posed_finite(point: ReLUNet | Spline, problem: Problem | Dataset) -> tuple[ReLUNet, Dataset]:
    """The same where the answer is a count or a kind, which would not show that the net holds NaN or infinity."""
    net, data = posed(point, problem)
    check_finite(w=net.w, b=net.b, v=net.v, b0=net.b0)
    return net, data


def as_index(i: Any, size: int, name: str, of: str) -> Array:
    """The index, known to be one of `size` if it is concrete."""
    array = i if hasattr(i, "dtype") else np.asarray(i)
    if array.shape != () or not jnp.issubdtype(array.dtype, jnp.integer):
        raise TypeError(f"`{name}` must be a whole number, the place of a {of}; got {given(i)}.")
    if is_concrete(i) and not 0 <= int(array) < size:
        raise ValueError(f"`{name}` must be the place of a {of}, from 0 to {size - 1}; got {int(array)}.")
    return jnp.asarray(i, jnp.int32)


def check_breakpoint(net: ReLUNet, i: Array, name: str = "i") -> None:
    """Raise `ValueError` for a (concrete) neuron with w = 0."""
    if is_concrete(net.w, i) and np.asarray(net.w)[int(i)] == 0:
        raise ValueError(f"`{name}` must be a neuron with a breakpoint; neuron {int(i)} has w = 0.")


def finite(name: str, value: ArrayLike, dtype: Any) -> Array:
    """One real number, finite if it is concrete."""
    if isinstance(value, str) or np.ndim(value) != 0:
        raise TypeError(f"`{name}` must be one real number; got {given(value)}.")
    if is_concrete(value) and not np.isfinite(np.asarray(value)):
        raise ValueError(f"`{name}` must be finite; got {value}.")
    return jnp.asarray(value, dtype)


def same_x(data: Dataset) -> tuple[Array, Array]:
    """For each datum, the places of the first one with its x and of the first one behind those: the ties."""
    find = jax.vmap(lambda x: (jnp.searchsorted(data.x, x), jnp.searchsorted(data.x, x, side="right")))
    first, behind = find(data.x)
    return first.astype(jnp.int32), behind.astype(jnp.int32)
