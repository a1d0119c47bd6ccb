"""The derivative of the exact flow: against differences of a flow that shares nothing with it, and by identities."""

import itertools

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from event_by_event import EventByEvent
from helpers import frozen
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import jspline
from jspline.dynamics import OBSTACLES, RESULTS, Change, Diffrax, Exact, advance, sensitivity, start
from jspline.dynamics._running import COUNTS
from jspline.dynamics.sensitivity._map import _apply
from jspline.dynamics.sensitivity._saltation import Jumps
from jspline.dynamics.sensitivity._tape import _obstacles

N, H, STEPS = 16, 24, 2000
TOLERANCES = {"rtol": 1e-9, "atol": 1e-13}
SEEDS = [0, 1, 2, 4, 6, 7, 8, 9, 10, 11, 12, 13, 15, 16, 17, 18, 19, 20, 21, 22]  # with 20 crossings and 5 slides
SPLIT = np.cumsum([N, N, N, H, H, H])


def numbers(seed):
    """x, y, p, w, b, v, b0 in one vector."""
    rng = np.random.default_rng(seed)
    x = np.sort(rng.uniform(-1, 1, N))
    y, p = np.sin(3 * x) + 0.3 * rng.normal(size=N), rng.uniform(0.5, 1.5, N) / N
    return np.concatenate([x, y, p, 0.7 * rng.normal(size=3 * H), [0.1]])


def direction(seed):
    return np.random.default_rng(1000 + seed).normal(size=3 * N + 3 * H + 1)


def problem(seed):
    x, y, p, w, b, v, b0 = (jnp.asarray(part) for part in np.split(numbers(seed), SPLIT))
    return jspline.ReLUNet(w, b, v, b0[0]), jspline.Dataset(x, y, p)


def change(vector, t1=0.7):
    x, y, p, w, b, v, b0 = (jnp.asarray(part) for part in np.split(vector, SPLIT))
    return Change(jspline.ReLUNet(w, b, v, b0[0]), x, y, p, jnp.asarray(t1))


def push(s, rates):
    return s.forward(rates.net, x=rates.x, y=rates.y, weight=rates.weight, t1=rates.t1)


def flat(tree):
    return np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(tree)])


def off(value, reference):
    """The largest difference, over the largest entry."""
    value, reference = flat(value), flat(reference)
    return np.max(np.abs(value - reference)) / np.max(np.abs(reference))


def differences(seed, t1, step=1e-7):
    """Central differences of the end of the flow event by event, and what it met."""
    z, d = numbers(seed), direction(seed)

    def end(by):
        parts = np.split(z + by * d, SPLIT)
        return EventByEvent(*parts[:6], parts[6][0]).run(t1 + by * 0.7, rtol=1e-13)

    ahead, behind = end(step), end(-step)
    assert ahead.counts == behind.counts
    return (ahead.state - behind.state) / (2 * step), ahead.counts


def solve(net, data, t1, **options):
    return sensitivity(net, data, t1, **({"max_steps": STEPS} | TOLERANCES | options))


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_forward_is_the_limit_of_differences_and_reverse_its_transpose(seed):
    s = solve(*problem(seed), 100.0)
    expected, met = differences(seed, 100.0)
    assert met["crossings"] >= 20
    assert met["slides"] >= 5
    for kind in ("crossings", "slides", "releases"):
        assert s.solution.stats[f"num_{kind}"] == met[kind]
    assert s.obstacle == OBSTACLES.none
    rates = change(direction(seed))
    last = push(s, rates)
    assert off(last, expected) < 1e-5

    wanted = problem(seed + 100)[0]
    start = s.reverse(wanted)
    there, back = flat(wanted) @ flat(last), flat(start) @ flat(rates)
    assert abs(there - back) < 1e-8 * abs(there)


def with_derivative(size, width, train_b0):
    """Flows of balanced nets on random data, from end to end of which there is a derivative."""
    for seed in range(300):
        rng = np.random.default_rng([size, width, seed])
        net = jspline.init.Balanced(1 / np.sqrt(width)).sample(width, key=jax.random.key(seed))
        data = jspline.Dataset(rng.uniform(-1, 1, size), rng.normal(size=size), rng.uniform(0.5, 1.5, size))
        s = solve(net, jspline.Problem(data, train_b0=train_b0), 16.0)
        if s.obstacle == OBSTACLES.none:
            yield s


