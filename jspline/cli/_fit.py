"""`jspline fit`: the best piecewise-linear fits of a data set, to hold what networks learn against."""

import shlex
import sys
from pathlib import Path
from typing import Annotated, Any

import jax
import jax.numpy as jnp
import numpy as np
import typer
import xarray as xr

from jspline import plot, pwl
from jspline.cli._app import Device, Dtype, Out, app, configure, one_sentence
from jspline.cli._output import prepare, whole, write_run
from jspline.cli._problem import DATA_HELP, read
from jspline.datasets import Dataset, Table

METHODS: dict[str, Any] = {
    "optimal": pwl.dynamic_programming,
    "greedy": pwl.greedy_merge,
    "continuous": pwl.continuous,
}
"""Separate lines at their best, merged greedily, and joined lines with free knots."""
FILES = ("fit.png", "fit.svg", "fit.nc", "run.json")


@app.command("fit")
def fit_command(
    data: Annotated[str, typer.Argument(help=DATA_HELP)],
    x: Annotated[str | None, typer.Option(help="Column of the inputs. By default the first.")] = None,
    y: Annotated[str | None, typer.Option(help="Column of the outputs. By default the next.")] = None,
    pieces: Annotated[str, typer.Option(help="How many lines, or auto: by Schwarz's criterion.")] = "auto",
    most: Annotated[
        int | None, typer.Option(help="Most pieces to try. By default a quarter of the x, at most 12.")
    ] = None,
    out: Out = None,
    dtype: Dtype = "float64",
    device: Device = None,
) -> None:
    """The best piecewise-linear fits of a data set: what a network of as many pieces could reach.

    Three fits: *optimal*, separate lines by dynamic programming, a global optimum; *greedy*, separate lines by merging
    neighbours, nearly as good in nearly linear time; *continuous*, joined lines with free knots, which is the function
    that a network is. Errors are sums of squares in the units of the data, without a half. The criterion is
    N log(sse / N) + k log N with k = 3 pieces - 1 parameters for separate lines and 2 pieces for joined ones.

    Examples:

    - `jspline fit mcycle --out fit`

    - `jspline fit nile --pieces 2`

    - `jspline fit my.csv --x time --y height --pieces auto --most 20 --out fit`
    """
    arguments = dict(locals())
    with one_sentence():
        asked = _pieces(pieces)
        configure(dtype, device)
        table = read(data, x, y)
        # In float64 on the CPU so far; from here on as asked for.
        given = jax.tree.map(lambda leaf: jnp.asarray(np.asarray(leaf), dtype), table.data)
        merged = given.merged()
        tried = _tried(asked, most, merged.size)
        if out is not None:
            prepare(out, *FILES)
        results = _results(given, asked, tried)
        typer.echo(_summary(table, merged, arguments, results))
        if out is not None:
            _write(out, table, results, arguments, next(iter(given.x.devices())))
    if out is not None:
        typer.echo(f"Wrote {', '.join(str(out / name) for name in FILES)}.")
    else:
        typer.echo("Nothing was written: give --out FOLDER for figures and arrays.")


def _pieces(pieces: str) -> int | None:
    if pieces == "auto":
        return None
    try:
        asked = int(pieces)
    except ValueError:
        asked = 0
    if asked < 1:
        raise ValueError(f"--pieces must be auto or a whole number of at least 1; got {pieces}.")
    return asked


