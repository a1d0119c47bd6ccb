import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from helpers import random_net
from scipy.linalg import expm

import jspline
from jspline import Dataset, ReLUNet, Spline, datasets, init, kernel
from jspline.problem import Problem


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


kernel_flow = jax.jit(kernel.flow)


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
        found = kernel_flow(net, Problem(data, train_b0=train_b0), t)
        theta = np.append(found.v, found.b0) if train_b0 else found.v
        np.testing.assert_allclose(theta, reference, atol=1e-10)
        np.testing.assert_array_equal(found.w, net.w)
    # And at its end, the pseudo-inverse: the interpolant of least norm from the start.
    reference = start + np.linalg.pinv(phi) @ (target - phi @ start)
    found = kernel_flow(net, Problem(data, train_b0=train_b0), jnp.inf)
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
    found = kernel.min_norm(spline, Problem(data, train_b0=False))
    np.testing.assert_allclose(found.mu, reference, atol=1e-10)
    np.testing.assert_array_equal(found.beta, spline.beta)


def test_too_few_features_give_least_squares():
    net, data = problem(width=5)
    phi, root = features(net, data, True), np.sqrt(np.asarray(data.weight))
    start = np.append(net.v, net.b0)
    change = np.linalg.pinv(root[:, None] * phi) @ (root * (np.asarray(data.y) - phi @ start))
    found = kernel.min_norm(net, data)
    np.testing.assert_allclose(np.append(found.v, found.b0), start + change, atol=1e-9)


def test_min_norm_interpolates_close_data():
    """The impulses of close data are large and of opposite signs: a sum over them left 6e-7 here."""
    data = noisy(60)
    net = init.UniformBreakpoints(-1.5, 1.5).sample(20_000, key=jax.random.key(0))
    found = kernel.min_norm(net, data)
    np.testing.assert_allclose(jspline.predict(found, data), data.y, atol=1e-10)


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
    fits = [kernel.weighted_spline(Problem(DATA8, train_b0=False), init.UniformBreakpoints(-r, r)) for r in ranges]
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
    net = kernel.min_norm(ReLUNet(w, -w * np.tile(beta, 2), 0 * w), Problem(DATA8, train_b0=False))
    fit = kernel.weighted_spline(Problem(DATA8, train_b0=False), law)
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


def interpolant_by_kernel(x, y, at, parts, b0=0):
    """k(at, x) k(x, x)^-1 y with 60 digits; nu is a sum of squares of Cauchy's density, (centre, width, scale) each."""
    with mpmath.workdps(60):
        x, y, at, parts = (mpmath.matrix(np.asarray(a, float).tolist()) for a in (x, y, at, parts))

        def moments(t):
            """The three moments of nu to the left of t, and those to the right."""
            sums = [mpmath.mpf(0)] * 6
            for k in range(parts.rows):
                centre, width, scale = parts[k, 0], parts[k, 1], parts[k, 2]
                angle = mpmath.atan((t - centre) / width)
                sin, cos = mpmath.sin(angle), mpmath.cos(angle)
                m = [angle + sin * cos, (sin**2 - 1) * width, (angle - sin * cos) * width**2]
                for side, sign in ((0, 1), (3, -1)):
                    m0, m1, m2 = (
                        scale**2 / mpmath.pi * (sign * m[k] + each)
                        for k, each in enumerate((mpmath.pi / 2, 0, width**2 * mpmath.pi / 2))
                    )
                    sums[side] += m0
                    sums[side + 1] += m1 + centre * m0
                    sums[side + 2] += m2 + 2 * centre * m1 + centre**2 * m0
            return sums

        def kernel_of(a, of_a, b, of_b):
            left, right = (of_a[:3], of_b[3:]) if a < b else (of_b[:3], of_a[3:])
            s0, s1, s2 = (one + two for one, two in zip(left, right, strict=True))
            return (a * b * s0 - (a + b) * s1 + s2) / 2 + b0

        known, asked = [moments(t) for t in x], [moments(t) for t in at]
        gram = mpmath.matrix(len(x), len(x))
        for i in range(len(x)):
            for j in range(len(x)):
                gram[i, j] = kernel_of(x[i], known[i], x[j], known[j])
        weights = mpmath.cholesky_solve(gram, y)
        return np.array([
            float(sum(kernel_of(q, of_q, x[j], known[j]) * weights[j] for j in range(len(x))))
            for q, of_q in zip(at, asked, strict=True)
        ])  # fmt: skip


