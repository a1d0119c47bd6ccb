import warnings
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
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
    with pytest.raises(ValueError, match=r"^All x are equal"):
        Dataset([0.1, 0.1, 0.1], [1.0, 2.0, 3.0]).standardize()
    with pytest.raises(ValueError, match="All x of positive weight are equal"):
        Dataset([0.1, 0.1, 0.3], [1.0, 2.0, 3.0], [1.0, 1.0, 0.0]).standardize()
    flat, units = Dataset([0.0, 1.0], [2.0, 2.0]).standardize()
    np.testing.assert_array_equal(flat.y, [0, 0])
    assert units.y_scale == 1


@pytest.mark.parametrize("size", [7, 1000])
def test_a_constant_keeps_its_scale(size):
    """Bug: the sum of 1,000 equal numbers over 1,000 is another number, and the rest became 1.3e-6 "standard" units."""
    rng = np.random.default_rng(0)
    for value in [1e9 + 0.1, *rng.normal(size=20)]:
        data, units = Dataset(np.linspace(0, 1, size), np.full(size, value)).standardize()
        assert units.y_scale == 1
        assert units.y_mean == value
        np.testing.assert_array_equal(data.y, 0)


@pytest.mark.parametrize("scale", [1e-300, 1e-170, 1e160, 1e308])
def test_standardization_at_the_ends_of_the_numbers(scale):
    """Squares neither overflow nor underflow, nor does the difference of two numbers of either sign."""
    plain = Dataset([-1.0, 0.25, 1.0], [1.0, -1.0, 0.5])
    data, units = Dataset(plain.x * scale, plain.y * scale).standardize()
    expected, of = plain.standardize()
    np.testing.assert_allclose(data.x, expected.x, rtol=1e-14)
    np.testing.assert_allclose(data.y, expected.y, rtol=1e-14)
    np.testing.assert_allclose([units.x_scale, units.y_scale], np.array([of.x_scale, of.y_scale]) * scale, rtol=1e-14)


def test_standardization_has_a_derivative_at_a_constant():
    def total(y):
        return jnp.sum(Dataset(jnp.arange(3.0), y).standardize()[0].y * jnp.array([1.0, 2.0, 4.0]))

    np.testing.assert_allclose(jax.grad(total)(jnp.full(3, 2.0)) * 3, [-4, -1, 5], rtol=1e-14)


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
    with pytest.raises(ValueError, match="`n` must be a whole number of at least"):
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


TABLES = Path(__file__).parent / "tables"


@pytest.mark.parametrize(
    ("name", "columns", "x", "y", "names"),
    [
        ("nile_with_pandas_index.csv", {}, [1871, 1872, 1873, 1874, 1875], [1120, 1160, 963, 1210, 1160],
         ("year", "flow")),
        ("planets_from_excel.csv", {"x": "Distance (AU)", "y": "Period (years)"}, [0.387, 0.723, 1, 1.524, 5.203],
         [0.241, 0.615, 1, 1.881, 11.862], ("Distance (AU)", "Period (years)")),
        ("census_with_r_index.tsv", {}, [1790, 1800, 1810, 1820], [3929214, 5308483, 7239881, 9638453],
         ("year", "population")),
        ("mile_records.csv", {}, [0, 46, 1170, 1553, 2823], [239.4, 238.0, 237.2, 234.5, 234.4],
         ("date (days since 1954-05-06)", "time, s")),
        ("sprint_with_two_names.csv", {}, [1988, 1992, 1996, 2000], [9.92, 9.96, 9.84, 9.87], ("Year", "Time (s)")),
        ("co2_with_gaps.csv", {"drop_missing": True}, [1960, 1970, 1980, 1990, 2010],
         [316.91, 325.68, 338.76, 354.45, 390.10], ("year", "co2")),
        ("noble_gases.csv", {"x": "Atomic number", "y": "Boiling point, °C"}, [2, 10, 18, 36],
         [-268.93, -246.05, -185.85, -153.42], ("Atomic number", "Boiling point, °C")),
        ("atmosphere_without_names.txt", {}, [0, 1000, 2000, 3000, 5000], [1013.25, 898.76, 795.01, 701.21, 540.48],
         ("1", "2")),
        ("world_population.csv", {}, [1e9, 2e9, 3e9, 4e9], [1804, 1927, 1960, 1974], ("population", "year")),
        ("sun.csv", {}, [0, 92 + 17 / 24 + 55 / 1440, 186 + 9 / 24 + 44 / 1440, 276 + 6 / 24 + 22 / 1440],
         [0, 23.44, 0, -23.44], ("when (days since 2021-03-20T09:37:00+00:00)", "declination")),
    ],
)  # fmt: skip
def test_tables_as_people_have_them(name, columns, x, y, names):
    table = datasets.read_table(TABLES / name, **columns)
    np.testing.assert_allclose(table.data.x, x, rtol=1e-14)
    np.testing.assert_array_equal(table.data.y, y)
    assert (table.x_name, table.y_name) == names


