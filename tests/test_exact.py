"""The exact flow against hand-solved cases, brute force, published runs and itself; its parts against autodiff."""

import itertools

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import frozen, relative
from jax.flatten_util import ravel_pytree

import jspline
from jspline import Dataset, ReLUNet, flow
from jspline.dynamics import KINDS, RESULTS, Exact, Points, Rosenbrock, advance, cell, finish, result_names, start
from jspline.dynamics._cell import FREE, PARKED, in_cell
from jspline.dynamics._charge import Origin, settled
from jspline.dynamics._implicit import factor
from jspline.dynamics.events import departure, first_root
from jspline.problem import Problem

TIGHT = {"rtol": 1e-9, "atol": 1e-12}


def theory_set_up(seed, scale, size=10, width=100, dtype="float64"):
    """A sine at random points of [-2, 2], and neurons from v = 0 with breakpoints in [-2.2, 2.2]."""
    k = jax.random.split(jax.random.key(seed), 3)
    x = jax.random.uniform(k[0], (size,), dtype, -2, 2)
    beta = jax.random.uniform(k[1], (width,), dtype, -2.2, 2.2)
    w = scale * jax.random.rademacher(k[2], (width,), dtype) / width**0.5
    return ReLUNet(w, -w * beta, jnp.zeros_like(w), jnp.zeros((), dtype)), Dataset(x, jnp.sin(3 * x))


def balanced_net(seed, scale, width):
    """|v| = |(w, b)|, the initialization of Boursier and co-authors."""
    k = jax.random.split(jax.random.key(seed), 2)
    w, b = scale * jax.random.normal(k[0], (2, width))
    return ReLUNet(w, b, jnp.hypot(w, b) * jax.random.rademacher(k[1], (width,), "float64"), 0.0)


def events_of(sol):
    """The log as a list of (time, kind, neuron, datum)."""
    log, count = sol.events, int(sol.events.total)
    assert not log.overflow
    return [(float(log.time[i]), KINDS[int(log.kind[i])], int(log.neuron[i]), int(log.datum[i])) for i in range(count)]


def exact(net, data, t1=jnp.inf, *, width=20, size=10, train_b0=True, until=None, **options):
    """`flow`, padded with dead neurons and data of weight 0 to a common shape, which compiles once; with a log.

    Neither changes anything, which the tests rely on, and so test.
    """
    dead, gone = width - net.width, size - data.size
    pad = lambda leaf, value, n: jnp.concatenate([leaf, jnp.full((n,), value, leaf.dtype)])  # noqa: E731
    wide = ReLUNet(pad(net.w, 0.0, dead), pad(net.b, -1.0, dead), pad(net.v, 0.5, dead), net.b0)
    far = Dataset(pad(data.x, 3.0, gone), pad(data.y, 7.0, gone), pad(data.weight, 0.0, gone), constant=data.constant)
    sol = flow(wide, Problem(far, train_b0=train_b0), t1, method=Exact(until, events=500), **options)
    assert not jnp.any(sol.events.datum >= data.size)
    np.testing.assert_array_equal(sol.net.b[net.width :], -1)
    trim = ReLUNet(sol.net.w[: net.width], sol.net.b[: net.width], sol.net.v[: net.width], sol.net.b0)
    return eqx.tree_at(lambda s: s.net, sol, trim)


# The step inside a cell.


def crowded_cell(width, size, train_b0=True):
    """A net with neurons of all kinds: free, sliding, parked and dead; and its cell."""
    k = jax.random.split(jax.random.key(3), 5)
    data = Dataset(
        jax.random.normal(k[0], (size,)), jax.random.normal(k[1], (size,)), jax.random.uniform(k[2], (size,))
    )
    w, b, v = 0.7 * jax.random.normal(k[3], (3, width))
    w, b = w.at[0].set(1.0), b.at[0].set(-data.x[2])
    if width > 4:
        w, b = w.at[1].set(-0.5).at[2].set(0.0), b.at[1].set(0.5 * data.x[4]).at[2].set(0.0)
    net = ReLUNet(w, b, v, 0.3)
    term = cell(net, Points(data), jnp.asarray(train_b0))
    pin = term.pin.at[0].set(2)
    if width > 4:
        pin = pin.at[1].set(4).at[2].set(PARKED)
    return net, in_cell(term, term.active, pin)


@pytest.mark.parametrize(("width", "size"), [(7, 9), (2, 15)])
@pytest.mark.parametrize("train_b0", [True, False])
def test_the_structured_solve_is_the_dense_one(width, size, train_b0):
    """By Woodbury (7, 9) and on the parameter side (2, 15), against autodiff of the projected field."""
    net, term = crowded_cell(width, size, train_b0)
    flat, unravel = ravel_pytree(net)
    field = lambda vector: ravel_pytree(term.vf(0.0, unravel(vector), None))[0]  # noqa: E731
    jacobian = jax.jacfwd(field)(flat)
    g = jnp.asarray(0.05)
    # Where neurons slide, the solver is meant for right-hand sides along the slide, as all of them are.
    right = ravel_pytree(term.vf(0.0, net, None))[0]
    solve = factor(term, net, term.project(term.force(net)), g)
    for _ in range(3):
        expected = jnp.linalg.solve(jnp.eye(flat.size) - g * jacobian, right)
        value, felt = solve(unravel(right))
        assert relative(ravel_pytree(value)[0], expected) <= 1e-12
        change = jax.jvp(term.fit, (net,), (value,))[1]
        assert relative(felt, g * term.points.p * change) <= 1e-11
        right = expected