def noisy(size):
    rng = np.random.default_rng(0)
    x = np.sort(rng.uniform(-1, 1, size))
    return Dataset(x, np.sin(5 * x) + 0.1 * rng.normal(size=size))


@pytest.mark.parametrize("size", [40, pytest.param(200, marks=pytest.mark.full)])
@pytest.mark.parametrize("b0", [0, 1])
def test_weighted_spline_is_the_interpolant_of_its_kernel_in_60_digits(size, b0):
    data, at = noisy(size), np.linspace(-1.2, 1.2, 9)
    fit = kernel.weighted_spline(Problem(data, train_b0=bool(b0)), init.Gaussian(1.0, 1.0, 1.0))
    exact = interpolant_by_kernel(data.x, data.y, at, [(0, 1, 1)], b0)
    np.testing.assert_allclose(fit(at), exact, rtol=1e-11, atol=1e-12)
    if size > 40:
        return
    # And as the limit of finite times, once the slowest mode has come to its end.
    late = kernel.weighted_spline(Problem(data, train_b0=bool(b0)), init.Gaussian(1.0, 1.0, 1.0), 1e16)
    np.testing.assert_allclose(late(at), exact, rtol=1e-6)


def test_weighted_spline_interpolates_a_thousand_random_data_and_their_mirror_image():
    data, at = noisy(1000), np.linspace(-1.2, 1.2, 400)
    fit = kernel.weighted_spline(Problem(data, train_b0=False), init.Gaussian(1.0, 1.0, 1.0))
    assert np.max(np.abs(fit(data.x) - data.y)) <= 1e-10 * np.max(np.abs(data.y))
    assert fit.residual <= 1e-10
    assert fit.jump <= 1e-13
    mirrored = kernel.weighted_spline(Problem(Dataset(-data.x, data.y), train_b0=False), init.Gaussian(1.0, 1.0, 1.0))
    np.testing.assert_allclose(mirrored(-at), fit(at), rtol=1e-9, atol=1e-9)
    # Twice integrated, f'' is f: between two data apart from its chord, by a rule of Simpson on each interval.
    x, ends = np.asarray(data.x), np.asarray(fit.value)
    middle, h = (x[1:] + x[:-1]) / 2, np.diff(x)
    sag = np.asarray(fit.curvature(x[:-1])) + 10 * np.asarray(fit.curvature(middle)) + np.asarray(fit.curvature(x[1:]))
    chord = (ends[1:] + ends[:-1]) / 2
    np.testing.assert_allclose(fit(middle), chord - h**2 * sag / 96, atol=1e-4 * np.max(np.abs(h**2 * sag)))


@pytest.mark.full
def test_weighted_spline_interpolates_a_hundred_thousand_random_data():
    data = noisy(100_000)
    fit = kernel.weighted_spline(Problem(data, train_b0=False), init.Gaussian(1.0, 1.0, 1.0))
    assert np.max(np.abs(fit(data.x) - data.y)) <= 1e-10 * np.max(np.abs(data.y))
    assert fit.jump <= 1e-13
    np.testing.assert_allclose(kernel.natural_cubic(data)(data.x), data.y, rtol=1e-10, atol=1e-12)


WIDE_X, WIDE_Y = np.array([-50.0, -10, 5, 40, 80]), np.array([0.0, 1, 0, 1, 0])
WIDE_AT = np.array([-70.0, -30, 0, 20, 60, 90])


def squared_cauchy(width, centre=0.0, scale=1.0):
    return lambda beta: 2 * (scale * width) ** 2 * width / (np.pi * (width**2 + (beta - centre) ** 2) ** 2)


