import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import random_net
from scipy.linalg import expm

from jspline import Dataset, ReLUNet, Spline, datasets, init, kernel


def hat_spline(x, y):
    """The linear interpolant as a spline, with the first slope carried by a neuron left of all data."""
    slopes = np.diff(y) / np.diff(x)
    mu = np.concatenate([[slopes[0]], np.diff(slopes)])
    return Spline(np.concatenate([[x[0]], x[1:-1]]), mu, np.ones(len(mu)), y[0])


def test_natural_cubic_spline():
    data = Dataset([0.0, 1.0, 1.0, 2.5, 4.0], [0.0, 1.0, 3.0, -1.0, 0.5])
    spline = kernel.natural_cubic(data)
    np.testing.assert_allclose(spline(np.array([0.0, 1.0, 2.5, 4.0])), [0, 2, -1, 0.5], atol=1e-14)
    np.testing.assert_allclose(spline(np.array([0.0, 4.0]), 2), 0, atol=1e-12)
    # It minimises the integral of f''^2 among interpolants: not-a-knot, scipy's default, does not.
    from scipy.interpolate import CubicSpline

    grid = np.linspace(0, 4, 4001)
    energy = np.trapezoid(spline(grid, 2) ** 2, grid)
    other = CubicSpline([0.0, 1.0, 2.5, 4.0], [0.0, 2.0, -1.0, 0.5])
    assert energy < 0.9 * np.trapezoid(other(grid, 2) ** 2, grid)


def test_regime_index_is_0_at_the_linear_interpolant_and_1_at_the_cubic(dtype):
    rng = np.random.default_rng(0)
    x, y = np.sort(rng.uniform(-1, 1, 8)), rng.normal(size=8)
    data = Dataset(np.asarray(x, dtype), np.asarray(y, dtype))
    tolerance = 10 * np.finfo(dtype).eps
    assert kernel.regime(jax.tree.map(lambda a: a.astype(dtype), hat_spline(x, y)), data) <= 100 * tolerance
    # A wide net that follows the natural cubic spline: piecewise linear on a fine grid.
    fine = np.linspace(x[0], x[-1], 3001)
    wide = hat_spline(fine, kernel.natural_cubic(data)(fine))
    index = kernel.regime(jax.tree.map(lambda a: a.astype(dtype), wide), data)
    assert index.dtype == dtype
    assert 1 - 1e-3 < index <= 1
    # Half way between the two.
    half = hat_spline(fine, (np.interp(fine, x, y) + kernel.natural_cubic(data)(fine)) / 2)
    np.testing.assert_allclose(kernel.regime(jax.tree.map(lambda a: a.astype(dtype), half), data), 0.5, atol=1e-3)


def test_regime_of_a_batch_in_any_chart(key):
    nets = jax.vmap(random_net)(jax.random.split(key, 3))
    data = datasets.load("mcycle")
    by_net = jax.jit(jax.vmap(lambda n: kernel.regime(n, data)))(nets)
    by_spline = jax.vmap(lambda n: kernel.regime(n.to_spline(), data))(nets)
    assert by_net.shape == (3,)
    np.testing.assert_allclose(by_net, by_spline, rtol=1e-9)
    one = jax.tree.map(lambda a: a[1], nets)
    np.testing.assert_allclose(by_net[1], kernel.regime(one.to_polar(), data), rtol=1e-9)


def test_regime_is_undefined_on_a_line(key):
    assert jnp.isnan(kernel.regime(random_net(key), Dataset([0.0, 1.0, 3.0], [1.0, 2.0, 4.0])))


@pytest.mark.parametrize("f", [kernel.natural_cubic, lambda d: kernel.regime(random_net(jax.random.key(0)), d)])
def test_bad_input_is_one_sentence(f):
    with pytest.raises(ValueError, match="At least two distinct x"):
        f(Dataset([1.0, 1.0], [1.0, 2.0]))
    with pytest.raises(ValueError, match=r"cannot run under jax\.jit"):
        jax.jit(f)(Dataset([1.0, 2.0], [1.0, 2.0]))


