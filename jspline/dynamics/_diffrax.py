"""The smooth field handed to `diffrax.diffeqsolve`, in any chart and with any solver.

The field jumps when a breakpoint crosses a datum, and slides along the jump when both sides point towards it. A
general solver does not know: it finds these places by rejecting steps, and spends most of its steps there. Its answer
is right to its tolerance between events and of first order across them.
"""

import abc
from collections.abc import Callable
from functools import partial
from typing import Any

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, PyTree

from jspline._programs import compiled
from jspline.charts import Polar, ReLUNet, Spline, charge
from jspline.datasets import Dataset
from jspline.dynamics._cell import cell
from jspline.dynamics._field import net_field, polar_field, spline_field
from jspline.dynamics._sizes import rests, unrest
from jspline.dynamics._solution import RESULTS, Options, Solution, charge_drift, codes, judge, slope, terms
from jspline.objective import loss
from jspline.problem import Points, Problem


class Chart(eqx.Module):
    """Coordinates to integrate in: what moves is the state, what does not is held here."""

    @abc.abstractmethod
    def state(self, net: ReLUNet) -> PyTree:
        """The moving coordinates of a net."""

    @abc.abstractmethod
    def net(self, state: PyTree) -> ReLUNet:
        """The net with these coordinates."""

    @abc.abstractmethod
    def field(self, state: PyTree, problem: Problem) -> PyTree:
        """The time derivative of the state."""


class NetChart(Chart):
    """w, b, v, b0."""

    def state(self, net: ReLUNet) -> ReLUNet:
        return net

    def net(self, state: ReLUNet) -> ReLUNet:
        return state

    def field(self, state: ReLUNet, problem: Problem) -> ReLUNet:
        return net_field(state, problem)


class SplineChart(Chart):
    """beta, mu, b0; the orientations and the charges do not move."""

    s: Array
    charge: Array

    def __init__(self, net: ReLUNet):
        # Neurons without a breakpoint have no place in this chart: `flow` refuses them, or says so in its result.
        self.s, self.charge = net.to_spline().s, charge(net)

    def state(self, net: ReLUNet) -> tuple[Array, ...]:
        spline = net.to_spline()
        return spline.beta, spline.mu, spline.b0

    def net(self, state: tuple[Array, ...]) -> ReLUNet:
        beta, mu, b0 = state
        return Spline(beta, mu, self.s, b0).to_net(self.charge)

    def field(self, state: tuple[Array, ...], problem: Problem) -> tuple[Array, ...]:
        beta, mu, b0 = state
        rate = spline_field(Spline(beta, mu, self.s, b0), self.charge, problem)
        return rate.beta, rate.mu, rate.b0


class PolarChart(Chart):
    """r, theta, b0; the charges do not move."""

    charge: Array

    def __init__(self, net: ReLUNet):
        self.charge = charge(net)

    def state(self, net: ReLUNet) -> tuple[Array, ...]:
        polar = net.to_polar()
        return polar.r, polar.theta, polar.b0

    def net(self, state: tuple[Array, ...]) -> ReLUNet:
        r, theta, b0 = state
        return Polar(r, theta, self.charge, b0).to_net()

    def field(self, state: tuple[Array, ...], problem: Problem) -> tuple[Array, ...]:
        r, theta, b0 = state
        rate = polar_field(Polar(r, theta, self.charge, b0), problem)
        return rate.r, rate.theta, rate.b0


CHARTS: dict[str, type[Chart]] = {"nn": NetChart, "spline": SplineChart, "polar": PolarChart}


@compiled
def integrate(
    net: ReLUNet,
    problem: Problem,
    options: Options,
    chart_name: str,
    solver: diffrax.AbstractSolver | None,
    controller: diffrax.AbstractStepSizeController,
    max_steps: int,
    stops_early: bool,
) -> Solution:
    """The flow of one net by `diffrax.diffeqsolve`; by `diffrax.Tsit5` for no solver."""
    chart = NetChart() if chart_name == "nn" else CHARTS[chart_name](net)
    # A neuron without a breakpoint has no place in the spline chart: then the start is returned, whatever comes out.
    misfit = jnp.any(net.degenerate()) if chart_name == "spline" else jnp.asarray(False)
    ends = _ends(chart, net, problem.data, options, stops_early)
    saveat = {"end": diffrax.SubSaveAt(t1=True)}
    if options.ts is not None:
        saveat["ts"] = diffrax.SubSaveAt(ts=options.ts)
    solution = diffrax.diffeqsolve(
        diffrax.ODETerm(lambda t, state, args: chart.field(state, problem)),
        diffrax.Tsit5() if solver is None else solver,
        t0=jnp.zeros_like(options.t1),
        t1=options.t1,
        dt0=None,
        y0=chart.state(net),
        saveat=diffrax.SaveAt(subs=saveat),
        stepsize_controller=controller,
        event=diffrax.Event(ends) if ends else None,
        max_steps=max_steps,
        throw=False,
    )
    return _solution(solution, chart, net, problem.data, options, misfit)


