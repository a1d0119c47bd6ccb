"""What a folder knows a run by: every argument, every field, every number in a program; the same in every process."""

import copy
import dataclasses
import functools
import inspect
import os
import subprocess
import sys
import threading
from pathlib import Path

import diffrax
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jspline
from jspline import ensemble
from jspline.dynamics import Exact
from jspline.ensemble._fingerprint import fingerprint
from jspline.ensemble._store import Store

ROOT = Path(__file__).parent.parent
DATA = jspline.datasets.sine(6)
PID = diffrax.PIDController(rtol=jnp.asarray(1e-2), atol=1e-6)
FINER = diffrax.PIDController(rtol=jnp.asarray(1e-8), atol=1e-6)


def make(point, key):
    return jspline.rescale(jspline.init.he(5).sample(5, key=key), point["alpha"]), DATA


def make_other(point, key):
    net, data = make(point, key)
    return net, jspline.Dataset(data.x, data.y.at[3].add(1e-12))


def draw(point, key):
    return {"x": point["alpha"] * jax.random.normal(key, (2,))}


def draw_other(point, key):
    return {"x": point["alpha"] * jax.random.normal(key, (2,)) + 1e-12}


def measure(sol):
    return {"loss": sol.loss}


def measure_other(sol):
    return {"loss": 2 * sol.loss}


GRID = {"alpha": [1.0, 2.0], "beta": [1.0, 2.0], "inits": 4}
SEEN = {
    "grid": [
        {**GRID, "alpha": [1.0, 3.0]},
        {**GRID, "alpha": [1, 2]},
        {**GRID, "inits": 5},
        {"beta": [1.0, 2.0], "alpha": [1.0, 2.0], "inits": 4},
    ],
    "key": [jax.random.key(1), jax.random.key(0, impl="rbg")],
    "tile": [8],
}
"""Arguments and other values of them."""

UNSEEN = {
    "out": "where it is kept",
    "devices": "their number changes no bits, and their kind is among the surroundings",
    "resume": "asks only whether to go on",
    "progress": "hears, and says nothing",
}
"""Arguments that decide no number, and why."""

OPTIONS = {
    "t1": [2.0],
    "rtol": [1e-3, np.float32(1e-4)],
    "atol": [1e-8],
    "ts": [jnp.array([0.5]), jnp.array([0.25])],
    "loss_tol": [1e-3],
    "grad_tol": [1e-3],
    "method": [Exact(until="first_event"), Exact(events=3), Exact(None, 0, PID), Exact(None, 0, FINER)],
}
TABLES = {
    ensemble.run: ({"fn": draw, "grid": GRID, "tile": 4}, {"fn": [draw_other], **SEEN}),
    ensemble.flow: (
        {"make": make, "grid": GRID, "measure": measure, "tile": 4, "t1": 1.0, "rtol": 1e-4, "atol": 1e-7},
        {"make": [make_other], "measure": [measure_other], "max_steps": [50], **SEEN},
    ),
}


class Known(Exception):
    """Instead of a run, what its folder would know it by."""


@pytest.fixture
def known(monkeypatch, tmp_path, unchecked):
    def tell(store, text, resume):
        raise Known(store._run)

    monkeypatch.setattr(Store, "_open", tell)

    def of(function, arguments):
        with pytest.raises(Known) as told:
            function(**{"key": jax.random.key(0)} | arguments, out=tmp_path, devices=jax.devices()[:1])
        return str(told.value)

    return of


@pytest.mark.parametrize("function", TABLES)
def test_no_argument_of_a_run_escapes(function, known):
    base, others = TABLES[function]
    parameters = inspect.signature(function).parameters
    named = {name for name, each in parameters.items() if each.kind is not each.VAR_KEYWORD}
    assert named == set(others) | set(UNSEEN)
    if named != set(parameters):  # the rest goes to `start`
        assert set(inspect.signature(jspline.dynamics.start).parameters) - {"net", "problem"} == set(OPTIONS)
        others = {**others, **OPTIONS}
    seen = {known(function, base): "nothing"}
    assert known(function, base) in seen
    for name, values in others.items():
        for value in values:
            found = known(function, base | {name: value})
            assert found not in seen, f"{name} as {seen[found]}"
            seen[found] = name


