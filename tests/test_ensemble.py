"""Ensembles: grids, tiles on several devices, lanes that are dropped, statistics that merge, condensed nets."""

import functools
import operator
import os
import subprocess
import sys

import hypothesis
import hypothesis.extra.numpy as hnp
import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import strategies as st
from scipy import stats

import jspline
from jspline import ensemble
from jspline.dynamics import condense, nothing_follows, result_names
from jspline.ensemble import LawBins, LawBlock, LogBins, Moments

DATA = jspline.datasets.sine(6)
OPTIONS = {"t1": 3.0, "rtol": 1e-4, "atol": 1e-7}
GRID = {"alpha": [0.5, 2.0], "inits": 20}


def make(point, key):
    return jspline.rescale(jspline.init.he(5).sample(5, key=key), point["alpha"]), DATA


def measure(sol):
    return {"loss": sol.loss, "w": sol.net.w, "steps": sol.stats["num_steps"]}


def draw(point, key):
    net = jspline.init.he(point["width"]).sample(point["width"], key=key)
    return {"w": net.w, "scaled": point["alpha"] * net.w[0], "letters": len(point["name"])}


def test_run_labels_what_a_loop_would_give(key):
    grid = {"width": [3, 5], "alpha": [0.1, 1, 10], "name": ["a", "bc"], "inits": 4}
    ds = ensemble.run(draw, grid, key=key, tile=8)
    assert dict(ds.sizes) == {"width": 2, "alpha": 3, "name": 2, "inits": 4, "w_0": 5}
    assert ds.w.dims == ("width", "alpha", "name", "inits", "w_0")
    for place in np.ndindex(2, 3, 2, 4):
        i, j, k, n = place
        point = {"width": grid["width"][i], "alpha": float(grid["alpha"][j]), "name": grid["name"][k]}
        want = draw(point, jax.random.fold_in(key, n))
        np.testing.assert_allclose(ds.w.values[place][: point["width"]], want["w"], rtol=1e-12)
        assert np.all(np.isnan(ds.w.values[place][point["width"] :]))
        np.testing.assert_allclose(ds.scaled.values[place], want["scaled"], rtol=1e-12)
        assert ds["name"].values[k] == point["name"]
    # The same networks at every point, and in a longer grid.
    np.testing.assert_array_equal(ds.w[:, 0], ds.w[:, 1])
    longer = ensemble.run(draw, {**grid, "alpha": [1.0, 10.0, 100.0], "inits": 9}, key=key, tile=8)
    np.testing.assert_array_equal(longer.w.values[:, :2, :, :4], ds.w.values[:, 1:])


def test_flow_is_the_flow_of_each_on_any_number_of_devices(key):
    by_devices = [
        ensemble.flow(make, GRID, measure, key=key, tile=4, devices=jax.devices()[:n], **OPTIONS) for n in (1, 4)
    ]
    for other in by_devices[1:]:
        for name in by_devices[0]:
            np.testing.assert_array_equal(by_devices[0][name].values, other[name].values)
    one = by_devices[0]
    assert set(one.result.values.ravel()) == {"end_time"}
    nets = [make({"alpha": jnp.asarray(0.5)}, jax.random.fold_in(key, i))[0] for i in range(20)]
    nets = jax.tree.map(lambda *leaves: jnp.stack(leaves), *nets)
    sol = jax.vmap(lambda net: jspline.flow(net, DATA, **OPTIONS))(nets)
    np.testing.assert_array_equal(one.steps.values[0], sol.stats["num_steps"])
    np.testing.assert_allclose(one.loss.values[0], sol.loss, rtol=1e-9)
    # Those that have spent their steps are kept as far as they came.
    short = ensemble.flow(make, GRID, measure, key=key, tile=4, devices=jax.devices()[:1], max_steps=7, **OPTIONS)
    assert np.all(short.steps.values <= 7)
    np.testing.assert_array_equal(short.result.values == "out_of_steps", one.steps.values > 7)


