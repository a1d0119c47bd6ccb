"""What every function of the landscape asks of its arguments."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array

from jspline._checks import as_like, check_finite, check_kind, check_net, check_one_dtype, given, is_concrete
from jspline.activation import heights
from jspline.charts import ReLUNet, Spline
from jspline.datasets import Dataset
from jspline.problem import Problem, only_data, quadratic


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
    check_one_dtype(net, data)
    return net, data


def posed_finite(point: ReLUNet | Spline, problem: Problem | Dataset) -> tuple[ReLUNet, Dataset]:
    """The same where the answer is a count or a kind, which would not show that the net holds NaN or infinity."""
    net, data = posed(point, problem)
    check_finite(w=net.w, b=net.b, v=net.v, b0=net.b0)
    return net, data


def posed_any(net: ReLUNet, problem: Problem | Dataset, **known: Any) -> tuple[ReLUNet, Problem]:
    """A net of any number of inputs and its problem, of square loss and no decay. Both unbatched."""
    check_kind(ReLUNet, net=net)
    problem = quadratic(net, problem, **known)
    check_one_dtype(net, problem.data)
    return net, problem


def check_one_result(criticality: Any) -> None:
    """Raise `ValueError` where the reason is asked of many results, or of one that is not known."""
    if not is_concrete(criticality) or criticality.critical.ndim:
        raise ValueError("`reason` is for one result outside jax.jit and jax.vmap; look at the fields instead.")


def rows(x: Array) -> Array:
    """x with an axis of inputs, also for one input without."""
    return x[:, None] if x.ndim == 1 else x


def parameters_of(net: ReLUNet, i: Array) -> Array:
    """u = (w, b) of a neuron, `(inputs + 1,)`."""
    return jnp.concatenate([jnp.reshape(net.w[i], (-1,)), net.b[i][None]])


def as_direction(name: str, value: Any, net: ReLUNet, biases: bool) -> Array:
    """A direction of (w, b), `(inputs + 1,)`, given as such, or as one of w alone where there are no biases."""
    array = as_like(net.w, **{name: value})
    size = net.inputs + biases
    if array.shape != (size,):
        parts = "each input and one for the bias" if biases else "each input"
        raise ValueError(f"`{name}` must have a number for {parts}, shape ({size},); got shape {array.shape}.")
    check_finite(**{name: array})
    return array if biases else jnp.pad(array, (0, 1))


def heights_along(u: Array, data: Dataset) -> Array:
    """u . (x_n, 1) at the data, `(data,)`, summed from their middle."""
    return heights(u[None, :-1], u[-1:], rows(data.x))[0][:, 0]


def heights_slack(u: Array, data: Dataset) -> Array:
    """What may be rounding in `heights_along`, `(data,)`."""
    w, centre = jnp.abs(u[:-1]), jnp.reshape(data.middle, (-1,))
    terms = jnp.matmul(jnp.abs(rows(data.x) - centre[None]), w) + (jnp.abs(u[-1]) + jnp.matmul(jnp.abs(centre), w))
    return jax.lax.stop_gradient(_slack(len(u) - 1, u.dtype) * terms)


def _slack(inputs: int, dtype: Any) -> float:
    """How much of the sizes of its terms a height may be off by rounding: 4 (inputs + 2) units."""
    return 4 * (inputs + 2) * float(jnp.finfo(dtype).eps)


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
    if is_concrete(net.w, i) and not np.any(np.asarray(net.w)[int(i)]):
        what = "breakpoint" if net.on_line else "breakplane"
        raise ValueError(f"`{name}` must be a neuron with a {what}; neuron {int(i)} has w = 0.")


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


def touched(net: ReLUNet, data: Dataset) -> np.ndarray:
    """Which data are on the breakplane of which neuron, `(data, width)`, on the host. None for a neuron with w = 0.

    On the line to the last bit. For several inputs up to rounding: |w . x + b| is at most 4 (inputs + 2) rounding units
    of the sum of the sizes of what is added up, from the middle of the data.
    """
    w, b, x = (np.asarray(part) for part in (net.w, net.b, data.x))
    if net.on_line:
        return (w * x[:, None] == -b) & (w != 0)
    slack = _slack(net.inputs, x.dtype)
    w, b, x, centre = (np.asarray(part, float) for part in (w, b, x, data.middle))
    terms = np.abs(x - centre) @ np.abs(w).T + np.abs(b) + np.abs(w) @ np.abs(centre)
    return (np.abs((x - centre) @ w.T + (b + w @ centre)) <= slack * terms) & np.any(w, axis=1)


def parallel(lifted: np.ndarray, rounding: float) -> tuple[np.ndarray, np.ndarray]:
    """For each of these lifted data, none of them 0, the first that it is a multiple of, and what multiple.

    Of unit vectors, entries may differ by `rounding`.
    """
    size = np.linalg.norm(lifted, axis=1)
    unit = lifted / size[:, None]
    sign = np.where(unit @ unit.T < 0, -1.0, 1.0)
    close = np.max(np.abs(unit[:, None] - sign[:, :, None] * unit[None]), axis=2) <= rounding
    first = np.argmax(close, axis=1)
    return first, sign[np.arange(len(first)), first] * size / size[first]


def lifted_on_host(data: Dataset, biases: bool) -> tuple[np.ndarray, float]:
    """x~_n, `(data, lifted)`, in float64, and the rounding by which those of parallel data may differ.

    With biases x~ = (x, 1), and parallel means equal; without, x~ = x.
    """
    x = np.asarray(data.x, float).reshape(data.size, -1)
    if biases:
        return np.hstack([x, np.ones((len(x), 1))]), 0.0
    return x, 8 * float(np.finfo(data.x.dtype).eps)
