"""What a run keeps: after kill -9, in folders that are not its own, with several processes."""

import json
from pathlib import Path

import jax
import numpy as np
import pytest
import xarray as xr

from jspline import ensemble

ROOT = Path(__file__).parent.parent
GRID = {"alpha": [1.0, 2.0], "inits": 40}


def draw(point, key):
    return {"x": point["alpha"] * jax.random.normal(key, (2,)), "n": 3}


def other(point, key):
    return {"x": point["alpha"] * jax.random.normal(key, (2,)) + 1, "n": 3}


def test_a_run_is_kept_and_gone_on_with(tmp_path, key):
    whole = ensemble.run(draw, GRID, key=key, tile=4)
    kept = ensemble.run(draw, GRID, key=key, tile=4, out=tmp_path)
    chunks = sorted(tmp_path.glob("chunk-*.npz"))
    assert len(chunks) == 5
    xr.testing.assert_identical(whole, kept)
    opened = xr.open_dataset(tmp_path / "ensemble.nc")
    np.testing.assert_array_equal(opened.x, whole.x)
    # Losing files loses just them: only what is missing is computed again.
    chunks[3].unlink()
    (tmp_path / "ensemble.nc").unlink()
    (tmp_path / ".chunk-000003.99.partial.npz").write_bytes(b"half")
    before = {chunk: chunk.stat().st_mtime_ns for chunk in chunks if chunk.exists()}
    said = []
    again = ensemble.run(draw, GRID, key=key, tile=4, out=tmp_path, progress=lambda done, n, values: said.append(done))
    xr.testing.assert_identical(whole, again)
    assert said[-1] == 80
    assert said[0] > 64
    assert before == {chunk: chunk.stat().st_mtime_ns for chunk in before}
    assert not list(tmp_path.glob(".*partial*"))
    with pytest.raises(ValueError, match="holds this run already"):
        ensemble.run(draw, GRID, key=key, tile=4, out=tmp_path, resume=False)


def test_another_run_is_refused_with_the_difference(tmp_path, key):
    ensemble.run(draw, GRID, key=key, tile=4, out=tmp_path)
    for change, message in (
        ({"grid": {**GRID, "alpha": [1.0, 3.0]}}, r"grid.alpha is \[1.0, 2.0\] there and \[1.0, 3.0\] here"),
        ({"key": jax.random.key(5)}, "key is"),
        ({"tile": 8}, r"tiles is \[4\] there and \[8\] here"),
        ({"fn": other}, "program is"),
    ):
        arguments = {"fn": draw, "grid": GRID, "key": key, "tile": 4} | change
        with pytest.raises(ValueError, match=message):
            ensemble.run(arguments.pop("fn"), arguments.pop("grid"), out=tmp_path, **arguments)
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert manifest["dtype"] == "float64"
    manifest["versions"]["jax"] = "0.0"
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ValueError, match=r'versions.jax is "0.0" there'):
        ensemble.run(draw, GRID, key=key, tile=4, out=tmp_path)
    (tmp_path / "manifest.json").write_text("nonsense")
    with pytest.raises(ValueError, match="is not a manifest"):
        ensemble.run(draw, GRID, key=key, tile=4, out=tmp_path)


def test_files_are_data(tmp_path, key):
    ensemble.run(draw, GRID, key=key, tile=4, out=tmp_path)
    np.savez(tmp_path / "chunk-000001.npz", x=np.array([{"a": "pickle"}], dtype=object), n=np.zeros(1))
    with pytest.raises(ValueError, match="is damaged; remove it"):
        ensemble.run(draw, GRID, key=key, tile=4, out=tmp_path)


def test_two_runs_and_a_full_disk(tmp_path, key, monkeypatch):
    class Stop(Exception):
        pass

    def meddle(done, total, values):
        with pytest.raises(OSError, match="Another run is writing"):
            ensemble.run(draw, GRID, key=key, tile=4, out=tmp_path)
        raise Stop

    with pytest.raises(Stop):
        ensemble.run(draw, GRID, key=key, tile=4, out=tmp_path, progress=meddle)

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(np, "savez", full)
        with pytest.raises(OSError, match=r"No space left on device\); all finished chunks are kept"):
            ensemble.run(draw, GRID, key=key, tile=4, out=tmp_path)
    xr.testing.assert_identical(
        ensemble.run(draw, GRID, key=key, tile=4, out=tmp_path), ensemble.run(draw, GRID, key=key, tile=4)
    )
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="Cannot write to the folder"):
        ensemble.run(draw, GRID, key=key, out=tmp_path / "file" / "in")
