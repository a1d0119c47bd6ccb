"""`python -m benchmarks SUITE`, in a clone."""

from collections.abc import Callable
from typing import Annotated

import jax
import typer

from benchmarks import (
    _report,
    curvature,
    ensemble,
    figure_9,
    flow,
    flow_accuracy,
    flow_batch,
    flow_wide,
    gradient,
    holzmueller,
    inputs,
    kernel,
    meanfield,
    pwl,
    sensitivity,
    spiky,
)
from jspline.ensemble import cores

SUITES: dict[str, dict[str, Callable[[bool], str]]] = {
    "gradient": {"gradient": gradient.run},
    "curvature": {
        "hessian": curvature.hessians,
        "hessian batch": curvature.batches,
        "curvature wide": curvature.wide,
    },
    "inputs": {
        "inputs hessian": inputs.hessians,
        "inputs gradient": inputs.gradients,
    },
    "flow": {
        "flow": flow.lanes,
        "flow rivals": flow.rivals,
        "flow accuracy": flow_accuracy.tolerances,
        "flow random": flow_accuracy.random,
        "flow Euler": flow_accuracy.euler,
        "flow batch": flow_batch.run,
    },
    "ensemble": {
        "ensemble lanes": ensemble.lanes,
        "ensemble law": ensemble.law,
        "ensemble device": ensemble.overview,
        "ensemble descent": holzmueller.run,
    },
    "wide": {
        "wide widths": flow_wide.widths,
        "wide descent": flow_wide.descent,
        "wide strong": flow_wide.strong,
        "wide profile": flow_wide.profile,
    },
    "sensitivity": {
        "sensitivity costs": sensitivity.costs,
        "sensitivity rivals": sensitivity.rivals,
    },
    "kernel": {
        "kernel scale": kernel.scale,
        "kernel range": kernel.reach,
        "kernel steps": kernel.steps,
        "kernel spiky": spiky.run,
    },
    "meanfield": {"meanfield": meanfield.run},
    "pwl": {
        "pwl speed": pwl.speed,
        "pwl continuous": pwl.continuous,
        "pwl figure 9": figure_9.run,
    },
}
"""For each suite, the sections of RESULTS.md that it writes, and what makes each."""


def main(
    suite: Annotated[str, typer.Argument(help=f"One of {', '.join(SUITES)}, or all.")] = "all",
    smoke: Annotated[bool, typer.Option("--smoke", help="Smallest sizes, to see that it runs.")] = False,
    write: Annotated[bool, typer.Option("--write", help="Put each table into benchmarks/RESULTS.md.")] = False,
    only: Annotated[str | None, typer.Option("--only", help="One section of the suite, such as 'flow batch'.")] = None,
) -> None:
    """Measure a suite, or all of them, and print its tables."""
    if suite == "all":
        if only is not None:
            raise typer.BadParameter("--only needs a suite")
        for name in SUITES:
            main(name, smoke, write)
        return
    if suite not in SUITES:
        raise typer.BadParameter(f"there is no suite {suite!r}; choose from {', '.join(SUITES)}")
    if only is not None and only not in SUITES[suite]:
        raise typer.BadParameter(f"{suite} has no section {only!r}; choose from {', '.join(SUITES[suite])}")
    if smoke and write:
        raise typer.BadParameter("--smoke measures nothing worth writing; leave out --smoke or --write")
    if smoke:
        jax.config.update("jax_disable_most_optimizations", True)  # they would take most of the time
    for section, measure in SUITES[suite].items():
        if only in (None, section):
            text = measure(smoke)
            typer.echo(f"{section}\n\n{text}\n")
            if write:
                _report.write(section, text)


jax.config.update("jax_num_cpu_devices", cores() + 1)  # as the command line: on a CPU ensembles use one for each core
typer.run(main)
