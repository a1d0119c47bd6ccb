"""`jspline law` and `jspline sweep`: what they write, what they refuse, and going on."""

import json
import re

import numpy as np
import pytest
import xarray as xr
from helpers import break_pictures, lost_nothing
from typer.testing import CliRunner

from jspline.cli import app
from jspline.cli._problem import read
from jspline.cli._sweep import _heading
from jspline.cli._sweep_file import SHIPPED, Sweep
from jspline.datasets import NAMES

SWEEP = """
title = "Two scales"
data = "teacher"
init = "uniform_breakpoints"
{top}
[grid]
alpha = [0.5, 2]
inits = 6
{grid}
[flow]
t1 = 0.5
rtol = 1e-3
{flow}
"""


def run(*arguments):
    return CliRunner().invoke(app, list(map(str, arguments)))


@pytest.fixture
def sweep(tmp_path):
    def write(top="width = 5", grid="", flow=""):
        path = tmp_path / "my.toml"
        path.write_text(SWEEP.format(top=top, grid=grid, flow=flow))
        return path

    return write


@pytest.mark.parametrize("name", ["he", "uniform"])
def test_law_compares_counts_with_the_exact_law(tmp_path, name):
    out = tmp_path / name
    result = run("law", name, "--width", 32, "--neurons", 2e5, "--seed", 3, "--out", out)
    assert result.exit_code == 0, result.output
    assert sorted(p.name for p in out.iterdir()) == ["law.nc", "law.png", "law.svg", "run.json"]
    for phrase in ("neurons in", "cdf of beta", "cdf of mu", "mean roughness", "bound of theorem 2", "float32"):
        assert phrase in result.output
    ds = xr.open_dataset(out / "law.nc")
    assert int(ds.joint.sum()) == ds.attrs["neurons"] == 32 * ds.attrs["networks"]
    # Fixed seeds; each would fail once in a thousand seeds or less.
    assert max(ds.attrs["ks_beta"], ds.attrs["ks_mu"]) < 1.95 / ds.attrs["neurons"] ** 0.5
    assert abs(ds.attrs["roughness_mean"] - ds.attrs["exact_mean"]) < 4 * ds.attrs["roughness_error"]
    np.testing.assert_allclose(ds.attrs["roughness_variance"], ds.attrs["exact_variance"], rtol=0.3)
    assert np.all(
        ds["tail"].values[ds.excess_edge.values[:-1] > 0] <= ds.tail_bound.values[ds.excess_edge.values[:-1] > 0]
    )
    assert json.loads((out / "run.json").read_text())["arguments"]["seed"] == 3
    assert re.search(r"neurons in [\d.]+ s \([\d.]*[1-9][\d.]* million/s", result.output)
    assert f"{ds.attrs['neurons']:,} neurons, for the 200,000 asked for" in result.output


@pytest.mark.parametrize("name", ["he", pytest.param("balanced", marks=pytest.mark.full)])
def test_law_of_breakplanes(tmp_path, name):
    result = run("law", name, "--inputs", 3, "--width", 32, "--neurons", 2e5, "--seed", 3, "--out", tmp_path)
    assert result.exit_code == 0, result.output
    assert sorted(p.name for p in tmp_path.iterdir()) == ["law.nc", "law.png", "law.svg", "run.json"]
    for phrase in (f"{name}, width 32, 3 inputs: ", "cdf of gamma", "cdf of eta", "of the breakplanes are beyond"):
        assert phrase in result.output
    ds = xr.open_dataset(tmp_path / "law.nc")
    assert ds.joint.dims == ("gamma", "eta")
    assert max(ds.attrs["ks_gamma"], ds.attrs["ks_eta"]) < 1.95 / ds.attrs["neurons"] ** 0.5
    assert abs(ds.attrs["roughness_mean"] - ds.attrs["exact_mean"]) < 4 * ds.attrs["roughness_error"]
    np.testing.assert_allclose(ds.attrs["exact_mean"], 4, rtol=1e-5)