# The linear regime.


def problem(width=40, size=7, dtype="float64"):
    rng = np.random.default_rng(1)
    x = np.sort(rng.uniform(-1, 1, size))
    data = Dataset(x.astype(dtype), np.sin(4 * x).astype(dtype), rng.uniform(0.5, 2, size).astype(dtype))
    beta, w = rng.uniform(-1.5, 1.5, width), rng.uniform(0.5, 1.5, width) * np.where(np.arange(width) % 2, 1, -1)
    # A constant unit and a dead one among them.
    w[:2] = 0
    b = -w * beta
    b[:2] = 0.7, -0.4
    parts = [a.astype(dtype) for a in (w, b, rng.normal(size=width), np.asarray(0.3))]
    return ReLUNet(*parts), data


kernel_flow = jax.jit(kernel.flow, static_argnames="train_b0")


def features(net, data, train_b0):
    hidden = np.maximum(np.outer(data.x, net.w) + np.asarray(net.b)[None], 0)
    return np.column_stack([hidden, np.ones(data.size)]) if train_b0 else hidden


@pytest.mark.parametrize("train_b0", [True, False])
def test_linear_flow_is_a_matrix_exponential(train_b0):
    net, data = problem()
    phi, p = features(net, data, train_b0), np.asarray(data.weight)
    start = np.append(net.v, net.b0) if train_b0 else np.asarray(net.v)
    target = np.asarray(data.y) - (0 if train_b0 else float(net.b0))
    # theta' = Phi^T p (y - Phi theta), with a row for the constant.
    generator = np.zeros((len(start) + 1, len(start) + 1))
    generator[:-1, :-1], generator[:-1, -1] = -phi.T @ (p[:, None] * phi), phi.T @ (p * target)
    for t in (0.0, 0.1, 3.0, 30.0):
        reference = (expm(generator * t) @ np.append(start, 1))[:-1]
        found = kernel_flow(net, data, t, train_b0=train_b0)
        theta = np.append(found.v, found.b0) if train_b0 else found.v
        np.testing.assert_allclose(theta, reference, atol=1e-10)
        np.testing.assert_array_equal(found.w, net.w)
    # And at its end, the pseudo-inverse: the interpolant of least norm from the start.
    reference = start + np.linalg.pinv(phi) @ (target - phi @ start)
    found = kernel_flow(net, data, jnp.inf, train_b0=train_b0)
    theta = np.append(found.v, found.b0) if train_b0 else found.v
    np.testing.assert_allclose(theta, reference, atol=1e-10)
    np.testing.assert_allclose(found(data.x), data.y, atol=1e-10)


def test_linear_flow_in_float32():
    wide, exact = (kernel.flow(*problem(dtype=d), 3.0) for d in ("float32", "float64"))
    assert wide.v.dtype == "float32"
    np.testing.assert_allclose(wide.v, exact.v, atol=1e-3)


def test_min_norm_of_a_spline_is_theorem_7():
    """Least |mu - mu0| in the l2 norm; with unequal |w| the net minimises another one."""
    net, data = problem()
    spline = Spline(np.linspace(-1.5, 1.5, 40), np.asarray(net.v), np.where(np.arange(40) % 2, 1.0, -1.0), 0.3)
    s, beta = np.asarray(spline.s)[None], np.asarray(spline.beta)[None]
    ahead = np.asarray(data.x)[:, None] - beta
    phi = np.where(s * ahead > 0, ahead, 0)
    reference = spline.mu + np.linalg.pinv(phi) @ (np.asarray(data.y) - 0.3 - phi @ np.asarray(spline.mu))
    found = kernel.min_norm(spline, data, train_b0=False)
    np.testing.assert_allclose(found.mu, reference, atol=1e-10)
    np.testing.assert_array_equal(found.beta, spline.beta)


