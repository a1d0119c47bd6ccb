"""`jspline hessian`: the curvature of the loss of one network, before and after it has learned."""

import time
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
import typer
import xarray as xr

from jspline import curvature, landscape, plot, rescale, value_and_grad
from jspline._text import counted, exact
from jspline.charts import ReLUNet
from jspline.cli._app import Device, Dtype, Out, Seed, app, configure, on_host, one_sentence
from jspline.cli._integrate import integrate
from jspline.cli._output import pictures, prepare, whole, write_run
from jspline.cli._problem import (
    ALPHA_HELP,
    DATA_HELP,
    INIT_HELP,
    DropMissing,
    called,
    check_counts,
    check_positive,
    check_seed,
    choose_law,
    introduced,
    pose,
    warn_of_merging,
)
from jspline.datasets import Dataset

STEP = 1e-6
"""Of the finite differences, in the parameters."""

DRAWN = ("beta", "values", "knots", "at_knots", "types", "now")
"""What of a slice is in the picture."""

FILES = ("hessian.png", "hessian.svg", "hessian.nc", "run.json")


@app.command("hessian")
def hessian_command(
    data: Annotated[str, typer.Argument(help=DATA_HELP)],
    x: Annotated[str | None, typer.Option(help="Column of the inputs. By default the first.")] = None,
    y: Annotated[str | None, typer.Option(help="Column of the outputs. By default the next.")] = None,
    drop_missing: DropMissing = False,
    width: Annotated[int, typer.Option(help="Neurons of the network.")] = 50,
    init: Annotated[str, typer.Option(help=INIT_HELP)] = "he",
    alpha: Annotated[float, typer.Option(help=ALPHA_HELP)] = 1.0,
    at: Annotated[
        str, typer.Option(help="init: as drawn. end: after the gradient flow, beside the beginning.")
    ] = "end",
    neuron: Annotated[
        list[int] | None,
        typer.Option(
            help="Slice the loss along the breakpoint of this neuron, counted from 0; may be repeated.",
            show_default="the three with the largest |mu|",
        ),
    ] = None,
    seed: Seed = 0,
    t1: Annotated[float, typer.Option(help="Time to integrate to, for --at end.")] = 1000.0,
    rtol: Annotated[float, typer.Option(help="Relative tolerance of a step; the absolute one is 1e-3 of it.")] = 1e-4,
    max_steps: Annotated[int, typer.Option(help="Most steps the flow may take.")] = 10_000,
    out: Out = None,
    dtype: Dtype = "float64",
    device: Device = None,
) -> None:
    """The Hessian of one network's loss: four ways to compute it, its spectrum, why its zeros are zero.

    The data are standardized and weighted 2/N, so that the loss is the mean squared error, as in `jspline flow`;
    everything is in these units. The network learns by the exact gradient flow, unless --at init leaves it as drawn.

    The table compares the sorted sums, O(N + H^2), with automatic differentiation, with finite differences, and with
    the Gram matrix, which the Hessian becomes at a critical point (theorem 5, if no v is 0). The census says of every
    zero eigenvalue whether a dead neuron, v = 0, w = 0, the scale symmetry or a change between the data causes it.
    The slices show the loss along single breakpoints: parabolas between the data, and at each datum a knot that turns
    the breakpoint away, lets it pass or holds it.

    Examples:

    - `jspline hessian mcycle --out curvature`

    - `jspline hessian sine --width 20 --init uniform_breakpoints --alpha 10`

    - `jspline hessian my.csv --at init --neuron 3 --neuron 17 --out start`
    """
    arguments = dict(locals())
    with one_sentence():
        check_counts(width=width, max_steps=max_steps)
        check_positive(alpha=alpha, t1=t1, rtol=rtol)
        check_seed(seed)
        _check(at, neuron, width)
        configure(dtype, device)
        with on_host():
            table, full, _ = pose(data, x, y, drop_missing)
            law = choose_law(init, width, full)
            warn_of_merging(table.x_name, full.x, dtype)
        if out is not None:
            prepare(out, *FILES)
        drawn = rescale(law.sample(width, key=jax.random.fold_in(jax.random.key(seed), 0)), alpha)
        net, scaled = jax.tree.map(lambda leaf: jnp.asarray(np.asarray(leaf), dtype), (drawn, full))
        jax.eval_shape(curvature.hessian, net, scaled)  # what does not fit is refused before the flow runs
        where = next(iter(net.b0.devices()))
        typer.echo(
            f"{introduced(data, table, scaled.size)}; both columns standardized.\n"
            f"One network of width {width} ({3 * width + 1} parameters), {init} initialization, "
            f"alpha = {exact(alpha)}, seed {seed}.\n"
            f"Loss: the mean squared error (1/2 sum of p eps^2 with p = 2/N); {dtype} on {where.platform}."
        )
        name, point = "at the start", net
        matrices: dict[str, tuple[ReLUNet, Literal["hessian", "gram"]]] = {name: (net, "hessian")}
        if at == "end":
            name, point = _learn(net, scaled, t1, rtol, max_steps)
            matrices[name] = (point, "hessian")
        matrices["Gram matrix"] = (point, "gram")
        agreement, matrix = _agreement(point, scaled)
        census = {key: curvature.zero_modes(each, scaled, matrix=of) for key, (each, of) in matrices.items()}
        spectra = {key: np.asarray(curvature.spectrum(each, scaled, matrix=of)) for key, (each, of) in matrices.items()}
        theorem = curvature.theorem5(point, scaled)
        chosen = neuron if neuron else _strongest(point)
        slices = [jax.tree.map(np.asarray, _slice(point, scaled, jnp.asarray(i))) for i in chosen]
    try:
        if out is not None:
            with on_host(), one_sentence():
                dataset = _dataset(point, scaled, matrix, spectra, census, chosen, slices, table.x_name)
                with whole(out / "hessian.nc") as path:
                    dataset.to_netcdf(path, engine="h5netcdf")
                write_run(out / "run.json", arguments, where, agreement=agreement, theorem5=theorem._asdict())
    finally:
        typer.echo(_summary(name, agreement, theorem, spectra, census, chosen, slices))
    if out is None:
        typer.echo("Nothing was written: give --out FOLDER for figures and arrays.")
        return
    with on_host(), pictures(out):
        figure = plot.hessian_figure(
            title=f"The curvature of the loss of a ReLU network of width {width} on {called(data)}, {name}",
            spectra=spectra,
            counts={key: {"non-zero": modes.params - modes.nullity} | modes.counts for key, modes in census.items()},
            slices=[{key: each[key] for key in DRAWN} for each in slices],
            slice_titles=[
                f"Loss along breakpoint {i}: mu = {each['mu']:.2g}, {'right' if each['s'] > 0 else 'left'}-facing"
                for i, each in zip(chosen, slices, strict=True)
            ],
            x_name=f"{table.x_name}, standardized",
        )
        for file in FILES[:2]:
            with whole(out / file) as path:
                plot.save(figure, path)
    typer.echo(f"Wrote {', '.join(str(out / file) for file in FILES)}.")