def test_a_picture_that_fails_loses_nothing(tmp_path, monkeypatch):
    break_pictures(monkeypatch)
    result = run("law", "he", "--width", 32, "--neurons", 2e5, "--seed", 3, "--out", tmp_path)
    lost_nothing(result, tmp_path, "law.nc")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["law", "cauchy"], "The law must be one of he, glorot, uniform, gaussian, balanced; got cauchy."),
        (["law", "uniform", "--inputs", 3], "The law uniform is of one input: leave out --inputs; got 3."),
        (["law", "he", "--inputs", 0], "--inputs must be at least 1; got 0."),
        (["law", "he", "--neurons", 0], "must be from 1 to 1e14"),
        (["law", "he", "--seed", -1], "--seed must be"),
        (["law", "he", "--dtype", "float16"], "--dtype must be"),
        (["sweep", "nowhere"], "There is no sweep file nowhere; with jspline come holzmueller, regimes"),
    ],
)
def test_bad_arguments_are_one_sentence(arguments, message):
    result = run(*arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"top": "exec = 1"}, "does not know `exec`"),
        ({"grid": "depth = [2]"}, ": [grid] does not know `depth`"),
        ({"flow": "solver = 'x'"}, ": [flow] does not know `solver`"),
        ({"top": "width = 'x'"}, ": `width` must be a whole number"),
        ({"top": "dtype = 'float16'"}, ": `dtype` must"),
        ({"top": "init = 'magic'"}, "TOML"),
        ({"grid": "init = ['magic']"}, "must be one of he"),
        ({"grid": "width = [0]"}, "whole numbers of at least 1"),
        ({"top": "offset = 0.1"}, ": `offset` is"),
        ({"top": "condense = true"}, ": `condense` needs"),
        ({"flow": "rtol = ["}, "is not TOML"),
        ({"grid": "width = 5"}, ": `width` in [grid] must be"),
        ({"grid": "width = [true]"}, "must be a list of whole numbers; got [true]"),
        ({"grid": "width = [[5]]"}, "must be a list of whole numbers; got [[5]]"),
        ({"grid": "init = 'he'"}, "must be a list of names; got 'he'"),
        ({"grid": "init = [1]"}, "must be a list of names; got [1]"),
        ({"grid": "init = [['he']]"}, "must be a list of names"),
        ({"top": "width = 5", "grid": "offset = ['a']"}, "must be a list of numbers; got ['a']"),
    ],
)
def test_bad_files_are_one_sentence(sweep, parts, message):
    result = run("sweep", sweep(**parts))
    assert result.exit_code == 2
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_a_heading_says_the_options_of_the_file(sweep):
    """Bug: it said "method Exact()"."""
    assert "t1 0.5, rtol 0.001, atol 1e-6, float64 on" in _heading(Sweep.read(str(sweep())))


@pytest.mark.parametrize("alpha", ["2.0", "'2'", "['a']", "[{}]", "{}", "true"])
def test_an_axis_that_is_no_list_is_one_sentence(sweep, alpha):
    path = sweep()
    path.write_text(path.read_text().replace("alpha = [0.5, 2]", f"alpha = {alpha}"))
    result = run("sweep", path)
    assert result.exit_code == 2
    assert ": `alpha` in [grid] must be" in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_data_of_a_sweep_are_looked_for_beside_it(tmp_path, monkeypatch):
    folder = tmp_path / "there"
    folder.mkdir()
    (folder / "my.csv").write_text("x,y\n0,1\n1,3\n2,2\n")
    (tmp_path / "my.csv").write_text("x,y\n0,1\n1,1\n")
    (folder / "my.toml").write_text("data = 'my.csv'\n[grid]\ninits = 1\n[flow]\nrtol = 1e-3\n")
    monkeypatch.chdir(tmp_path)
    assert Sweep.read("there/my.toml").data.size == 3
    whole = f"data = '{tmp_path}/my.csv'\n[grid]\ninits = 1\n[flow]\nrtol = 1e-3\n"
    (folder / "my.toml").write_text(whole)
    assert Sweep.read("there/my.toml").data.size == 2