def test_what_fails_on_one_device_stops_all(key):
    def fail(done, lanes, last):
        raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        ensemble.flow(
            make, GRID, measure, key=key, tile=4, devices=jax.devices()[:2], progress=fail, max_steps=7, **OPTIONS
        )


@pytest.mark.parametrize(
    ("grid", "message"),
    [
        ({"alpha": [1.0]}, "needs `inits`"),
        ({"alpha": [1.0], "inits": 0}, "needs `inits`"),
        ({"alpha": [], "inits": 1}, "must be a list of values"),
        ({"alpha": 2.0, "inits": 1}, "must be a list of values"),
        ({"alpha": [1.0, 1], "inits": 1}, "holds a value twice"),
        ({"alpha": [1.0, float("nan")], "inits": 1}, "must hold finite numbers"),
        ({"alpha": [None], "inits": 1}, "must hold numbers or strings"),
    ],
)
def test_grids_that_are_none(grid, message, key):
    with pytest.raises(ValueError, match=message):
        ensemble.run(lambda point, key: {}, grid, key=key)


@pytest.mark.parametrize(
    ("function", "grid", "message"),
    [
        (lambda p, k: {"a": 1.0}, {"a": [1.0]}, "`a` is both measured and an axis of the grid"),
        (lambda p, k: {"inits": 1.0}, {}, "`inits` is both measured and an axis of the grid"),
        (lambda p, k: {"w": jnp.ones(2), "w_0": 1.0}, {}, "`w_0` is both measured and an axis of an array"),
        (lambda p, k: {"w": jnp.ones(2)}, {"w_0": [1.0]}, "`w_0` is an axis of the grid and of an array"),
        (lambda p, k: {1: 1.0}, {}, "must be strings; got 1"),
        (lambda p, k: {"x": 1.0}, {3: [1.0]}, "must be strings; got 3"),
        (lambda p, k: {"abc"[p["n"]]: 1.0}, {"n": [0, 1]}, "must have the same names at every point; got a and b"),
        (lambda p, k: {"x": jnp.ones((2,) * p["n"])}, {"n": [1, 2]}, "`x` must have as many axes"),
        (lambda p, k: {"x": jnp.ones((), "bfloat16")}, {}, "`x` must hold numbers or booleans"),
        (lambda p, k: {"x": k}, {}, "`x` must hold numbers or booleans"),
    ],
)
def test_what_the_result_cannot_hold_is_refused_before_the_work(function, grid, message, key, unchecked):
    def work(done, lanes, last):
        raise AssertionError("There was work before the refusal.")

    with pytest.raises(ValueError, match=message):
        ensemble.run(function, {**grid, "inits": 2}, key=key, progress=work)


@pytest.mark.parametrize(
    ("name", "message"), [("t", "`t` is both"), ("loss", "`loss` is both"), ("result", "`result`")]
)
def test_a_flow_refuses_names_that_it_has_itself(name, message, key):
    with pytest.raises(ValueError, match=message):
        ensemble.flow(make, {**GRID, name: [1.0]}, key=key, tile=4, **OPTIONS)


def test_a_flow_keeps_how_it_ended_for_itself(key):
    with pytest.raises(ValueError, match="`result` is how a flow ended"):
        ensemble.flow(make, GRID, lambda sol: {"result": sol.loss}, key=key, tile=4, **OPTIONS)


def test_quantities_of_several_dtypes_become_the_widest(key):
    def halves(point, key):
        return {"x": jnp.asarray(1 if point["n"] else 0.5)}

    np.testing.assert_array_equal(ensemble.run(halves, {"n": [1, 0], "inits": 1}, key=key, tile=1).x, [[1], [0.5]])


