"""The exact flow on data far from the origin, on nets of any size, and its end net: what it is held to, and by whom."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from event_by_event import EventByEvent

import jspline
from jspline import Dataset, ReLUNet, flow
from jspline.dynamics import RESULTS, Diffrax


def case(seed, offset, scale=1.0):
    """Six points of a sine and five neurons with breakpoints among them, moved and stretched; the time to end at."""
    r, place = np.random.default_rng(seed), np.linspace(-1, 1, 6)
    w, beta, v = r.normal(size=5), r.uniform(-1, 1, 5), r.normal(size=5)
    x, w, beta = offset + scale * place, w / scale, offset + scale * beta
    net, data = ReLUNet(w, -w * beta, v, 0.0), Dataset(x, np.sin(3 * place))
    return net, data, 20 / float(jspline.spectrum(net, data)[-1])


def fit(net, data):
    """At the data, in extended precision."""
    w, b, v = (np.asarray(leaf, np.longdouble) for leaf in (net.w, net.b, net.v))
    return np.asarray(net.b0, np.longdouble) + np.maximum(np.outer(np.asarray(data.x, np.longdouble), w) + b, 0) @ v


@pytest.mark.parametrize(("offset", "scale"), [(0.0, 1.0), (1000.0, 1.0)])
def test_fits_are_as_accurate_wherever_the_data_lie(offset, scale):
    for seed in range(3):
        net, data, end = case(seed, offset, scale)
        slow = EventByEvent(data.x, data.y, data.weight, net.w, net.b, net.v, net.b0).run(end)
        wanted = slow.fit(np.asarray(data.x))
        for rtol in (1e-3, 1e-4, 1e-6, 1e-8):
            sol = flow(net, data, end, rtol=rtol, atol=1e-3 * rtol)
            assert np.max(np.abs(fit(sol.net, data) - wanted)) <= 10 * rtol * np.max(np.abs(data.y))
        assert off_in_single(net, data, end, wanted) <= 1e-3 * np.max(np.abs(data.y))


def off_in_single(net, data, end, wanted):
    """Breakpoints and charges are as far from 0 as the data: single precision holds them to 6e-8 of that."""
    small, points = jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.float32), (net, data))
    sol = flow(small, points, end, rtol=1e-4, atol=1e-7)
    return np.max(np.abs(fit(sol.net, points) - wanted))


def euler(net, data, end, steps):
    """The fit after so many steps of forward Euler, in extended precision."""
    w, b, v, x, y, p = (
        np.asarray(leaf).astype(np.longdouble) for leaf in (net.w, net.b, net.v, data.x, data.y, data.weight)
    )
    b0, h = np.longdouble(0), np.longdouble(end) / steps
    for _ in range(steps):
        z = np.outer(w, x) + b[:, None]
        e = p * (y - b0 - v @ np.maximum(z, 0))
        X, E = np.where(z > 0, e * x, 0).sum(axis=1), np.where(z > 0, e, 0).sum(axis=1)
        w, b, v, b0 = w + h * v * X, b + h * v * E, v + h * (w * X + b * E), b0 + h * e.sum()
    return b0 + v @ np.maximum(np.outer(w, x) + b[:, None], 0)


@pytest.mark.full
@pytest.mark.parametrize(
    ("offset", "scale"), [(30.0, 1.0), (1000.0, 1.0), (1e5, 1.0), (1.0, 1e-3), (0.0, 1e3), (3e4, 1e3)]
)
def test_fits_far_away_and_in_other_units_are_those_of_small_steps(offset, scale):
    """Event by event scipy's solver takes another branch there, its tolerances being absolute."""
    for seed in range(3):
        net, data, end = case(seed, offset, scale)
        size = np.max(np.abs(data.y))
        fine = fit(flow(net, data, end, rtol=1e-8, atol=1e-11).net, data)
        assert np.max(np.abs(fine - euler(net, data, end, 80_000))) <= 1e-4 * size
        for rtol in (1e-3, 1e-4, 1e-6):
            sol = flow(net, data, end, rtol=rtol, atol=1e-3 * rtol)
            assert np.max(np.abs(fit(sol.net, data) - fine)) <= 10 * rtol * size


