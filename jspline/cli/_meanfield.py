"""`jspline meanfield`: the infinitely wide network learns a data set, beside a random one."""

import time
from pathlib import Path
from typing import Annotated, Any

import jax
import jax.numpy as jnp
import numpy as np
import typer
import xarray as xr

from jspline import flow, meanfield, plot
from jspline._checks import check_memory
from jspline._files import prepare, whole
from jspline._text import counted, exact
from jspline.charts import ReLUNet
from jspline.cli import _options as options
from jspline.cli import _problem as problem
from jspline.cli._app import app, configure, on_host, one_sentence
from jspline.cli._encode import drawn, need, paced, write_gif, write_mp4
from jspline.cli._output import keep, labelled, pictures
from jspline.cli._progress import Progress
from jspline.datasets import Dataset, Units
from jspline.init import Balanced, Gaussian
from jspline.objective import loss, predict

FPS = 15
GRID, BINS, POINTS = 401, 240, 960
SIDES = {"right": 1, "left": -1}


@app.command("meanfield")
def meanfield_command(
    data: options.Data,
    x: options.X = None,
    y: options.Y = None,
    drop_missing: options.DropMissing = False,
    scale: Annotated[float, typer.Option(help="Size of the weights, times the root of the width.")] = 1.0,
    init: Annotated[str, typer.Option(help="balanced or gaussian, of that scale.")] = "balanced",
    t1: Annotated[float, typer.Option(help="Time to integrate to.")] = 100.0,
    rtol: options.Rtol = 1e-5,
    tol: Annotated[float, typer.Option(help="How far refinements of the nodes may still differ, relative.")] = 1e-3,
    max_nodes: Annotated[int, typer.Option(help="Most nodes to try.")] = 4096,
    width: Annotated[int, typer.Option(help="Neurons of the random network beside it; 0 for none.")] = 100_000,
    seed: options.Seed = 0,
    frames: Annotated[int, typer.Option(help="Times to keep, and to film.")] = 80,
    format: Annotated[str, typer.Option(help="gif or mp4; mp4 needs the extra `watch`.")] = "gif",
    theme: Annotated[str, typer.Option(help="light or dark.")] = "light",
    out: Annotated[
        Path,
        typer.Option(parser=options.folder, metavar="<path>", help="Folder for the film, its arrays and run.json."),
    ] = Path("meanfield"),
    device: options.Device = None,
) -> None:
    """The infinitely wide network learning a data set: its fit, and the density of its breakpoints over time.

    The law of the neurons moves in place of neurons: a few hundred nodes that carry mass stand for all of them, and are
    refined until fits agree to --tol. Breakpoints gather in atoms, on data or moving together, which are drawn as
    stems. In grey, and dashed, one random network of finite width.

    Data are standardized and weighted 2/N, as in `jspline flow`; arrays are in the original units.

    Examples:

    - `jspline meanfield sine --scale 1 --out wide`

    - `jspline meanfield my.csv --x time --y height --scale 0.3 --t1 1e4 --format mp4`
    """
    arguments = dict(locals())
    with one_sentence():
        _check(arguments)
        configure("float64", device)
        table, given, units = problem.pose(data, x, y, drop_missing)
        law = Balanced(scale) if init == "balanced" else Gaussian(scale, scale, scale)
        least = meanfield.nodes(law, given, 1).net.width
        if max_nodes < least:
            raise ValueError(f"--max-nodes must be at least {least} for these data; got {max_nodes}.")
        names = ["meanfield.png", "meanfield.svg", f"meanfield.{format}"]
        prepare(out, *names, "meanfield.nc", "run.json")
    text = f"{problem.introduced(data, table, given.size)}, to learn {table.y_name}; both columns standardized."
    typer.echo(f"{text}\nInfinite width, {init} law of scale {exact(scale)}, to t = {exact(t1)}, rtol {exact(rtol)}.")
    ts = np.concatenate([[0.0], np.geomspace(1e-4 * t1, t1, frames - 1)])
    began = time.perf_counter()
    with one_sentence(), Progress("meanfield", 3, "part") as show:
        mf = meanfield.flow(law, given, t1, rtol=rtol, atol=1e-3 * rtol, tol=tol, ts=ts, max_nodes=max_nodes)
        show(1, f"{mf.net.width} nodes")
        arrays = _arrays(mf, given, units, table)
        show(2, "densities")
        if width:
            arrays = arrays.merge(_random(law, width, seed, mf, given, units))
        show(3, "the random network")
    arrays.attrs |= {"error": mf.error, "nodes": mf.net.width, "width": width}
    arrays.attrs |= {"result": mf.result, "x_name": table.x_name, "y_name": table.y_name}
    seconds = round(time.perf_counter() - began, 3)
    keep(out, "meanfield", arguments, jax.local_devices()[0], _summary(mf, arrays), lambda: arrays, seconds=seconds)
    title = f"Infinite width, {init} law of scale {exact(scale)}, learning {problem.called(data)}"
    with on_host(), pictures(out):
        film = plot.MeanFieldFilm(arrays, title=title, theme=theme)  # type: ignore[arg-type]
        write = write_gif if format == "gif" else write_mp4
        with whole(out / f"meanfield.{format}") as path:
            write(path, drawn(film.frames, paced(frames - 1, FPS), f"meanfield.{format}"), FPS)
        for name in names[:2]:
            with whole(out / name) as path:
                film.draw(frames - 1)
                plot.save(film.figure, path, dpi=film.figure.dpi)
    typer.echo(f"Wrote to the folder {out}: {', '.join((*names, 'meanfield.nc', 'run.json'))}.")