def gap(s, seed):
    """How far <c, J u> and <J^T c, u> are apart, over the size of their terms, for random c and u."""
    rng = np.random.default_rng(seed)
    rates, wanted = jax.tree.map(lambda leaf: jnp.asarray(rng.normal(size=leaf.shape)), (s.zeros(), s.zeros().net))
    last, first = push(s, rates), s.reverse(wanted)
    return abs(flat(wanted) @ flat(last) - flat(first) @ flat(rates)) / (np.abs(flat(first)) @ np.abs(flat(rates)))


@pytest.mark.parametrize(
    ("size", "width", "train_b0", "count"),
    [(N, H, True, 3), (3, 1, False, 10)]  # compiled for other tests
    + [pytest.param(*shape, b0, 100, marks=pytest.mark.full) for shape in [(3, 24), (16, 4)] for b0 in (True, False)],
)
def test_reverse_is_the_transpose_of_forward(size, width, train_b0, count):
    """Also with more data than parameters, where the linear systems are others."""
    found = list(itertools.islice(with_derivative(size, width, train_b0), count))
    assert len(found) == count
    assert any(jnp.any(s.tape.term.pin >= 0) for s in found)
    assert max(gap(s, seed) for seed, s in enumerate(found)) < 1e-8


@pytest.mark.parametrize("without", ["crossings", "slides"])
def test_a_missing_saltation_shows(without, monkeypatch):
    s, rates = solve(*problem(0), 5.0), change(direction(0))
    expected, met = differences(0, 5.0)
    assert met["crossings"] > 0
    assert met["slides"] > 0
    assert off(push(s, rates), expected) < 1e-5
    honest = Jumps.rho.fget

    def planted(jumps):
        gone = jumps.after != 0 if without == "crossings" else jumps.after == 0
        return jnp.where(gone, 1, honest(jumps))

    monkeypatch.setattr(Jumps, "rho", property(planted))
    assert off(eqx.filter_jit(lambda s, rates: _apply(s, rates).net)(s, rates), expected) > 1e-3


def test_jax_differentiates_the_flow_itself():
    (net, data), rates = problem(0), change(direction(0))
    s = solve(net, data, 5.0)

    def flow(net, x, y, weight, t1):
        moved = eqx.tree_at(lambda d: (d.x, d.y, d.weight), data, (x, y, weight))
        return jspline.flow(net, moved, t1, **TOLERANCES, max_steps=STEPS)

    at = (net, data.x, data.y, data.weight, jnp.asarray(5.0))
    end, rate = jax.jvp(flow, at, tuple(rates))
    assert off(rate.net, push(s, rates)) < 1e-12
    assert rate.t == rates.t1
    plain = jspline.flow(net, data, 5.0, **TOLERANCES)
    assert off(end.net, plain.net) < 1e-6
    assert off(end.loss, plain.loss) < 1e-6

    # The loss and the speed at the end, by differences of the plain flow.
    def numbers_at(step):
        end = flow(*jax.tree.map(lambda value, rate: value + step * rate, at, tuple(rates)))
        return jnp.stack([end.loss, end.grad_norm])

    step = 1e-5
    expected = (numbers_at(step) - numbers_at(-step)) / (2 * step)
    assert off(jnp.stack([rate.loss, rate.grad_norm]), expected) < 1e-5

    # Backwards, in a batch.
    shifted = jax.tree.map(lambda value: jnp.stack([value, value]), at)
    shifted = (*shifted[:2], shifted[2].at[1].add(0.1), *shifted[3:])
    gradients = jax.vmap(jax.grad(lambda at: flow(*at).loss))(shifted)
    gradient, other = (jax.tree.map(lambda leaf, i=i: leaf[i], gradients) for i in range(2))
    assert abs(flat(gradient) @ flat(rates) - rate.loss) < 1e-10 * abs(rate.loss)
    assert off(gradient, other) > 1e-3


