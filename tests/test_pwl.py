"""Piecewise-linear fits against brute force, and against their own guarantees."""

import itertools
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jspline import Dataset, datasets, pwl, slope_variation

SIZE = 12
optimal = jax.jit(lambda data: pwl.dynamic_programming(data, 5))
joined = {k: partial(pwl.continuous, pieces=k) for k in (2, 3)}


def line_error(x, y, p):
    """The least sum of squares of one line, by numpy."""
    root = np.sqrt(p)
    columns = root[:, None] * np.stack([np.ones_like(x), x], 1)
    theta = np.linalg.lstsq(columns, root * y, rcond=1e-12)[0]
    return np.sum((columns @ theta - root * y) ** 2)


def best_separate(x, y, p, most):
    """All partitions that do not part equal x."""
    n = len(x)
    cost = {(a, b): line_error(x[a:b], y[a:b], p[a:b]) for a in range(n) for b in range(a + 1, n + 1)}
    places = [i for i in range(1, n) if x[i] > x[i - 1]]
    ends = lambda cuts: zip((0, *cuts), (*cuts, n), strict=True)  # noqa: E731
    return [
        min((sum(cost[e] for e in ends(cuts)) for cuts in itertools.combinations(places, k)), default=np.inf)
        for k in range(most)
    ]


def best_joined(x, y, p, pieces):
    """All configurations: a knot on a datum joins its lines; one inside a gap frees them, if they cross there.

    Two in one gap free the lines wherever they cross.
    """
    n, root, best = len(x), np.sqrt(p), np.inf
    spots = [(x[i], None) for i in range(1, n - 1)] + [((x[i] + x[i + 1]) / 2, i) for i in range(n - 1)]
    for chosen in itertools.combinations_with_replacement(sorted(spots, key=lambda s: s[0]), pieces - 1):
        counts = {spot: chosen.count(spot) for spot in chosen}
        if any(count > (1 if gap is None else 2) for (_, gap), count in counts.items()):
            continue
        columns, crossings = [np.ones(n), x], []
        for (place, gap), count in counts.items():
            columns.append(np.maximum(x - place, 0))
            if gap is not None:
                if count == 1:
                    crossings.append((place, gap, len(columns) - 1))
                columns.append((x > place).astype(float))
        matrix = root[:, None] * np.stack(columns, 1)
        theta = np.linalg.lstsq(matrix, root * y, rcond=1e-11)[0]
        error = np.sum((matrix @ theta - root * y) ** 2)

        def crosses(place, gap, k, theta=theta):
            kink, jump = theta[k : k + 2]
            if abs(kink) < 1e-11:
                return abs(jump) < 1e-9
            return x[gap] - 1e-9 <= place - jump / kink <= x[gap + 1] + 1e-9

        if error < best and all(crosses(*c) for c in crossings):
            best = error
    return best


def arrays(low, high):
    return st.lists(st.integers(low, high), min_size=SIZE, max_size=SIZE).map(lambda v: np.array(v, float))


@given(x=arrays(-8, 8), y=arrays(-20, 20), p=arrays(0, 4))
@settings(max_examples=60)
def test_dynamic_programming_is_brute_force(x, y, p):
    """With ties and zero weights, at all numbers of pieces, traced."""
    x, y, p = np.sort(x), y / 7, p / 3
    fit = optimal(Dataset(x, y, p))
    np.testing.assert_allclose(fit.sses, best_separate(x, y, p, 5), rtol=1e-9, atol=1e-10)