def test_statistics_are_not_kept():
    """`collect` has no folder, so it needs no fingerprint: one that gets a folder belongs into the tables above."""
    with_folder = {
        f for f in vars(ensemble).values() if inspect.isfunction(f) and "out" in inspect.signature(f).parameters
    }
    assert with_folder == set(TABLES)


OBJECTS = [
    PID,
    diffrax.ConstantStepSize(),
    diffrax.StepTo(jnp.array([0.0, 1.0])),
    diffrax.ClipStepSizeController(PID, step_ts=jnp.array([0.5])),
    jspline.init.he(5),
    jspline.init.Uniform(1.0, 2.0, 3.0),
    jspline.ReLUNet([1.0], [2.0], [3.0]),
    DATA,
]


@pytest.mark.parametrize("value", OBJECTS, ids=lambda value: type(value).__name__)
def test_no_field_of_an_object_escapes(value):
    assert fingerprint(value) == fingerprint(copy.copy(value))
    for field in dataclasses.fields(value):
        other = copy.copy(value)
        object.__setattr__(other, field.name, 0.123)
        assert fingerprint(other) != fingerprint(value), field.name


def test_every_controller_is_among_the_objects():
    public = {c for c in vars(diffrax).values() if inspect.isclass(c) and not inspect.isabstract(c)}
    controllers = {c for c in public if issubclass(c, diffrax.AbstractStepSizeController)}
    assert controllers == {type(value) for value in OBJECTS if isinstance(value, diffrax.AbstractStepSizeController)}


def closure(value):
    return lambda x: x + value


def default(value):
    def function(x, *, y=value):
        return x + y

    return function


def calls_global(x):
    return OUTSIDE * x  # noqa: F821


class Thing:
    size = 1

    def __init__(self, value):
        self.value = value

    def double(self):
        return 2 * self.value


class OtherThing(Thing):
    def double(self):
        return 3 * self.value


LONG = np.arange(5000.0)
LONGER = LONG.copy()
LONGER[2500] += 1e-12


def traced(function):
    return jax.make_jaxpr(function)(1.0)


def inner_constant(array):
    inner = jax.jit(lambda x: jnp.asarray(array) * x)
    return traced(lambda x: jnp.sum(inner(x)))


def called_back(function):
    return traced(lambda x: jax.pure_callback(function, jax.ShapeDtypeStruct((), "float64"), x))


@pytest.mark.parametrize(
    "values",
    [
        (1, 1.0, True, "1", b"1", np.float64(1), np.float32(1), None),
        (0.0, -0.0),
        ([1, 2], (1, 2), [2, 1], {1: 2}, {1, 2}, [[1], 2], [1, [2]]),
        (LONG, LONGER, LONG.astype(np.float32), LONG.reshape(50, 100), LONG.astype(">f8"), np.ma.masked_less(LONG, 2)),
        (jnp.asarray(1e-2), jnp.asarray(1e-8)),
        (jax.random.key(0), jax.random.key(1)),
        (lambda x: x + 1, lambda x: x + 2, lambda x: x, lambda y: y + 1, lambda x, y: x + 1),
        (closure(LONG), closure(LONGER), closure(1), closure(2)),
        (default(1), default(2)),
        (functools.partial(closure, 1), functools.partial(closure, 2), functools.partial(default, 1)),
        (Thing(1), Thing(2), OtherThing(1), Thing(1).double, Thing(2).double, OtherThing(1).double, Thing, OtherThing),
        (jax.jit(closure(1)), jax.jit(closure(2))),
        (np.add, np.subtract, np.sum, jnp.sum, jnp.sin, jnp.cos, max, min),
        (traced(lambda x: x + 1), traced(lambda x: x + 2), traced(lambda x: x - 1), traced(lambda x: 1 + x)),
        (traced(closure(LONG)), traced(closure(LONGER))),
        (inner_constant(LONG), inner_constant(LONGER)),
        (called_back(np.sin), called_back(np.cos), called_back(closure(1)), called_back(closure(2))),
        (jax.tree.structure([1, Thing]), jax.tree.structure((1, Thing)), jax.tree.structure(PID)),
    ],
)
def test_what_differs_has_another_fingerprint(values):
    assert len({fingerprint(value) for value in values}) == len(values)