NEAR = pytest.mark.xfail(strict=True, reason="seed 1 slides where it should cross, and is 5.7e-3 off")


@pytest.mark.full
@pytest.mark.parametrize(("offset", "scale"), [(30.0, 1.0), (0.0, 1e3), pytest.param(1.0, 1e-3, marks=NEAR)])
def test_single_precision_in_other_units(offset, scale):
    for seed in range(3):
        net, data, end = case(seed, offset, scale)
        fine = fit(flow(net, data, end, rtol=1e-8, atol=1e-11).net, data)
        assert off_in_single(net, data, end, fine) <= 1e-3 * np.max(np.abs(data.y))


def rest(net, data, pinned=()):
    """|gradient| over |net|, both as for data moved to 0 and x to [-1, 1]; the pinned one keeps to its datum."""
    parts = (net.w, net.b, net.v, data.x, data.y, data.weight)
    w, b, v, x, y, p = (np.asarray(leaf, np.longdouble) for leaf in parts)
    centre, unit = (x[0] + x[-1]) / 2, (x[-1] - x[0]) / 2
    active = np.outer(x, w) + b > 0
    e = p * (y - fit(net, data))
    x, w, b = (x - centre) / unit, w * unit, w * centre + b
    X, E = (e * x) @ active, e @ active
    pinned = np.array(pinned, int)
    at = -b[pinned] / w[pinned]
    along = (X[pinned] - at * E[pinned]) / (1 + at**2)
    X[pinned], E[pinned] = along, -at * along
    gradient = np.concatenate([v * X, v * E, w * X + b * E, [np.sum(e)]])
    size = np.concatenate([w, b, v, [float(net.b0) - (np.min(y) + np.max(y)) / 2]])
    return float(np.linalg.norm(gradient) / np.linalg.norm(size))


@pytest.mark.parametrize("height", [0.0, 1000.0])
@pytest.mark.parametrize(("offset", "scale"), [(0, 1), (1, 1), (30, 1), (1000, 1), (2**17, 1), (0, 1024), (3, 2**-10)])
def test_rest_is_judged_alike_wherever_the_data_lie(offset, scale, height):
    # Exact numbers. The first neuron slides on the last datum but one, in whatever metric.
    place = np.array([-1.0, -0.5, -0.25, 0.25, 0.5, 1.0])
    w, beta = np.array([2.0, 1.0, -1.0, 0.5, -2.0]), np.array([0.5, -0.375, 0.125, -1.5, -2.0])
    v = np.array([1.0, -0.5, 0.25, 2.0, 1.0])
    data = Dataset(offset + scale * place, height + np.array([0.0, 1.0, -1.0, 0.5, -6.0, 6.0]))
    net = ReLUNet(w / scale, -w / scale * (offset + scale * beta), v, height)
    ratio = rest(net, data, [0])
    options = {"rtol": 1e-3, "atol": 1e-6}
    for factor, name in ((0.999, "end_time"), (1.001, "stationary")):
        sol = flow(net, data, 0.0, grad_tol=factor * ratio, **options)
        assert sol.stats["num_slides"] == 1
        assert sol.result == getattr(RESULTS, name)

    # Off the data, by other solvers.
    net = ReLUNet(net.w, net.b + 0.25, net.v, net.b0)
    for factor, name in ((0.999, "end_time"), (1.001, "stationary")):
        for chart in ("nn", "polar"):
            sol = flow(net, data, 1e-20, grad_tol=factor * rest(net, data), method=Diffrax(chart=chart), **options)
            assert sol.result == getattr(RESULTS, name)


# The first two come to rest on data, the last interpolates. After a shift the flow is another one, with another limit.
@pytest.mark.parametrize(("seed", "offset"), [(0, 30.0), (2, 1000.0), (1, 0.0), (1, 1.0), (1, 30.0), (1, 1000.0)])
def test_flows_come_to_rest_at_critical_points_wherever_the_data_lie(seed, offset):
    net, data, _ = case(seed, offset)
    sol = flow(net, data, rtol=1e-4, atol=1e-7, grad_tol=1e-8)
    assert sol.result == RESULTS.stationary
    assert jspline.landscape.is_critical(sol.net, data).critical
    if seed == 1:
        assert np.max(np.abs(fit(sol.net, data) - np.asarray(data.y))) < 1e-7