@pytest.mark.parametrize(
    "values",
    [
        np.array([0.5, 2.0]),
        jnp.array([0.5, 2.0]),
        pd.Series([0.5, 2.0]),
        pd.Index([0.5, 2.0]),
        pd.Series([0.5, 2.0], dtype="Float64"),
        xr.DataArray([0.5, 2.0]),
        (0.5, 2.0),
        [jnp.asarray(0.5), np.float32(2)],
    ],
    ids=lambda values: type(values).__name__,
)
def test_arrays_are_lists_of_values(values, key):
    result = ensemble.run(lambda point, key: {"x": point["a"]}, {"a": values, "inits": 1}, key=key, tile=1)
    assert result.a.values.tolist() == [0.5, 2.0] == result.x.values.ravel().tolist()


@pytest.mark.parametrize(
    "values",
    [
        np.ma.masked_equal([0.5, 2.0], 2.0),
        pd.Series([0.5, None], dtype="Float64"),
        np.array([[0.5, 2.0]]),
        jnp.array(2.0),
        pd.DataFrame({"a": [0.5]}),
        np.array(["2020-01-01"], dtype="datetime64[ns]"),
        np.array([True]),
        np.array([0.5j]),
        {0.5: 1},
        {0.5, 2.0},
        "ab",
        b"ab",
    ],
    ids=lambda values: type(values).__name__,
)
def test_what_is_no_list_of_numbers_or_strings_is_refused(values, key):
    with pytest.raises(ValueError, match="The grid's `a` must"):
        ensemble.run(lambda point, key: {"x": 1.0}, {"a": values, "inits": 1}, key=key, tile=1)


@pytest.mark.parametrize("tile", [0, -4, 2.5, True])
def test_tiles_that_are_none(tile, key, unchecked):
    with pytest.raises(ValueError, match="`tile` must be a whole number of at least 1"):
        ensemble.run(lambda point, key: {"x": 1.0}, {"inits": 2}, key=key, tile=tile)


def test_a_function_that_reads_something_else_is_compiled_anew(key):
    outside = [1.0]

    def reads(point, key):
        return {"x": jnp.asarray(outside[0])}

    def total(key):
        return jnp.asarray(outside[0])

    for value in (1.0, 2.0):
        outside[0] = value
        assert ensemble.run(reads, {"inits": 2}, key=key, tile=2).x.values.tolist() == [value, value]
        assert ensemble.collect(total, 4, key=key) == 4 * value


def test_keys_of_the_old_kind_are_keys():
    def draw(point, key):
        return {"u": jax.random.uniform(key)}

    old, new = (ensemble.run(draw, {"inits": 3}, key=make(7)) for make in (jax.random.PRNGKey, jax.random.key))
    assert old.identical(new)


def test_equal_values_have_no_variance():
    assert Moments.of(jnp.full(1000, 0.1 + 1e9)).variance == 0


VALUES = hnp.arrays(np.float64, 24, elements=st.floats(-1e6, 1e6, allow_subnormal=False))


@hypothesis.given(VALUES, st.permutations(range(6)), st.integers(1, 5))
def test_moments_merge_in_any_order_and_grouping(values, order, cut):
    parts = [Moments.of(part) for part in jax.tree.map(np.asarray, np.split(values, 6))]
    parts = [jax.tree.map(np.asarray, part) for part in parts]
    some = functools.reduce(operator.add, [parts[i] for i in order[:cut]])
    rest = functools.reduce(operator.add, [parts[i] for i in order[cut:]])
    size = max(np.max(np.abs(values)), 1e-6)
    for merged in (some + rest, rest + some, functools.reduce(operator.add, parts)):
        assert merged.count == 24
        np.testing.assert_allclose(merged.mean / size, np.mean(values) / size, atol=1e-14)
        np.testing.assert_allclose(merged.variance / size**2, np.var(values, ddof=1) / size**2, atol=1e-13)
        np.testing.assert_allclose((merged.error / size) ** 2, np.var(values, ddof=1) / 24 / size**2, atol=1e-13)


