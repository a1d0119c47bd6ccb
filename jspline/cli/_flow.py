"""`jspline flow`: a batch of networks learns a data set by gradient flow."""

from functools import partial
from typing import Annotated, Any

import jax
import jax.numpy as jnp
import numpy as np
import typer
import xarray as xr

from jspline import kernel, plot
from jspline._checks import check_memory
from jspline._text import counted, exact
from jspline.charts import ReLUNet
from jspline.cli import _options as options
from jspline.cli import _problem as problem
from jspline.cli._app import app, on_host, one_sentence
from jspline.cli._integrate import History, integrate
from jspline.cli._output import draw, keep, table
from jspline.datasets import Dataset, Table, Units

SAVED, DECADES = 96, 6
"""Times at which the nets are kept, besides 0: so many, evenly spaced in log t over so many decades."""

METHODS = ("exact", "diffrax")


@app.command("flow")
def flow_command(
    data: options.Data,
    x: options.X = None,
    y: options.Y = None,
    drop_missing: options.DropMissing = False,
    width: options.Width = 100,
    init: options.Init = "he",
    alpha: options.Alpha = 1.0,
    inits: Annotated[int, typer.Option(help="Networks, each with its own initialization.")] = 16,
    seed: options.Seed = 0,
    t1: Annotated[float, typer.Option(help="Time to integrate to.")] = 1000.0,
    rtol: options.Rtol = 1e-4,
    max_steps: options.MaxSteps = 10_000,
    method: Annotated[
        str, typer.Option(help="exact: from crossing to crossing. diffrax: an explicit solver, as if nothing crossed.")
    ] = "exact",
    compare: Annotated[
        bool, typer.Option("--compare", help="Run both methods on the same networks; the exact run is written.")
    ] = False,
    out: options.Out = None,
    dtype: options.Dtype = "float64",
    device: options.Device = None,
) -> None:
    """A batch of networks learns a data set by gradient flow.

    The data are standardized (figures and flow.nc are in the original units again) and weighted 2/N each, so that
    loss and time are those of the mean squared error.

    The exact method finds every crossing of a breakpoint and a datum, slides where both sides push onto the datum,
    and steps over the stiffness of what lies between. Its step count grows with the logarithm of t1, that of an
    explicit solver with t1 itself. A network that has spent --max-steps is counted, warned about, and kept as far as
    it came.

    Examples:

    - `jspline flow mcycle --out demo`

    - `jspline flow my.csv --x time --y height --width 300 --alpha 10 --t1 50 --out kernel`

    - `jspline flow teacher --init uniform_breakpoints --alpha 0.3 --inits 4 --t1 1e5`

    - `jspline flow mcycle --inits 4 --t1 100 --compare`
    """
    arguments = dict(locals())
    with one_sentence():
        _check(arguments)
        (source, full, units), law = problem.begin("flow", arguments)
        drawn = jax.jit(jax.vmap(partial(problem.drawn, law, width, alpha, seed)))(jnp.arange(inits))
        problem.check_weights(drawn, alpha, dtype)
        nets, scaled = problem.placed((drawn, full), dtype)
    where = next(iter(nets.b0.devices()))
    typer.echo(_heading(source, scaled, arguments, where))
    histories = _integrated([method, *["diffrax"] * compare], nets, scaled, arguments)
    history = histories[0]
    with on_host():
        labelled = _labelled(history, scaled, source, units)
    said = _summary(history, labelled)
    facts: dict[str, Any] = {"seconds": round(history.seconds, 3), "seconds_to_compile": round(history.compiling, 3)}
    if len(histories) == 2:
        facts["compare"] = _compare(histories, scaled)
        said += f"\n{_table(facts['compare'])}"
    title = f"{counted(inits, 'ReLU network')} of width {width} learning {problem.called(data)}"
    keep(out, "flow", arguments, where, said, lambda: labelled, **facts)
    draw(out, "flow", labelled, partial(plot.flow_figure, title=title))
    if len(histories) < 1 + compare or any(each.interrupted for each in histories):
        raise typer.Exit(130)


def _check(a: dict[str, Any]) -> None:
    problem.check(a)
    kept = f"{counted(a['inits'], 'network')} of width {a['width']:,} at {SAVED + 1} times"
    size = 8 * a["inits"] * (3 * a["width"] + 1) * (SAVED + 1)
    check_memory(f"To keep {kept}", size, "take fewer or narrower ones")
    if a["method"] not in METHODS:
        raise ValueError(f"--method must be exact or diffrax; got {a['method'] or 'an empty one'}.")
    if a["compare"] and a["method"] != "exact":
        raise ValueError("--compare runs both methods and writes the exact run; leave out --method.")


def _integrated(methods: list[str], nets: ReLUNet, data: Dataset, a: dict[str, Any]) -> list[History]:
    """The flow by each method, until one is interrupted; says so."""
    times = np.concatenate([[0.0], np.geomspace(10.0**-DECADES * a["t1"], a["t1"], SAVED)])
    histories: list[History] = []
    for method in methods:
        if histories and histories[-1].interrupted:
            break
        history = integrate(method, nets, data, times, a["rtol"], a["max_steps"])
        if history is None:
            break
        histories.append(history)
    if not histories:
        typer.echo("Interrupted before the first time was reached; nothing to write.", err=True)
        raise typer.Exit(130)
    if len(histories) < len(methods):
        typer.echo("Interrupted before there was anything to compare.", err=True)
    return histories


