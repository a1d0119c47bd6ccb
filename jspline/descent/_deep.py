"""A deep ReLU network with one output, and, for one input, its exact pieces."""

from collections.abc import Sequence
from itertools import pairwise

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from jspline._checks import Reals, as_key, as_like, check_memory, check_whole, given, is_concrete
from jspline._programs import compiled
from jspline.charts import ReLUNet, Spline


class DeepNet(eqx.Module):
    """Layers of ReLUs, with one output: continuous and piecewise linear, as a shallow net is.

    Attributes:
        weights: one matrix a layer, `(inputs -> first width)`, ..., `(last width -> 1)`, each `(to, from)`.
        biases: one vector a layer, `(to,)`.
    """

    weights: tuple[Float[Array, "_ _"], ...]
    biases: tuple[Float[Array, " _"], ...]

    @classmethod
    def sample(cls, widths: Sequence[int], inputs: int = 1, *, key: PRNGKeyArray) -> "DeepNet":
        """He's initialization, variance 2 over what a layer takes; biases like weights in the first layer, then 0."""
        check_whole(inputs=inputs)
        if not isinstance(widths, Sequence | np.ndarray) or isinstance(widths, str) or len(widths) == 0:
            raise ValueError(f"`widths` must be a list of at least one width; got {given(widths)}.")
        for width in widths:
            check_whole(width=width)
        key = as_key(key)
        sizes = [inputs, *widths, 1]
        weights_in_all = sum(of * to for of, to in pairwise(sizes))
        check_memory(f"A net of {weights_in_all:,} weights", weights_in_all * jnp.zeros(()).dtype.itemsize, "take less")
        keys = jax.random.split(key, len(sizes))
        weights = [
            jax.random.normal(k, (to, of)) * (2 / of) ** 0.5
            for k, of, to in zip(keys[1:], sizes[:-1], sizes[1:], strict=True)
        ]
        biases = [jnp.zeros(to) for to in sizes[1:]]
        biases[0] = jax.random.normal(keys[0], (sizes[1],)) * (2 / inputs) ** 0.5
        return cls(tuple(weights), tuple(biases))

    @classmethod
    def from_net(cls, net: ReLUNet, layers: int = 1) -> "DeepNet":
        """The same function with `layers` hidden layers; those after the first pass on what they get.

        So a spiky start can be compared with a flat one in a deep net too.
        """
        check_whole(layers=layers)
        width, dtype = net.width, net.w.dtype
        what = f"{layers:,} layers of {width:,} x {width:,} weights"
        check_memory(what, layers * width * (width + 1) * dtype.itemsize, "take fewer")
        passing = [jnp.eye(width, dtype=dtype)] * (layers - 1)
        nothing = [jnp.zeros(width, dtype)] * (layers - 1)
        first = net.w[:, None] if net.on_line else net.w
        return cls((first, *passing, net.v[None]), (net.b, *nothing, net.b0[None]))

    @property
    def inputs(self) -> int:
        """The number of inputs."""
        return self.weights[0].shape[-1]

    def __call__(self, x: Reals) -> Float[Array, "..."]:
        """f(x) for `x` of any shape, for several inputs of shape `(..., inputs)`.

        Raises `ValueError` for another last axis.
        """
        x = as_like(self.biases[0], x=x)
        one = self.inputs == 1
        if not one and x.shape[-1:] != (self.inputs,):
            raise ValueError(f"`x` must end in an axis of {self.inputs}, the inputs of the net; got shape {x.shape}.")
        h = x.reshape(-1, self.inputs).T
        for k, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            h = jnp.matmul(weight, h if k == 0 else jax.nn.relu(h), precision="highest") + bias[:, None]
        return h.reshape(x.shape if one else x.shape[:-1])

    def to_spline(self) -> Spline:
        """The same function as a spline: every breakpoint and slope, by propagating the pieces through the layers.

        On a piece each unit is a line; where its line changes sign inside, the piece is cut in two. On the host, in
        float64. Breakpoints at which the output does not bend (beyond rounding) are left out.

        Raises:
            ValueError: under `jax.jit` or `jax.vmap`: the number of breakpoints sets a shape; for several inputs.
        """
        if self.inputs != 1:
            raise ValueError(f"A spline has one input; this net has {self.inputs}.")
        if not is_concrete(self):
            raise ValueError("`DeepNet.to_spline` sets a shape, so it cannot run under jax.jit or jax.vmap.")
        breaks, at = np.zeros(0), np.zeros(1)  # the cuts; for each piece the place where its values are given
        slope, value = np.ones((1, 1)), np.zeros((1, 1))  # of each unit on each piece; first, of the input itself
        size = np.ones(1)  # how large a slope's terms were, for its rounding
        for k, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            if k > 0:
                breaks, at, slope, value = _rectify(breaks, at, slope, value)
            matrix = np.asarray(weight, float)
            size = np.max(np.abs(matrix) @ np.abs(slope), axis=0)
            slope, value = matrix @ slope, matrix @ value + np.asarray(bias, float)[:, None]
        rounding = 1e3 * np.finfo(float).eps * np.maximum(size[1:], size[:-1])
        bends = np.abs(np.diff(slope[0])) > rounding
        dtype = self.biases[0].dtype
        knots, slopes = breaks[bends], np.append(slope[0, 0], slope[0, 1:][bends])
        piece = 0 if not len(knots) else int(np.flatnonzero(bends)[0])
        where = knots[0] if len(knots) else 0.0
        first = value[0, piece] + slope[0, piece] * (where - at[piece])
        return _from_lines(*(jnp.asarray(each, dtype) for each in (knots, slopes, first)))


_from_lines = compiled(Spline.from_lines)


def _rectify(breaks: np.ndarray, at: np.ndarray, slope: np.ndarray, value: np.ndarray) -> tuple[np.ndarray, ...]:
    """Cut the pieces where a unit changes sign, and set the units to 0 where they are negative."""
    low, high = np.append(-np.inf, breaks), np.append(breaks, np.inf)
    with np.errstate(divide="ignore", invalid="ignore"):
        zero = at - value / slope
    new = np.unique(zero[(slope != 0) & (zero > low) & (zero < high)])
    cuts = np.union1d(breaks, new)
    begin = np.append(cuts[0] if len(cuts) else 0.0, cuts)
    inside = np.append(cuts[0] - 1 if len(cuts) else 0.0, (cuts + np.append(cuts[1:], 0.0)) / 2)
    if len(cuts):
        inside[-1] = cuts[-1] + 1
    parent = np.searchsorted(breaks, inside, side="right")
    slope, value = slope[:, parent], value[:, parent] + slope[:, parent] * (begin - at[parent])
    on = value + slope * (inside - begin) > 0
    return cuts, begin, np.where(on, slope, 0), np.where(on, value, 0)