def test_order_four_inside_a_cell():
    """Run by `diffrax.diffeqsolve` with fixed steps, at the end and on the dense output, against Dopri8."""
    net, term = crowded_cell(7, 9)
    t1, at = 0.4, jnp.asarray([0.31, 0.4])
    save = diffrax.SaveAt(ts=at)
    reference = diffrax.diffeqsolve(
        diffrax.ODETerm(term.vf), diffrax.Dopri8(), 0.0, t1, 1e-3, net, saveat=save, max_steps=10_000
    ).ys

    @eqx.filter_jit
    def errors(steps):
        ys = diffrax.diffeqsolve(term, Rosenbrock(), 0.0, t1, t1 / steps, net, saveat=save, max_steps=200).ys
        return jnp.max(jnp.abs(ys.w - reference.w), axis=1)

    coarse, fine = errors(40.0), errors(80.0)
    assert 3.7 < np.log2(coarse[1] / fine[1]) < 4.5
    assert np.log2(coarse[0] / fine[0]) > 2.7
    assert float(fine[1]) < 1e-7


def test_the_solver_agrees_with_other_solvers_adaptively():
    net, term = crowded_cell(7, 9)
    controller = diffrax.PIDController(rtol=1e-8, atol=1e-11)
    run = lambda term, solver: diffrax.diffeqsolve(  # noqa: E731
        term, solver, 0.0, 0.5, None, net, stepsize_controller=controller
    )
    ours, theirs = run(term, Rosenbrock()), run(diffrax.ODETerm(term.vf), diffrax.Tsit5())
    assert relative(jax.tree.map(lambda y: y[-1], ours.ys), jax.tree.map(lambda y: y[-1], theirs.ys)) < 1e-7


# Solved by hand.


def test_one_neuron_one_datum():
    """x = 0, y = 1, b0 fixed: z = b, w = 0 stays; b' = v e, v' = b e, b = v by balance, so b^2 is logistic."""
    net, data = ReLUNet([0.0], [0.1], [0.1], 0.0), Dataset([0.0], [1.0])
    t = 3.0
    sol = exact(net, data, t, train_b0=False, **TIGHT)
    product = 1 / (1 + (1 / 0.01 - 1) * np.exp(-2 * t))
    np.testing.assert_allclose(sol.net.b * sol.net.v, product, rtol=1e-7)
    np.testing.assert_allclose(sol.net.w, 0)


def test_a_frozen_residual_rotates_hyperbolically_and_crosses_in_time():
    """One neuron, constant e: (w, b) and v by cosh and sinh; the crossing of x_0 solves a quadratic in exp(|q| t)."""
    x, e = [-1.0, 0.5], [-1.0, -0.6]
    w, b, v = 0.5e-2, 0.6e-2, 0.3e-2
    q = np.array([np.dot(e, x), np.sum(e)])
    size = np.hypot(*q)
    n = q / size
    along, z = n @ [w, b], w * x[0] + b
    kappa = n @ [x[0], 1.0]
    roots = np.roots([kappa * (along + v) / 2, z - kappa * along, kappa * (along - v) / 2])
    u = min(r.real for r in roots if abs(r.imag) < 1e-12 and r.real > 1)
    sol = exact(ReLUNet([w], [b], [v], 0.0), frozen(x, e), 2.0, train_b0=False, **TIGHT)
    first = events_of(sol)[0]
    assert first[1:] == ("crossing", 0, 0)
    np.testing.assert_allclose(first[0], np.log(u) / size, rtol=1e-7)

    t = first[0] / 2
    half = exact(ReLUNet([w], [b], [v], 0.0), frozen(x, e), t, train_b0=False, **TIGHT).net
    np.testing.assert_allclose(half.v[0], v * np.cosh(size * t) + along * np.sinh(size * t), rtol=1e-8)
    turned = np.array([w, b]) + n * ((np.cosh(size * t) - 1) * along + v * np.sinh(size * t))
    np.testing.assert_allclose([half.w[0], half.b[0]], turned, rtol=1e-8)


