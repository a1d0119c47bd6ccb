"""What a run keeps: after kill -9, in folders that are not its own, with several processes."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import jax
import jax.numpy as jnp
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
    assert said[0] == 64
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


def test_axes_in_another_order_and_numbers_of_another_kind_are_another_run(tmp_path, key):
    def two(point, key):
        return {"x": jnp.asarray(10.0 * point["a"] + point["b"])}

    grid = {"a": [1.0, 2.0], "b": [0.0, 3.0], "inits": 2}
    kept = ensemble.run(two, grid, key=key, tile=2, out=tmp_path)
    turned = {"b": [0.0, 3.0], "a": [1.0, 2.0], "inits": 2}
    with pytest.raises(ValueError, match=r'axes is \["a", "b"\] there and \["b", "a"\] here'):
        ensemble.run(two, turned, key=key, tile=2, out=tmp_path)
    with pytest.raises(ValueError, match=r"grid.b is \[0.0, 3.0\] there and \[-0.0, 3.0\] here"):
        ensemble.run(two, {**grid, "b": [-0.0, 3.0]}, key=key, tile=2, out=tmp_path)
    np.testing.assert_array_equal(kept.x[..., 0], [[10, 13], [20, 23]])


@pytest.fixture
def kept(tmp_path, key):
    """A finished run, 5 chunks of 16 lanes, which nothing may be computed for again."""
    folder = tmp_path / "kept"
    ensemble.run(draw, GRID, key=key, tile=4, out=folder)

    def refused(message, **changes):
        def fail(done, total, values):
            raise AssertionError("There was work before the refusal.")

        arguments = {"key": key, "tile": 4, "out": folder, "progress": fail} | changes
        with pytest.raises(ValueError, match=message):
            ensemble.run(draw, GRID, **arguments)

    return folder, refused


def test_chunks_of_another_run_are_refused_without_a_manifest(kept, key):
    folder, refused = kept
    before = xr.open_dataset(folder / "ensemble.nc").load()
    (folder / "manifest.json").unlink()
    (folder / "ensemble.nc").unlink()
    for _ in range(2):  # a refusal leaves no manifest behind, for which they would be wrong
        refused(r"chunk-000000.npz and 4 more chunks are damaged or of another run; remove them", key=jax.random.key(1))
    refused("holds this run already", resume=False)
    assert not (folder / "manifest.json").exists()
    # Those of this run prove to be so themselves.
    xr.testing.assert_identical(before, ensemble.run(draw, GRID, key=key, tile=4, out=folder))


def test_only_chunks_of_the_run_are_taken(kept, tmp_path, key):
    folder, refused = kept
    path, other = folder / "chunk-000001.npz", folder / "chunk-000002.npz"
    whole = path.read_bytes()
    with np.load(path) as file:
        arrays = dict(file)
    name = next(name for name in arrays if name.endswith("x"))
    ensemble.run(draw, GRID, key=jax.random.key(1), tile=4, out=tmp_path / "other")
    strange = {
        "of another run": (tmp_path / "other" / path.name).read_bytes(),
        "of another number": other.read_bytes(),
        "truncated": whole[:-200],
        "with a number changed": whole.replace(arrays[name].tobytes(), (-arrays[name]).tobytes()),
        "empty": b"",
        "pickled": {"x": np.array([{"a": "pickle"}], dtype=object), "n": np.zeros(1)},
        "without a stamp": {"x": arrays[name], "n": np.zeros(16, int)},
        "with other names": {("y" if k == name else k): v for k, v in arrays.items()},
        "with another array": {**arrays, f"{name}y": np.zeros(16)},
        "of another shape": {**arrays, name: arrays[name][:, :1]},
        "with fewer lanes": {k: v[:8] if v.ndim else v for k, v in arrays.items()},
        "of another dtype": {**arrays, name: arrays[name].astype(np.float32)},
    }
    for what, content in strange.items():
        path.unlink()
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            np.savez(path, **content)
        refused(r"chunk-000001.npz is damaged or of another run; remove it")
        assert path.exists(), what
    path.unlink()
    path.mkdir()
    refused("chunk-000001.npz is damaged")
    path.rmdir()
    path.write_bytes(whole)
    for stray in ("chunk-000009.npz", "chunk-1.npz", "chunk-x.npz"):
        (folder / stray).write_bytes(whole)
        refused(f"{stray} is damaged")
        (folder / stray).unlink()
    assert ensemble.run(draw, GRID, key=key, tile=4, out=folder).attrs["lanes_done"] == 80


def test_nothing_is_written_through_a_link(tmp_path, key):
    precious = tmp_path / "precious"
    precious.write_text("precious")
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "lock").symlink_to(precious)
    with pytest.raises(OSError, match="lock must be a file of its own, and no link or folder"):
        ensemble.run(draw, GRID, key=key, tile=4, out=folder)
    (folder / "lock").unlink()
    (folder / f".chunk-000000.{os.getpid()}.partial.npz").symlink_to(precious)
    ensemble.run(draw, GRID, key=key, tile=4, out=folder)
    assert precious.read_text() == "precious"


@pytest.mark.parametrize("name", ["manifest.json", "ensemble.nc", "lock"])
def test_a_folder_in_the_place_of_a_file_is_refused_before_the_work(name, tmp_path, key):
    (tmp_path / name).mkdir()
    with pytest.raises(OSError, match=rf"{name} .*folder"):
        ensemble.run(lambda point, key: {"x": jnp.zeros(())}, {"inits": 2}, key=key, tile=2, out=tmp_path)


@pytest.mark.parametrize("name", ["file", "self", "allow_pickle", "run", "chunk", "é"])
def test_what_is_measured_may_have_any_name(name, tmp_path, key):
    first, again = (
        ensemble.run(lambda p, k: {name: jax.random.uniform(k)}, {"inits": 2}, key=key, tile=2, out=tmp_path)
        for _ in range(2)
    )
    np.testing.assert_array_equal(first[name], again[name])
    assert xr.open_dataset(tmp_path / "ensemble.nc")[name].shape == (2,)


@pytest.mark.parametrize("measured", [{"a/b": 1.0}, {"": 1.0}])
def test_what_a_file_cannot_hold_is_refused_before_the_work(measured, tmp_path, key):
    with pytest.raises(ValueError, match="The result could not be written to"):
        ensemble.run(lambda p, k: measured, {"inits": 2}, key=key, tile=2, out=tmp_path)
    assert {path.name for path in tmp_path.iterdir()} <= {"manifest.json", "lock"}


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


PROGRAM = """
import os, sys, time
import jax
jax.config.update("jax_enable_x64", True)
jax.config.update("jax_num_cpu_devices", int(sys.argv[2]))
if "JAX_COORDINATOR_ADDRESS" in os.environ:
    from jspline.cli._app import distribute
    distribute()