@pytest.mark.parametrize("width", [1.0, 0.01])
def test_data_much_wider_than_the_breakpoints_of_their_law(width):
    exact = interpolant_by_kernel(WIDE_X, WIDE_Y, WIDE_AT, [(0, width, 1)])
    if width == 1:
        np.testing.assert_allclose(exact[1:5], [0.493, 0.0706, 1.217, 0.515], atol=5e-4)
    law = init.Gaussian(1.0, width, 1.0)
    fit = kernel.weighted_spline(Problem(Dataset(WIDE_X, WIDE_Y), train_b0=False), law)
    np.testing.assert_allclose(fit(WIDE_AT), exact, atol=1e-9)
    moments = (1.0, 0.0, width**2)
    fit = kernel.weighted_spline(
        Problem(Dataset(WIDE_X, WIDE_Y), train_b0=False), squared_cauchy(width), moments=moments
    )
    np.testing.assert_allclose(fit(WIDE_AT), exact, atol=1e-9)


def test_a_density_of_two_scales_is_resolved():
    narrow, broad = squared_cauchy(1e-3, 3.0, 0.5), squared_cauchy(1.0)
    moments = (1.25, 0.75, 1 + 0.25 * (9 + 1e-6))
    fit = kernel.weighted_spline(
        Problem(Dataset(WIDE_X, WIDE_Y), train_b0=False), lambda beta: narrow(beta) + broad(beta), moments=moments
    )
    exact = interpolant_by_kernel(WIDE_X, WIDE_Y, WIDE_AT, [(3, 1e-3, 0.5), (0, 1, 1)])
    np.testing.assert_allclose(fit(WIDE_AT), exact, atol=1e-10)
    # One that no rule resolves is not guessed.
    rough = lambda beta: 1 + jnp.sin(1e9 * beta)  # noqa: E731
    assert np.isnan(kernel.weighted_spline(Dataset(WIDE_X, WIDE_Y), rough, moments=(1.0, 0.0, 1.0)).residual)
    with pytest.raises(ValueError, match="`moments` must be those of a density"):
        kernel.weighted_spline(Dataset(WIDE_X, WIDE_Y), rough, moments=(1.0, 2.0, 1.0))


def test_a_density_with_jumps_is_that_of_uniform_breakpoints():
    law, at = init.UniformBreakpoints(-0.5, 0.75), np.linspace(-2, 2, 9)
    jumps = lambda beta: jnp.where((beta > -0.5) & (beta < 0.75), 1 / 1.25, 0.0)  # noqa: E731
    fit = kernel.weighted_spline(DATA8, jumps, moments=(1.0, 0.125, (0.5**3 + 0.75**3) / 3 / 1.25))
    np.testing.assert_allclose(fit(at), kernel.weighted_spline(DATA8, law)(at), atol=1e-11)


@pytest.mark.parametrize("t", [np.inf, 1e14])
def test_data_that_no_breakpoint_reaches_get_their_line_of_least_squares(t):
    x, y, p = np.array([-0.2, 0.1, 1.0, 1.2, 1.5]), np.array([0.3, 0.1, 0.0, 1.0, 0.0]), np.array([1, 1, 2.0, 1, 0.5])
    fit = kernel.weighted_spline(Dataset(x, y, p), init.UniformBreakpoints(-0.5, 0.3), t)
    line = np.polyval(np.polyfit(x[2:], y[2:], 1, w=np.sqrt(p[2:])), x[2:])
    np.testing.assert_allclose(fit(x), np.append(y[:2], line), atol=1e-8)
    np.testing.assert_allclose(fit.residual, np.max(np.abs(y[2:] - line)), rtol=1e-8)
    # As a net of many neurons.
    beta = np.tile(-0.5 + 0.8 * (np.arange(400) + 0.5) / 400, 2)
    w = np.repeat([-1.0, 1.0], 400) / 800**0.5
    net = kernel.min_norm(ReLUNet(w, -w * beta, 0 * w), Dataset(x, y, p))
    at = np.linspace(-1, 2, 20)
    np.testing.assert_allclose(fit(at), net(at), atol=1e-4)