def test_a_slide_with_known_release():
    """A neuron so small that b0 alone moves the residual, which decides when the datum lets it go.

    x = (-1, 0, 1), y = (-3, -2, 1): b0(t) = -4/3 (1 - exp(-3 t)). The neuron faces right and starts on x = 0. It sees
    e_2 = 1 - b0 > 0 and would see e_1 + e_2 = -1 - 2 b0, which is negative until exp(-3 t) = 5/8: it slides until
    then, and leaves to the side where it sees x = 0. On the slide w -+ v grow and shrink with the integral of e_2.
    """
    data = Dataset([-1.0, 0.0, 1.0], [-3.0, -2.0, 1.0])
    size = 1e-8
    net = ReLUNet([size], [0.0], [2 * size], 0.0)
    release = -np.log(5 / 8) / 3
    sol = exact(net, data, release * 1.2, rtol=1e-10, atol=1e-20)
    log = events_of(sol)
    assert [entry[1:] for entry in log] == [("slide", 0, 1), ("release", 0, 1)]
    np.testing.assert_allclose(log[1][0], release, rtol=1e-6)
    assert sol.net.b[0] > 0

    t = release * 0.9
    half = exact(net, data, t, rtol=1e-10, atol=1e-20).net
    growth = t + 4 / 3 * (t - (1 - np.exp(-3 * t)) / 3)
    np.testing.assert_allclose(half.w[0] + half.v[0], 3 * size * np.exp(growth), rtol=1e-7)
    np.testing.assert_allclose(half.v[0] - half.w[0], size * np.exp(-growth), rtol=1e-7)
    assert half.b[0] == 0


def test_two_mirrored_neurons_stay_mirrored():
    """Even data, mirrored neurons, b0 trained: simultaneous events, no difference between the two ever."""
    x = jnp.asarray([-1.0, -0.6, -0.25, 0.25, 0.6, 1.0])
    data = Dataset(x, 3 * jnp.cos(4 * x))
    net = ReLUNet([0.8, -0.8], [0.1, 0.1], [0.2, 0.2], 0.0)
    sol = exact(net, data, 300.0, rtol=1e-7, atol=1e-10)
    np.testing.assert_allclose(sol.net.w[0], -sol.net.w[1], rtol=1e-6)
    np.testing.assert_allclose(sol.net.b[0], sol.net.b[1], rtol=1e-6)
    log = [entry for entry in events_of(sol) if entry[1] != "flip"]
    assert log[0][0] < 10
    assert len(log) % 2 == 0
    for one, other in zip(log[::2], log[1::2], strict=True):
        assert one[1] == other[1]
        # From about t = 14 on the residual is below the tolerance, and a breakpoint goes 1e-9 to and fro on its datum:
        # when it meets that is rounding's affair, not whether.
        if one[0] < 10:
            np.testing.assert_allclose(one[0], other[0], rtol=1e-12)
        assert one[3] + other[3] == 5
        assert one[2] != other[2]


def test_an_orientation_flips_through_infinity():
    """w passes 0 while both data are seen: at the time of the hyperbolic rotation; nothing jumps."""
    x, e = [-0.1, 0.1], [1.0, -1.0]
    w, b, v = 0.02e-2, 1e-2, 0.5e-2
    q = np.array([np.dot(e, x), np.sum(e)])
    assert q[0] < 0
    assert q[1] == 0
    size = abs(q[0])
    # w' = v q_0 and v' = w q_0: w = w cosh - v sinh.
    time = np.arctanh(w / v) / size
    sol = exact(ReLUNet([w], [b], [v], 0.0), frozen(x, e), 2 * time, train_b0=False, **TIGHT)
    assert [entry[1:] for entry in events_of(sol)] == [("flip", 0, -1)]
    np.testing.assert_allclose(events_of(sol)[0][0], time, rtol=1e-6)
    assert int(sol.stats["num_flips"]) == 1
    assert sol.net.w[0] < 0
    np.testing.assert_allclose(sol.net.w[0], w * np.cosh(size * 2 * time) - v * np.sinh(size * 2 * time), rtol=1e-8)


def test_the_last_datum_is_left_for_good():
    """A neuron pushed off its only datum is dead, and does not come back."""
    net, data = ReLUNet([1.0], [0.1], [0.5], 0.0), frozen([0.0, -0.5], [-1.0, 1.0])
    sol = exact(net, data, 50.0, train_b0=False, **TIGHT)
    assert [entry[1:] for entry in events_of(sol)] == [("crossing", 0, 1)]
    assert abs(float(sol.net.b[0])) < 1e-10
    assert float(sol.grad_norm) == 0


def test_v_may_vanish_on_a_slide():
    """Negative charge: both inequalities fail at once, both sides are solutions; z < 0 by convention, and counted."""
    # Pinned at 0 with S < 0 < S + e, so v < 0; P' = v Q and v' = P Q with Q > 0 raise v through 0.
    net, data = ReLUNet([1e-3], [0.0], [-0.5e-3], 0.0), frozen([0.0, 0.5, 1.0], [3.0, -6.0, 4.0])
    S, Q = -2.0, -6.0 * 0.5 + 4.0
    assert S < 0 < S + 3.0
    time = np.arctanh(0.5) / Q
    sol = exact(net, data, 1.5 * time, train_b0=False, **TIGHT)
    log = events_of(sol)
    assert [entry[1:] for entry in log[:2]] == [("slide", 0, 0), ("release", 0, 0)]
    np.testing.assert_allclose(log[1][0], time, rtol=1e-6)
    assert int(sol.stats["num_nonunique"]) == 1
    assert float(sol.net.b[0]) < 0


