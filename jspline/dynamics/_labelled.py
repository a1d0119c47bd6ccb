"""A solution as labelled arrays."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jaxtyping import Array

from jspline._programs import compiled
from jspline.charts import ReLUNet, Spline
from jspline.datasets import Dataset, Table, Units
from jspline.dynamics._log import KINDS, Events
from jspline.dynamics._solution import Solution, result_names
from jspline.objective import loss

MARGIN = 0.04
"""How far a function is labelled beyond the data, in parts of their range."""

MEANINGS = {
    "w": "input weight",
    "b": "input bias",
    "v": "output weight",
    "b0": "output bias",
    "beta": "breakpoint",
    "mu": "delta-slope",
    "s": "orientation",
    "loss": "loss of the flow",
    "times": "time of the flow",
    "t_end": "time at which the network ended",
    "result": "how the flow ended",
    "grad_norm": "speed of the parameters at the end",
    "charge_drift": "largest relative drift of a charge; by the exact method in one step, and undone",
    "steps": "attempted steps",
    "accepted": "accepted steps",
    "rejected": "rejected steps",
    "shortened": "steps that their events cut short",
    "crossings": "breakpoints that crossed a datum freely",
    "slides": "neurons that began to slide on a datum",
    "releases": "neurons that a datum let go",
    "flips": "neurons that flipped their orientation",
    "nonunique": "places where the flow could have gone on differently",
    "event_time": "time of the event",
    "event_kind": "kind of the event",
    "event_neuron": "neuron of the event",
    "event_datum": "datum of the event",
}
"""What stands at the arrays."""


def labelled(
    sol: Solution, data: Dataset, units: Units | None, table: Table | None, batch: tuple[str, ...], size: int
) -> xr.Dataset:
    """As `Solution.to_xarray` says."""
    shape = np.shape(sol.t)
    if shape and len(batch) != len(shape):
        raise ValueError(f"`batch` must name {len(shape)} axes of the batch; got {batch}.")
    lead = batch[: len(shape)]
    if table is None:
        table = Table(data if units is None else Dataset(units.x(data.x), units.y(data.y)), "x", "y")
    x, y = np.asarray(table.data.x), np.asarray(table.data.y)
    reach = MARGIN * (x[-1] - x[0])
    grid = np.linspace(x[0] - reach, x[-1] + reach, size)
    fit = _fits(_flat(sol.net, len(shape)), units, jnp.asarray(grid)).reshape(*shape, size)
    ends = {"t_end": sol.t, "grad_norm": sol.grad_norm, "result": result_names(sol.result).tolist()}
    ends |= {name.removeprefix("num_"): value for name, value in sol.stats.items()}
    arrays = {name: (lead, value) for name, value in ends.items()} | _on_the_way(sol, data, units, lead)
    if sol.events is not None:
        arrays |= _events(sol.events, lead)
    variables: dict[str, Any] = {
        "x": ("data", x, {"long_name": table.x_name}),
        "y": ("data", y, {"long_name": table.y_name}),
        "fit": ((*lead, "grid"), np.asarray(fit), {"long_name": table.y_name}),
        "grid": ("grid", grid, {"long_name": table.x_name}),
        **{name: (dims, np.asarray(value), {"long_name": MEANINGS[name]}) for name, (dims, value) in arrays.items()},
        **{name: np.arange(count) for name, count in zip(lead, shape, strict=True)},
    }
    attrs = {"least_possible_loss": float(data.tie_constant())}
    if units is not None:
        attrs |= {name: float(getattr(units, name)) for name in ("x_mean", "x_scale", "y_mean", "y_scale")}
    return xr.Dataset(variables, attrs=attrs)


def _on_the_way(sol: Solution, data: Dataset, units: Units | None, lead: tuple[str, ...]) -> dict[str, Any]:
    """The nets that were kept, or the last one: dimensions and values."""
    arrays: dict[str, Any] = {}
    shape, path = np.shape(sol.t), lead
    nets = sol.net if sol.nets is None else sol.nets
    if sol.ts is not None:
        times = np.asarray(sol.ts).reshape(-1, sol.ts.shape[-1])
        if np.any(times != times[0]):
            raise ValueError("The flows of a batch must have the same `ts`, to share an axis.")
        shape, path = (*shape, times.shape[-1]), (*lead, "times")
        arrays["times"] = ("times",), times[0]
    nets, spline, losses = _seen(_flat(nets, len(shape)), data, units)
    sized = {"w": nets.w, "b": nets.b, "v": nets.v, "beta": spline.beta, "mu": spline.mu, "s": spline.s}
    arrays |= {name: ((*path, "width"), part.reshape(*shape, -1)) for name, part in sized.items()}
    return arrays | {name: (path, part.reshape(shape)) for name, part in (("b0", nets.b0), ("loss", losses))}


def _events(events: Events, lead: tuple[str, ...]) -> dict[str, Any]:
    """Of one flow what was written, of a batch all places: dimensions and values."""
    time, kind, neuron, datum = (np.asarray(part) for part in (events.time, events.kind, events.neuron, events.datum))
    written = ... if lead else np.isfinite(time)
    names = np.array([*KINDS, ""])[kind].astype(object)
    each = {"event_time": time, "event_kind": names, "event_neuron": neuron, "event_datum": datum}
    return {name: ((*lead, "events"), value[written]) for name, value in each.items()}


def _flat(net: ReLUNet, axes: int) -> ReLUNet:
    """With one leading axis in place of so many."""
    return jax.tree.map(lambda leaf: jnp.reshape(leaf, (-1, *np.shape(leaf)[axes:])), net)


@compiled
def _seen(nets: ReLUNet, data: Dataset, units: Units | None) -> tuple[ReLUNet, Spline, Array]:
    """Nets and splines as they are labelled, and the losses."""

    def one(net: ReLUNet) -> tuple[ReLUNet, Spline, Array]:
        there = _restored(net, units)
        return there, there.to_spline(), loss(net, data)

    return jax.vmap(one)(nets)


@compiled
def _fits(nets: ReLUNet, units: Units | None, x: Array) -> Array:
    return jax.vmap(lambda net: _restored(net, units)(x))(nets)


def _restored(net: ReLUNet, units: Units | None) -> ReLUNet:
    """In full precision, where there is one."""
    full = jax.tree.map(lambda leaf: leaf.astype(float), net)
    return full if units is None else units.restore(full)