def test_too_few_features_give_least_squares():
    net, data = problem(width=5)
    phi, root = features(net, data, True), np.sqrt(np.asarray(data.weight))
    start = np.append(net.v, net.b0)
    change = np.linalg.pinv(root[:, None] * phi) @ (root * (np.asarray(data.y) - phi @ start))
    found = kernel.min_norm(net, data)
    np.testing.assert_allclose(np.append(found.v, found.b0), start + change, atol=1e-9)


def test_lazy_distance():
    start = ReLUNet([1.0, 2.0, 0.0, 1.0], [0.0, -2.0, 1.0, 9.0], [1.0] * 4)
    end = ReLUNet([1.0, 2.0, 0.0, 1.0], [0.5, -2.0, 1.0, 5.0], [2.0] * 4)
    distance = kernel.lazy_distance(start, end, -2, 2)
    np.testing.assert_allclose(distance.breakpoints, [0.5, 0, 0, 4])
    np.testing.assert_allclose(distance.turns[:3], [np.arctan(0.5), 0, 0])
    assert (distance.largest, distance.median) == (0.5, 0.25)  # the third has no breakpoint, so none that began there
    assert kernel.lazy_distance(start, end, 20, 30).largest == 0


def test_turns_of_the_smallest_and_largest_weights():
    """Bug: products of weights of 1e-200 are 0, and so was the angle."""
    for size in (1e-200, 1.0, 1e200):
        start, end = ReLUNet([size, size], [0.0, size], [1.0, 1.0]), ReLUNet([0.0, size], [size, 0.0], [1.0, 1.0])
        np.testing.assert_allclose(kernel.lazy_distance(start, end).turns, [np.pi / 2, np.pi / 4], rtol=1e-15)


# Infinitely many neurons.

DATA8 = Dataset(x := np.sort(np.random.default_rng(1).uniform(-1, 1, 8)), np.sin(4 * x))
GRID8 = np.linspace(x[0], x[-1], 501)
AWAY8 = np.min(np.abs(GRID8[1:-1, None] - x[None]), axis=1) > GRID8[1] - GRID8[0]


def both_curvatures(fit):
    """Second differences, exact for cubics, where they do not reach across a datum; and f''."""
    second = np.diff(fit(GRID8), 2) / (GRID8[1] - GRID8[0]) ** 2
    return second[AWAY8], fit.curvature(GRID8)[1:-1][AWAY8]


def test_gap_to_the_natural_spline_falls_as_one_over_the_range():
    natural, ranges = kernel.natural_cubic(DATA8)(GRID8), [1.0, 10.0, 30.0, 100.0, 300.0, 1000.0]
    fits = [kernel.weighted_spline(DATA8, init.UniformBreakpoints(-r, r), train_b0=False) for r in ranges]
    gaps = [np.max(np.abs(fit(GRID8) - natural)) for fit in fits]
    np.testing.assert_allclose([gaps[0], gaps[1], gaps[-1]], [1.1e-2, 8.9e-4, 8.6e-6], rtol=0.05)
    slope = np.polyfit(np.log(ranges[1:]), np.log(gaps[1:]), 1)[0]
    np.testing.assert_allclose(slope, -1, atol=0.05)
    for fit in fits:
        np.testing.assert_allclose(fit(DATA8.x), DATA8.y, atol=1e-11)


