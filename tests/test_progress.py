"""Long work gives a sign of life where stderr is no terminal, too."""

import re
from types import SimpleNamespace

import numpy as np
import pytest
from typer.testing import CliRunner

from jspline.cli import _fit, _progress, _sweep, app
from jspline.cli._progress import Progress
from jspline.pwl import _dynamic

SWEEP = "data = 'nile'\nwidth = 3\n[grid]\nalpha = [0.1, 10.0]\ninits = 20\n[flow]\nt1 = 1e-3\nrtol = 1e-2\n"


@pytest.fixture
def clock(monkeypatch):
    """A second passes each time that one looks."""
    seconds = iter(range(1, 10**6))
    monkeypatch.setattr(_progress, "time", SimpleNamespace(perf_counter=lambda: float(next(seconds))))


def test_a_line_for_each_hundredth_with_what_is_left(clock, capsys):
    with Progress("audit", 3, "claim") as show:
        for done, words in enumerate(["eq1: holds", "th5: fails", ""], 1):
            show(done, words)
    assert capsys.readouterr().err.splitlines() == [
        "audit: 0 of 3 claims; compiling",
        "audit: 1 of 3 claims, about 2 s left; eq1: holds",
        "audit: 2 of 3 claims, about 1 s left; th5: fails",
        "audit: 3 of 3 claims",
    ]
    with Progress("law he", 100_000, "neuron", 64) as show:
        for done in range(100_001):
            show(done)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 101
    assert lines[-1] == "law he: 6,400,000 of 6,400,000 neurons"


def test_what_was_there_before_took_no_time(clock, capsys):
    show = Progress("sweep", 100, "network", found=90)
    show.began -= 9
    show(95)
    first, then = capsys.readouterr().err.splitlines()
    assert first == "sweep: 90 of 100 networks; compiling"
    assert then == "sweep: 95 of 100 networks, about 10 s left"
    show = Progress("sweep", 10**6, "network")
    show.began -= 3600
    show(10**5)
    assert "about 9.0 h left" in capsys.readouterr().err


def test_an_audit_says_each_claim():
    result = CliRunner().invoke(app, ["audit", "--only", "remark1,eq3"])
    assert result.exit_code == 0
    lines = result.stderr.splitlines()
    assert [re.sub(r", about \d+ s left", "", line) for line in lines] == [
        "audit, quick: 0 of 2 claims; compiling",
        "audit, quick: 1 of 2 claims; eq3: holds",
        "audit, quick: 2 of 2 claims; remark1: fails",
    ]


def test_a_sweep_says_its_tiles_and_takes_no_credit_for_what_was_there(capsys, monkeypatch):
    monkeypatch.setattr(_sweep, "_heading", lambda sweep: "The sweep.")
    with _sweep._bar(SimpleNamespace(name="my", to_first_event=False)) as progress:
        progress(40, 60, {})
        for done in (50, 60):
            progress(done, 60, {"loss": np.full(10, 0.5), "met": np.ones(10)})
    said = capsys.readouterr()
    begin, first, last = said.err.splitlines()
    assert said.out == "The sweep.\n"
    assert begin == "my: 40 of 60 networks; compiling"
    assert re.fullmatch(r"my: 50 of 60 networks, about \d+ s left; mean loss: 0.5", first)
    assert last == "my: 60 of 60 networks; mean loss: 0.5"


@pytest.mark.full
def test_a_whole_sweep_says_its_tiles(tmp_path):
    path = tmp_path / "my.toml"
    path.write_text(SWEEP)
    result = CliRunner().invoke(app, ["sweep", str(path)])
    assert result.exit_code == 0, result.output
    lines = result.stderr.splitlines()
    assert lines[0] == "my: 0 of 40 networks; compiling"
    assert re.fullmatch(r"my: \d+ of 40 networks, about \d+ s left; mean loss: [\d.e+-]+", lines[1])
    assert lines[-1].startswith("my: 40 of 40 networks; mean loss: ")


def test_a_fit_says_each_method():
    result = CliRunner().invoke(app, ["fit", "nile", "--pieces", "2"])
    assert result.exit_code == 0
    said = [re.sub(r", about \d+ s left", "", line) for line in result.stderr.splitlines()]
    done = {0: "optimal", 25: "optimal", 30: "greedy", 100: "continuous"}
    assert said == [f"fit: {k} of 100 parts; {name}" for k, name in done.items()]


def test_a_long_fit_says_how_far_each_method_is(tmp_path, monkeypatch):
    """Bug: with 20,000 data there was a minute without a word."""
    monkeypatch.setattr(_fit, "MANY", 99)
    monkeypatch.setattr(_dynamic, "FEWEST", 9)
    result = CliRunner().invoke(app, ["fit", "nile", "--pieces", "2"])
    assert result.exit_code == 0
    parts = [int(re.match(r"fit: (\d+) of 100 parts", line)[1]) for line in result.stderr.splitlines()]
    assert parts == sorted(parts)
    assert len(parts) > 10
    assert [parts[0], parts[-1]] == [0, 100]


def test_a_flow_and_a_film_say_what_they_do(tmp_path):
    small = ["nile", "--width", "3", "--t1", "1e-3", "--rtol", "1e-2"]
    for command, first in (
        (["flow", *small, "--inits", "2"], "gradient flow, exact: 0 of 100 parts; compiling"),
        (["flow", *small, "--inits", "2", "--method", "diffrax"], "gradient flow, diffrax: 0 of 100 parts; comp"),
        (["film", *small, "--seconds", "0.5", "--out", str(tmp_path)], "film: 0 of 2 flows; compiling"),
    ):
        result = CliRunner().invoke(app, command)
        assert result.exit_code == 0, result.output
        lines = result.stderr.splitlines()
        assert lines[0].startswith(first), lines
        assert 2 <= len(lines) <= 11
