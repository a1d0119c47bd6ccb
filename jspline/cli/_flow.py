"""`jspline flow`: a batch of networks learns a data set by gradient flow."""

import shlex
import sys
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import typer
import xarray as xr
from jax.typing import ArrayLike
from tqdm import tqdm

from jspline import init, kernel, loss, plot, rescale
from jspline.charts import ReLUNet
from jspline.cli._app import Device, Dtype, Out, Seed, app, configure, on_host, one_sentence
from jspline.cli._output import prepare, whole, write_run
from jspline.datasets import NAMES, Dataset, Table, Units, load_table, read_table
from jspline.dynamics import RESULTS, Solution, charge_drift, flow, result_names

SAVED = 96
"""Times at which the nets are kept, evenly spaced in log t over six decades."""

INTERRUPTED = "interrupted"

CODES: Any = RESULTS


def _law(name: str, width: int, data: Dataset) -> init.Law:
    """The initialization of that name; those with a choice of scale have He's delta-slopes or kernel."""
    spread = float(jnp.ptp(data.x)) / 10
    he = init.he(width)
    laws: dict[str, Callable[[], init.Law]] = {
        "he": lambda: he,
        "glorot": lambda: init.glorot(width),
        "uniform": lambda: init.Uniform(3**0.5 * he.sigma_w, 3**0.5 * he.sigma_b, 3**0.5 * he.sigma_v),
        "balanced": lambda: init.Balanced(width**-0.25),
        "uniform_breakpoints": lambda: init.UniformBreakpoints(data.x[0] - spread, data.x[-1] + spread),
        "quantiles": lambda: init.FromData(data, "quantiles"),
        "curvature": lambda: init.FromData(data, "curvature"),
    }
    if name not in laws:
        raise ValueError(f"--init must be one of {', '.join(laws)}; got {name}.")
    return laws[name]()


class History(NamedTuple):
    """What the batch went through, on the host."""

    times: np.ndarray
    nets: ReLUNet  # leaves (inits, times, ...)
    losses: np.ndarray  # (inits, times)
    results: list[str]
    t_end: np.ndarray
    steps: np.ndarray
    drift: np.ndarray


@app.command("flow")
def flow_command(
    data: Annotated[str, typer.Argument(help=f"A CSV file, or one of {', '.join(NAMES)}.")],
    x: Annotated[str | None, typer.Option(help="Column of the inputs. By default the first.")] = None,
    y: Annotated[str | None, typer.Option(help="Column of the outputs. By default the next.")] = None,
    width: Annotated[int, typer.Option(help="Neurons of each network.")] = 100,
    init: Annotated[
        str,
        typer.Option(
            help="Initialization: he, glorot, uniform, balanced, uniform_breakpoints, quantiles or curvature."
        ),
    ] = "he",
    alpha: Annotated[
        float,
        typer.Option(help="Multiplies w and b, divides v: large for the kernel regime, small for the adaptive."),
    ] = 1.0,
    inits: Annotated[int, typer.Option(help="Networks, each with its own initialization.")] = 16,
    seed: Seed = 0,
    t1: Annotated[float, typer.Option(help="Time to integrate to.")] = 100.0,
    rtol: Annotated[float, typer.Option(help="Relative tolerance of a step; the absolute one is 1e-3 of it.")] = 1e-4,
    max_steps: Annotated[int, typer.Option(help="Most steps a network may take.")] = 200_000,
    out: Out = None,
    dtype: Dtype = "float64",
    device: Device = None,
) -> None:
    """A batch of networks learns a data set by gradient flow.

    The data are standardized (figures and flow.nc are in the original units again) and weighted 2/N each, so that
    loss and time are those of the mean squared error.

    Examples:

    - `jspline flow mcycle --out demo`

    - `jspline flow my.csv --x time --y height --width 300 --alpha 10 --t1 50 --out kernel`

    - `jspline flow teacher --init uniform_breakpoints --alpha 0.3 --inits 4`
    """
    arguments = dict(locals())
    with one_sentence():
        _check(width, alpha, inits, seed, t1, rtol, max_steps)
        configure(dtype, device)
        with on_host():
            table = _read(data, x, y)
            full, units = table.data.standardize()
            full = Dataset(full.x, full.y, full.weight * 2 / full.size).merged()
            law = _law(init, width, full)
        if out is not None:
            prepare(out)
        keys = jax.vmap(lambda i: jax.random.fold_in(jax.random.key(seed), i))(jnp.arange(inits))
        nets = jax.jit(jax.vmap(lambda key: rescale(law.sample(width, key=key), alpha)))(keys)
        nets, scaled = jax.tree.map(lambda leaf: jnp.asarray(np.asarray(leaf), dtype), (nets, full))
    where = next(iter(nets.b0.devices()))
    typer.echo(_heading(table, scaled, arguments, where))
    began = time.perf_counter()

    times = np.concatenate([[0.0], np.geomspace(1e-6 * t1, t1, SAVED)])
    history = _integrate(nets, scaled, times, rtol, max_steps)
    if len(history.times) < 2:
        typer.echo("Interrupted before the first time was reached; nothing to write.", err=True)
        raise typer.Exit(130)
    regimes = np.asarray(jax.jit(jax.vmap(lambda net: kernel.regime(net, scaled)))(_last(history.nets)))
    seconds = time.perf_counter() - began

    typer.echo(_summary(history, regimes, float(scaled.constant), seconds))
    if out is not None:
        with on_host(), one_sentence():
            _write(out, _dataset(history, regimes, table, full, units), arguments, where, seconds)
        typer.echo(f"Wrote {', '.join(str(out / name) for name in ('flow.png', 'flow.svg', 'flow.nc', 'run.json'))}.")
    else:
        typer.echo("Nothing was written: give --out FOLDER for figures and arrays.")
    if INTERRUPTED in history.results:
        raise typer.Exit(130)