def test_parking_at_the_origin_and_leaving():
    """Positive charge: (w, b) reaches 0 on a slide, waits while no direction pays, and leaves in the steepest."""
    # Pinned at 0, v > 0: S = e_1 > 0 > S + e_0, Q = e_1 < 0 is not possible with x_1 > 0, so the data lie to the left.
    net, data = ReLUNet([-1e-3], [0.0], [2e-3], 0.0), frozen([-1.0, -0.5, 0.0], [-2.0, 2.5, -1.0])
    S, Q = 0.5, 2.0 - 1.25
    assert S > 0 > S - 1.0
    time = np.arctanh(0.5) / Q  # w' = v Q from w = -1e-3, v = 2e-3
    sol = exact(net, data, 3 * time, train_b0=False, **TIGHT)
    log = events_of(sol)
    assert [entry[1] for entry in log[:2]] == ["slide", "parking"]
    np.testing.assert_allclose(log[1][0], time, rtol=1e-6)
    # v g(th) > 0 somewhere (towards x = -0.5 alone it cannot face, but towards -1 and -0.5 it can): it leaves at once.
    departures = [entry for entry in log if entry[1] == "departure"]
    gain = max(g_over_directions(np.asarray(data.x), np.asarray(data.weight * data.y)))
    assert bool(departures) == (gain > 1e-12)
    c = 2e-3**2 - 1e-3**2
    after = sol.net
    np.testing.assert_allclose(after.v[0] ** 2 - after.w[0] ** 2 - after.b[0] ** 2, c, rtol=1e-10)
    assert (float(jnp.hypot(after.w[0], after.b[0])) > 1e-6) == bool(departures)


def test_a_parked_neuron_leaves_in_time():
    """When a way out opens in the middle of a step, the net is as accurate as elsewhere."""
    x = jnp.asarray([-1.4985, -0.5620, -0.0937, 0.8429, 1.3112])
    data = Dataset(x, jnp.asarray([-0.2114, 1.2989, -1.7217, 0.5437, 0.0906]), jnp.full(5, 0.4))
    net = jspline.rescale(jspline.init.he(6).sample(6, key=jax.random.fold_in(jax.random.key(6), 0)), 0.5)
    tight, loose = (exact(net, data, 2.0, rtol=rtol, atol=1e-3 * rtol) for rtol in (1e-9, 1e-5))
    log, again = ([entry for entry in events_of(sol) if entry[1] == "departure"] for sol in (tight, loose))
    assert len(log) == len(again) == 1
    assert log[0][2] == again[0][2]
    assert relative(loose.net, tight.net) < 1e-4
    assert float(jnp.hypot(tight.net.w[5], tight.net.b[5])) > 0.1


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("start", [1.0, 0.01, 1e-6])
def test_the_first_root_of_a_cubic(dtype, start):
    """To rounding, also close to a double root, and the first one: on a hundred thousand."""
    c = np.random.default_rng(0).normal(size=(4, 100_000)).astype(dtype)
    c[0] = start * np.abs(c[0])
    root = np.asarray(jax.jit(first_root)(*c))
    exact = c.astype(np.longdouble)

    def value(theta):
        return exact[0] + theta * (exact[1] + theta * (exact[2] + theta * exact[3]))

    noise = 16 * np.finfo(dtype).eps * np.abs(exact).sum(0)
    found = np.isfinite(root)
    # Of those found: it is a root. Of all: before it, or anywhere, there is no negative value.
    assert np.all(np.abs(value(np.where(found, root, 0)))[found] <= noise[found])
    until = np.where(found, root, 1)
    lowest = np.min([value(s * until) for s in np.linspace(0, 1, 101, dtype=np.longdouble)], axis=0)
    assert np.all(lowest >= -noise)
    # Where it is steep its place is known as well: just beyond it the sign has changed.
    beyond = np.minimum(until + 1e-4, 1)
    slope = np.abs(exact[1] + until * (2 * exact[2] + 3 * exact[3] * until))
    steep = found & (slope > 0.1) & (beyond > until)
    assert steep.mean() > 0.2
    assert np.all(value(beyond)[steep] < 0)


def test_a_parked_neuron_is_at_rest():
    """Whatever the answer of the step to other events did to it: (w, b) = 0, and v has all of the charge."""
    origin = ReLUNet([1.0, 0.6], [0.0, 0.3], [2.0, -0.7], 0.0)
    term = cell(origin, Points(frozen([-1.0, -0.5, 0.0], [-2.0, 2.5, -1.0])), jnp.asarray(False))
    term = in_cell(term, term.active, term.pin.at[0].set(PARKED))
    net, _ = settled(
        ReLUNet([1e-3, 0.6], [-1e-3, 0.3], [1.5, -0.7], 0.0),
        term,
        Origin.of(origin, term.points, jnp.zeros(())),
        term.alive,
    )
    np.testing.assert_allclose([net.w[0], net.b[0], net.v[0]], [0.0, 0.0, 3**0.5], rtol=1e-14)
    np.testing.assert_allclose([net.w[1], net.b[1], net.v[1]], [0.6, 0.3, -0.7], rtol=1e-14)


def g_over_directions(x, e):
    """sum_n e_n relu(x_n cos th + sin th) on a fine grid of directions."""
    th = np.linspace(0, 2 * np.pi, 20_001)
    return (np.maximum(x[:, None] * np.cos(th) + np.sin(th), 0) * e[:, None]).sum(0)