@pytest.mark.parametrize("t", [np.inf, 3.0])
def test_a_common_shift_of_data_and_law_changes_nothing(t):
    x, shift = np.round(2**12 * np.asarray(DATA8.x)) / 2**12, 1e8
    here = kernel.weighted_spline(Dataset(x, DATA8.y), init.UniformBreakpoints(-0.5, 0.75), t)
    there = kernel.weighted_spline(Dataset(x + shift, DATA8.y), init.UniformBreakpoints(shift - 0.5, shift + 0.75), t)
    at = np.array([-1.25, -0.1875, 0.3125, 2.0])
    np.testing.assert_allclose(there(at + shift), here(at), rtol=1e-12, atol=1e-12)
    parabola = lambda c: lambda beta: jax.nn.relu(1 - ((beta - c) / 2) ** 2)  # noqa: E731
    one, two = (
        kernel.weighted_spline(Dataset(x + c, DATA8.y), parabola(c), t, moments=(8 / 3, 0.0, 32 / 15), about=c)
        for c in (0.0, shift)
    )
    np.testing.assert_allclose(two(at + shift), one(at), atol=1e-7)  # nu itself is known to 1e-8 there


def test_traced_data_with_ties_and_weights_of_zero_are_merged_too():
    x, y, p = [-1.0, -1.0, 0.0, 0.2, 0.2, 1.0, 1.5], [1.0, 0.0, 2.0, 0.5, 1.5, 9.0, 0.0], [0, 1.0, 1, 2, 1, 0, 1]
    data, at = Dataset(x, y, p), np.linspace(-2, 2, 9)
    law = init.Gaussian(1.0, 1.0, 1.0)
    for t in (np.inf, 5.0):
        known = kernel.weighted_spline(data, law, t)
        traced = jax.jit(lambda data, t: kernel.weighted_spline(data, law, t))(data, t)
        np.testing.assert_allclose(traced(at), known(at), atol=1e-12)
        np.testing.assert_allclose(traced.residual, known.residual, atol=1e-12)
    one = kernel.weighted_spline(
        Problem(Dataset([0.5, 0.5], [1.0, 3.0]), train_b0=False), init.UniformBreakpoints(-1.0, 2.0)
    )
    beta = -1 + 3 * (np.arange(3000) + 0.5) / 3000
    both = lambda x: np.where((x - beta) * (0.5 - beta) > 0, (x - beta) * (0.5 - beta), 0).sum()  # noqa: E731
    np.testing.assert_allclose(one(at), [2 * both(x) / both(0.5) for x in at], rtol=1e-5, atol=1e-5)


# Derivatives of the linear regime.

NETS4 = {
    "plain": ((1.0, -0.7, 0.4, -1.2), (0.2, 0.1, 0.25, 0.7)),
    "equal neurons": ((1.0, 1.0, -0.7, -0.7), (0.2, 0.2, 0.1, 0.1)),
    "a dead and a constant one": ((1.0, 1.0, 0.0, 0.0), (0.2, -9.0, 0.7, -1.0)),
    "all dead": ((1.0, 0.0, -1.0, -1.0), (-9.0, -2.0, -9.0, -9.0)),
    "mirror images": ((1.0, -1.0, 1.0, -1.0), (0.53, 0.53, 0.2, 0.2)),
}
X6, EVEN6 = np.array([-0.9, -0.4, -0.1, 0.3, 0.5, 1.0]), np.array([-1.0, -0.6, -0.22, 0.22, 0.6, 1.0])
DATA6 = {"plain": (X6, np.ones(6)), "even": (EVEN6, np.ones(6)), "weights of 0": (X6, np.array([1.0, 0, 2, 0.5, 0, 1]))}


def flown(parts, t):
    w, b, v, b0, x, y, p = parts
    end = kernel.flow(ReLUNet(w, b, v, b0), Dataset(x, y, p), t)
    return jnp.append(end.v, end.b0)