def test_what_was_made_of_a_table_is_said(tmp_path):
    (note,) = datasets.read_table(TABLES / "census_with_r_index.tsv").notes
    assert note == "The first column has no name and counts the rows; it was left out."
    (note,) = datasets.read_table(TABLES / "co2_with_gaps.csv", drop_missing=True).notes
    assert note == "2 of 7 rows were left out: x or y is missing."
    assert datasets.read_table(TABLES / "mile_records.csv").notes == ()
    # What lacks at the ends of rows; and numbers without names.
    path = tmp_path / "rows.csv"
    path.write_text("x,y,,\n1,2\n2,3,\n3,4,,,,\n")
    np.testing.assert_array_equal(datasets.read_csv(path).y, [2, 3, 4])
    path.write_text('"1,234,567",2\n"2,345",3\n2020,NA\n')
    np.testing.assert_array_equal(datasets.read_csv(path, drop_missing=True).x, [2345, 1234567])
    # The only x there is; and one that is asked for.
    path.write_text(",y\n0,5\n1,6\n")
    assert datasets.read_table(path)[1:4] == ("1", "y", ())
    assert datasets.read_table(TABLES / "nile_with_pandas_index.csv", x="1").x_name == "1"
    with pytest.raises(ValueError, match="column 'Planet' must hold finite numbers; line 2 is 'Mercury'"):
        datasets.read_table(TABLES / "planets_from_excel.csv")
    # A first column without a name that does not count the rows is as good as any.
    path.write_text(",y,z\n0.5,5,7\n1.5,6,8\n")
    assert datasets.read_table(path)[1:4] == ("1", "y", ())


