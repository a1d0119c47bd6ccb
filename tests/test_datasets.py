import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import plain_loss, random_net
from hypothesis import given, settings
from hypothesis import strategies as st

import jspline
from jspline import Dataset, datasets

SIZE = 8
points = st.lists(st.integers(-6, 6).map(lambda i: i / 4), min_size=SIZE, max_size=SIZE)
weights = st.lists(st.integers(0, 3).map(float), min_size=SIZE, max_size=SIZE)


def test_sorts_with_y_and_weight_and_keeps_ties():
    data = Dataset([3.0, 1.0, 2.0, 1.0], [30.0, 10.0, 20.0, 11.0], [3.0, 1.0, 0.0, 1.5])
    np.testing.assert_array_equal(data.x, [1, 1, 2, 3])
    np.testing.assert_array_equal(data.y, [10, 11, 20, 30])
    np.testing.assert_array_equal(data.weight, [1, 1.5, 0, 3])
    assert data.size == 4
    assert data.constant == 0
    np.testing.assert_array_equal(Dataset([1.0], [2.0]).weight, [1])


@given(points, points, weights)
def test_merging_changes_no_loss(x, y, weight):
    data = Dataset(x, y, weight)
    if not any(weight):
        with pytest.raises(ValueError, match="every weight is 0"):
            data.merged()
        return
    merged = data.merged()
    assert np.all(np.diff(merged.x) > 0)
    assert np.all(np.asarray(merged.weight) > 0)
    np.testing.assert_allclose(merged.weight.sum(), sum(weight))
    net = random_net(jax.random.key(0), 5)
    np.testing.assert_allclose(jspline.loss(net, merged), jspline.loss(net, data), rtol=1e-13)
    # The constant is the loss of the best function, and merging again changes nothing.
    np.testing.assert_allclose(merged.constant, data.tie_constant(), rtol=1e-13, atol=1e-15)
    means = np.interp(data.x, merged.x, merged.y)
    np.testing.assert_allclose(merged.constant, np.sum(data.weight * (data.y - means) ** 2) / 2, atol=1e-12)
    again = merged.merged()
    np.testing.assert_array_equal(again.x, merged.x)
    assert again.constant == merged.constant


def test_no_ties_no_constant():
    """Bug: the mean of a single y was p y / p, which left a constant of 1e-34 (and a line in the figure)."""
    data = Dataset(np.arange(50.0), np.random.default_rng(0).normal(size=50), np.full(50, 2 / 50))
    assert data.tie_constant() == 0
    np.testing.assert_array_equal(data.merged().y, data.y)


def test_x_equal_within_rounding_merge(dtype):
    eps = np.finfo(dtype).eps
    x = np.array([1.0, 1 + eps, 1 + 2 * eps, 2.0], dtype)
    merged = Dataset(x, np.array([0, 3, 6, 1], dtype)).merged()
    assert merged.size == 2
    assert merged.x.dtype == dtype
    np.testing.assert_allclose(merged.y, [3, 1])
    np.testing.assert_allclose(merged.constant, 9)


def test_distinct_x_of_a_dense_grid_stay_distinct():
    """Bug: neighbours within rounding merged link by link, 5000 points near x = 1000 in float32 into one."""
    x = np.linspace(1000, 1001, 5000, dtype=np.float32)
    data = Dataset(x, np.sin(7 * x))
    assert data.merged().size == 5000
    assert data.tie_constant() == 0
    chain = np.float32(1) + np.arange(7, dtype=np.float32) * np.finfo(np.float32).eps
    assert Dataset(chain, np.zeros(7, np.float32)).merged().size == 3
    # tie_constant, which must not depend on shapes, counts exact ties only.
    assert Dataset(chain, np.arange(7, dtype=np.float32)).tie_constant() == 0


def test_under_jit_and_vmap(key):
    x = jax.random.normal(key, (3, 5))
    batch = jax.jit(jax.vmap(lambda x: Dataset(x, 2 * x, jnp.abs(x))))(x)
    assert batch.x.shape == (3, 5)
    np.testing.assert_array_equal(batch.x, jnp.sort(x, axis=1))
    np.testing.assert_allclose(batch.y, 2 * batch.x)
    np.testing.assert_allclose(jax.vmap(lambda d: d.tie_constant())(batch), 0)
    with pytest.raises(ValueError, match=r"cannot run under jax\.jit"):
        jax.jit(lambda d: d.merged().x)(Dataset([1.0], [1.0]))


