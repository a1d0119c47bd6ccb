"""The package as a whole: import layers, public names, documentation of public names, precision and devices."""

import ast
import inspect
import subprocess
import sys
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import random_data, random_net, relative
from importlinter import cli as importlinter
from jax.sharding import AxisType, PartitionSpec
from long import LONG

import jspline

ROOT = Path(__file__).parent.parent


def test_imports_point_one_way(monkeypatch):
    monkeypatch.chdir(ROOT)
    assert importlinter.lint_imports(no_cache=True) == importlinter.EXIT_STATUS_SUCCESS


OF_ONE_SYSTEM = {"fcntl", "grp", "msvcrt", "posix", "pwd", "resource", "termios", "tty", "winreg", "_winapi"}


def test_nothing_is_imported_that_only_one_system_has():
    for path in (ROOT / "jspline").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) else []
            assert not OF_ONE_SYSTEM & set(names), path


def test_every_room_is_an_attribute_and_nothing_else_is():
    """Bug: `jspline.plot` was one only after its import, `jspline.ensemble` not in dir(), and `jspline.Any` was one."""
    code = """
import jspline, types
shown = {name for name in dir(jspline) if not name.startswith("_")}
assert {"plot", "claims", "ensemble"} <= shown, shown
assert isinstance(jspline.plot, types.ModuleType) and isinstance(jspline.claims, types.ModuleType)
assert callable(jspline.ensemble.run)
others = {name for name in shown if not getattr(getattr(jspline, name), "__module__", "jspline").startswith("jspline")}
assert not others, others
"""
    subprocess.run([sys.executable, "-c", code], check=True)
    with pytest.raises(AttributeError, match="module 'jspline' has no attribute 'nothing'"):
        _ = jspline.nothing


NAMES = [
    "ReLUNet",
    "Spline",
    "Polar",
    "rescale",
    "charge",
    "roughness",
    "Dataset",
    "loss",
    "value_and_grad",
    "flow",
    "hessian",
    "gram",
    "hvp",
    "ntk",
    "spectrum",
    "zero_modes",
    "landscape.slice_breakpoint",
    "landscape.classify_knots",
    "landscape.drive",
    "landscape.is_critical",
    "landscape.pieces",
    "landscape.is_lonely",
    "landscape.lonely_probability",
    "datasets.load",
    "datasets.read_csv",
    "datasets.sine",
    "datasets.quadratic",
    "datasets.square_wave",
    "datasets.smooth_gap",
    "datasets.sharp_gap",
    "datasets.teacher",
    "init.Gaussian",
    "init.Uniform",
    "init.he",
    "init.glorot",
    "init.UniformBreakpoints",
    "init.Spiky",
    "init.FromData",
    "init.Balanced",
    "init.flat",
    "init.from_curvature",
    "kernel.natural_cubic",
    "kernel.regime",
    "kernel.flow",
    "kernel.min_norm",
    "kernel.weighted_spline",
    "pwl.dynamic_programming",
    "pwl.greedy_merge",
    "pwl.continuous",
    "train",
    "dynamics.RESULTS",
    "dynamics.Solution",
]


@pytest.mark.parametrize("name", NAMES)
def test_contracted_names(name):
    thing = jspline
    for part in name.split("."):
        thing = getattr(thing, part)
    assert inspect.getdoc(thing)


def public(module):
    for name in module.__all__:
        thing = getattr(module, name)
        if not inspect.ismodule(thing):
            yield f"{module.__name__}.{name}", thing


def test_every_public_name_is_documented():
    rooms = (jspline.charts, jspline.datasets, jspline.init, jspline.curvature, jspline.landscape, jspline.dynamics)
    packages = (jspline, *rooms, jspline.kernel, jspline.pwl, jspline.descent)
    missing = []
    for package in packages:
        for name, thing in public(package):
            if not (isinstance(thing, str | tuple) or inspect.getdoc(thing)):
                missing.append(name)
            if inspect.isclass(thing):
                methods = [m for m in vars(thing) if not m.startswith("_") and callable(getattr(thing, m))]
                missing += [f"{name}.{m}" for m in methods if not inspect.getdoc(getattr(thing, m))]
    assert not missing


