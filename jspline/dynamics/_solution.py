"""What a flow is asked for and what it returns: options, the last net, how it ended, what it met and what it cost."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from jspline._checks import check_kind, check_one_width, is_concrete
from jspline._roots import root
from jspline.charts import ReLUNet, charge
from jspline.datasets import Dataset, Table, Units
from jspline.dynamics._log import Events
from jspline.objective import value_and_grad
from jspline.problem import Problem, only_data

if TYPE_CHECKING:
    import xarray as xr


class RESULTS(eqx.Enumeration):
    """How a flow ended: `RESULTS[sol.result]` is the message, `sol.result == RESULTS.end_time` works in a batch too."""

    end_time = "The end time was reached."
    interpolated = "The loss, less the part that ties make unavoidable, fell to `loss_tol`."
    stationary = (
        "The gradient fell to `grad_tol` times the size of the parameters, both as the data see them, or to 0: a "
        "critical point, or the neighbourhood of a saddle, which looks the same for a while."
    )
    first_event = "The first event was met."
    out_of_steps = (
        "All `max_steps` were spent before the end: the net is the one at `t`, not at the end. Raise `max_steps`, "
        "lower `t1`, or loosen `rtol`; in float32, try float64 first."
    )
    left_chart = (
        "A neuron has w = 0, or its breakpoint went to infinity, where the spline chart is singular: the net is the "
        "one at `t`. Use chart='nn'."
    )
    diverged = "The loss grew by more than the tolerance explains, or the solver failed: lower `rtol`."
    not_finite = "NaN or infinity appeared in the net."


NAMES = (
    "end_time",
    "interpolated",
    "stationary",
    "first_event",
    "out_of_steps",
    "left_chart",
    "diverged",
    "not_finite",
)

codes: Any = RESULTS  # to a type checker its members are strings


def result_names(result: RESULTS) -> np.ndarray:
    """The names of result codes as an array of strings, of the shape of `result`; on the host, for batches."""
    names = np.full(np.shape(result == codes.end_time), "", dtype="<U16")
    for name in NAMES:
        names[np.asarray(result == getattr(codes, name))] = name
    return names


def member(kind: Any, names: tuple[str, ...], code: Int[Array, "..."]) -> Any:
    """The member of an enumeration whose name has this place: codes are kept as plain numbers until the end."""
    result = getattr(kind, names[0])
    for index, name in enumerate(names):
        result = kind.where(code == index, getattr(kind, name), result)
    return result


def result_codes(result: RESULTS) -> Int[Array, "..."]:
    """The results as places in `RESULT_NAMES`: plain numbers, which can be kept in arrays."""
    code = jnp.zeros(jnp.shape(result == codes.end_time), jnp.int8)
    for index, name in enumerate(NAMES):
        code = jnp.where(result == getattr(codes, name), jnp.asarray(index, jnp.int8), code)
    return code


class Options(eqx.Module):
    """What of the arguments of `flow` the engine asks; changing the arrays compiles nothing.

    Attributes:
        t1, rtol, atol, loss_tol, grad_tol, ts: as there.
        train_b0: whether the output bias moves.
        until_first: whether the first event ends the flow.
        to_each: whether each event ends a step.
    """

    t1: Array
    rtol: Array
    atol: Array
    loss_tol: Array
    grad_tol: Array
    ts: Array | None
    train_b0: Array
    until_first: Array
    to_each: Array


class Solution(eqx.Module):
    """The end of a gradient flow, and the nets on the way if `ts` were asked for.

    Attributes:
        net: the net at time `t`.
        t: the time the flow ended, a scalar.
        loss: the loss there, including the part that ties make unavoidable, a scalar.
        grad_norm: the speed |d theta / dt| there, a scalar: the length of the gradient, and of its projection where
            neurons slide on data.
        ts: the times asked for, `(times,)`, or None.
        nets: the nets at these times, with a leading axis `times`, or None. After the end they repeat the last net.
        events: the log, an `Events`, if `events` were asked for; None otherwise.
        stats: `num_steps` (every attempt), `num_accepted`, `num_rejected`, and `charge_drift`: the largest
            |c_i(t) - c_i(0)| over the larger of v_i^2 + w_i^2 + b_i^2 at t and at the start; the exact flow undoes it
            after each step, and reports the largest of a step. The exact flow also counts `num_crossings` (free
            crossings; releases are not), `num_slides` (a neuron begins to slide), `num_releases`, `num_flips` (of
            orientation), `num_nonunique` (places where the flow could have gone on differently) and `num_shortened`
            (steps that their events cut short).
        result: how it ended, one of `RESULTS`.
    """

    net: ReLUNet
    t: Float[Array, ""]
    loss: Float[Array, ""]
    grad_norm: Float[Array, ""]
    ts: Float[Array, " times"] | None
    nets: ReLUNet | None
    events: Events | None
    stats: dict[str, Array]
    result: RESULTS

    def to_xarray(
        self,
        problem: Problem | Dataset,
        *,
        units: Units | None = None,
        table: Table | None = None,
        batch: Sequence[str] = ("inits",),
        grid: int = 1001,
    ) -> "xr.Dataset":
        """The flow as labelled arrays, on the host, as `jspline flow` writes them and `plot.flow_figure` draws them.

        Of the nets at `ts` (dimension `times`), or of the last one where none were kept: `w`, `b`, `v`, `b0`, and as
        splines `beta`, `mu`, `s` (dimension `width`), and the `loss`. Of the end: the function as `fit` on a `grid`,
        `t_end`, `grad_norm`, `result`, and `stats` without their `num_`. The data are `x` and `y` (dimension `data`).
        Events are `event_time`, `event_kind`, `event_neuron` and `event_datum` (dimension `events`); in a batch each
        flow has all places of the log.

        Args:
            problem: what the flow learned.
            units: the way back, if the data were standardized: nets, function and data are in the original units then.
            table: the data to show and their names, if they are not those of the problem, `x` and `y`.
            batch: names of the leading axes of a batch of flows.
            grid: how many points there are, from a little before the data to a little beyond.

        Raises:
            ValueError: when the names are not as many as the axes, or the flows of a batch have different `ts`.
        """
        from jspline.dynamics._labelled import labelled  # xarray is slow to import

        return labelled(self, only_data(problem), units, table, tuple(batch), grid)

    def __repr__(self) -> str:
        if not is_concrete(self) or not isinstance(self.t, (jax.Array, np.ndarray)):
            return "Solution(...)"
        names, counts = np.unique(result_names(self.result), return_counts=True)
        batch = np.shape(self.t)
        of = f" of {' x '.join(map(str, batch))} flows" if batch else ""
        lines = [f"Solution{of}, width {self.net.w.shape[-1]}"]
        if batch:
            lines += [f"  {count} x {name}" for name, count in zip(names, counts, strict=True)]
        else:
            lines.append(f"  {names[0]}: {codes[self.result]}")
        rows = {"t": self.t, "loss": self.loss, "grad_norm": self.grad_norm} | {
            name: self.stats[name] for name in sorted(self.stats)
        }
        for name, value in rows.items():
            low, middle, high = np.quantile(np.asarray(value, float), [0, 0.5, 1])
            text = f"{middle:.6g}" + (f"  (from {low:.6g} to {high:.6g})" if batch else "")
            lines.append(f"  {name:14} {text}")
        return "\n".join(lines)


def terms(net: ReLUNet, low: Float[Array, ""], high: Float[Array, ""]) -> Float[Array, ""]:
    """The size of what the fit is a sum of, for data from `low` to `high`."""
    size = jnp.maximum(jnp.abs(net.w * low + net.b), jnp.abs(net.w * high + net.b))
    return jnp.abs(net.b0) + jnp.sum(jnp.abs(net.v) * size)


def judge(
    net: ReLUNet, before: Array, after: Array, undecided: Float[Array, ""], weight: Array, result: RESULTS
) -> RESULTS:
    """The result of a flow that ends at `net`, once more by its losses less what ties make unavoidable.

    Gradient flow never raises the loss. A solver may: by what its tolerance, relative to every parameter, leaves
    `undecided` in the fit, which is a sum of terms that may be larger than the sum. What is found later wins.
    """
    result = codes.where(after > 1.01 * before + weight * undecided**2 / 2, codes.diverged, result)
    numbers = jnp.concatenate([net.w, net.b, net.v, jnp.stack([net.b0, before, after])])
    return codes.where(jnp.all(jnp.isfinite(numbers)), result, codes.not_finite)


def charge_drift(start: ReLUNet, end: ReLUNet) -> Float[Array, ""]:
    """The largest |c_i(end) - c_i(start)| over the larger of v_i^2 + w_i^2 + b_i^2 at both: 0 for the exact flow.

    Raises `TypeError` for what is no net, `ValueError` for nets of two widths.
    """
    check_kind(ReLUNet, start=start, end=end)
    check_one_width(start, end)
    squares = (net.w**2 if net.on_line else jnp.sum(net.w**2, axis=-1) for net in (start, end))
    size = jnp.maximum(*(net.v**2 + square + net.b**2 for net, square in zip((start, end), squares, strict=True)))
    return jnp.max(jnp.abs(charge(end) - charge(start)) / jnp.where(size > 0, size, 1))


def slope(net: ReLUNet, data: Dataset, train_b0: Bool[Array, ""]) -> Float[Array, ""]:
    """The length of the gradient."""
    _, grad = value_and_grad(net, data)
    return length(grad, train_b0)


def length(net: ReLUNet, train_b0: Bool[Array, ""]) -> Float[Array, ""]:
    """|theta|, of all parameters that move."""
    square = jnp.sum(net.w**2 + net.b**2 + net.v**2)
    return root(square + jnp.where(train_b0, net.b0, 0) ** 2)