def test_many_directions_share_a_record():
    net, data = problem(0)
    s = solve(net, data, 5.0)
    each = jax.vmap(lambda y: s.forward(y=y))(jnp.eye(N))
    zero = jnp.zeros(H)
    outputs = jax.vmap(lambda w: s.reverse(jspline.ReLUNet(w, zero, zero, 0.0)))(jnp.eye(3, H))
    np.testing.assert_allclose(outputs.y, np.stack([each.w[:, i] for i in range(3)]), rtol=1e-9, atol=1e-12)


@settings(max_examples=5)
@given(seed=st.integers(0, 10**6), t1=st.floats(0.5, 20.0))
def test_identities_hold_through_all_events(seed, t1):
    net, data = problem(seed)
    s = solve(net, data, t1)
    assume(s.obstacle == OBSTACLES.none)
    # Weights times c are time times c.
    later = s.forward(t1=t1)
    assert off(s.forward(weight=data.weight), later) < 1e-6
    # y + c and b0 + c.
    zero = jax.tree.map(jnp.zeros_like, net)
    shift = s.forward(eqx.tree_at(lambda n: n.b0, zero, jnp.ones(())), y=jnp.ones(N))
    assert off(shift, eqx.tree_at(lambda n: n.b0, zero, jnp.ones(()))) < 1e-6


def touch(distance):
    """b0 alone moves the residual, and with it the breakpoint of a tiny neuron: towards x = 0, and then away."""
    net = jspline.ReLUNet([1e-8, 1e-12], [-1e-8 * distance, -2e-12], [2e-8, 1e-12], 0.0)
    return net, jspline.Dataset([-1.0, 0.0, 1.0], [3.0, 3.0, 1.0])


def fade(y):
    """The tiny neuron slides on x = 0. The other one learns later than b0, so that the force on it has a maximum."""
    net = jspline.ReLUNet([1e-8, 1.0], [0.0, -0.5], [2e-8, 0.5], 0.0)
    return net, jspline.Dataset([-1.0, 0.0, 1.0], [-3.0, y, 1.0])


TINY = {"rtol": 1e-9, "atol": 1e-20}


@pytest.mark.parametrize(
    ("make", "low", "high", "kind", "t1"),
    [(touch, 0.1, 0.3, "crossings", 0.6), (fade, -2.5, -2.35, "releases", 1.0)],
)
def test_events_without_speed_have_no_derivative(make, low, high, kind, t1):
    def count(at):
        return int(jspline.flow(*make(at), t1, **TINY).stats[f"num_{kind}"])

    there, away = (low, high) if count(low) > count(high) else (high, low)
    events, clear = count(there), there
    for _ in range(50):
        middle = (there + away) / 2
        there, away = (middle, away) if count(middle) == events else (there, middle)
    # At the very edge rounding decides whether there is an event.
    there += 1e-9 * (clear - there)
    s = solve(*make(there), t1, **TINY)
    assert s.obstacle == OBSTACLES.tangential
    assert np.all(np.isnan(flat(s.forward(s.solution.net))))
    assert np.all(np.isnan(flat(s.reverse(s.solution.net))))
    assert solve(*make(there + 0.1 * (clear - there)), t1, **TINY).obstacle == OBSTACLES.none


@pytest.mark.parametrize(
    ("net", "x", "e", "t1", "name"),
    [
        # v passes 0 on a slide: both sides are solutions from there on.
        (([1e-3], [0.0], [-0.5e-3]), [0.0, 0.5, 1.0], [3.0, -6.0, 4.0], 0.8, "repeller"),
        # (w, b) comes to 0 on a slide.
        (([-1e-3], [0.0], [2e-3]), [-1.0, -0.5, 0.0], [-2.0, 2.5, -1.0], 0.8, "parked"),
        # Starts on x = 0 and is pushed across it.
        (([1e-3], [0.0], [1e-3]), [-1.0, 0.0, 1.0], [0.0, 1.0, 1.0], 0.5, "on_datum"),
        # Crosses two data that are one rounding apart: one after the other.
        (([1e-3], [-0.35e-3], [1e-3]), [0.3, np.nextafter(0.3, 1), 1.0], [1.0, 1.0, 1.0], 0.5, "none"),
        # The same slide as the first, which ends before its time.
        (([1e-3], [0.0], [-0.5e-3]), [0.0, 0.5, 1.0], [3.0, -6.0, 4.0], 0.2, "none"),
    ],
)
def test_obstacles_are_named(net, x, e, t1, name):
    s = solve(jspline.ReLUNet(*net, 0.0), jspline.Problem(frozen(x, e), train_b0=False), t1, rtol=1e-9, atol=1e-15)
    assert s.obstacle == getattr(OBSTACLES, name), OBSTACLES[s.obstacle]
    assert np.all(np.isfinite(flat(s.forward(s.solution.net)))) == (name == "none")


