"""The three fields against each other and against the gradient; the flow against hand-solved cases and itself."""

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import plain_loss, random_data, random_net, relative
from hypothesis import given, settings
from hypothesis import strategies as st

import jspline
from jspline import Dataset, ReLUNet, dynamics
from jspline.dynamics import RESULTS, net_field, polar_field, spline_field


def flow(net, data, *args, train_b0=True, chart="nn", solver=None, stepsize_controller=None, **options):
    """By the general method, which is what is tested here; for the exact one see test_exact.py."""
    method = dynamics.Diffrax(solver, chart, stepsize_controller)
    problem = data if train_b0 else jspline.Problem(data, train_b0=False)
    return jspline.flow(net, problem, *args, method=method, **options)


TIGHT = {"rtol": 1e-10, "atol": 1e-13}


@pytest.mark.parametrize("train_b0", [True, False])
def test_the_field_is_minus_the_gradient(key, dtype, train_b0):
    k = jax.random.split(key)
    net, data = random_net(k[0], dtype=dtype), random_data(k[1], dtype=dtype)
    expected = jax.tree.map(lambda g: -g, jax.grad(plain_loss)(net, data))
    if not train_b0:
        expected = eqx.tree_at(lambda n: n.b0, expected, jnp.zeros_like(expected.b0))
    assert (
        relative(net_field(net, jspline.Problem(data, train_b0=train_b0)), expected)
        <= {"float64": 1e-12, "float32": 1e-5}[dtype]
    )


@jax.jit
def pushed_and_own(key, log_scale, balance):
    """For one random net: the field of each chart, and the field of the nets pushed forward to it."""
    k = jax.random.split(key, 3)
    data = random_data(k[1], 12)
    net = random_net(k[0], 8)
    net = jspline.rescale(net, 10.0 ** (log_scale * jax.random.normal(k[2], (8,))))
    # Some neurons exactly balanced: charge 0 but for rounding.
    v = jnp.where(jnp.arange(8) < balance, jnp.sign(net.v) * jnp.hypot(net.w, net.b), net.v)
    net = ReLUNet(net.w, net.b, v, net.b0)
    rate = net_field(net, data)
    spline, spline_rate = jax.jvp(lambda n: n.to_spline(), (net,), (rate,))
    polar, polar_rate = jax.jvp(lambda n: n.to_polar(), (net,), (rate,))
    own = spline_field(spline, jspline.charge(net), data), polar_field(polar, data)
    # What the terms add up to in size, for errors relative to it.
    sums = jspline.objective.relevant_sums(net, data)
    e = jnp.sum(jnp.abs(data.weight * sums.residual))
    X, E = e * jnp.max(jnp.abs(data.x)), e
    rho2 = net.w**2 + net.b**2
    return (spline_rate, polar_rate), own, {
        "beta": jnp.abs(net.v / net.w) * (E + jnp.abs(spline.beta) * X),
        "mu": net.v**2 * X + net.w**2 * (X + jnp.abs(spline.beta) * E),
        "r": (net.v**2 + rho2) * (X + E),
        "theta": jnp.abs(net.v) / jnp.sqrt(rho2) * (X + E),
        "charge": (net.v**2 + rho2) * (X + E),
        "b0": 1 + E,
    }  # fmt: skip


@settings(max_examples=300)
@given(st.integers(0, 2**31 - 1), st.floats(0, 2), st.integers(0, 8))
def test_the_three_fields_are_one(seed, log_scale, balance):
    pushed, own, scale = pushed_and_own(jax.random.key(seed), log_scale, balance)
    for there, here, names in zip(pushed, own, (("beta", "mu", "b0"), ("r", "theta", "charge", "b0")), strict=True):
        for name in names:
            error = np.abs(getattr(there, name) - getattr(here, name))
            assert np.all(error <= 1e-10 * np.asarray(scale[name])), name


