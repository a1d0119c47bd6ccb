"""The options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

from jspline.datasets import NAMES

DATA_HELP = f"A CSV file, or one of {', '.join(NAMES)}."

Data = Annotated[str, typer.Argument(help=DATA_HELP)]
X = Annotated[
    str | None,
    typer.Option(help="Column of the inputs, or, where several are taken, columns: a,b. By default the first."),
]
Y = Annotated[str | None, typer.Option(help="Column of the outputs. By default the next.")]
DropMissing = Annotated[
    bool,
    typer.Option("--drop-missing", help="Leave out rows in which x or y is missing: empty, NA, NaN, null, - or ?."),
]
Width = Annotated[int, typer.Option(help="Neurons of each network.")]
Init = Annotated[
    str,
    typer.Option(
        help="Initialization: he, glorot, uniform, balanced, uniform_breakpoints, quantiles, curvature or he_unbiased."
    ),
]
Alpha = Annotated[
    float, typer.Option(help="Multiplies w and b, divides v: large for the kernel regime, small for the adaptive.")
]
Rtol = Annotated[float, typer.Option(help="Relative tolerance of a step; the absolute one is 1e-3 of it.")]
MaxSteps = Annotated[int, typer.Option(help="Most steps a network may take.")]


def folder(name: str | Path) -> Path:
    """The folder of that name; one without a name is refused, where Python takes the present one."""
    if not str(name):
        raise typer.BadParameter("must name a folder, as . for the one you are in.")
    return Path(name)


Out = Annotated[
    Path | None,
    typer.Option(parser=folder, metavar="<path>", help="Folder for figures, arrays and run.json.", show_default=False),
]
Seed = Annotated[int, typer.Option(help="Seed of everything random.")]
Dtype = Annotated[str, typer.Option(help="float64, or float32 for devices without it.")]
Device = Annotated[str | None, typer.Option(help="cpu, gpu or tpu. By default the best there is.")]