def test_two_things_at_one_time_are_noticed():
    """A step after which one neuron has moved on, and two events were counted."""
    net, data = problem(0)
    run = start(net, data, 5.0, **TOLERANCES, method=Exact(until="first_event"))
    steps = [run]
    while not steps[-1].done:
        steps.append(advance(steps[-1], 1))
    old, new = steps[-2:]
    assert not any(_obstacles(old, new).values())
    twice = eqx.tree_at(lambda r: r.counts, new, new.counts.at[COUNTS.index("crossings")].add(1))
    assert [name for name, found in _obstacles(old, twice).items() if found] == ["simultaneous"]


def test_a_flow_that_does_not_end_has_no_derivative():
    s = solve(*problem(0), 5.0, max_steps=20)
    assert s.solution.result == RESULTS.out_of_steps
    assert s.obstacle == OBSTACLES.unfinished
    assert np.all(np.isnan(flat(s.forward(t1=1.0))))


def test_events_of_two_neurons_at_one_time_have_a_derivative():
    """Mirrored neurons meet their data together. The flow that is changed on one side only meets them apart."""
    x = np.array([-1.0, -0.6, -0.25, 0.25, 0.6, 1.0])
    y, p = 3 * np.cos(4 * x), np.full(6, 1 / 6)
    w, b, v = np.array([0.8, -0.8]), np.array([0.1, 0.1]), np.array([0.2, 0.2])
    by = np.array([0.3, 0.5, -0.7, 0.2, -0.1, 0.4])
    s = solve(jspline.ReLUNet(w, b, v, 0.0), jspline.Dataset(x, y, p), 30.0)
    assert sum(int(s.solution.stats[f"num_{kind}"]) for kind in ("crossings", "slides")) >= 2
    assert s.obstacle == OBSTACLES.none

    def end(step):
        return EventByEvent(x, y + step * by, p, w, b, v, 0.0).run(30.0, rtol=1e-13).state

    expected = (end(1e-6) - end(-1e-6)) / 2e-6
    assert off(s.forward(y=jnp.asarray(by)), expected) < 1e-5


def test_a_start_on_a_slide_has_a_derivative():
    """Whatever moves it off the datum is undone at once, from either side."""
    x, y, p = np.array([-1.0, 0.0, 1.0]), np.array([-3.0, -2.0, 1.0]), np.ones(3)
    w, b, v = np.array([0.5, 0.7]), np.array([0.0, -0.5]), np.array([0.8, 0.3])
    s = solve(jspline.ReLUNet(w, b, v, 0.0), jspline.Dataset(x, y, p), 0.1)
    assert s.solution.stats["num_slides"] >= 1
    assert s.obstacle == OBSTACLES.none

    def end(step):
        return EventByEvent(x, y, p, w, b + step * np.array([1.0, -0.4]), v, 0.0).run(0.1, rtol=1e-13).state

    change = jspline.ReLUNet(jnp.zeros(2), jnp.asarray([1.0, -0.4]), jnp.zeros(2), 0.0)
    expected = (end(1e-6) - end(-1e-6)) / 2e-6
    assert off(s.forward(change), expected) < 1e-5


def test_ties_and_zero_weights_are_not_guessed():
    net, data = problem(0)
    tied = eqx.tree_at(lambda d: (d.x, d.weight), data, (data.x.at[4].set(data.x[3]), data.weight.at[7].set(0.0)))
    s = solve(net, tied, 1.0)
    assert np.all(np.isfinite(flat(s.forward(y=jnp.ones(N)))))
    start = s.reverse(net)
    assert np.array_equal(np.flatnonzero(np.isnan(start.x)), [3, 4])
    assert np.array_equal(np.flatnonzero(np.isnan(start.weight)), [7])
    assert start.y[7] == 0
    assert np.all(np.isnan(flat(s.forward(x=jnp.zeros(N).at[4].set(1.0)))))


