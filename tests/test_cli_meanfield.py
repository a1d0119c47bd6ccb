"""`jspline meanfield`: what it writes and refuses."""

import json

import numpy as np
import pytest
import xarray as xr
from helpers import break_pictures, lost_nothing
from typer.testing import CliRunner

from jspline.cli import app

SMALL = ["--t1", "4", "--tol", "0.5", "--frames", "4", "--width", "500"]


def run(*arguments):
    return CliRunner().invoke(app, [str(each) for each in arguments])


@pytest.fixture
def csv(tmp_path):
    path = tmp_path / "sizes.csv"
    path.write_text("age,size\n1900,100\n1910,130\n1920,90\n1930,170\n")
    return path


def test_meanfield_writes_everything(tmp_path, csv):
    out = tmp_path / "o"
    result = run("meanfield", csv, *SMALL, "--seed", 3, "--out", out)
    assert result.exit_code == 0, result.output
    names = ["meanfield.gif", "meanfield.nc", "meanfield.png", "meanfield.svg", "run.json"]
    assert sorted(path.name for path in out.iterdir()) == names
    for phrase in (
        "4 points, 4 distinct age",
        "to learn size",
        "nodes",
        "converged",
        "are dead",
        "of the random network",
    ):
        assert phrase in result.output
    ds = xr.open_dataset(out / "meanfield.nc")
    assert ds.attrs["width"] == 500
    assert (ds.attrs["x_name"], ds.attrs["y_name"]) == ("age", "size")
    np.testing.assert_allclose(ds.share.sum("state"), 1, atol=1e-12)
    assert ds.times[0] == 0
    assert ds.grid[0] < 1900 < 1930 < ds.grid[-1]
    assert np.all(ds.density >= 0)
    # Standardized weights 2/N: the loss at the start, f = 0, is 1; the fit is in the units of the data.
    np.testing.assert_allclose(ds.loss[0], 1, rtol=1e-6)
    fit = np.interp(ds.x, ds.grid, ds.fit[-1])
    spread = np.var(ds.y.values)
    np.testing.assert_allclose(np.mean((fit - ds.y.values) ** 2) / spread, ds.loss[-1], atol=2e-2)
    assert json.loads((out / "run.json").read_text())["arguments"]["seed"] == 3
    # Counted breakpoints are a density, too.
    inside = ds.counted[0].sum("side") * np.diff(ds.bin_edge.values)
    assert 0.5 < float(inside.sum()) < 1


@pytest.mark.parametrize("init", ["balanced", "gaussian"])
def test_a_picture_that_fails_loses_nothing(tmp_path, csv, monkeypatch, init):
    break_pictures(monkeypatch)
    result = run("meanfield", csv, *SMALL, "--width", 0, "--init", init, "--out", tmp_path / "o")
    lost_nothing(result, tmp_path / "o", "meanfield.nc")
    assert "random_fit" not in xr.open_dataset(tmp_path / "o" / "meanfield.nc")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--scale", 0], "--scale must be positive and finite; got 0."),
        (["--tol", "nan"], "--tol must be positive and finite; got nan."),
        (["--t1", "inf"], "--t1 must be positive and finite; got inf."),
        (["--init", "he"], "--init must be balanced or gaussian; got he."),
        (["--format", "html"], "--format must be gif or mp4; got html."),
        (["--format", ""], "--format must be gif or mp4; got an empty one."),
        (["--init", ""], "--init must be balanced or gaussian; got an empty one."),
        (["--theme", "blue"], "--theme must be light or dark; got blue."),
        (["--frames", 1], "--frames must be from 3 to 2000; got 1."),
        (["--width", -1], "--width must be at least 1, or 0 for no random network; got -1."),
        (["--width", 10**9], "networks of 1,000,000,000 neurons takes"),
        (["--max-nodes", 2], "--max-nodes must be at least"),
        (["--seed", -2], "--seed must be from 0"),
    ],
)
def test_what_is_refused(tmp_path, csv, arguments, message):
    result = run("meanfield", csv, *arguments, "--out", tmp_path / "o")
    assert result.exit_code == 2
    assert message in result.output
    assert not (tmp_path / "o" / "meanfield.nc").exists()


def test_help_shows_how():
    assert "jspline meanfield sine --scale 1 --out wide" in run("meanfield", "--help").output.replace("\n", " ")