def test_merged_data_fit_as_traced_ones():
    """Concrete data are merged: eight x of positive weight here."""
    rng = np.random.default_rng(4)
    x, p = np.array([0, 1, 1, 2, 3, 3, 3, 4, 5, 6, 7, 8.0]), np.ones(SIZE)
    p[7] = 0
    data = Dataset(x, rng.normal(size=SIZE), p)
    merged = pwl.dynamic_programming(data, 5)
    np.testing.assert_allclose(merged.sses, optimal(data).sses, rtol=1e-9)
    np.testing.assert_allclose(merged.sses, best_separate(x, data.y, p, 5), rtol=1e-9)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_lines_breaks_and_values(dtype):
    rng = np.random.default_rng(0)
    x = np.sort(rng.uniform(1000, 1001, SIZE)) if dtype == "float64" else np.sort(rng.uniform(0, 1, SIZE))
    y = rng.normal(size=SIZE)
    data = Dataset(x.astype(dtype), y.astype(dtype))
    fit = optimal(data)
    assert fit.sse.dtype == fit(0.5).dtype == dtype
    assert fit.pieces == 5
    first = [0, *np.searchsorted(np.asarray(data.x), fit.breaks)]
    np.testing.assert_array_equal(first, fit.first)
    tolerance = {"float64": 1e-9, "float32": 1e-3}[dtype]
    for begin, end in itertools.pairwise([*first, SIZE]):
        if end - begin > 1:
            line = np.polynomial.Polynomial.fit(x[begin:end], y[begin:end], 1)
            np.testing.assert_allclose(fit(data.x[begin:end]), line(x[begin:end]), atol=tolerance)
    np.testing.assert_allclose(np.sum((np.asarray(fit(data.x), float) - y) ** 2), fit.sse, rtol=1e-3, atol=tolerance)
    np.testing.assert_allclose(fit.sses[-1], fit.sse, rtol=tolerance, atol=tolerance**2)


FITS = [pwl.dynamic_programming, pwl.greedy_merge, pwl.continuous]


def test_milliseconds_since_1970():
    """Bug: running means of uncentred x cost dynamic programming 6e-6 of its error."""
    rng = np.random.default_rng(0)
    x, y = np.cumsum(rng.integers(1, 9, 400)) / 1024, rng.normal(size=400) + 2.0**20
    far, near = Dataset(x + 1.6e9, y), Dataset(x, y - 2.0**20)
    for fit in FITS[:2]:
        np.testing.assert_allclose(fit(far, 3).sses[-1], fit(near, 3).sses[-1], rtol=1e-12)


def test_a_wave_far_up_in_float32():
    """Bug: an error of 0.4 %, and half as many pieces: what counts as rounding was 64 units in the last place."""
    rng = np.random.default_rng(0)
    t = np.linspace(0, 12, 400).astype(np.float32)
    y = (1e4 + np.sin(t) + 0.05 * rng.normal(size=400)).astype(np.float32)
    exact = Dataset(t.astype(float), y.astype(float) - 1e4)
    best = pwl.dynamic_programming(exact, "auto", most=20)
    found = pwl.dynamic_programming(Dataset(t, y), "auto", most=20)
    np.testing.assert_allclose(found.sses, best.sses, rtol=1e-5)
    assert found.pieces == best.pieces


@pytest.mark.parametrize("fit", [*FITS, lambda data, _: pwl.sparsest_interpolant(data)])
@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_fits_whose_squares_are_no_numbers(fit, scale):
    """Bug: NaN, or one piece. The error overflows (or underflows), the fit does not."""
    x, y = np.arange(12.0), np.abs(np.arange(12.0) - 5.5)
    plain, scaled = fit(Dataset(x, y), 2), fit(Dataset(x * scale, y * scale), 2)
    np.testing.assert_allclose(scaled.breaks, plain.breaks * scale, rtol=1e-12)
    np.testing.assert_allclose(scaled(x * scale), plain(x) * scale, rtol=1e-9)
    assert not np.isnan(scaled.sse)


def test_dynamic_programming_equals_ruptures():
    import ruptures

    rng = np.random.default_rng(3)
    x = np.linspace(0, 1, 200)
    y = np.interp(x, [0, 0.3, 0.6, 1], [0, 2, -1, 0]) + 0.3 * rng.normal(size=200)
    signal = np.column_stack([y, x, np.ones_like(x)])
    found = ruptures.Dynp(model="linear", min_size=2, jump=1).fit(signal).predict(n_bkps=4)
    theirs = sum(line_error(x[a:b], y[a:b], np.ones(b - a)) for a, b in zip([0, *found[:-1]], found, strict=True))
    fit = pwl.dynamic_programming(Dataset(x, y), 5)
    np.testing.assert_allclose(fit.sse, theirs, rtol=1e-9)
    np.testing.assert_array_equal(fit.first[1:], found[:-1])


