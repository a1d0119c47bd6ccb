"""The landscape against the plain loss, autodiff, brute force and draws."""

import itertools
import math
from fractions import Fraction

import equinox as eqx
import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from helpers import plain_loss, random_data, random_net, relative
from hypothesis import given, settings
from hypothesis import strategies as st
from landscape_cases import H, N, cases, changed, made, sizes

import jspline
from jspline import Dataset, ReLUNet, landscape

TOLERANCE = {"float64": 1e-12, "float32": 1e-5}


def along(net, data, name, t):
    """The plain loss along each of the three slices of neuron 0."""
    w, mu = net.w[0], net.w[0] * net.v[0]
    match name:
        case "breakpoint":
            return plain_loss(changed(net, 0, w=jnp.sign(w), b=-jnp.sign(w) * t, v=jnp.sign(w) * mu), data)
        case "bias":
            return plain_loss(changed(net, 0, b=t), data)
        case "scale":
            return plain_loss(changed(net, 0, w=t, v=mu / t), data)


SLICES = {name: getattr(landscape, f"slice_{name}") for name in ("breakpoint", "bias", "scale")}


@eqx.filter_jit
def slices_and_losses(net, data, grid, beside):
    """Both on a grid, with the derivatives; and the derivatives at the knots, from the losses at six points beside."""
    plain = {name: jax.vmap(lambda t, name=name: along(net, data, name, t)) for name in SLICES}
    found = {name: function(net, data, 0) for name, function in SLICES.items()}
    positive = jnp.sign(net.w[0]) * (jnp.abs(grid) + 0.25)
    places = {"breakpoint": grid, "bias": grid, "scale": positive}
    values = {name: (found[name](places[name]), plain[name](places[name])) for name in SLICES}
    quadratic = found["breakpoint"]
    # A parabola is known from three values: its derivative at the knot is exact.
    near = quadratic.knots[:, None] + beside[None]
    l2, l1, at, r1, r2 = jnp.moveaxis(jax.vmap(plain["breakpoint"])(near), 1, 0)
    step = beside[3]
    left, right = (3 * at - 4 * l1 + l2) / (2 * step), (4 * r1 - 3 * at - r2) / (2 * step)
    ours = [quadratic.derivative(quadratic.knots, side) for side in ("left", "right")]
    middle = (grid[1:] + grid[:-1]) / 2
    slope = jax.vmap(jax.grad(lambda t: along(net, data, "breakpoint", t)))(middle)
    rest = (quadratic.derivative(middle), slope), quadratic.minimiser, quadratic.curvature
    return values, (ours, [left, right]), *rest


@given(case=cases(), dtype=st.sampled_from(["float64", "float32"]))
@settings(max_examples=80)
def test_slices_are_the_loss(case, dtype):
    net, data = made(case, dtype)
    grid, beside = (jnp.asarray(a, dtype) for a in (np.arange(-20, 21) / 8, np.arange(-2, 3) / 8))
    values, knots, inside, minimiser, curvature = jax.tree.map(np.asarray, slices_and_losses(net, data, grid, beside))
    x, grid = np.asarray(data.x), np.asarray(grid)
    scale = sizes(net, data)
    for ours, plain in values.values():
        assert ours.dtype == dtype
        assert np.max(np.abs(ours - plain)) <= TOLERANCE[dtype] * scale
    for ours, plain in (*zip(*knots, strict=True), inside):
        assert np.max(np.abs(ours - plain)) <= 50 * TOLERANCE[dtype] * scale
    # Flat pieces have no minimiser; the others have their parabola's.
    flat = curvature == 0
    np.testing.assert_array_equal(np.isnan(minimiser), flat)
    middle = (grid[1:] + grid[:-1]) / 2
    piece = np.searchsorted(x, middle)
    expected = curvature[piece] * (middle - np.where(flat, 0, minimiser)[piece])
    assert np.max(np.abs(expected - inside[1])) <= 50 * TOLERANCE[dtype] * scale


@given(case=cases(slopes=(0.0,)))
@settings(max_examples=20)
def test_the_bias_of_a_constant_unit(case):
    net, data = made(case)
    net = changed(net, 0, w=0.0)
    grid = jnp.arange(-20, 21) / 8
    ours, plain = bias_of_constant(net, data, grid)
    assert np.max(np.abs(ours - plain)) <= 1e-12 * sizes(net, data)


bias_of_constant = eqx.filter_jit(
    lambda net, data, grid: (
        landscape.slice_bias(net, data, 0)(grid),
        jax.vmap(lambda t: along(net, data, "bias", t))(grid),
    )
)


