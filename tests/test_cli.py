import json
import os
import signal
import subprocess
import sys

import numpy as np
import pytest
import xarray as xr
from matplotlib.figure import Figure
from typer.testing import CliRunner

import jspline
from jspline._files import whole
from jspline.cli import app

SMALL = ["--width", "6", "--inits", "3", "--t1", "0.5"]


def run(*arguments):
    return CliRunner().invoke(app, list(map(str, arguments)))


@pytest.fixture
def csv(tmp_path):
    path = tmp_path / "my.csv"
    path.write_text("time,height\n0,1\n1,3\n1,2\n2,2\n4,0\n")
    return path


def test_flow_writes_everything(tmp_path, csv):
    out = tmp_path / "new" / "folder"
    result = run("flow", csv, *SMALL, "--alpha", 2, "--seed", 5, "--out", out)
    assert result.exit_code == 0, result.output
    assert sorted(p.name for p in out.iterdir()) == ["flow.nc", "flow.png", "flow.svg", "run.json"]
    said = ["5 points, 4 distinct time", "loss at the end", "time of the end", "regime index", "charge drift"]
    said += ["3 of 3 networks", "The end time was reached", "rtol 0.0001", "float64 on cpu", "least possible loss"]
    assert [phrase for phrase in said if phrase not in result.output] == []

    ds = xr.open_dataset(out / "flow.nc")
    assert dict(ds.sizes) == {"data": 5, "inits": 3, "times": 97, "width": 6, "grid": 1001}
    assert float(ds.times[0]) == 0
    np.testing.assert_allclose(ds.times[-1], 0.5)
    assert set(ds.result.values) == {"end_time"}
    # The arrays are consistent with each other, in the original units.
    net = jspline.ReLUNet(*(ds[name].values[1, -1] for name in ("w", "b", "v")), ds.b0.values[1, -1])
    np.testing.assert_allclose(net(ds.grid.values), ds.fit.values[1], rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(net.to_spline().beta, ds.beta.values[1, -1])
    np.testing.assert_allclose(net.to_spline().mu, ds.mu.values[1, -1])
    mse = np.mean((net(ds.x.values) - ds.y.values) ** 2) / ds.attrs["y_scale"] ** 2
    np.testing.assert_allclose(mse, ds.loss.values[1, -1], rtol=1e-10)
    assert np.all(np.diff(ds.loss.values, axis=1) <= 1e-12)
    assert np.all(ds.loss.values >= ds.attrs["least_possible_loss"])

    facts = json.loads((out / "run.json").read_text())
    assert facts["arguments"]["seed"] == 5
    assert facts["arguments"]["alpha"] == 2
    assert facts["versions"]["relu-jspline"] == jspline.__version__
    assert facts["device"].startswith("cpu")
    # The same seed gives the same networks, another does not; a longer batch begins with the same.
    run("flow", csv, *SMALL, "--alpha", 2, "--seed", 5, "--inits", 4, "--out", tmp_path / "again")
    again = xr.open_dataset(tmp_path / "again" / "flow.nc")
    np.testing.assert_array_equal(again.w.values[:3, 0], ds.w.values[:, 0])
    np.testing.assert_allclose(again.w.values[:3, -1], ds.w.values[:, -1], rtol=1e-6)
    assert not np.any(again.w.values[3, 0] == ds.w.values[:, 0])


def test_segments_are_one_flow(tmp_path, csv):
    """The command integrates from saved time to saved time; one long flow gives the same net to its tolerance."""
    run("flow", csv, *SMALL, "--rtol", "1e-8", "--out", tmp_path / "o")
    ds = xr.open_dataset(tmp_path / "o" / "flow.nc")
    data, units = jspline.datasets.read_csv(csv).standardize()
    data = jspline.Dataset(data.x, data.y, data.weight * 2 / 5)
    start = jspline.ReLUNet(*(ds[name].values[2, 0] for name in ("w", "b", "v")), ds.b0.values[2, 0])
    # Back to standardized units.
    w = start.w * units.x_scale
    start = jspline.ReLUNet(w, start.b + start.w * units.x_mean, start.v / units.y_scale,
                            (start.b0 - units.y_mean) / units.y_scale)  # fmt: skip
    sol = jspline.flow(start, data, 0.5, rtol=1e-8, atol=1e-11)
    np.testing.assert_allclose(sol.loss, ds.loss.values[2, -1], rtol=1e-5)


@pytest.mark.parametrize(
    "init", ["he", "glorot", "uniform", "balanced", "uniform_breakpoints", "quantiles", "curvature"]
)
def test_every_initialization(init, csv):
    result = run("flow", csv, *SMALL, "--init", init)
    assert result.exit_code == 0, result.output
    assert "Nothing was written: give --out" in result.output


@pytest.mark.parametrize("name", ["nile", "square_wave"])
def test_built_in_data_and_one_neuron(name):
    result = run("flow", name, "--width", 1, "--inits", 1, "--t1", 0.01)
    assert result.exit_code == 0, result.output


def test_running_out_of_steps_is_counted_and_warned_about(tmp_path, csv):
    result = run("flow", csv, *SMALL, "--max-steps", 12, "--t1", 50, "--out", tmp_path / "o")
    assert result.exit_code == 0, result.output
    assert "Warning: 3 of 3 networks: out_of_steps. All `max_steps` were spent" in result.output
    ds = xr.open_dataset(tmp_path / "o" / "flow.nc")
    assert np.all(ds.steps.values <= 12)
    assert np.all(np.isfinite(ds.fit.values))
    # A network that stopped keeps its last net, and says when that was.
    for i, end in enumerate(ds.t_end.values):
        assert 0 < end < 50
        after = ds.times.values >= end
        assert np.all(ds.w.values[i, after] == ds.w.values[i, after][0])


def test_converged_networks_go_on_to_the_end(tmp_path):
    path = tmp_path / "three.csv"
    path.write_text("x,y\n-1,0\n0,1\n1,0.3\n")
    result = run("flow", path, "--width", 20, "--inits", 4, "--out", tmp_path / "o")
    assert "4 of 4 networks: end_time" in result.output
    ds = xr.open_dataset(tmp_path / "o" / "flow.nc")
    assert np.all(ds.loss.values[:, -1] < 1e-6)
    assert np.all(ds.t_end.values == 1000)


def test_both_methods_side_by_side(tmp_path, csv):
    """The same networks, the same end; what is written is the exact run, the comparison goes into run.json."""
    result = run("flow", csv, *SMALL, "--t1", 1, "--compare", "--out", tmp_path / "o")
    assert result.exit_code == 0, result.output
    assert "diffrax" in result.output
    facts = json.loads((tmp_path / "o" / "run.json").read_text())["compare"]
    assert facts
    ds = xr.open_dataset(tmp_path / "o" / "flow.nc")
    assert {"crossings", "slides"} <= set(ds.data_vars) or {"num_crossings", "num_slides"} <= set(ds.data_vars)
    alone = run("flow", csv, *SMALL, "--t1", 1, "--method", "diffrax", "--out", tmp_path / "d")
    assert alone.exit_code == 0, alone.output
    other = xr.open_dataset(tmp_path / "d" / "flow.nc")
    np.testing.assert_allclose(other.fit.values, ds.fit.values, atol=1e-2)


def test_a_method_that_is_not_there(csv):
    refused(run("flow", csv, "--method", "euler"), "--method must be exact or diffrax; got euler.")


def refused(result, sentence):
    """Exit status 2, one line on stderr, and nothing on stdout."""
    assert result.exit_code == 2, result.output
    assert result.stderr.count("\n") == 1, result.stderr
    assert result.stderr.startswith("jspline: ")
    assert sentence in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is empty."),
        (b"\x89PNG\r\n\x1a\n\x00\xff", "is not a text file in UTF-8; if it is a table, save"),
        (b"a,b\n1,2\n", "has 1 row of data; at least 2 are needed."),
        (b"a,b\n1,2\n2,x\n", "column 'b' must hold finite numbers; line 3 is 'x'."),
        (b"a,b\n1,2\nNaN,2\n", "column 'a' must have no missing numbers; 1 of 2 are missing, the first in line 3."),
        (b"a,b\n1,2\n2,-inf\n", "column 'b' must hold finite numbers; line 3 is '-inf'."),
        (b"a,b\n1,2\n1,3\n", "All x are equal"),
    ],
)
def test_bad_files(tmp_path, content, sentence):
    path = tmp_path / "bad.csv"
    path.write_bytes(content)
    out = tmp_path / "out"
    refused(run("flow", path, "--out", out), sentence)
    assert not out.exists()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nothere.csv"], "nothere.csv does not exist, and is no built-in data set (mcycle, nile"),
        (["CSV", "--y", "weight"], "has no column 'weight'; it has 'time', 'height'."),
        (["CSV", "--width", "0"], "--width must be at least 1; got 0."),
        (["CSV", "--inits", "0"], "--inits must be at least 1; got 0."),
        (["CSV", "--max-steps", "0"], "--max-steps must be at least 1; got 0."),
        (["CSV", "--alpha", "-1"], "--alpha must be positive and finite; got -1."),
        (["CSV", "--alpha", "0"], "--alpha must be positive and finite; got 0."),
        (["CSV", "--t1", "-1"], "--t1 must be positive and finite; got -1."),
        (["CSV", "--t1", "nan"], "--t1 must be positive and finite; got nan."),
        (["CSV", "--seed", "-1"], "--seed must be from 0 to 2^32 - 1; got -1."),
        (["CSV", "--seed", "99999999999999999999"], "--seed must be from 0 to 2^32 - 1"),
        (["CSV", "--rtol", "0"], "--rtol must be positive and finite; got 0."),
        (["CSV", "--init", "magic"], "--init must be one of he, glorot, uniform"),
        (["CSV", "--dtype", "int8"], "--dtype must be float32 or float64; got int8."),
        (["CSV", "--device", "abacus"], "--device abacus is not available here; available: cpu."),
        (["mcycle", "--x", "time"], "--x and --y choose columns of a CSV file; mcycle is built in."),
        (["CSV", "--out", "FILE"], "Cannot write to the folder"),
        (["CSV", "--out", "FILE/below"], "Cannot write to the folder"),
        (["CSV", "--out", "/proc/jspline"], "Cannot write to the folder /proc/jspline"),
    ],
)
def test_bad_arguments(tmp_path, csv, arguments, sentence):
    file = tmp_path / "file"
    file.write_text("here first")
    arguments = [a.replace("CSV", str(csv)).replace("FILE", str(file)) for a in arguments]
    refused(run("flow", *arguments), sentence)
    assert file.read_text() == "here first"