merging = jax.jit(lambda data: (pwl.greedy_merge(data, 9), pwl.dynamic_programming(data, 9)))


@given(x=arrays(-30, 30), y=arrays(-20, 20), more=arrays(-20, 20), p=arrays(1, 4))
@settings(max_examples=60)
def test_greedy_merge_keeps_its_factor(x, y, more, p):
    """sse <= m / (m - k + 1) times the best of k pieces, for all k up to m = (pieces - 1) // 2; ties stay together."""
    x = np.sort(np.concatenate([x, x + 0.5]))
    data = Dataset(x, np.concatenate([y, more]), np.concatenate([p, p]))
    greedy, best = merging(data)
    m = 4
    for k in range(1, m + 1):
        assert greedy.sse <= m / (m - k + 1) * best.sses[k - 1] * (1 + 1e-9) + 1e-9
    if len(np.unique(x)) < 9:
        return
    assert greedy.sse >= best.sse * (1 - 1e-9) - 1e-9
    assert np.all(np.diff(greedy.first) > 0)
    assert np.all(x[greedy.first[1:]] > x[np.asarray(greedy.first[1:]) - 1])
    values = np.asarray(greedy(data.x))
    np.testing.assert_allclose(
        np.sum(np.asarray(data.weight) * (values - data.y) ** 2), greedy.sse, rtol=1e-8, atol=1e-8
    )
    np.testing.assert_allclose(greedy.sses[-1], greedy.sse, rtol=1e-8, atol=1e-8)


