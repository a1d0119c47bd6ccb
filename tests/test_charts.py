import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import random_net, relative
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import jspline
from jspline import Polar, ReLUNet, Spline

WIDTH = 6
X = jnp.linspace(-3, 3, 101)

signs = arrays(float, WIDTH, elements=st.sampled_from([-1.0, 1.0]))
sizes = arrays(float, WIDTH, elements=st.floats(-6, 6).map(lambda e: 10.0**e))
values = arrays(float, WIDTH, elements=st.floats(-100, 100).filter(lambda x: x == 0 or abs(x) > 1e-9))


@st.composite
def parameters(draw):
    """Of nets with |w| from 1e-6 to 1e6, and charges that are large, small, of both signs, and zero."""
    w, b, v = draw(signs) * draw(sizes), draw(values), draw(signs) * draw(sizes)
    balanced = draw(arrays(bool, WIDTH))
    v = np.where(balanced, np.sign(v) * np.hypot(w, b), v)
    return w, b, v, draw(st.floats(-10, 10))


def test_evaluation_at_any_shape_and_dtype(key, dtype):
    net = random_net(key, dtype=dtype)
    x = jnp.asarray(X[:24].reshape(2, 3, 4), dtype)
    w, b, v, b0 = map(np.asarray, jax.tree.leaves(net))
    by_hand = b0 + np.maximum(np.asarray(x)[..., None] * w + b, 0) @ v
    for point in (net, net.to_spline(), net.to_polar(), net.to_spline().one_sided()):
        assert point(x).shape == (2, 3, 4)
        assert point(x).dtype == dtype
        np.testing.assert_allclose(point(x), by_hand, rtol=0, atol=2e3 * jnp.finfo(dtype).eps)
    assert net(0.5).shape == ()


def test_definitions_by_hand():
    net = ReLUNet([2.0, -1.0], [-2.0, 3.0], [0.5, 4.0], 0.25)
    spline = net.to_spline()
    np.testing.assert_allclose(spline.beta, [1, 3])
    np.testing.assert_allclose(spline.mu, [1, -4])
    np.testing.assert_allclose(spline.s, [1, -1])
    np.testing.assert_allclose(jspline.charge(net), [0.25 - 8, 16 - 10])
    # At x = 2: 0.25 + 0.5 * 2 + 4 * 1.
    assert net(2.0) == spline(2.0) == 5.25
    np.testing.assert_allclose(net.to_polar()(2.0), 5.25, rtol=1e-15)
    assert jspline.roughness(net) == jspline.roughness(spline) == 17
    np.testing.assert_allclose(jspline.roughness(net.to_polar()), 17, rtol=1e-15)
    np.testing.assert_allclose(spline.one_sided().kinks, [1, 4])


@given(parameters())
def test_round_trips_keep_the_function_and_the_parameters(parameters):
    net = ReLUNet(*parameters)
    c = jspline.charge(net)
    by_spline = net.to_spline().to_net(c)
    for name in "wbv":
        np.testing.assert_allclose(getattr(by_spline, name), getattr(net, name), rtol=1e-12, atol=1e-300)
    # An angle cannot hold more than rounding of a full turn: relative to |(w, b)|.
    by_polar = net.to_polar().to_net()
    rho = np.hypot(net.w, net.b)
    for name in "wb":
        assert np.all(np.abs(getattr(by_polar, name) - getattr(net, name)) <= 1e-12 * rho)
    np.testing.assert_allclose(by_polar.v, net.v, rtol=1e-12)
    around = net.to_spline().to_polar(c).to_net()
    assert np.all(np.abs(around.w - net.w) <= 1e-12 * rho)
    scale = np.abs(net.b0) + np.abs(net.v) @ (3 * np.abs(net.w) + np.abs(net.b))
    for point in (net.to_spline(), net.to_polar(), by_spline, by_polar, net.to_polar().to_spline(), around):
        assert np.max(np.abs(point(X) - net(X))) <= 1e-12 * scale
    # The charge comes back as well, relative to what it is made of.
    size = np.asarray(net.v**2 + net.w**2 + net.b**2)
    assert np.all(np.abs(jspline.charge(by_spline) - c) <= 1e-12 * size)


