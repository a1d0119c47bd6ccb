"""Checks of arguments, with one wording: what must hold, then what was given.

Checks of shapes and types always run. Checks of values run on concrete arrays only: under `jax.jit`, `jax.vmap` and
`jax.grad` values are not known, and the functions return codes or NaN instead of raising.
"""

import numbers
import os
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array

Reals = ArrayLike | Sequence[float | int]
"""What a vector may be given as."""


def is_concrete(*values: Any) -> bool:
    """Whether no leaf of `values` is being traced."""
    return not any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves(values))


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
        array = _numbers(name, value) if is_concrete(value) else jnp.asarray(value)
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


def check_finite(**arrays: Array) -> None:
    """Raise `ValueError` for the first concrete array that holds NaN or infinity."""
    for name, array in arrays.items():
        if is_concrete(array) and not np.all(np.isfinite(np.asarray(array))):
            raise ValueError(f"`{name}` must be finite; it holds NaN or infinity.")


def check_positive(*, strict: bool = True, **arrays: ArrayLike) -> None:
    """Raise `ValueError` for the first concrete value that is not finite and positive (`strict=False`: or zero)."""
    for name, array in arrays.items():
        if not is_concrete(array):
            continue
        value = np.asarray(array)
        good = np.isfinite(value) & ((value > 0) if strict else (value >= 0))
        if not np.all(good):
            bound = "positive" if strict else "zero or positive"
            raise ValueError(f"`{name}` must be {bound} and finite; got {value[~good].ravel()[0]:g}.")


MOST = 2**31 - 1
"""The largest count: steps, places and networks are counted in int32."""


def check_whole(*, least: int = 1, most: int = MOST, **values: Any) -> None:
    """Raise `ValueError` for the first value that is not a whole number from `least` to `most`."""
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
            raise ValueError(f"`{name}` must be a whole number of at least {least}; got {value!r}.")
        check_most(f"`{name}`", value, most)


def check_most(said: str, value: int | np.integer, most: int = MOST) -> None:
    """Raise `ValueError` for a number above `most`, the number called as it is `said`."""
    if value > most:
        raise ValueError(f"{said} must be at most {most:,}; got {value}.")


def check_neurons(width: int, dtype: Any) -> None:
    """Raise `ValueError` unless `width` is a whole number of at least 1, and a net of it fits into memory."""
    check_whole(width=width)
    check_memory(f"A net of {width:,} neurons", 3 * width * np.dtype(dtype).itemsize, "take fewer")


def check_unbatched(vector: Array) -> None:
    """Raise `ValueError` when what should be one net, `(width,)`, or one data set, `(data,)`, is a batch of them."""
    if vector.ndim != 1:
        raise ValueError(f"This takes one net and one data set, not batches (shape {vector.shape}): use jax.vmap.")


def check_choice(*, choices: Sequence[str], **values: Any) -> None:
    """Raise `ValueError` for the first value that is none of the choices."""
    for name, value in values.items():
        if value not in choices:
            listed = " or ".join([", ".join(map(repr, choices[:-1])), repr(choices[-1])])
            raise ValueError(f"`{name}` must be {listed}; got {value!r}.")


def check_memory(what: str, size: int, instead: str) -> None:
    """Raise `ValueError` when `size` bytes are more than half of the memory of the host, and say what to do instead.

    To be asked before anything is allocated.
    """
    limit = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else float("inf")
    if size > limit / 2:
        raise ValueError(f"{what} takes {size / 1e9:,.1f} GB, and there are {limit / 1e9:,.1f}: {instead}.")