def _check(at: str, neuron: list[int] | None, width: int) -> None:
    if at not in ("init", "end"):
        raise ValueError(f"--at must be init or end; got {at}.")
    for i in neuron or []:
        if not 0 <= i < width:
            raise ValueError(f"--neuron must be from 0 to {width - 1}, the neurons of --width {width}; got {i}.")


def _learn(net: ReLUNet, data: Dataset, t1: float, rtol: float, max_steps: int) -> tuple[str, ReLUNet]:
    """The net at the end of its flow, with a name for that point."""
    one = jax.tree.map(lambda leaf: leaf[None], net)
    history = integrate("exact", one, data, np.array([0.0, 1e-6 * t1, t1]), rtol, max_steps)
    if history is None:
        typer.echo("Interrupted before the network had learned anything.", err=True)
        raise typer.Exit(130)
    result, t = str(history.results[0]), float(history.t_end[0])
    if result != "end_time":
        typer.echo(f"Warning: the flow ended with {result}; the network is the one at t = {t:.4g}.")
    return f"at t = {t:.4g}", jax.tree.map(lambda leaf: jnp.asarray(leaf[0, -1]), history.nets)


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
        w, b, x = (np.asarray(part) for part in (net.w, net.b, data.x))
        near = np.any(np.abs(w * x[:, None] + b) <= 2 * STEP * (1 + np.abs(x[:, None])), axis=0)
    return matrix, np.append(np.tile(~near, 2), np.ones(len(w) + 1, bool))


