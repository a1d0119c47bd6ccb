import io
import json
import re
import sys

import numpy as np
import pytest
import xarray as xr
from helpers import break_pictures, lost_nothing
from typer.testing import CliRunner

import jspline
from jspline.cli import app, main


def run(*arguments):
    return CliRunner().invoke(app, list(map(str, arguments)))


@pytest.fixture
def csv(tmp_path):
    path = tmp_path / "my.csv"
    path.write_text("time,height\n0,1\n1,3\n1,2\n2,2\n4,0\n5,7\n3,1\n")
    return path


def test_fit_writes_everything(tmp_path, csv):
    out = tmp_path / "o"
    result = run("fit", csv, "--pieces", 2, "--out", out)
    assert result.exit_code == 0, result.output
    assert sorted(p.name for p in out.iterdir()) == ["fit.nc", "fit.png", "fit.svg", "run.json"]
    said = ["7 points, 6 distinct time", "optimal", "greedy", "continuous", "criterion", "breaks"]
    said += ["No function of time has an sse below 0.5 (ties).", "knots are needed"]
    assert [phrase for phrase in said if phrase not in result.output] == []
    ds = xr.open_dataset(out / "fit.nc")
    assert ds.pieces.values.tolist() == [2, 2, 2]
    assert ds.fit.long_name == "height"
    data = jspline.datasets.read_csv(csv)
    best = jspline.pwl.dynamic_programming(data, 2)
    np.testing.assert_allclose(ds.sse.sel(kind="optimal"), best.sses)
    np.testing.assert_allclose(ds.fit.sel(kind="optimal"), best(ds.grid.values))
    np.testing.assert_allclose(ds.breaks.sel(kind="optimal"), best.breaks)
    assert ds.sse.sel(kind="optimal")[1] <= ds.sse.sel(kind="continuous")[1]
    facts = json.loads((out / "run.json").read_text())
    assert facts["arguments"]["pieces"] == "2"


def test_fit_chooses_the_pieces(tmp_path):
    path = tmp_path / "bend.csv"
    x = np.arange(12.0)
    path.write_text("x,y\n" + "\n".join(f"{a},{abs(a - 5.5) + 0.01 * (-1) ** int(a)}" for a in x))
    result = run("fit", path, "--dtype", "float32")
    assert result.exit_code == 0, result.output
    rows = {line.split()[0]: line.split() for line in result.output.splitlines() if line[:4] in ("opti", "cont")}
    assert rows["optimal"][1] == rows["continuous"][1] == "2"
    np.testing.assert_allclose(float(rows["continuous"][-1]), 5.5, atol=0.05)
    assert "Nothing was written: give --out" in result.output


def test_a_picture_that_fails_loses_nothing(tmp_path, csv, monkeypatch):
    break_pictures(monkeypatch)
    result = run("fit", csv, "--pieces", 2, "--out", tmp_path / "o")
    lost_nothing(result, tmp_path / "o", "fit.nc")
    assert "continuous" in result.stdout


def test_names_are_said_as_they_are_and_far_data_told_apart(tmp_path):
    path = tmp_path / "US$ vs CA$ [red]x[].csv"
    rows = "".join(f"{1.7e9 + 60 * k},{abs(k - 5)}\n" for k in range(12))
    path.write_text(f"a_$b^$c,<b>\n{rows}")
    result = run("fit", path, "--pieces", 2)
    assert f"{path}: 12 points, 12 distinct a_$b^$c, 1700000000 to 1700000660.\n" in result.stdout
    assert "errors of <b>" in result.stdout
    assert re.search(r"continuous +2 ", result.stdout)
    assert "  1700000300\n" in result.stdout
    assert "1 knot is needed, and is enough." in result.stdout
    path.write_text(rows)
    said = run("fit", path, "--pieces", 2).stdout
    assert "12 distinct x (column 1), 1700000000" in said
    assert "errors of y (column 2)," in said


def test_a_terminal_without_the_characters_of_a_name_loses_nothing(tmp_path, monkeypatch):
    """Bug: a name in another script ended the command when the summary was printed, before anything was written."""
    path = tmp_path / "my.csv"
    path.write_text("時間,y\n0,1\n1,3\n2,2\n", encoding="utf-8")
    terminal = io.TextIOWrapper(io.BytesIO(), "latin-1")
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setattr(sys, "argv", ["jspline", "fit", str(path), "--out", str(tmp_path / "o")])
    with pytest.raises(SystemExit) as end:
        main()
    assert not end.value.code
    terminal.flush()
    assert b"3 distinct \\u6642\\u9593, 0 to 2" in terminal.buffer.getvalue()
    assert (tmp_path / "o" / "fit.nc").exists()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["CSV", "--pieces", "7"], "--pieces must be at most the number of distinct x, 6; got 7."),
        (["CSV", "--pieces", "0"], "--pieces must be auto or a whole number of at least 1; got 0."),
        (["CSV", "--pieces", "some"], "--pieces must be auto or a whole number of at least 1; got some."),
        (["CSV", "--most", "0"], "--most must be at least 1; got 0."),
        (["CSV", "--most", "9"], "--most must be at most the number of distinct x, 6; got 9."),
        (["CSV", "--most", "3", "--pieces", "2"], "--most is for --pieces auto"),
        (["CSV", "--y", "weight"], "has no column 'weight'"),
        (["mcycle", "--x", "time"], "--x and --y choose columns of a CSV file; mcycle is built in."),
        (["CSV", "--dtype", "int8"], "--dtype must be float32 or float64; got int8."),
        (["nothere.csv"], "nothere.csv does not exist"),
    ],
)
def test_bad_arguments(arguments, sentence, csv):
    result = run("fit", *(str(csv) if a == "CSV" else a for a in arguments))
    assert result.exit_code == 2, result.output
    assert result.stderr.count("\n") == 1
    assert sentence in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize(
    ("command", "dtype", "size"),
    [("fit", "float64", "1e308"), ("fit", "float32", "1e30"), ("flow", "float64", "1e308"), ("film", "", "1e200")],
)
def test_numbers_whose_squares_overflow_are_refused(command, dtype, size, tmp_path):
    """Bug: `fit` printed NaN and ended with 0."""
    path = tmp_path / "large.csv"
    path.write_text(f"x,y\n0,{size}\n1,-{size}\n2,{size}\n3,0\n")
    result = run(command, path, *(["--dtype", dtype] if dtype else []))
    assert result.exit_code == 2
    assert "Column 'y' must be at most" in result.stderr
    assert result.stderr.count("\n") == 1


