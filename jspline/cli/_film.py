"""`jspline film`: one network learns a data set, as a film."""

import inspect
import time
import webbrowser
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import typer
import xarray as xr

from jspline import flow, plot
from jspline._files import prepare, whole
from jspline._text import counted, exact
from jspline.charts import ReLUNet
from jspline.claims.paper import _fig7
from jspline.cli import _options as options
from jspline.cli import _problem as problem
from jspline.cli._app import app, configure, on_host, one_sentence
from jspline.cli._encode import drawn, need, paced, write_gif, write_mp4
from jspline.cli._output import files, keep, labelled, pictures
from jspline.cli._problem import CODES
from jspline.cli._progress import Progress
from jspline.datasets import Dataset, Units
from jspline.dynamics import KINDS, Exact, Solution, result_names

FIGURE_7 = "figure_7"
FORMATS, PACES = ("html", "mp4", "gif"), ("events", "log")
EVENTS = 50_000
"""Events that are kept; of more, the later ones are not shown."""

GIF_HEIGHT, GIF_FPS = 540, 15
"""A gif does not compress what moves: it is smaller and slower."""


@app.command("film")
def film_command(
    data: Annotated[str, typer.Argument(help=f"{options.DATA_HELP[:-1]}, or figure_7, the paper's own network.")],
    x: options.X = None,
    y: options.Y = None,
    drop_missing: options.DropMissing = False,
    width: options.Width = 100,
    init: options.Init = "he",
    alpha: options.Alpha = 1.0,
    seed: options.Seed = 0,
    t1: Annotated[
        float | None, typer.Option(help="Time to integrate to. By default 1000; 1e5 for figure_7.", show_default=False)
    ] = None,
    rtol: options.Rtol = 1e-4,
    max_steps: options.MaxSteps = 10_000,
    format: Annotated[
        list[str], typer.Option(help="html, mp4 or gif; several with commas between them, or each with its option.")
    ] = ["html"],  # noqa: B006  typer's way
    seconds: Annotated[float, typer.Option(help="How long the film runs.")] = 20.0,
    fps: Annotated[int, typer.Option(help="Frames in a second.")] = 30,
    pace: Annotated[
        str, typer.Option(help="events: slower where more happens. log: evenly in the logarithm of time.")
    ] = "events",
    stills: Annotated[
        str, typer.Option(help="Times with commas between them: each is a frame, and a PNG of its own.")
    ] = "",
    theme: Annotated[str, typer.Option(help="light or dark. The html film follows its reader.")] = "light",
    height: Annotated[int, typer.Option(help="Height of a frame in pixels; the width is 16/9 of it.")] = 1080,
    out: Annotated[
        Path,
        typer.Option(parser=options.folder, metavar="<path>", help="Folder for the film, its arrays and run.json."),
    ] = Path("film"),
    show: Annotated[bool, typer.Option("--show/--no-show", help="Open the film in a browser.")] = False,
    device: options.Device = None,
) -> None:
    """A film of one network learning a data set by gradient flow.

    Above, the function with its data and breakpoints (coloured by orientation, taller with |mu|), and the neurons in
    the plane of breakpoint and delta-slope. Below, the drive psi: where it changes sign, breakpoints gather or part.
    Beside it the loss, and every event. The film begins when something is seen to move.

    The data are standardized and weighted 2/N, as in `jspline flow`; it is the first network of that command. Data and
    arrays are in the original units, the drive and the times in those of the flow.

    The html film is one page that needs nothing else, with play, scrub and keys. mp4 needs the extra `watch`.

    Examples:

    - `jspline film mcycle --show`

    - `jspline film my.csv --x time --y height --format html,mp4 --out film`

    - `jspline film sine --alpha 0.1 --width 300 --t1 1e5 --theme dark --stills 0,100,1e5`

    - `jspline film figure_7 --stills 0,1000,4000,10000,100000`
    """
    arguments = dict(locals())
    with one_sentence():
        if t1 is None:
            arguments["t1"] = t1 = _fig7.TIMES[-1] if data == FIGURE_7 else 1000.0
        formats, times = _check(arguments)
        configure("float64", device)
        with on_host():
            it = _figure_7(seed) if data == FIGURE_7 else _learned(arguments)
        prepare(out, *files("film"), *(f"film.{each}" for each in formats))
        net, given = problem.placed((it.net, it.data), "float64")
    where = next(iter(net.b0.devices()))
    typer.echo(f"{it.text}\nGradient flow to t = {exact(t1)}, rtol {exact(rtol)}, on {where.platform}.")
    _produce(it._replace(net=net, data=given), formats, times, where, arguments)