import jspline
from jspline import ensemble

data = jspline.datasets.sine(6)
def make(point, key):
    return jspline.rescale(jspline.init.he(5).sample(5, key=key), point["alpha"]), data
def slowly(done, total, values):
    if not values:
        return
    print(done, flush=True)
    time.sleep(float(sys.argv[3]))
ds = ensemble.flow(make, {"alpha": [0.5, 2.0], "inits": 24}, key=jax.random.key(0), t1=1.0, rtol=1e-4, atol=1e-7,
                   tile=2, out=sys.argv[1], progress=slowly)
print("lanes_done", ds.attrs["lanes_done"], flush=True)
"""


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """Programs share what they compile, and compile it quickly, since each starts anew."""
    cache = tmp_path_factory.mktemp("cache")
    plain = {k: v for k, v in os.environ.items() if not k.startswith("JAX_")}
    return plain | {
        "XLA_FLAGS": "",
        "PYTHONPATH": str(ROOT),
        "JAX_COMPILATION_CACHE_DIR": str(cache),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_DISABLE_MOST_OPTIMIZATIONS": "1",
    }


def program(environment, folder, devices, pause=0.0, **more):
    command = [sys.executable, "-c", PROGRAM, str(folder), str(devices), str(pause)]
    return subprocess.Popen(command, env=environment | more, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finished(process):
    out, err = process.communicate(timeout=240)
    assert process.returncode == 0, err[-3000:]
    return out


@pytest.fixture(scope="module")
def undisturbed(environment, tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    assert "lanes_done 48" in finished(program(environment, folder, 1))
    return xr.open_dataset(folder / "ensemble.nc").load()


@pytest.mark.slow
@pytest.mark.parametrize("kills", [(2,), pytest.param((1, 2, 1), marks=pytest.mark.full)], ids=["one", "three"])
def test_kills_change_no_bit(environment, undisturbed, tmp_path, kills):
    rng = np.random.default_rng(0)
    for devices in kills:
        process = program(environment, tmp_path, devices, 0.05)
        process.stdout.readline()  # some lanes are done
        time.sleep(float(rng.uniform(0, 0.3)))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert process.returncode == -signal.SIGKILL
    assert not (tmp_path / "ensemble.nc").exists()
    assert "lanes_done 48" in finished(program(environment, tmp_path, 4))
    xr.testing.assert_identical(undisturbed, xr.open_dataset(tmp_path / "ensemble.nc").load())


def pair(environment, folder, pause):
    """Two processes that know of each other."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        address = f"localhost:{free.getsockname()[1]}"
    each = {"JAX_COORDINATOR_ADDRESS": address, "JAX_NUM_PROCESSES": "2"}
    return [program(environment, folder, 2, pause, **each, JAX_PROCESS_ID=str(i)) for i in range(2)]


@pytest.mark.slow
def test_two_processes_do_the_work_of_one(environment, undisturbed, tmp_path):
    said = [finished(process) for process in pair(environment, tmp_path, 0.0)]
    assert any("lanes_done 48" in each for each in said)
    xr.testing.assert_identical(undisturbed, xr.open_dataset(tmp_path / "ensemble.nc").load())


@pytest.mark.full
def test_of_two_processes_one_dies(environment, undisturbed, tmp_path):
    first, second = pair(environment, tmp_path, 0.2)
    second.stdout.readline()
    second.send_signal(signal.SIGKILL)
    second.communicate()
    # The other one does its share, and then waits for the dead one, until JAX ends it.
    said = next(line for line in iter(first.stdout.readline, "") if "lanes_done" in line)
    first.kill()
    first.communicate()
    assert said != "lanes_done 48\n"
    said = [finished(process) for process in pair(environment, tmp_path, 0.0)]
    assert any("lanes_done 48" in each for each in said)
    xr.testing.assert_identical(undisturbed, xr.open_dataset(tmp_path / "ensemble.nc").load())