@pytest.mark.parametrize("bins", [LogBins(-3, 5), LogBins(-2, 2, 1), LogBins(0, 3, 8)])
def test_log_bins_are_a_histogram(bins, key, dtype):
    values = jax.random.cauchy(key, (5000,), dtype)
    values = values.at[:40].set(jnp.asarray(np.repeat(bins.edges()[1:-1], 50)[:40], dtype))
    number = np.asarray(bins.number(values))
    edges = bins.edges()
    v = np.asarray(values.astype("float32"), float)
    assert len(edges) == bins.size + 1
    assert np.all(np.diff(edges[1:-1]) > 0)
    # An edge belongs to the bin away from 0.
    want = np.where(v > 0, np.searchsorted(edges[1:-1], v, side="right"), np.searchsorted(edges[1:-1], v, side="left"))
    np.testing.assert_array_equal(number, want)
    count = ensemble.counts((bins.size,), bins.number(values))
    np.testing.assert_array_equal(count, np.bincount(number, minlength=bins.size))
    joint = ensemble.counts((bins.size, bins.size), bins.number(values), bins.number(-values))
    np.testing.assert_array_equal(joint.sum(axis=1), count)


def test_wilson_against_scipy():
    for k, n in ((0, 10), (3, 10), (10, 10), (17, 4000)):
        ours = ensemble.wilson(k, n)
        theirs = stats.binomtest(k, n).proportion_ci(method="wilson")
        np.testing.assert_allclose([ours.low, ours.high], theirs, atol=1e-12)


def test_collect_is_the_sum_on_any_number_of_devices(key):
    law = jspline.init.he(16)
    block = LawBlock(law, 16, LawBins.around(1.0, 0.5))
    small = [ensemble.collect(block, 5, key=key, draw=block.draw, devices=jax.devices()[:n]) for n in (1, 2)]
    np.testing.assert_array_equal(small[0].joint, small[1].joint)
    np.testing.assert_allclose(small[0].rough.mean, small[1].rough.mean, rtol=1e-12)
    by_hand = functools.reduce(ensemble.merge, [block(block.draw(jax.random.fold_in(key, i))) for i in range(5)])
    np.testing.assert_array_equal(small[0].joint, by_hand.joint)
    assert small[0].joint.sum() == 5 * block.nets * 16
    # Fixed seed; each of these would fail once in a thousand seeds or less.
    cdf = np.asarray(law.cdf_beta(block.bins.beta.edges()[1:-1]))
    n = small[0].joint.sum()
    assert ensemble.kolmogorov(small[0].joint.sum(axis=1), cdf) < 1.95 / n**0.5
    assert ensemble.kolmogorov(small[0].joint.sum(axis=1), cdf**1.05) > 1.95 / n**0.5
    assert abs(small[0].rough.mean - law.roughness_mean(16)) < 4 * small[0].rough.error


WIDTH = 24
METHOD = jspline.dynamics.Exact(until="first_event", events=4)
EVENT = {"rtol": 1e-8, "atol": 1e-11, "grad_tol": 1e-9, "max_steps": 400, "method": METHOD}


@jax.jit
@functools.partial(jax.vmap, in_axes=(0, None))
def six(key, offset):
    one, two = jax.random.split(key)
    net = jspline.init.he(WIDTH, 0.0).sample(WIDTH, key=one)
    return net, jspline.datasets.six_points(offset, draws=WIDTH**2, key=two)


def no_bias(nets):
    return jspline.ReLUNet(nets.w, jnp.zeros_like(nets.b), nets.v, nets.b0)