@pytest.mark.parametrize("t", [0.1, 10.0, np.inf])
def test_a_wide_net_tends_to_the_infinite_one(t):
    """Breakpoints evenly on [-2, 2], each with both orientations: error O(1/H), in f and in the delta-slopes."""
    law = init.UniformBreakpoints(-2.0, 2.0)
    infinite = kernel.weighted_spline(DATA8, law, t)
    gaps = []
    for width in (1000, 10_000):
        beta = np.tile(np.linspace(-2, 2, width // 2), 2)
        w = np.repeat([-1.0, 1.0], width // 2) / width**0.5
        net = kernel_flow(ReLUNet(w, -w * beta, 0 * w), DATA8, t)
        gaps.append(float(np.max(np.abs(net(GRID8) - infinite(GRID8)))))
    assert gaps[0] / gaps[1] > 8
    assert gaps[1] < 1e-4
    # The PDE: mu / w^2 is piecewise linear in beta, and this is its solution.
    for side in (-1, 1):
        here = np.sign(w) == side
        gained = np.asarray(net.w * net.v)[here] * width
        np.testing.assert_allclose(infinite.delta_slope(beta[here], side), gained, atol=3e-4 * np.max(np.abs(gained)))


def test_pde_is_piecewise_linear_and_its_fit_twice_differentiable():
    fit = kernel.weighted_spline(DATA8, init.UniformBreakpoints(-2.0, 2.0), 5.0)
    inside = np.linspace(DATA8.x[2], DATA8.x[3], 5)
    values = np.asarray(fit.delta_slope(inside, 1))
    np.testing.assert_allclose(np.diff(values, 2), 0, atol=1e-14)
    assert abs(fit.delta_slope(3.0, 1)) == 0
    np.testing.assert_allclose(*both_curvatures(fit), atol=1e-9)


@pytest.mark.parametrize("law", [init.Gaussian(1.0, 0.7, 1.0), init.Uniform(1.0, 0.7, 1.0)])
def test_weighted_spline_is_the_minimum_norm_function_of_its_features(law):
    """Against a net with one neuron per quantile of the breakpoint density and w^2 = E[w^2 | beta]."""
    count = 20_000
    place = (np.arange(count) + 0.5) / count
    if isinstance(law, init.Gaussian):
        beta = 0.7 * np.tan(np.pi * (place - 0.5))
        square = 2 * 0.49 / (0.49 + beta**2)
    else:
        beta = np.interp(place, law.cdf_beta(grid := np.linspace(-400, 400, 800_001)), grid)
        square = np.minimum(0.7 / np.abs(beta), 1) ** 2 / 2
    w = np.concatenate([np.sqrt(square), -np.sqrt(square)]) / (2 * count) ** 0.5
    net = kernel.min_norm(ReLUNet(w, -w * np.tile(beta, 2), 0 * w), DATA8, train_b0=False)
    fit = kernel.weighted_spline(DATA8, law, train_b0=False)
    np.testing.assert_allclose(fit(DATA8.x), DATA8.y, atol=1e-10)
    np.testing.assert_allclose(fit(GRID8), net(GRID8), atol=2e-3)
    # The curvature that the kernel's form implies is the one that nu and the PDE give.
    np.testing.assert_allclose(*both_curvatures(fit), rtol=2e-3, atol=5e-3)


def test_density_by_quadrature_is_the_closed_form():
    closed = kernel.weighted_spline(DATA8, init.UniformBreakpoints(-3.0, 5.0))
    given = kernel.weighted_spline(DATA8, lambda beta: jnp.ones_like(beta) / 8, moments=(1.0, 1.0, 19 / 3))
    np.testing.assert_allclose(given(GRID8), closed(GRID8), atol=1e-9)
    # Late is the end, with ties and weights.
    tied = Dataset([-1.0, 0.0, 0.0, 1.0], [1.0, 0.0, 2.0, 0.5], [1.0, 2.0, 2.0, 0.5])
    late, end = (kernel.weighted_spline(tied, init.UniformBreakpoints(-2.0, 2.0), t) for t in (1e5, np.inf))
    np.testing.assert_allclose(late(GRID8), end(GRID8), atol=1e-8)
    np.testing.assert_allclose(end(jnp.array([-1.0, 0.0, 1.0])), [1, 1, 0.5], atol=1e-10)


def test_bad_times_and_laws():
    net, data = problem()
    with pytest.raises(ValueError, match="`t` must be zero or positive; got -1"):
        kernel.flow(net, data, -1.0)
    with pytest.raises(ValueError, match="`law` must be Gaussian, Uniform, UniformBreakpoints, or a function"):
        kernel.weighted_spline(data, lambda beta: beta)