@pytest.mark.parametrize("seed", range(20))
def test_the_way_out_of_the_origin_is_the_steepest(seed):
    """Against a grid of directions."""
    rng = np.random.default_rng(seed)
    x, e = np.sort(rng.normal(size=5)), rng.normal(size=5) - (0.8 if seed % 2 else 0)
    data = Dataset(x, e)
    way = departure(Points(data), jnp.asarray(e), jnp.asarray(1.0))
    gain = g_over_directions(x, e)
    assert bool(way.rate > 0) == (gain.max() > 1e-6)
    if not way.rate > 0:
        return
    seen = (np.arange(5) >= int(way.rank)) == bool(way.right)
    q = np.array([(e * x)[seen].sum(), e[seen].sum()])
    if int(way.pin) != FREE:
        u = np.array([1.0, -x[int(way.pin)]]) / np.hypot(1.0, x[int(way.pin)])
        value = abs(q @ u)
    else:
        value = np.hypot(*q)
    np.testing.assert_allclose(value, gain.max(), rtol=1e-3)


# Against independent integration.


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
def test_forward_euler_converges_to_it(seed):
    """Brute force: dense gradients, relu'(0) = 0, no notion of an event, dt to 0 with first order."""
    net, data = theory_set_up(seed, 1.0, 6, 20)
    x, y = data.x, data.y

    def rate(net):
        on = (x[:, None] * net.w[None] + net.b[None] > 0).astype(x.dtype)
        hidden = on * (x[:, None] * net.w[None] + net.b[None])
        e = y - net.b0 - hidden @ net.v
        return ReLUNet(net.v * ((e * x) @ on), net.v * (e @ on), e @ hidden, jnp.sum(e))

    @jax.jit
    def euler(dt, steps):
        step = lambda _, net: jax.tree.map(lambda a, b: a + dt * b, net, rate(net))  # noqa: E731
        return jax.lax.fori_loop(0, steps, step, net)

    sol = exact(net, data, 20.0, **TIGHT)
    assert int(sol.stats["num_crossings"]) + int(sol.stats["num_slides"]) >= 5
    at = jnp.linspace(-2.5, 2.5, 101)
    coarse, fine = (jnp.max(jnp.abs(euler(20.0 / n, n)(at) - sol.net(at))) for n in (200_000, 800_000))
    assert float(fine) < 2e-4
    assert float(fine) < 0.5 * float(coarse)


@eqx.filter_jit
def fits(scale, rtol, seeds):
    """The fits at t = 100 on [-2.5, 2.5], and whether all got there."""

    def fit(seed):
        net, data = theory_set_up(seed, scale, 10, 20)
        sol = flow(net, data, 100.0, rtol=rtol, atol=1e-3 * rtol)
        return sol.net(jnp.linspace(-2.5, 2.5, 101)), sol.result == RESULTS.end_time

    return jax.vmap(fit)(seeds)


@pytest.mark.slow
@pytest.mark.parametrize("scale", [0.1, 1.0, 10.0])
def test_its_error_follows_the_tolerance(scale):
    """Against a tight run: the median within 20 rtol, all within 200 (no branching here)."""
    seeds = jnp.arange(6)
    reference, ended = fits(jnp.asarray(scale), jnp.asarray(1e-10), seeds)
    assert jnp.all(ended)
    for rtol in (1e-4, 1e-6, 1e-8):
        fit, ended = fits(jnp.asarray(scale), jnp.asarray(rtol), seeds)
        error = jnp.max(jnp.abs(fit - reference), axis=1) / rtol
        assert jnp.all(ended)
        assert float(jnp.median(error)) <= 20
        assert float(jnp.max(error)) <= 200


def test_it_agrees_with_the_general_solver(key):
    net, data = theory_set_up(0, 1.0, 6, 20)
    ours = exact(net, data, 5.0, rtol=1e-6, atol=1e-9)
    theirs = flow(net, data, 5.0, rtol=1e-6, atol=1e-9, method="diffrax", max_steps=100_000)
    assert int(ours.stats["num_slides"]) >= 1
    assert theirs.result == RESULTS.end_time
    assert relative(ours.net, theirs.net) < 1e-3
    assert int(ours.stats["num_steps"]) < int(theirs.stats["num_steps"]) / 5


# Published runs.

THREE = Dataset([-0.75, -0.5, 0.125], [1.1, 0.1, 0.8])


@pytest.mark.parametrize("width", [60, pytest.param(20_000, marks=pytest.mark.full)])
def test_three_points_stall_on_the_least_squares_line(width):
    """Boursier and Flammarion's early alignment, without output bias: the mean squared error is that of the line.

    From 71 crossings to 19,000, and no more steps for them.
    """
    line = np.polyfit(THREE.x, THREE.y, 1)
    expected = np.mean((np.polyval(line, THREE.x) - np.asarray(THREE.y)) ** 2)
    np.testing.assert_allclose(expected, 0.175042735, rtol=1e-8)
    net = balanced_net(0, 1e-3 / width**0.5, width)
    sol = exact(net, THREE, 1e4, rtol=1e-4, atol=1e-9, train_b0=False, width=width, size=3)
    assert sol.result == RESULTS.end_time
    assert int(sol.stats["num_crossings"]) > 0.8 * width
    assert int(sol.stats["num_steps"]) <= 120
    np.testing.assert_allclose(2 * sol.loss / 3, 0.17504274, rtol=1e-6)


