"""Many events in a step: against event by event, against tight runs, and steps that do not grow with the width."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from event_by_event import EventByEvent
from response import answer, fitted
from test_exact import balanced_net, exact, theory_set_up

import jspline
from jspline import Dataset, flow
from jspline.dynamics import RESULTS
from jspline.dynamics.carry._response import ERROR, RESPONSE
from jspline.problem import Problem


@pytest.mark.parametrize(("seed", "scale"), [(0, 0.3), (1, 1.0), (2, 1.0), (3, 3.0), (4, 3.0)])
def test_it_agrees_with_event_by_event(seed, scale):
    """Nothing in common with the package but the theory: the same events, and the same function."""
    net, data = theory_set_up(seed, scale, 5, 12)
    # With v = 0 at the start both sides of a datum are alike.
    net = jspline.ReLUNet(net.w, net.b, 0.3 * scale * jnp.sign(jnp.sin(jnp.arange(12.0))) + 0 * net.w, 0.0)
    plain = EventByEvent(data.x, data.y, data.weight, net.w, net.b, net.v, 0.0).run(10.0)
    sol = exact(net, data, 10.0, rtol=1e-8, atol=1e-11)
    assert sum(plain.counts.values()) >= 5
    assert {name: int(sol.stats[f"num_{name}"]) for name in plain.counts} == plain.counts
    at = np.linspace(-2.5, 2.5, 101)
    np.testing.assert_allclose(sol.net(jnp.asarray(at)), plain.fit(at), atol=2e-6)


def test_a_loose_step_carries_neurons_through_many_events():
    """Fewer steps than events, the same function within the tolerance, and a log that is complete and in order."""
    net, data = theory_set_up(1, 0.1, 10, 20)
    loose, tight = (exact(net, data, 100.0, rtol=rtol, atol=1e-3 * rtol) for rtol in (1e-4, 1e-10))
    events = sum(int(tight.stats[f"num_{name}"]) for name in ("crossings", "slides", "releases"))
    assert int(loose.stats["num_steps"]) < events
    at = jnp.linspace(-2.5, 2.5, 101)
    np.testing.assert_allclose(loose.net(at), tight.net(at), atol=200e-4)
    total = int(loose.events.total)
    assert jnp.all(jnp.diff(loose.events.time[:total]) >= 0)
    assert jnp.all(loose.events.neuron[:total] >= 0)


def test_times_within_a_step_full_of_events():
    """A net kept on the way is as good as one at the end: each within the tolerance of a flow that ends there."""
    net, data = theory_set_up(1, 0.1, 10, 20)
    times = jnp.linspace(0.5, 8.0, 16)
    kept = exact(net, data, 100.0, rtol=1e-4, atol=1e-7, ts=times)
    tight = exact(net, data, 100.0, rtol=1e-10, atol=1e-13, ts=times)
    at = jnp.linspace(-2.5, 2.5, 101)
    for i in range(len(times)):
        one, other = (jax.tree.map(lambda leaf, i=i: leaf[i], sol.nets) for sol in (kept, tight))
        np.testing.assert_allclose(one(at), other(at), atol=50e-4)


@pytest.mark.slow
def test_strong_neurons():
    """A sine at ten points, a thousand neurons: hundreds of events, at most 900 attempts."""
    at = jnp.linspace(-2.5, 2.5, 501)
    for scale, bound in ((0.1, 1e-4), (1.0, 4e-4), (10.0, 2e-3)):
        net, data = theory_set_up(0, scale, 10, 1000)
        loose, tight = (flow(net, data, 100.0, rtol=rtol, atol=1e-3 * rtol, max_steps=900) for rtol in (1e-5, 1e-7))
        assert loose.result == tight.result == RESULTS.end_time
        assert int(loose.stats["num_steps"]) <= 150
        np.testing.assert_allclose(loose.net(at), tight.net(at), atol=bound)


@pytest.mark.slow
def test_clusters_stay_together():
    """Forty points, saddle to saddle: neurons that became equal stay so, at every tolerance."""
    k = jax.random.key(7)
    x = jax.random.uniform(k, (40,), minval=-1, maxval=1)
    corners = ([-1, -0.7, -0.55, -0.4, 0, 0.5, 0.6, 0.7, 1], [0, 0.7, 0.5, 1, 0, 1, 0.6, 0.7, 0])
    data = Dataset(x, jnp.interp(x, *map(jnp.asarray, corners)), jnp.full(40, 2 / 40))
    net = balanced_net(0, 1e-3 / 300**0.5, 300)
    loose, tight = (
        flow(net, Problem(data, train_b0=False), 2000.0, rtol=rtol, atol=1e-5 * rtol) for rtol in (1e-5, 1e-6)
    )
    assert loose.result == tight.result == RESULTS.end_time
    assert int(loose.stats["num_crossings"]) > 5000
    assert int(loose.stats["num_steps"]) <= 400
    np.testing.assert_allclose(loose.loss, tight.loss, rtol=1e-3)


def test_the_answer_to_a_force_within_a_step():
    """`RESPONSE` against u phi_2(u z), for all stiffness z and onset 1 - u; what it leaves in the fit."""
    r = np.linspace(1e-3, 1, 500)
    z = 4 * (1 - 1 / r)
    for u in np.linspace(0.1, 1, 40):
        rows = [np.polyval(row[::-1], u) for row in RESPONSE]
        fit = sum(row * r ** (k + 1) for k, row in enumerate(rows))
        assert np.max(np.abs(fit - answer(u, z)) * (1 + np.abs(z))) < 1.05 * ERROR


def test_its_numbers_are_those_of_the_script():
    np.testing.assert_allclose(fitted(), RESPONSE, atol=6e-5)  # written with four digits


def test_a_batch_is_its_lanes():
    """Lanes of one batch have different events, tries and chunks, and do not mix."""
    nets, sets = zip(
        *(theory_set_up(seed, scale, 10, 40) for seed, scale in ((0, 0.1), (1, 1.0), (2, 10.0))), strict=True
    )
    stack = lambda trees: jax.tree.map(lambda *leaves: jnp.stack(leaves), *trees)  # noqa: E731
    run = lambda net, data: flow(net, data, 30.0, rtol=1e-5, atol=1e-8)  # noqa: E731
    batch = jax.vmap(run)(stack(nets), stack(sets))
    for i, (net, data) in enumerate(zip(nets, sets, strict=True)):
        lane = run(net, data)
        assert int(batch.stats["num_steps"][i]) == int(lane.stats["num_steps"])
        np.testing.assert_allclose(batch.loss[i], lane.loss, rtol=1e-6)