def _produce(it: "Subject", formats: list[str], stills: list[float], where: jax.Device, a: dict[str, Any]) -> None:
    """Run the flow, and write what comes of it. Ctrl-C keeps what is whole."""
    out, began = a["out"], time.perf_counter()
    count = max(round(a["seconds"] * a["fps"]), 3 + len(stills))
    kept = "nothing was kept"
    try:
        with one_sentence():
            sol = run(it.net, it.data, a["t1"], a["rtol"], a["max_steps"], count, a["pace"], stills)
            solved = time.perf_counter()
            reel = plot.reel(sol, it.data, units=it.units, points=it.points)
        took = {"seconds_of_the_flow": round(solved - began, 3)}
        keep(out, "film", a, where, _summary(sol, reel), lambda: dataset(reel, it.x_name, it.y_name), **took)
        kept = f"what is whole is in {out}"
        with pictures(out):
            names = {"title": it.title, "x_name": it.x_name, "y_name": it.y_name}
            written = write(out, reel, names, formats, stills, a)
    except KeyboardInterrupt:
        typer.echo(f"Interrupted; {kept}.", err=True)
        raise typer.Exit(130) from None
    typer.echo(f"Flow in {solved - began:.1f} s, film in {time.perf_counter() - solved:.1f} s.")
    typer.echo(f"Wrote to the folder {out}: {', '.join((*written, 'film.nc', 'run.json'))}.")
    watch(out / ("film.html" if "html" in formats else written[0]), a["show"])


def watch(path: Path, show: bool) -> None:
    """Open a film in the browser, or say how."""
    how = "; space plays and pauses" if path.suffix == ".html" else ""
    if not show:
        typer.echo(f"Open {path} in a browser{how}. With --show it opens by itself.")
    elif not webbrowser.open(path.resolve().as_uri()):
        typer.echo(f"No browser was found here: open {path} in one{how}.")


class Subject(NamedTuple):
    """What is filmed."""

    net: ReLUNet
    data: Dataset
    units: Units | None
    points: tuple[Any, Any]
    title: str
    text: str
    x_name: str = "x"
    y_name: str = "y"


def _learned(a: dict[str, Any]) -> Subject:
    table, given, units = problem.pose(a["data"], a["x"], a["y"], a["drop_missing"])
    net = problem.drawn(problem.choose_law(a["init"], a["width"], given), a["width"], a["alpha"], a["seed"])
    problem.check_weights(net, a["alpha"], "float64")
    text = (
        f"{problem.introduced(a['data'], table, given.size)}, to learn {table.y_name}; both columns standardized, and "
        f"the loss is the mean squared error.\nOne network of width {a['width']}, {a['init']} initialization, "
        f"alpha = {exact(a['alpha'])}, seed {a['seed']}."
    )
    title = f"A ReLU network of width {a['width']} learning {problem.called(a['data'])}"
    return Subject(net, given, units, (table.data.x, table.data.y), title, text, table.x_name, table.y_name)


