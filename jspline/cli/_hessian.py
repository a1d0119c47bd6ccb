"""`jspline hessian`: the curvature of the loss of one network, before and after it has learned."""

import time
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import typer
import xarray as xr

from jspline import curvature, landscape, plot, value_and_grad
from jspline._text import counted, exact
from jspline.charts import ReLUNet
from jspline.cli import _options as options
from jspline.cli import _problem as problem
from jspline.cli._app import app, on_host, one_sentence
from jspline.cli._integrate import integrate
from jspline.cli._output import draw, keep, labelled, table
from jspline.datasets import Dataset, Table

STEP = 1e-6
"""Of the finite differences, in the parameters."""


@app.command("hessian")
def hessian_command(
    data: options.Data,
    x: options.X = None,
    y: options.Y = None,
    drop_missing: options.DropMissing = False,
    width: options.Width = 50,
    init: options.Init = "he",
    alpha: options.Alpha = 1.0,
    at: Annotated[
        str | None,
        typer.Option(
            help="init: as drawn. end: after the gradient flow, beside the beginning.",
            show_default="end; init for several inputs, which the flow does not know yet",
        ),
    ] = None,
    neuron: Annotated[
        list[int] | None,
        typer.Option(
            help="Slice the loss along the breakpoint of this neuron, counted from 0; may be repeated.",
            show_default="the three with the largest |mu|; none for several inputs",
        ),
    ] = None,
    seed: options.Seed = 0,
    t1: Annotated[float, typer.Option(help="Time to integrate to, for --at end.")] = 1000.0,
    rtol: options.Rtol = 1e-4,
    max_steps: options.MaxSteps = 10_000,
    out: options.Out = None,
    dtype: options.Dtype = "float64",
    device: options.Device = None,
) -> None:
    """The Hessian of one network's loss: four ways to compute it, its spectrum, why its zeros are zero.

    The data are standardized and weighted 2/N, so that the loss is the mean squared error, as in `jspline flow`;
    everything is in these units. The network learns by the exact gradient flow, unless --at init leaves it as drawn.
    With several inputs, as `--x a,b` chooses them, there is a picture of the function in place of slices.

    The table compares the structured Hessian, of one input by sorted sums, O(N + H^2), with automatic differentiation,
    with finite differences, and with the Gram matrix, which the Hessian becomes at a critical point (theorem 5, if no v
    is 0). The census says of every zero eigenvalue whether a dead neuron, v = 0, w = 0, the scale symmetry, too few
    data, neurons that see the same ones or a change between the data causes it. The slices show the loss along single
    breakpoints: parabolas between the data, and at each datum a knot that turns the breakpoint away, lets it pass or
    holds it.

    Examples:

    - `jspline hessian mcycle --out curvature`

    - `jspline hessian sine --width 20 --init uniform_breakpoints --alpha 10`

    - `jspline hessian my.csv --at init --neuron 3 --neuron 17 --out start`

    - `jspline hessian quakes --out quakes`

    - `jspline hessian my.csv --x age,height --y weight`
    """
    arguments = dict(locals())
    with one_sentence():
        _check(arguments)
        (source, full, _), law = problem.begin("hessian", arguments)
        arguments["at"] = at = _at(at, neuron, source)
        drawn = problem.drawn(law, width, alpha, seed)
        problem.check_weights(drawn, alpha, dtype)
        net, scaled = problem.placed((drawn, full), dtype)
        jax.eval_shape(curvature.hessian, net, scaled)  # what does not fit is refused before the flow runs
        where = next(iter(net.b0.devices()))
        which = "both" if scaled.on_line else "all"
        typer.echo(
            f"{problem.introduced(data, source, scaled.size)}; {which} columns standardized.\n"
            f"One network of width {width} ({curvature.flat(net, True).size} parameters), {init} initialization, "
            f"alpha = {exact(alpha)}, seed {seed}.\n"
            f"Loss: the mean squared error (1/2 sum of p eps^2 with p = 2/N); {dtype} on {where.platform}."
        )
        points = {"at the start": net}
        if at == "end":
            points |= _learn(net, scaled, t1, rtol, max_steps)
        curved = _curved(points, scaled, neuron)
    facts = {"agreement": curved.agreement, "theorem5": curved.theorem._asdict()}
    arrays = partial(_dataset, curved, scaled, source)
    made = keep(out, "hessian", arguments, where, _summary(curved), arrays, **facts)
    title = f"The curvature of the loss of a ReLU network of width {width} on {problem.called(data)}, {curved.name}"
    draw(out, "hessian", made, partial(plot.hessian_figure, title=title))


