"""Ctrl-C in the explorer, at the moments at which Python loses an exception; and what a server says of bad messages."""

import gc
import signal
from types import SimpleNamespace

import pytest
from tornado.ioloop import IOLoop
from typer.testing import CliRunner

from jspline.cli import _explore, app


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
