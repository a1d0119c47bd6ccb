"""`jspline explore`: a page on this machine where one moves a network's settings and its data, and sees it learn."""

import logging
import signal
import webbrowser
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Annotated, Any

import numpy as np
import typer

from jspline._text import exact, printable
from jspline.cli import _options as options
from jspline.cli._app import app, configure, one_sentence
from jspline.cli._encode import need
from jspline.cli._explore_solve import Solver
from jspline.cli._explore_state import INITS, POINTS, WIDTH, Points, State
from jspline.cli._problem import check_positive, check_seed, read

SPARE, MOST = 4, 60
"""Points that may be added to the data, and the most data that are taken."""

HOST = "127.0.0.1"

LONGEST = 200
"""Characters of a line that a library logs."""


@app.command("explore")
def explore_command(
    data: Annotated[
        str | None, typer.Argument(help=f"{options.DATA_HELP} By default functions to choose from.", show_default=False)
    ] = None,
    x: options.X = None,
    y: options.Y = None,
    drop_missing: options.DropMissing = False,
    width: Annotated[int, typer.Option(help=f"Neurons to begin with, at most {WIDTH}.")] = 50,
    init: Annotated[str, typer.Option(help=f"Initialization to begin with: {', '.join(INITS)}.")] = "he",
    alpha: Annotated[float, typer.Option(help="Scale to begin with, from 0.01 to 100.")] = 1.0,
    seed: options.Seed = 0,
    port: Annotated[int, typer.Option(help="Port of the page; 0 for a free one.")] = 5006,
    show: Annotated[bool, typer.Option("--show/--no-show", help="Open the page in a browser.")] = True,
    device: options.Device = None,
) -> None:
    """Move a network's settings and its data in the browser, and see it learn again at once.

    The page is served to this machine only, needs no network, and ends with Ctrl-C. Its address holds the state of the
    controls and the data that were moved.

    Examples:

    - `jspline explore`

    - `jspline explore my.csv --x time --y height --width 100`
    """
    with one_sentence(), Interrupts() as interrupts:
        need("bokeh", "The explorer")
        check_seed(seed)
        check_positive(alpha=alpha)
        if not 1 <= width <= WIDTH:
            raise ValueError(f"--width must be from 1 to {WIDTH}; got {width}.")
        if not 0.01 <= alpha <= 100:
            raise ValueError(f"--alpha must be from 0.01 to 100; got {exact(alpha)}.")
        if init not in INITS:
            raise ValueError(f"--init must be one of {', '.join(INITS)}; got {init or 'an empty one'}.")
        if not 0 <= port < 65536:
            raise ValueError(f"--port must be from 0 to 65535; got {port}.")
        configure("float64", device)
        given, names = _given(data, x, y, drop_missing)
        default = State(width=width, init=init, alpha=alpha, seed=seed)
        if given:
            default = replace(default, target="data")
        solver = Solver(WIDTH, max(POINTS, len(given)) + SPARE)
        typer.echo("Compiling the flow, once for all settings ...")
        warm(solver, interrupts.check)
        server = serve(solver, default, given, names, port)
        address = f"http://{HOST}:{server.port}/"
        typer.echo(f"The explorer is at {address}, for this machine only. Ctrl-C ends it.")
        if show:
            server.io_loop.add_callback(webbrowser.open, address)
        # A page that is still open does not keep it alive.
        interrupts.stops(server.io_loop)
        server.io_loop.start()
    typer.echo("Ended.")


class Interrupts:
    """Ctrl-C, which ends what is inside this context, and which is not lost.

    What is raised while Python is in a collector's callback or a destructor is printed and forgotten. So the first one
    raises nothing: it is remembered until the next `check`, or stops the loop, once there is one.
    """

    def __init__(self) -> None:
        self.asked = False
        self.stop: Callable[[], None] | None = None

    def __enter__(self) -> "Interrupts":
        # A shell starts what runs in the background without the first.
        self.before = {number: signal.signal(number, self._ask) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: Any) -> bool:
        for number, handler in self.before.items():
            signal.signal(number, handler)
        return kind is KeyboardInterrupt

    def check(self) -> None:
        """Raise `KeyboardInterrupt` if it was asked for."""
        if self.asked:
            raise KeyboardInterrupt

    def stops(self, loop: Any) -> None:
        """From now on stop this loop instead."""
        self.stop = partial(loop.asyncio_loop.call_soon_threadsafe, loop.stop)
        self.check()

    def _ask(self, number: int, frame: Any) -> None:
        if self.stop is not None:
            self.stop()
        elif self.asked:
            raise KeyboardInterrupt  # who asks twice does not want to wait
        self.asked = True