def _figure_7(seed: int) -> Subject:
    net, data = _fig7.problem(seed)
    text = (
        f"The problem of figure 7: {data.size} points, a network of width {net.width}, seed {seed}. Time in steps of "
        f"gradient descent at the learning rate {_fig7.RATE:g}: the loss is the mean squared error times that rate."
    )
    title = "Figure 7: breakpoints gather where \N{GREEK SMALL LETTER PSI} changes sign"
    return Subject(net, data, None, (data.x, data.y), title, text)


def _check(a: dict[str, Any]) -> tuple[list[str], list[float]]:
    """The formats and the times of stills."""
    problem.check(a)
    if a["data"] == FIGURE_7 and (a["x"] is not None or a["y"] is not None):
        raise ValueError(f"--x and --y choose columns of a CSV file; {FIGURE_7} is built in.")
    if a["data"] == FIGURE_7:
        usual = inspect.signature(film_command).parameters
        for name in ("width", "init", "alpha", "drop_missing"):
            if a[name] != usual[name].default:
                raise ValueError(
                    f"--{name.replace('_', '-')} is for other data; {FIGURE_7} is a network of its own: leave it out."
                )
    formats = [name.strip() for name in ",".join(a["format"]).split(",")]
    for name in formats:
        if name not in FORMATS:
            raise ValueError(f"--format must be of {', '.join(FORMATS)}; got {name or 'an empty one'}.")
    problem.check_choices(a, pace=PACES, theme=plot.THEMES)
    if not 240 <= a["height"] <= 4320:
        raise ValueError(f"--height must be from 240 to 4320; got {a['height']}.")
    if a["seconds"] * a["fps"] > 20_000:
        raise ValueError(
            f"A film holds at most 20,000 frames; --seconds and --fps make {exact(a['seconds'] * a['fps'])}."
        )
    try:
        times = sorted({float(word) for word in a["stills"].split(",")} if a["stills"] else [])
    except ValueError:
        raise ValueError(f"--stills must be times with commas between them; got {a['stills']}.") from None
    if times and not (times[0] >= 0 and times[-1] <= a["t1"]):
        raise ValueError(f"--stills must be from 0 to --t1, {exact(a['t1'])}; got {a['stills']}.")
    if "mp4" in formats:
        need("av", "An mp4 film")
    return formats, times


def run(
    net: ReLUNet, data: Dataset, t1: float, rtol: float, max_steps: int, frames: int, pace: str, stills: list[float]
) -> Solution:
    """The flow, twice: once to see when things happen, and again to keep the nets then. It is compiled once.

    Raises:
        ValueError: when the flow breaks down, so that there is nothing to show.
    """

    def solve(times: np.ndarray) -> Solution:
        ts, atol = jnp.asarray(times, net.b0.dtype), 1e-3 * rtol
        sol = flow(net, data, ts[-1], rtol=rtol, atol=atol, ts=ts, max_steps=max_steps, method=Exact(events=EVENTS))
        return jax.block_until_ready(sol)

    with Progress("film", 2, "flow") as show:
        sol = solve(np.concatenate([[0.0], np.geomspace(1e-12 * t1, t1, frames - 1)]))
        show(1, "where things happen")
        times = _when(sol, data, frames, pace, stills)
        sol = solve(times)
        show(2, f"at {counted(len(times), 'time')}")
    return sol


def _when(sol: Solution, data: Dataset, frames: int, pace: str, stills: list[float]) -> np.ndarray:
    """The times of the frames."""
    end = float(sol.t)
    if not (end > 0 and np.isfinite(np.asarray(sol.loss)) and sol.result != CODES.diverged):
        raise ValueError(f"The flow came to t = {exact(end)} only: {CODES[sol.result]}")
    when, motion = np.zeros(0), None
    if pace == "events":
        when = np.asarray(sol.events.time if sol.events is not None else when)
        when, motion = when[np.isfinite(when)], plot.travelled(sol, data)
    first = min(plot.first_change(sol, data), 0.5 * end)
    if (stills or [0])[-1] > end:
        raise ValueError(
            f"The flow came to t = {exact(end)} only, before the still at {exact(stills[-1])}: {CODES[sol.result]}"
        )
    return plot.film_times(first, end, frames, events=when, motion=motion, stills=stills)


