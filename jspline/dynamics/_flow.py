"""`jspline.flow`: convert, check, compile, integrate."""

import warnings
from typing import Any, Literal

import diffrax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from jspline._checks import check_finite, check_positive, is_concrete
from jspline.charts import ReLUNet
from jspline.datasets import Dataset
from jspline.dynamics._diffrax import CHARTS, Options, integrate
from jspline.dynamics._solution import Solution


def flow(
    net: ReLUNet,
    data: Dataset,
    t1: ArrayLike = jnp.inf,
    *,
    rtol: ArrayLike,
    atol: ArrayLike,
    ts: ArrayLike | None = None,
    loss_tol: ArrayLike = 0.0,
    grad_tol: ArrayLike = 0.0,
    until: Literal["first_event"] | None = None,
    events: int = 0,
    method: Literal["exact", "diffrax"] = "diffrax",
    chart: Literal["nn", "spline", "polar"] = "nn",
    solver: diffrax.AbstractSolver | None = None,
    stepsize_controller: diffrax.AbstractStepSizeController | None = None,
    max_steps: int = 10_000,
    train_b0: bool = True,
) -> Solution:
    """Gradient flow d theta / dt = -grad L from a net, on the loss L = constant + 1/2 sum_n p_n (y_n - f(x_n))^2.

    One net and one data set; `jax.vmap`, `jax.jit` and reverse-mode `jax.grad` compose over it. Time is in units of
    1 / L: weights p_n = 2/N make it the time of the mean squared error.

    Args:
        net: where to start.
        data: what to fit.
        t1: the end time; may be infinite if a tolerance below ends the flow.
        rtol, atol: relative and absolute tolerance of a step. They have no default: they mean nothing across problems.
        ts: increasing times in [0, t1] at which to keep the net, `(times,)`. They do not change the steps.
        loss_tol: stop once the loss, less the part that ties make unavoidable, is at most this. 0 for never.
        grad_tol: stop once the gradient is at most this times the length of the parameters. 0 for never.
        until: "first_event" stops at the first crossing; for method="exact".
        events: capacity of the event log; for method="exact".
        method: "diffrax" hands the smooth field to `diffrax.diffeqsolve`. "exact" is not there yet.
        chart: the coordinates that are integrated, for method="diffrax": "nn" (w, b, v), "spline" (beta, mu, closed
            by the charge) or "polar" (r, theta).
        solver: any diffrax solver; `diffrax.Tsit5()` by default.
        stepsize_controller: any diffrax controller; `diffrax.PIDController(rtol, atol)` by default.
        max_steps: the most steps to try.
        train_b0: whether the output bias moves.

    Returns:
        A `Solution`. Look at its `result`: running out of steps, NaN or divergence do not raise, since they must not
        in a batch.

    Raises:
        ValueError: for an argument out of range, NaN in a concrete net, or a flow that nothing would end.
        NotImplementedError: for what the exact method will do.

    Numerical caveats: use float64. A general solver meets every crossing and slide as a jump of the field, which
    costs it many steps and, across the jump, its order; many steps are rejected there, and near the end of a fit it
    may run out of them without converging.
    """
    # Convert.
    dtype = net.w.dtype
    options = Options(
        t1=jnp.asarray(t1, dtype),
        loss_tol=jnp.asarray(loss_tol, dtype),
        grad_tol=jnp.asarray(grad_tol, dtype),
        ts=None if ts is None else jnp.asarray(ts, dtype),
    )
    rtol, atol = jnp.asarray(rtol, dtype), jnp.asarray(atol, dtype)

    # Check.
    _check_choices(method, chart, until, events, max_steps)
    _check_values(net, data, options, rtol, atol, chart)

    # Compile and integrate.
    return integrate(
        net,
        data,
        options,
        chart,
        diffrax.Tsit5() if solver is None else solver,
        diffrax.PIDController(rtol=rtol, atol=atol) if stepsize_controller is None else stepsize_controller,
        max_steps,
        train_b0,
        stops_early=not _is_zero(options.loss_tol, options.grad_tol),
    )


def _check_choices(method: Any, chart: Any, until: Any, events: Any, max_steps: Any) -> None:
    if method not in ("exact", "diffrax"):
        raise ValueError(f"`method` must be 'exact' or 'diffrax'; got {method!r}.")
    if method == "exact":
        raise NotImplementedError("The exact flow is not part of this version; use method='diffrax'.")
    if until is not None or events:
        raise NotImplementedError("`until` and `events` need the exact flow, which is not part of this version.")
    if chart not in CHARTS:
        raise ValueError(f"`chart` must be one of {', '.join(map(repr, CHARTS))}; got {chart!r}.")
    if isinstance(max_steps, bool) or not isinstance(max_steps, int) or max_steps < 1:
        raise ValueError(f"`max_steps` must be a whole number of at least 1; got {max_steps!r}.")


def _check_values(net: ReLUNet, data: Dataset, options: Options, rtol: Any, atol: Any, chart: str) -> None:
    if net.w.dtype != data.x.dtype:
        raise TypeError(f"The net is {net.w.dtype} and the data are {data.x.dtype}; they must have one dtype.")
    check_finite(w=net.w, b=net.b, v=net.v, b0=net.b0)
    check_positive(rtol=rtol, atol=atol)
    check_positive(strict=False, loss_tol=options.loss_tol, grad_tol=options.grad_tol)
    if is_concrete(options.t1):
        if not options.t1 >= 0:
            raise ValueError(f"`t1` must be zero or positive; got {options.t1:g}.")
        if jnp.isinf(options.t1) and _is_zero(options.loss_tol, options.grad_tol):
            raise ValueError("With `t1` infinite nothing ends the flow: give `t1`, `loss_tol` or `grad_tol`.")
    if options.ts is not None:
        if options.ts.ndim != 1:
            raise ValueError(f"`ts` must be a vector of times; got shape {options.ts.shape}.")
        if is_concrete(options.ts, options.t1):
            times = np.asarray(options.ts)
            if not (np.all(np.diff(times) > 0) and np.all(times >= 0) and np.all(times <= np.asarray(options.t1))):
                raise ValueError("`ts` must increase, from 0 or later to `t1` or earlier.")
    if chart == "spline" and is_concrete(net) and np.any(net.degenerate()):
        raise ValueError("A neuron with w = 0 has no breakpoint, so chart='spline' cannot hold it; use chart='nn'.")
    if is_concrete(rtol) and rtol < 10 * np.finfo(net.w.dtype).eps:
        warnings.warn(
            f"{net.w.dtype} cannot hold rtol = {rtol:g}; use float64 (jax.config.update('jax_enable_x64', True)).",
            stacklevel=3,
        )


def _is_zero(*values: Any) -> bool:
    return all(is_concrete(value) and not np.any(value) for value in values)