@pytest.mark.parametrize(
    ("content", "columns", "message"),
    [
        (b"", {}, "is empty"),
        (b"\x89PNG\r\n\x1a\n\xff\xfe", {}, "is not a text file in UTF-8"),
        (b"a,b\0\n1,2\n", {}, "is not a text file"),
        (b"x,y\n1,2\n", {}, "has 1 row of data; at least 2"),
        (b"x,y\n", {}, "has 0 rows of data; at least 2"),
        (b"x\n1\n2\n", {}, "has one column"),
        (b"x,y\n1,2\n2,abc\n", {}, "column 'y' must hold finite numbers; line 3 is 'abc'"),
        (
            b"x,y\n1,nan\n2,3\n",
            {},
            "column 'y' must have no missing numbers; 1 of 2 are missing, the first in line 2.* --drop-missing",
        ),
        (b"x,y\n1,2\n2,inf\n", {}, "line 3 is 'inf'"),
        (b"x,y\n1,2\n2,\n", {}, "1 of 2 are missing, the first in line 3"),
        (b"x,y\n1,2\n2,3\n", {"y": "z"}, "has no column 'z'; it has 'x', 'y'"),
        (b"x,y\n1,2\n2,3,4,5\n", {}, "has 4 cells in line 3 and 2 in line 1; every row must have as many"),
        (b"x,y\n1,2,3\n4,5,6\n", {}, "has 3 cells in line 2 and 2 in line 1"),
        (b"My data\nx,y\n1,2\n", {}, "as many: line 1 may be a title, to be left out."),
        (b"My data\nx;y\n1;2\n", {}, "as many: line 1 may be a title, to be left out."),
        ("größe,y\n1,2\n2,3\n".encode("latin-1"), {}, "UTF-8; if it is a table, save it as UTF-8"),
        (b"x,y\n\n1\n2,3\n", {}, "has 1 cell in line 3 and 2 in line 1"),
        (b"1,2,a\n3,4,b\n5,6,c\n", {}, "has both names and numbers"),
        (b"x ,x\n1,2\n2,3\n", {}, "has two columns 'x'"),
        (b"x;y\n1,5;2.5\n2,5;3\n", {}, r"column 'x'.* line 2 is '1,5': write a decimal point, not a comma\.$"),
        (b"x;y\n1;1.234,5\n2;3\n", {}, r"line 2 is '1.234,5': write a decimal point"),
        (
            b'x;y\n1;"1,234"\n2;3\n',
            {},
            "line 2 is '1,234': write a decimal point, not a comma, or thousands without one",
        ),
        (b'x,y\n1,"two\nlines"\n2,3\n', {}, r"line 2 is 'two\\nlines'"),
        (b'x,y\n1,"2\n"\n2,3\nz,4\n', {}, r"column 'x' must hold finite numbers; line 5 is 'z'"),
        (b"t,y\n2020-01-01,2\n3,3\n", {}, "must hold dates of one kind, as '2020-01-01'; line 3 is '3'"),
        (b"t,y\n2020-01-01T12:00Z,2\n2020-01-01T12:00,3\n", {}, "dates of one kind"),
        (b"t,y\n01/02/2020,2\n02/02/2020,3\n", {}, "line 2 is '01/02/2020': write dates as 2020-01-31"),
        (
            b"t,y\n2020-02-30,2\n2020-03-01,3\n",
            {},
            "must hold dates; line 2 is '2020-02-30', which is none.",
        ),
        (
            b"t,y\n2020-02-28,2\n2020-02-30,3\n",
            {},
            "must hold dates; line 3 is '2020-02-30', which is none.",
        ),
        (b"t,y\n2020-01-01T25:00,2\n2020-01-02T00:00,3\n", {}, "line 2 is '2020-01-01T25:00', which is none."),
        (b"t,y\n2020-13,2\n2020-03,3\n", {}, "line 2 is '2020-13', which is none."),
        (b"t,y\n2020-2-30,2\n2020-03-01,3\n", {}, "line 2 is '2020-2-30': write dates as 2020-01-31."),
        (b"x,y\n1_0,2\n2,3\n", {}, "line 2 is '1_0'"),
        (b"a,x,a\n1,2,3\n2,3,4\n", {"x": "x"}, "has two columns 'a'"),
        (b"a,a\n1,2\n2,3\n", {"y": "a"}, "has two columns 'a'"),
        (b"x,y\n1,2\n2,3\n", {"x": "y", "y": "y"}, "must be two columns; both were given as 'y'"),
    ],
)
def test_bad_csv_is_one_sentence(tmp_path, content, columns, message):
    path = tmp_path / "bad.csv"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message) as caught:
        datasets.read_csv(path, **columns)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "notes"),
    [
        (b"x;y\n1,5;-2\n2,125;,5e2\n", 1),
        (b"x\ty\n1,5\t-2\n2,125\t,5e2\n", 1),
        (b"1,5;-2,0\n2,125;50,0\n", 1),
        (b"# of a device\n#x,y\n\nx,y\n1.5,-2\n2.125,50\n", 0),
        ("x,y\n1.5,-2\n2.125,50\n".encode("utf-16"), 0),
        (b"\xfe\xff" + "x\ty\r\n1.5\t-2\r\n2.125\t50\r\n".encode("utf-16-be"), 0),
    ],
)
def test_tables_of_other_countries_and_programs(tmp_path, content, notes):
    path = tmp_path / "it.csv"
    path.write_bytes(content)
    table = datasets.read_table(path)
    np.testing.assert_array_equal(table.data.x, [1.5, 2.125])
    np.testing.assert_array_equal(table.data.y, [-2, 50])
    assert table.notes == ("The commas in its numbers were read as decimal points.",) * notes


def test_lines_keep_their_numbers_below_comments(tmp_path):
    path = tmp_path / "it.csv"
    path.write_text("# one\n# two\nx,y\n1,2\n2,z\n")
    with pytest.raises(ValueError, match="line 5 is 'z'"):
        datasets.read_csv(path)


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


