"""Knot types: the slice's against its parabolas, the flow's against the field and against what the exact flow does."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from helpers import random_data, random_net
from hypothesis import given, settings
from landscape_cases import cases, changed, made, sizes

import jspline
from jspline import Dataset, landscape

PASS, REPELLER, ATTRACTOR = range(3)
N, H = 6, 4


@eqx.filter_jit
def classify(net, data):
    quadratic = landscape.slice_breakpoint(net, data, 0)
    return landscape.classify_knots(net, data, 0), quadratic.minimiser


@given(case=cases())
@settings(max_examples=100)
def test_slice_types_by_the_minimisers(case):
    """The definition of theorem 3, where it is clear: m1 and m2 the minimisers to the left and right of each knot."""
    net, data = made(case)
    knots, minimiser = jax.tree.map(np.asarray, classify(net, data))
    x = np.asarray(data.x)
    m1, m2 = minimiser[np.searchsorted(x, x)], minimiser[np.searchsorted(x, x, side="right")]
    attractor, repeller = (m2 < x) & (x < m1), (m1 < x) & (x < m2)
    expected = np.where(attractor, ATTRACTOR, np.where(repeller, REPELLER, PASS))
    # A minimiser on the datum is decided by rounding.
    clear = np.minimum(np.abs(m1 - x), np.abs(m2 - x)) > 1e-9
    np.testing.assert_array_equal(knots.slice[clear], expected[clear])
    flat = np.isnan(m1) | np.isnan(m2)
    np.testing.assert_array_equal(knots.slice[flat], PASS)
    away = np.minimum(np.abs(knots.left), np.abs(knots.right)) > 1e-9 * sizes(net, data)
    one_sided = np.where(knots.left < 0, 1, -1) + np.where(knots.right > 0, 1, -1)
    np.testing.assert_array_equal(knots.slice[away], np.choose(1 + one_sided[away] // 2, [REPELLER, PASS, ATTRACTOR]))


@eqx.filter_jit
def beside_each_datum(net, data, distance):
    """z' of neuron 0 on either side of each datum, by the field of the flow."""

    def velocity(x, z):
        there = changed(net, 0, b=-net.w[0] * x + z)
        moves = jspline.dynamics.net_field(there, data)
        return moves.w[0] * x + moves.b[0], moves.v[0]

    return [jax.vmap(lambda x, z=z: velocity(x, z))(data.x) for z in (-distance, distance)]


@given(case=cases())
@settings(max_examples=100)
def test_flow_types_by_the_field_beside_the_datum(case):
    net, data = made(case)
    knots, _ = classify(net, data)
    (inner, turn), (outer, _) = jax.tree.map(np.asarray, beside_each_datum(net, data, 1e-9))
    v, scale = float(net.v[0]), sizes(net, data)
    if v != 0:
        np.testing.assert_allclose(abs(v) * np.asarray(knots.inner), inner, atol=1e-7 * scale)
        np.testing.assert_allclose(abs(v) * np.asarray(knots.outer), outer, atol=1e-7 * scale)
    else:
        # The sign that v takes: as if it had a little of it.
        for sign in (-1.0, 1.0):
            other, _ = classify(changed(net, 0, v=sign * 1e-9), data)
            takes = (sign * turn > 1e-7 * scale) & (np.abs(knots.inner) > 1e-7) & (np.abs(knots.outer) > 1e-7)
            np.testing.assert_array_equal(np.asarray(knots.flow)[takes], np.asarray(other.flow)[takes])


# One compiled flow: 40 nets of four neurons on six data.
LANES, LOG, TIMES = 40, 60, 40
DATA = Dataset([-2.0, -1.2, -0.3, 0.4, 1.1, 2.0], [0.5, 1.5, -0.5, 1.0, -1.0, 0.5], [1.0, 0.5, 2.0, 1.0, 1.0, 1.5])