def _check(a: dict[str, Any]) -> None:
    problem.check_counts(max_nodes=a["max_nodes"])
    problem.check_seed(a["seed"])
    problem.check_positive(**{name: a[name] for name in ("scale", "t1", "rtol", "tol")})
    problem.check_choices(a, init=("balanced", "gaussian"), format=("gif", "mp4"), theme=plot.THEMES)
    if not 3 <= a["frames"] <= 2000:
        raise ValueError(f"--frames must be from 3 to 2000; got {a['frames']}.")
    if a["width"] < 0:
        raise ValueError(f"--width must be at least 1, or 0 for no random network; got {a['width']}.")
    if a["width"]:
        problem.check_counts(width=a["width"])
        what = f"{a['frames']} networks of {a['width']:,} neurons"
        check_memory(what, 48 * a["width"] * a["frames"], "lower --width or --frames")
    if a["format"] == "mp4":
        need("av", "An mp4 film")


def _arrays(mf: meanfield.MeanField, data: Dataset, units: Units, table: Any) -> xr.Dataset:
    """The limit, labelled, in the units of the data."""
    grid, beta = _points(data, 0.1, GRID), _points(data, 0.5, POINTS)
    density = np.stack([[mf.density(beta, s, t) for s in SIDES.values()] for t in mf.ts])
    found = [mf.atoms(t) for t in mf.ts]
    most = max(1, *(atoms.mass.size for atoms in found))

    def padded(part: str, fill: Any) -> np.ndarray:
        rows = [getattr(atoms, part) for atoms in found]
        return np.stack([np.pad(row, (0, most - row.size), constant_values=fill) for row in rows])

    share = np.array([mf.mass(t) for t in mf.ts])
    losses = [float(loss(mf.at(t), data)) for t in mf.ts]
    kinds = padded("kind", "").astype(object)
    arrays = {
        "x": ("points", table.data.x, table.x_name),
        "y": ("points", table.data.y, table.y_name),
        "fit": (("times", "grid"), [units.y(mf(grid, t)) for t in mf.ts], table.y_name),
        "density": (("times", "side", "beta"), density / float(units.x_scale), "density of breakpoints, without atoms"),
        "atom_place": (("times", "atoms"), units.x(jnp.asarray(padded("place", np.nan))), "breakpoint of the atom"),
        "atom_s": (("times", "atoms"), padded("s", 0), "orientation of the atom"),
        "atom_mass": (("times", "atoms"), padded("mass", 0), "share of neurons in the atom"),
        "atom_kind": (("times", "atoms"), kinds, "pinned, moving or dead"),
        "share": (("times", "state"), share, "share of neurons"),
        "loss": ("times", losses, "mean squared error, standardized, half-sum weights 2/N"),
        "times": ("times", mf.ts, "time"),
        "grid": ("grid", units.x(jnp.asarray(grid)), table.x_name),
        "beta": ("beta", units.x(jnp.asarray(beta)), "breakpoint"),
    }
    return labelled(arrays).assign_coords(side=list(SIDES), state=list(meanfield.Mass._fields))