def test_a_batch_of_slices_and_a_fine_grid(key):
    """Acceptance: on a grid of 2,001 points, relative to the loss itself, within 1e-12."""
    k = jax.random.split(key)
    net, data = random_net(k[0], 20), random_data(k[1], 30)
    grid = jnp.linspace(-4, 4, 2001)

    @jax.jit
    def both(net):
        every = jax.vmap(lambda i: landscape.slice_breakpoint(net, data, i))(jnp.arange(20))

        def plain(i, t):
            s = jnp.sign(net.w[i])
            moved = changed(net, i, w=s, b=-s * t, v=s * net.w[i] * net.v[i])
            return jspline.loss(moved, data, method="dense")

        values = jax.vmap(lambda quadratic: quadratic(grid))(every)
        return values, jax.lax.map(lambda i: jax.vmap(lambda t: plain(i, t))(grid), jnp.arange(20))

    ours, plain = both(net)
    worst = float(np.max(np.abs(ours / plain - 1)))
    print(f"slice against loss: {worst:.2e}")
    assert worst <= 1e-12


def test_a_small_loss_keeps_its_digits(key):
    """Nothing cancels: a loss of 1e-21 comes out to the accuracy of the residuals, not of 1e-16."""
    k = jax.random.split(key)
    net, data = random_net(k[0], H), random_data(k[1], N)
    noise = 1e-10 * np.cos(np.arange(N))
    fitted = Dataset(data.x, net(data.x) + noise)
    value = landscape.slice_breakpoint(net, fitted, 1)(net.to_spline().beta[1])
    np.testing.assert_allclose(value, np.sum(np.asarray(fitted.y - net(fitted.x)) ** 2) / 2, rtol=1e-4)
    assert value < 1e-19
    # From the spline it is the same slice, for data that are not fitted.
    one, other = (landscape.slice_breakpoint(point, data, 1) for point in (net, net.to_spline()))
    assert relative(one, other) <= 1e-12


def test_slices_far_from_the_origin_in_float32():
    rng = np.random.default_rng(0)
    x, y = np.float32(1000 + np.sort(rng.uniform(-1, 1, N))), np.float32(rng.normal(size=N))
    beta, mu = np.float32(1000 + rng.uniform(-1, 1, H)), np.float32(rng.normal(size=H))
    spline, data = jspline.Spline(beta, mu, [1.0, -1.0] * 2), Dataset(x, y)
    grid = np.float32(1000 + np.linspace(-1, 1, 50))
    wide = jspline.Spline(*(np.float64(a) for a in (spline.beta, spline.mu, spline.s)))
    narrow = landscape.slice_breakpoint(spline, data, 2)(grid)
    reference = landscape.slice_breakpoint(wide, Dataset(np.float64(x), np.float64(y)), 2)(np.float64(grid))
    assert relative(narrow, reference) <= 1e-5


def test_one_datum():
    net, data = ReLUNet([1.0], [0.0], [2.0]), Dataset([1.0], [1.0])
    quadratic = landscape.slice_breakpoint(net, data, 0)
    np.testing.assert_allclose(quadratic([-1.0, 0.5, 1.0, 2.0]), [4.5, 0.0, 0.5, 0.5])
    np.testing.assert_allclose(quadratic.minimiser, [0.5, np.nan])
    assert bool(landscape.is_lonely(net, data))


# The drive


@eqx.filter_jit
def drives(net, data, beta):
    return landscape.drive(net, data, beta), landscape.drive_zeros(net, data), data.weight * (data.y - net(data.x))