@pytest.mark.parametrize("offset", [0.0, 1.0, 30.0, 1000.0])
def test_flows_come_to_the_same_rest_wherever_the_data_lie(offset):
    # Two least-squares lines that meet in the gap between their data.
    place = np.array([-1.0, -0.7, -0.4, 0.3, 0.6, 1.0])
    y = np.array([1.0, 0.4, 0.3, 0.2, 0.9, 1.3])
    lines = [np.polynomial.Polynomial.fit(place[these], y[these], 1).convert() for these in (slice(3), slice(3, 6))]
    net = ReLUNet([1.0, 1.5], [1.5 - offset, -1.5 * offset], [-0.8, 1.5], 1.0)
    data = Dataset(offset + place, y)
    sol = flow(net, data, rtol=1e-4, atol=1e-7, grad_tol=1e-8)
    assert sol.result == RESULTS.stationary
    wanted = np.concatenate([lines[0](place[:3]), lines[1](place[3:])])
    np.testing.assert_allclose(fit(sol.net, data), wanted, atol=1e-7)
    meet = -np.polynomial.Polynomial((lines[1] - lines[0]).coef).roots()[0]
    np.testing.assert_allclose(sol.net.b[1] / sol.net.w[1] + offset, meet, atol=1e-7)


def test_who_is_let_go_into_a_steep_force_is_not_carried_too_far():
    net, data, _ = case(3, 1000.0)
    sol = flow(net, data, 60.0, rtol=1e-4, atol=1e-7)
    assert sol.result == RESULTS.end_time


@pytest.mark.parametrize("size", [1e-15, 1e-9, 1e-3, 1.0])
def test_charges_are_kept_at_any_size(size, dtype):
    r = np.random.default_rng(7)
    parts = size * r.normal(size=(3, 5))
    net = ReLUNet(*(jnp.asarray(leaf, dtype) for leaf in parts), jnp.zeros((), dtype))
    data = Dataset(jnp.linspace(-1, 1, 6, dtype=dtype), jnp.asarray(r.normal(size=6), dtype))
    sol = flow(net, data, 3.0, rtol=1e-3, atol=1e-3 * size)
    charges = [np.asarray(jspline.charge(n), np.longdouble) for n in (net, sol.net)]
    units = max(np.max(np.square(leaf)) for n in (net, sol.net) for leaf in (n.w, n.b, n.v))
    assert np.max(np.abs(charges[1] - charges[0])) <= 8 * np.finfo(dtype).eps * units
    assert 0 < sol.stats["charge_drift"] < 1e-2


def test_the_drift_of_a_net_that_grows_is_relative_to_what_it_grows_to():
    net = ReLUNet([1e-6, -1e-6], [0.5e-6, 1e-6], [1.1e-6, -1.4e-6], 0.0)
    sol = flow(net, Dataset([-1.0, 0.0, 1.0], [-2.0, 0.5, 2.0]), 30.0, rtol=1e-4, atol=1e-10)
    assert np.max(np.abs(sol.net.v)) > 0.1
    assert sol.stats["charge_drift"] < 1e-2
    assert jspline.dynamics.charge_drift(net, sol.net) < 1e-15


def test_a_choice_on_the_outermost_datum_is_counted():
    def choices(w, b, v, x, y):
        sol = flow(ReLUNet([w], [b], [v], 0.0), Dataset(x, y), 1.0, rtol=1e-6, atol=1e-9)
        return int(sol.stats["num_nonunique"])

    # Dead, and pushed to z > 0 were it there: staying and leaving are both solutions.
    assert choices(1.0, -1.0, 1.0, [0.0, 1.0], [0.0, 1.0]) == 1
    assert choices(-1.0, 0.0, 1.0, [0.0, 1.0], [1.0, 0.0]) == 1
    # Pushed to z < 0 from there, or without v: only staying is.
    assert choices(1.0, -1.0, -1.0, [0.0, 1.0], [0.0, 1.0]) == 0
    assert choices(1.0, -1.0, 0.0, [0.0, 1.0], [0.0, 1.0]) == 0
    # At (w, b) = 0 from the start, with a way out for one sign of v only.
    assert choices(0.0, 0.0, 1.0, [0.0, 1.0], [1.0, 1.0]) == 1
    assert choices(0.0, 0.0, -1.0, [0.0, 1.0], [1.0, 1.0]) == 0


