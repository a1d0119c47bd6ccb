"""Several inputs: tables, built-in sets, reduced inputs, discrete training, deep nets, and commands that take them."""

import itertools
import json

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import xarray as xr
from matplotlib.collections import PolyCollection
from typer.testing import CliRunner

import jspline
from jspline import Dataset, Problem, ReLUNet, datasets, ensemble, landscape, plot
from jspline.cli import app
from jspline.descent import BatchNormNet, DeepNet, sharpness, train
from jspline.plot._planes import breaklines

N, H, D = 9, 6, 3


def drawn(seed=0, inputs=D):
    """A net and weighted data."""
    rng = np.random.default_rng(seed)
    net = ReLUNet(rng.normal(size=(H, inputs)), rng.normal(size=H), rng.normal(size=H), 0.3)
    return net, Dataset(rng.normal(size=(N, inputs)), rng.normal(size=N), rng.uniform(0.1, 1, size=N))


def table(tmp_path, text):
    path = tmp_path / "t.csv"
    path.write_text(text)
    return path


ABC = "a,b,c,d\n1,2,3,4\n5,6,7,8\n9,1,2,3\n"


@pytest.mark.parametrize(
    ("x", "y", "names", "row"),
    [
        (["a", "b"], "c", ("a", "b"), [5, 6]),
        ("a,b", "c", ("a", "b"), [5, 6]),
        ("d, a", None, ("d", "a"), [8, 5]),
        (["c"], "a", ("c",), [7]),
    ],
)
def test_several_columns(tmp_path, x, y, names, row):
    read = datasets.read_table(table(tmp_path, ABC), x, y)
    assert read.x_names == names
    assert read.x_name == ", ".join(names)
    assert read.y_name == (y or "b")
    np.testing.assert_array_equal(read.data.x[1], row)
    assert read.data.x.shape == (3, len(names))
    one = datasets.read_table(table(tmp_path, ABC), "a", "c")
    assert one.data.x.shape == (3,)
    assert one.x_names == ()


def test_a_column_whose_name_has_commas(tmp_path):
    path = table(tmp_path, '"a,b",a,b\n1,2,3\n4,5,6\n')
    assert datasets.read_table(path, "a,b", "a").data.x.tolist() == [1, 4]
    assert datasets.read_table(path, ["a,b", "b"], "a").data.x.tolist() == [[1, 3], [4, 6]]


def test_dates_and_missing_numbers_among_several_columns(tmp_path):
    path = table(tmp_path, "when,b,y\n2020-01-31,1,2\n2020-02-02,,3\n2020-02-03,4,5\n")
    read = datasets.read_table(path, ["when", "b"], "y", drop_missing=True)
    assert read.data.x.tolist() == [[0, 1], [3, 4]]
    assert read.x_names == ("when (days since 2020-01-31)", "b")
    assert read.notes == ("1 of 3 rows were left out: x or y is missing.",)
    with pytest.raises(ValueError, match="column 'b' must have no missing numbers; 1 of 3 are missing, the first in"):
        datasets.read_csv(path, ["when", "b"], "y")


def test_row_numbers_are_no_outputs_that_nobody_asked_for(tmp_path):
    """Bug: with x given, the first other column was that of the row numbers."""
    path = table(tmp_path, ",a,b,c\n1,2,3,4\n2,5,6,8\n")
    assert datasets.read_table(path, ["a", "b"]).y_name == "c"
    assert datasets.read_table(path, "a").y_name == "b"
    assert datasets.read_table(path, "a").notes == ()


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (["a", "q"], "c", r"has no column 'q'; it has 'a', 'b', 'c', 'd'\."),
        ("a,q", "c", r"has no column 'q'; it has"),
        (["a", "a"], "c", r"The inputs must be different columns; 'a' was given twice\."),
        (["a", "b"], "b", r"must be different columns; 'b' was given as both\."),
        (["a", "b"], "z", r"has no column 'z'"),
        ([], "c", r"`x` must name at least one column; got an empty list\."),
        (["a", "b", "c", "d"], None, r"are inputs: there must be one for the outputs\."),
        ("a,,b", "c", r"has no column ''"),
    ],
)
def test_columns_that_cannot_be(tmp_path, x, y, message):
    with pytest.raises(ValueError, match=message):
        datasets.read_csv(table(tmp_path, ABC), x, y)


def test_text_in_one_of_several_columns(tmp_path, unchecked):
    path = table(tmp_path, "a,b,c\n1,2,3\n4,five,6\n")
    with pytest.raises(ValueError, match="column 'b' must hold finite numbers; line 3 is 'five'"):
        datasets.read_csv(path, ["a", "b"], "c")
    with pytest.raises(TypeError, match=r"`x` must be the name of a column, or a list of names; got \[1, 2\]"):
        datasets.read_csv(path, [1, 2], "c")