def test_built_in_names_come_before_folders_and_files(tmp_path, monkeypatch):
    shipped = [path.stem for path in SHIPPED.glob("*.toml")]
    assert {"regimes", "holzmueller"} <= set(shipped)
    for name in (*shipped, *NAMES, "six_points", "my.toml"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path)
    for name in shipped:
        assert Sweep.read(name).name == name
        assert Sweep.read(name).data.size > 0
    for name in NAMES:
        assert read(name, None, None, several=True).data.size > 0
    for command, name in [("sweep", "my.toml"), ("sweep", "./regimes"), *((c, "./nile") for c in COMMANDS)]:
        result = run(command, name)
        assert result.exit_code == 2, command
        assert " folder" in result.stderr
        assert len(result.stderr.splitlines()) == 1


COMMANDS = ("fit", "flow", "hessian", "film", "explore")


@pytest.mark.parametrize(
    ("command", "file"),
    [
        (["fit", "nile"], "fit.svg"),
        (["flow", "nile"], "flow.nc"),
        (["hessian", "nile"], "run.json"),
        (["film", "nile", "--format", "html"], "film.html"),
        (["law", "he"], "law.png"),
        (["audit"], "index.html"),
        (["sweep", "regimes"], "sweep.png"),
        (["sweep", "regimes"], "ensemble.nc"),
    ],
)
def test_a_folder_in_the_place_of_a_file_is_said_before_the_work(command, file, tmp_path):
    (tmp_path / file).mkdir()
    result = run(*command, "--out", tmp_path)
    assert result.exit_code == 2
    assert f"{file} is a folder, where a file is to be written; move it away." in result.stderr
    assert sorted(p.name for p in tmp_path.iterdir()) == [file] or file == "ensemble.nc"


def test_sweep_goes_on_and_refuses(sweep, tmp_path, monkeypatch):
    out = tmp_path / "out"
    file = sweep()
    result = run("sweep", file, "--out", out)
    assert result.exit_code == 0, result.output
    assert {"ensemble.nc", "manifest.json", "run.json", "sweep.png", "sweep.svg"} <= {p.name for p in out.iterdir()}
    assert "12 of 12 networks: end_time" in result.output
    ds = xr.open_dataset(out / "ensemble.nc").load()
    assert dict(ds.sizes) == {"alpha": 2, "inits": 6}
    assert np.all((ds.regime >= 0) & (ds.regime <= 1))
    ds.close()
    assert "holds this run already; resume it" in run("sweep", file, "--out", out).stderr
    (out / "ensemble.nc").unlink()
    assert run("sweep", file, "--out", out, "--resume").exit_code == 0
    for name in ("sweep.png", "sweep.svg", "run.json"):
        (out / name).unlink()
    with monkeypatch.context() as patch:
        break_pictures(patch)
        lost_nothing(run("sweep", file, "--out", out, "--resume"), out, "ensemble.nc")
    xr.testing.assert_identical(ds, xr.open_dataset(out / "ensemble.nc").load())
    different = run("sweep", file, "--out", out, "--resume", "--seed", 9)
    assert different.exit_code == 2
    assert "key is" in different.stderr


def test_an_interrupted_sweep_says_what_is_kept(sweep, tmp_path, monkeypatch):
    def interrupt(bar, done, total, values):
        if done == total:
            raise KeyboardInterrupt

    file, out = sweep(), tmp_path / "out"
    with monkeypatch.context() as patch:
        patch.setattr("jspline.cli._sweep._bar.update", interrupt)
        for where, message in ((["--out", out], "--resume goes on from there"), ([], "nothing was kept: give --out")):
            result = run("sweep", file, *where)
            assert result.exit_code == 130
            assert message in result.stderr
    assert list(out.glob("chunk-*.npz"))
    assert not (out / "ensemble.nc").exists()
    result = run("sweep", file, "--out", out, "--resume")
    assert "12 of 12 networks: end_time" in result.output, result.output


@pytest.mark.slow
def test_the_shipped_study(tmp_path):
    result = run("sweep", "holzmueller", "--inits", 3, "--out", tmp_path)
    assert result.exit_code == 0, result.output
    ds = xr.open_dataset(tmp_path / "ensemble.nc")
    assert dict(ds.sizes) == {"offset": 3, "width": 8, "inits": 3}
    assert np.all(ds.met.values ^ ds.certain.values)
    assert set(np.unique(ds.result)) <= {"first_event", "stationary"}