def test_wrong_types_and_missing_arguments_exit_2():
    for arguments in (["flow", "mcycle", "--width", "many"], ["flow"], ["fly"], ["flow", "mcycle", "--nonsense"]):
        assert run(*arguments).exit_code == 2


def test_help_and_version():
    assert run("--version").output.strip() == f"jspline {jspline.__version__}"
    text = run("flow", "--help").output
    for word in ("--alpha", "--out", "mcycle", "Examples", "--device"):
        assert word in text


def test_a_failing_write_leaves_nothing_half_done(tmp_path, csv, monkeypatch):
    """The disk is full when the figure is written: what was whole before stays, and no file has half a content."""
    out = tmp_path / "o"

    def full(self, path, **_):
        path.write_bytes(b"half a fig")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Figure, "savefig", full)
    result = run("flow", csv, *SMALL, "--out", out)
    assert result.exit_code == 1
    assert (
        f"pictures could be made ([Errno 28] No space left on device); what was computed is in {out}." in result.stderr
    )
    assert sorted(p.name for p in out.iterdir()) == ["flow.nc", "run.json"]
    assert "loss at the end" in result.stdout
    assert xr.open_dataset(out / "flow.nc").sizes["inits"] == 3


@pytest.mark.parametrize("method", ["exact", "diffrax"])
@pytest.mark.parametrize("looks", [0, 1])
def test_interruption_keeps_what_is_done(tmp_path, csv, monkeypatch, method, looks):
    """Ctrl-C, before the first look at the progress or at it: what was computed is written, and marked."""

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    if looks == 0:
        for name in ("start", "flow"):
            monkeypatch.setattr(f"jspline.cli._integrate.{name}", interrupted)
    monkeypatch.setattr("jspline.cli._progress.Progress.__call__", interrupted)
    out = tmp_path / "o"
    # So tight that 50 steps of the exact flow are not all.
    result = run("flow", csv, *SMALL, "--out", out, "--method", method, "--rtol", 1e-9)
    assert result.exit_code == 130
    if looks == 0:
        assert "Interrupted before the first time" in result.stderr
        assert not list(out.iterdir())
        return
    assert "Warning: 3 of 3 networks: interrupted" in result.output
    ds = xr.open_dataset(out / "flow.nc")
    assert 2 <= ds.sizes["times"] < 97
    assert np.all(np.isfinite(ds.w.values))
    assert set(ds.result.values) == {"interrupted"}
    assert (out / "flow.png").exists()