def test_importing_configures_nothing_and_stays_light():
    """float32 stays JAX's default, and neither matplotlib nor the command line is loaded."""
    program = """
import sys
import jspline, jax, jax.numpy as jnp
assert not jax.config.jax_enable_x64
assert not {"matplotlib", "typer", "tqdm", "xarray"} & set(sys.modules)
data = jspline.datasets.load("mcycle").standardize()[0].merged()
net = jspline.init.he(30).sample(30, key=jax.random.key(0))
value, grad = jspline.value_and_grad(net, data)
assert value.dtype == grad.w.dtype == data.x.dtype == net.w.dtype == jnp.float32
sol = jspline.flow(net, data, 0.05, rtol=1e-3, atol=1e-5)
assert sol.result == jspline.dynamics.RESULTS.end_time
assert sol.loss < value
assert jspline.kernel.regime(sol.net, data).dtype == jnp.float32
back = net.to_spline().to_net(jspline.charge(net))
assert jnp.max(jnp.abs(back.w - net.w)) < 1e-5
law = jspline.init.he(30)
assert abs(law.cdf_mu(0.3) - law.cdf_mu(-0.3) - (1 - 2 * law.cdf_mu(-0.3))) < 1e-6
print("fine")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=300)
    assert done.stdout.strip() == "fine", done.stderr


def test_four_devices_give_what_one_gives(key):
    assert jax.device_count() == 4
    mesh = jax.make_mesh((4,), ("inits",), axis_types=(AxisType.Auto,))
    nets = jax.vmap(lambda k: random_net(k, 7))(jax.random.split(key, 8))
    data = random_data(key, 9)

    def work(net):
        value, grad = jspline.value_and_grad(net, data, method="sorted")
        sol = jspline.flow(net, data, 0.1, rtol=1e-6, atol=1e-9)
        return value, grad, sol.net, sol.stats["num_steps"], net.to_spline()

    spread = jax.jit(
        jax.shard_map(
            jax.vmap(work),
            mesh=mesh,
            in_specs=PartitionSpec("inits"),
            out_specs=PartitionSpec("inits"),
            check_vma=False,
        )
    )(nets)
    assert len(spread[0].sharding.device_set) == 4
    here = jax.jit(jax.vmap(work))(nets)
    np.testing.assert_array_equal(spread[3], here[3])
    assert relative(spread, here) <= 1e-10


def test_values_are_pytrees_that_save_and_load(tmp_path, key):
    net = random_net(key)
    for value in (net, net.to_spline(), net.to_polar(), random_data(key), jspline.init.he(3)):
        path = tmp_path / "value.eqx"
        eqx.tree_serialise_leaves(path, value)
        again = eqx.tree_deserialise_leaves(path, jax.tree.map(jnp.zeros_like, value))
        assert relative(again, value) == 0


def test_importing_starts_no_backend():
    """Devices, and several processes, can only be set up before JAX has started."""
    program = (
        "import jspline.cli, jspline.claims; from jax._src import xla_bridge as bridge; "
        "raise SystemExit(bridge.backends_are_initialized())"
    )
    assert subprocess.run([sys.executable, "-c", program], timeout=120).returncode == 0


def test_what_is_left_to_the_full_run_is_there():
    here = Path(__file__).parent
    for name in LONG:
        file, test = name.split("::")
        assert f"def {test.split('[')[0]}(" in (here / f"{file}.py").read_text(), name


def test_a_warning_points_at_who_called():
    """Bug: at the package's own wrapper, and so once for all. Without the type checker, whose frames count."""
    code = """
import warnings
import jspline
with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    try:
        net, data = jspline.ReLUNet([1.0], [0.5], [1.0]), jspline.Dataset([0.0, 1.0], [0.0, 1.0])
        jspline.flow(net, data, 1.0, rtol=1e-12, atol=1e-12, method=jspline.dynamics.Exact(stepsize_controller=3))
    except Exception:
        pass
print(said[0].filename)
"""
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "<string>"