@settings(max_examples=30)
@given(st.floats(-1e3, 1e3), st.floats(-2, 3), st.floats(-1e3, 1e3), st.floats(-2, 3))
def test_standardization_and_back(shift, log_scale, height, log_height):
    rng = np.random.default_rng(1)
    raw = Dataset(
        shift + 10**log_scale * rng.normal(size=30),
        height + 10**log_height * rng.normal(size=30),
        rng.uniform(size=30),
    )
    scaled, units = raw.standardize()
    p = scaled.weight / scaled.weight.sum()
    for column in (scaled.x, scaled.y):
        np.testing.assert_allclose(np.sum(p * column), 0, atol=1e-9)
        np.testing.assert_allclose(np.sum(p * column**2), 1, rtol=1e-9)
    np.testing.assert_allclose(units.x(scaled.x), raw.x, rtol=1e-12, atol=1e-12)
    net = random_net(jax.random.key(2), 7)
    restored = units.restore(net)
    size = np.max(np.abs(raw.y)) + 100 * float(units.y_scale)
    np.testing.assert_allclose(restored(raw.x), units.y(net(scaled.x)), atol=1e-9 * size, rtol=0)
    # What the loss loses to ties scales along.
    assert Dataset([0.0, 1.0], [0.0, 5.0], constant=3.0).standardize()[0].constant == 3 / 2.5**2


def test_standardization_needs_spread_in_x():
    with pytest.raises(ValueError, match=r"All x \(of positive weight\) are equal"):
        Dataset([0.1, 0.1, 0.1], [1.0, 2.0, 3.0]).standardize()
    flat, units = Dataset([0.0, 1.0], [2.0, 2.0]).standardize()
    np.testing.assert_array_equal(flat.y, [0, 0])
    assert units.y_scale == 1


def test_real_series():
    mcycle, nile = datasets.load("mcycle"), datasets.load("nile")
    assert (mcycle.size, mcycle.merged().size) == (133, 94)
    assert (nile.size, nile.merged().size) == (100, 100)
    np.testing.assert_allclose([mcycle.x[0], mcycle.x[-1], nile.x[0], nile.y[0]], [2.4, 57.6, 1871, 1120])
    with pytest.raises(ValueError, match="no built-in data set"):
        datasets.load("x")


@pytest.mark.parametrize("name", ["sine", "quadratic", "square_wave", "smooth_gap", "sharp_gap", "teacher"])
def test_functions(name):
    data = getattr(datasets, name)(21)
    assert data.size == 21
    assert np.all(np.diff(data.x) > 0)
    assert datasets.load(name).size == 40
    with pytest.raises(ValueError, match="`n` must be at least"):
        getattr(datasets, name)(1)


def test_functions_are_what_they_say():
    np.testing.assert_allclose(datasets.sine(5).y, np.sin(3 * np.linspace(-2, 2, 5)))
    np.testing.assert_allclose(datasets.quadratic(5).y, [2, 0.5, 0, 0.5, 2])
    np.testing.assert_allclose(datasets.square_wave(5, period=4.0).y, [-1, -1, 1, 1, -1])
    for gap, slope in ((datasets.smooth_gap(8), 1), (datasets.sharp_gap(8), -1)):
        assert not np.any((gap.x > -0.5) & (gap.x < 0.5))
        np.testing.assert_allclose(gap.y[3:5], [-1, 1])
        np.testing.assert_allclose(np.diff(gap.y)[[0, -1]], slope / 3)
    np.testing.assert_allclose(datasets.teacher(3, knots=(0.0, 1.0), values=(1.0, 3.0)).y, [1, 2, 3])
    with pytest.raises(ValueError, match="must be at least 2 increasing numbers"):
        datasets.teacher(3, knots=(1.0, 0.0), values=(1.0, 3.0))
    with pytest.raises(ValueError, match="`lo` must be less"):
        datasets.sine(3, lo=1.0, hi=1.0)