def _points(data: Dataset, beyond: float, count: int) -> np.ndarray:
    """Evenly from a share of the range of the data before them to as much beyond."""
    low, high = float(data.x[0]), float(data.x[-1])
    return np.linspace(low - beyond * (high - low), high + beyond * (high - low), count)


def _random(
    law: Balanced | Gaussian, width: int, seed: int, mf: meanfield.MeanField, data: Dataset, units: Units
) -> xr.Dataset:
    """One network of finite width, whose breakpoints are counted."""
    drawn, root = law.sample(width, key=jax.random.key(seed)), width**0.5
    start = ReLUNet(drawn.w / root, drawn.b / root, drawn.v / root, 0.0)
    sol = flow(start, data, mf.t1, ts=jnp.asarray(mf.ts), rtol=mf.rtol, atol=mf.atol / root)
    grid, edges = _points(data, 0.1, GRID), _points(data, 0.5, BINS + 1)
    places = Dataset(grid, np.zeros_like(grid))
    fits, counts, losses = [], [], []
    for k in range(mf.ts.size):
        net = jax.tree.map(lambda part, k=k: part[k], sol.nets)
        fits.append(units.y(predict(net, places)))
        losses.append(float(loss(net, data)))
        w, b = np.asarray(net.w), np.asarray(net.b)
        beta = np.divide(-b, w, where=w != 0, out=np.full(width, np.inf))
        counts.append([np.histogram(beta[np.sign(w) == s], edges)[0] for s in SIDES.values()])
    per = float(width * (edges[1] - edges[0]) * units.x_scale)
    return labelled(
        {
            "random_fit": (("times", "grid"), fits, "fit of a random network"),
            "random_loss": ("times", losses, "loss of a random network"),
            "counted": (("times", "side", "bins"), np.array(counts) / per, "its breakpoints, as a density"),
            "bin_edge": ("bin_edges", units.x(jnp.asarray(edges)), "edges of the bins"),
        }
    )


def _summary(mf: meanfield.MeanField, arrays: xr.Dataset) -> str:
    dead, on_data, moving, _ = arrays.share[-1].values.tolist()
    atoms = arrays.atom_kind[-1].values.tolist()
    lines = [
        f"{counted(mf.net.width, 'node')}; the last fits differ by {mf.error:.2g}, relative ({mf.result}).",
        f"Loss from {float(arrays.loss[0]):.4g} to {float(arrays.loss[-1]):.4g}"
        + (f"; of the random network {float(arrays.random_loss[-1]):.4g}." if "random_loss" in arrays else "."),
        f"Of all neurons {dead:.1%} are dead, {on_data:.1%} slide on data ({counted(atoms.count('pinned'), 'atom')}), "
        f"{moving:.1%} move as {counted(atoms.count('moving'), 'atom')}.",
    ]
    if mf.result != "converged":
        lines.append(f"Warning: {mf.message}")
    return "\n".join(lines)