def _strongest(net: ReLUNet) -> list[int]:
    """The three neurons with the largest |mu|."""
    mu = np.abs(np.asarray(net.w * net.v))
    return np.argsort(-mu, kind="stable")[: min(3, len(mu))].tolist()


@jax.jit
def _slice(net: ReLUNet, data: Dataset, i: jax.Array) -> dict[str, jax.Array]:
    """The loss along one breakpoint, over the data and a little beyond, with the types of its knots."""
    curve = landscape.slice_breakpoint(net, data, i)
    knots = landscape.classify_knots(net, data, i)
    margin = 0.08 * (data.x[-1] - data.x[0])
    beta = jnp.linspace(data.x[0] - margin, data.x[-1] + margin, 1001, dtype=data.x.dtype)
    return {
        "beta": beta,
        "values": curve(beta),
        "knots": data.x,
        "at_knots": curve(data.x),
        "types": knots.slice,
        "flow_types": knots.flow,
        "now": -net.b[i] / net.w[i],
        "mu": net.w[i] * net.v[i],
        "s": jnp.sign(net.w[i]),
    }


def _summary(
    name: str,
    agreement: dict[str, Any],
    theorem: curvature.Theorem5,
    spectra: dict[str, np.ndarray],
    census: dict[str, curvature.ZeroModes],
    chosen: list[int],
    slices: list[dict[str, Any]],
) -> str:
    seconds, P = agreement["seconds"], next(iter(census.values())).params
    faster = seconds["autodiff"] / seconds["structured"]
    kept = agreement["finite_differences_columns"]
    left_out = (
        "" if kept == P else f"; {counted(P - kept, 'column')} left out, with a breakpoint within {STEP:g} of a datum"
    )
    lines = [
        "",
        f"The Hessian {name}, sorted sums ({1e3 * seconds['structured']:.3g} ms) against",
        f"  {'automatic differentiation':28}{agreement['autodiff']:9.1e}   {1e3 * seconds['autodiff']:.3g} ms, "
        f"{faster:.0f} times as long",
        f"  {'finite differences':28}{agreement['finite_differences']:9.1e}   of the gradient{left_out}",
        f"  {'the Gram matrix':28}{agreement['gram']:9.1e}   {theorem.reason}",
        "  (largest difference over largest entry)",
        "",
        f"{'Eigenvalues':28}" + "".join(f"{key:>16}" for key in spectra),
    ]
    rows: dict[str, Callable[[str], str | int]] = {
        "largest": lambda k: f"{spectra[k][-1]:.4g}",
        "smallest": lambda k: f"{spectra[k][0]:.3g}",
        "positive": lambda k: census[k].params - census[k].nullity - _negative(spectra[k], census[k]),
        "negative": lambda k: _negative(spectra[k], census[k]),
        "zero": lambda k: census[k].nullity,
    }
    for cause in curvature.CAUSES:
        if any(modes.counts[cause] for modes in census.values()):
            rows[f"  {TOLD[cause]}"] = partial(_count, census, cause)
    rows["largest stable step of GD"] = lambda k: f"{2 / spectra[k][-1]:.3g}"
    lines += [f"  {row:26}" + "".join(f"{form(key):>16}" for key in spectra) for row, form in rows.items()]
    lines += ["", f"Knots along single breakpoints {name}: of the slice, and of the flow"]
    for i, each in zip(chosen, slices, strict=True):
        counts = [
            ", ".join(counted(int(np.sum(each[kind] == k)), knot) for k, knot in enumerate(landscape.KNOTS))
            for kind in ("types", "flow_types")
        ]
        lines.append(f"  neuron {i:<5d} {counts[0]};  {counts[1]}")
    return "\n".join(lines)


