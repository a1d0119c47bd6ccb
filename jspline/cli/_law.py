"""`jspline law`: a Monte Carlo of an initialization law against its exact densities."""

import math
import time
from functools import partial
from typing import Annotated, Any

import jax
import numpy as np
import typer
import xarray as xr

from jspline import ensemble, plot
from jspline._files import prepare
from jspline._text import counted, exact
from jspline.cli import _options as options
from jspline.cli._app import app, configure, one_sentence
from jspline.cli._output import draw, files, keep, labelled, table
from jspline.cli._problem import check_counts, check_seed, choose_law
from jspline.cli._progress import Progress
from jspline.datasets import six_points
from jspline.init import Balanced, Gaussian, Law, glorot, he
from jspline.init._law import inputs_of

LAWS = ("he", "glorot", "uniform", "gaussian", "balanced")


KINDS = (
    "gaussian has standard deviations of 1, of which all others are multiples; balanced has the mean roughness of he, "
    "uniform its variances."
)
PLANES = (
    "With it neurons have breakplanes, and their distance gamma and delta-slope eta are compared; without, there is "
    "one input, and breakpoints. Not for uniform."
)


@app.command("law")
def law_command(
    name: Annotated[str, typer.Argument(help=f"One of {', '.join(LAWS)}. {KINDS}")],
    width: options.Width = 100,
    inputs: Annotated[int | None, typer.Option(help=f"Inputs. {PLANES}", show_default=False)] = None,
    neurons: Annotated[float, typer.Option(help="Neurons to draw, in all; 1e9 takes minutes.")] = 1e7,
    seed: options.Seed = 0,
    out: options.Out = None,
    dtype: options.Dtype = "float32",
    device: options.Device = None,
) -> None:
    """Draw networks and compare breakpoints (or breakplanes), delta-slopes and roughness with their exact laws.

    Everything is counted as it is drawn, in bins that widen with the distance from 0 (both laws have heavy tails), so
    the memory does not grow with --neurons.

    Examples:

    - `jspline law he --width 100 --out he`

    - `jspline law he --inputs 3 --out he3`

    - `jspline law uniform --neurons 1e9 --out uniform`
    """
    arguments = dict(locals())
    with one_sentence():
        if not 1 <= neurons <= 1e14:
            raise ValueError(f"--neurons must be from 1 to 1e14; got {exact(neurons)}.")
        check_counts(width=width)
        check_seed(seed)
        configure(dtype, device, spread=True)
        law = _law(name, width, inputs, dtype)
        beta, mu = (inputs or 1) ** -0.5, math.sqrt(float(law.roughness_mean(width)) / width)
        block = ensemble.LawBlock(law, width, ensemble.LawBins.around(beta, mu))
        if out is not None:
            prepare(out, *files("law"))
    each = block.nets * width
    blocks = max(1, round(neurons / each))
    if blocks * each != neurons:
        typer.echo(f"{blocks * each:,} neurons, for the {neurons:,.0f} asked for: drawn in blocks of {each:,}.")
    began = time.perf_counter()
    with Progress(f"law {name}", blocks, "neuron", each) as show:
        sample = ensemble.collect(
            block, blocks, key=jax.random.key(seed), draw=block.draw, progress=lambda done, _: show(done)
        )
    seconds = time.perf_counter() - began
    dataset = _dataset(law, width, block.bins, sample)
    called = f"{name}, width {width}" + (f", {counted(inputs, 'input')}" if inputs else "")
    said = _summary(called, dataset, seconds, dtype)
    made = keep(out, "law", arguments, jax.local_devices()[0], said, lambda: dataset, seconds=seconds)
    total = counted(dataset.attrs["neurons"], "neuron")
    title = f"The law of {name} initialization{called.removeprefix(name)}: {total}"
    draw(out, "law", made, partial(plot.law_figure, title, law, width))


def _law(name: str, width: int, inputs: int | None, dtype: str) -> Any:
    if name not in LAWS:
        raise ValueError(f"The law must be one of {', '.join(LAWS)}; got {name or 'an empty one'}.")
    if inputs is not None:
        check_counts(inputs=inputs)
    d = inputs or 1
    match name:
        case "uniform" if inputs is not None:
            raise ValueError(f"The law uniform is of one input: leave out --inputs; got {inputs}.")
        case "gaussian":
            law: Law = Gaussian(1.0, 1.0, 1.0, inputs)
        case "balanced":
            law = Balanced((4 / (width * d * (d + 3))) ** 0.25, inputs)
        case "he" | "glorot":
            law = {"he": he, "glorot": glorot}[name](width, inputs=inputs)
        case _:
            law = choose_law(name, width, six_points())
    return jax.tree.map(lambda leaf: leaf.astype(dtype), law)