@pytest.mark.parametrize("scale", [1.0, 3.0])
def test_three_points_are_interpolated_from_scale_one_on(scale):
    """Also no endless pinning and releasing as the residual vanishes (width 200, scale 3)."""
    net = balanced_net(0, scale / 200**0.5, 200)
    sol = exact(
        net, THREE, 1e4, rtol=1e-4, atol=1e-9, train_b0=False, loss_tol=1e-14, max_steps=1000, width=200, size=3
    )
    assert sol.result == RESULTS.interpolated
    assert int(sol.stats["num_steps"]) < 300


def test_the_residual_may_vanish_altogether():
    """On to the end time, long after L is at rounding: no chatter."""
    net = balanced_net(0, 3.0, 200)
    sol = exact(net, THREE, 1e4, rtol=1e-5, atol=1e-9, train_b0=False, max_steps=1000, width=200, size=3)
    assert sol.result == RESULTS.end_time
    assert float(sol.loss) < 1e-24
    assert int(sol.stats["num_steps"]) < 300


def test_two_orthogonal_points_go_from_saddle_to_saddle():
    """Boursier, Pillaud-Vivien and Flammarion: a plateau at L = 1/2, then one breakpoint for each sign of v."""
    data = Dataset([-0.5, 2.0], [-1.0, 1.0])
    times = jnp.geomspace(1.0, 1e4, 40)
    sol = flow(
        balanced_net(0, 1e-6, 60), Problem(data, train_b0=False), 1e4, rtol=1e-5, atol=1e-12, ts=times, loss_tol=1e-14
    )
    assert sol.result == RESULTS.interpolated
    losses = jax.vmap(lambda net: jspline.loss(net, data))(sol.nets)
    assert jnp.any(jnp.abs(losses - 0.5) < 1e-2)
    spline = sol.net.to_spline()
    grown = jnp.abs(spline.mu) > 1e-4
    for sign, place in ((1, 2.0), (-1, -0.5)):
        there = spline.beta[grown & (sol.net.v * sign > 0)]
        # Facing away from each other: each breakpoint sits on the other datum.
        assert there.size
        assert float(jnp.ptp(there)) < 1e-3
        assert min(abs(float(there[0]) - 2.0), abs(float(there[0]) + 0.5)) < 1e-3, place


# What the method promises.


def test_charges_stay_and_counts_match_the_log():
    net, data = theory_set_up(1, 1.0, 10, 20)
    sol = exact(net, data, 100.0, rtol=1e-5, atol=1e-8)
    size = net.w**2 + net.b**2 + net.v**2
    assert float(jnp.max(jnp.abs(jspline.charge(sol.net) - jspline.charge(net)) / size)) <= 1e-13
    assert 0 < float(sol.stats["charge_drift"]) < 1e-2
    log = events_of(sol)
    assert all(earlier[0] <= later[0] for earlier, later in itertools.pairwise(log))
    count = {kind: sum(entry[1] == kind for entry in log) for kind in KINDS}
    for kind, name in (("crossing", "crossings"), ("slide", "slides"), ("release", "releases"), ("flip", "flips")):
        assert count[kind] == int(sol.stats[f"num_{name}"])
    assert int(sol.stats["num_steps"]) == int(sol.stats["num_accepted"]) + int(sol.stats["num_rejected"])
    # Replaying the log from the first ranks gives the last ones: neuron by neuron, a slide alternates with a release.
    for neuron in range(net.width):
        kinds = [entry[1] for entry in log if entry[2] == neuron and entry[1] in ("slide", "release")]
        assert kinds[1::2] == ["release"] * len(kinds[1::2])
        assert kinds[::2] == ["slide"] * len(kinds[::2])

    short = flow(net, data, 100.0, rtol=1e-5, atol=1e-8, method=Exact(events=5))
    assert bool(short.events.overflow)
    assert int(short.events.total) == len(log)
    np.testing.assert_allclose(short.events.time, sol.events.time[:5])


def test_output_times_do_not_change_the_steps():
    net, data = theory_set_up(0, 1.0, 10, 20)
    plain = exact(net, data, 50.0, rtol=1e-6, atol=1e-9)
    times = jnp.asarray([0.0, 0.001, 1.0, 7.3, 7.300001, 50.0])
    saved = flow(net, data, 50.0, rtol=1e-6, atol=1e-9, ts=times)
    assert int(plain.stats["num_steps"]) == int(saved.stats["num_steps"])
    assert relative(saved.net, plain.net) < 1e-10
    assert relative(jax.tree.map(lambda leaf: leaf[0], saved.nets), net) == 0
    assert relative(jax.tree.map(lambda leaf: leaf[-1], saved.nets), saved.net) < 1e-12
    there = exact(net, data, 7.3, rtol=1e-6, atol=1e-9).net
    assert relative(jax.tree.map(lambda leaf: leaf[3], saved.nets), there) < 2e-4