def test_reading_csv(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("t,skip,h\n2, a,5\n1,b,4\n")
    for data in (datasets.read_csv(path, "t", "h"), datasets.read_csv(path, y="h")):
        np.testing.assert_array_equal(data.x, [1, 2])
        np.testing.assert_array_equal(data.y, [4, 5])
    path.write_text("t;h\n2;5\n1;4\n")
    np.testing.assert_array_equal(datasets.read_csv(path).x, [1, 2])
    path.write_text("1,2,\n3,4,\n5,6,\n")  # a comma too many, and no names: the first row is data
    assert datasets.read_csv(path).size == 3
    path.write_text("2\t5e0\n1\t4\n3\t6\n")
    assert datasets.read_csv(path).size == 3
    np.testing.assert_array_equal(datasets.read_csv(path, "2", "1").x, [4, 5, 6])


@pytest.mark.parametrize(
    ("content", "columns", "message"),
    [
        (b"", {}, "is empty"),
        (b"\x89PNG\r\n\x1a\n\xff\xfe", {}, "is not a text file in UTF-8"),
        (b"a,b\0\n1,2\n", {}, "is not a text file"),
        (b"x,y\n1,2\n", {}, "has 1 row of data; at least 2"),
        (b"x,y\n", {}, "has 0 rows of data; at least 2"),
        (b"x\n1\n2\n", {}, "has one column"),
        (b"x,y\n1,2\n2,abc\n", {}, "column 'y' must hold finite numbers; data row 2 is 'abc'"),
        (b"x,y\n1,nan\n2,3\n", {}, "data row 1 is 'nan'"),
        (b"x,y\n1,2\n2,inf\n", {}, "data row 2 is 'inf'"),
        (b"x,y\n1,2\n2,\n", {}, "data row 2 is empty"),
        (b"x,y\n1,2\n2,3\n", {"y": "z"}, "has no column 'z'; it has 'x', 'y'"),
        (b"x,y\n1,2\n2,3,4,5\n", {}, "is not a table"),
        (b"x,y\n1,2,3\n4,5,6\n", {}, "is not a table"),
        (b"x,y\n1\n2,3\n", {}, "column 'y' must hold finite numbers; data row 1 is empty"),
        (b"1,2,a\n3,4,b\n5,6,c\n", {}, "has both names and numbers"),
        (b"x ,x\n1,2\n2,3\n", {}, "has two columns 'x'"),
        (b"x;y\n1,5;2\n2,5;3\n", {}, r"column 'x'.* data row 1 is '1,5': write a decimal point, not a comma\.$"),
        (b"1,5;2,25\n2,5;3,5\n", {}, r"data row 1 is '1,5': write a decimal point, not a comma\.$"),
        (b"x;y\n1;1.234,5\n2;3\n", {}, r"data row 1 is '1.234,5': write a decimal point"),
        (b"x,y\n1,2\n2,3\n", {"x": "y", "y": "y"}, "must be two columns; both were given as 'y'"),
    ],
)
def test_bad_csv_is_one_sentence(tmp_path, content, columns, message):
    path = tmp_path / "bad.csv"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message) as caught:
        datasets.read_csv(path, **columns)
    assert "\n" not in str(caught.value)


def test_missing_csv(tmp_path):
    with pytest.raises(FileNotFoundError, match="does not exist, and is no built-in data set"):
        datasets.read_csv(tmp_path / "none.csv")
    with pytest.raises(IsADirectoryError, match="is a folder"):
        datasets.read_csv(tmp_path)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Dataset([1.0, np.nan], [1.0, 2.0]), ValueError, "`x` must be finite"),
        (lambda: Dataset([1.0, 2.0], [1.0, np.inf]), ValueError, "`y` must be finite"),
        (
            lambda: Dataset([1.0, 2.0], [1.0]),
            ValueError,
            r"^`x` and `y` must be vectors .* got shapes x \(2,\), y \(1,\)\.",
        ),
        (lambda: Dataset([1.0], [1.0], [1.0, 2.0]), ValueError, "^`x`, `y` and `weight` must be vectors"),
        (lambda: Dataset(np.zeros(0), np.zeros(0)), ValueError, "at least 1"),
        (lambda: Dataset([1.0], [1.0], [-1.0]), ValueError, "`weight` must be zero or positive"),
        (lambda: Dataset(np.array(["a"]), [1.0]), TypeError, "`x` must hold real numbers"),
    ],
)
def test_bad_data_is_one_sentence(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_the_loss_is_the_half_sum():
    data = Dataset([0.0, 1.0], [1.0, 3.0], [2.0, 4.0], constant=5.0)
    net = jspline.ReLUNet([1.0], [0.0], [1.0])
    assert jspline.loss(net, data) == plain_loss(net, data) == 5 + (2 * 1 + 4 * 4) / 2