@pytest.mark.parametrize(
    ("name", "shape", "titles", "sums"),
    [
        # Sums over the columns as R gives them (colSums), of numbers compared with two sources: SOURCES.md.
        ("trees", (31, 2), ("diameter_in", "height_ft"), [410.7, 2356.0, 935.3]),
        ("quakes", (1000, 2), ("longitude_deg", "latitude_deg"), [179462.02, -20642.75, 311371.0]),
        ("stackloss", (21, 3), ("air_flow", "water_temp", "acid_conc"), [1269.0, 443.0, 1812.0, 368.0]),
    ],
)
def test_built_in_tables(name, shape, titles, sums):
    read = datasets.load_table(name)
    assert read.data.x.shape == shape
    assert read.x_names == titles
    np.testing.assert_allclose([*np.sum(read.data.x, axis=0), np.sum(read.data.y)], sums, rtol=1e-12)
    back, units = read.data.standardize()
    np.testing.assert_allclose(units.x(back.x), read.data.x, rtol=1e-13)


def test_synthetic_sets():
    xor = datasets.load("xor")
    four = ReLUNet(xor.x, np.zeros(4), xor.y / 2)
    np.testing.assert_allclose(four(xor.x), xor.y)
    assert datasets.load_table("xor").x_names == ("x1", "x2")
    circles = datasets.circles(11, radii=(1.0, 2.0, 3.0))
    radius = np.linalg.norm(circles.x, axis=1)
    np.testing.assert_allclose(circles.y, radius - 2, atol=1e-15)
    assert np.unique(np.round(radius), return_counts=True)[1].tolist() == [3, 4, 4]
    for key in (None, jax.random.key(3)):
        data = datasets.orthogonal([1.0, -2.0, 0.5], 5, key=key)
        np.testing.assert_allclose(data.x @ data.x.T, np.eye(3), atol=1e-14)
        assert data.y.tolist() == [1, -2, 0.5]
    teacher = datasets.teacher(50, inputs=3, width=2, key=jax.random.key(0))
    assert teacher.x.shape == (50, 3)
    # Of a net of two neurons the values lie on four planes: each datum's five nearest are often on one with it.
    again = datasets.teacher(50, inputs=3, width=2, key=jax.random.key(0))
    np.testing.assert_array_equal(teacher.y, again.y)
    assert 0 < float(np.std(teacher.y)) < 3


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: datasets.circles(1), "`n` must be a whole number of at least 2"),
        (lambda: datasets.circles(radii=(1.0,)), "`radii` must be at least 2 numbers"),
        (lambda: datasets.circles(radii=(1.0, -2.0)), "`radii` must be positive"),
        (lambda: datasets.orthogonal([1.0, 2.0], 1), "`inputs` must be a whole number of at least 2"),
        (lambda: datasets.orthogonal(2.0), "`y` must be"),
        (lambda: datasets.teacher(inputs=2), "A teacher of several inputs is random: give `key`"),
        (lambda: datasets.teacher(inputs=0, key=jax.random.key(0)), "`inputs` must be a whole number of at least 1"),
        (lambda: datasets.reduce_inputs([1.0, 2.0]), "`x` must have a row for each datum"),
        (lambda: datasets.reduce_inputs(np.zeros((3, 2)), lifted=False), "`x` must not be 0 everywhere"),
    ],
)
def test_synthetic_sets_that_cannot_be(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("lifted", [True, False])
def test_reduced_inputs_are_an_isometry_and_train_alike(lifted):
    """Five data of twelve inputs, two of them parallel: with all parameters and with few the same way."""
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(5, 12)), rng.normal(size=5)
    x[4] = 2 * x[3]
    net = ReLUNet(rng.normal(size=(H, 12)), rng.normal(size=H), rng.normal(size=H) / H, 0.1)
    reduced = datasets.reduce_inputs(x, lifted=lifted)
    assert reduced.x.shape == (5, 5 if lifted else 4)
    rows = np.append(x, np.ones((5, 1)), axis=1) if lifted else x
    np.testing.assert_allclose(reduced.x @ reduced.x.T, rows @ rows.T, atol=1e-13 * np.max(rows @ rows.T))
    few = reduced.net(net)
    np.testing.assert_allclose(few(reduced.x), net(x), atol=1e-13)
    end = train(net, Dataset(x, y), optax.sgd(1e-3), 50)
    small = train(few, Problem(Dataset(reduced.x, y), biases=not lifted), optax.sgd(1e-3), 50)
    assert np.all(np.asarray(small.net.b) == 0) == lifted
    back = reduced.restore(small.net, net)
    for name in ("w", "b", "v", "b0"):
        np.testing.assert_allclose(getattr(back, name), getattr(end.net, name), atol=1e-12)
    with pytest.raises(ValueError, match=r"`net` must have w of shape \(width, 12\)"):
        reduced.net(few)
    with pytest.raises(ValueError, match="`reduced` must have w of shape"):
        reduced.restore(net, net)


