"""`jspline audit`: the paper's results as claims that run, each with a verdict."""

import json
import time
from pathlib import Path
from typing import Annotated, Any

import jax
import typer

from jspline import claims
from jspline._files import prepare, whole
from jspline._text import counted
from jspline.claims import Budget
from jspline.cli import _options as options
from jspline.cli._app import app, configure, interruptible, one_sentence
from jspline.cli._output import pictures, write_run
from jspline.cli._page import draw_figures, page, write_arrays
from jspline.cli._problem import check_seed
from jspline.cli._progress import Progress

PAGE, FIGURES = "index.html", "figures"


@app.command("audit")
def audit_command(
    full: Annotated[
        bool, typer.Option("--full/--quick", help="Larger samples, which take several times as long.")
    ] = False,
    only: Annotated[
        str | None, typer.Option(help="Ids with commas between them, as th5,remark1. By default all.")
    ] = None,
    seed: options.Seed = 0,
    out: options.Out = None,
    device: options.Device = None,
) -> None:
    """Check every equation and theorem of the paper against an independent computation.

    Each claim comes out as one of four: it holds; it is conditional, so holds under a condition that the print lacks;
    it fails as printed, and what holds in its place is checked too; or it is undecided at this budget. The verdicts
    are those of statistical tests and of bounds on rounding: audit.json has effect sizes and uncertainties.

    With --out there is a page of all that came out, index.html, one file that needs no network: statements, verdicts,
    numbers, figures, and what runs each claim again; index.html#th5 is theorem 5. Beside it are audit.json, with the
    same numbers, and figures/, with every figure as PNG and SVG and its arrays as netCDF.

    With --out every finished claim is kept, too. The same command goes on where it stopped, and a folder that holds
    another audit is refused. The same seed gives the same files.

    Examples:

    - `jspline audit --quick --out audit`

    - `jspline audit --only th5,remark1`
    """
    arguments = dict(locals())
    budget: Budget = "full" if full else "quick"
    with one_sentence():
        check_seed(seed)
        ids = [] if only is None else [name.strip() for name in only.split(",")]
        if "" in ids:
            raise ValueError(f"--only must be ids with commas between them; got {only!r}.")
        chosen = claims.select(claims.CLAIMS, ids)
        configure("float64", device, spread=True)
        if out is not None:
            prepare(out, PAGE, "audit.json", "run.json")
    began = time.perf_counter()
    with Progress(f"audit, {budget}", len(chosen), "claim") as show, one_sentence():

        def progress(done: int, _: int, record: dict[str, Any] | None) -> None:
            if record is not None:
                show(done, f"{record['id']}: {record['verdict']}")

        with interruptible(out, "the same command goes on from there"):
            audited = claims.audit(chosen, budget, seed, out=out, progress=progress)
    records = [each.record for each in audited]
    seconds = time.perf_counter() - began
    try:
        if out is not None:
            with one_sentence():
                prepare(out / FIGURES)
                with whole(out / "audit.json") as path:
                    path.write_text(json.dumps(records, indent=2) + "\n", encoding="utf-8")
                write_arrays(audited, out / FIGURES)
                write_run(out / "run.json", arguments, jax.local_devices()[0], seconds=round(seconds, 3))
    finally:
        typer.echo(claims.table(audited))
        typer.echo(
            f"{counted(len(records), 'claim')}, {budget} budget, seed {seed}: {seconds:.1f} s, compiling included."
        )
    if out is None:
        typer.echo("Nothing was written: give --out FOLDER for index.html, which shows all of it.")
        return
    with pictures(out):
        drawn: dict[str, Path] = {}
        try:
            draw_figures(audited, out / FIGURES, drawn)
        finally:  # a page without some of its figures is better than none
            with whole(out / PAGE) as path:
                path.write_text(page(audited, drawn), encoding="utf-8")
    typer.echo(f"Wrote {', '.join(str(out / name) for name in (PAGE, 'audit.json', 'run.json', FIGURES))}.")