def _labelled(history: History, data: Dataset, source: Table, units: Units) -> xr.Dataset:
    """What is written: everything as far as the flow came, and the regimes, in the original units."""
    labelled = history.solution.to_xarray(data, units=units, table=source).isel(times=slice(len(history.times)))
    labelled = labelled.drop_vars(["grad_norm", "shortened"], errors="ignore")
    regimes = jax.jit(jax.vmap(lambda net: kernel.regime(net, data)))(history.solution.net)
    labelled["result"] = labelled.result.copy(data=history.results.tolist())
    said = {"long_name": "regime index: 0 linear interpolant, 1 natural cubic spline"}
    labelled["regime"] = "inits", np.asarray(regimes), said
    labelled.loss.attrs["long_name"] = "mean squared error of the standardized data"
    labelled.times.attrs["long_name"] = "time of the flow, standardized data, p = 2/N"
    return labelled


def _heading(source: Table, data: Dataset, a: dict[str, Any], device: jax.Device) -> str:
    return (
        f"{problem.introduced(a['data'], source, data.size)}; both columns standardized.\n"
        f"{counted(a['inits'], 'network')} of width {a['width']}, "
        f"{a['init']} initialization, alpha = {exact(a['alpha'])}, seed {a['seed']}.\n"
        f"Gradient flow of the mean squared error (1/2 sum of p eps^2 with p = 2/N) to t = {exact(a['t1'])}; "
        f"{a['method']} method, "
        f"rtol {exact(a['rtol'])}, atol {exact(1e-3 * a['rtol'])}, {a['dtype']} on {device.platform}."
    )


def _summary(history: History, labelled: xr.Dataset) -> str:
    exact, floor = "crossings" in labelled, labelled.attrs["least_possible_loss"]
    rows = {
        "loss at t = 0": labelled.loss[:, 0],
        "loss at the end": labelled.loss[:, -1],
        "time of the end": labelled.t_end,
        "regime index (0 linear, 1 cubic)": labelled.regime,
        "steps": labelled.steps,
    }
    if exact:
        rows |= {
            "crossings": labelled.crossings,
            "slides on a datum": labelled.slides,
            "orientation flips": labelled.flips,
            "non-unique places": labelled.nonunique,
        }
    rows["charge drift (before rescaling)" if exact else "charge drift"] = labelled.charge_drift
    cells = [[name, *(f"{q:.4g}" for q in np.quantile(values, [0, 0.5, 1]))] for name, values in rows.items()]
    if floor > 0:
        cells.append(["least possible loss (ties in x)", f"{floor:.4g}"])
    lines = [table(["", "minimum", "median", "maximum"], cells)]
    lines += problem.endings(history.results, "end_time")
    lines.append(f"Compiled in {history.compiling:.1f} s, integrated in {history.seconds:.1f} s.")
    return "\n".join(lines)


def _compare(histories: list[History], data: Dataset) -> dict[str, Any]:
    """Both methods on the same networks: numbers for the summary and run.json."""
    exact, other = histories
    both = {"exact": exact, "diffrax": other}
    # The fits are compared at the last time that both have reached; the times are the same as far as they go.
    common = np.minimum(exact.solution.t, other.solution.t) * (1 + 1e-6)
    place = np.minimum(np.searchsorted(exact.times, common, side="right"), len(other.times)) - 1
    lanes = np.arange(len(place))
    grid = jnp.linspace(data.x[0], data.x[-1], 1001, dtype=data.x.dtype)
    evaluate = jax.jit(jax.vmap(lambda net: net(grid)))
    fits = [np.asarray(evaluate(jax.tree.map(lambda leaf: leaf[lanes, place], h.solution.nets))) for h in both.values()]
    rows = {
        name: {
            "at_the_end_time": int(np.sum(h.results == "end_time")),
            "time": float(np.median(h.solution.t)),
            "steps": float(np.median(h.solution.stats["num_steps"])),
            "loss": float(np.median(h.solution.loss)),
            "seconds": round(h.seconds, 3),
            "seconds_to_compile": round(h.compiling, 3),
            "interrupted": h.interrupted,
        }
        for name, h in both.items()
    }
    return rows | {
        "largest_difference_of_fits": float(np.max(np.abs(fits[0] - fits[1]))),
        "at_times": exact.times[place].tolist(),
    }


def _table(compared: dict[str, Any]) -> str:
    rows = {
        "networks at the end time": ("at_the_end_time", "d"),
        "time of the end, median": ("time", ".4g"),
        "steps, median": ("steps", ".6g"),
        "loss at the end, median": ("loss", ".4g"),
        "seconds, all, without compiling": ("seconds", ".1f"),
    }
    both = compared["exact"], compared["diffrax"]
    cells = [[name, *(format(column[key], form) for column in both)] for name, (key, form) in rows.items()]
    lines = ["", table(["Same networks and tolerances", "exact", "diffrax"], cells)]
    if compared["diffrax"]["interrupted"]:
        lines.append("Warning: diffrax was interrupted.")
    times, apart = compared["at_times"], compared["largest_difference_of_fits"]
    when = f"t = {min(times):.4g}" + (f" to {max(times):.4g}" if max(times) > min(times) else "")
    lines.append(
        f"Largest difference of the fits: {apart:.2g} standard deviations of y, at the last time that both reached, "
        f"{when}."
    )
    return "\n".join(lines)