def warm(solver: Solver, check: Callable[[], None]) -> None:
    """Compile, so that the first visitor does not wait; `check` is called between the steps."""
    x = np.linspace(-1, 1, 5)
    run = solver.run(x, x**2, State(width=2))
    check()
    solver.look(run, 0, 0)
    check()


def serve(solver: Solver, default: State, given: Points, names: tuple[str, str], port: int) -> Any:
    """A started server, bound to the loopback interface; pages of other origins are refused the connection.

    Raises:
        ValueError: when the port is taken.
    """
    from bokeh.application import Application
    from bokeh.application.handlers.function import FunctionHandler
    from bokeh.server.server import Server
    from bokeh.server.util import bind_sockets

    from jspline.cli._explore_page import Page

    try:
        sockets, port = bind_sockets(HOST, port)
    except OSError as error:
        raise ValueError(
            f"Port {port} of {HOST} is not free ({error.strerror}): choose another --port, or 0."
        ) from None
    for socket in sockets:
        socket.close()

    def visit(doc: Any) -> None:
        Page(doc, solver, default, given, names)

    server = Server(
        {"/": Application(FunctionHandler(visit))},
        address=HOST,
        port=port,
        allow_websocket_origin=[f"{HOST}:{port}", f"localhost:{port}"],
    )
    server.start()
    _brief()
    return server


class _OneLine(logging.Handler):
    """On stderr one line of what a library's server logs, and one for each message of a client that is none."""

    def emit(self, record: logging.LogRecord) -> None:
        # What else is said of a message: its header, and the error before the connection is closed for it.
        twice = record.name == "bokeh.protocol" or (record.name == "bokeh.server.views.ws" and record.exc_info)
        if not twice:
            said = printable(" ".join(record.getMessage().split()))
            typer.echo(f"jspline: {said if len(said) <= LONGEST else said[:LONGEST] + ' ...'}", err=True)


def _brief() -> None:
    """Make Bokeh say of a message that is none one line here, and to the client no more than that."""
    from bokeh.server.connection import ServerConnection

    def refuse(connection: Any, message: Any, text: str) -> Any:
        reply = connection.protocol.create("ERROR", message.header["msgid"], "The message could not be handled.")
        reply.content = {**reply.content, "traceback": None}  # which has the paths of this machine
        return reply

    setattr(ServerConnection, "error", refuse)  # noqa: B010  it is Bokeh's
    for name in ("bokeh", "tornado"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [_OneLine(logging.WARNING)], False


def _given(
    data: str | None, x: str | None, y: str | None, drop_missing: bool = False
) -> tuple[Points, tuple[str, str]]:
    if data is None:
        if x is not None or y is not None:
            raise ValueError("--x and --y choose columns of a CSV file; name the file too.")
        return (), ("x", "y")
    table = read(data, x, y, drop_missing)
    merged = table.data.merged()
    if merged.size < 2:
        raise ValueError("All x are equal: there is nothing to fit along x.")
    if merged.size > MOST:
        # Evenly chosen groups of neighbours, each by its means.
        parts = np.array_split(np.arange(merged.size), MOST)
        xy = [(float(np.mean(merged.x[p])), float(np.mean(merged.y[p]))) for p in parts]
        has = f"{printable(data)} has {merged.size:,} distinct x"
        typer.echo(f"{has}; the explorer takes the means of {MOST} groups of neighbours.")
        return tuple(xy), (table.x_name, table.y_name)
    return tuple(zip(merged.x.tolist(), merged.y.tolist(), strict=True)), (table.x_name, table.y_name)