def _check(width: int, alpha: float, inits: int, seed: int, t1: float, rtol: float, max_steps: int) -> None:
    for name, value in (("--width", width), ("--inits", inits), ("--max-steps", max_steps)):
        if value < 1:
            raise ValueError(f"{name} must be at least 1; got {value}.")
    for name, number in (("--alpha", alpha), ("--rtol", rtol), ("--t1", t1)):
        if not (0 < number < float("inf")):
            raise ValueError(f"{name} must be positive and finite; got {number:g}.")
    if not 0 <= seed < 2**32:
        raise ValueError(f"--seed must be from 0 to 2^32 - 1; got {seed}.")


def _read(data: str, x: str | None, y: str | None) -> Table:
    if data in NAMES:
        if x is not None or y is not None:
            raise ValueError(f"--x and --y choose columns of a CSV file; {data} is built in.")
        return load_table(data)
    return read_table(data, x, y)


def _integrate(nets: ReLUNet, data: Dataset, times: np.ndarray, rtol: float, max_steps: int) -> History:
    """The flow from each time to the next, with a progress bar. Networks that have ended wait for the others."""
    inits = nets.b0.shape[0]

    @eqx.filter_jit
    def segment(nets: ReLUNet, durations: ArrayLike) -> Solution:
        run = lambda net, t: flow(net, data, t, rtol=rtol, atol=1e-3 * rtol, max_steps=max_steps)  # noqa: E731
        return jax.vmap(run)(nets, durations)

    first = np.asarray(jax.jit(jax.vmap(lambda net: loss(net, data)))(nets))
    kept = [(nets, first)]
    steps = np.zeros(inits, int)
    t_end = np.zeros(inits)
    results = np.full(inits, "end_time", dtype="<U16")
    going = np.ones(inits, bool)
    bar = tqdm(
        total=1.0,
        desc="Gradient flow",
        disable=None,
        bar_format="{desc}: {percentage:3.0f}%|{bar}| {elapsed}",
    )
    with bar:
        try:
            for before, after in pairwise(times):
                durations = jnp.asarray(np.where(going, after - before, 0.0), nets.b0.dtype)
                solution = jax.block_until_ready(segment(kept[-1][0], durations))
                taken = np.where(going, np.asarray(solution.stats["num_steps"]), 0)
                results = np.where(going, result_names(solution.result), results)
                # A network may not spend in one segment what it has no longer: then it stays where it was.
                results[going & (steps + taken > max_steps)] = "out_of_steps"
                going &= results == "end_time"
                t_end[going] = after
                steps = np.minimum(steps + taken, max_steps)
                end = (solution.net, np.asarray(solution.loss))
                kept.append(jax.tree.map(_where(going), end, kept[-1]))
                bar.update(after / times[-1] - bar.n)
                if not going.any():
                    break
        except KeyboardInterrupt:
            results[going] = INTERRUPTED
    drift = np.asarray(jax.vmap(charge_drift)(nets, kept[-1][0]))
    path, losses = jax.tree.map(lambda *leaves: np.stack([np.asarray(leaf) for leaf in leaves], axis=1), *kept)
    return History(
        times=times[: len(kept)],
        nets=path,
        losses=losses,
        results=results.tolist(),
        t_end=t_end,
        steps=steps,
        drift=drift,
    )


def _where(mask: np.ndarray) -> Callable[[Any, Any], Any]:
    return lambda new, old: jnp.where(mask.reshape(-1, *(1,) * (new.ndim - 1)), new, old)


def _last(nets: ReLUNet) -> ReLUNet:
    return jax.tree.map(lambda leaf: jnp.asarray(leaf[:, -1]), nets)


def _heading(table: Table, data: Dataset, arguments: dict[str, Any], device: jax.Device) -> str:
    a = arguments
    return (
        f"{a['data']}: {table.data.size} points, {data.size} distinct {table.x_name}; both columns standardized.\n"
        f"{a['inits']} network{'s' * (a['inits'] > 1)} of width {a['width']}, "
        f"{a['init']} initialization, alpha = {a['alpha']:g}, seed {a['seed']}.\n"
        f"Gradient flow of the mean squared error (1/2 sum of p eps^2 with p = 2/N) to t = {a['t1']:g}; "
        f"rtol {a['rtol']:g}, atol {1e-3 * a['rtol']:g}, {a['dtype']} on {device.platform}."
    )