def _at(at: str | None, neurons: list[int] | None, table: Table) -> str:
    """Where to look, for these data."""
    if table.data.on_line:
        return "end" if at is None else at
    if at == "end":
        raise ValueError("--at end needs the gradient flow, which is for one input: leave it out for several.")
    if neurons:
        raise ValueError(
            "--neuron slices along a breakpoint, of which there is none with several inputs: leave it out."
        )
    return "init"


class Curved(NamedTuple):
    """What is known of the last of the points, and by matrix of all of them."""

    name: str
    net: ReLUNet
    matrix: np.ndarray
    agreement: dict[str, Any]
    theorem: landscape.Theorem5
    census: dict[str, curvature.ZeroModes]
    spectra: dict[str, np.ndarray]
    slices: list[dict[str, Any]]


def _curved(points: dict[str, ReLUNet], data: Dataset, neurons: list[int] | None) -> Curved:
    name, net = list(points.items())[-1]
    matrices: dict[str, tuple[ReLUNet, Literal["hessian", "gram"]]] = {key: (n, "hessian") for key, n in points.items()}
    matrices["Gram matrix"] = (net, "gram")
    agreement, matrix = _agreement(net, data)
    if net.on_line:
        neurons = neurons or np.argsort(-np.abs(np.asarray(net.w * net.v)), kind="stable")[:3].tolist()
    return Curved(
        name,
        net,
        matrix,
        agreement,
        theorem=landscape.theorem5(net, data),
        census={key: curvature.zero_modes(n, data, matrix=of) for key, (n, of) in matrices.items()},
        spectra={key: np.asarray(curvature.spectrum(n, data, matrix=of)) for key, (n, of) in matrices.items()},
        slices=[jax.tree.map(np.asarray, _slice(net, data, jnp.asarray(i))) for i in neurons or []],
    )


def _check(a: dict[str, Any]) -> None:
    problem.check(a)
    if a["at"] not in ("init", "end", None):
        raise ValueError(f"--at must be init or end; got {a['at'] or 'an empty one'}.")
    width = a["width"]
    for i in a["neuron"] or []:
        if not 0 <= i < width:
            raise ValueError(f"--neuron must be from 0 to {width - 1}, the neurons of --width {width}; got {i}.")


def _learn(net: ReLUNet, data: Dataset, t1: float, rtol: float, max_steps: int) -> dict[str, ReLUNet]:
    """The net at the end of its flow, by a name for that point."""
    one = jax.tree.map(lambda leaf: leaf[None], net)
    history = integrate("exact", one, data, np.array([0.0, 1e-6 * t1, t1]), rtol, max_steps)
    if history is None:
        typer.echo("Interrupted before the network had learned anything.", err=True)
        raise typer.Exit(130)
    result, t = str(history.results[0]), float(history.solution.t[0])
    if result != "end_time":
        typer.echo(f"Warning: the flow ended with {result}; the network is the one at t = {t:.4g}.")
    return {f"at t = {t:.4g}": jax.tree.map(lambda leaf: jnp.asarray(leaf[0]), history.solution.net)}