@given(parameters(), st.floats(-3, 3).map(lambda e: 10.0**e), st.permutations(range(WIDTH)))
def test_symmetries(parameters, alpha, order):
    net = ReLUNet(*parameters)
    scaled = jspline.rescale(net, alpha)
    assert relative(scaled.to_spline(), net.to_spline()) <= 1e-14
    np.testing.assert_allclose(scaled.w, alpha * net.w)
    np.testing.assert_allclose(scaled.v, net.v / alpha)
    order = np.array(order)
    permuted = ReLUNet(net.w[order], net.b[order], net.v[order], net.b0)
    one, other = permuted.to_spline().sort(), net.to_spline().sort()
    for name in ("beta", "mu", "s"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    assert np.all(np.diff(one.beta) >= 0)
    np.testing.assert_allclose(jspline.roughness(permuted), jspline.roughness(net))


def test_sort_breaks_ties_by_orientation_and_delta_slope():
    spline = Spline([1.0, 1.0, 1.0], [2.0, 1.0, 3.0], [1.0, 1.0, -1.0]).sort()
    np.testing.assert_array_equal(spline.mu, [3, 1, 2])


def test_rescale_takes_one_factor_per_neuron(key):
    net = random_net(key, 5)
    alpha = jnp.arange(1.0, 6.0)
    np.testing.assert_allclose(jspline.rescale(net, alpha).w, alpha * net.w)
    with pytest.raises(ValueError, match="`alpha` must be a scalar or one factor per neuron"):
        jspline.rescale(net, jnp.ones((2, 1)))
    with pytest.raises(ValueError, match="`alpha` must be positive"):
        jspline.rescale(net, -1.0)


def test_neurons_without_a_breakpoint_are_reported():
    net = ReLUNet([0.0, 0.0, 1.0, 1e-320], [2.0, -1.0, 0.5, 3.0], [3.0, 5.0, 2.0, 1.0], 1.0)
    np.testing.assert_array_equal(net.degenerate(), [True, True, False, True])
    with pytest.warns(UserWarning, match=r"3 of 4 neurons have w = 0 .* 2 constant .* 1 dead"):
        spline = net.to_spline()
    np.testing.assert_array_equal(spline.s, [0, 0, 1, 0])
    np.testing.assert_allclose(spline(X), net(X), rtol=1e-14)
    assert float(spline.b0) == 10
    # In the polar chart they are ordinary points.
    np.testing.assert_allclose(net.to_polar()(X), net(X), rtol=1e-14)
    # The way back keeps the function and the charges, silently.
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        back = spline.to_net(jspline.charge(net))
        around = spline.to_polar(jspline.charge(net))
    for point in (back, around):
        np.testing.assert_allclose(point(X), net(X), rtol=1e-14)
    np.testing.assert_allclose(jspline.charge(back), jspline.charge(net))


def test_silent_neurons():
    # v = 0: the breakpoint survives, because the charge is negative.
    net = ReLUNet([2.0], [-1.0], [0.0])
    back = net.to_spline().to_net(jspline.charge(net))
    assert relative(back, net) <= 1e-15
    # mu = 0 with a charge that is not negative: (w, b) = 0, and the breakpoint is lost, with a warning.
    with pytest.warns(UserWarning, match="breakpoints and orientations are lost"):
        lost = Spline([0.5], [0.0], [1.0]).to_net(4.0)
    np.testing.assert_array_equal([lost.w[0], lost.b[0], lost.v[0]], [0, 0, 2])
    # (w, b) = 0 has no direction; no NaN comes of it.
    origin = ReLUNet([0.0], [0.0], [-3.0]).to_polar()
    assert np.all(np.isfinite([origin.r[0], origin.theta[0], origin.charge[0]]))
    np.testing.assert_array_equal(origin.to_net().w, [0])
    zero = ReLUNet([0.0], [0.0], [0.0]).to_polar().to_net()
    np.testing.assert_array_equal([zero.w[0], zero.b[0], zero.v[0]], [0, 0, 0])


def test_one_sided_is_the_same_function(key):
    spline = random_net(key).to_spline()
    one = spline.one_sided()
    np.testing.assert_allclose(one(X), spline(X), atol=1e-12)
    # To the left of all knots only the base line is left.
    far = jnp.min(spline.beta) - jnp.array([1.0, 2.0])
    np.testing.assert_allclose(one.intercept + one.slope * far, spline(far), rtol=1e-10)


def test_batches_by_vmap_and_jit(key):
    keys = jax.random.split(key, 3)
    nets = jax.vmap(random_net)(keys)

    @jax.jit
    def around(net):
        return net.to_spline().to_net(jspline.charge(net))(X), net.to_polar().to_spline()(X), net(X)

    by_spline, by_polar, direct = jax.vmap(around)(nets)
    assert direct.shape == (3, X.size)
    np.testing.assert_allclose(by_spline, direct, atol=1e-11)
    np.testing.assert_allclose(by_polar, direct, atol=1e-11)
    assert nets.width == 20


def test_maps_are_differentiable(key):
    """The maps between charts have finite derivatives, also where a neuron is silent."""
    net = ReLUNet([1.0, 0.0, 2.0], [0.5, 0.0, 0.0], [0.0, 0.0, 1.0])
    for f in (lambda n: n.to_polar().to_net()(0.7), lambda n: jspline.roughness(n.to_polar())):
        assert all(np.all(np.isfinite(leaf)) for leaf in jax.tree.leaves(jax.grad(f)(net)))
    # Along the scale orbit the spline does not move.
    net = random_net(key)
    tangent = ReLUNet(net.w, net.b, -net.v, 0.0)
    _, moved = jax.jvp(lambda n: n.to_spline(), (net,), (tangent,))
    assert max(float(jnp.max(jnp.abs(leaf))) for leaf in jax.tree.leaves(moved)) <= 1e-12


def test_nan_is_not_a_degenerate_neuron():
    """Bug: a neuron with w = NaN was dropped as one without a breakpoint, and the function came out finite."""
    net = ReLUNet([np.nan, 1.0], [0.5, 0.5], [1.0, 1.0])
    assert not net.degenerate()[0]
    assert jnp.isnan(net.to_spline()(0.3))


def test_a_batch_without_vmap_is_refused(key, unchecked):
    """Bug: all neurons of all nets were summed up, without a word."""
    nets = jax.vmap(random_net)(jax.random.split(key, 3))
    splines = jax.vmap(lambda n: n.to_spline())(nets)
    data = jspline.Dataset([0.0, 1.0], [0.0, 1.0])
    one = random_net(key)
    with jax.numpy_rank_promotion("allow"):
        for work in (
            lambda: nets(X),
            lambda: splines(X),
            lambda: jspline.roughness(nets),
            lambda: jspline.loss(nets, data, method="sorted"),
            lambda: jspline.flow(nets, data, 0.1, rtol=1e-3, atol=1e-6),
            lambda: jspline.loss(one, jax.vmap(lambda _: data)(jnp.arange(3))),
        ):
            with pytest.raises(ValueError, match=r"use jax\.vmap"):
                work()


def test_charge_of_large_weights_is_a_number():
    """Bug: infinity less infinity."""
    for size in (2.0**83, 2.0**-83, 1.0):
        part = np.asarray([3, 4, 5], "float32") * np.float32(size)
        net = ReLUNet(part[[0, 0, 0]], part[[1, 1, 1]], part[[2, 0, 2]] * np.asarray([1, 1, 2], "float32"))
        least = {2.0**83: [0, -np.inf, np.inf], 2.0**-83: [0, 0, 0], 1.0: [0, -16, 75]}[size]
        np.testing.assert_array_equal(jspline.charge(net), least)


def test_dtype_follows_the_inputs():
    assert ReLUNet(np.float32([1]), np.float32([0]), np.float32([1]), 0.5).b0.dtype == "float32"
    assert ReLUNet(np.float32([1]), np.float64([0]), np.float32([1])).w.dtype == "float64"
    assert ReLUNet([1], [0], [1]).w.dtype == "float64"


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: ReLUNet([1.0, 2.0], [1.0], [1.0]), ValueError, "vectors of one length"),
        (lambda: ReLUNet(jnp.ones((2, 2)), jnp.ones((2, 2)), jnp.ones((2, 2))), ValueError, "use jax.vmap"),
        (lambda: ReLUNet(np.zeros(0), np.zeros(0), np.zeros(0)), ValueError, "at least 1"),
        (lambda: ReLUNet([1.0], [1.0], [1.0], np.ones(2)), ValueError, "`b0` must be a scalar"),
        (lambda: ReLUNet(np.array([1j]), [1.0], [1.0]), TypeError, "`w` must hold real numbers"),
        (lambda: Spline([1.0], [1.0], [0.5]), ValueError, "`s` must be -1"),
        (lambda: Polar([1.0], [1.0, 2.0], [0.0]), ValueError, "vectors of one length"),
    ],
)
def test_bad_input_is_one_sentence(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_measures_of_curvature(key):
    """Against the definition, on a net with two neurons on one breakpoint."""
    spline = Spline([0.0, 0.0, 1.0, -2.0], [1.0, 2.0, -3.0, 0.5], [1.0, -1.0, 1.0, -1.0], 0.3)
    # Kinks: 1 - 2 at 0, -3 at 1, -0.5 at -2; slopes 2.5 far left, -2 far right.
    np.testing.assert_allclose(jspline.slope_variation(spline), 1 + 3 + 0.5)
    np.testing.assert_allclose(jspline.slope_variation(spline, interval=(-1, 0.5)), 1)
    np.testing.assert_allclose(jspline.total_delta_slope(spline), 6.5)
    np.testing.assert_allclose(jspline.total_delta_slope(spline, interval=(0.5, 2)), 3)
    root = lambda beta: jnp.sqrt(1 + beta**2)  # noqa: E731
    np.testing.assert_allclose(jspline.total_delta_slope(spline, weight=root), 3 + 3 * 2**0.5 + 0.5 * 5**0.5)
    np.testing.assert_allclose(jspline.roughness(spline, weight=root, interval=(-3, -1)), 0.25 * 5**0.5)
    np.testing.assert_allclose(jspline.variation_norm(spline), 4.5)
    steep = Spline([0.0, 1.0], [4.0, 4.0], [1.0, -1.0])
    np.testing.assert_allclose(jspline.variation_norm(steep), 8)
    # In every chart, and the ends of the slope are f's.
    net = random_net(key)
    for measure in (jspline.slope_variation, jspline.total_delta_slope, jspline.roughness, jspline.variation_norm):
        np.testing.assert_allclose(measure(net), measure(net.to_spline()), rtol=1e-10)
        np.testing.assert_allclose(measure(net), measure(net.to_polar()), rtol=1e-8)
    far = [float(jax.grad(lambda x: net(x))(x)) for x in (-1e9, 1e9)]
    assert jspline.variation_norm(net) >= abs(sum(far)) * (1 - 1e-12)


def test_spline_from_lines():
    spline = Spline.from_lines([0.0, 2.0], [1.0, -1.0, 3.0], 5.0)
    np.testing.assert_allclose(spline(jnp.array([-1.0, 0.0, 1.0, 2.0, 3.0])), [4, 5, 4, 3, 6])
    assert spline.width == 3
    np.testing.assert_allclose(Spline.from_lines([], [2.0], 1.0)(jnp.array([-1.0, 3.0])), [-1, 7])
    with pytest.raises(ValueError, match="one slope more than knots"):
        Spline.from_lines([0.0, 1.0], [1.0, 2.0], 0.0)


def test_nan_shows_in_every_chart():
    """Bug: a NaN charge came back as a finite net, and a NaN net had finite polar coordinates."""
    nan = jnp.nan
    w = jnp.asarray([nan, 1.0, 1.0, 1.0])
    net = ReLUNet(w, jnp.asarray([1.0, nan, 1.0, 1.0]), jnp.asarray([1.0, 1.0, nan, 1.0]))
    assert jnp.isnan(net.to_polar().r).tolist() == [True, True, True, False]
    charges = jnp.asarray([nan, 1.0, 0.0, -1.0])
    back = jax.jit(lambda charge: Spline([0.0] * 4, [1.0] * 4, [1.0] * 4).to_net(charge))(charges)
    for part in (back.w, back.v):
        assert jnp.isnan(part).tolist() == [True, False, False, False]
