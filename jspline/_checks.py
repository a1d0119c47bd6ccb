"""Checks of arguments, with one wording: what must hold, then what was given.

Checks of shapes and types always run. Checks of values run on concrete arrays only: under `jax.jit`, `jax.vmap` and
`jax.grad` values are not known, and the functions return codes or NaN instead of raising.
"""

import functools
import numbers
import os
import reprlib
import sys
import warnings
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, ParamSpec, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, PRNGKeyArray

Reals = ArrayLike | Sequence[float | int] | Sequence[Sequence[float | int]]
"""What a vector, or a matrix, may be given as."""


def is_concrete(*values: Any) -> bool:
    """Whether no leaf of `values` is being traced."""
    return not any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves(values))


def in_a_trace() -> bool:
    """Whether somebody is tracing a program, in which what is called now would be a part."""
    return not is_concrete(jnp.zeros(()))


def nan_is_an_answer() -> AbstractContextManager:
    """For results in which NaN stands for "there is none": `jax_debug_nans` is after others."""
    return jax.debug_nans(False)


Parameters, Result = ParamSpec("Parameters"), TypeVar("Result")


def on_host(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """A function that reads values: it raises `ValueError` for traced ones, and works with known ones in any trace."""

    @functools.wraps(function)
    def checked(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        if not is_concrete(args, kwargs):
            raise ValueError(f"`{function.__name__}` runs on the host, so not under jax.jit or jax.vmap.")
        with jax.ensure_compile_time_eval():
            return function(*args, **kwargs)

    return checked


def is_zero(*values: Any) -> bool:
    """Whether all `values` are known, and 0."""
    return is_concrete(*values) and not any(np.any(np.asarray(value)) for value in values)


def as_floats(**values: Reals) -> tuple[Array, ...]:
    """The values as arrays of one floating-point dtype: the widest among those that are arrays.

    Python numbers and lists take part only when nothing else is there; then, and for integers, it is JAX's default
    floating-point dtype. Raises `TypeError` for what is not real numbers, `ValueError` for masked ones.
    """
    default = jnp.zeros(()).dtype
    arrays = {name: _converted(name, value) for name, value in values.items()}
    dtypes = [
        jax.dtypes.canonicalize_dtype(arrays[name].dtype)
        for name, value in values.items()
        if hasattr(value, "dtype") and jnp.issubdtype(arrays[name].dtype, jnp.floating)
    ]
    dtype = dtypes[0] if dtypes else default
    with jax.numpy_dtype_promotion("standard"):
        for other in dtypes[1:]:
            dtype = jnp.promote_types(dtype, other)
    return tuple(jnp.asarray(array, dtype=dtype) for array in arrays.values())


def as_like(like: Array, **value: Reals) -> Array:
    """One value, given by its name, as an array of the dtype of `like`. Raises as `as_floats`."""
    ((name, given),) = value.items()
    return jnp.asarray(_converted(name, given), like.dtype)


def _converted(name: str, value: Any) -> Array | np.ndarray:
    """The value as an array of real numbers that JAX takes, whatever brings it: numpy, pandas, xarray, lists.

    Raises `TypeError` for anything but real numbers, `ValueError` for an array in which something is masked.
    """
    if isinstance(value, np.ma.MaskedArray) and np.ma.is_masked(value):
        count = int(np.sum(np.ma.getmaskarray(value)))
        raise ValueError(f"`{name}` must have no masked values; {count} of {value.size} are masked: leave them out.")
    array: Array | np.ndarray
    if isinstance(value, jax.Array):
        array = value
    else:
        array = _numbers(name, value) if is_concrete(value) else _traced(name, value)
    if not (jnp.issubdtype(array.dtype, jnp.floating) or jnp.issubdtype(array.dtype, jnp.integer)):
        raise TypeError(f"`{name}` must hold real numbers; got dtype {array.dtype}.")
    return array


def _numbers(name: str, value: Any) -> np.ndarray:
    """By numpy, in the byte order of the machine, and with no more digits than float64."""
    dtype = getattr(value, "dtype", None)
    try:
        array = np.asarray(value)
    except ValueError:
        raise TypeError(f"`{name}` must hold real numbers in rows of one length; got {type(value).__name__}.") from None
    if array.dtype == object and dtype is not None and not isinstance(dtype, np.dtype):
        # pandas hands over its own kinds of numbers one by one; what is missing among them is no number.
        if not all(isinstance(each, numbers.Real) and not isinstance(each, bool) for each in array.flat):
            raise TypeError(f"`{name}` must hold real numbers; got dtype {dtype} with others or missing ones.")
        array = array.astype(getattr(dtype, "numpy_dtype", float))
    if array.dtype.kind not in "fiu":
        return array
    if array.dtype.itemsize > 8:
        return array.astype(float)
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def _traced(name: str, value: Any) -> Array:
    try:
        return jnp.asarray(value)
    except (TypeError, ValueError):
        raise TypeError(f"`{name}` must hold real numbers in rows of one length; got {_kind(value)}.") from None


def _kind(value: Any) -> str:
    return "None" if value is None else type(value).__name__


def check_kind(*kinds: type, **values: Any) -> None:
    """Raise `TypeError` for the first value that is of none of these classes."""
    for name, value in values.items():
        if not isinstance(value, kinds):
            listed = " or a ".join(f"jspline.{kind.__name__}" for kind in kinds)
            raise TypeError(f"`{name}` must be a {listed}; got {_kind(value)}.")


def check_function(**values: Any) -> None:
    """Raise `TypeError` for the first value that cannot be called."""
    for name, value in values.items():
        if not callable(value):
            raise TypeError(f"`{name}` must be a function; got {given(value)}.")


def check_scalar(**values: Any) -> None:
    """Raise `ValueError` for the first value that has a shape."""
    for name, value in values.items():
        if np.shape(value) != ():
            raise ValueError(f"`{name}` must be a scalar; got shape {np.shape(value)}.")


def given(value: Any) -> str:
    """What was given, in a few words on one line."""
    if hasattr(value, "shape"):
        return f"{_kind(value)} of shape {value.shape}" if np.ndim(value) else str(value)
    return " ".join(reprlib.repr(value).split())


def as_key(key: Any) -> PRNGKeyArray:
    """One key of `jax.random`, typed. Raises `TypeError` for anything else, `ValueError` for many keys."""
    if not (hasattr(key, "dtype") and jnp.issubdtype(key.dtype, jax.dtypes.prng_key)):
        try:
            key = jax.random.wrap_key_data(key)  # what jax.random.PRNGKey(0) gives
        except (TypeError, ValueError):
            raise TypeError(f"`key` must be a key, such as jax.random.key(0); got {given(key)}.") from None
    if key.ndim != 0:
        raise ValueError(f"`key` must be one key, not many (shape {key.shape}): use jax.vmap.")
    return key


def merging(name: str, values: Any, dtype: Any, coarse: float = 0.0, left: int | None = None) -> str:
    """How many distinct numbers become equal in a dtype; empty if none do, or if rounding is less than `coarse` times
    their range. `left` is how many there are then, if it is known."""
    if np.dtype(dtype) == float:  # which they are given in
        return ""
    exact = np.asarray(values, float)
    rounded = exact.astype(dtype)
    before, after = np.unique(exact).size, np.unique(rounded).size if left is None else left
    if after >= before or np.max(np.abs(rounded - exact)) < coarse * np.ptp(exact):
        return ""
    return f"{name} has {before:,} distinct numbers, and {after:,} in {np.dtype(dtype)}"


COARSE = 1e-4
"""Of the range of y: rounding by less is seen in no fit."""


def warn(message: str) -> None:
    """Warn of what the caller's line did: the first frame that is of none of the libraries between."""
    frame, level = sys._getframe(1), 2
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] in BETWEEN:
        frame, level = frame.f_back, level + 1
    warnings.warn(message, stacklevel=level)


BETWEEN = ("jspline", "equinox", "jax", "jaxtyping", "beartype", "contextlib", "functools")


def check_finite(**arrays: ArrayLike) -> None:
    """Raise `ValueError` for the first concrete array that holds NaN or infinity."""
    for name, array in arrays.items():
        if is_concrete(array) and not np.all(np.isfinite(np.asarray(_converted(name, array)))):
            raise ValueError(f"`{name}` must be finite; it holds NaN or infinity.")


def check_positive(*, strict: bool = True, **arrays: ArrayLike) -> None:
    """Raise `ValueError` for the first concrete value that is not finite and positive (`strict=False`: or zero)."""
    for name, array in arrays.items():
        if not is_concrete(array):
            continue
        value = np.asarray(_converted(name, array))
        good = np.isfinite(value) & ((value > 0) if strict else (value >= 0))
        if not np.all(good):
            bound = "positive" if strict else "zero or positive"
            raise ValueError(f"`{name}` must be {bound} and finite; got {value[~good].ravel()[0]:g}.")


def check_ends(said: str, lo: Any, hi: Any) -> None:
    """Raise `ValueError` unless the first of two numbers, called as they are `said`, is not above the other."""
    if is_concrete(lo, hi) and not np.asarray(lo) <= np.asarray(hi):
        raise ValueError(f"{said} must be two ends, the lower one first; got {lo:g} and {hi:g}.")


MOST = 2**31 - 1
"""The largest count: steps, places and networks are counted in int32."""


def check_whole(*, least: int = 1, most: int = MOST, **values: Any) -> None:
    """Raise `ValueError` for the first value that is not a whole number from `least` to `most`."""
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
            raise ValueError(f"`{name}` must be a whole number of at least {least}; got {given(value)}.")
        check_most(f"`{name}`", value, most)


def check_times(like: Array, ts: Any, t1: Any) -> None:
    """Times at which to keep something; the last one may be within rounding beyond the end."""
    as_like(like, ts=ts)
    if np.ndim(ts) != 1:
        raise ValueError(f"`ts` must be a vector of times; got shape {np.shape(ts)}.")
    if is_concrete(ts, t1):
        times = np.asarray(ts)
        if not (np.all(np.diff(times) > 0) and np.all(times >= 0) and np.all(times <= np.asarray(t1) * (1 + 1e-6))):
            raise ValueError("`ts` must increase, from 0 or later to `t1` or earlier.")


def check_most(said: str, value: int | np.integer, most: int = MOST) -> None:
    """Raise `ValueError` for a number above `most`, the number called as it is `said`."""
    if value > most:
        raise ValueError(f"{said} must be at most {most:,}; got {value}.")


def check_neurons(width: int, dtype: Any, inputs: int = 1) -> None:
    """Raise `ValueError` unless `width` is a whole number of at least 1, and a net of it fits into memory."""
    check_whole(width=width)
    check_memory(f"A net of {width:,} neurons", (inputs + 2) * width * np.dtype(dtype).itemsize, "take fewer")


def check_vectors(**vectors: Array) -> None:
    """Raise `ValueError` unless all are vectors of one length of at least 1."""
    shapes = {name: vector.shape for name, vector in vectors.items()}
    first = next(iter(shapes.values()))
    if len(first) != 1 or first[0] < 1 or any(shape != first for shape in shapes.values()):
        given = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
        *names, last = (f"`{name}`" for name in shapes)
        raise ValueError(
            f"{', '.join(names)} and {last} must be vectors of one length of at least 1; got shapes {given}. "
            "For a batch, use jax.vmap."
        )


def check_rows(of: str, **arrays: Array) -> None:
    """Raise `ValueError` unless the first array is a matrix, and it and the vectors after it have one length."""
    (name, matrix), *vectors = arrays.items()
    first = vectors[0][1].shape
    if any(vector.shape != first for _, vector in vectors) or matrix.shape[:1] != first or 0 in matrix.shape:
        given = ", ".join(f"{each} {array.shape}" for each, array in arrays.items())
        raise ValueError(
            f"`{name}` must have a row for each {of} and a column for each input, at least one of either; "
            f"got shapes {given}. For a batch, use jax.vmap."
        )


def check_parts(of: str, rows: str, **arrays: Array) -> None:
    """`check_vectors`, where the one called `rows` may also be a matrix: then `check_rows`."""
    if arrays[rows].ndim == 2:
        check_rows(of, **{rows: arrays.pop(rows)}, **arrays)
    else:
        check_vectors(**arrays)


def check_one_dtype(net: Any, data: Any) -> None:
    """Raise `TypeError` when a net and data differ in dtype."""
    if net.b.dtype != data.y.dtype:
        raise TypeError(f"The net is {net.b.dtype} and the data are {data.y.dtype}; they must have one dtype.")


def check_one_width(start: Any, end: Any) -> None:
    """Raise `ValueError` when two nets, which something went from and to, differ in width."""
    if start.width != end.width:
        raise ValueError(f"`start` and `end` must be nets of one width; got {start.width} and {end.width}.")


def check_unbatched(vector: Array) -> None:
    """Raise `ValueError` when what should be one net, `(width,)`, or one data set, `(data,)`, is a batch of them."""
    if vector.ndim != 1:
        raise ValueError(f"This takes one net and one data set, not batches (shape {vector.shape}): use jax.vmap.")


def check_net(net: Any, *, inputs: int | None = 1) -> None:
    """Raise `TypeError` unless this is a `ReLUNet`, and `ValueError` for a batch of them, or (unless `inputs` is None,
    for any number of inputs) for one whose inputs have an axis of their own."""
    if not all(hasattr(net, part) for part in ("w", "b", "v")):
        raise TypeError(f"`net` must be a jspline.ReLUNet; got {type(net).__name__}.")
    check_unbatched(net.b)
    if inputs == 1 and net.w.ndim > 1:
        raise ValueError(f"This is for 1 input, w of shape (width,); got w of shape {net.w.shape}.")


def check_choice(*, choices: Sequence[str], **values: Any) -> None:
    """Raise `ValueError` for the first value that is none of the choices."""
    for name, value in values.items():
        if not isinstance(value, str) or value not in choices:
            listed = " or ".join([", ".join(map(repr, choices[:-1])), repr(choices[-1])])
            raise ValueError(f"`{name}` must be {listed}; got {given(value)}.")


def check_memory(what: str, size: int, instead: str) -> None:
    """Raise `ValueError` when `size` bytes are more than half of the memory of the host, and say what to do instead.

    To be asked before anything is allocated.
    """
    limit = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else float("inf")
    if size > limit / 2:
        raise ValueError(
            f"{what} takes {size / 1e9:,.1f} GB, more than half of the {limit / 1e9:,.1f} GB that there are: {instead}."
        )