def test_a_datum_of_weight_0_ties_nothing():
    """Bug: on the x of another one it made the derivative in that x NaN."""
    net, data = problem(0)
    alone = eqx.tree_at(lambda d: d.weight, data, data.weight.at[4].set(0.0))
    behind = eqx.tree_at(lambda d: d.x, alone, data.x.at[4].set(data.x[3]))
    plain, beside = (solve(net, each, 1.0).reverse(net) for each in (alone, behind))
    assert np.all(np.isfinite(plain.x))
    np.testing.assert_allclose(beside.x, plain.x, rtol=1e-6, atol=1e-12)


def test_the_derivative_at_rest_holds_the_time_of_the_end():
    """The influence of each y on the final fit."""
    net, data = problem(1)
    s = solve(net, data, jnp.inf, grad_tol=1e-10)
    assert s.solution.result == RESULTS.stationary
    assert s.obstacle == OBSTACLES.none
    by = direction(3)[:N]

    def end(step):
        moved = eqx.tree_at(lambda d: d.y, data, data.y + step * by)
        return flat(jspline.flow(net, moved, s.solution.t, rtol=1e-11, atol=1e-15).net)

    expected = (end(1e-6) - end(-1e-6)) / 2e-6
    assert off(s.forward(y=jnp.asarray(by)), expected) < 1e-5
    assert np.all(flat(s.forward(t1=1.0)) == 0)


def test_diffrax_agrees_where_nothing_is_met():
    (net, data), rates = problem(0), change(direction(0), 0.0)
    t1 = 0.8 * jspline.flow(net, data, 5.0, **TOLERANCES, method=Exact(until="first_event")).t
    s = solve(net, data, t1)
    assert all(s.solution.stats[f"num_{kind}"] == 0 for kind in ("crossings", "slides", "releases"))
    wanted = problem(1)[0]

    def value(net, x, y, weight):
        moved = eqx.tree_at(lambda d: (d.x, d.y, d.weight), data, (x, y, weight))
        end = jspline.flow(net, moved, t1, method=Diffrax(solver=diffrax.Dopri8()), **TOLERANCES, max_steps=200).net
        return sum(jnp.sum(a * b) for a, b in zip(jax.tree.leaves(end), jax.tree.leaves(wanted), strict=True))

    gradient = jax.grad(value, argnums=(0, 1, 2, 3))(net, data.x, data.y, data.weight)
    mine = s.reverse(wanted)
    assert off(tuple(mine)[:4], gradient) < 1e-8
    assert abs(flat(gradient) @ flat(tuple(rates)[:4]) - flat(wanted) @ flat(push(s, rates))) < 1e-8


def test_float32_holds_what_it_can():
    net, data = problem(0)
    single = jax.tree.map(lambda leaf: leaf.astype(jnp.float32), (net, data))
    s = sensitivity(*single, 1.0, rtol=1e-5, atol=1e-7, max_steps=STEPS)
    assert s.tape.y.dtype == jnp.float32
    t = solve(net, data, 1.0)
    assert off(s.forward(y=data.y.astype(jnp.float32)), t.forward(y=data.y)) < 1e-3


def test_what_has_no_derivative_says_so():
    net, data = problem(0)

    def flow(y, **options):
        return jspline.flow(net, eqx.tree_at(lambda d: d.y, data, y), 1.0, **TOLERANCES, max_steps=STEPS, **options)

    with pytest.raises(ValueError, match="leave out `ts`, `until` and `events`"):
        jax.grad(lambda y: flow(y, ts=jnp.ones(1)).loss)(data.y)
    with pytest.raises(ValueError, match="with respect to its tolerances"):
        jax.grad(lambda rtol: jspline.flow(net, data, 1.0, rtol=rtol, atol=1e-9).loss)(1e-6)
    with pytest.raises(RuntimeError, match="first derivatives only"):
        jax.hessian(lambda y: flow(y).loss)(data.y)
    with pytest.raises(ValueError, match="nothing ends the flow"):
        sensitivity(net, data, **TOLERANCES)