@given(gaps=arrays(1, 9), y=arrays(-20, 20), p=arrays(1, 4))
@settings(max_examples=40)
def test_two_joined_pieces_are_the_global_optimum(gaps, y, p):
    x, y, p = np.cumsum(gaps), y / 7, p / 3
    fit = joined[2](Dataset(x, y, p))
    np.testing.assert_allclose(fit.sse, best_joined(x, y, p, 2), rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(fit.sses[-1], fit.sse, rtol=1e-8, atol=1e-10)


def test_three_joined_pieces_find_the_global_optimum_of_noise():
    """Not guaranteed; so on fixed data, pure noise and random walks, where there is the most to confuse it."""
    rng = np.random.default_rng(1)
    for k in range(12):
        x, noise, p = np.sort(rng.normal(size=SIZE)), rng.normal(size=SIZE), rng.uniform(0.1, 1, SIZE)
        y = np.cumsum(noise) if k % 2 else noise
        data = Dataset(x, y, p)
        fit = joined[3](data)
        np.testing.assert_allclose(fit.sse, best_joined(x, y, p, 3), rtol=1e-8)
        assert fit.sse >= optimal(data).sses[2]
        np.testing.assert_allclose(fit(data.x), fit.spline(data.x))
        np.testing.assert_allclose(np.sum(p * (np.asarray(fit(x)) - y) ** 2), fit.sse, rtol=1e-9)
        assert fit.spline.width == 3
        assert set(np.asarray(fit.spline.beta).tolist()) == set(np.asarray(fit.breaks).tolist())


def test_joined_pieces_that_fit_exactly(dtype):
    """A function of three pieces off the data is found, in the units of the data."""
    rng = np.random.default_rng(2)
    x = np.sort(rng.uniform(100, 200, SIZE))
    knots = [x[3] * 0.4 + x[4] * 0.6, x[7] * 0.7 + x[8] * 0.3]
    y = 5 + 0.1 * (x - 150) - 2 * np.maximum(x - knots[0], 0) + 3 * np.maximum(x - knots[1], 0)
    fit = joined[3](Dataset(np.asarray(x, dtype), np.asarray(y, dtype)))
    assert fit.sse.dtype == dtype
    np.testing.assert_allclose(fit.breaks, knots, rtol={"float64": 1e-10, "float32": 1e-4}[dtype])
    np.testing.assert_allclose(fit.slopes, [0.1, -1.9, 1.1], rtol={"float64": 1e-8, "float32": 1e-2}[dtype])


def test_joined_pieces_are_never_worse_than_pwlf():
    """The twenty data sets of the acceptance are in benchmarks/pwl.py."""
    import pwlf

    rng = np.random.default_rng(5)
    for k in range(4):
        x = np.sort(rng.beta(0.5, 0.5, SIZE)) + 0.01 * np.arange(SIZE)
        y = np.sin(9 * x) + 0.2 * rng.normal(size=SIZE)
        theirs = pwlf.PiecewiseLinFit(x, y)
        theirs.fit(3, rng=k) if "rng" in theirs.fit.__code__.co_varnames else theirs.fit(3)
        assert joined[3](Dataset(x, y)).sse <= theirs.ssr * (1 + 1e-8)


@given(gaps=arrays(1, 9), y=arrays(0, 3))
@settings(max_examples=15)
def test_sparsest_interpolant(gaps, y):
    """No interpolant has fewer knots, by trying all that have fewer; and it varies as little as the linear one."""
    x, y = np.cumsum(gaps)[:6], y[:6]
    fit = pwl.sparsest_interpolant(Dataset(x, y))
    knots = fit.pieces - 1
    np.testing.assert_allclose(fit(x), y, atol=1e-9)
    np.testing.assert_allclose(fit.sse, 0, atol=1e-16)
    assert np.all(np.diff(fit.breaks) >= -1e-12)
    if knots > 0:
        assert best_joined(x, y, np.ones(6), knots) > 1e-6
    linear = np.sum(np.abs(np.diff(np.diff(y) / np.diff(x))))
    np.testing.assert_allclose(slope_variation(fit.spline), linear, atol=1e-9)


def test_sparsest_interpolant_of_known_shapes():
    assert pwl.sparsest_interpolant(Dataset([0.0, 1.0, 4.0], [1.0, 3.0, 9.0])).pieces == 1
    assert pwl.sparsest_interpolant(Dataset([0.0, 1.0], [1.0, 3.0])).pieces == 1
    assert pwl.sparsest_interpolant(Dataset([0.0, 1.0, 2.0], [2.0, 2.0, 2.0])).pieces == 1
    # A convex function on N data: N - 2 kinks, shared two by two.
    assert pwl.sparsest_interpolant(datasets.quadratic(11)).pieces == 6
    # Alternating kinks cannot be shared.
    assert pwl.sparsest_interpolant(Dataset(np.arange(7.0), np.arange(7) % 2.0)).pieces == 6
    # The teacher with its own knots among the data.
    teacher = pwl.sparsest_interpolant(datasets.teacher(401))
    assert teacher.pieces <= 9
    with pytest.raises(ValueError, match="At least two distinct x"):
        pwl.sparsest_interpolant(Dataset([1.0, 1.0], [0.0, 1.0]))


def test_information_criterion_finds_the_pieces():
    rng = np.random.default_rng(7)
    x = np.sort(rng.uniform(0, 1, 80))
    y = np.where(x < 0.4, 3 * x, 1 - x) + 0.05 * rng.normal(size=80)
    data = Dataset(x, y)
    fit = pwl.dynamic_programming(data, "auto")
    assert fit.pieces == 2
    assert pwl.greedy_merge(data, "auto", most=8).pieces >= 2
    scores = 80 * np.log(np.asarray(fit.sses) / 80) + (3 * np.arange(1, 21) - 1) * np.log(80)
    np.testing.assert_allclose(pwl.criterion(fit.sses, 80), scores)
    # Without noise it does not cut the rounding into pieces.
    exact = Dataset(x, np.where(x < 0.4, 3 * x, 1 - x))
    assert pwl.dynamic_programming(exact, "auto").pieces == 2
    assert pwl.dynamic_programming(Dataset(x, 0 * x + 3), "auto").pieces == 1
    assert pwl.continuous(Dataset(x[:SIZE], 2 * x[:SIZE]), "auto", most=2).pieces == 1


def test_batches(key):
    """`jax.vmap` over series gives what one call each gives."""
    y = jax.random.normal(key, (3, SIZE))
    x = jnp.arange(SIZE, dtype=y.dtype) ** 1.5
    functions = (joined[2], optimal, jax.jit(lambda data: pwl.greedy_merge(data, 5)))
    together = jax.jit(jax.vmap(lambda values: [function(Dataset(x, values)).sse for function in functions]))(y)
    apart = zip(*([function(Dataset(x, values)).sse for function in functions] for values in y), strict=True)
    for batch, each in zip(together, apart, strict=True):
        np.testing.assert_allclose(batch, each, rtol=1e-8)


@pytest.mark.parametrize("function", [pwl.dynamic_programming, pwl.continuous])
def test_a_fit_whose_progress_is_told_is_the_fit(function, monkeypatch):
    """Bug: there was no way to see how far it was. The parts do not divide the data evenly."""
    monkeypatch.setattr("jspline.pwl._dynamic.FEWEST", 5)
    rng, told = np.random.default_rng(1), []
    data = Dataset(np.arange(SIZE) ** 1.5, rng.normal(size=SIZE))
    plain, fit = function(data, 3), function(data, 3, progress=told.append)
    jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-9, atol=1e-12), fit, plain)
    assert len(told) >= 3
    assert told == sorted(told)
    assert told[-1] == pytest.approx(1)
    jax.jit(lambda data: function(data, 3, progress=told.append).sse).lower(data)  # says nothing