def _count(census: dict[str, curvature.ZeroModes], cause: str, key: str) -> int:
    return census[key].counts[cause]


def _negative(values: np.ndarray, modes: curvature.ZeroModes) -> int:
    """How many eigenvalues are below 0; the Gram matrix has none, whatever rounding says."""
    return 0 if modes.matrix == "gram" else int(np.sum(values < -modes.tolerance))


TOLD = {
    "dead": "dead neurons",
    "silent": "v = 0",
    "constant": "w = 0 < b",
    "scale": "scale symmetry",
    "functional": "between the data",
    "unexplained": "unexplained",
}


def _dataset(
    net: ReLUNet,
    data: Dataset,
    matrix: np.ndarray,
    spectra: dict[str, np.ndarray],
    census: dict[str, curvature.ZeroModes],
    chosen: list[int],
    slices: list[dict[str, Any]],
    x_name: str,
) -> xr.Dataset:
    """Everything in labelled arrays, in standardized units."""
    H = net.width
    names = [f"{kind}[{i}]" for kind in "wbv" for i in range(H)] + ["b0"]

    def stack(key: str) -> np.ndarray:
        return np.array([each[key] for each in slices])

    last = list(census.values())[-1]
    causes = list(curvature.CAUSES)
    return xr.Dataset(
        {
            "x": ("data", np.asarray(data.x), {"long_name": f"{x_name}, standardized"}),
            "y": ("data", np.asarray(data.y), {"long_name": "output, standardized"}),
            "weight": ("data", np.asarray(data.weight), {"long_name": "weight p"}),
            "theta": ("params", np.asarray(curvature.flat(net, True)), {"long_name": "parameter"}),
            "hessian": (("params", "params_too"), matrix, {"long_name": "Hessian of the loss"}),
            "eigenvalues": (("matrix", "rank"), np.array(list(spectra.values())), {"long_name": "eigenvalue"}),
            "zeros": (
                ("matrix", "cause"),
                np.array([[modes.counts[cause] for cause in causes] for modes in census.values()]),
                {"long_name": "zero eigenvalues by cause"},
            ),
            "tolerance": ("matrix", [modes.tolerance for modes in census.values()], {"long_name": "size of a zero"}),
            "cause_of_neuron": ("width", [causes[i] for i in last.neurons], {"long_name": "cause of its zeros"}),
            "slice": (("neuron", "beta"), stack("values"), {"long_name": "loss along the breakpoint of a neuron"}),
            "knot_type": (
                ("neuron", "data"),
                np.array(landscape.KNOTS)[stack("types")].tolist(),
                {"long_name": "what the slice does at a datum"},
            ),
            "flow_type": (
                ("neuron", "data"),
                np.array(landscape.KNOTS)[stack("flow_types")].tolist(),
                {"long_name": "what the flow does at a datum"},
            ),
        },
        coords={
            "params": names,
            "params_too": names,
            "matrix": list(spectra),
            "cause": causes,
            "neuron": chosen,
            "beta": ("beta", slices[0]["beta"], {"long_name": f"breakpoint, {x_name} standardized"}),
        },
        attrs={"least_possible_loss": float(data.constant)},
    )