def test_charts_agree_inside_one_cell(key):
    """All data active on every neuron and large charges: no breakpoint reaches a datum, so the flow is smooth."""
    k = jax.random.split(key, 2)
    data = Dataset(jnp.linspace(-1, 1, 6), jnp.sin(3 * jnp.linspace(-1, 1, 6)), jnp.linspace(0.5, 1, 6))
    w = 0.5 * jax.random.normal(k[0], (5,))
    net = ReLUNet(w, 1.5 + jnp.abs(w), jax.random.normal(k[1], (5,)), 0.1)
    ends = {}
    for chart in ("nn", "spline", "polar"):
        sol = flow(net, data, 0.2, chart=chart, **TIGHT)
        assert sol.result == RESULTS.end_time
        ends[chart] = sol.net
        spline = sol.net.to_spline()
        assert np.all((spline.beta < -1) | (spline.beta > 1))
        assert sol.stats["charge_drift"] <= (1e-9 if chart == "nn" else 1e-14)
    assert relative(ends["spline"], ends["nn"]) <= 1e-8
    assert relative(ends["polar"], ends["nn"]) <= 1e-8


def test_charts_agree_across_crossings(key):
    k = jax.random.split(key, 2)
    net, data = random_net(k[0], 10), random_data(k[1], 8)
    net = eqx.tree_at(lambda n: n.w, net, net.w + jnp.sign(net.w))  # or one would flip its orientation
    before = net.to_spline().beta
    ends = [flow(net, data, 0.5, chart=chart, rtol=1e-9, atol=1e-12).net for chart in ("nn", "spline", "polar")]
    ranks = [np.searchsorted(data.x, beta) for beta in (before, ends[0].to_spline().beta)]
    assert np.any(ranks[0] != ranks[1])
    assert relative(ends[1], ends[0]) <= 1e-5
    assert relative(ends[2], ends[0]) <= 1e-5


@pytest.mark.parametrize("chart", ["nn", "spline", "polar"])
def test_one_neuron_one_datum_by_hand(chart):
    """x = 1, w = b = a, v = sqrt(2) a: with z = (w + b) v = f - b0, u' = 2 sqrt(2) e u, so the end is known."""
    data = Dataset([1.0], [2.0])
    net = ReLUNet([0.5], [0.5], [0.5**0.5], 0.0)
    sol = flow(net, data, t1=np.inf, loss_tol=1e-18, chart=chart, train_b0=False, **TIGHT)
    assert sol.result == RESULTS.interpolated
    # Symmetry and charge 0 are kept: w = b = v / sqrt(2), and (w + b) v = 2 sqrt(2) w^2 = 2.
    w = 2 ** (-0.25)
    np.testing.assert_allclose([sol.net.w[0], sol.net.b[0], sol.net.v[0]], [w, w, 2**0.5 * w], rtol=1e-8)
    assert sol.net.b0 == 0
    # f' = 2 f (2 - f) sqrt(2), a logistic curve from 1 / sqrt(2).
    t = 0.3
    f0, rate = 0.5**0.5, 2 * 2**0.5 * 2
    by_hand = 2 / (1 + (2 / f0 - 1) * np.exp(-rate * t))
    np.testing.assert_allclose(flow(net, data, t, chart=chart, train_b0=False, **TIGHT).net(1.0), by_hand, rtol=1e-8)


def test_frozen_residual_is_a_hyperbolic_rotation():
    """A datum of tiny weight and far away y has a constant residual: w and v move as cosh and sinh."""
    data = Dataset([2.0], [1e9], [1e-9])
    net = ReLUNet([0.3], [0.4], [-0.2], 0.0)
    end = flow(net, data, 0.5, train_b0=False, **TIGHT).net
    q, n, t = np.sqrt(5.0), np.array([2.0, 1.0]) / np.sqrt(5.0), 0.5
    along = n @ [0.3, 0.4]
    np.testing.assert_allclose(end.v[0], -0.2 * np.cosh(q * t) + along * np.sinh(q * t), rtol=1e-7)
    moved = np.array([0.3, 0.4]) + n * ((np.cosh(q * t) - 1) * along - 0.2 * np.sinh(q * t))
    np.testing.assert_allclose([end.w[0], end.b[0]], moved, rtol=1e-7)