@jax.jit
def flows(nets, ts):
    options = dict(rtol=1e-7, atol=1e-10, grad_tol=1e-11, events=LOG, max_steps=4000)
    return jax.vmap(lambda net, t: jspline.flow(net, DATA, 1e4, ts=t, **options))(nets, ts)


def starts():
    return jax.vmap(lambda k: random_net(k, H))(jax.random.split(jax.random.key(5), LANES))


def test_flow_types_say_what_the_exact_flow_does():
    """Acceptance: at every logged crossing and slide, with the net of that time, the type is passthrough or attractor."""
    nets = starts()
    first = flows(nets, jnp.tile(jnp.linspace(1.0, 2.0, TIMES), (LANES, 1)))
    times = np.sort(np.asarray(first.events.time), axis=1)[:, :TIMES]
    again = flows(nets, jnp.asarray(np.where(np.isfinite(times), times, 1e4)))
    every = jax.jit(
        jax.vmap(jax.vmap(lambda net: jax.vmap(lambda i: landscape.classify_knots(net, DATA, i))(jnp.arange(H))))
    )
    knots = jax.tree.map(np.asarray, every(again.nets))
    log = jax.tree.map(np.asarray, again.events)
    right = {"crossing": 0, "slide": 0}
    slice_right, wrong = 0, []
    for lane, place in np.argwhere(np.isin(log.kind, [0, 1]) & (log.time > 0)):
        kind = jspline.dynamics.KINDS[log.kind[lane, place]]
        at = np.searchsorted(times[lane], log.time[lane, place])
        if at == TIMES:
            continue
        where = lane, at, log.neuron[lane, place], log.datum[lane, place]
        expected = ATTRACTOR if kind == "slide" else PASS
        right[kind] += knots.flow[where] == expected
        slice_right += knots.slice[where] == expected
        if knots.flow[where] != expected:
            wrong.append((kind, float(log.time[lane, place]), knots.inner[where], knots.outer[where]))
    print(f"exact flow: {right}, wrong {wrong}; the slice's type is right for {slice_right}")
    assert not wrong
    assert min(right.values()) > 40


def test_the_flow_ends_in_one_of_the_critical_points():
    """Flows that end freely, where theorem 4 applies, end at a loss that the enumeration has listed."""
    listed = np.array([point.loss for point in landscape.critical_points(DATA, H)])
    sol = flows(starts(), jnp.tile(jnp.linspace(1.0, 2.0, TIMES), (LANES, 1)))
    result = jax.jit(jax.vmap(lambda n: landscape.is_critical(n, DATA, 1e-9)))(sol.net)
    free = np.asarray(result.critical & result.applies)
    ends = np.asarray(sol.loss)[free]
    print(f"{free.sum()} of {LANES} flows end freely with theorem 4, at {len(np.unique(np.round(ends, 8)))} losses;"
          f" {int(np.sum(result.critical & ~result.applies))} at other critical points")  # fmt: skip
    assert free.sum() >= 5
    assert np.max(np.min(np.abs(ends[:, None] - listed), axis=1)) <= 1e-9


def frequencies(key, cases, size, width):
    """How often a datum attracts neuron 0 of a random net in both senses, in the slice's only, in the flow's only."""

    @jax.jit
    def one(k):
        k = jax.random.split(k, 3)
        knots = landscape.classify_knots(random_net(k[0], width), random_data(k[1], size), 0)
        n = jax.random.randint(k[2], (), 0, size)
        slice_, flow = knots.slice[n] == ATTRACTOR, knots.flow[n] == ATTRACTOR
        return jnp.stack([slice_ & flow, slice_ & ~flow, flow & ~slice_])

    return np.sum(np.asarray(jax.vmap(one)(jax.random.split(key, cases))), axis=0)


def test_slice_and_flow_attractors_differ(key):
    both, slice_only, flow_only = frequencies(key, 20_000, 8, 5)
    print(f"of 20,000: {both} both, {slice_only} slice only, {flow_only} flow only")
    # Other types than independence or identity would give, by far.
    assert min(both, slice_only, flow_only) > 200
