"""Every test runs with four fake devices, float64 available, no implicit promotion, and checked shapes."""

import os
import shutil
import tempfile

os.environ["XLA_FLAGS"] = (
    os.environ.get("XLA_FLAGS", "") + " --xla_force_host_platform_device_count=4 --xla_cpu_use_fusion_emitters=false"
)
os.environ.setdefault("MPLBACKEND", "agg")
# Compiling is most of the time of the tests, and of the programs that they start.
os.environ["JAX_DISABLE_MOST_OPTIMIZATIONS"] = "1"

os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.2")

import hypothesis
import jax
import jaxtyping
import pytest
from jaxtyping import install_import_hook
from long import LONG

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")

hypothesis.settings.register_profile("jspline", derandomize=True, deadline=None, max_examples=200)
hypothesis.settings.load_profile("jspline")

with install_import_hook("jspline", "beartype.beartype"):
    import jspline  # noqa: F401


OPTIMIZED = {"test_dynamics", "test_ensemble"}
"""Modules compiled as users compile: what compares roundings. The others take half the time without."""


def pytest_addoption(parser):
    parser.addoption("--full", action="store_true", help="run what is marked full, too")


def pytest_collection_modifyitems(config, items):
    for item in items:
        names = {f"{item.path.stem}::{name}" for name in (item.name, getattr(item, "originalname", item.name))}
        if names & LONG.keys():
            item.add_marker(pytest.mark.full)
    if not config.getoption("--full"):
        left_out = [item for item in items if item.get_closest_marker("full")]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if not item.get_closest_marker("full")]


def pytest_configure(config):
    """What one process has compiled the others need not: the workers, and the programs that they start."""
    if jax.config.jax_compilation_cache_dir is None:
        folder = tempfile.mkdtemp(prefix="jspline-tests-")
        os.environ["JAX_COMPILATION_CACHE_DIR"] = folder
        jax.config.update("jax_compilation_cache_dir", folder)
        config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))


@pytest.fixture(autouse=True, scope="module")
def compiled(request):
    """Compile a module's programs for itself, and let go of them: a process that holds too many memory maps dies."""
    quickly = request.module.__name__.split(".")[-1] not in OPTIMIZED
    jax.config.update("jax_disable_most_optimizations", quickly)
    yield
    jax.clear_caches()


@pytest.fixture
def key():
    return jax.random.key(20220511)


@pytest.fixture
def unchecked():
    """Let a wrong argument through the type checker of the tests, to meet the package's own check."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


@pytest.fixture(params=["float64", "float32"])
def dtype(request):
    return request.param


@pytest.fixture(scope="session")
def browser():
    """Chromium without a window, as the system's package manager installs it."""
    from playwright.sync_api import sync_playwright

    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert program, "These tests need Chromium: apt-get install chromium, or leave them out with -m 'not browser'."
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield chromium
        chromium.close()
