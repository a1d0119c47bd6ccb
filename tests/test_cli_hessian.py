import json

import jax
import numpy as np
import pytest
import xarray as xr
from helpers import break_pictures, lost_nothing, plain_loss
from typer.testing import CliRunner

import jspline
from jspline.cli import _hessian, app


def run(*arguments):
    return CliRunner().invoke(app, ["hessian", *map(str, arguments)])


@pytest.fixture
def csv(tmp_path):
    path = tmp_path / "my.csv"
    path.write_text("time,height\n0,1\n1,3\n1,2\n2,2\n4,0\n")
    return path


def test_a_ratio_of_times_has_digits():
    """Bug: 0.46 was "0 times as long"."""
    assert [_hessian._times(ratio) for ratio in (0.456, 0.0044, 24.4, 1234.0)] == [
        "0.46 times", "0.0044 times", "24 times", "1200 times",
    ]  # fmt: skip


def test_a_picture_that_fails_loses_nothing(tmp_path, csv, monkeypatch):
    break_pictures(monkeypatch)
    result = run(csv, "--width", 6, "--seed", 3, "--t1", 0.5, "--neuron", 4, "--neuron", 1, "--out", tmp_path / "o")
    lost_nothing(result, tmp_path / "o", "hessian.nc")
    assert "neuron 4" in result.stdout


def test_hessian_writes_everything(tmp_path, csv):
    out = tmp_path / "new" / "folder"
    result = run(csv, "--width", 6, "--seed", 3, "--t1", 0.5, "--neuron", 4, "--neuron", 1, "--out", out)
    assert result.exit_code == 0, result.output
    assert sorted(p.name for p in out.iterdir()) == ["hessian.nc", "hessian.png", "hessian.svg", "run.json"]
    said = ["5 points, 4 distinct time", "19 parameters", "automatic differentiation", "finite differences"]
    said += ["the Gram matrix", "largest stable step of GD", "at the start", "neuron 4", "float64 on cpu", "at t = 0.5"]
    assert [phrase for phrase in said if phrase not in result.output] == []

    ds = xr.open_dataset(out / "hessian.nc")
    assert ds.hessian.shape == (19, 19)
    assert ds.matrix.values.tolist() == ["at the start", "at t = 0.5", "Gram matrix"]
    # The matrix is that of the parameters and data beside it, and its eigenvalues are those.
    w, b, v, b0 = np.split(ds.theta.values, [6, 12, 18])
    net, data = jspline.ReLUNet(w, b, v, b0[0]), jspline.Dataset(ds.x.values, ds.y.values, ds.weight.values)
    by_autodiff = jax.hessian(lambda t: plain_loss(jspline.ReLUNet(t[:6], t[6:12], t[12:18], t[18]), data))
    np.testing.assert_allclose(ds.hessian, by_autodiff(jax.numpy.asarray(ds.theta.values)), atol=1e-12)
    np.testing.assert_allclose(ds.eigenvalues[-2], np.linalg.eigvalsh(ds.hessian), atol=1e-12)
    zeros = np.sum(np.abs(ds.eigenvalues.values) <= 1e-12 * ds.eigenvalues.values[:, -1:], axis=1)
    np.testing.assert_array_equal(ds.zeros.sum("cause"), zeros)
    # The slice goes through the loss where the neuron is; units are standardized.
    beta = -b / w
    here = np.array([np.interp(beta[i], ds.beta, ds.slice.sel(neuron=i)) for i in (4, 1)])
    inside = (beta[[4, 1]] > ds.beta.values[0]) & (beta[[4, 1]] < ds.beta.values[-1])
    assert inside.any()
    np.testing.assert_allclose(
        here[inside], float(jspline.loss(net, data)) + ds.attrs["least_possible_loss"], rtol=1e-4
    )
    assert set(np.unique(ds.knot_type.values)) <= {"passthrough", "repeller", "attractor"}

    facts = json.loads((out / "run.json").read_text())
    assert facts["arguments"]["neuron"] == [4, 1]
    assert facts["agreement"]["autodiff"] < 1e-14
    assert facts["agreement"]["finite_differences"] < 1e-8
    assert not facts["theorem5"]["holds"]


def test_float32_without_files(csv):
    result = run(csv, "--width", 4, "--at", "init", "--dtype", "float32", "--neuron", 0)
    assert result.exit_code == 0, result.output
    assert "float32 on cpu" in result.output
    assert "Nothing was written: give --out" in result.output


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--width", 0], "--width must be at least 1; got 0."),
        (["--at", "middle"], "--at must be init or end; got middle."),
        (["--width", 5, "--neuron", 5], "--neuron must be from 0 to 4, the neurons of --width 5; got 5."),
        (["--alpha", -1], "--alpha must be positive and finite; got -1."),
        (["--init", "xavier"], "--init must be one of he,"),
        (["--width", 200_000], "A matrix of 600,001 x 600,001 parameters takes 2,880.0 GB"),
    ],
)
def test_bad_arguments(tmp_path, csv, arguments, sentence):
    result = run(csv, *arguments, "--out", tmp_path / "o")
    assert result.exit_code == 2
    assert result.stderr.startswith("jspline: ")
    assert sentence in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert not list((tmp_path / "o").iterdir()) if (tmp_path / "o").exists() else True


def test_help_has_examples():
    result = run("--help")
    assert result.exit_code == 0
    assert "jspline hessian mcycle --out curvature" in result.output