def test_orientation_flips_outside_the_spline_chart():
    """A neuron with w = 0 < b is a constant unit that starts to bend; the spline chart says that it cannot hold it."""
    data = Dataset([-1.0, 1.0], [-0.5, 0.5])
    net = ReLUNet([-0.1], [1.5], [0.5], 0.0)
    end = flow(net, data, 0.5, **TIGHT).net
    assert end.w[0] > 0
    assert relative(flow(net, data, 0.5, chart="polar", **TIGHT).net, end) <= 1e-7
    sol = flow(net, data, 0.5, chart="spline", **TIGHT)
    assert sol.result == RESULTS.left_chart
    assert sol.t < 0.5
    flat = ReLUNet([0.0], [1.5], [0.5], 0.0)
    assert flow(flat, data, 0.5, **TIGHT).net.w[0] > 0
    with pytest.raises(ValueError, match="has no breakpoint, so chart='spline' cannot hold it"):
        flow(flat, data, 0.5, chart="spline", **TIGHT)
    traced = jax.jit(lambda n: flow(n, data, 0.5, chart="spline", **TIGHT))(flat)
    assert traced.result == RESULTS.left_chart
    assert traced.t == 0
    assert relative(traced.net, flat) == 0
    saved = jax.jit(lambda n: flow(n, data, 0.5, ts=jnp.array([0.1, 0.5]), chart="spline", **TIGHT))(flat)
    assert relative(jax.tree.map(lambda a: a[1], saved.nets), flat) == 0
    # Data at 0 only: there is no scale on which a breakpoint were far out.
    origin = Dataset([0.0], [1.0])
    assert flow(ReLUNet([1.0], [0.5], [0.3]), origin, 0.1, chart="spline", **BAD).result == RESULTS.end_time


@pytest.mark.parametrize(
    ("solver", "controller", "order"),
    [
        (diffrax.Heun(), diffrax.StepTo(jnp.linspace(0, 0.2, 401)), 2),
        (diffrax.Kvaerno5(), None, None),
        (diffrax.Dopri8(), diffrax.PIDController(1e-9, 1e-12, pcoeff=0.3, icoeff=0.4), None),
    ],
)
def test_any_solver_and_controller(key, solver, controller, order):
    data = Dataset(jnp.linspace(-1, 1, 6), jnp.linspace(0, 1, 6) ** 2)
    w = 0.3 * jax.random.normal(key, (4,))
    net = ReLUNet(w, 2 + jnp.abs(w), w, 0.0)
    reference = flow(net, data, 0.2, **TIGHT)
    sol = flow(net, data, 0.2, rtol=1e-9, atol=1e-12, solver=solver, stepsize_controller=controller)
    assert relative(sol.net, reference.net) <= (1e-4 if order == 2 else 1e-7)


def test_saved_times(key):
    k = jax.random.split(key, 2)
    net, data = random_net(k[0], 6), random_data(k[1], 5)
    ts = jnp.array([0.0, 0.1, 0.35, 1.0])
    sol = flow(net, data, 1.0, ts=ts, **TIGHT)
    plain = flow(net, data, 1.0, **TIGHT)
    assert sol.nets.w.shape == (4, 6)
    assert relative(jax.tree.map(lambda a: a[0], sol.nets), net) == 0
    assert relative(jax.tree.map(lambda a: a[-1], sol.nets), sol.net) <= 1e-14
    # Asking for them does not change the steps, and what is between is as good as a run to there.
    assert sol.stats["num_steps"] == plain.stats["num_steps"]
    assert relative(sol.net, plain.net) == 0
    early = flow(net, data, 0.35, **TIGHT).net
    assert relative(jax.tree.map(lambda a: a[2], sol.nets), early) <= 1e-6
    # A grid may end within rounding beyond t1, as geomspace does.
    beyond = flow(net, data, 1.0, ts=jnp.array([0.1, 1.0 + 4e-16]), **TIGHT)
    assert relative(jax.tree.map(lambda a: a[-1], beyond.nets), sol.net) <= 1e-14
    # After the end they repeat the last net.
    short = flow(net, data, 1.0, ts=ts, max_steps=5, **TIGHT)
    assert short.result == RESULTS.out_of_steps
    assert relative(jax.tree.map(lambda a: a[-1], short.nets), short.net) == 0


