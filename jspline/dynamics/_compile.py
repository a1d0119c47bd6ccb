"""How the exact flow is compiled."""

import functools
from collections.abc import Callable

import jax

from jspline._checks import in_a_trace
from jspline._programs import compiled as _compiled

SEQUENTIAL: dict[str, str | bool] = {
    "xla_cpu_scheduler_type": "CPU_SCHEDULER_TYPE_MEMORY_OPTIMIZED",
    "xla_cpu_use_fusion_emitters": False,
    "xla_cpu_experimental_ynn_fusion_type": "",
}
"""For the compiler: run the many small operations of a step one after another, since on a CPU the default spends a
third of the time on handing them out to threads; make its kernels in the older of two ways, which takes half the time
to compile and to run; and leave no product and no sum to a library, which hands them out too. Has no effect on other
devices, nor inside somebody else's `jax.jit`."""


@functools.cache
def _jit(function: Callable, staged: bool) -> Callable:
    return _compiled(function, compiler_options=None if staged else compiler_options())


def compiler_options() -> dict[str, str | bool] | None:
    """What suits the exact flow, for whoever compiles it inside a `jax.jit` of their own."""
    return dict(_known()) or None


@functools.cache
def _known() -> tuple[tuple[str, str | bool], ...]:
    """The options that this version of the compiler knows: they are its own affair, and may go."""
    return tuple(option for option in SEQUENTIAL.items() if _takes(option))


def _takes(option: tuple[str, str | bool]) -> bool:
    try:
        jax.jit(lambda x: x, compiler_options=dict([option]))(0)
    except jax.errors.JaxRuntimeError:
        return False
    return True


def compiled(function: Callable, *, traced: bool = False) -> Callable:
    """The function, compiled. Options for the compiler can only be given where nobody else is tracing or compiling."""
    return _jit(function, traced or in_a_trace())
