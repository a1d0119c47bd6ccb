"""How the exact flow is compiled."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jspline._checks import is_concrete
from jspline._programs import compiled as _compiled

SEQUENTIAL = {
    "xla_cpu_scheduler_type": "CPU_SCHEDULER_TYPE_MEMORY_OPTIMIZED",
    "xla_cpu_use_fusion_emitters": False,
}
"""For the compiler: run the many small operations of a step one after another, since on a CPU the default spends a
third of the time on handing them out to threads; and make its kernels in the older of two ways, which takes half the
time to compile and to run. Has no effect on other devices, nor inside somebody else's `jax.jit`."""


@functools.cache
def _jit(function: Callable, staged: bool) -> Callable:
    return _compiled(function) if staged or not _options_known() else _compiled(function, compiler_options=SEQUENTIAL)


@functools.cache
def _options_known() -> bool:
    """Whether this version of the compiler knows the options: they are its own affair, and may go."""
    try:
        jax.jit(lambda x: x, compiler_options=SEQUENTIAL)(0)
    except jax.errors.JaxRuntimeError:
        return False
    return True


def compiler_options() -> dict[str, Any] | None:
    """What suits the exact flow, for whoever compiles it inside a `jax.jit` of their own."""
    return dict(SEQUENTIAL) if _options_known() else None


def compiled(function: Callable, *, traced: bool = False) -> Callable:
    """The function, compiled. Options for the compiler can only be given where nobody else is tracing or compiling."""
    return _jit(function, traced or not is_concrete(jnp.zeros(())))