def _agreement(net: ReLUNet, data: Dataset) -> tuple[dict[str, Any], np.ndarray]:
    """The Hessian in four ways: largest differences relative to the largest entry, and times."""
    ways: dict[str, Callable[[ReLUNet, Dataset], jax.Array]] = {
        "structured": curvature.hessian,
        "autodiff": lambda n, d: curvature.hessian(n, d, method="autodiff"),
        "gram": curvature.gram,
    }
    values, seconds = {}, {}
    for name, way in ways.items():
        compiled = jax.jit(way)
        values[name] = np.asarray(compiled(net, data))
        times: list[float] = []
        while len(times) < 5 and sum(times) < 5:
            began = time.perf_counter()
            jax.block_until_ready(compiled(net, data))
            times.append(time.perf_counter() - began)
        seconds[name] = float(np.median(times))
    matrix = values["structured"]
    size = float(np.max(np.abs(matrix)))
    differences, kept = _finite_differences(net, data)
    return {
        "autodiff": float(np.max(np.abs(values["autodiff"] - matrix))) / size,
        "finite_differences": float(np.max(np.abs((differences - matrix)[:, kept]), initial=0)) / size,
        "finite_differences_columns": int(kept.sum()),
        "gram": float(np.max(np.abs(values["gram"] - matrix))) / size,
        "seconds": seconds,
    }, matrix