flown_jvp = jax.jit(jax.vmap(lambda parts, t, dots: jax.jvp(flown, (parts, t), dots)[1], (None, None, 0)))
flown_vjp = jax.jit(lambda parts, t, c: jax.vjp(flown, parts, t)[1](c))
flown_at = jax.jit(flown)


@pytest.mark.parametrize(
    ("net", "data", "t"),
    [(net, "plain", 0.7) for net in NETS4]
    + [("plain", "weights of 0", 0.7), ("equal neurons", "weights of 0", 30.0), ("mirror images", "even", 30.0)]
    + [("plain", "plain", np.inf), ("mirror images", "even", np.inf)],
)
def test_derivatives_of_the_linear_flow(net, data, t):
    """Forward and reverse, against central differences; from weights of 0 one-sided ones."""
    rng, (w, b), (x, p) = np.random.default_rng(0), NETS4[net], DATA6[data]
    parts = tuple(jnp.asarray(a, float) for a in (w, b, (0.3, -0.6, 0.5, 0.8), 0.3, x, np.sin(4 * x), p))
    names = ["w", "b", "v", "b0", "x", "y", "weight"] + (["t"] if np.isfinite(t) else [])
    tangents = [[jnp.zeros_like(a) for a in parts] + [jnp.zeros(())] for _ in range(8)]
    for k in range(len(names)):
        tangents[k][k] = jnp.asarray(np.abs(rng.normal(size=tangents[k][k].shape)))
    stacked = [jnp.stack([each[k] for each in tangents]) for k in range(8)]
    found = flown_jvp(parts, jnp.asarray(t), (tuple(stacked[:7]), stacked[7]))
    cotangent = jnp.asarray(rng.normal(size=5))
    back, back_t = flown_vjp(parts, jnp.asarray(t), cotangent)
    for k, name in enumerate(names):
        dots, h = tangents[k], 1e-5

        def moved(step, dots=dots):
            return np.asarray(
                flown_at(tuple(a + step * d for a, d in zip(parts, dots, strict=False)), t + step * dots[7])
            )

        if name == "weight" and data == "weights of 0":
            reference = (4 * moved(h) - 3 * moved(0.0) - moved(2 * h)) / (2 * h)
        else:
            reference = (moved(h) - moved(-h)) / (2 * h)
        tolerance = 1e-6 * max(1, np.max(np.abs(reference)))
        np.testing.assert_allclose(found[k], reference, atol=tolerance, rtol=0, err_msg=name)
        pulled = sum(float(jnp.sum(a * d)) for a, d in zip((*back, back_t), dots, strict=True))
        np.testing.assert_allclose(pulled, cotangent @ found[k], rtol=1e-9, atol=1e-9, err_msg=name)


def test_derivative_of_one_neuron_that_sees_all_but_its_own_line():
    """A square root of 0 and two singular values of 0 are in this one."""
    data = Dataset([0.0, 1.0, 2.0], [0.0, 1.0, 0.0])
    f = lambda w: kernel.flow(ReLUNet(w, [0.5], [1.0], 0.1), data, 1.0)(0.3)  # noqa: E731
    value, tangent = jax.jvp(f, (jnp.ones(1),), (jnp.ones(1),))
    central = (f(jnp.ones(1) + 1e-5) - f(jnp.ones(1) - 1e-5)) / 2e-5
    np.testing.assert_allclose([value, tangent], [0.13566355, central], rtol=1e-7)
    np.testing.assert_allclose(jax.grad(f)(jnp.ones(1))[0], tangent, rtol=1e-12)
    spline = lambda mu: kernel.min_norm(Spline([0.5], mu, [1.0]), data).mu.sum()  # noqa: E731
    np.testing.assert_allclose(jax.grad(spline)(jnp.ones(1)), 0, atol=1e-12)


def test_bad_times_and_laws():
    net, data = problem()
    with pytest.raises(ValueError, match="`t` must be zero or positive; got -1"):
        kernel.flow(net, data, -1.0)
    with pytest.raises(ValueError, match="`law` must be Gaussian, Uniform, UniformBreakpoints, or a function"):
        kernel.weighted_spline(data, lambda beta: beta)