def test_missing_rows_are_left_out_when_asked(tmp_path):
    path = tmp_path / "gaps.csv"
    path.write_text("x,y\n0,1\n1,NA\n2,0\n,3\n3,2\n")
    result = run("fit", path)
    assert result.exit_code == 2
    assert "column 'x' must have no missing numbers; 1 of 5 are missing, the first in line 5" in result.stderr
    result = run("fit", path, "--drop-missing")
    assert result.exit_code == 0, result.output
    assert "2 of 5 rows were left out: x or y is missing." in result.stdout
    assert "3 points" in result.stdout


def test_equal_x(tmp_path):
    path = tmp_path / "same.csv"
    path.write_text("x,y\n1,2\n1,3\n")
    result = run("fit", path)
    assert result.exit_code == 2
    assert "All x are equal" in result.stderr


def test_x_that_become_equal_in_float32_are_told(tmp_path):
    path = tmp_path / "seconds.csv"
    path.write_text("t,y\n" + "".join(f"{1_700_000_000 + t},{t % 7}\n" for t in range(3601)))
    said = (
        "Warning: column 't' has 3,601 distinct numbers, and 10 in float32: take float64, the default, or subtract an"
    )
    result = run("fit", path, "--pieces", "2", "--dtype", "float32")
    assert said in result.stderr
    assert "column 'y'" not in result.stderr
    assert "3,601 points, 10 distinct t" in result.stdout
    assert "(ties, some of them made by float32)" in result.stdout
    assert "Warning" not in run("fit", path, "--pieces", "2").stderr
    # Numbers of float32 that are neighbours are one x.
    path.write_text("t,y\n" + "".join(f"{1_700_000_000 + 256 * t},{t % 7}\n" for t in range(9)))
    assert "column 't' has 9 distinct numbers, and 5 in" in run("fit", path, "--dtype", "float32").stderr


def test_y_that_become_equal_in_float32_are_told(tmp_path):
    path = tmp_path / "flat.csv"
    path.write_text("x,y\n" + "".join(f"{k},{1e6 + 0.001 * (k % 7)}\n" for k in range(21)))
    said = (
        "Warning: column 'y' has 7 distinct numbers, and 1 in float32: take float64, the default, or subtract an offset"
    )
    assert said in run("fit", path, "--pieces", "2", "--dtype", "float32").stderr
    path.write_text("x,y\n0,0.3\n1,0.30000000000000004\n2,1\n")  # less than a fit shows
    assert "Warning" not in run("fit", path, "--dtype", "float32").stderr


def test_an_error_of_nothing_but_rounding_is_none(tmp_path):
    """Bug: of three fits without an error, one had another criterion, by the rounding of its sse."""
    path = tmp_path / "line.csv"
    path.write_text("x,y\n" + "".join(f"{k},{2 * k}\n" for k in range(30)))
    run("fit", path, "--pieces", 1, "--out", tmp_path / "o")
    criteria = xr.open_dataset(tmp_path / "o" / "fit.nc").criterion.values[:, 0]
    assert np.all(np.isfinite(criteria))
    np.testing.assert_allclose(criteria, criteria[0], rtol=1e-12)


@pytest.mark.parametrize(
    ("x", "y", "dtype", "said"),
    [
        (
            "e-320",
            "",
            "float64",
            "Column 'x' must span at least 2.2e-308, to be told apart in float64; it spans 4e-320",
        ),
        ("", "e-320", "float64", "Column 'y' must span at least 2.2e-308"),
        ("", "e-200", "float64", "Column 'y' must span at least 1.5e-154"),  # its square would be 0
        ("", "e-30", "float32", "Column 'y' must span at least 1.1e-19, to be told apart in float32"),
    ],
)
def test_a_column_too_narrow_for_its_numbers_is_refused(tmp_path, x, y, dtype, said):
    path = tmp_path / "narrow.csv"
    path.write_text("x,y\n" + "".join(f"{k}{x},{k % 3}{y}\n" for k in range(5)))
    result = run("fit", path, "--dtype", dtype)
    assert result.exit_code == 2
    assert said in result.stderr
    assert result.stderr.count("\n") == 1