def descended(net, data, rate, steps, *, biases=True, train_b0=True):
    """Gradient descent by hand."""
    w, b, v, b0, x, y, p = (np.array(part) for part in (net.w, net.b, net.v, net.b0, data.x, data.y, data.weight))
    for _ in range(steps):
        z = x @ w.T + b
        seen = z > 0
        e = p * (y - b0 - np.where(seen, z, 0) @ v)
        pulled = seen * e[:, None]
        step = v[:, None] * (pulled.T @ x), v * pulled.sum(0), np.sum(pulled * z, 0), e.sum()
        w, b, v, b0 = (
            w + rate * step[0],
            b + rate * biases * step[1],
            v + rate * step[2],
            b0 + rate * train_b0 * step[3],
        )
    return w, b, v, b0


@pytest.mark.parametrize("moves", [{}, {"biases": False, "train_b0": False}])
def test_training_is_gradient_descent(moves):
    net, data = drawn()
    if moves:
        net = ReLUNet(net.w, 0 * net.b, net.v, net.b0)
    run = train(net, Problem(data, **moves), optax.sgd(0.02), 20, learning_rate=0.02)
    for part, by_hand in zip(
        (run.net.w, run.net.b, run.net.v, run.net.b0), descended(net, data, 0.02, 20, **moves), strict=True
    ):
        np.testing.assert_allclose(part, by_hand, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(run.loss, jspline.loss(run.net, data), rtol=1e-12)
    problem = Problem(data, **moves)
    largest = np.linalg.eigvalsh(jspline.hessian(net, problem))[-1]
    np.testing.assert_allclose(run.sharpness[0], largest, rtol=1e-9)
    np.testing.assert_allclose(sharpness(net, problem), largest, rtol=1e-9)


def test_mini_batches_of_several_inputs():
    """The mean of a step over many keys is the step of gradient descent, within five standard errors."""
    net, data = drawn()
    keys = jax.random.split(jax.random.key(1), 4000)
    ends = jax.jit(jax.vmap(lambda k: train(net, data, optax.sgd(0.02), 1, batch_size=4, key=k).net.w))(keys)
    moved = np.asarray(ends) - np.asarray(net.w)
    expected = descended(net, data, 0.02, 1)[0] - np.asarray(net.w)
    error = np.abs(moved.mean(0) - expected) / (moved.std(0) / np.sqrt(len(keys)) + 1e-300)
    assert np.max(error) < 5
    held = train(net, Problem(data, train_b0=False), optax.adam(0.01), 20, batch_size=4, key=jax.random.key(0))
    assert held.net.b0 == net.b0
    assert held.loss < held.losses[0]


def test_deep_nets_of_several_inputs():
    net, data = drawn()
    deep = DeepNet.from_net(net, 2)
    assert deep.inputs == D
    np.testing.assert_allclose(deep(data.x), net(data.x), atol=1e-13)
    np.testing.assert_allclose(deep(data.x[0]), net(data.x[0]), atol=1e-13)
    assert deep(data.x.reshape(3, 3, D)).shape == (3, 3)
    sampled = DeepNet.sample((4, 5), inputs=D, key=jax.random.key(0))
    assert [w.shape for w in sampled.weights] == [(4, D), (5, 4), (1, 5)]
    wide = DeepNet.sample((4000,), inputs=8, key=jax.random.key(0))
    np.testing.assert_allclose([np.std(wide.weights[0]), np.std(wide.biases[0])], 0.5, rtol=0.05)
    run = train(sampled, data, optax.sgd(1e-2), 20)
    assert run.loss < run.losses[0]

    def loss(weights):
        hidden = data.x
        for k, (w, b) in enumerate(zip(weights, sampled.biases, strict=True)):
            hidden = (hidden if k == 0 else jax.nn.relu(hidden)) @ w.T + b[None]
        return jnp.sum(data.weight * (hidden[:, 0] - data.y) ** 2) / 2

    one = train(sampled, data, optax.sgd(1e-2), 1).net
    for new, old, slope in zip(one.weights, sampled.weights, jax.grad(loss)(sampled.weights), strict=True):
        np.testing.assert_allclose(new, old - 1e-2 * slope, atol=1e-12)


def test_nets_that_know_one_input_or_other_data():
    net, data = drawn()
    line = datasets.sine(9)
    deep = DeepNet.from_net(net)
    with pytest.raises(ValueError, match=r"A spline has one input; this net has 3\."):
        deep.to_spline()
    with pytest.raises(ValueError, match=r"`x` must end in an axis of 3, the inputs of the net; got shape \(9, 2\)"):
        deep(data.x[:, :2])
    for one in (deep, net, DeepNet.sample((3,), inputs=2, key=jax.random.key(0))):
        with pytest.raises(ValueError, match="Net and data must have the same inputs"):
            train(one, line if one is deep or one is net else data, optax.sgd(0.1), 1)
    for one in (DeepNet.sample((3,), key=jax.random.key(0)), BatchNormNet.from_net(net_of_line(), line)):
        with pytest.raises(ValueError, match=r"This is for 1 input, x of shape \(data,\); `x` has an axis of 3"):
            train(one, data, optax.sgd(0.1), 1)
    with pytest.raises(ValueError, match=r"This is for 1 input, w of shape \(width,\)"):
        BatchNormNet.from_net(net, line)
    with pytest.raises(ValueError, match="This moves the output bias"):
        train(deep, Problem(data, train_b0=False), optax.sgd(0.1), 1)


def net_of_line():
    return ReLUNet([1.0, -1.0], [0.0, 0.5], [1.0, 2.0])


def test_an_ensemble_of_several_inputs(tmp_path):
    _, data = drawn()

    def one(point, key):
        net = jspline.init.he(H, inputs=D).sample(H, key=key)
        run = train(net, data, optax.sgd(point["rate"]), 20)
        return {"loss": run.loss, "w": run.net.w}

    grid = {"rate": [0.01, 0.02], "inits": 3}
    found = ensemble.run(one, grid, key=jax.random.key(5), out=tmp_path / "run", tile=2)
    assert found.w.shape == (2, 3, H, D)
    for (k, rate), i in itertools.product(enumerate(grid["rate"]), range(3)):
        net = jspline.init.he(H, inputs=D).sample(H, key=jax.random.fold_in(jax.random.key(5), i))
        np.testing.assert_allclose(found.w[k, i], descended(net, data, rate, 20)[0], rtol=1e-10, atol=1e-12)


def square(width=5):
    """A net of two inputs and data on a square."""
    rng = np.random.default_rng(2)
    net = ReLUNet(rng.normal(size=(width, 2)), rng.normal(size=width) / 2, rng.normal(size=width), 0.1)
    return net, Dataset(rng.uniform(-1, 1, size=(N, 2)), rng.normal(size=N))


def test_breaklines_lie_on_their_planes_with_ticks_on_the_side_that_sees():
    rng = np.random.default_rng(0)
    w, b = rng.normal(size=(40, 2)), rng.normal(size=40)
    w[:2], b[:2], w[2] = np.eye(2), [-0.5, 5.0], 0  # along the axes, one of them outside; no line at all
    box, eta = np.array([[-1.0, 1.0], [-1.0, 3.0]]), rng.uniform(0.5, 1, size=40)
    eta[3] = 0.001
    lines, ticks, strength = breaklines(w, b, eta, box)
    corners = np.array(list(itertools.product(*box))) @ w.T + b
    through = (corners.min(0) < 0) & (corners.max(0) > 0) & (eta > 0.01)
    assert len(lines) == through.sum()
    np.testing.assert_allclose(strength, eta[through] / eta.max())
    for line, each, u, offset in zip(lines, ticks, w[through], b[through], strict=True):
        np.testing.assert_allclose(line @ u + offset, 0, atol=1e-12)
        assert np.all(np.any(np.isclose(line[:, :, None], box[None]), axis=(1, 2)))
        feet, ends = np.array(each).transpose(1, 0, 2) if each else np.zeros((2, 0, 2))
        np.testing.assert_allclose(feet @ u + offset, 0, atol=1e-12)
        assert np.all(ends @ u + offset > 0)


def test_contours_are_those_of_the_net():
    net, data = square()
    with plot.style("dark"):
        figure = plot.planes_figure(net, data, names=("a_$b", "c"), y_name="how much", title="t")
        ax, bar = figure.axes
        assert (ax.get_xlabel(), ax.get_ylabel(), bar.get_ylabel()) == (r"a_\$b", "c", "how much")
        filled = ax.collections[0]
    for level, path in zip(filled.levels, ax.collections[1].get_paths(), strict=True):
        inside = path.vertices[np.all(np.abs(path.vertices) < 1, axis=1)]
        if len(inside):
            np.testing.assert_allclose(net(inside), level, atol=0.02)
    # The cells of the plane are cut by the same lines.
    box = np.array([ax.get_xlim(), ax.get_ylim()])
    found = landscape.cells(net, box).polygons
    plot.planes(ax, net, data, cells=found)
    assert any(isinstance(each, PolyCollection) and len(each.get_paths()) == len(found) for each in ax.collections)
    # Colours are those of the values: data are on one scale with the function.
    points = ax.collections[4]
    np.testing.assert_array_equal(points.get_array(), data.y)
    assert points.norm is filled.norm


@pytest.mark.parametrize("inputs", [3, 5])
def test_cuts_go_through_the_medians_in_original_units(inputs):
    rng = np.random.default_rng(3)
    raw = Dataset(5 + 2 * rng.normal(size=(N, inputs)), 100 + rng.normal(size=N))
    data, units = raw.standardize()
    net = ReLUNet(rng.normal(size=(H, inputs)), rng.normal(size=H), rng.normal(size=H))
    figure = plot.planes_figure(net, data, units=units, names=[f"n{k}" for k in range(inputs)], title="t")
    shown = min(inputs, 4)
    assert len(figure.axes) == shown * (shown + 1) // 2 + 1
    at, whole = np.median(raw.x, axis=0), units.restore(net)
    curves = [ax for ax in figure.axes if ax.lines]
    assert len(curves) == shown
    for ax in curves:
        k = int(ax.get_xlabel()[1:])
        x, y = ax.lines[0].get_data()
        np.testing.assert_allclose(whole(np.where(np.arange(inputs) == k, x[:, None], at)), y, rtol=1e-10)


def test_pictures_that_cannot_be(unchecked):
    net, data = square()
    three, other = drawn()
    ax = plot.planes_figure(net, data).axes[0]
    with pytest.raises(ValueError, match="`net` must have 2 inputs; got 3: `planes_figure` cuts through more"):
        plot.planes(ax, three, other)
    with pytest.raises(ValueError, match="`net` must have 1 input; got 2"):
        plot.cut(ax, net, data)
    with pytest.raises(ValueError, match="Net and data must be one each, and have the same inputs"):
        plot.planes(ax, net, other)
    with pytest.raises(ValueError, match="`net` must have at least 2 inputs, and each of them a name; got 2 and 1"):
        plot.planes_figure(net, data, names=["a"])


def run(*arguments):
    return CliRunner().invoke(app, ["hessian", *map(str, arguments)])


def test_the_hessian_of_several_inputs(tmp_path):
    path = table(tmp_path, "t,a,b,y\n0,1,2,3\n1,3,0,1\n2,2,2,0\n3,0,1,5\n4,4,4,1\n")
    result = run(path, "--x", "a,t,b", "--y", "y", "--width", 4, "--out", tmp_path / "o")
    assert result.exit_code == 0, result.output
    said = ["5 points, 5 distinct a, t, b; all columns standardized", "21 parameters", "products of matrices"]
    assert [phrase for phrase in said if phrase not in result.output] == []
    assert "Knots" not in result.output
    ds = xr.open_dataset(tmp_path / "o" / "hessian.nc")
    assert ds.input.values.tolist() == ["a", "t", "b"]
    assert ds.params.values.tolist()[:4] == ["w[0, 0]", "w[0, 1]", "w[0, 2]", "w[1, 0]"]
    w, b, v, b0 = np.split(ds.theta.values, [12, 16, 20])
    net = ReLUNet(w.reshape(4, 3), b, v, b0[0])
    data = Dataset(ds.x.values, ds.y.values, ds.weight.values)
    by_autodiff = jspline.hessian(net, data, method="autodiff")
    np.testing.assert_allclose(ds.hessian, by_autodiff, atol=1e-12)
    agreement = json.loads((tmp_path / "o" / "run.json").read_text())["agreement"]
    assert agreement["autodiff"] < 1e-14
    assert agreement["finite_differences"] < 1e-8


def test_the_hessian_of_a_built_in_set(tmp_path):
    result = run("trees", "--width", 4, "--init", "balanced", "--out", tmp_path / "o")
    assert result.exit_code == 0, result.output
    assert "31 points, 29 distinct diameter_in, height_ft" in result.output
    assert (tmp_path / "o" / "hessian.png").stat().st_size > 20_000