@given(case=cases(slopes=(0.0, 1.0, -1.0, 0.5)))
@settings(max_examples=50)
def test_the_drive_is_its_sum_and_its_reflection(case):
    net, data = made(case)
    beta = np.concatenate([np.arange(-20, 21) / 8, np.asarray(data.x) + 1e-3, np.asarray(data.x)])
    psi, zeros, e = jax.tree.map(np.asarray, drives(net, data, beta))
    x, size = np.asarray(data.x), sizes(net, data)
    scale = 1e-12 * size
    for side, value, slope in ((1, psi.right, psi.right_slope), (-1, psi.left, psi.left_slope)):
        seen = side * (x[:, None] - beta) > 0
        np.testing.assert_allclose(value, np.sum(e[:, None] * (1 + x[:, None] * beta) * seen, 0), atol=scale)
        np.testing.assert_allclose(slope, np.sum((e * x)[:, None] * seen, 0), atol=scale)
    own = np.sum(np.where(x[:, None] == beta, (e * (1 + x**2))[:, None], 0), 0)
    np.testing.assert_allclose(psi.right + psi.left + own, np.sum(e) + beta * np.sum(e * x), atol=scale)
    # Every change of sign is listed, and nothing else: between two neighbouring values there is at most one.
    edges = np.concatenate([[-1e6], x, [1e6]])
    for side, inside, jump in ((1, zeros.right, zeros.right_jump), (-1, zeros.left, zeros.left_jump)):

        def plain(t, side=side):
            return float(np.sum((e * (1 + x * t))[side * (x - t) > 0]))

        for k in range(N + 1):
            a, b = edges[k], edges[k + 1]
            ends = [plain(a + 1e-9 * (b - a)), plain(b - 1e-9 * (b - a))] if b > a else [0.0, 0.0]
            if min(map(abs, ends)) <= 1e-7 * size * max(1, *map(abs, (a, b))):
                continue
            assert np.isnan(inside[k]) == (ends[0] * ends[1] > 0)
            if ends[0] * ends[1] < 0:
                assert a < inside[k] < b
                assert abs(plain(float(inside[k]))) <= 1e-9 * size * max(1, abs(float(inside[k])))
        for n in range(N):
            ends = plain(x[n] - 1e-9), plain(x[n] + 1e-9)
            if min(map(abs, ends)) > 1e-7 * size:
                assert jump[n] == (np.sign(ends[1]) if ends[0] * ends[1] < 0 else 0)


def test_the_drive_moves_the_breakpoints_of_the_flow(key):
    k = jax.random.split(key)
    net, data = random_net(k[0], 20), random_data(k[1], 30)
    spline = net.to_spline()
    psi = jax.jit(landscape.drive)(net, data, spline.beta)
    moves = jax.jit(jspline.dynamics.spline_field)(spline, jspline.charge(net), data).beta
    expected = -net.v / net.w * jnp.where(net.w > 0, psi.right, psi.left)
    assert relative(moves, expected) <= 1e-10


# Pieces and loneliness


def plain_pieces(net, data):
    w, b, x = (np.asarray(a) for a in (net.w, net.b, data.x))
    beta = (-b[w != 0] / w[w != 0])[:, None]
    return np.sum(beta < x, 0), np.sum(beta <= x, 0)


def plainly_lonely(first, last, data):
    """By trying all ways to assign each distinct datum of positive weight a piece."""
    kept = {}
    for n, (x, weight) in enumerate(zip(np.asarray(data.x), np.asarray(data.weight), strict=True)):
        if weight > 0:
            kept[float(x)] = range(first[n], last[n] + 1)
    return any(len(set(ways)) == len(ways) for ways in itertools.product(*kept.values()))


@eqx.filter_jit
def find_pieces(net, data):
    found = landscape.pieces(net, data)
    return found, found.on_breakpoint, landscape.is_lonely(net, data)


@given(case=cases(slopes=(0.0, 1.0, -1.0, 0.5)))
@settings(max_examples=120)
def test_pieces_and_loneliness_by_brute_force(case):
    net, data = made(case)
    found, on_breakpoint, lonely = jax.tree.map(np.asarray, find_pieces(net, data))
    first, last = plain_pieces(net, data)
    np.testing.assert_array_equal(found.first, first)
    np.testing.assert_array_equal(found.last, last)
    np.testing.assert_array_equal(on_breakpoint, first != last)
    np.testing.assert_array_equal(found.count, np.bincount(first[first == last], minlength=H + 1))
    assert int(found.shared) == np.sum(first != last)
    assert np.all(np.diff(np.where(np.isinf(found.edges), 1e9, found.edges)) >= 0)
    assert bool(lonely) == plainly_lonely(first, last, data)


def test_pieces_of_breakpoints_within_rounding_of_data():
    rng = np.random.default_rng(3)
    x, w = np.sort(rng.normal(size=400)), rng.normal(size=400)
    net, data = ReLUNet(w, -(w * x), rng.normal(size=400)), Dataset(x, x)
    found = landscape.pieces(net, data)
    np.testing.assert_array_equal(found.first, np.arange(400))
    np.testing.assert_array_equal(found.last, 1 + np.arange(400))
    assert bool(landscape.is_lonely(net, data))