def _ends(
    chart: Chart, net: ReLUNet, data: Dataset, options: Options, stops_early: bool
) -> dict[str, Callable[..., Bool[Array, ""]]]:
    """What ends a flow before its time, by the name of its result."""
    least, points = data.tie_constant(), Points(data)

    def interpolated(t: Array, state: PyTree, args: PyTree, **_: PyTree) -> Bool[Array, ""]:
        return (options.loss_tol > 0) & (loss(chart.net(state), data) <= least + options.loss_tol)

    def stationary(t: Array, state: PyTree, args: PyTree, **_: PyTree) -> Bool[Array, ""]:
        point = chart.net(state)
        term = cell(point, points, options.train_b0)
        return rests(unrest(term, point, term.force(point)), options.grad_tol)

    def left_chart(t: Array, state: PyTree, args: PyTree, **_: PyTree) -> Bool[Array, ""]:
        # So far out that x - beta has lost all data and all other breakpoints: on its way through infinity.
        start = jnp.concatenate([data.x, net.to_spline().beta])
        reach = jnp.max(jnp.abs(start)) / (100 * jnp.finfo(start.dtype).eps)
        return (reach > 0) & jnp.any(jnp.abs(state[0]) > reach)

    ends = {"stationary": stationary, "interpolated": interpolated} if stops_early else {}
    return ends | {"left_chart": left_chart} if isinstance(chart, SplineChart) else ends


def _solution(solution: Any, chart: Chart, net: ReLUNet, data: Dataset, options: Options, misfit: Array) -> Solution:
    """Of `diffrax.Solution`, in a chart, ours; where the net is a `misfit`, the net as it was."""
    end = jax.tree.map(lambda y: y[0], solution.ys["end"])
    last = jax.tree.map(partial(jnp.where, misfit), net, chart.net(end))
    nets = None
    if options.ts is not None:
        saved = jnp.isfinite(solution.ts["ts"])

        def keep(y: Array, y_end: Array) -> Array:
            return jnp.where(saved.reshape(-1, *(1,) * y_end.ndim), y, y_end[None])

        path = jax.vmap(chart.net)(jax.tree.map(keep, solution.ys["ts"], end))
        nets = jax.tree.map(lambda one, y: jnp.where(misfit, one[None], y), net, path)
    return Solution(
        net=last,
        t=jnp.where(misfit, 0, solution.ts["end"][0]),
        loss=loss(last, data),
        grad_norm=slope(last, data, options.train_b0),
        ts=options.ts,
        nets=nets,
        events=None,
        stats={
            "num_steps": solution.stats["num_steps"],
            "num_accepted": solution.stats["num_accepted_steps"],
            "num_rejected": solution.stats["num_rejected_steps"],
            "charge_drift": charge_drift(net, last),
        },
        result=_result(solution, net, last, data, options, misfit),
    )


def _result(
    solution: diffrax.Solution, net: ReLUNet, last: ReLUNet, data: Dataset, options: Options, misfit: Array
) -> RESULTS:
    """How the flow from `net` to `last` ended. In order of precedence: what is found later wins."""
    result = codes.where(solution.result == diffrax.RESULTS.successful, codes.end_time, codes.diverged)
    result = codes.where(solution.result == diffrax.RESULTS.max_steps_reached, codes.out_of_steps, result)
    met = solution.event_mask or {}
    for name in ("stationary", "interpolated", "left_chart"):
        if name in met:
            result = codes.where(met[name], getattr(codes, name), result)
    points, least = Points(data), data.tie_constant()
    before, after = (loss(each, data) - least for each in (net, last))
    undecided = options.atol + options.rtol * terms(net, points.x[0], points.x[-1])
    result = codes.where(misfit, codes.left_chart, result)
    return judge(last, before, after, undecided, jnp.sum(data.weight), result)