@pytest.mark.slow
def test_kill_in_the_middle_of_a_write(tmp_path, csv):
    """kill -9 while the figure is half written: no file has its final name but those that are whole."""
    out = tmp_path / "o"
    program = """
import os, signal, sys
from matplotlib.figure import Figure
from tqdm import tqdm
def half(self, path, **_):
    path.write_bytes(b"half a fig")
    os.kill(os.getpid(), signal.SIGKILL)
Figure.savefig = half
from jspline.cli import main
main()
"""
    arguments = ["flow", str(csv), *SMALL, "--out", str(out)]
    process = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, timeout=300)
    assert process.returncode == -signal.SIGKILL
    assert sorted(p.name for p in out.iterdir() if not p.name.startswith(".")) == ["flow.nc", "run.json"]
    # The next run into the folder is not disturbed.
    assert run(*arguments).exit_code == 0


TOLD_TO_END = """
import os, signal, sys, time
from pathlib import Path
from jspline._files import whole
with whole(Path(sys.argv[1])) as path:
    path.write_bytes(b"half a film")
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(60)
"""


def test_sigterm_in_the_middle_of_a_write_leaves_nothing(tmp_path):
    """Bug: a hidden half of a film stayed in the folder."""
    path = tmp_path / "film.gif"
    path.write_bytes(b"the last film")
    done = subprocess.run([sys.executable, "-c", TOLD_TO_END, str(path)], capture_output=True, text=True, timeout=300)
    assert (done.returncode, done.stderr) == (128 + signal.SIGTERM, "")
    assert [each.name for each in tmp_path.iterdir()] == ["film.gif"]
    assert path.read_bytes() == b"the last film"