def test_out_of_steps_is_not_success(key):
    k = jax.random.split(key, 2)
    sol = flow(random_net(k[0]), random_data(k[1]), 10.0, max_steps=np.int64(7), **TIGHT)
    assert sol.result == RESULTS.out_of_steps
    assert "Raise `max_steps`" in RESULTS[sol.result]
    assert sol.stats["num_steps"] == 7
    assert sol.stats["num_accepted"] + sol.stats["num_rejected"] == 7
    assert 0 < sol.t < 10


def test_every_end_has_its_code(key):
    data = Dataset([0.0, 1.0, 1.0], [0.0, 1.0, 2.0])
    net = ReLUNet([1.0, -1.0], [0.5, 0.5], [0.5, 0.2])
    loose = {"rtol": 1e-6, "atol": 1e-9}
    # The loss less the part of the ties, 1/2 (1/4 + 1/4).
    sol = flow(net, data, loss_tol=1e-8, **loose)
    assert sol.result == RESULTS.interpolated
    assert 0.25 < sol.loss <= 0.25 + 1e-8
    assert flow(net, data, 0.1, loss_tol=1e-8, **loose).result == RESULTS.end_time
    # A line through three points cannot be left by neurons that see all of them: stationary, not interpolated.
    bent = Dataset([0.0, 1.0, 2.0], [0.0, 1.0, 0.0])
    sol = flow(ReLUNet([0.1], [3.0], [0.5]), bent, grad_tol=1e-4, **loose)
    assert sol.result == RESULTS.stationary
    assert sol.grad_norm <= 1e-4 * 4
    assert sol.loss > 0.1
    nan = eqx.tree_at(lambda n: n.v, net, jnp.array([jnp.nan, 1.0]))
    assert jax.jit(lambda n: flow(n, data, 0.1, **loose))(nan).result == RESULTS.not_finite
    # Far too large fixed steps.
    stiff = diffrax.StepTo(jnp.linspace(0, 100.0, 11))
    sol = flow(net, data, 100.0, solver=diffrax.Euler(), stepsize_controller=stiff, **loose)
    assert sol.result == RESULTS.diverged or sol.result == RESULTS.not_finite
    # A NaN net is not_finite in every chart, not a net that left the chart.
    for chart in ("spline", "polar"):
        spoiled = ReLUNet([jnp.nan, 1.0], [0.5, 0.5], [1.0, 1.0])
        traced = jax.jit(lambda n, chart=chart: flow(n, data, 0.1, chart=chart, max_steps=50, **loose))(spoiled)
        assert traced.result == RESULTS.not_finite
    # grad_tol alone: a loss of 0 is not "interpolated", since nobody asked.
    there = Dataset([0.0, 1.0], net(jnp.array([0.0, 1.0])))
    assert flow(net, there, 1.0, grad_tol=1e-9, **loose).result == RESULTS.stationary
    # Already at t1.
    sol = flow(net, data, 0.0, **loose)
    assert sol.result == RESULTS.end_time
    assert relative(sol.net, net) == 0


def test_a_fit_within_the_tolerance_has_not_diverged(key):
    """Bug: once fitted, the loss of a net hovers at what the tolerance leaves undecided, and "grew" at every look."""
    nets = jax.vmap(lambda k: jspline.init.he(20).sample(20, key=k))(jax.random.split(key, 8))
    data = Dataset([-1.3, 0.2, 1.1], [-1.0, 1.4, -0.3])
    learn = jax.jit(jax.vmap(lambda n, t: flow(n, data, t, rtol=1e-4, atol=1e-7, max_steps=50_000), (0, None)))
    fitted = learn(nets, 30.0)
    for t in (0.1, 1.0, 5.0):
        assert set(dynamics.result_names(learn(fitted.net, t).result)) == {"end_time"}


def test_what_is_undecided_is_measured_at_the_start():
    """A net that blew up into large neurons that nearly cancel has diverged, however large its terms are."""
    small = ReLUNet([1.0, 1.0], [1.0, 1.0], [0.1, 0.1], 0.0)
    large = ReLUNet([1.0, 1.0], [1.0, 1.0], [1e6, 10 - 1e6], 0.0)
    data = Dataset([0.0, 1.0], [0.0, 0.0])
    undecided = 1e-6 + 1e-3 * dynamics._solution.terms(small, data.x[0], data.x[-1])
    before, after = (jspline.loss(net, data) for net in (small, large))
    result = dynamics._solution.judge(large, before, after, undecided, jnp.asarray(2.0), RESULTS.end_time)
    assert result == RESULTS.diverged