def test_the_running_flow_is_a_value():
    """Stopped, taken apart into numpy arrays, put together and gone on with: the same numbers; also in a batch."""
    net, data = theory_set_up(0, 1.0, 10, 20)
    options = {"rtol": 1e-6, "atol": 1e-9}
    whole = exact(net, data, 50.0, **options)
    state = start(net, data, 50.0, **options)
    assert not state.done
    assert finish(state).result == RESULTS.out_of_steps
    state = advance(state, 7)
    assert int(state.stats["num_steps"]) == 7
    leaves, structure = jax.tree.flatten(state)
    state = jax.tree.unflatten(structure, [jnp.asarray(np.asarray(leaf)) for leaf in leaves])
    while not state.done:
        state = advance(state, 50)
    again = finish(advance(state, 50))
    assert relative(again.net, whole.net) < 1e-10
    assert int(again.stats["num_steps"]) == int(whole.stats["num_steps"])

    nets = jax.vmap(lambda seed: theory_set_up(seed, 1.0, 10, 20)[0])(jnp.arange(3))
    states = jax.vmap(lambda net: start(net, data, 50.0, **options))(nets)
    while not jnp.all(states.done):
        states = jax.vmap(lambda state: advance(state, 40))(states)
    batch = jax.vmap(finish)(states)
    assert relative(jax.tree.map(lambda leaf: leaf[0], batch.net), whole.net) < 1e-7
    assert set(result_names(batch.result)) == {"end_time"}
    assert "3 x end_time" in repr(batch)
    assert "end_time" in repr(whole)


def test_the_parameter_side_and_the_data_side_agree():
    """Many data, few neurons; the same data thinned by weights of 0 in a wide shape."""
    k = jax.random.split(jax.random.key(2), 2)
    x = jnp.linspace(-1, 1, 40)
    data = Dataset(x, jnp.sin(3 * x), jnp.full(40, 1 / 20))
    w, b, v = jax.random.normal(k[0], (3, 4))
    few = flow(ReLUNet(w, b, v, 0.0), data, 20.0, rtol=1e-8, atol=1e-11)
    # Dead neurons change nothing but the shape: 3 * 20 + 1 parameters are more than the data.
    pad = lambda a, value: jnp.concatenate([a, jnp.full(16, value)])  # noqa: E731
    many = flow(ReLUNet(pad(w, 0.0), pad(b, -1.0), pad(v, 0.5), 0.0), data, 20.0, rtol=1e-8, atol=1e-11)
    assert few.result == RESULTS.end_time
    np.testing.assert_allclose(few.net.w, many.net.w[:4], atol=1e-6)
    np.testing.assert_allclose(many.net.b[4:], -1)


def test_every_end_has_its_code():
    net, data = theory_set_up(0, 30.0, 3, 20)
    options = {"rtol": 1e-5, "atol": 1e-8}
    assert exact(net, data, 0.0, **options).result == RESULTS.end_time
    assert exact(net, data, loss_tol=1e-10, **options).result == RESULTS.interpolated
    sol = exact(net, data, grad_tol=1e-7, **options)
    assert sol.result == RESULTS.stationary
    assert float(sol.grad_norm) <= 1e-7 * float(jnp.sqrt(sum(jnp.sum(leaf**2) for leaf in jax.tree.leaves(sol.net))))
    net, data = theory_set_up(0, 1.0, 6, 20)
    sol = exact(net, data, until="first_event", **options)
    assert sol.result == RESULTS.first_event
    first = exact(net, data, 100.0, **options)
    hits = [entry for entry in events_of(first) if entry[1] in ("crossing", "slide")]
    assert hits
    np.testing.assert_allclose(float(sol.t), hits[0][0])
    assert exact(net, data, 100.0, max_steps=5, **options).result == RESULTS.out_of_steps
    bad = eqx.tree_at(lambda n: n.w, net, net.w.at[3].set(jnp.nan))
    assert eqx.filter_jit(flow)(bad, data, 1.0, **options).result == RESULTS.not_finite


def test_nothing_to_do_ends_at_once():
    """Dead nets, neurons of nothing, weights of nothing: an end, never a hang."""
    data = Dataset([-1.0, 0.0, 1.0], [1.0, -1.0, 2.0])
    options = {"rtol": 1e-5, "atol": 1e-8, "train_b0": False}
    dead = ReLUNet([1.0, 0.0, 0.0], [-5.0, -1.0, 0.0], [1.0, 2.0, 0.0], 0.0)
    for net in (dead, ReLUNet([0.0, 0.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0], 0.0)):
        sol = exact(net, data, 10.0, **options)
        assert sol.result == RESULTS.end_time
        assert relative(sol.net, net) == 0
        assert exact(net, data, loss_tol=1e-3, **options).result == RESULTS.stationary
    weightless = Dataset(data.x, data.y, [0.0, 0.0, 0.0])
    net = ReLUNet([1.0, -1.0, 0.3], [0.5, 0.5, 0.5], [1.0, 1.0, 1.0], 0.0)
    sol = exact(net, weightless, 10.0, **options)
    assert sol.result == RESULTS.end_time
    assert relative(sol.net, net) == 0


def test_one_neuron_and_one_datum_are_enough():
    sol = exact(ReLUNet([0.7], [0.2], [0.1], 0.0), Dataset([0.5], [-1.0]), 1e3, rtol=1e-6, atol=1e-9)
    assert sol.result == RESULTS.end_time
    assert float(sol.loss) < 1e-12