@pytest.mark.parametrize(("sites", "breakpoints"), [((20, 800), "even"), ((10, 60), "random")])
def test_the_probability_of_loneliness_against_draws(sites, breakpoints):
    """10^6 draws; 4.9 standard errors, exceeded once in 10^6 tests of a correct formula."""
    size, width = sites
    rng = np.random.default_rng(20220511)
    lonely, draws, chunk = 0, 10**6, 10**5
    for _ in range(draws // chunk):
        if breakpoints == "even":
            bins = np.sort((rng.random((chunk, size)) * (width + 1)).astype(np.int16), axis=1)
            lonely += int(np.sum(np.all(np.diff(bins, axis=1) > 0, axis=1)))
        else:
            # Uniform, both. Given the data, the numbers of breakpoints in the gaps are multinomial.
            x = np.sort(rng.random((chunk, size), dtype=np.float32), axis=1).astype(np.float64)
            gaps = np.diff(x, axis=1)
            left, rest, ok = np.full(chunk, width), np.ones(chunk), np.ones(chunk, bool)
            for k in range(size - 1):
                inside = rng.binomial(left, np.clip(gaps[:, k] / rest, 0, 1))
                left, rest, ok = left - inside, np.maximum(rest - gaps[:, k], 1e-300), ok & (inside > 0)
            lonely += int(np.sum(ok))
    exact = landscape.lonely_probability(size, width, breakpoints=breakpoints)
    error = math.sqrt(exact * (1 - exact) / draws)
    print(f"N = {size}, H = {width}, {breakpoints}: exact {exact:.6f}, drawn {lonely / draws:.6f} +- {error:.6f}, "
          f"remark 1 {landscape.remark_1(size, width):.6f}")  # fmt: skip
    assert abs(lonely / draws - exact) <= 4.9 * error
    if breakpoints == "even":
        assert abs(landscape.remark_1(size, width) - lonely / draws) > 100 * error


def test_the_laws_of_loneliness_exactly():
    for size, width in itertools.product(range(1, 8), range(1, 12)):
        assert landscape.partitions(size, width) == math.comb(size + width, width)
        ratio = Fraction(landscape.lonely_partitions(size, width), math.comb(size + width, size))
        assert landscape.lonely_probability(size, width, breakpoints="random") == pytest.approx(float(ratio), rel=1e-13)
        for bins, number in (("all", width + 1), ("inside", width - 1)):
            exact = math.prod(Fraction(max(number - k, 0), max(number, 1)) for k in range(size))
            assert landscape.lonely_probability(size, width, bins=bins) == pytest.approx(float(exact), rel=1e-13)
        if size <= width + 1:
            assert landscape.lonely_probability(size, width) >= landscape.lonely_bound(size, width)
    # Large ones, against mpmath; and remark 1 is upside down.
    for size, width in ((10**5, 10**9), (10**6, 10**6), (1000, 10**12)):
        with mpmath.workdps(40):
            b, n, h = (mpmath.mpf(k) for k in (width + 1, size, width))
            even = mpmath.loggamma(b + 1) - mpmath.loggamma(b - n + 1) - n * mpmath.log(b)
            random = mpmath.loggamma(h + 2) - mpmath.loggamma(h + 2 - n)
            random -= mpmath.loggamma(h + n + 1) - mpmath.loggamma(h + 1)
        for exact, kind in ((even, "even"), (random, "random")):
            ours = landscape.lonely_probability(size, width, breakpoints=kind, log=True)
            assert ours == pytest.approx(float(exact), rel=1e-11)
    assert landscape.lonely_probability(20, 800) == pytest.approx(0.787295, abs=1e-6)
    assert landscape.remark_1(20, 800) == pytest.approx(0.393091, abs=1e-6)
    assert landscape.remark_1(20, 8000) < landscape.remark_1(20, 800)


# Critical points


judge = eqx.filter_jit(lambda net, data: (landscape.is_critical(net, data), jax.grad(plain_loss)(net, data)))


@given(case=cases(slopes=(0.0, 1.0, -1.0, 0.5)), fitted=st.booleans(), far=st.booleans())
@settings(max_examples=120)
def test_critical_means_gradient_zero_and_least_squares(case, fitted, far):
    """Wherever no breakpoint is on a datum. `fitted` nets have y = f, so they are critical; `far` have theorem 4."""
    net, data = made(case)
    if far:
        net = changed(net, 1, w=1.0, b=9.0, v=1.0)
    if fitted:
        data = Dataset(data.x, net(data.x), data.weight)
    found, grad = jax.tree.map(np.asarray, judge(net, data))
    worst = max(np.max(np.abs(leaf)) for leaf in jax.tree.leaves(grad))
    if np.all(np.isnan(found.share)):
        # Multiples of 1/64: a gradient that is not 0 is not small.
        assert bool(found.critical) == (worst <= 1e-9)
        assert relative(found.gradient, grad) <= 1e-9 or worst <= 1e-9
        if found.applies:
            assert bool(found.critical) == (not np.any(found.misfit))
    if fitted:
        assert bool(found.critical)
    w, b, x = (np.asarray(a) for a in (net.w, net.b, data.x[data.weight > 0]))
    on = np.any((w[:, None] * x == -b[:, None]) & (w[:, None] != 0), axis=1)
    np.testing.assert_array_equal(np.isnan(found.share), ~on)
    assert found.reason.startswith("Critical" if found.critical else "Not critical")


def test_the_counterexample_with_v_zero_is_critical_without_theorem_4():
    data = Dataset([-2.0, -1, 1, 2, 3], [1.0, -1, 2, -1, 0.5])
    found = landscape.is_critical(ReLUNet([1.0], [0.5], [0.0], 0.3), data)
    assert bool(found.critical)
    assert not bool(found.applies)
    assert np.any(found.misfit)


def test_a_kink_held_on_a_datum_rests_or_slides_off():
    """Least squares with the kink held on each datum in turn: then X = x_n E, and the share decides."""
    rng = np.random.default_rng(1)
    x, verdicts = np.array([-1.0, 0.0, 0.5, 1.0, 2.0, 2.5]), []
    for kink in x[2:4]:
        for y in rng.normal(size=(5, 6)):
            basis = np.stack([x + 3, np.maximum(x - kink, 0), np.ones(6)], axis=1)
            fit = np.linalg.lstsq(basis, y)[0]
            e = y - basis @ fit
            share = -np.sum(e[x > kink]) / e[x == kink][0]
            found = on_a_kink(ReLUNet([1.0, 1.0], [3.0, -kink], fit[:2], fit[2]), Dataset(x, y))
            assert bool(found.critical) == (0 <= share <= 1)
            assert np.isnan(found.share[0])
            assert float(found.share[1]) == pytest.approx(np.clip(share, 0, 1))
            assert ("0 is a subgradient" if found.critical else "no share of it") in found.reason
            verdicts.append(bool(found.critical))
    assert 2 <= sum(verdicts) <= 8


on_a_kink = eqx.filter_jit(lambda net, data: landscape.is_critical(net, data))


def test_the_shortest_subgradient_by_sampling(key):
    """Over all shares of the datum, none is shorter."""
    data = random_data(key, 8)
    net = ReLUNet([1.5, -0.5], [-1.5 * float(data.x[3]), 0.5 * float(data.x[5])], [0.7, 1.1], 0.2)
    found = landscape.is_critical(net, data)
    for i, n in ((0, 3), (1, 5)):
        shares, e = np.linspace(0, 1, 101), np.asarray(data.weight * (data.y - net(data.x)))
        seen = np.asarray(net.w[i] * data.x > -net.b[i]).astype(float)
        total = seen + shares[:, None] * (np.arange(8) == n)
        grad = float(net.v[i]) * np.stack([total @ (e * np.asarray(data.x)), total @ e])
        least = np.min(np.linalg.norm(grad, axis=0))
        ours = np.hypot(found.gradient.w[i], found.gradient.b[i])
        # A step of 1/100 in the share changes the subgradient by so much.
        step = abs(float(net.v[i]) * e[n]) * np.hypot(1, float(data.x[n])) / 100
        assert least - step <= ours <= least * (1 + 1e-12)


def test_critical_points_are_critical_and_least_squares():
    data = Dataset([0.0, 1, 2, 3, 3, 4], [0.0, 1, 0.5, 2, 1, 1], [1.0, 2, 1, 0.5, 1.5, 1])
    for width in (1, H):
        found = landscape.critical_points(data, width)
        assert 0 < len(found) <= landscape.count_fits(5, width)
        assert all(a.loss <= b.loss for a, b in itertools.pairwise(found))
        assert len({point.breakpoints for point in found}) == len(found)
        for point in found:
            result, grad = judge(point.net, data)
            assert bool(result.critical), result.reason
            assert bool(result.applies)
            assert not np.any(result.misfit)
            assert max(np.max(np.abs(leaf)) for leaf in jax.tree.leaves(grad)) < 1e-11
            assert point.loss == pytest.approx(float(jspline.loss(point.net, data)), abs=1e-12)
            # The gaps hold what is said.
            beta = np.asarray(-point.net.b / point.net.w)
            held = np.histogram(beta, bins=np.asarray(data.merged().x))[0]
            np.testing.assert_array_equal(held, point.breakpoints)
    # Four pieces reach what no fit can go below.
    assert found[0].loss == pytest.approx(float(data.tie_constant()), abs=1e-12)


def allowed_partitions(x, y, width):
    """Of integer data, in exact arithmetic: pieces' lines, and every choice of the side of each chord they are on."""
    lines = {}
    for a, b in itertools.combinations(range(len(x) + 1), 2):
        xs, ys = [Fraction(int(t)) for t in x[a:b]], [Fraction(int(t)) for t in y[a:b]]
        m, h = sum(xs) / len(xs), sum(ys) / len(ys)
        steep = sum((t - m) ** 2 for t in xs)
        slope = sum((t - m) * u for t, u in zip(xs, ys, strict=True)) / steep if steep else None
        lines[a, b] = slope, lambda t, m=m, h=h, s=slope or 0: h + s * (t - m)
    found = set()
    for gaps in itertools.product(range(3), repeat=len(x) - 1):
        cuts = [0, *(k + 1 for k, count in enumerate(gaps) if count), len(x)]
        pieces = list(itertools.pairwise(cuts))
        chords = [
            (lines[q][1](int(x[q[0]])) - lines[p][1](int(x[q[0] - 1]))) / int(x[q[0]] - x[q[0] - 1])
            for p, q in itertools.pairwise(pieces)
        ]
        sides = itertools.product(*[(0,) if gaps[q[0] - 1] == 2 else (1, -1) for q in pieces[1:]])
        if sum(gaps) < width and any(_fits([lines[p][0] for p in pieces], chords, side) for side in sides):
            found.add(gaps)
    return found


def _fits(slopes, chords, sides):
    """Whether each piece is steeper (1) or less steep (-1) than the chord on its left, and the reverse on its right."""
    for k, slope in enumerate(slopes):
        bounds = [(sides[k - 1], chords[k - 1])] if k else []
        bounds += [(-sides[k], chords[k])] if k < len(chords) else []
        low = max([c for s, c in bounds if s > 0], default=-math.inf)
        high = min([c for s, c in bounds if s < 0], default=math.inf)
        if not (low < high if slope is None else low < slope < high):
            return False
    return True


def check_enumeration(y, width):
    x = np.arange(len(y))
    found = landscape.critical_points(Dataset(x.astype(float), np.asarray(y, float)), width)
    assert {point.breakpoints for point in found} == allowed_partitions(x, y, width)
    for point in found:
        w, b, v, b0 = (np.asarray(part) for part in (point.net.w, point.net.b, point.net.v, point.net.b0))
        beta = -b[w != 0] / w[w != 0]
        assert np.all(v != 0)
        assert not np.any(np.isin(beta, x))
        assert tuple(np.histogram(beta, bins=x)[0]) == point.breakpoints
        assert np.any(np.all(w * x[:, None] + b > 0, axis=0))
        active = w * x[:, None] + b > 0
        e = y - b0 - np.where(active, w * x[:, None] + b, 0) @ v
        assert max(np.max(np.abs(np.stack([e, e * x]) @ active)), abs(np.sum(e))) < 1e-12
        assert point.loss == pytest.approx(np.sum(e**2) / 2, abs=1e-12)


@pytest.mark.parametrize("y", [(-1, -1, -1, 0, 0), (0, 0, 0, 0, 0), (1, 0, 1, 0, 1), (0, 0, 1, 2, 3), (-1, 0, 1, 1, 0)])
def test_partitions_of_critical_points_are_those_of_exact_arithmetic(y):
    """Bug: lines that meet on a datum, but for rounding, were taken to meet beside it; and v was 0 on level lines."""
    for width in (1, 2, 5):
        check_enumeration(y, width)


@pytest.mark.full
@pytest.mark.parametrize("width", [2, 3, 5])
def test_partitions_of_all_small_integer_data(width):
    for y in itertools.product((-1, 0, 1), repeat=5):
        check_enumeration(y, width)


@pytest.mark.parametrize("origin", [0.0, 1e6, -1e9])
def test_a_slope_half_a_percent_off_is_not_critical_wherever_the_data_lie(origin):
    """Bug: moments about x = 0 were compared with each other, and far from it they are all multiples of E."""
    away = np.linspace(-1, 1, 5)
    line = np.polyfit(away, np.sin(3 * away), 1)
    for factor, expected in ((1, True), (1.005, False), (0.995, False)):
        slope = factor * line[0]
        net = ReLUNet([1.0], [2 - origin], [slope], line[1] - 2 * slope)
        found, _ = judge(net, Dataset(origin + away, np.sin(3 * away)))
        assert bool(found.critical) == expected
        assert np.any(found.misfit) != expected


def test_enumeration_counts_itself():
    for size, width in itertools.product(range(1, 6), range(1, 7)):
        listed = sum(sum(gaps) < width for gaps in itertools.product(range(3), repeat=size - 1))
        assert landscape.count_fits(size, width) == listed
    assert landscape.count_fits(5000, 9999) == 3**4999
    with pytest.raises(ValueError, match="must be at most 20,000; got 20001"):
        landscape.count_fits(20_001, 20_001)
    with pytest.raises(ValueError, match="fit 1162261467 partitions of 20 data by 100 neurons, more"):
        landscape.critical_points(Dataset(np.arange(20.0), np.arange(20.0)), 100)
    (only,) = landscape.critical_points(Dataset([1.0], [2.0]), 2)
    assert only.loss == 0
    with pytest.raises(ValueError, match="`width` must be a whole number of at least 1; got 0"):
        landscape.critical_points(Dataset([1.0], [2.0]), 0)


# Flat moves


@eqx.filter_jit
def moves_of(net, data, fine):
    moved = {
        "cancel": landscape.cancel_in_gap(net, data, 0, 1, 0.05),
        "cancel left": landscape.cancel_in_gap(net, data, 2, 3, -0.05),
        "rotate": landscape.rotate_about_datum(net, data, 1, 4, 0.2),
        "rotate left": landscape.rotate_about_datum(net, data, 2, 5, -0.1),
        "drift": landscape.drift_outside(net, data, 6, 3.0),
    }
    measures = {"same": (jspline.loss(net, data), net(data.x), net(fine))}
    for name, new in moved.items():
        measures[name] = jspline.loss(new, data), new(data.x), new(fine)
    return measures


def flat_case(dtype):
    #            right in (1, 2)  left in (2, 3)  right in (2, 3)  left in (3, 4)  dead
    beta, s = [1.4, 1.6, 2.4, 2.6, 2.5, 3.5, 5.0], [1.0, 1, -1, -1, 1, -1, 1]
    spline = jspline.Spline(np.asarray(beta, dtype), np.asarray([1.0, -0.5, 2, 1, 0.7, 1.5, 1], dtype), s, 0.3)
    data = Dataset(np.asarray([0.0, 1, 2, 3, 3, 4], dtype), np.asarray([1.0, 2, 0, 1, 2, -1], dtype))
    return spline.to_net(jnp.asarray(0.5, dtype)), data


def test_moves_keep_the_loss_and_change_the_net(dtype):
    net, data = flat_case(dtype)
    fine = jnp.linspace(-1.0, 10.0, 111).astype(dtype)
    measures = jax.tree.map(np.asarray, moves_of(net, data, fine))
    loss, fit, before = measures.pop("same")
    eps = float(np.finfo(dtype).eps)
    for name, (new_loss, new_fit, after) in measures.items():
        assert new_loss.dtype == dtype
        assert new_loss == pytest.approx(loss, rel=50 * eps), name
        np.testing.assert_allclose(new_fit, fit, atol=100 * eps, err_msg=name)
        assert np.max(np.abs(after - before)) > 0.01, name
    # Between 1.8 and 2.2 the slope has grown by 0.2.
    grown = np.interp([1.8, 2.2], fine, measures["rotate"][2] - before)
    assert (grown[1] - grown[0]) / 0.4 == pytest.approx(0.2, abs=1e-4)


def test_moves_refuse_in_one_sentence():
    net, data = flat_case("float64")
    for call, message in [
        (lambda: landscape.cancel_in_gap(net, data, 0, 2, 0.1), "0 and 2 must face the same side in one gap"),
        (lambda: landscape.cancel_in_gap(net, data, 0, 0, 0.1), "0 and 0 must face the same side"),
        (lambda: landscape.cancel_in_gap(net, data, 0, 1, 0.7), "would carry the breakpoint of neuron 0 past a datum"),
        (lambda: landscape.cancel_in_gap(net, data, 0, 1, 0.3), "would carry the breakpoint of neuron 1 past a datum"),
        (lambda: landscape.cancel_in_gap(changed(net, 1, v=0.0), data, 0, 1, 0.1), "Neuron 1 has mu = 0"),
        (lambda: landscape.rotate_about_datum(net, data, 4, 1, 0.1), "4 to the left and 1 to the right of one datum"),
        (lambda: landscape.rotate_about_datum(net, data, 1, 6, 0.1), "of one datum"),
        (lambda: landscape.rotate_about_datum(net, data, 1, 4, 0.6), "`turn` must leave mu its sign, and would make"),
        (lambda: landscape.rotate_about_datum(net, data, 1, 4, 0.4), "would carry the breakpoint of neuron 1 past"),
        (lambda: landscape.drift_outside(net, data, 0, 0.1), "Neuron 0 must lie outside the data and face away"),
        (lambda: landscape.drift_outside(net, data, 6, -2.0), "would carry the breakpoint of neuron 6 past a datum"),
        (lambda: landscape.drift_outside(net, data, 6, np.nan), "`shift` must be finite"),
        (lambda: landscape.drift_outside(net, data, 7, 1.0), "`i` must be the place of a neuron, from 0 to 6; got 7"),
        (lambda: landscape.drift_outside(changed(net, 6, w=0.0), data, 6, 1.0), "neuron 6 has w = 0"),
    ]:
        with pytest.raises(ValueError, match=message):
            call()


# Bad input


def test_bad_input_is_one_sentence(unchecked):
    net, data = ReLUNet([1.0, 0.0], [0.5, 1.0], [1.0, 1.0]), Dataset([0.0, 1.0], [1.0, 2.0])
    for call, message in [
        (lambda: landscape.slice_breakpoint(net, data, 2), "`i` must be the place of a neuron, from 0 to 1; got 2"),
        (lambda: landscape.slice_breakpoint(net, data, -1), "from 0 to 1; got -1"),
        (lambda: landscape.slice_breakpoint(net, data, 1), "neuron 1 has w = 0"),
        (lambda: landscape.slice_scale(net, data, 1), "neuron 1 has w = 0"),
        (lambda: landscape.classify_knots(net, data, 1), "neuron 1 has w = 0"),
        (lambda: landscape.slice_breakpoint(net, data, 0).derivative(0.0, "up"), "`side` must be 'left' or 'right'"),
        (lambda: landscape.is_critical(net, data, -1.0), "`tol` must be positive"),
        (lambda: landscape.lonely_probability(0, 3), "`N` must be a whole number of at least 1; got 0"),
        (lambda: landscape.lonely_probability(3, 2.5), "`H` must be a whole number of at least 1; got 2.5"),
        (lambda: landscape.lonely_probability("3", 2), "`N` must be a whole number of at least 1; got '3'"),
        (lambda: landscape.lonely_probability(3, 2, bins="some"), "`bins` must be 'all' or 'inside'; got 'some'"),
        (lambda: landscape.lonely_probability(3, 2, breakpoints="x"), "`breakpoints` must be 'even' or 'random'"),
        (lambda: landscape.pieces(jax.tree.map(lambda a: a[None], net), data), "not batches"),
    ]:
        with pytest.raises(ValueError, match=message):
            call()
    single = jax.tree.map(lambda a: a.astype("float32"), data)
    for call, message in [
        (lambda: landscape.slice_breakpoint(net, data, 0.5), "`i` must be a whole number"),
        (lambda: landscape.slice_breakpoint(net, data, "first"), "`i` must be a whole number"),
        (lambda: landscape.slice_breakpoint(net, data, True), "`i` must be a whole number"),
        (lambda: landscape.drive("net", data, 0.0), "ReLUNet or a Spline; got str"),
        (lambda: landscape.is_lonely(net, single), "must have one dtype"),
        (lambda: landscape.drift_outside(net, data, 0, "far"), "`shift` must be one real number"),
    ]:
        with pytest.raises(TypeError, match=message):
            call()


def test_under_a_trace_a_neuron_without_breakpoint_gives_nan_and_nan_shows():
    net, data = ReLUNet([1.0, 0.0], [0.5, 1.0], [1.0, 1.0]), Dataset([0.0, 1.0], [1.0, 2.0])
    every = jax.jit(jax.vmap(lambda i: landscape.slice_breakpoint(net, data, i)(0.5)))(jnp.arange(2))
    np.testing.assert_array_equal(np.isnan(every), [False, True])
    for name in ("w", "b", "v", "b0"):
        leaf = getattr(net, name)
        spoiled = eqx.tree_at(lambda n, k=name: getattr(n, k), net, leaf.at[(0,) * leaf.ndim].set(jnp.nan))
        assert not bool(landscape.is_critical(spoiled, data).critical)
    with pytest.raises(ValueError, match="`reason` is for one result"):
        _ = jax.vmap(lambda b0: landscape.is_critical(eqx.tree_at(lambda n: n.b0, net, b0), data))(jnp.zeros(2)).reason