def _finite_differences(net: ReLUNet, data: Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Central differences of the gradient, and which columns stay in their cell: no breakpoint within a step of a
    datum. In float64, whatever the network has."""
    with on_host():
        net, data = jax.tree.map(lambda leaf: jnp.asarray(np.asarray(leaf), "float64"), (net, data))
        theta = curvature.flat(net, True)

        def gradient(theta: jax.Array) -> jax.Array:
            return curvature.flat(value_and_grad(curvature.tangent(net, theta), data)[1], True)

        def column(i: jax.Array) -> jax.Array:
            step = STEP * jnp.eye(len(theta), dtype=theta.dtype)[i]
            return (gradient(theta + step) - gradient(theta - step)) / (2 * STEP)

        matrix = np.asarray(jax.jit(lambda: jax.lax.map(column, jnp.arange(len(theta)), batch_size=64))()).T
        w, x = (np.asarray(part).reshape(len(part), -1) for part in (net.w, data.x))
        reach = 1 + np.sum(np.abs(x), axis=1)[:, None]
        far = ~np.any(np.abs(x @ w.T + np.asarray(net.b)) <= 2 * STEP * reach, axis=0)
    return matrix, np.concatenate([np.repeat(far, w.shape[1]), far, np.ones(len(w) + 1, bool)])


@jax.jit
def _slice(net: ReLUNet, data: Dataset, i: jax.Array) -> dict[str, jax.Array]:
    """The loss along one breakpoint, over the data and a little beyond, with the types of its knots."""
    curve = landscape.slice_breakpoint(net, data, i)
    knots = landscape.classify_knots(net, data, i)
    margin = 0.08 * (data.x[-1] - data.x[0])
    beta = jnp.linspace(data.x[0] - margin, data.x[-1] + margin, 1001, dtype=data.x.dtype)
    types = {"types": knots.slice, "flow_types": knots.flow}
    return {"neuron": i, "beta": beta, "values": curve(beta), **types}


def _summary(of: Curved) -> str:
    agreement, seconds, params = of.agreement, of.agreement["seconds"], len(of.matrix)
    lost = params - agreement["finite_differences_columns"]
    left_out = f"; {counted(lost, 'column')} left out, with a breakpoint within {STEP:g} of a datum" if lost else ""
    ways = [
        ["  automatic differentiation", f"{agreement['autodiff']:.1e}", f"{1e3 * seconds['autodiff']:.3g} ms, "
         f"{_times(seconds['autodiff'] / seconds['structured'])} as long"],
        ["  finite differences", f"{agreement['finite_differences']:.1e}", f"of the gradient{left_out}"],
        ["  the Gram matrix", f"{agreement['gram']:.1e}", of.theorem.reason],
    ]  # fmt: skip
    values, modes = list(of.spectra.values()), list(of.census.values())
    # The Gram matrix has none, whatever rounding says.
    negative = [int(np.sum(v < -m.tolerance)) * (m.matrix != "gram") for v, m in zip(values, modes, strict=True)]
    rows: dict[str, list[Any]] = {
        "largest": [f"{v[-1]:.4g}" for v in values],
        "smallest": [f"{v[0]:.3g}" for v in values],
        "positive": [params - m.nullity - below for m, below in zip(modes, negative, strict=True)],
        "negative": negative,
        "zero": [m.nullity for m in modes],
    }
    for cause in curvature.CAUSES:
        if any(found := [m.counts[cause] for m in modes]):
            rows[f"  {plot.CAUSES[cause][1]}"] = found
    rows["largest stable step of GD"] = [f"{2 / v[-1]:.3g}" for v in values]
    knots = [
        [f"  neuron {each['neuron']}", f"{_knots(each['types'])};", _knots(each["flow_types"])] for each in of.slices
    ]
    slices = [
        "",
        f"Knots along single breakpoints {of.name}: of the slice, and of the flow",
        table([""] * 3, knots, left=(0, 1, 2)),
    ]
    way = "sorted sums" if of.net.on_line else "products of matrices"
    return "\n".join(
        [
            "",
            f"The Hessian {of.name}, {way} ({1e3 * seconds['structured']:.3g} ms) against",
            table([""] * 3, ways, left=(0, 2)),
            "  (largest difference over largest entry)",
            "",
            table(["Eigenvalues", *of.spectra], [[f"  {name}", *map(str, row)] for name, row in rows.items()]),
            *(slices if knots else []),
        ]
    )


def _times(ratio: float) -> str:
    """A ratio in two digits, as 0.46 times, 24 times, 120 times."""
    return f"{exact(float(f'{ratio:.2g}'))} times"


def _knots(types: np.ndarray) -> str:
    return ", ".join(counted(int(np.sum(types == k)), knot) for k, knot in enumerate(landscape.KNOTS))


def _dataset(of: Curved, data: Dataset, titles: Table) -> xr.Dataset:
    """Everything in labelled arrays, in standardized units."""
    net = of.net
    inputs = [""] if net.on_line else [f", {d}" for d in range(net.inputs)]
    names = [f"w[{i}{d}]" for i in range(net.width) for d in inputs]
    names += [f"{kind}[{i}]" for kind in "bv" for i in range(net.width)] + ["b0"]
    census, causes = list(of.census.values()), list(curvature.CAUSES)
    zeros = np.array([[modes.counts[cause] for cause in causes] for modes in census])
    x_name = titles.x_name
    each: dict[str, tuple[Any, Any, str]] = {
        "x": ("data" if net.on_line else ("data", "input"), data.x, f"{x_name}, standardized"),
        "y": ("data", data.y, f"{titles.y_name}, standardized"),
        "weight": ("data", data.weight, "weight p"),
        "theta": ("params", curvature.flat(of.net, True), "parameter"),
        "hessian": (("params", "params_too"), of.matrix, "Hessian of the loss"),
        "eigenvalues": (("matrix", "rank"), list(of.spectra.values()), "eigenvalue"),
        "zeros": (("matrix", "cause"), zeros, "zero eigenvalues by cause"),
        "tolerance": ("matrix", [modes.tolerance for modes in census], "size of a zero"),
        "cause_of_neuron": ("width", [causes[i] for i in census[-1].neurons], "cause of its zeros"),
    }
    coords: dict[str, Any] = {"params": names, "params_too": names, "matrix": list(of.spectra), "cause": causes}
    if net.on_line:
        each |= _sliced(of, x_name)
        coords["neuron"] = [each["neuron"] for each in of.slices]
    else:
        coords["input"] = list(titles.x_names)
    return labelled(each, least_possible_loss=float(data.constant)).assign_coords(coords)


def _sliced(of: Curved, x_name: str) -> dict[str, tuple[Any, Any, str]]:
    """The slices as arrays."""
    slices = {key: np.array([each[key] for each in of.slices]) for key in of.slices[0]}
    knots, at_knots = np.array(landscape.KNOTS), ("neuron", "data")
    return {
        "slice": (("neuron", "beta"), slices["values"], "loss along the breakpoint of a neuron"),
        "knot_type": (at_knots, knots[slices["types"]].astype(object), "what the slice does at a datum"),
        "flow_type": (at_knots, knots[slices["flow_types"]].astype(object), "what the flow does at a datum"),
        "beta": ("beta", slices["beta"][0], f"breakpoint, {x_name} standardized"),
    }
