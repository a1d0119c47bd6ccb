"""`jspline.flow`: check, convert, compile, integrate."""

import warnings
from typing import Any, Literal

import diffrax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array

from jspline._checks import Reals, check_finite, check_positive, check_unbatched, is_concrete, is_zero
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
    ts: Reals | None = None,
    loss_tol: ArrayLike = 0.0,
    grad_tol: ArrayLike = 0.0,
    until: Literal["first_event"] | None = None,
    events: int = 0,
    method: Literal["exact", "diffrax"] = "diffrax",
    chart: Literal["nn", "spline", "polar"] = "nn",
    solver: diffrax.AbstractSolver | None = None,
    stepsize_controller: diffrax.AbstractStepSizeController | None = None,
    max_steps: int | np.integer = 10_000,
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
    # Check.
    _check_choices(method, chart, until, events, max_steps)
    _check_values(net, data, t1, ts, loss_tol, grad_tol, rtol, atol)
    if chart == "spline":
        _check_breakpoints(net)

    # Convert.
    def array(value: Reals) -> Array:
        return jnp.asarray(value, net.w.dtype)

    # A grid that ends at t1 may end within rounding beyond it.
    ts = None if ts is None else jnp.minimum(array(ts), array(t1))
    options = Options(array(t1), array(rtol), array(atol), array(loss_tol), array(grad_tol), ts)
    if stepsize_controller is None:
        stepsize_controller = diffrax.PIDController(rtol=options.rtol, atol=options.atol)

    # Compile and integrate.
    return integrate(
        net,
        data,
        options,
        chart,
        diffrax.Tsit5() if solver is None else solver,
        stepsize_controller,
        int(max_steps),
        train_b0,
        stops_early=not is_zero(loss_tol, grad_tol),
    )


def _check_choices(method: str, chart: str, until: str | None, events: int, max_steps: int | np.integer) -> None:
    if method not in ("exact", "diffrax"):
        raise ValueError(f"`method` must be 'exact' or 'diffrax'; got {method!r}.")
    if method == "exact":
        raise NotImplementedError("The exact flow is not part of this version; use method='diffrax'.")
    if until is not None or events:
        raise NotImplementedError("`until` and `events` need the exact flow, which is not part of this version.")
    if chart not in CHARTS:
        raise ValueError(f"`chart` must be one of {', '.join(map(repr, CHARTS))}; got {chart!r}.")
    if isinstance(max_steps, bool) or not isinstance(max_steps, (int, np.integer)) or max_steps < 1:
        raise ValueError(f"`max_steps` must be a whole number of at least 1; got {max_steps!r}.")


def _check_values(
    net: ReLUNet, data: Dataset, t1: Any, ts: Any, loss_tol: Any, grad_tol: Any, rtol: Any, atol: Any
) -> None:
    check_unbatched(net.w)
    check_unbatched(data.x)
    if net.w.dtype != data.x.dtype:
        raise TypeError(f"The net is {net.w.dtype} and the data are {data.x.dtype}; they must have one dtype.")
    check_finite(w=net.w, b=net.b, v=net.v, b0=net.b0)
    check_positive(rtol=rtol, atol=atol)
    check_positive(strict=False, loss_tol=loss_tol, grad_tol=grad_tol)
    if is_concrete(t1):
        if not np.asarray(t1) >= 0:
            raise ValueError(f"`t1` must be zero or positive; got {float(t1):g}.")
        if np.isinf(t1) and is_zero(loss_tol, grad_tol):
            raise ValueError("With `t1` infinite nothing ends the flow: give `t1`, `loss_tol` or `grad_tol`.")
    if ts is not None:
        if np.ndim(ts) != 1:
            raise ValueError(f"`ts` must be a vector of times; got shape {np.shape(ts)}.")
        if is_concrete(ts, t1):
            times = np.asarray(ts)
            if not (np.all(np.diff(times) > 0) and np.all(times >= 0) and np.all(times <= np.asarray(t1) * (1 + 1e-6))):
                raise ValueError("`ts` must increase, from 0 or later to `t1` or earlier.")
    if is_concrete(rtol) and np.asarray(rtol) < 10 * np.finfo(net.w.dtype).eps:
        warnings.warn(
            f"{net.w.dtype} cannot hold rtol = {float(rtol):g}; set jax.config.update('jax_enable_x64', True).",
            stacklevel=3,
        )


def _check_breakpoints(net: ReLUNet) -> None:
    lost = net.degenerate()
    if is_concrete(lost) and np.any(lost):
        raise ValueError("A neuron with w = 0 has no breakpoint, so chart='spline' cannot hold it; use chart='nn'.")