def test_what_is_made_again_has_the_same_fingerprint():
    for again in (
        lambda: closure(LONG.copy()),
        lambda: default([1, {"a": LONG.copy()}]),
        lambda: Thing(Thing(1)),
        lambda: traced(closure(LONG.copy())),
        lambda: inner_constant(LONG.copy()),
        lambda: called_back(closure(LONG.copy())),
        lambda: diffrax.PIDController(rtol=jnp.asarray(1e-2), atol=1e-6),
    ):
        assert fingerprint(again()) == fingerprint(again())


def test_globals_count_and_cycles_end(monkeypatch):
    found = set()
    for value in (1.0, 2.0, LONG):
        monkeypatch.setitem(globals(), "OUTSIDE", value)
        found.add(fingerprint(calls_global))
    assert len(found) == 3
    loops = []
    for value in (1, 2):
        loop = Thing(value)
        loop.itself = [loop]
        loops.append(fingerprint(loop))
    assert len(set(loops)) == 2


@pytest.mark.parametrize("value", [threading.Lock(), (i for i in range(3)), sys.stdout, [{"a": threading.Lock()}]])
def test_what_cannot_be_known_again_is_refused_in_a_sentence(value):
    for each in (value, closure(value)):
        with pytest.raises(TypeError, match=r"What a run computes must be made of .*; there is a [\w.]+ in it\.$"):
            fingerprint(each)


def test_an_argument_that_cannot_be_known_again_is_refused_only_where_it_is_kept(tmp_path, key):
    lock = threading.Lock()

    def host(x):
        with lock:
            return np.asarray(x)

    def called(point, key):
        return {
            "x": jax.pure_callback(
                host, jax.ShapeDtypeStruct((), "float64"), jax.random.uniform(key), vmap_method="sequential"
            )
        }

    assert ensemble.run(called, {"inits": 2}, key=key, tile=2).x.shape == (2,)
    with pytest.raises(TypeError, match=r"there is a _thread\.lock in it"):
        ensemble.run(called, {"inits": 2}, key=key, tile=2, out=tmp_path)


IN_ANY_PROCESS = """
import functools, sys
import diffrax, jax, jax.numpy as jnp, numpy as np
jax.config.update("jax_enable_x64", True)
import jspline
from jspline.ensemble._fingerprint import fingerprint

class Mine(diffrax.PIDController):
    more: frozenset = frozenset({"a", "b", "c", "d"})

    def wrap(self, direction):
        return scale * self.rtol

scale = np.arange(300.0)
def fn(key):
    net = jspline.init.he(3).sample(3, key=key)
    return jspline.loss(net, jspline.datasets.sine(6)), jax.jit(lambda x: x * scale)(net.b0)

values = [
    lambda x: x in {"one", "two", "three"}, functools.partial(fn, key=1), Mine(1e-3, 1e-6), {"b", "a", "c"},
    jspline.init.he(3), jax.make_jaxpr(fn)(jax.random.key(0)), diffrax.Tsit5(),
]
found = [fingerprint(value) for value in values]
print(*found)
"""


def test_another_process_finds_the_same(capsys):
    here = {"__name__": "__main__"}
    exec(compile(IN_ANY_PROCESS, "elsewhere.py", "exec"), here)
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "7"}
    done = subprocess.run(
        [sys.executable, "-c", IN_ANY_PROCESS], env=environment, capture_output=True, text=True, timeout=200
    )
    assert done.stdout.split() == here["found"], done.stderr[-2000:]
