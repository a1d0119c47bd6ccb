"""Writing results: arrays, `run.json` and what was said of them, and pictures, which come last."""

import io
import json
import platform
import shlex
import sys
import warnings
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any

import jax
import numpy as np
import typer
import xarray as xr

from jspline import plot
from jspline._files import whole
from jspline.cli._app import on_host, one_sentence

WIDEST = 10_000
"""Characters of a line of a table: a terminal breaks it, a file has it whole."""

PICTURES = (".png", ".svg")
PACKAGES = ("relu-jspline", "jax", "jaxlib", "diffrax", "equinox", "numpy", "scipy", "xarray")


def table(header: Sequence[str], rows: Iterable[Sequence[str]], left: Collection[int] = (0,)) -> str:
    """Columns under their names, to the right but for those in `left`: as plain text, nothing of it cut or styled."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    grid = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, show_header=any(header))
    for k, name in enumerate(header):
        grid.add_column(Text(name), justify="left" if k in left else "right", no_wrap=True)
    for row in rows:
        grid.add_row(*(Text(cell) for cell in row))
    console = Console(file=io.StringIO(), width=WIDEST, color_system=None)
    with console.capture() as written:
        console.print(grid, crop=False)
    return "\n".join(line.rstrip() for line in written.get().splitlines())


def files(name: str) -> tuple[str, ...]:
    """What a command of that name writes: pictures, arrays and what was run; the arrays of a sweep are merged ones."""
    arrays = "ensemble" if name == "sweep" else name
    return (*(f"{name}{suffix}" for suffix in PICTURES), f"{arrays}.nc", "run.json")


def labelled(arrays: Mapping[str, tuple[Any, Any, str]], **attrs: Any) -> xr.Dataset:
    """Arrays by their names: dimensions, values, and what they are."""
    variables = {name: (dims, np.asarray(values), {"long_name": said}) for name, (dims, values, said) in arrays.items()}
    return xr.Dataset(variables, attrs=attrs)


def keep(
    out: Path | None,
    name: str,
    arguments: dict[str, Any],
    device: jax.Device,
    said: str,
    arrays: Callable[[], xr.Dataset] | None = None,
    **facts: Any,
) -> xr.Dataset | None:
    """Write NAME.nc, whose arrays are made if there is a folder, and `run.json` with more facts; the arrays, then.

    What came out is said even if it could not be written. Without `arrays` those of the command are written already.
    """
    made = None
    try:
        if out is not None:
            with on_host(), one_sentence():
                if arrays is not None:
                    made = arrays()
                    with whole(out / f"{name}.nc") as path:
                        made.to_netcdf(path, engine="h5netcdf")
                write_run(out / "run.json", arguments, device, **facts)
    finally:
        typer.echo(said)
    return made


def draw(out: Path | None, name: str, made: xr.Dataset | None, figure: Callable[[xr.Dataset], Any]) -> None:
    """Draw what `keep` has written, and say where all is."""
    if out is None or made is None:
        typer.echo("Nothing was written: give --out FOLDER for figures and arrays.")
        return
    with on_host(), pictures(out):
        drawn = figure(made)
        for suffix in PICTURES:
            with whole(out / f"{name}{suffix}") as path:
                plot.save(drawn, path)
    typer.echo(f"Wrote {', '.join(str(out / file) for file in files(name))}.")


def write_run(path: Path, arguments: dict[str, Any], device: jax.Device, **facts: Any) -> None:
    """`run.json`: what was run, with what, on what."""
    run = {
        "command": shlex.join(["jspline", *sys.argv[1:]]),
        "arguments": arguments,
        **facts,
        "device": f"{device.platform}: {device.device_kind}",
        "python": platform.python_version(),
        "versions": {name: metadata.version(name) for name in PACKAGES},
    }
    with whole(path) as temporary:
        temporary.write_text(json.dumps(run, indent=2, default=str) + "\n", encoding="utf-8")


@contextmanager
def pictures(out: Path) -> Iterator[None]:
    """Draw, when all that was computed is written already: what fails is a line on stderr and exit status 1.

    Warnings, as of characters without a font, are lines too.
    """
    with warnings.catch_warnings(record=True) as caught:
        failed = None
        try:
            yield
        except Exception as error:
            failed = " ".join(str(error).split()) or type(error).__name__
    for message in dict.fromkeys(str(each.message) for each in caught):
        typer.echo(f"Warning: {message}", err=True)
    if failed is not None:
        typer.echo(f"Warning: not all pictures could be made ({failed}); what was computed is in {out}.", err=True)
        raise typer.Exit(1)
