"""`jspline sweep`: a grid of flows from a TOML file, which can be interrupted and gone on with."""

import time
from functools import partial
from typing import Annotated, Any

import jax
import numpy as np
import typer
import xarray as xr

from jspline import ensemble, plot
from jspline._files import refuse_folders
from jspline._text import counted, exact, point, printable
from jspline.cli import _options as options
from jspline.cli._app import app, configure, distribute, interruptible, one_sentence
from jspline.cli._output import draw, files, keep, table
from jspline.cli._problem import check_seed, endings
from jspline.cli._progress import Progress
from jspline.cli._sweep_file import Sweep

FILE_HELP = (
    "A sweep that comes with jspline, holzmueller or regimes, or a TOML file; ./regimes is a file of that name. A CSV "
    "that it names is looked for beside it."
)

MEASURED = ("loss", "regime", "steps", "crossings", "slides")
"""What the table has of each network."""


@app.command("sweep")
def sweep_command(
    file: Annotated[str, typer.Argument(help=FILE_HELP)],
    inits: Annotated[int | None, typer.Option(help="Networks at each point, in place of the file's.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed, in place of the file's.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with what is in --out already.")] = False,
    out: options.Out = None,
    device: options.Device = None,
) -> None:
    """A grid of gradient flows: a map over alpha, width, initialization.

    With --out, what is finished is kept chunk by chunk. A sweep that died, at whatever moment, goes on with --resume
    and ends with the same numbers, bit for bit. The merged arrays are in ensemble.nc.

    Several processes share a sweep and its folder: start each with the environment that `jax.distributed` reads
    (JAX_COORDINATOR_ADDRESS, and JAX_NUM_PROCESSES and JAX_PROCESS_ID where no cluster says them). If one dies,
    JAX ends the others, what each has finished is kept, and --resume does the rest.

    Examples:

    - `jspline sweep regimes --out regimes`

    - `jspline sweep holzmueller --inits 500 --out study`

    - `jspline sweep my.toml --out there --resume`
    """
    arguments = dict(locals())
    with one_sentence():
        distribute()
        configure("float64", device, spread=True)
        sweep = Sweep.read(file)
        if resume and out is None:
            raise ValueError("--resume goes on with what is in --out: give both.")
        if inits is not None:
            sweep.grid["inits"] = inits
        if seed is not None:
            check_seed(seed)
            sweep.settings["seed"] = seed
        if out is not None:
            refuse_folders(*(out / name for name in files("sweep")))
        _ = sweep.data  # read once, before anything is traced
    began = time.perf_counter()
    with _bar(sweep) as progress, one_sentence(), interruptible(out, "--resume goes on from there"):
        result = ensemble.flow(
            sweep.make,
            sweep.grid,
            sweep.measure,
            key=jax.random.key(sweep.settings["seed"]),
            out=out,
            resume=resume,
            progress=progress,
            **sweep.flow_options(),
        )
    seconds = time.perf_counter() - began
    lanes = result.result.size
    if result.attrs["lanes_done"] < lanes:
        typer.echo(f"This process is done; {lanes - result.attrs['lanes_done']} networks are left to others.")
        return
    arguments["sweep"] = {**sweep.settings, "grid": sweep.grid, "flow": sweep.options}
    finite = _finite(result)
    said, facts = _summary(sweep, finite, seconds), {"seconds": round(seconds, 3), "lanes": lanes}
    keep(out, "sweep", arguments, jax.local_devices()[0], said, **facts)
    if bool((result.result == "not_finite").all()):
        kept = "" if out is None else f"; the arrays are in {out}"
        typer.echo(f"Warning: no network has a finite result, so there is nothing to draw{kept}.", err=True)
        raise typer.Exit(1)
    draw(out, "sweep", finite, partial(_figure, sweep))


def _finite(result: xr.Dataset) -> xr.Dataset:
    """Without the numbers of networks in which NaN or infinity appeared: those are of some time before it."""
    good = result.result != "not_finite"
    return result.assign({name: result[name].where(good) for name in MEASURED if name in result})