def _summary(sol: Solution, reel: plot.Reel) -> str:
    code = str(result_names(sol.result))
    counts = [(k, int(np.sum(reel.event_kinds == k))) for k in range(len(KINDS))]
    lines = [
        f"Loss from {reel.loss[0]:.4g} to {reel.loss[-1]:.4g}, in {counted(int(sol.stats['num_steps']), 'step')} to "
        f"t = {exact(reel.times[-1])}.",
        f"The film begins at t = {reel.times[1]:.3g}, when something is seen to move; "
        f"events: {', '.join(plot.event_name(k, n) for k, n in counts if n) or 'none'}.",
    ]
    if sol.events is not None and bool(sol.events.overflow):
        lines.append(f"Warning: of {int(sol.events.total)} events the first {EVENTS} are shown.")
    if code not in ("end_time", "stationary", "interpolated"):
        lines.append(f"Warning: {code}. {CODES[sol.result]}")
    return "\n".join(lines)


def write(
    out: Path, reel: plot.Reel, names: dict[str, str], formats: list[str], stills: list[float], a: dict[str, Any]
) -> list[str]:
    """The film in each format, its last frame as PNG and SVG, and the stills; the names of the files."""
    fps, theme, height = a["fps"], a["theme"], a["height"]
    film = plot.Film(reel, **names, theme=theme, height=height)
    last = len(reel.times) - 1
    if "mp4" in formats:
        with whole(out / "film.mp4") as path:
            write_mp4(path, drawn(film.frames, paced(last, fps), "film.mp4"), fps)
    if "gif" in formats:
        every = max(1, round(fps / GIF_FPS))
        small = film if height <= GIF_HEIGHT else plot.Film(reel, **names, theme=theme, height=GIF_HEIGHT)
        with whole(out / "film.gif") as path:
            write_gif(path, drawn(small.frames, paced(last, fps, every), "film.gif"), max(1, round(fps / every)))
    if "html" in formats:
        with whole(out / "film.html") as path:
            path.write_text(plot.film_html(film, fps=fps), encoding="utf-8")
    pictures = {"film.png": last, "film.svg": last}
    pictures |= {f"film_{exact(t)}.png": int(np.argmin(np.abs(reel.times - t))) for t in stills}
    for name, k in pictures.items():
        with whole(out / name) as path:
            film.save(path, k)
    return [*(f"film.{each}" for each in ("mp4", "gif", "html") if each in formats), *pictures]


def dataset(reel: plot.Reel, x_name: str, y_name: str) -> xr.Dataset:
    """The arrays of a reel, labelled."""
    each: dict[str, tuple[Any, Any, str]] = {
        "x": ("points", reel.x, x_name),
        "y": ("points", reel.y, y_name),
        "fit": (("frames", "grid"), reel.fit, y_name),
        "beta": (("frames", "width"), reel.beta, "breakpoint"),
        "mu": (("frames", "width"), reel.mu, "delta-slope"),
        "s": (("frames", "width"), reel.s, "orientation"),
        "psi": (("frames", "side", "ends"), reel.psi, "drive, in units of the flow"),
        "loss": ("frames", reel.loss, "loss of the flow"),
        "event_time": ("events", reel.event_times, "time of the event"),
        "event_kind": ("events", np.asarray(KINDS)[reel.event_kinds].astype(object), "kind of the event"),
        "times": ("frames", reel.times, "time of the frame"),
        "grid": ("grid", reel.grid, x_name),
        "ends": ("ends", reel.edges, "both ends of each interval between data"),
    }
    return labelled(each, least_possible_loss=reel.floor).assign_coords(side=["right", "left"]).set_coords("times")