def test_small_and_degenerate_data():
    """Two points, constant y, ties, unsorted x."""
    two = Dataset([3.0, 1.0], [0.0, 4.0])
    for function in (pwl.dynamic_programming, pwl.greedy_merge, pwl.continuous):
        fit = function(two, 2)
        np.testing.assert_allclose(fit(jnp.array([1.0, 3.0])), [4, 0], atol=1e-12)
        assert fit.sse <= 1e-20
        flat = function(Dataset(np.arange(4.0), np.full(4, 7.0)), 1)
        np.testing.assert_allclose(flat(1.3), 7)
        # The tie's part of the error is in the sum: 1/4 + 1/4 at x = 0. The means are on a line.
        tied = function(Dataset([0.0, 0.0, 1.0, 2.0, 3.0], [1.0, 2.0, 0.5, -0.5, -1.5]), 1)
        np.testing.assert_allclose(tied.sse, 0.5)
        np.testing.assert_allclose(tied(1.3), 0.2)
        unsorted = function(Dataset([2.0, 0.0, 1.0, 3.0], [4.0, 0.0, 1.0, 9.0]), 1)
        np.testing.assert_allclose(unsorted.sse, 4)  # of squares at 0, 1, 2, 3


@pytest.mark.parametrize("function", [pwl.dynamic_programming, pwl.greedy_merge, pwl.continuous])
def test_bad_input_is_one_sentence(function, unchecked):
    data = Dataset([0.0, 1.0, 1.0, 2.0], [1.0, 2.0, 3.0, 4.0])
    with pytest.raises(ValueError, match="at most the number of distinct x, 3; got 4"):
        function(data, 4)
    for pieces in (0, -1, True, 1.5, "many"):
        with pytest.raises(ValueError, match="must be 'auto' or a whole number of at least 1"):
            function(data, pieces)
    with pytest.raises(ValueError, match="`most` must be at most the number of distinct x, 3; got 7"):
        function(data, "auto", most=7)
    with pytest.raises(ValueError, match=r"cannot run under jax\.jit"):
        jax.jit(lambda d: function(d, "auto"))(data)
    with pytest.raises(ValueError, match=r"use jax\.vmap"):
        function(jax.tree.map(lambda a: jnp.stack([a, a]), data), 2)
