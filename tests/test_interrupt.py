"""Ctrl-C in the explorer, at the moments at which Python loses an exception; and what a server says of bad messages."""

import asyncio
import gc
import json
import logging
import signal
from types import SimpleNamespace

import pytest
from bokeh.server.connection import ServerConnection
from bokeh.util.token import generate_jwt_token, generate_session_id
from tornado.httpclient import HTTPRequest
from tornado.ioloop import IOLoop
from tornado.websocket import websocket_connect
from typer.testing import CliRunner

from jspline.cli import _explore, _explore_page, app


@pytest.fixture(autouse=True)
def no_other_loop():
    """The browser of other modules leaves its event loop running in this thread."""
    running = asyncio._get_running_loop()
    asyncio._set_running_loop(None)
    yield
    asyncio._set_running_loop(running)


def collect_with_ctrl_c():
    """Ctrl-C while the collector calls back: what a handler raises there, Python prints and forgets."""

    def callback(phase, info):
        if phase == "start":
            gc.callbacks.remove(callback)
            signal.raise_signal(signal.SIGINT)

    gc.callbacks.append(callback)
    gc.collect()


@pytest.fixture
def explored(monkeypatch):
    """The command with a solver that compiles nothing, and a server that is only a loop."""
    before = signal.getsignal(signal.SIGINT)
    loop = IOLoop(make_current=False)
    server = SimpleNamespace(port=1, io_loop=loop)
    monkeypatch.setattr(_explore, "serve", lambda *_: server)

    def run(while_compiling=lambda: None):
        solver = SimpleNamespace(run=lambda *_: while_compiling(), look=lambda *_: None)
        monkeypatch.setattr(_explore, "Solver", lambda *_: solver)
        return CliRunner().invoke(app, ["explore", "--no-show"])

    yield run, loop
    loop.close()
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_ctrl_c_in_a_collectors_callback_while_compiling_is_not_lost(explored):
    run, loop = explored
    loop.call_later(5, loop.stop)
    result = run(collect_with_ctrl_c)
    assert result.exit_code == 0
    assert result.stdout.endswith("...\nEnded.\n"), "the page is not served after it"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_ctrl_c_in_a_collectors_callback_stops_the_loop(explored):
    run, loop = explored
    gave_up = []
    loop.call_later(0.01, collect_with_ctrl_c)
    loop.call_later(5, lambda: (gave_up.append(True), loop.stop()))
    result = run()
    assert result.exit_code == 0
    assert result.stdout.endswith("Ctrl-C ends it.\nEnded.\n")
    assert gave_up == []


def test_ctrl_c_while_compiling_ends_at_once(explored):
    run, _ = explored
    result = run(lambda: signal.raise_signal(signal.SIGINT))
    assert result.exit_code == 0
    assert result.stdout.endswith("...\nEnded.\n")


def header(kind):
    return json.dumps({"msgtype": kind, "msgid": "1"})


MALFORMED = [
    ["{}", "{}", "{}"],
    [b"\xff"],
    [header("NOPE"), "{}", "{}"],
    [header("PATCH-DOC"), "{}", '{"events": 3}'],
    [header("PATCH-DOC"), "{}", '{"events": [{"kind": "ModelChanged", "model": {"id": "p1"}}]}'],
    [header("PUSH-DOC"), "{}", '{"doc": 1}'],
    [header("PULL-DOC-REQ"), "[", "{}"],
    [header("PATCH-DOC"), "{}", '{"events": "' + "y" * 999 + '"}'],
]


@pytest.fixture
def server(monkeypatch):
    """The explorer's server with empty pages; what is done to the libraries is undone."""
    monkeypatch.setattr(ServerConnection, "error", ServerConnection.error)
    monkeypatch.setattr(_explore_page, "Page", lambda *_: None)
    loggers = [logging.getLogger(name) for name in ("bokeh", "tornado")]
    before = [(logger.handlers, logger.propagate) for logger in loggers]
    served = _explore.serve(None, None, (), ("x", "y"), 0)
    yield served
    served.stop()
    for logger, (handlers, propagate) in zip(loggers, before, strict=True):
        logger.handlers, logger.propagate = handlers, propagate


def test_a_message_that_is_none_is_one_line_and_tells_the_client_no_paths(server, capfd):
    async def said(parts):
        address, token = f"127.0.0.1:{server.port}", generate_jwt_token(generate_session_id())
        headers = {"Origin": f"http://{address}", "Sec-WebSocket-Protocol": f"bokeh, {token}"}
        connection = await websocket_connect(HTTPRequest(f"ws://{address}/ws", headers=headers))
        for _ in range(3):  # it is welcome
            await connection.read_message()
        capfd.readouterr()
        for part in parts:
            await connection.write_message(part, binary=isinstance(part, bytes))
        answers = []
        for _ in range(3):
            answers.append(await asyncio.wait_for(connection.read_message(), 20))
            if answers[-1] is None:
                break
        connection.close()
        return answers, connection.close_reason, capfd.readouterr().err

    for parts in MALFORMED:
        answers, reason, err = server.io_loop.run_sync(lambda parts=parts: said(parts))
        assert err.startswith("jspline: ")
        assert err.count("\n") == 1
        assert len(err) < 230
        told = f"{answers} {reason}"
        assert "Traceback" not in told
        assert ".py" not in told
        assert answers[-1] is None or json.loads(answers[2]) == {
            "text": "The message could not be handled.",
            "traceback": None,
        }