@pytest.mark.parametrize(
    "numbers",
    [
        np.array([3, 1, 2], ">f8"),
        np.array([3, 1, 2], ">i2"),
        np.array([3, 1, 2], np.longdouble),
        np.ma.array([3.0, 1.0, 2.0], mask=[False, False, False]),
        pd.Series([3, 1, 2]),
        pd.Series([3, 1, 2], dtype="Int64"),
        pd.Series([3, 1, 2], dtype="Float64"),
        pd.Series([3.0, 1.0, 2.0], dtype="category"),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_numbers_of_any_make_are_taken(numbers):
    data = Dataset(numbers, numbers)
    np.testing.assert_array_equal(data.x, [1, 2, 3])
    assert data.y.dtype == "float64"
    net = jspline.ReLUNet(numbers, numbers, numbers)
    np.testing.assert_array_equal(net(numbers), [14 * 4, 14 * 2, 14 * 3])
    assert Dataset(pd.Series([1, 2], dtype="Float32"), [1, 2]).x.dtype == "float32"


@pytest.mark.parametrize(
    ("numbers", "error", "message"),
    [
        (np.ma.array([1.0, 2.0], mask=[0, 1]), ValueError, "`x` must have no masked values; 1 of 2 are masked"),
        (pd.Series([1, None], dtype="Int64"), ValueError, "`x` must be finite"),
        (pd.Series(["1", "2"], dtype="category"), TypeError, "`x` must hold real numbers; got dtype category"),
        (pd.Series(["1", "2"]), TypeError, "`x` must hold real numbers"),
        (pd.Series([True, False], dtype="boolean"), TypeError, "`x` must hold real numbers; got dtype bool"),
        (
            pd.Series(pd.to_datetime(["2020-01-01", "2020-01-02"])),
            TypeError,
            "`x` must hold real numbers; got dtype date",
        ),
        (np.array([1j, 2]), TypeError, "`x` must hold real numbers; got dtype complex128"),
        ([10**400, 1], TypeError, "`x` must hold real numbers; got dtype object"),
        ([[1.0], [1.0, 2.0]], TypeError, "`x` must hold real numbers in rows of one length; got list"),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_what_is_no_number_is_refused_in_one_sentence(numbers, error, message):
    with pytest.raises(error, match=message) as caught:
        Dataset(numbers, [1.0, 2.0])
    assert "\n" not in str(caught.value)
    if "finite" not in message:  # the value of a net at NaN is NaN
        with pytest.raises(error, match=message):
            jspline.ReLUNet([1.0], [0.0], [1.0])(numbers)


def test_the_loss_is_the_half_sum():
    data = Dataset([0.0, 1.0], [1.0, 3.0], [2.0, 4.0], constant=5.0)
    net = jspline.ReLUNet([1.0], [0.0], [1.0])
    assert jspline.loss(net, data) == plain_loss(net, data) == 5 + (2 * 1 + 4 * 4) / 2


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_separators_in_quotes_do_not_count(tmp_path, separator):
    """Bug: more commas in quotes than semicolons outside made a table of one column."""
    path = tmp_path / "quoted.csv"
    rows = ['"dist, in; km\t far, far"', '"v, m; s"'], ["0", "1"], ["1", "2"], ["2", "5"]
    path.write_text("".join(separator.join(row) + "\n" for row in rows))
    table = jspline.datasets.read_table(path)
    assert (table.x_name, table.y_name) == ("dist, in; km\t far, far", "v, m; s")
    np.testing.assert_array_equal(table.data.y, [1.0, 2.0, 5.0])


SECONDS = 1.7e9 + np.arange(3601.0)


@pytest.mark.parametrize("x", [SECONDS, SECONDS.astype(int), SECONDS.tolist()])
def test_x_that_become_equal_in_float32_are_told(x):
    said = "^`x` has 3,601 distinct numbers, and 29 in float32: set jax.config.update.'jax_enable_x64', True., or sub"
    with jax.enable_x64(False), pytest.warns(UserWarning, match=said):
        data = Dataset(x, np.sin(SECONDS))
    assert np.unique(data.x).size == 29
    with warnings.catch_warnings(), jax.enable_x64(False):
        warnings.simplefilter("error")
        Dataset(SECONDS - SECONDS[0], np.sin(SECONDS))
        Dataset([1.0, 1.0, 2.0], [0.0, 1.0, 2.0])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Dataset(x, np.sin(SECONDS))


def test_a_file_of_seconds_is_not_merged_in_silence(tmp_path):
    path = tmp_path / "seconds.csv"
    path.write_text("t,y\n" + "".join(f"{t:.0f},{t % 7}\n" for t in SECONDS))
    with jax.enable_x64(False), pytest.warns(UserWarning, match="3,601 distinct numbers, and 29 in float32"):
        datasets.read_csv(path)
    assert np.unique(datasets.read_csv(path).x).size == 3601


def test_y_that_become_equal_in_float32_are_told_of_the_line_that_gave_them():
    """Bug: it said nothing of y, and of x it named a file of equinox."""
    with jax.enable_x64(False), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        Dataset(np.arange(3.0), 1e6 + np.array([0, 0.001, 0.002]))
        Dataset(SECONDS, np.sin(SECONDS))
        Dataset([0.0, 1.0, 2.0], [0.3, 0.1 + 0.2, 1.0])  # less than any fit shows
    said = [str(each.message).split(":")[0] for each in caught]
    assert said == [
        "`y` has 3 distinct numbers, and 1 in float32",
        "`x` has 3,601 distinct numbers, and 29 in float32",
    ]
    assert {each.filename for each in caught} == {__file__}
