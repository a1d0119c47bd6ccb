"""`jspline.flow`: check, convert, compile, integrate."""

import dataclasses
from typing import Any, Literal

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array

from jspline._checks import (
    Reals,
    as_like,
    check_finite,
    check_net,
    check_one_dtype,
    check_positive,
    check_scalar,
    check_times,
    check_whole,
    is_concrete,
    is_zero,
    warn,
)
from jspline.charts import ReLUNet
from jspline.datasets import Dataset
from jspline.dynamics import _running
from jspline.dynamics._compile import compiled
from jspline.dynamics._diffrax import integrate
from jspline.dynamics._methods import Diffrax, Exact, Method, as_method
from jspline.dynamics._running import Running
from jspline.dynamics._solution import Options, Solution
from jspline.dynamics.sensitivity import Sensitivity, differentiate, linearize
from jspline.problem import MOVED, Problem, common_size, moved, plain_problem
from jspline.problem import pad as padded

FLOW_MOVED = {
    **MOVED,
    **dict.fromkeys(("until", "events"), "the method: method=jspline.dynamics.Exact(until=..., events=...)"),
    **dict.fromkeys(("chart", "solver"), "the method: method=jspline.dynamics.Diffrax(solver=..., chart=...)"),
    "stepsize_controller": "the method: jspline.dynamics.Exact(stepsize_controller=...), or Diffrax(...)",
}


@moved(**FLOW_MOVED)
def flow(
    net: ReLUNet,
    problem: Problem | Dataset,
    t1: ArrayLike = jnp.inf,
    *,
    rtol: ArrayLike,
    atol: ArrayLike,
    ts: Reals | None = None,
    loss_tol: ArrayLike = 0.0,
    grad_tol: ArrayLike = 0.0,
    max_steps: int | np.integer = 10_000,
    pad: bool = False,
    method: Method = "exact",
) -> Solution:
    """Gradient flow d theta / dt = -grad L from a net, on the loss L = constant + 1/2 sum_n p_n (y_n - f(x_n))^2.

    One net and one data set; `jax.vmap`, `jax.jit`, `jax.grad` and (exact only) `jax.jvp` compose over it: see
    `jspline.dynamics.sensitivity`. Time is in units of 1 / L: weights p_n = 2/N make it the time of the mean squared
    error.

    Args:
        net: where to start.
        problem: what to fit: data, or a `Problem` of square loss without decay.
        t1: the end time; may be infinite if a tolerance below ends the flow. Then give `grad_tol` beside `loss_tol`:
            a flow that ends in a local minimum never meets the latter, and spends all its steps.
        rtol, atol: relative and absolute tolerance of a step. They have no default: they mean nothing across problems.
        ts: increasing times in [0, t1] at which to keep the net, `(times,)`. They do not change the steps.
        loss_tol: stop once the loss, less the part that ties make unavoidable, is at most this. 0 for never.
        grad_tol: stop once the gradient is at most this times the length of the parameters, both in the coordinates
            in which the data lie about 0 and x fills [-1, 1]: where they lie, and in what unit x is, does not matter.
            0 for never.
        max_steps: the most steps to try, accepted or not.
        pad: whether to compile for the next power of two of neurons and of data (`jspline.pad`), for where many
            widths are tried. The net comes back at its own width, equal to the tolerances.
        method: `Exact(...)`, or "exact": every crossing, slide and release located, implicit steps in between.
            `Diffrax(...)`, or "diffrax": a general solver, on the field as if it were smooth.

    Returns:
        A `Solution`. Look at its `result`: running out of steps, NaN or divergence do not raise, since they must not
        in a batch.

    Raises:
        ValueError: for an argument out of range, NaN in a concrete net, or a flow that nothing would end.

    The field jumps where a breakpoint crosses a datum. There the exact flow is Filippov's: a neuron that both sides
    push onto the datum slides on it until one of them lets go. Where that leaves a choice, `num_nonunique` counts it,
    and the neuron goes where it does not see the datum. Every neuron keeps its charge v^2 - w^2 - b^2.

    Numerical caveats: use float64. Errors are relative to the size of each neuron, so that small ones count, as the
    data see it: |w| times half their range and |w x + b| at their middle, so that it does not matter where they lie
    (for data that fill [-1, 1] that is the length of (w, b, v)); and to the largest |y| or |f| where the fit is
    concerned. Events are located on the dense output of the step, to its order; many may lie in one step, whose
    effect on each other is kept to first order, and within the tolerance beyond. A neuron at (w, b) = 0 leaves once
    it has had a way out for as long as the tolerances allow. A slide ends once its neuron would have gone 1 % of what
    the tolerances allow, or there would be no end of releases as the residual vanishes. The nets that are returned
    see what the flow says that they see, to the last bit: a neuron that slides has w x = -b. A datum that is heavier
    than the others by a factor s costs steps that grow as s^(1/4). Where x is more than some thousand times their
    range from 0, rounding shortens the steps: move such data. A general solver meets every crossing and slide as
    a jump, which costs it many steps and, across the jump, its order.
    """
    problem, method = plain_problem(problem), as_method(method)
    if pad:
        ends: dict[str, Any] = {"ts": ts, "loss_tol": loss_tol, "grad_tol": grad_tol, "max_steps": max_steps}
        return _narrowed(
            flow(*_widened(net, problem, method), t1, rtol=rtol, atol=atol, method=method, **ends), net.width
        )
    check_whole(max_steps=max_steps)
    stops_first = isinstance(method, Exact) and method.until is not None
    options = _options(net, problem, t1, rtol, atol, ts, loss_tol, grad_tol, stops_first)
    controller = _controller(method, options)
    if isinstance(method, Diffrax):
        if method.chart == "spline":
            _check_breakpoints(net)
        stops_early = not is_zero(loss_tol, grad_tol)
        return integrate(net, problem, options, method.chart, method.solver, controller, int(max_steps), stops_early)
    # Only where JAX traces it can the flow be differentiated: with room for a record of its steps.
    traced = not is_concrete((net, problem, options))
    room, on_the_way = int(max_steps) if traced else 0, traced and stops_first
    steps, run = jnp.asarray(max_steps, jnp.int32), compiled(_exact, traced=traced)
    return run(net, problem.data, options, controller, int(method.events), steps, room, on_the_way)


