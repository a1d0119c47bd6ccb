"""The sorted sums against the dense form and against autodiff of the definition."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import degenerate, plain_loss, random_data, random_net, relative, size_of_terms
from hypothesis import given
from hypothesis import strategies as st

import jspline
from jspline import Dataset, ReLUNet
from jspline.activation import Ranks
from jspline.objective import relevant_sums

TOLERANCE = {"float64": 1e-12, "float32": 1e-5}


def both(net, data):
    return [jspline.value_and_grad(net, data, method=method) for method in ("sorted", "dense", "auto")]


compiled = eqx.filter_jit(
    lambda net, data: (both(net, data), jax.value_and_grad(plain_loss)(net, data), jax.value_and_grad(
        lambda n: jspline.loss(n, data, method="sorted"))(net))
)  # fmt: skip


@given(case=degenerate(), dtype=st.sampled_from(["float64", "float32"]))
def test_degenerate_placements(case, dtype):
    w, b, v, b0, x, y, weight = (np.asarray(part, dtype) for part in case)
    net, data = ReLUNet(w, b, v, b0), Dataset(x, y, weight)
    results, by_autodiff, sorted_autodiff = compiled(net, data)
    # Relative to the sizes of what is added up: an exact cancellation leaves nothing to be relative to.
    scale = size_of_terms(w, b, v, b0, x, y, weight)
    for value, grad in (*results, sorted_autodiff):
        assert grad.w.dtype == dtype
        assert abs(value - by_autodiff[0]) <= TOLERANCE[dtype] * scale
        assert relative(grad, by_autodiff[1], jax.tree.map(lambda _: scale, grad)) <= TOLERANCE[dtype]


@pytest.mark.parametrize(("size", "width"), [(1, 1), (3, 200), (30, 20), (300, 7), (1000, 700), (2049, 1)])
def test_random_nets(key, dtype, size, width):
    k = jax.random.split(key)
    net, data = random_net(k[0], width, dtype), random_data(k[1], size, dtype)
    by_autodiff = jax.jit(jax.value_and_grad(plain_loss))(net, data)
    for result in both(net, data):
        assert relative(result, by_autodiff) <= TOLERANCE[dtype]
    for method in ("sorted", "dense"):
        assert relative(jspline.predict(net, data, method=method), net(data.x)) <= TOLERANCE[dtype]
        assert relative(jspline.loss(net, data, method=method), by_autodiff[0]) <= TOLERANCE[dtype]


def test_far_from_the_origin_float32_keeps_its_digits():
    """Data near x = 1000: without centring, the sums over w x and b cancel and float32 keeps two digits."""
    rng = np.random.default_rng(0)
    x, beta = 1000 + rng.uniform(-1, 1, 200), 1000 + rng.uniform(-1, 1, 100)
    w = rng.normal(size=100)
    # b is stored in float32: let both precisions start from the numbers that it holds.
    w, b = np.float32(w), np.float32(-w * beta)
    v, y, x = (np.float32(a) for a in (rng.normal(size=100), rng.normal(size=200), x))
    narrow = jspline.value_and_grad(ReLUNet(w, b, v), Dataset(x, y), method="sorted")
    wide = [np.float64(a) for a in (w, b, v, x, y)]
    reference = jspline.value_and_grad(ReLUNet(*wide[:3]), Dataset(*wide[3:]), method="dense")
    # Rounding of b + w c is half a unit in the last place of 1000, 3e-5, whatever is done.
    assert relative(narrow, reference) <= 3e-4


def test_a_breakpoint_within_rounding_of_a_datum_is_on_it():
    """b = -(w x) rounded: inactive at x in every method, although -b / w is one unit off for a tenth of these."""
    rng = np.random.default_rng(3)
    x = np.sort(rng.normal(size=400))
    w = rng.normal(size=400)
    net = ReLUNet(w, -(w * x), rng.normal(size=400))
    assert np.sum(-net.b / net.w != x) > 20
    data = Dataset(x, rng.normal(size=400))
    ranked = Ranks.of(net.w, net.b, data.x)
    mask = np.asarray(ranked.mask())
    assert not np.any(np.diag(mask))
    np.testing.assert_array_equal(mask.sum(axis=0), np.where(w > 0, 399 - np.arange(400), np.arange(400)))
    one, other, _ = both(net, data)
    assert relative(one, other) <= 1e-12


@pytest.mark.parametrize("how", ["_by_scatter", "_by_sort"])
@pytest.mark.parametrize("size", [1, 5, 257, 3000])
def test_sums_over_neurons_on_either_kind_of_device(key, how, size):
    k = jax.random.split(key, 4)
    net, data = random_net(k[0], 400), random_data(k[1], size)
    ranked = Ranks.of(net.w, net.b, data.x)
    values = jax.random.normal(k[2], (2, 400))
    active = ranked.mask().T.astype(float)
    for side, value in zip((ranked.right, ~ranked.right), getattr(ranked, how)(values), strict=True):
        np.testing.assert_allclose(value, jnp.where(side[None], values, 0) @ active, atol=1e-11)
    np.testing.assert_allclose(ranked.over_neurons(values), values @ active, atol=1e-11)
    moments = jax.random.normal(k[3], (2, size))
    np.testing.assert_allclose(ranked.over_data(moments), moments @ ranked.mask().astype(float), atol=1e-11)


def test_derivatives_through_either_path(key):
    k = jax.random.split(key, 4)
    net, data = random_net(k[0], 30), random_data(k[1], 40)
    ranked = Ranks.of(net.w, net.b, data.x)
    values, weights = jax.random.normal(k[2], (2, 30)), jax.random.normal(k[3], (2, 40))
    # The sum over neurons is linear; its transpose is the sum over data.
    for how in ("_by_scatter", "_by_sort"):
        both_sides = lambda v, how=how: sum(getattr(ranked, how)(v))  # noqa: E731
        pulled = jax.grad(lambda v, f=both_sides: jnp.sum(weights * f(v)))(values)
        np.testing.assert_allclose(pulled, ranked.over_data(weights), atol=1e-12)
        _, pushed = jax.jvp(both_sides, (values,), (values,))
        np.testing.assert_allclose(pushed, ranked.over_neurons(values), atol=1e-12)


def test_ranks_by_hand():
    x = jnp.array([0.0, 1.0, 1.0, 2.0])
    #                 right of 1  left of 1  constant  dead  all data  no datum
    w = jnp.array([1.0, -1.0, 0.0, 0.0, 2.0, -1.0])
    b = jnp.array([-1.0, 1.0, 1.0, 0.0, 1.0, -1.0])
    ranked = Ranks.of(w, b, x)
    np.testing.assert_array_equal(ranked.rank, [3, 1, 0, 4, 0, 0])
    np.testing.assert_array_equal(ranked.right, [True, False, True, True, True, False])
    np.testing.assert_array_equal(ranked.mask().sum(axis=0), [1, 1, 4, 0, 4, 0])


def test_relevant_sums_are_the_definition(key):
    k = jax.random.split(key)
    net, data = random_net(k[0]), random_data(k[1])
    sums = relevant_sums(net, data, method="sorted")
    active = np.asarray(data.x)[:, None] * np.asarray(net.w) + np.asarray(net.b) > 0
    e, x = np.asarray(data.weight * (data.y - net(data.x))), np.asarray(data.x)
    np.testing.assert_allclose(sums.E, e @ active, atol=1e-11)
    np.testing.assert_allclose(sums.X, (e * x) @ active, atol=1e-11)
    np.testing.assert_allclose(sums.Z, net.w * sums.X + net.b * sums.E, atol=1e-11)
    np.testing.assert_allclose(sums.total, e.sum())


def test_batches_and_second_derivatives(key):
    nets = jax.vmap(lambda k: random_net(k, 6))(jax.random.split(key, 4))
    data = random_data(key, 9)
    values, grads = jax.jit(jax.vmap(lambda n: jspline.value_and_grad(n, data, method="sorted")))(nets)
    for i in range(4):
        net = jax.tree.map(lambda leaf, i=i: leaf[i], nets)
        one = jspline.value_and_grad(net, data, method="dense")
        assert relative(jax.tree.map(lambda leaf, i=i: leaf[i], (values, grads)), one) <= 1e-12
    hessian = jax.jit(jax.hessian(lambda n: jspline.loss(n, data, method="sorted")))(net)
    assert relative(hessian, jax.jit(jax.hessian(plain_loss))(net, data)) <= 1e-10
    # Batches of data sets, too.
    batch = jax.vmap(lambda k: random_data(k, 9))(jax.random.split(key, 4))
    losses = jax.vmap(lambda n, d: jspline.loss(n, d, method="sorted"))(nets, batch)
    np.testing.assert_allclose(losses, jax.vmap(plain_loss)(nets, batch), rtol=1e-12)


def test_nan_shows_in_every_result(key):
    data = random_data(key)
    for name in ("w", "b", "v", "b0"):
        net = random_net(key)
        leaf = getattr(net, name)
        spoiled = eqx.tree_at(lambda n, name=name: getattr(n, name), net, leaf.at[(0,) * leaf.ndim].set(jnp.nan))
        for method in ("sorted", "dense"):
            value, grad = jspline.value_and_grad(spoiled, data, method=method)
            assert np.isnan(value)
            assert np.all(np.isnan(grad.b0))
            assert np.all(np.isnan(grad.v[:1]))


def test_no_array_of_pairs(key):
    """At N = H = 20,000 an N x H array of float64 would take 3.2 GB; the compiled function uses a few MB."""
    net = jax.eval_shape(lambda: random_net(key, 20_000))
    data = jax.eval_shape(lambda: random_data(key, 20_000))
    memory = jax.jit(jspline.value_and_grad).lower(net, data).compile().memory_analysis()
    assert memory.temp_size_in_bytes < 20e6


def test_unknown_method(unchecked):
    with pytest.raises(ValueError, match="`method` must be 'auto', 'sorted' or 'dense'; got 'fast'"):
        jspline.loss(ReLUNet([1.0], [0.0], [1.0]), Dataset([1.0], [1.0]), method="fast")