def test_result_names():
    assert len(dynamics._solution.NAMES) == len(RESULTS)
    codes = [getattr(RESULTS, name) for name in dynamics._solution.NAMES]
    assert [str(dynamics.result_names(code)) for code in codes] == list(dynamics._solution.NAMES)


def test_batches_of_nets_data_and_times(key):
    k = jax.random.split(key, 4)
    nets = jax.vmap(lambda k: random_net(k, 6))(jax.random.split(k[0], 3))
    data = jax.vmap(lambda k: random_data(k, 5))(jax.random.split(k[1], 3))
    times = jnp.array([0.0, 0.2, 0.4])
    options = {"rtol": 1e-6, "atol": 1e-9, "loss_tol": 1e-12}
    batch = jax.jit(jax.vmap(lambda n, d, t: flow(n, d, t, **options)))(nets, data, times)
    for i in range(3):
        pick = lambda tree, i=i: jax.tree.map(lambda a: a[i], tree)  # noqa: E731
        one = flow(pick(nets), pick(data), times[i], **options)
        assert relative(pick(batch.net), one.net) <= 1e-9
    np.testing.assert_array_equal(batch.result == RESULTS.end_time, True)


def test_float32(key):
    k = jax.random.split(key, 2)
    net, data = random_net(k[0], 8, "float32"), random_data(k[1], 6, "float32")
    sol = flow(net, data, 0.5, rtol=1e-4, atol=1e-6)
    assert sol.net.w.dtype == sol.t.dtype == sol.loss.dtype == "float32"
    wide = jax.tree.map(lambda a: a.astype("float64"), (net, data))
    assert relative(sol.net, flow(*wide, 0.5, rtol=1e-8, atol=1e-10).net) <= 5e-3
    with pytest.warns(UserWarning, match="float32 cannot hold rtol = 1e-10"):
        flow(net, data, 0.01, rtol=1e-10, atol=1e-10)


def test_changing_values_compiles_nothing(key, caplog):
    net, data = random_net(key, 5), random_data(key, 6)
    flow(net, data, 0.1, rtol=1e-3, atol=1e-6, loss_tol=1e-20)
    with jax.log_compiles():
        flow(net, data, 0.3, rtol=1e-4, atol=1e-7, loss_tol=1e-10)
    assert not caplog.messages


def test_derivatives_through_the_flow(key):
    """Reverse mode, inside one cell, against a central difference."""
    data = Dataset(jnp.linspace(-1, 1, 6), jnp.linspace(0, 1, 6) ** 2)
    w = 0.3 * jax.random.normal(key, (4,))

    def final(alpha):
        net = jspline.rescale(ReLUNet(w, 2 + jnp.abs(w), w + 0.2, 0.0), alpha)
        return flow(net, data, 0.2, max_steps=200, **TIGHT).loss

    difference = (final(1.001) - final(0.999)) / 0.002
    np.testing.assert_allclose(jax.grad(final)(1.0), difference, rtol=1e-4)