def _tried(asked: int | None, most: int | None, distinct: int) -> int:
    if distinct < 2:
        raise ValueError("All x (of positive weight) are equal: there is nothing to fit along x.")
    for name, value in (("--pieces", asked), ("--most", most)):
        if value is not None and value > distinct:
            raise ValueError(f"{name} must be at most the number of distinct x, {distinct}; got {value}.")
    if most is not None and most < 1:
        raise ValueError(f"--most must be at least 1; got {most}.")
    if most is not None and asked is not None:
        raise ValueError("--most is for --pieces auto; leave one of them out.")
    return max(1, min(distinct // 4, 12)) if most is None else most


def _results(data: Dataset, asked: int | None, tried: int) -> dict[str, Any]:
    """For each method its fit, and the sums of squares and criteria of all numbers of pieces."""
    results = {}
    for name, method in METHODS.items():
        fit = method(data, "auto", most=tried) if asked is None else method(data, asked)
        joined, sses = name == "continuous", np.asarray(fit.sses)
        results[name] = {"fit": fit, "sses": sses, "criteria": np.asarray(_criterion(sses, data, joined))}
    return results


def _criterion(sses: np.ndarray, data: Dataset, joined: bool) -> np.ndarray:
    return np.asarray(pwl.criterion(jnp.asarray(sses), int(np.sum(np.asarray(data.weight) > 0)), continuous=joined))


def _summary(table: Table, merged: Dataset, arguments: dict[str, Any], results: dict[str, Any]) -> str:
    ends = f"{float(merged.x[0]):.6g} to {float(merged.x[-1]):.6g}"
    lines = [
        f"{arguments['data']}: {table.data.size} points, {merged.size} distinct {table.x_name}, {ends}.",
        f"Sum of squared errors of {table.y_name}, without a half; {arguments['dtype']}.",
        "",
        f"{'':12}{'pieces':>8}{'sse':>14}{'rms error':>12}{'criterion':>12}  breaks",
    ]
    for name, result in results.items():
        fit = result["fit"]
        rms = (float(fit.sse) / table.data.size) ** 0.5
        breaks = ", ".join(f"{b:.5g}" for b in np.asarray(fit.breaks)[:8]) + ", ..." * (fit.pieces > 9)
        score = result["criteria"][fit.pieces - 1]
        lines.append(f"{name:12}{fit.pieces:8d}{float(fit.sse):14.6g}{rms:12.5g}{score:12.5g}  {breaks}")
    constant = 2 * float(merged.constant)
    if constant > 0:
        lines.append(f"No function of {table.x_name} has an sse below {constant:.6g} (ties).")
    sparsest = pwl.sparsest_interpolant(merged)
    lines.append(f"To interpolate (the means at ties), {sparsest.pieces - 1} knots are needed, and are enough.")
    return "\n".join(lines)


def _write(out: Path, table: Table, results: dict[str, Any], arguments: dict[str, Any], device: jax.Device) -> None:
    x = np.asarray(table.data.x)
    grid = np.linspace(x[0], x[-1], 2001)
    fits = {
        name: np.asarray(result["fit"](jnp.asarray(grid, result["fit"].sse.dtype))) for name, result in results.items()
    }
    breaks = {name: np.asarray(result["fit"].breaks) for name, result in results.items()}
    tried, widest = len(next(iter(results.values()))["sses"]), max(len(b) for b in breaks.values())
    padded = [np.pad(b.astype(float), (0, widest - len(b)), constant_values=np.nan) for b in breaks.values()]
    dataset = xr.Dataset(
        {
            "x": ("data", x, {"long_name": table.x_name}),
            "y": ("data", np.asarray(table.data.y), {"long_name": table.y_name}),
            "fit": (("kind", "grid"), np.stack(list(fits.values())), {"long_name": table.y_name}),
            "pieces": ("kind", [r["fit"].pieces for r in results.values()], {"long_name": "number of lines"}),
            "breaks": (("kind", "knots"), np.stack(padded), {"long_name": table.x_name}),
            "sse": (("kind", "tried"), np.stack([r["sses"] for r in results.values()]), {
                "long_name": "sum of squared errors, without a half"}),
            "criterion": (("kind", "tried"), np.stack([r["criteria"] for r in results.values()]), {
                "long_name": "Schwarz's criterion"}),
        },
        coords={
            "kind": list(results),
            "grid": ("grid", grid, {"long_name": table.x_name}),
            "tried": ("tried", np.arange(1, tried + 1), {"long_name": "number of pieces"}),
        },
    )  # fmt: skip
    with whole(out / "fit.nc") as path:
        dataset.to_netcdf(path, engine="h5netcdf")
    # A jump is a gap in the picture.
    step = grid[1] - grid[0]
    for name in ("optimal", "greedy"):
        jumps = np.any(np.abs(grid[:, None] - breaks[name][None]) <= step, axis=1)
        fits[name] = np.where(jumps, np.nan, fits[name])
    figure = plot.fit_figure(
        title=f"Piecewise-linear fits of {Path(arguments['data']).stem}",
        x=x,
        y=np.asarray(table.data.y),
        x_name=table.x_name,
        y_name=table.y_name,
        grid=grid,
        fits=fits,
        breaks=breaks,
        sses={name: r["sses"] for name, r in results.items()},
        criteria={name: r["criteria"] for name, r in results.items()},
        pieces={name: r["fit"].pieces for name, r in results.items()},
    )
    for name in FILES[:2]:
        with whole(out / name) as path:
            plot.save(figure, path)
    write_run(out / "run.json", shlex.join(["jspline", *sys.argv[1:]]), arguments, device)
