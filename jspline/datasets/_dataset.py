"""A data set: weighted, ties allowed; on the line, sorted.

Theory: docs/theory.md 1.7.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jspline._checks import (
    COARSE,
    Reals,
    as_floats,
    check_finite,
    check_kind,
    check_parts,
    check_positive,
    check_scalar,
    is_concrete,
    merging,
    warn,
)
from jspline._scale import middle, unit_of
from jspline.charts import ReLUNet


class Dataset(eqx.Module):
    """Points (x_n, y_n) with weights p_n >= 0; with one input sorted by x. The loss of a fit f is

        constant + 1/2 sum_n p_n (f(x_n) - y_n)^2

    It may sort and never changes shape, so it may be made under `jax.jit` and `jax.vmap` from traced values.
    Equal x and zero weights are legal.

    Attributes:
        x: inputs in increasing order, `(data,)`; of several inputs `(data, inputs)`, in the order given.
        y: outputs, `(data,)`.
        weight: weights p_n, `(data,)`; 1 by default.
        constant: the part of the loss that no fit can change and the points no longer hold; 0 unless `merged`.

    Raises:
        ValueError: when x, y and weight are not vectors of one length of at least 1 (of several inputs, x a matrix with
            as many rows), or (for concrete values) hold NaN or infinity, or a weight is negative.
        TypeError: when something is not real numbers.

    Warns when distinct x become equal in JAX's default dtype, as seconds since 1970 do in float32, and when distinct y
    do and are rounded by more than a ten-thousandth of their range.
    """

    x: Float[Array, "data ..."]
    y: Float[Array, " data"]
    weight: Float[Array, " data"]
    constant: Float[Array, ""]

    def __init__(self, x: Reals, y: Reals, weight: Reals | None = None, *, constant: Reals = 0.0):
        given = {"`x`": (x, 0.0), "`y`": (y, COARSE)}
        if weight is None:
            x, y, constant = as_floats(x=x, y=y, constant=constant)
            check_parts("datum", "x", x=x, y=y)
            weight = jnp.ones_like(y)
        else:
            x, y, weight, constant = as_floats(x=x, y=y, weight=weight, constant=constant)
            check_parts("datum", "x", x=x, y=y, weight=weight)
        check_finite(x=x, y=y, constant=constant)
        check_positive(weight=weight, strict=False)
        check_scalar(constant=constant)
        for name, (values, coarse) in given.items():
            known = not isinstance(values, jax.Array) and is_concrete(values)
            if known and (said := merging(name, values, x.dtype, coarse)):
                warn(f"{said}: set jax.config.update('jax_enable_x64', True), or subtract an offset from all.")
        order = jnp.argsort(x) if x.ndim == 1 else jnp.arange(len(x))
        self.x, self.y, self.weight, self.constant = x[order], y[order], weight[order], constant

    @property
    def size(self) -> int:
        """The number of points N."""
        return self.y.shape[-1]

    @property
    def on_line(self) -> bool:
        """Whether there is one input, given without an axis of its own: x of shape `(data,)`."""
        return self.x.ndim == self.y.ndim

    @property
    def inputs(self) -> int:
        """The number of inputs D."""
        return 1 if self.on_line else self.x.shape[-1]

    @property
    def middle(self) -> Float[Array, "..."]:
        """Half way between the outermost x, where sums over x are taken from; of each input, `(inputs,)`."""
        return middle(self.x)

    def tie_constant(self) -> Float[Array, ""]:
        """The least loss that any function of x can have: `constant` + 1/2 sum_n p_n (y_n - mean at x_n)^2."""
        rows = self.x[:, None] if self.on_line else self.x
        order = jnp.arange(self.size) if self.on_line else jnp.lexsort(rows.T[::-1])
        y, weight = self.y[order], self.weight[order]
        new = jnp.concatenate([jnp.ones(1, bool), jnp.any(jnp.diff(rows[order], axis=0) != 0, axis=1)])
        group, first = jnp.cumsum(new) - 1, jax.lax.cummax(jnp.where(new, jnp.arange(self.size), 0))
        total = jax.ops.segment_sum(weight, group, self.size)
        # From the first y of each group, so that a point without ties contributes exactly 0.
        offset = y - y[first]
        mean = jax.ops.segment_sum(weight * offset, group, self.size) / jnp.where(total > 0, total, 1)
        return self.constant + jnp.sum(weight * (offset - mean[group]) ** 2) / 2

    def merged(self) -> "Dataset":
        """One point for each distinct x of positive weight: p = sum p, y = the weighted mean.

        The loss of every function stays what it was: `constant` takes what the points lose. x within two units in the
        last place of the first of them count as equal; of several inputs, rows that are. Runs on the host, since the
        shape changes.

        Raises:
            ValueError: under `jax.jit` or `jax.vmap`, or when no weight is positive.
        """
        if not is_concrete(self):
            raise ValueError("`Dataset.merged` changes the shape, so it cannot run under jax.jit or jax.vmap.")
        kept = np.asarray(self.weight) > 0
        if not kept.any():
            raise ValueError("`weight` must be positive somewhere; every weight is 0.")
        x, y, p = (np.asarray(a)[kept] for a in (self.x, self.y, self.weight))
        first = _first_equal(x) if self.on_line else _first_row(x)
        begins, group = np.unique(first, return_inverse=True)
        weight = np.bincount(group, p)

        def mean(values: np.ndarray) -> np.ndarray:
            # From the first of each group, so that a point without ties keeps its value to the last bit.
            return values[begins] + np.bincount(group, p * (values - values[first])) / weight

        means, places = mean(y), mean(x) if self.on_line else x[begins]
        constant = np.asarray(self.constant) + np.sum(p * (y - means[group]) ** 2) / 2
        with jax.ensure_compile_time_eval():  # the data are known, even where the caller is being traced
            parts = [jnp.asarray(a, x.dtype) for a in (places, means, weight, constant)]
            return Dataset(*parts[:3], constant=parts[3])

    def standardize(self) -> tuple["Dataset", "Units"]:
        """The data with weighted mean 0 and standard deviation 1 in x and in y, and the `Units` to come back.

        Weights are not changed. Each input has a mean and a scale of its own. A constant y, or a constant input among
        others, keeps its scale.

        Raises:
            ValueError: when all x (of positive weight) are equal.
        """
        if is_concrete(self):
            kept = np.asarray(self.x)[np.asarray(self.weight) > 0]
            apart = np.max(kept, 0, initial=-np.inf) / 2 - np.min(kept, 0, initial=np.inf) / 2
            if np.all(apart <= np.spacing(np.max(np.abs(kept), 0, initial=0))):
                which = "All x" if len(kept) == self.size else "All x of positive weight"
                raise ValueError(f"{which} are equal: there is nothing to fit along x.")
        p = self.weight / jnp.sum(self.weight)
        first = jnp.argmax(p > 0)
        if self.on_line:
            x, x_mean, x_scale = _standardized(self.x, p, first)
        else:
            of_each = jax.vmap(_standardized_if_it_varies, in_axes=(1, None, None), out_axes=(1, 0, 0))
            x, x_mean, x_scale = of_each(self.x, p, first)
        y, y_mean, y_scale = _standardized_if_it_varies(self.y, p, first)
        scaled = Dataset(x, y, self.weight)
        scaled = eqx.tree_at(lambda d: d.constant, scaled, self.constant / y_scale / y_scale)
        return scaled, Units(x_mean, x_scale, y_mean, y_scale)


class Units(eqx.Module):
    """The affine map between standardized and original coordinates: x = x_mean + x_scale * standardized x.

    Attributes:
        x_mean, x_scale: scalars; of several inputs `(inputs,)`.
        y_mean, y_scale: scalars.
    """

    x_mean: Float[Array, "..."]
    x_scale: Float[Array, "..."]
    y_mean: Float[Array, ""]
    y_scale: Float[Array, ""]

    def x(self, standardized: Array) -> Array:
        """x (or a breakpoint) in the original units."""
        shape = jnp.shape(standardized)
        return jnp.broadcast_to(self.x_mean, shape) + jnp.broadcast_to(self.x_scale, shape) * standardized

    def y(self, standardized: Array) -> Array:
        """y (or the value of a fit) in the original units."""
        return self.y_mean + self.y_scale * standardized

    def restore(self, net: ReLUNet) -> ReLUNet:
        """The net that takes and gives original units and computes the same fit."""
        check_kind(ReLUNet, net=net)
        if net.w.shape[net.b.ndim :] != self.x_mean.shape:
            raise ValueError(f"`net` must have the inputs of the data, {self.x_mean.size}; it has {net.inputs}.")
        w = net.w / (self.x_scale if net.on_line else self.x_scale[None])
        return ReLUNet(
            w=w,
            b=net.b - (w * self.x_mean if net.on_line else jnp.matmul(w, self.x_mean, precision="highest")),
            v=self.y_scale * net.v,
            b0=self.y(net.b0),
        )


def _standardized(values: Array, p: Array, first: Array) -> tuple[Array, Array, Array]:
    """The values with mean 0 and standard deviation 1, and what these were; p sums to 1.

    All of it from the first value on, so that nothing is left of a constant.
    """
    origin = values[first]
    unit = unit_of(jnp.where(p > 0, values, origin), origin)
    away = values / unit - origin / unit
    mean = jnp.sum(p * away)
    square = jnp.sum(p * (away - mean) ** 2)
    scale = jnp.sqrt(jnp.where(square > 0, square, 1))
    return (away - mean) / scale, origin + unit * mean, jnp.where(square > 0, unit * scale, 0)


def _standardized_if_it_varies(values: Array, p: Array, first: Array) -> tuple[Array, Array, Array]:
    """The same; what is constant up to rounding keeps its scale."""
    standardized, mean, scale = _standardized(values, p, first)
    varies = scale > 4 * jnp.finfo(values.dtype).eps * jnp.max(jnp.abs(values))
    return jnp.where(varies, standardized, values - mean), mean, jnp.where(varies, scale, 1)


def _first_row(x: np.ndarray) -> np.ndarray:
    """The index of the first row that each is equal to."""
    _, first, group = np.unique(x, axis=0, return_index=True, return_inverse=True)
    return first[group.ravel()]


def _first_equal(x: np.ndarray) -> np.ndarray:
    """For sorted `x`: the index of the first value that each is equal to, within two units in its last place."""
    first = np.arange(x.size)
    for i in np.flatnonzero(np.diff(x, prepend=-np.inf) <= 2 * np.spacing(np.abs(x))):
        # Measured from the first of them, or a dense grid would merge link by link into one point.
        begin = first[i - 1]
        if x[i] - x[begin] <= 2 * np.spacing(np.abs(x[begin])):
            first[i] = begin
    return first