BAD = {"rtol": 1e-3, "atol": 1e-6}


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"t1": -1.0, **BAD}, ValueError, "`t1` must be zero or positive; got -1"),
        ({"t1": np.nan, **BAD}, ValueError, "`t1` must be zero or positive"),
        (BAD, ValueError, "nothing ends the flow"),
        ({"t1": 1.0, "rtol": 0.0, "atol": 1e-6}, ValueError, "`rtol` must be positive"),
        ({"t1": 1.0, "rtol": 1e-3, "atol": np.inf}, ValueError, "`atol` must be positive and finite"),
        ({"t1": 1.0, "loss_tol": -1.0, **BAD}, ValueError, "`loss_tol` must be zero or positive"),
        ({"t1": 1.0, "ts": [0.5, 0.2], **BAD}, ValueError, "`ts` must increase"),
        ({"t1": 1.0, "ts": [0.5, 1.2], **BAD}, ValueError, "`ts` must increase"),
        ({"t1": 1.0, "ts": 0.5, **BAD}, ValueError, "`ts` must be a vector"),
        ({"t1": 1.0, "chart": "mu", **BAD}, ValueError, "`chart` must be 'nn', 'spline' or 'polar'"),
        ({"t1": 1.0, "max_steps": np.int64(0), **BAD}, ValueError, "`max_steps` must be a whole number"),
    ],
)
def test_bad_options_are_one_sentence(options, error, message, unchecked):
    net, data = ReLUNet([1.0], [0.5], [0.3]), Dataset([0.0, 1.0], [0.0, 1.0])
    with pytest.raises(error, match=message):
        flow(net, data, **options)
    # The same inside jit, where the options are known although the net is not.
    with pytest.raises(error, match=message):
        jax.jit(lambda n: flow(n, data, **options).loss)(net)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"t1": 1.0, "method": "rk"}, ValueError, "`method` must be 'exact' or 'diffrax'"),
        ({"t1": 1.0, "train_b0": False}, TypeError, r"`train_b0` has moved to the problem: jspline.Problem\("),
        ({"t1": 1.0, "chart": "polar"}, TypeError, r"`chart` has moved to the method: .*Diffrax\("),
        ({"t1": 1.0, "solver": diffrax.Tsit5()}, TypeError, r"`solver` has moved to the method: .*Diffrax\("),
        ({"t1": 1.0, "until": "first_event"}, TypeError, r"`until` has moved to the method: .*Exact\("),
        ({"t1": 1.0, "events": 3}, TypeError, r"`events` has moved to the method: .*Exact\("),
        ({}, ValueError, "nothing ends the flow"),
    ],
)
def test_bad_options_of_the_exact_flow_are_one_sentence(options, error, message, unchecked):
    with pytest.raises(error, match=message):
        jspline.flow(ReLUNet([1.0], [0.5], [0.3]), Dataset([0.0, 1.0], [0.0, 1.0]), **BAD, **options)


@pytest.mark.parametrize(
    ("make", "options", "message"),
    [
        (dynamics.Exact, {"until": "crossing"}, "`until` must be None or"),
        (dynamics.Exact, {"events": -1}, "`events` must be a whole number"),
        (dynamics.Diffrax, {"chart": "mu"}, "`chart` must be 'nn', 'spline' or 'polar'"),
    ],
)
def test_methods_refuse_what_they_do_not_know(make, options, message, unchecked):
    with pytest.raises(ValueError, match=message):
        make(**options)


def test_bad_nets_are_one_sentence():
    data = Dataset([0.0, 1.0], [0.0, 1.0])
    with pytest.raises(ValueError, match="`w` must be finite"):
        jspline.flow(ReLUNet([np.nan], [0.5], [0.3]), data, 1.0, **BAD)
    with pytest.raises(ValueError, match="`w` must be finite"):
        flow(ReLUNet([np.nan], [0.5], [0.3]), data, 1.0, **BAD)
    with pytest.raises(TypeError, match="The net is float32 and the data are float64"):
        flow(ReLUNet(*np.float32([[1], [1], [1]])), data, 1.0, **BAD)


def test_nets_that_cannot_move():
    data = Dataset([0.0, 1.0], [0.0, 1.0])
    dead = ReLUNet([1.0, 0.0, 0.0], [-5.0, -1.0, 0.0], [1.0, 1.0, 0.0], 0.5)
    for chart in ("nn", "polar"):
        sol = flow(dead, data, 1.0, chart=chart, train_b0=False, **BAD)
        assert sol.result == RESULTS.end_time
        np.testing.assert_allclose(sol.net(data.x), 0.5)
    weightless = Dataset([0.0, 1.0], [0.0, 1.0], [0.0, 0.0])
    sol = flow(dead, weightless, np.inf, loss_tol=1e-12, **BAD)
    assert sol.result == RESULTS.interpolated
    assert flow(ReLUNet([1.0], [1.0], [1.0]), Dataset([0.5], [1.0]), 1.0, **BAD).result == RESULTS.end_time
