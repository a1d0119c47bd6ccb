"""Programs are kept, used again, and let go of."""

import ast
import pathlib
from concurrent.futures import ThreadPoolExecutor

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jspline
from jspline import Dataset, ReLUNet, _programs, curvature, flow
from jspline._programs import PROGRAMS, Programs, compiled
from jspline.dynamics import start

needs_maps = pytest.mark.skipif(_programs.memory_maps() == 0, reason="no memory maps to count on this system")


def counted(programs):
    """A function of arrays and other things that notes the shapes for which it is traced."""
    seen = []

    def work(x, power, *, name="none"):
        seen.append(x.shape)
        return {"sum": jnp.sum(x**power), name: name, "x": x}

    return compiled(work, programs=programs), seen


def problem(width):
    r = np.random.default_rng(width)
    w, b, v = (jnp.asarray(r.normal(size=width)) for _ in range(3))
    return ReLUNet(w, b, v), Dataset(jnp.linspace(-1.0, 1.0, 4), jnp.asarray([0.0, 1.0, 0.0, 1.0]))


def executables():
    return len(jax.local_devices()[0].client.live_executables())


def test_the_program_that_was_not_used_for_longest_is_dropped():
    function, seen = counted(Programs(most=2))
    for size in (1, 2, 1, 3, 1):
        function(jnp.ones(size), 2)
    assert seen == [(1,), (2,), (3,)]
    function(jnp.ones(2), 2)
    function(jnp.ones(1), 2)
    assert seen == [(1,), (2,), (3,), (2,)]


def test_what_is_no_array_is_static():
    programs = Programs()
    function, seen = counted(programs)
    for power in (2, 3, 2):
        out = function(np.full(3, 2.0), power, name="what")
        assert out["sum"] == 3 * 2.0**power
        assert out["what"] == "what"
        assert isinstance(out["x"], jax.Array)
    assert len(seen) == len(programs) == 2


def test_programs_compose():
    programs = Programs(most=1)
    function, seen = counted(programs)
    x = jnp.arange(6.0).reshape(2, 3)
    total = lambda x: function(x, 2)["sum"]  # noqa: E731
    assert jax.vmap(total)(x).tolist() == jax.jit(jax.vmap(total))(x).tolist() == [5.0, 50.0]
    assert jax.grad(total)(x[1]).tolist() == [6.0, 8.0, 10.0]
    assert len(programs) == 1
    assert set(seen) == {(3,)}


def test_threads_share_programs():
    programs = Programs(most=2)
    function, _ = counted(programs)
    sizes = list(range(1, 5)) * 8
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda size: float(function(jnp.ones(size), 2)["sum"]), sizes))
    assert found == sizes
    assert len(programs) == 2


def test_few_programs_are_kept_where_memory_maps_are_scarce(monkeypatch):
    programs = Programs(most=6, fewest=3)
    function, _ = counted(programs)
    for size in range(1, 6):
        function(jnp.ones(size), 2)
    assert len(programs) == 5
    monkeypatch.setattr(_programs, "memory_maps", lambda: 600)
    monkeypatch.setattr(_programs, "memory_maps_allowed", lambda: 1000)
    function(jnp.ones(6), 2)
    assert len(programs) == 3


@needs_maps
def test_a_shape_of_the_flow_gives_its_memory_maps_back(monkeypatch):
    """Where it starts; the rest takes longer to compile."""
    monkeypatch.setattr(PROGRAMS, "most", 1)
    held = []
    for width in (1, 2, 3):
        start(*problem(width), 1.0, rtol=1e-3, atol=1e-6)
        held.append(_programs.memory_maps())
    assert held[-1] <= held[0] + 80  # of 180 for each


WAYS = {"alone": lambda f: f, "vmap": jax.vmap, "jvp": lambda f: jax.vmap(jax.jacfwd(f))}


@pytest.mark.parametrize("way", WAYS)
def test_what_was_made_of_a_program_goes_with_it(monkeypatch, way):
    monkeypatch.setattr(PROGRAMS, "most", 1)
    net, data = problem(3 + list(WAYS).index(way))  # a shape of its own, not yet compiled
    nets = jax.tree.map(lambda leaf: jnp.stack([leaf, leaf]), net)
    other = problem(9 + list(WAYS).index(way))
    one = lambda net: curvature.jacobian(net, data)  # noqa: E731
    jax.block_until_ready(WAYS[way](one)(net if way == "alone" else nets))
    before = executables()
    curvature.jacobian(*other)
    assert executables() <= before


@needs_maps
@pytest.mark.full
@pytest.mark.timeout(3600)
def test_a_hundred_shapes_of_the_flow():
    """As many as a process dies of that keeps them all."""
    for width in range(1, 101):
        flow(*problem(width), 1.0, rtol=1e-3, atol=1e-6, max_steps=1)
        assert _programs.memory_maps() < 0.6 * _programs.memory_maps_allowed()


ROOMS = ["curvature", "datasets", "charts", "descent", "dynamics", "ensemble", "init", "kernel", "landscape", "pwl"]


@pytest.mark.parametrize("room", [*ROOMS, "."])
def test_every_function_of_the_package_is_compiled_the_one_way(room):
    """Its programs are counted, and dropped: none is decorated with, or assigned from, another compiler's."""
    found = []
    for path in sorted(pathlib.Path(jspline.__file__).parent.joinpath(room).glob("*.py")):
        for statement in ast.parse(path.read_text()).body:
            whole = [statement.value] if isinstance(statement, ast.Assign) else getattr(statement, "decorator_list", [])
            found += [path.name for each in whole if "jit" in ast.unparse(each)]
    assert not found