def test_breakpoints_on_data_from_the_start():
    """Each is decided: sliding, seeing, or (also for repellers, which are counted) not seeing its datum."""
    data = Dataset([-1.0, -0.5, 0.25, 1.0], [0.3, -1.0, 0.8, -0.2])
    beta = jnp.tile(data.x, 4)
    w = jnp.repeat(jnp.asarray([1.0, -1.0, 0.5, -2.0]), 4)
    v = jnp.where(jnp.arange(16) % 3 == 0, 0.0, jnp.where(jnp.arange(16) % 2 == 0, 0.4, -0.4))
    sol = exact(ReLUNet(w, -w * beta, v, 0.0), data, 20.0, rtol=1e-7, atol=1e-10)
    assert sol.result == RESULTS.end_time
    assert int(sol.stats["num_steps"]) < 500
    starts = [entry for entry in events_of(sol) if entry[0] == 0]
    assert any(entry[1] == "slide" for entry in starts)
    # Moved a little off the data, to the side the decision took, the flow is the same.
    nudged = exact(ReLUNet(w, -w * beta - 1e-9, v, 0.0), data, 1.0, rtol=1e-7, atol=1e-10)
    there = exact(ReLUNet(w, -w * beta, v, 0.0), data, 1.0, rtol=1e-7, atol=1e-10)
    at = jnp.linspace(-1, 1, 50)
    assert float(jnp.max(jnp.abs(nudged.net(at) - there.net(at)))) < 1e-6


def test_zero_biases_put_all_breakpoints_on_one_place():
    """All breakpoints at 0, with and without a datum there."""
    k = jax.random.split(jax.random.key(5), 2)
    w, v = jax.random.normal(k[0], (20,)), 0.3 * jax.random.normal(k[1], (20,))
    net = ReLUNet(w, jnp.zeros(20), v, 0.0)
    for x in ([-1.0, -0.4, 0.0, 0.3, 0.6, 1.0], [-1.0, -0.4, 0.1, 0.3, 0.6, 1.0]):
        data = Dataset(x, jnp.cos(3 * jnp.asarray(x)))
        sol = exact(net, data, 20.0, rtol=1e-6, atol=1e-9)
        assert sol.result == RESULTS.end_time
        assert int(sol.stats["num_steps"]) < 400


def test_ties_and_zero_weights_are_those_of_the_merged_data():
    x, y = jnp.asarray([-1.0, -1.0, 0.2, 0.2, 0.7, 0.9]), jnp.asarray([0.5, 1.5, -1.0, 3.0, 9.0, 0.4])
    data = Dataset(x, y, [1.0, 2.0, 0.5, 0.5, 0.0, 1.0])
    net, _ = theory_set_up(4, 1.0, 6, 20)
    tied = exact(net, data, 50.0, rtol=1e-8, atol=1e-11)
    merged = exact(net, data.merged(), 50.0, rtol=1e-8, atol=1e-11)
    assert int(tied.stats["num_crossings"]) == int(merged.stats["num_crossings"]) > 0
    assert relative(tied.net, merged.net) < 1e-8
    np.testing.assert_allclose(tied.loss, merged.loss, rtol=1e-10)
    done = exact(net, data, loss_tol=1e-8, rtol=1e-6, atol=1e-9)
    assert done.result == RESULTS.interpolated
    np.testing.assert_allclose(done.loss, data.tie_constant(), rtol=1e-6)


def test_float32_holds_the_tolerance_it_can():
    at = jnp.linspace(-2.5, 2.5, 51)
    wide = exact(*theory_set_up(0, 1.0, 6, 20), 20.0, rtol=1e-8, atol=1e-11).net(at)
    net, data = jax.tree.map(lambda leaf: leaf.astype("float32"), theory_set_up(0, 1.0, 6, 20))
    narrow = exact(net, data, 20.0, rtol=1e-3, atol=1e-6)
    assert narrow.net.w.dtype == narrow.t.dtype == "float32"
    assert narrow.result == RESULTS.end_time
    assert int(narrow.stats["num_steps"]) < 300
    assert float(jnp.max(jnp.abs(narrow.net(at.astype("float32")).astype("float64") - wide))) < 2e-2


def test_symmetries():
    """Permuting neurons permutes the flow; mirroring the line mirrors it."""
    net, data = theory_set_up(0, 1.0, 6, 20)
    options = {"rtol": 1e-7, "atol": 1e-10}
    sol = exact(net, data, 20.0, **options)
    order = jax.random.permutation(jax.random.key(1), 20)
    shuffled = exact(ReLUNet(net.w[order], net.b[order], net.v[order], net.b0), data, 20.0, **options)
    np.testing.assert_allclose(shuffled.net.w, sol.net.w[order], atol=1e-6)
    mirrored = exact(ReLUNet(-net.w, net.b, net.v, net.b0), Dataset(-data.x, data.y), 20.0, **options)
    np.testing.assert_allclose(mirrored.net.w, -sol.net.w, atol=1e-6)
    assert int(mirrored.stats["num_crossings"]) == int(sol.stats["num_crossings"])