def _names(law: Any) -> tuple[str, str]:
    """Of a place and a slope."""
    return ("beta", "mu") if inputs_of(law) is None else ("gamma", "eta")


def _dataset(law: Any, width: int, bins: ensemble.LawBins, sample: ensemble.LawSample) -> xr.Dataset:
    joint, excess = np.asarray(sample.joint), np.asarray(sample.excess)
    exact = jax.tree.map(lambda leaf: leaf.astype("float64"), law)
    place, slope = _names(law)
    edges = {place: bins.beta.edges(), slope: bins.mu.edges(), "excess": bins.excess.edges()}
    cdf = {each: np.asarray(getattr(exact, f"cdf_{each}")(edges[each][1:-1])) for each in (place, slope)}
    deviation = float(exact.roughness_var(width)) ** 0.5
    tail = np.cumsum(excess[::-1])[::-1] / excess.sum()
    bound = np.asarray(exact.roughness_tail(width, edges["excess"][:-1] * deviation))
    counted: dict[str, tuple[Any, Any, str]] = {
        "joint": ((place, slope), joint, "neurons in each bin"),
        "excess_count": ("excess", excess, "networks by (rho - E rho) / sd rho"),
        "tail": ("excess", tail, "share of networks from the lower edge of the bin on"),
        "tail_bound": ("excess", bound, "one-sided Chebyshev bound there (theorem 2)"),
        **{f"{each}_edge": (f"{each}_edges", edges[each], "edges of the bins") for each in edges},
        **{f"{each}_cdf": (f"{each}_inner", cdf[each], "exact cdf at inner edges") for each in cdf},
    }
    return labelled(
        counted,
        neurons=int(joint.sum()),
        networks=int(excess.sum()),
        **{
            f"ks_{each}": ensemble.kolmogorov(joint.sum(axis=1 - k), cdf[each]) for k, each in enumerate((place, slope))
        },
        roughness_mean=float(sample.rough.mean),
        roughness_error=float(sample.rough.error),
        roughness_variance=float(sample.rough.variance),
        exact_mean=float(exact.roughness_mean(width)),
        exact_variance=float(exact.roughness_var(width)),
    )


def _summary(called: str, dataset: xr.Dataset, seconds: float, dtype: str) -> str:
    a, (place, slope) = dataset.attrs, dataset.joint.dims
    neurons = "breakpoints" if place == "beta" else "breakplanes"
    critical = 1.358 / a["neurons"] ** 0.5
    ks = {each: f"{a[f'ks_{each}']:.3g} (5 % critical value {critical:.3g})" for each in (place, slope)}
    outside = dataset.joint.values[[0, -1]].sum() / a["neurons"]
    rows = [
        [f"  distance of the cdf of {place}", f"{ks[place]}; {outside:.2%} of the {neurons} are beyond all bins"],
        [f"  distance of the cdf of {slope}", ks[slope]],
        ["  mean roughness", f"{a['roughness_mean']:.6g} +- {a['roughness_error']:.2g}, exact {a['exact_mean']:.6g}"],
        ["  variance", f"{a['roughness_variance']:.6g}, exact {a['exact_variance']:.6g}"],
    ]
    for k in (k for k in (1, 2, 4) if k in dataset.excess_edge.values):
        place = int(np.searchsorted(dataset.excess_edge.values, k))
        p = ensemble.wilson(int(dataset.excess_count.values[place:].sum()), a["networks"])
        bound = f"bound of theorem 2 {float(dataset.tail_bound.values[place]):.3g}"
        rows.append([f"  P(rho - E rho >= {k} sd)", f"{p.value:.3g} ({p.low:.3g} to {p.high:.3g}), {bound}"])
    return (
        f"{called}: {counted(a['networks'], 'network')}, {counted(a['neurons'], 'neuron')} in "
        f"{seconds:.1f} s ({a['neurons'] / seconds / 1e6:,.3g} million/s, compiling included), {dtype}.\n"
        f"{table(['', ''], rows, left=(0, 1))}"
    )