def test_a_write_leaves_signals_as_they_were(tmp_path):
    def mine(*_):
        pass

    before = signal.getsignal(signal.SIGTERM)
    try:
        for handler in (mine, signal.SIG_IGN, signal.SIG_DFL):
            signal.signal(signal.SIGTERM, handler)
            with whole(tmp_path / "a.txt") as path:
                path.write_text("whole")
                assert (signal.getsignal(signal.SIGTERM) is handler) == (handler is not signal.SIG_DFL)
            assert signal.getsignal(signal.SIGTERM) is handler
    finally:
        signal.signal(signal.SIGTERM, before)


SWEPT = "data = 'nile'\nwidth = 5\n[grid]\nalpha = [1.0, 1e200]\ninits = 3\n[flow]\nt1 = 1.0\nrtol = 1e-3\n"


@pytest.mark.parametrize("lost", [2, 3, 6])
def test_a_sweep_whose_networks_are_not_finite(tmp_path, monkeypatch, lost):
    """Bug: the table and the picture had the loss of nets as they began, without a word, with status 0."""
    dims = ("alpha", "inits")
    results = np.array(["end_time"] * (6 - lost) + ["not_finite"] * lost, dtype=object).reshape(2, 3)
    loss = np.where(results == "end_time", 0.5, 7.0)
    values = {"result": (dims, results), "loss": (dims, loss), "steps": (dims, np.full((2, 3), 4))}
    made = xr.Dataset(values, {"alpha": [1.0, 1e200]}, {"lanes_done": 6})
    monkeypatch.setattr("jspline.cli._sweep.ensemble.flow", lambda *_, **__: made)
    (tmp_path / "my.toml").write_text(SWEPT)
    out = tmp_path / "o"
    out.mkdir()
    done = run("sweep", tmp_path / "my.toml", "--out", out)
    first, second = (line for line in done.stdout.splitlines() if line.startswith("alpha "))
    assert second.split() == ["alpha", "1e200", *(["0.5", "4"] if lost == 2 else ["none", "finite"] * 2)]
    assert (out / "run.json").exists()
    assert f"Warning: {lost} of 6 networks: not_finite." in done.stdout
    if lost < 6:
        assert done.exit_code == 0, done.output
        assert first.split() == ["alpha", "1", "0.5", "4"]
        assert "The medians are those of the networks that are finite." in done.stdout
        assert (done.stderr, (out / "sweep.png").exists()) == ("", True)
        return
    assert first.split() == ["alpha", "1", *["none", "finite"] * 2]
    assert done.exit_code == 1
    said = f"Warning: no network has a finite result, so there is nothing to draw; the arrays are in {out}.\n"
    assert (done.stderr, (out / "sweep.png").exists()) == (said, False)


