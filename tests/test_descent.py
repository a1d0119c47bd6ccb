"""What the flow nears: gradient descent of small steps, and the linear regime at large scales. Deep nets."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from helpers import plain_loss
from jax.flatten_util import ravel_pytree
from scipy.integrate import solve_ivp

import jspline
from jspline import Dataset, ReLUNet, datasets, init, kernel
from jspline.descent import OUTCOMES, BatchNormNet, DeepNet, sharpness, train

DATA = datasets.sine(12, lo=-1.0, hi=1.0)
GRID = jnp.linspace(-1.2, 1.2, 201)


def start(seed=4, width=30):
    return init.UniformBreakpoints(-1.2, 1.2).sample(width, key=jax.random.key(seed))


def test_gradient_descent_nears_the_flow_at_rate_eta():
    """Across crossings and slides. The power is fitted over six halvings of eta."""
    end, errors, counts = 0.5, [], [200, 400, 800, 1600, 3200, 6400]

    @jax.jit
    def descend(net, eta, k):
        return jax.lax.fori_loop(0, k, lambda _, n: jax.tree.map(lambda a, g: a - eta * g, n, gradient(n)), net)

    gradient = lambda net: jspline.value_and_grad(net, DATA)[1]  # noqa: E731
    exact = jspline.flow(start(), DATA, end, rtol=1e-9, atol=1e-12)
    assert exact.stats["num_crossings"] > 20
    assert exact.stats["num_slides"] > 5
    assert exact.stats["num_nonunique"] == 0
    for k in counts:
        errors.append(float(jnp.max(jnp.abs(descend(start(), end / k, k)(GRID) - exact.net(GRID)))))
    power = -np.polyfit(np.log(counts), np.log(errors), 1)[0]
    np.testing.assert_allclose(power, 1, atol=0.15)
    # `train` takes the same steps.
    run = train(start(), DATA, optax.sgd(end / 400), 400, learning_rate=end / 400)
    np.testing.assert_allclose(jnp.max(jnp.abs(run.net(GRID) - exact.net(GRID))), errors[1], rtol=1e-6)
    assert OUTCOMES[run.outcome] == "All steps were done."
    np.testing.assert_allclose(run.losses[0], plain_loss(start(), DATA))
    np.testing.assert_allclose(run.loss, plain_loss(run.net, DATA))
    assert run.steps[-1] == 400
    assert run.limit == 1600


def without_events(net, data, end):
    """The field of the free flow, by scipy: for paths on which no breakpoint meets a datum."""
    x, y, p, width = *(np.asarray(a)[:, None] for a in (data.x, data.y, data.weight)), net.width
    active = x * np.asarray(net.w)[None] + np.asarray(net.b)[None] > 0

    def field(_, theta):
        w, b, v = theta[:-1].reshape(3, 1, width)
        z = np.where(active, x * w + b, 0)
        e = p * (y - theta[-1] - z @ v.T)
        E, X = np.sum(e * active, 0), np.sum(e * x * active, 0)
        return np.concatenate([v[0] * X, v[0] * E, np.sum(e * z, 0), np.sum(e, 0)])

    start = np.concatenate([net.w, net.b, net.v, [net.b0]])
    end = solve_ivp(field, (0, end), start, method="DOP853", rtol=1e-13, atol=1e-18).y[:, -1]
    return ReLUNet(*end[:-1].reshape(3, width), end[-1])


def test_the_exact_flow_nears_the_linear_one_as_the_scale_grows():
    """At fixed kernel time a^2 t the gap falls as a^-4 (from v = 0), and so do the breakpoints' moves.

    v is a^2 times smaller than the neuron that tolerances are relative to, so these fall as a^-2.
    """
    net, data = init.flat(start(), kind="zero"), Dataset(DATA.x, 10 * DATA.y)
    scales, gaps, oracle_gaps, moves = (30.0, 100.0, 300.0, 1000.0), [], [], []
    for a in scales:
        first, end = jspline.rescale(net, a), 3 / a**2
        exact = jspline.flow(first, data, end, rtol=1e-7 / a**2, atol=1e-30)
        assert exact.t == end
        assert exact.stats["num_crossings"] == exact.stats["num_slides"] == 0
        linear, reference = kernel.flow(first, data, end)(GRID), without_events(first, data, end)(GRID)
        gaps.append(float(jnp.max(jnp.abs(exact.net(GRID) - linear))))
        oracle_gaps.append(float(jnp.max(jnp.abs(reference - linear))))
        moves.append(float(kernel.lazy_distance(first, exact.net, -1, 1).largest))
    np.testing.assert_allclose(gaps, oracle_gaps, rtol=1e-3)
    for values in (gaps, oracle_gaps, moves):
        (power, _), covariance = np.polyfit(np.log(scales), np.log(values), 1, cov=True)
        assert abs(power + 4) < 1e-3  # seen: -3.9998, -3.9997 and -3.9997
        assert covariance[0, 0] ** 0.5 < 5e-4


def test_unstable_runs_carry_a_code():
    """In a batch over learning rates: none raises, and each says what it is."""
    etas = jnp.array([0.001, 0.01, 0.05, 0.2, 1.0])
    runs = jax.vmap(lambda eta: train(start(0), DATA, optax.sgd(eta), 300, learning_rate=eta, records=20))(etas)
    limits = 2 / np.asarray(etas)
    begin = float(sharpness(start(0), DATA))
    assert limits[1] > begin > limits[2]
    np.testing.assert_array_equal(runs.outcome == OUTCOMES.steps_done, [True, True, False, False, False])
    assert (runs.outcome == OUTCOMES.not_finite)[4]
    np.testing.assert_allclose(runs.sharpness[:, 0], begin, rtol=1e-6)


def test_sharpness_is_the_largest_eigenvalue():
    net = start(width=10)
    flat, restore = ravel_pytree(net)
    hessian = jax.hessian(lambda theta: plain_loss(restore(theta), DATA))(flat)
    np.testing.assert_allclose(sharpness(net, DATA), np.linalg.eigvalsh(hessian)[-1], rtol=1e-9)


def test_mini_batches_are_unbiased_and_reproducible():
    """The mean of one step over 4,000 draws against the full step: 5 standard errors."""
    net, eta = start(width=10), 1e-3
    keys = jax.random.split(jax.random.key(1), 4000)
    step = jax.jit(jax.vmap(lambda k: ravel_pytree(train(net, DATA, optax.sgd(eta), 1, batch_size=3, key=k).net)[0]))
    moved = np.asarray(step(keys)) - np.asarray(ravel_pytree(net)[0])[None]
    full = -eta * np.asarray(ravel_pytree(jax.grad(plain_loss)(net, DATA))[0])
    error = np.std(moved, axis=0) / len(keys) ** 0.5
    assert np.all(np.abs(np.mean(moved, axis=0) - full) <= 5 * error + 1e-15)
    np.testing.assert_array_equal(step(keys[:3]), step(keys[:3]))


def test_any_optimizer_and_dtype(dtype):
    net, data = (jax.tree.map(lambda a: a.astype(dtype), thing) for thing in (start(), DATA))
    run = train(net, data, optax.adam(1e-2), 200, batch_size=4, key=jax.random.key(2), records=10)
    assert run.losses.dtype == run.net.w.dtype == dtype
    assert run.loss < 0.2 * run.losses[0]
    assert run.losses.shape == (11,)
    assert np.all(np.isnan(run.sharpness))


@pytest.mark.parametrize("optimizer", ["lbfgs", "polyak_sgd"])
def test_optimizers_that_ask_for_value_and_function(optimizer, dtype):
    """Bug: TypeError. Three steps by hand, on the plain loss."""
    make = getattr(optax, optimizer)()
    net, data = (jax.tree.map(lambda a: a.astype(dtype), thing) for thing in (start(), DATA))
    run = train(net, data, make, 3, records=1)
    assert run.net.w.dtype == run.losses.dtype == dtype

    @jax.jit
    def step(net, memory):
        value, gradient = jax.value_and_grad(plain_loss)(net, DATA)
        with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
            asked = {"value": value, "grad": gradient, "value_fn": lambda n: plain_loss(n, DATA)}
            change, memory = optax.with_extra_args_support(make).update(gradient, memory, net, **asked)
        return optax.apply_updates(net, change), memory

    net = start()
    memory = make.init(net)
    for _ in range(3):
        net, memory = step(net, memory)
    np.testing.assert_allclose(run.loss, plain_loss(net, DATA), rtol=1e-9 if dtype == "float64" else 1e-2)
    assert run.loss < run.losses[0] / 2


@pytest.mark.full
def test_optimizers_that_ask_on_mini_batches():
    for make in (optax.lbfgs(), optax.contrib.sophia(1e-2), optax.contrib.momo(0.1)):
        for net in (start(), BatchNormNet.from_net(start(), DATA)):
            run = train(net, DATA, make, 30, batch_size=6, key=jax.random.key(3), records=1)
            assert run.loss < run.losses[0]


def test_batch_normalisation():
    net = start()
    normal = BatchNormNet.from_net(net, DATA)
    np.testing.assert_allclose(normal.on_batch(DATA.x), net(DATA.x), atol=1e-12)
    np.testing.assert_allclose(normal.to_net(DATA.x)(GRID), net(GRID), atol=1e-12)
    # A batch normalises itself, by the definition.
    x = DATA.x[:5]
    z = np.outer(x, net.w) + np.asarray(net.b)[None]
    z = (z - z.mean(0)) / np.sqrt(z.var(0) + 1e-5) * np.asarray(normal.gain) + np.asarray(normal.shift)
    np.testing.assert_allclose(normal.on_batch(x), np.maximum(z, 0) @ np.asarray(net.v) + net.b0, atol=1e-12)
    run = train(normal, DATA, optax.sgd(1e-2), 300, batch_size=6, key=jax.random.key(3))
    assert run.loss < run.losses[0]
    np.testing.assert_allclose(run.loss, plain_loss(run.net.to_net(DATA.x), DATA), rtol=1e-9)


@pytest.mark.parametrize("seed", range(6))
def test_deep_pieces_are_those_of_exact_evaluation(seed):
    """Slopes between neighbours of a fine grid change exactly at the propagated breakpoints; none is missed."""
    net = DeepNet.sample((8, 8, 8), key=jax.random.key(seed))
    spline = net.to_spline()
    x = np.linspace(-20, 20, 400_001)
    f = np.asarray(net(x))
    np.testing.assert_allclose(spline(x), f, atol=1e-11 * np.max(np.abs(f)))
    knots = np.unique(np.asarray(spline.beta))
    assert len(knots) > 8
    inside = knots[(knots > x[1]) & (knots < x[-2])]
    # A cell of the grid with a bend: its second differences at its ends are not 0.
    bends = np.abs(np.diff(f, 2)) > 1e-11 * np.max(np.abs(f))
    found = np.zeros(len(x) - 1, bool)
    found[:-1] |= bends
    found[1:] |= bends
    cell = np.searchsorted(x, inside) - 1
    assert np.all(found[cell])
    # And every bend of the grid has a breakpoint within its two cells.
    nearest = np.min(np.abs(x[1:-1][bends][:, None] - knots[None]), axis=1)
    assert np.all(nearest <= x[1] - x[0])


def test_deep_nets_from_shallow_ones():
    """The same function, spiky or not, shallow or deep; and it trains."""
    spiky = init.Spiky(init.he(20), height=5.0, count=3).sample(20, key=jax.random.key(0))
    deep = DeepNet.from_net(spiky, 3)
    np.testing.assert_allclose(deep(GRID), spiky(GRID), atol=1e-12)
    np.testing.assert_allclose(deep.to_spline()(GRID), spiky(GRID), atol=1e-11)
    np.testing.assert_allclose(jspline.slope_variation(deep.to_spline()), jspline.slope_variation(spiky), rtol=1e-9)
    run = train(DeepNet.sample((16, 16), key=jax.random.key(1)), DATA, optax.adam(1e-2), 300)
    assert run.loss < 0.1 * run.losses[0]
    line = DeepNet((jnp.ones((1, 1)), jnp.ones((1, 1))), (jnp.array([-50.0]), jnp.array([2.0])))
    np.testing.assert_allclose(line.to_spline()(GRID), 2.0)


def test_bad_input_is_one_sentence():
    with pytest.raises(ValueError, match="`steps` must be a whole number of at least 1; got 0"):
        train(start(), DATA, optax.sgd(0.1), 0)
    with pytest.raises(ValueError, match="`batch_size` must be a whole number of at least 1; got 0"):
        train(start(), DATA, optax.sgd(0.1), 1, batch_size=0)
    with pytest.raises(ValueError, match="Mini-batches are random: give `key`"):
        train(start(), DATA, optax.sgd(0.1), 1, batch_size=2)
    with pytest.raises(ValueError, match=r"cannot run under jax\.jit"):
        eqx.filter_jit(DeepNet.to_spline)(DeepNet.from_net(start()))
