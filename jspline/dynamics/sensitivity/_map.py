"""The derivative of the exact flow, as a linear map: applied, transposed, and handed to `jax.jvp` and `jax.grad`.

Theory: docs/theory.md 9.4.
"""

import dataclasses
from typing import Any, NamedTuple

import diffrax
import equinox as eqx
import equinox.internal as eqxi
import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Bool, Float

from jspline._checks import check_memory
from jspline.charts import ReLUNet
from jspline.datasets import Dataset
from jspline.dynamics._cell import FlowTerm, flatten, in_cell, unflatten, velocity
from jspline.dynamics._compile import compiled
from jspline.dynamics._running import finish, start
from jspline.dynamics._solution import Options, Solution, codes, length
from jspline.dynamics.sensitivity._replay import Values, forward, reverse, values
from jspline.dynamics.sensitivity._tape import OBSTACLES, Tape, record
from jspline.objective import loss
from jspline.problem import Points


class Change(NamedTuple):
    """Rates of change of what a flow depends on; or the gradient of a number with respect to that.

    Attributes:
        net: of the first net.
        x, y, weight: of the data, `(data,)`.
        t1: of the end time, a scalar.
    """

    net: ReLUNet
    x: Float[Array, "... data"]
    y: Float[Array, "... data"]
    weight: Float[Array, "... data"]
    t1: Float[Array, "..."]


class Sensitivity(eqx.Module):
    """The derivative of the last net of an exact flow with respect to the first one, the data and the end time.

    `forward` applies it, `reverse` its transpose; `jax.vmap` over either shares the record of the flow. Where the flow
    ended before its end time, at rest or interpolating, the time it ended at is held.

    All derivatives are NaN where there is none (see `obstacle`); also the one in x of data that tie, and the one in a
    weight of 0: of those the flow sees one point, or none.

    Attributes:
        solution: the flow. Its steps end at each event, so that there are more of them than `jspline.flow` takes.
    """

    solution: Solution
    data: Dataset
    tape: Tape

    @property
    def obstacle(self) -> OBSTACLES:
        """Whether there is a derivative, or why not: one of `OBSTACLES`."""
        return self.tape.result()

    def forward(
        self,
        net: ReLUNet | None = None,
        *,
        x: Float[Array, " data"] | None = None,
        y: Float[Array, " data"] | None = None,
        weight: Float[Array, " data"] | None = None,
        t1: Float[Array, ""] | float | None = None,
    ) -> ReLUNet:
        """The rate of change of the last net as these change at the rates given; what is left out does not change.

        The rates have the shapes of what they change: the first net, the data in sorted order, `(data,)`, the end time.
        """
        zeros = self.zeros()
        rates = (zero if rate is None else rate for zero, rate in zip(zeros, (net, x, y, weight, t1), strict=True))
        as_arrays = jax.tree.map(lambda rate, zero: jnp.asarray(rate, zero.dtype), Change(*rates), zeros)  # type: ignore[arg-type]
        return compiled(_apply)(self, as_arrays).net

    def reverse(self, net: ReLUNet) -> Change:
        """The gradient of a number with respect to the start, given that with respect to the last net."""
        return compiled(_transpose)(self, self.zeros()._replace(net=net))

    def zeros(self) -> Change:
        """No change."""
        return jax.tree.map(
            jnp.zeros_like, Change(self.solution.net, self.data.x, self.data.y, self.data.weight, self.solution.t)
        )


def linearize(
    net: ReLUNet,
    data: Dataset,
    options: Options,
    controller: diffrax.AbstractStepSizeController,
    max_steps: int,
) -> Sensitivity:
    """Let a flow go to its end, stopping at each event, and keep its derivative."""
    row = net.width * (4 * net.w.dtype.itemsize + 1)
    check_memory(f"A record of {max_steps:,} steps of {net.width:,} neurons", max_steps * row, "lower `max_steps`")
    options = dataclasses.replace(options, to_each=jnp.ones_like(options.to_each))
    run, tape = record(start(net, data, options, controller, 0), max_steps)
    return Sensitivity(finish(run), data, tape)