def _figure(sweep: Sweep, result: xr.Dataset) -> Any:
    title = sweep.settings["title"] or sweep.name
    if sweep.to_first_event:
        return plot.events_figure(title, result.met, ensemble.proportion(result.met))
    return plot.sweep_figure(title, result)


def _heading(sweep: Sweep) -> str:
    s = sweep.settings
    axes = " x ".join(f"{len(v)} {name}" for name, v in sweep.grid.items() if name != "inits" and isinstance(v, list))
    weights = "weights of a sample" if s["data"] == "six_points" else "standardized, weighted 2/N"
    options = ", ".join(
        f"{name} {exact(value)}" if isinstance(value, float) else f"{name} {value}"
        for name, value in {**sweep.options, "atol": 1e-3 * sweep.options["rtol"]}.items()
    )
    devices = ensemble.working_devices(None)
    return (
        f"{printable(s['title'] or sweep.name)}: {axes} x {sweep.grid.get('inits')} networks.\n"
        f"{printable(s['data'])} ({weights}), {s['init']} initialization, seed {s['seed']}; "
        f"{options}, {s['dtype']} on {counted(len(devices), f'{devices[0].platform} device')}."
    )


class _bar:
    """What is run, when nothing is refused any more; progress, with one number about what has come out so far."""

    def __init__(self, sweep: Sweep):
        self.sweep, self.sums = sweep, np.zeros(2)
        self.show: Progress | None = None

    def __enter__(self) -> Any:
        return self.update

    def __exit__(self, *_: object) -> None:
        if self.show is not None:
            self.show.__exit__()

    def update(self, done: int, total: int, values: dict[str, np.ndarray]) -> None:
        if self.show is None:
            typer.echo(_heading(self.sweep))
            words = "compiling" if done < total else "all were there"
            self.show = Progress(printable(self.sweep.name), total, "network", found=done, words=words)
            return
        name, words = ("met", "met a datum") if self.sweep.to_first_event else ("loss", "mean loss")
        self.sums += np.sum(values[name]), values[name].size
        self.show(done, f"{words}: {self.sums[0] / self.sums[1]:.3g}")


def _summary(sweep: Sweep, result: xr.Dataset, seconds: float) -> str:
    axes = [name for name in result.result.dims if name != "inits"]
    if sweep.to_first_event:
        header = ["", "share that met a datum, with its 95 % interval", "undecided", "steps"]
        shares = ensemble.proportion(result.met)
    else:
        names = [name for name in MEASURED if name in result]
        header = ["(medians)", *names]
    rows = []
    for place in np.ndindex(result.result.shape[:-1]):
        row = [point({name: result[name].values[i] for name, i in zip(axes, place, strict=True)})]
        if sweep.to_first_event:
            p, low, high = (float(part[place]) for part in shares)
            undecided = int(np.sum(~result.met.values[place] & ~result.certain.values[place]))
            steps = float(np.mean(result.steps.values[place]))
            rows.append([*row, f"{p:.4f} ({low:.4f} to {high:.4f})", str(undecided), f"{steps:.1f}"])
        else:
            rows.append([*row, *(_median(result[name].values[place]) for name in names)])
    lines = [table(header, rows)]
    lines += endings(result.result.values, "end_time", "interpolated", "stationary", "first_event")
    lost = int(np.sum(result.result.values == "not_finite"))
    if not sweep.to_first_event and 0 < lost < result.result.size:
        lines.append("The medians are those of the networks that are finite.")
    lines.append(f"{counted(result.result.size, 'network')} in {seconds:.1f} s, compiling included.")
    return "\n".join(lines)


def _median(values: np.ndarray) -> str:
    """Of the finite ones; in words where there are none."""
    finite = values[np.isfinite(values)]
    return f"{np.median(finite):.4g}" if finite.size else "none finite"