@moved(**FLOW_MOVED)
def sensitivity(
    net: ReLUNet,
    problem: Problem | Dataset,
    t1: ArrayLike = jnp.inf,
    *,
    rtol: ArrayLike,
    atol: ArrayLike,
    loss_tol: ArrayLike = 0.0,
    grad_tol: ArrayLike = 0.0,
    max_steps: int | np.integer = 10_000,
    method: Exact | Literal["exact"] = "exact",
) -> Sensitivity:
    """The exact flow together with its derivative: with respect to the first net, the data and the end time.

    Arguments as for `jspline.flow`, whose derivatives by `jax.jvp` and `jax.grad` these are; here also with a code for
    where there is none, and many directions from one record of the flow.

    Returns:
        A `Sensitivity`. Its memory is `max_steps` rows of 33 bytes for each neuron (float64): lower it for wide nets
        and large batches.

    Raises:
        ValueError: for an argument out of range, NaN in a concrete net, or a flow that nothing would end.

    Numerical caveat: the derivative is as accurate as the flow, where no event is nearly tangential: a breakpoint that
    meets a datum at speed z' moves the event by 1 / z' of what was changed.
    """
    problem, method = plain_problem(problem), _exactly(method)
    if method.until is not None or method.events:
        raise ValueError(TO_THE_END)
    check_whole(max_steps=max_steps)
    options = _options(net, problem, t1, rtol, atol, None, loss_tol, grad_tol, False)
    return compiled(linearize)(net, problem.data, options, _controller(method, options), int(max_steps))


@moved(**FLOW_MOVED)
def start(
    net: ReLUNet,
    problem: Problem | Dataset,
    t1: ArrayLike = jnp.inf,
    *,
    rtol: ArrayLike,
    atol: ArrayLike,
    ts: Reals | None = None,
    loss_tol: ArrayLike = 0.0,
    grad_tol: ArrayLike = 0.0,
    method: Exact | Literal["exact"] = "exact",
) -> Running:
    """The exact flow as a value, before its first step; arguments as for `jspline.flow`.

    `finish(advance(start(...), max_steps))` is `flow(...)`. A `Running` is a PyTree of arrays: under `jax.vmap` it is a
    batch of flows, and it can be saved, restored and gone on with. `state.done` says whether it has ended.
    """
    problem, method = plain_problem(problem), _exactly(method)
    stops_first = method.until is not None
    options = _options(net, problem, t1, rtol, atol, ts, loss_tol, grad_tol, stops_first)
    return compiled(_running.start)(net, problem.data, options, _controller(method, options), int(method.events))


def advance(state: Running, steps: int | np.integer | Array) -> Running:
    """The flow after at most so many attempted steps more. Nothing changes once it has ended."""
    if isinstance(steps, (int, np.integer)):
        check_whole(least=0, steps=steps)
    return compiled(_running.advance)(state, jnp.asarray(steps, jnp.int32))


def finish(state: Running) -> Solution:
    """The solution as far as the flow has come: `out_of_steps` if it has not ended."""
    return compiled(_running.finish)(state)


@eqx.filter_custom_jvp
def _exact(
    net: ReLUNet,
    data: Dataset,
    options: Options,
    controller: diffrax.AbstractStepSizeController,
    capacity: int,
    max_steps: Array,
    room: int,
    on_the_way: bool,
) -> Solution:
    """The flow to its end; `room` for a record of its steps, and whether it may stop `on_the_way`, for derivatives."""
    run = _running.start(net, data, options, controller, capacity)
    return _running.finish(_running.advance(run, max_steps))