def differentiate(s: Sensitivity, net: ReLUNet, data: Dataset, t1: Array) -> Solution:
    """The rate of change of the solution, for `jax.jvp`; JAX transposes it for `jax.grad`. None for what has none."""
    s = eqxi.nondifferentiable(s, msg="The exact flow has first derivatives only.")
    end = s.solution
    # Of the linear maps that JAX lets one transpose oneself, the solution of a linear system is the one that can be
    # batched. The system is never asked for, and what does not change is part of one vector with what does.
    vector, change = ravel_pytree(Change(net, data.x, data.y, data.weight, t1))
    vector = jax.lax.custom_linear_solve(
        lambda vector: vector,
        vector,
        lambda _, vector: ravel_pytree(_apply(s, change(vector)))[0],
        lambda _, vector: ravel_pytree(_transpose(s, change(vector)))[0],
    )
    last = change(vector).net
    _, lower = jax.jvp(loss, (end.net, s.data), (last, data))
    _, slower = jax.jvp(
        lambda net, *data: _speed(s.tape.term, net, _values(s.data, *data)),
        (end.net, *_varied(s.data)),
        (last, *_varied(data)),
    )
    later = jnp.where(end.result == codes.end_time, t1, 0)
    return eqx.tree_at(
        lambda s: (s.net, s.t, s.loss, s.grad_norm),
        jax.tree.map(lambda _: None, end),
        (last, later, lower, slower),
        is_leaf=lambda leaf: leaf is None,
    )


def _varied(data: Dataset) -> tuple[Any, ...]:
    return data.x, data.y, data.weight


def _values(data: Dataset, x: Array, y: Array, weight: Array) -> Values:
    """What the flow sees of the data."""
    return values(Points(eqx.tree_at(_varied, data, (x, y, weight))))


def _speed(term: FlowTerm, net: ReLUNet, at: Values) -> Array:
    """|d theta / dt|."""
    term = eqx.tree_at(lambda t: values(t.points), term, at)
    term = in_cell(term, term.active, term.pin)  # what they slide on has moved with the data
    return length(velocity(net, term.project(term.force(net))), term.train_b0)


def _unknown(data: Dataset) -> tuple[Bool[Array, " data"], Bool[Array, " data"]]:
    """Where the derivative in x, and in the weight, is not known."""
    weighs, place = data.weight > 0, jnp.cumsum(jnp.concatenate([jnp.ones(1, bool), jnp.diff(data.x) != 0])) - 1
    together = jax.ops.segment_sum(weighs.astype(jnp.int32), place, data.size)[place]
    return weighs & (together > 1), ~weighs


def _at_end(s: Sensitivity) -> tuple[ReLUNet, Array]:
    """How the last net changes with the end time; and what all derivatives are multiplied by."""
    term, net = s.tape.term, s.solution.net
    timed = s.solution.result == codes.end_time
    speed = jax.tree.map(lambda v: jnp.where(timed, v, 0), velocity(net, term.project(term.force(net))))
    return speed, jnp.where(s.tape.obstacle == 0, 1, jnp.nan).astype(net.w.dtype)


def _apply(s: Sensitivity, change: Change) -> Change:
    tied, unseen = _unknown(s.data)
    _, at = jax.jvp(lambda *data: _values(s.data, *data), _varied(s.data), (change.x, change.y, change.weight))
    last = unflatten(forward(s.tape, Points(s.data), flatten(change.net), at))
    speed, factor = _at_end(s)
    unknown = jnp.any((tied & (change.x != 0)) | (unseen & (change.weight != 0)))
    factor = jnp.where(unknown, jnp.nan, factor)
    last = jax.tree.map(lambda rate, speed: factor * (rate + change.t1 * speed), last, speed)
    return jax.tree.map(jnp.zeros_like, change)._replace(net=last)


def _transpose(s: Sensitivity, wanted: Change) -> Change:
    tied, unseen = _unknown(s.data)
    speed, factor = _at_end(s)
    net = jax.tree.map(lambda rate: factor * rate, wanted.net)
    first, at = reverse(s.tape, Points(s.data), flatten(net))
    _, pull = jax.vjp(lambda *data: _values(s.data, *data), *_varied(s.data))
    x, y, weight = pull(at)
    x, weight = jnp.where(tied, jnp.nan, x), jnp.where(unseen, jnp.nan, weight)
    return Change(unflatten(first), x, y, weight, jnp.sum(flatten(net) * flatten(speed)))