@pytest.mark.parametrize("writable", [True, False])
def test_compiled_programs_are_kept_for_the_next_command(tmp_path, writable):
    home = tmp_path / "home"
    home.mkdir() if writable else home.write_text("a file, and no folder")
    plain = {k: v for k, v in os.environ.items() if not k.startswith("JAX_")}
    program = "import sys; from jspline.cli import main; main()"
    arguments = ["law", "he", "--width", "4", "--neurons", "1e5", "--out", str(tmp_path / "o")]
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        capture_output=True,
        text=True,
        timeout=300,
        env=plain | {"XDG_CACHE_HOME": str(home), "MPLCONFIGDIR": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "cache" not in done.stderr
    assert any(path.is_file() for path in home.rglob("*")) == writable


@pytest.mark.slow
def test_float32_and_device(tmp_path):
    out = tmp_path / "o"
    arguments = ["flow", "sine", *SMALL, "--dtype", "float32", "--device", "cpu", "--out", str(out)]
    process = subprocess.run([sys.executable, "-m", "jspline", *arguments], capture_output=True, text=True, timeout=300)
    assert process.returncode == 0, process.stderr
    assert "float32 on cpu" in process.stdout
    facts = json.loads((out / "run.json").read_text())
    assert facts["arguments"]["dtype"] == "float32"
    assert xr.open_dataset(out / "flow.nc").result.values.tolist() == ["end_time"] * 3


def test_float32_standardizes_in_full_precision(tmp_path):
    """Bug: timestamps, a minute apart, were rounded to float32 before they were standardized, and fell together."""
    path = tmp_path / "times.csv"
    stamps = 1_700_000_000 + 60 * np.arange(50)
    path.write_text("t,y\n" + "".join(f"{t},{i % 7}\n" for i, t in enumerate(stamps)))
    result = run("flow", path, *SMALL, "--dtype", "float32", "--out", tmp_path / "o")
    assert "50 points, 50 distinct t" in result.output, result.output
    ds = xr.open_dataset(tmp_path / "o" / "flow.nc")
    np.testing.assert_array_equal(ds.x.values, stamps)
    inside = (ds.beta.values > stamps[0]) & (ds.beta.values < stamps[-1])
    assert np.unique(ds.beta.values[inside]).size > 100


def test_svg_keeps_its_text(tmp_path, csv):
    run("flow", csv, *SMALL, "--out", tmp_path / "o")
    assert ">Loss</text>" in (tmp_path / "o" / "flow.svg").read_text()