@pytest.mark.slow
def test_condensed_nets_meet_the_same_datum_at_the_same_time(key):
    nets, data = six(jax.random.split(key, 24), jnp.asarray(0.1))
    nets = jax.vmap(no_bias)(nets)
    small = jax.vmap(condense)(nets)
    assert small.w.shape == (24, 6)
    x = jnp.linspace(-4.0, 4.0, 9)
    evaluate = jax.vmap(lambda net: net(x))
    np.testing.assert_allclose(evaluate(small), evaluate(nets), atol=1e-12)
    go = jax.vmap(lambda net, data: jspline.flow(net, data, **EVENT))
    full, six_neurons = go(nets, data), go(small, data)
    names = result_names(full.result)
    np.testing.assert_array_equal(names, result_names(six_neurons.result))
    met = names == "first_event"
    assert 0 < np.sum(met) < 24
    np.testing.assert_allclose(full.t[met], six_neurons.t[met], rtol=1e-5)
    np.testing.assert_array_equal(full.events.datum[met, 0], six_neurons.events.datum[met, 0])
    # What is certain does not depend on which of the two is asked, and nothing is certain where something came.
    sure = jax.jit(jax.vmap(nothing_follows))
    np.testing.assert_array_equal(sure(full.net, data), ~met)
    np.testing.assert_array_equal(sure(six_neurons.net, data), ~met)
    assert not np.any(sure(nets, data) & met)


def test_what_is_certain_needs_small_residuals():
    data = jspline.datasets.six_points()
    net = condense(jspline.ReLUNet([1.0, 0.5, -1.0, -2.0], [0.0] * 4, [1.0, -1.0, 0.5, -0.25], 0.0))
    # Both lines are y = 0 here for mirrored neurons: converged.
    rest = jspline.ReLUNet([1.0, 1.0, -1.0, -1.0], [0.0] * 4, [1.0, -1.0, 1.0, -1.0], 0.0)
    assert nothing_follows(rest, data)
    assert not nothing_follows(net, data)
    # A neuron next to a datum has no room, and without neurons on a side nothing is known.
    near = jspline.ReLUNet([1.0, 1.0, -1.0, -1.0], [-1 + 1e-9, -1 + 1e-9, 0.0, 0.0], [1.0, -1.0, 1.0, -1.0], 1e-6)
    assert not nothing_follows(near, data)
    assert not nothing_follows(jspline.ReLUNet([1.0, 1.0], [0.0, 0.0], [1.0, -1.0], 0.0), data)


def test_condense_in_degenerate_cases():
    one_side = condense(jspline.ReLUNet([2.0, 0.0], [0.0, 0.0], [3.0, 1.0], 0.5))
    np.testing.assert_allclose(one_side(jnp.asarray([-1.0, 1.0])), [0.5, 6.5])
    equal = condense(jspline.ReLUNet([1.0, 2.0], [0.0, 0.0], [1.0, 2.0], 0.0))
    np.testing.assert_allclose(equal(jnp.asarray(1.0)), 5.0)
    assert np.sum(np.asarray(equal.w) != 0) == 1
    with pytest.raises(ValueError, match="without biases"):
        condense(jspline.ReLUNet([1.0], [0.5], [1.0], 0.0))
    with pytest.raises(ValueError, match="go together"):
        jspline.datasets.six_points(draws=3)


DEVICES_AS_CORES = """
import jax, jax.numpy as jnp
from jspline import ensemble
jax.config.update("jax_num_cpu_devices", ensemble.cores())
def factors(point, key):
    a = jax.random.normal(key, (60, 60))
    def more(_, l):
        s = jnp.sin(l + a)
        return jnp.linalg.cholesky(s @ s.T + 60 * jnp.eye(60))
    return {"x": jax.lax.fori_loop(0, 100, more, a).sum()}
ds = ensemble.run(factors, {"inits": 512}, key=jax.random.key(0), tile=128, devices=jax.devices())
print(ds.attrs["lanes_done"])
"""


@pytest.mark.slow
def test_devices_do_not_wait_for_each_other_for_good():
    """Bug: with as many CPU devices as cores, batched factorizations held all threads, and waited for a free one."""
    environment = {name: value for name, value in os.environ.items() if name != "XLA_FLAGS"}
    command = [sys.executable, "-c", DEVICES_AS_CORES]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200, env=environment)
    assert done.stdout == "512\n", done.stderr
