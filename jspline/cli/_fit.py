"""`jspline fit`: the best piecewise-linear fits of a data set, to hold what networks learn against."""

from functools import partial
from typing import Annotated, Any

import jax.numpy as jnp
import numpy as np
import typer
import xarray as xr

from jspline import plot, pwl
from jspline._files import prepare
from jspline._text import counted, told_apart
from jspline.cli import _options as options
from jspline.cli import _problem as problem
from jspline.cli._app import app, configure, one_sentence
from jspline.cli._output import draw, files, keep, labelled, table
from jspline.cli._progress import Progress
from jspline.datasets import Dataset, Table

METHODS: dict[str, Any] = {"optimal": pwl.dynamic_programming, "greedy": pwl.greedy_merge, "continuous": pwl.continuous}
"""Separate lines at their best, merged greedily, and joined lines with free knots."""

PARTS = {"optimal": 25, "greedy": 5, "continuous": 70}
"""How long each takes, about, of a hundred parts, where there are many data."""

MANY = 2000
"""Data of which a method that takes long says how far it is; with fewer it takes longer to compile the parts."""


@app.command("fit")
def fit_command(
    data: options.Data,
    x: options.X = None,
    y: options.Y = None,
    drop_missing: options.DropMissing = False,
    pieces: Annotated[str, typer.Option(help="How many lines, or auto: by Schwarz's criterion.")] = "auto",
    most: Annotated[
        int | None, typer.Option(help="Most pieces to try. By default a quarter of the x, at most 12.")
    ] = None,
    out: options.Out = None,
    dtype: options.Dtype = "float64",
    device: options.Device = None,
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
        source = problem.read(data, x, y, drop_missing)
        problem.check_size(source.x_name, source.data.x, dtype)
        problem.check_size(source.y_name, source.data.y, dtype, squares=True)
        # In float64 on the CPU so far; from here on as asked for.
        given = problem.placed(source.data, dtype)
        merged = given.merged()
        problem.warn_of_merging(source, dtype, merged.size)
        tried = _tried(asked, most, merged.size)
        if out is not None:
            prepare(out, *files("fit"))
        with Progress("fit", sum(PARTS.values()), "part", words=next(iter(METHODS)), parts=20) as progress:
            results = _results(given, asked, tried, progress)
        said = _summary(source, merged, arguments, results)
    where = next(iter(given.x.devices()))
    made = keep(out, "fit", arguments, where, said, lambda: _dataset(source, results))
    title = f"Piecewise-linear fits of {problem.called(data)}"
    draw(out, "fit", made, partial(plot.fit_figure, title=title))


def _pieces(pieces: str) -> int | None:
    if pieces == "auto":
        return None
    try:
        asked = int(pieces)
    except ValueError:
        asked = 0
    if asked < 1:
        raise ValueError(f"--pieces must be auto or a whole number of at least 1; got {pieces or 'an empty one'}.")
    return asked


def _tried(asked: int | None, most: int | None, distinct: int) -> int:
    if distinct < 2:
        raise ValueError("All x are equal: there is nothing to fit along x.")
    for name, value in (("--pieces", asked), ("--most", most)):
        if value is not None and value > distinct:
            raise ValueError(f"{name} must be at most the number of distinct x, {distinct}; got {value}.")
    if most is not None and most < 1:
        raise ValueError(f"--most must be at least 1; got {most}.")
    if most is not None and asked is not None:
        raise ValueError("--most is for --pieces auto; leave one of them out.")
    return max(1, min(distinct // 4, 12)) if most is None else most


def _results(data: Dataset, asked: int | None, tried: int, progress: Progress) -> dict[str, Any]:
    """For each method its fit, and the criteria of all numbers of pieces."""
    results, count = {}, int(np.sum(np.asarray(data.weight) > 0))
    # As where the number of pieces is chosen: an error of nothing but rounding is none.
    y = np.asarray(data.y)
    rounding = np.finfo(y.dtype).eps * (np.max(np.abs(y)) / 2 + 64 * np.ptp(y))
    before = 0
    options: dict[str, Any] = {} if asked is not None else {"most": tried}

    def said(name: str, before: int, done: float) -> None:
        progress(int(before + PARTS[name] * done), name)

    for name, method in METHODS.items():
        tell = {"progress": partial(said, name, before)} if name != "greedy" and data.size > MANY else {}
        fit = method(data, "auto" if asked is None else asked, **options, **tell)
        joined = name == "continuous"
        criteria = pwl.criterion(jnp.asarray(fit.sses), count, continuous=joined, floor=count * rounding**2)
        results[name] = fit, np.asarray(criteria)
        before += PARTS[name]
        progress(before, name)
    return results


def _summary(source: Table, merged: Dataset, arguments: dict[str, Any], results: dict[str, Any]) -> str:
    x = np.asarray(merged.x, float)
    span = float(x[-1] - x[0])
    ends = " to ".join(told_apart([x[0], x[-1]], 6))
    scores = told_apart([criteria[fit.pieces - 1] for fit, criteria in results.values()])
    sses = told_apart([float(fit.sse) for fit, _ in results.values()], 6)
    rows = []
    for (name, (fit, _)), sse, score in zip(results.items(), sses, scores, strict=True):
        rms = (float(fit.sse) / source.data.size) ** 0.5
        breaks = ", ".join(told_apart(np.asarray(fit.breaks)[:8], span=span)) + ", ..." * (fit.pieces > 9)
        rows.append([name, str(fit.pieces), sse, f"{rms:.5g}", score, breaks])
    lines = [
        f"{problem.introduced(arguments['data'], source, merged.size)}, {ends}.",
        f"Sum of squared errors of {source.y_name}, without a half; {arguments['dtype']}.",
        "",
        table(["", "pieces", "sse", "rms error", "criterion", "breaks"], rows, left=(0, 5)),
    ]
    constant = 2 * float(merged.constant)
    if constant > 0:
        ties = (
            "ties" if merged.size == source.data.merged().size else f"ties, some of them made by {arguments['dtype']}"
        )
        lines.append(f"No function of {source.x_name} has an sse below {constant:.6g} ({ties}).")
    knots = pwl.sparsest_interpolant(merged).pieces - 1
    needed = f"{counted(knots, 'knot')} {'is' if knots == 1 else 'are'} needed"
    lines.append(f"To interpolate (the means at ties), {needed}, and {'is' if knots == 1 else 'are'} enough.")
    return "\n".join(lines)


def _dataset(source: Table, results: dict[str, Any]) -> xr.Dataset:
    x, fits = np.asarray(source.data.x), [fit for fit, _ in results.values()]
    grid, widest = np.linspace(x[0], x[-1], 2001), max(len(fit.breaks) for fit in fits)
    breaks = [np.append(fit.breaks, [np.nan] * (widest - len(fit.breaks))) for fit in fits]
    each: dict[str, tuple[Any, Any, str]] = {
        "x": ("data", x, source.x_name),
        "y": ("data", source.data.y, source.y_name),
        "grid": ("grid", grid, source.x_name),
        "fit": (("kind", "grid"), [fit(jnp.asarray(grid, fit.sse.dtype)) for fit in fits], source.y_name),
        "pieces": ("kind", [fit.pieces for fit in fits], "number of lines"),
        "breaks": (("kind", "knots"), breaks, source.x_name),
        "sse": (("kind", "tried"), [fit.sses for fit in fits], "sum of squared errors, without a half"),
        "criterion": (("kind", "tried"), [criteria for _, criteria in results.values()], "Schwarz's criterion"),
        "tried": ("tried", np.arange(1, 1 + len(fits[0].sses)), "number of pieces"),
    }
    return labelled(each).assign_coords(kind=list(results))