def _summary(history: History, regimes: np.ndarray, floor: float, seconds: float) -> str:
    rows = [
        ("loss at t = 0", history.losses[:, 0]),
        ("loss at the end", history.losses[:, -1]),
        ("time of the end", history.t_end),
        ("regime index (0 linear, 1 cubic)", regimes),
        ("charge drift", history.drift),
        ("steps", history.steps),
    ]
    lines = [f"{'':34}{'minimum':>12}{'median':>12}{'maximum':>12}"]
    for name, values in rows:
        lines.append(f"{name:34}" + "".join(f"{q:12.4g}" for q in np.quantile(values, [0, 0.5, 1])))
    if floor > 0:
        lines.append(f"{'least possible loss (ties in x)':34}{floor:12.4g}")
    for name in sorted(set(history.results)):
        message = "Interrupted: what was done so far is kept." if name == INTERRUPTED else CODES[getattr(CODES, name)]
        count = history.results.count(name)
        mark = "" if name == "end_time" else "Warning: "
        lines.append(f"{mark}{count} of {len(history.results)} networks: {name}. {message}")
    lines.append(f"{seconds:.1f} s.")
    return "\n".join(lines)


def _dataset(history: History, regimes: np.ndarray, table: Table, full: Dataset, units: Units) -> xr.Dataset:
    """Everything in labelled arrays, the nets in the original units and in float64."""
    nets = jax.tree.map(lambda leaf: jnp.asarray(leaf, "float64"), history.nets)
    nets = jax.jit(jax.vmap(jax.vmap(units.restore)))(nets)
    splines = jax.jit(jax.vmap(jax.vmap(lambda net: net.to_spline())))(nets)
    x = np.asarray(table.data.x)
    margin = 0.04 * (x[-1] - x[0])
    grid = jnp.linspace(x[0] - margin, x[-1] + margin, 1001, dtype=nets.b0.dtype)
    fits = jax.jit(jax.vmap(lambda net: net(grid)))(_last(nets))
    path, batch = ("inits", "times", "width"), ("inits",)
    return xr.Dataset(
        {
            "x": ("data", x, {"long_name": table.x_name}),
            "y": ("data", np.asarray(table.data.y), {"long_name": table.y_name}),
            "w": (path, np.asarray(nets.w), {"long_name": "input weight"}),
            "b": (path, np.asarray(nets.b), {"long_name": "input bias"}),
            "v": (path, np.asarray(nets.v), {"long_name": "output weight"}),
            "b0": (path[:2], np.asarray(nets.b0), {"long_name": "output bias"}),
            "beta": (path, np.asarray(splines.beta), {"long_name": "breakpoint"}),
            "mu": (path, np.asarray(splines.mu), {"long_name": "delta-slope"}),
            "s": (path, np.asarray(splines.s), {"long_name": "orientation"}),
            "loss": (path[:2], history.losses, {"long_name": "mean squared error of the standardized data"}),
            "fit": (
                ("inits", "grid"),
                np.asarray(fits),
                {"long_name": table.y_name},
            ),
            "regime": (
                batch,
                regimes,
                {"long_name": "regime index: 0 linear interpolant, 1 natural cubic spline"},
            ),
            "charge_drift": (batch, history.drift, {"long_name": "largest relative drift of a charge"}),
            "t_end": (batch, history.t_end, {"long_name": "time at which the network ended"}),
            "steps": (batch, history.steps, {"long_name": "attempted steps"}),
            "result": (batch, history.results, {"long_name": "how the flow ended"}),
        },
        coords={
            "times": ("times", history.times, {"long_name": "time of the flow, standardized data, p = 2/N"}),
            "grid": ("grid", np.asarray(grid), {"long_name": table.x_name}),
            "inits": np.arange(len(history.results)),
        },
        attrs={
            "least_possible_loss": float(full.constant),
            **{name: float(getattr(units, name)) for name in ("x_mean", "x_scale", "y_mean", "y_scale")},
        },
    )


def _write(out: Path, dataset: xr.Dataset, arguments: dict[str, Any], device: jax.Device, seconds: float) -> None:
    with whole(out / "flow.nc") as path:
        dataset.to_netcdf(path, engine="h5netcdf")
    title = (
        f"{arguments['inits']} ReLU network{'s' * (arguments['inits'] > 1)} of width {arguments['width']} "
        f"learning {Path(arguments['data']).stem}"
    )
    figure = plot.flow_figure(
        title=title,
        x=dataset.x,
        y=dataset.y,
        x_name=dataset.x.long_name,
        y_name=dataset.y.long_name,
        grid=dataset.grid,
        fit=dataset.fit,
        times=dataset.times,
        loss=dataset.loss,
        beta=dataset.beta,
        mu=dataset.mu,
        s=dataset.s,
        floor=dataset.attrs["least_possible_loss"],
        t_end=dataset.t_end,
    )
    for name in ("flow.png", "flow.svg"):
        with whole(out / name) as path:
            plot.save(figure, path)
    command = shlex.join(["jspline", *sys.argv[1:]])
    write_run(out / "run.json", command, arguments, device, seconds=round(seconds, 3))
