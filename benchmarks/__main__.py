"""`python -m benchmarks SUITE`, in a clone."""

from typing import Annotated

import typer

from benchmarks import _report, gradient

SUITES = {"gradient": gradient.run}


def main(
    suite: Annotated[str, typer.Argument(help=f"One of {', '.join(SUITES)}.")],
    smoke: Annotated[bool, typer.Option("--smoke", help="Smallest sizes, to see that it runs.")] = False,
    write: Annotated[bool, typer.Option("--write", help="Put the table into benchmarks/RESULTS.md.")] = False,
) -> None:
    """Measure a suite and print its table."""
    if suite not in SUITES:
        raise typer.BadParameter(f"there is no suite {suite!r}; choose from {', '.join(SUITES)}")
    text = SUITES[suite](smoke)
    typer.echo(text)
    if write:
        _report.write(suite, text)


typer.run(main)