@_exact.def_jvp
def _(primals: tuple, tangents: tuple) -> tuple[Solution, Solution]:
    net, data, options, controller, capacity, _, room, on_the_way = primals
    if options.ts is not None or on_the_way or capacity:
        raise ValueError(TO_THE_END)
    if jax.tree.leaves((eqx.tree_at(lambda o: o.t1, tangents[2], None, is_leaf=_is_none), tangents[3])):
        raise ValueError("The flow has no derivative with respect to its tolerances.")
    s = linearize(net, data, options, controller, room)
    net, data, t1 = (
        jax.tree.map(lambda rate, of: jnp.zeros_like(of) if rate is None else rate, rates, of, is_leaf=_is_none)
        for rates, of in ((tangents[0], net), (tangents[1], data), (tangents[2].t1, options.t1))
    )
    return s.solution, differentiate(s, net, data, t1)


def _widened(net: ReLUNet, problem: Problem, method: Exact | Diffrax) -> tuple[ReLUNet, Problem]:
    """The same net and problem, with as many neurons and data as many others have."""
    check_net(net)
    if isinstance(method, Diffrax) and method.chart == "spline":
        raise ValueError("`pad` adds neurons without a breakpoint, which chart='spline' cannot hold; use another.")
    return padded(net, problem, width=common_size(net.width), size=common_size(problem.data.size))


def _narrowed(sol: Solution, width: int) -> Solution:
    """Without the neurons behind the first `width`."""

    def narrow(net: ReLUNet) -> ReLUNet:
        return ReLUNet(net.w[:width], net.b[:width], net.v[:width], net.b0)

    nets = None if sol.nets is None else jax.vmap(narrow)(sol.nets)
    return dataclasses.replace(sol, net=narrow(sol.net), nets=nets)


def _is_none(leaf: Any) -> bool:
    return leaf is None


TO_THE_END = "Derivatives go through `net`, `t`, `loss` and `grad_norm`: leave out `ts`, `until` and `events`."


def _exactly(method: Exact | Literal["exact"]) -> Exact:
    exact = as_method(method)
    if not isinstance(exact, Exact):
        raise ValueError("This is for the exact flow: `method` must be 'exact' or jspline.dynamics.Exact(...).")
    return exact


def _options(
    net: ReLUNet,
    problem: Problem,
    t1: ArrayLike,
    rtol: ArrayLike,
    atol: ArrayLike,
    ts: Reals | None,
    loss_tol: ArrayLike,
    grad_tol: ArrayLike,
    stops_first: bool,
) -> Options:
    """What the flow is asked for, checked, in the dtype of the net."""
    _check_values(net, problem.data, t1, ts, loss_tol, grad_tol, rtol, atol, stops_first)

    def array(value: Reals) -> Array:
        return jnp.asarray(value, net.w.dtype)

    # A grid that ends at t1 may end within rounding beyond it.
    times = None if ts is None else jnp.minimum(as_like(net.w, ts=ts), array(t1))
    return Options(
        t1=array(t1),
        rtol=array(rtol),
        atol=array(atol),
        loss_tol=array(loss_tol),
        grad_tol=array(grad_tol),
        ts=times,
        train_b0=jnp.asarray(problem.train_b0),
        until_first=jnp.asarray(stops_first),
        to_each=jnp.asarray(False),
    )


def _controller(method: Exact | Diffrax, options: Options) -> diffrax.AbstractStepSizeController:
    given = method.stepsize_controller
    return diffrax.PIDController(rtol=options.rtol, atol=options.atol) if given is None else given


def _check_values(
    net: ReLUNet,
    data: Dataset,
    t1: Any,
    ts: Any,
    loss_tol: Any,
    grad_tol: Any,
    rtol: Any,
    atol: Any,
    stops_first: bool,
) -> None:
    check_net(net)
    check_one_dtype(net, data)
    check_finite(w=net.w, b=net.b, v=net.v, b0=net.b0)
    as_like(net.w, t1=t1)
    check_scalar(t1=t1, rtol=rtol, atol=atol, loss_tol=loss_tol, grad_tol=grad_tol)
    check_positive(rtol=rtol, atol=atol)
    check_positive(strict=False, loss_tol=loss_tol, grad_tol=grad_tol)
    if is_concrete(t1):
        if not np.asarray(t1) >= 0:
            raise ValueError(f"`t1` must be zero or positive; got {float(t1):g}.")
        if np.isinf(t1) and is_zero(loss_tol, grad_tol) and not stops_first:
            raise ValueError("With `t1` infinite nothing ends the flow: give `t1`, `loss_tol`, `grad_tol` or `until`.")
    if ts is not None:
        check_times(net.w, ts, t1)
    if is_concrete(rtol) and np.asarray(rtol) < 10 * np.finfo(net.w.dtype).eps:
        warn(f"{net.w.dtype} cannot hold rtol = {float(rtol):g}; set jax.config.update('jax_enable_x64', True).")


def _check_breakpoints(net: ReLUNet) -> None:
    lost = net.degenerate()
    if is_concrete(lost) and np.any(lost):
        raise ValueError("A neuron with w = 0 has no breakpoint, so chart='spline' cannot hold it; use chart='nn'.")