def test_the_end_net_sees_what_the_flow_sees():
    # Its equilibrium lies just beyond a datum that the neuron does not see.
    net, data = ReLUNet([1.3], [0.1], [-1.5], 0.0), Dataset([0.0, 0.01, 0.12], [0.6, 1.1, 0.0])
    sol = flow(net, data, 1e6, rtol=1e-6, atol=1e-9, grad_tol=1e-9)
    assert sol.result == RESULTS.stationary
    _, gradient = jspline.value_and_grad(sol.net, data)
    assert max(float(jnp.max(jnp.abs(leaf))) for leaf in jax.tree.leaves(gradient)) < 1e-8


def random_flow(key, rtol, t1, **options):
    k = jax.random.split(key, 5)
    net = ReLUNet(*(jax.random.normal(k[i], (6,)) for i in range(3)), jnp.zeros(()))
    data = Dataset(jax.random.normal(k[3], (5,)), jax.random.normal(k[4], (5,)))
    return flow(net, data, t1, rtol=rtol, atol=1e-3 * rtol, **options), data


@pytest.mark.parametrize("draws", [32, pytest.param(200, marks=pytest.mark.full)])
@pytest.mark.parametrize("rtol", [1e-4, pytest.param(1e-6, marks=pytest.mark.full)])
def test_flows_at_rest_are_critical_and_stay_where_they_are(draws, rtol):
    def one(key):
        # To convergence: rest just beyond a datum is not accepted, and the steps are long by then.
        sol, data = random_flow(key, rtol, jnp.inf, grad_tol=1e-9)
        again = flow(sol.net, data, 0.0, rtol=rtol, atol=1e-3 * rtol)
        length = jnp.sqrt(jnp.sum(sol.net.w**2 + sol.net.b**2 + sol.net.v**2) + sol.net.b0**2)
        return sol, again, length, jspline.landscape.is_critical(sol.net, data).critical

    sol, again, length, critical = jax.jit(jax.vmap(one))(jax.random.split(jax.random.key(0), draws))
    assert np.all(sol.result == RESULTS.stationary)
    assert np.sum(sol.stats["num_slides"]) > draws  # most of them are not smooth
    assert np.all(critical)
    # To what counts as rest: 1e-9 of the length of the parameters.
    assert np.all(np.abs(again.grad_norm - sol.grad_norm) <= 1e-9 * np.maximum(length, 1))


def test_nets_on_the_way_slide_exactly_on_their_data():
    ts = jnp.linspace(0, 20, 41)
    sol, data = jax.jit(jax.vmap(lambda key: random_flow(key, 1e-4, 20.0, ts=ts)))(
        jax.random.split(jax.random.key(1), 8)
    )
    w, b, x = (np.asarray(leaf) for leaf in (sol.nets.w, sol.nets.b, data.x))
    product = w[..., None] * x[:, None, None]
    near = np.abs(product + b[..., None]) < 1e-13
    assert np.sum(near) > 50
    assert np.all((product == -b[..., None])[near])


def test_steps_with_a_heavy_datum_grow_with_the_fourth_root_of_its_weight():
    # It holds the net on a surface, and what a stage is off by the square of the step pushes with its weight, at an
    # angle of the step to where the step's matrix damps: weight times h^4 is the error.
    r = np.random.default_rng(0)
    net = ReLUNet(*r.normal(size=(3, 6)), 0.0)
    steps = []
    for weight in (1e4, 1e8):
        data = Dataset([-1.0, -0.3, 0.4, 1.0, 1.0], [0.5, -0.3, 0.8, -0.2, -0.2], [weight, 1, 1, 0.5, 0.5])
        sol = flow(net, data, 100.0, rtol=1e-6, atol=1e-9)
        assert sol.result == RESULTS.end_time
        assert abs(sol.net(data.x[0]) - 0.5) < 2 / weight
        steps.append(int(sol.stats["num_steps"]))
    assert steps[1] <= 10 * steps[0]
