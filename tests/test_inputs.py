"""Many inputs: charts, loss, gradient, curvature, null directions, and the kernel regime, against plain definitions."""

import warnings
from types import SimpleNamespace

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.linalg
import scipy.stats
from helpers import relative
from test_every_function import CASES, problem
from test_problem import TAKING

import jspline
from jspline import Breakplanes, Dataset, Problem, ReLUNet, curvature, datasets, dynamics, init, kernel, landscape
from jspline.curvature import flat, jacobian, tangent

N, H = 9, 6
DIMENSIONS = [pytest.param(d, marks=pytest.mark.full if d in (2, 5, 20) else ()) for d in (1, 2, 3, 5, 20)]


def draw(rng, inputs, *, degenerate=False, biases=True, dtype=float):
    """A net and weighted data; degenerate: ties, a weight of 0, neurons with v = 0 and w = 0, dead, two in one cell."""
    w, b, v = rng.normal(size=(H, inputs)), rng.normal(size=H), rng.normal(size=H)
    x, y, p = rng.normal(size=(N, inputs)), rng.normal(size=N), rng.uniform(0.1, 1, size=N)
    if degenerate:
        x[1], p[2], v[0], w[1], b[1] = x[0], 0, 0, 0, abs(b[1])
        w[2], b[2], w[4], b[4] = 0, -1, 2 * w[3], 2 * b[3]
    if not biases:
        b[:] = 0
    net = ReLUNet(*(np.asarray(part, dtype) for part in (w, b, v, 0.3)))
    return net, Dataset(*(np.asarray(part, dtype) for part in (x, y, p)))


def stacked(items):
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *items)


def draws(inputs, count, seed=0, dtype=float, biases=True):
    rng = np.random.default_rng(seed)
    pairs = [draw(rng, inputs, degenerate=k % 3 == 0, biases=biases, dtype=dtype) for k in range(count)]
    return stacked([net for net, _ in pairs]), stacked([data for _, data in pairs])


def lifted(net, data, problem):
    """u, x~ and what is seen, in numpy; without biases u is w."""
    w, b, x = (np.asarray(part, float) for part in (net.w, net.b, data.x))
    seen = x @ w.T + b > 0
    if problem.biases:
        w, x = np.concatenate([w, b[:, None]], 1), np.concatenate([x, np.ones((len(x), 1))], 1)
    return w, x, seen


def plainly(net, problem, vector):
    """Everything by automatic differentiation of the definition."""
    data = problem.data

    def fit(theta):
        moved = jax.tree.map(jnp.add, net, tangent(net, theta, problem.biases))
        hidden = jnp.sum(data.x[:, None] * moved.w[None], axis=2) + moved.b[None]
        return moved.b0 + jnp.sum(jnp.where(hidden > 0, hidden, 0) * moved.v[None], axis=1)

    def loss(theta):
        return jnp.sum(data.weight * (fit(theta) - data.y) ** 2) / 2

    origin = jnp.zeros_like(vector)
    J = jax.jacobian(fit)(origin)
    gram = J.T @ (data.weight[:, None] * J)
    hessian = jax.hessian(loss)(origin)
    return {
        "loss": loss(origin),
        "gradient": jax.grad(loss)(origin),
        "jacobian": J,
        "hessian": hessian,
        "gram": gram,
        "hvp": hessian @ vector,
        "gvp": gram @ vector,
        "ntk": J @ J.T,
        "diagonal": jnp.diagonal(gram),
    }


def quickly(net, problem, vector):
    """The same by the package."""
    moving = problem.train_b0, problem.biases
    value, gradient = jspline.value_and_grad(net, problem)
    return {
        "loss": value,
        "gradient": flat(gradient, *moving),
        "jacobian": jacobian(net, problem),
        "hessian": curvature.hessian(net, problem),
        "gram": curvature.gram(net, problem),
        "hvp": curvature.hvp(net, problem, vector),
        "gvp": curvature.hvp(net, problem, vector, matrix="gram"),
        "ntk": curvature.ntk(net, problem.data.x, train_b0=problem.train_b0, biases=problem.biases),
        "diagonal": curvature._lanczos.gram_diagonal(net, problem),
    }


@pytest.mark.parametrize("biases", [True, False])
@pytest.mark.parametrize("inputs", DIMENSIONS)
def test_autodiff_agrees(inputs, biases):
    """60 nets, every third degenerate; with biases b0 moves too, without them not."""
    nets, data = draws(inputs, 60, biases=biases)
    vector = jnp.cos(jnp.arange(float(H * (inputs + 1 + biases) + biases)))

    def both(net, data):
        problem = Problem(data, biases=biases, train_b0=biases)
        return quickly(net, problem, vector), plainly(net, problem, vector)

    found, expected = jax.jit(jax.vmap(both))(nets, data)
    for name, value in found.items():
        bound = 1e-12 if name in ("loss", "gradient", "jacobian") else 1e-11
        for k in range(60):
            assert relative(value[k], expected[name][k]) <= bound, (name, k)


@pytest.mark.parametrize("inputs", DIMENSIONS)
def test_float32_keeps_its_digits(inputs):
    """Within 100 eps times the size of the terms: of what is added up, without signs."""
    exact, exact_data = draws(inputs, 20, seed=1)
    nets, data = (jax.tree.map(lambda leaf: leaf.astype(jnp.float32), each) for each in (exact, exact_data))
    exact, exact_data = (jax.tree.map(lambda leaf: leaf.astype(jnp.float64), each) for each in (nets, data))
    vector = np.cos(np.arange(H * (inputs + 2.0) + 1))
    found = jax.jit(jax.vmap(lambda n, d: quickly(n, Problem(d), vector.astype(np.float32))))(nets, data)
    expected = jax.jit(jax.vmap(lambda n, d: quickly(n, Problem(d), vector)))(exact, exact_data)
    w, b, v = (np.abs(np.asarray(part)) for part in (exact.w, exact.b, exact.v))
    x, y, p = (np.abs(np.asarray(part)) for part in (exact_data.x, exact_data.y, exact_data.weight))
    for k in range(20):
        heights = x[k] @ w[k].T + b[k]
        column = 1 + np.max(heights) + np.max(v[k]) * (1 + np.max(x[k]))
        residual = y[k] + 0.3 + heights @ v[k]
        terms = np.sum(p[k] * residual**2) + (1 + np.sum(p[k] * (1 + residual))) * column**2
        for name, value in found.items():
            assert value.dtype == jnp.float32, name
            size = terms * (len(vector) if name in ("hvp", "gvp") else 1)
            assert (
                np.max(np.abs(np.asarray(value[k], float) - expected[name][k])) <= 100 * np.finfo(np.float32).eps * size
            ), name


@pytest.mark.parametrize("biases", [True, False])
@pytest.mark.parametrize("count", [20, pytest.param(250, marks=pytest.mark.full)])
def test_rank_and_census(count, biases):
    """The rank of J is that of the constant and of each distinct cell's lifted data, all v != 0; null directions by
    cause are as many as counted neuron by neuron and cell by cell, are null, and add up."""
    rng = np.random.default_rng(3)
    for k in range(count):
        inputs = (2, 3)[k % 2]
        net, data = draw(rng, inputs, degenerate=k % 4 == 0, biases=biases)
        problem = Problem(data, biases=biases)
        u, x, seen = lifted(net, data, problem)
        v, weighs = np.asarray(net.v), np.asarray(data.weight) > 0
        x, seen = x[weighs], seen[weighs]
        ranks = np.array([np.linalg.matrix_rank(x[cell]) if cell.any() else 0 for cell in seen.T])
        alive = seen.any(axis=0)
        d = u.shape[1]
        modes = curvature.zero_modes(net, problem, matrix="gram")
        J = np.sqrt(np.asarray(data.weight))[:, None] * np.asarray(jacobian(net, problem))
        rank = np.linalg.matrix_rank(J)
        assert modes.nullity == J.shape[1] - rank == sum(modes.counts.values())
        assert modes.counts["unexplained"] == 0
        if np.all(v != 0):
            cells = np.unique(seen[:, alive], axis=1).T
            spans = [np.ones((len(x), 1)), *(cell[:, None] * x for cell in cells)]
            assert rank == np.linalg.matrix_rank(np.concatenate(spans, axis=1))
            shared = 0
            for cell in cells:
                members = np.all(seen == cell[:, None], axis=0)
                shared += (np.sum(members) - 1) * ranks[members][0]
            assert modes.counts["dead"] == (d + 1) * np.sum(~alive)
            assert modes.counts["few"] == np.sum((d - ranks)[alive])
            assert modes.counts["scale"] + modes.counts["constant"] >= np.sum(alive)
            if not np.any(modes.neurons == curvature.CAUSES.index("constant")):
                assert modes.counts["shared"] == shared
        for cause, vectors in modes.vectors.items():
            assert np.max(np.abs(J @ vectors.T), initial=0) <= 1e-10, cause
        hessian = curvature.zero_modes(net, problem)
        assert sum(hessian.counts.values()) == hessian.nullity
        matrix = np.asarray(curvature.hessian(net, problem))
        for cause, vectors in hessian.vectors.items():
            assert np.max(np.abs(matrix @ vectors.T), initial=0) <= 1e-9 * np.max(np.abs(matrix)), cause


def test_one_input_as_the_first_of_several():
    """(width, 1) with (data, 1) gives what (width,) with (data,) does, everywhere."""
    rng = np.random.default_rng(5)
    net, data = draw(rng, 1, degenerate=True)
    order = np.argsort(np.asarray(data.x)[:, 0])
    data = Dataset(data.x[order], data.y[order], data.weight[order])
    line, on_line = ReLUNet(net.w[:, 0], net.b, net.v, net.b0), Dataset(data.x[:, 0], data.y, data.weight)
    vector = np.cos(np.arange(3.0 * H + 1))
    assert relative(quickly(net, Problem(data), vector), quickly(line, Problem(on_line), vector)) <= 1e-12
    assert relative(curvature.spectrum(net, data), curvature.spectrum(line, on_line)) <= 1e-12
    for matrix in ("gram", "hessian"):
        many, one = (curvature.zero_modes(*each, matrix=matrix) for each in ((net, data), (line, on_line)))
        assert many.counts == one.counts
    for t in (0.7, np.inf):
        assert relative(kernel.flow(net, data, t).v, kernel.flow(line, on_line, t).v) <= 1e-10
    assert float(data.tie_constant()) == pytest.approx(float(on_line.tie_constant()), rel=1e-12)
    assert relative(data.merged().y, on_line.merged().y) == 0
    one, of_one = data.standardize()
    other, of_other = on_line.standardize()
    assert relative(one.x[:, 0], other.x) <= 1e-14
    assert relative(of_one.restore(net).b, of_other.restore(line).b) <= 1e-14
    assert relative(jspline.roughness(net), jspline.roughness(line)) <= 1e-14
    with pytest.warns(UserWarning, match="no breakplane"):
        planes = net.to_breakplanes()
    with pytest.warns(UserWarning, match="no breakpoint"):
        spline = line.to_spline()
    assert relative((planes.xi[:, 0], planes.xi[:, 0] * planes.gamma, planes.xi[:, 0] * planes.eta, planes.b0),
                    (spline.s, spline.beta, spline.mu, spline.b0)) <= 1e-15  # fmt: skip
    with pytest.warns(UserWarning, match="no breakplane"):
        on_the_line = line.to_breakplanes()
    assert relative(on_the_line.to_spline(), spline) <= 1e-15


@pytest.mark.parametrize("inputs", [1, 3])
def test_charts_and_their_fields(inputs):
    """Both ways by the charge; the fields are the flow of (w, b, v) seen in the chart, and minus the metric times the
    gradient in it."""
    net, data = draw(np.random.default_rng(7), inputs)
    c = jspline.charge(net)
    np.testing.assert_allclose(c, net.v**2 - jnp.sum(net.w**2, axis=1) - net.b**2, rtol=1e-13)
    planes, polar = net.to_breakplanes(), net.to_polar()
    x = np.random.default_rng(8).normal(size=(4, 2, inputs))
    for chart in (planes, polar):
        assert relative(chart(x), net(x)) <= 1e-14
        assert relative(jspline.roughness(chart), jspline.roughness(net)) <= 1e-14
        assert relative(jspline.total_delta_slope(chart), jspline.total_delta_slope(net)) <= 1e-14
    assert relative(planes.to_net(c), net) <= 1e-14
    assert relative(polar.to_net(), net) <= 1e-14
    np.testing.assert_allclose(jnp.linalg.norm(planes.xi, axis=1), 1, rtol=1e-15)

    velocity = dynamics.net_field(net, data)
    for to_chart, field in [
        (ReLUNet.to_breakplanes, dynamics.breakplane_field(planes, c, data)),
        (ReLUNet.to_polar, dynamics.polar_field(polar, data)),
    ]:
        _, expected = jax.jvp(to_chart, (net,), (velocity,))
        assert relative(field, expected, jax.tree.map(lambda leaf: 1 + jnp.abs(leaf), expected)) <= 1e-12

    def loss(eta, gamma):
        return jspline.loss(Breakplanes(eta, planes.xi, gamma, planes.b0).unit_net(), data)

    of_eta, of_gamma = jax.grad(loss, argnums=(0, 1))(planes.eta, planes.gamma)
    metric = planes.metric(c)
    moved = -jnp.einsum("hij,hj->hi", metric.gamma_eta, jnp.stack([of_gamma, of_eta], axis=1))
    field = dynamics.breakplane_field(planes, c, data)
    assert relative((moved[:, 0], moved[:, 1]), (field.gamma, field.eta)) <= 1e-12
    size = jnp.sum(net.w**2, axis=1)
    determinant = jnp.linalg.det(metric.gamma_eta) * metric.xi ** (inputs - 1)
    root = jnp.sqrt(c**2 + 4 * (1 + planes.gamma**2) * planes.eta**2)
    np.testing.assert_allclose(determinant, root / size**inputs, rtol=1e-10)


def test_symmetries_and_degenerate_planes():
    net, data = draw(np.random.default_rng(9), 3, degenerate=True)
    x = data.x
    assert relative(jspline.rescale(net, np.arange(1.0, H + 1))(x), net(x)) <= 1e-14
    assert relative(jspline.rescale(net, 2.0).to_polar().r, net.to_polar().r) <= 1e-14
    plain, _ = draw(np.random.default_rng(9), 3)
    mixed = jax.tree.map(lambda leaf: leaf[::-1] if leaf.ndim else leaf, plain)
    assert relative(mixed.to_breakplanes().sort(), plain.to_breakplanes().sort()) == 0
    with pytest.warns(UserWarning, match="2 of 6 neurons have w = 0 and no breakplane: 1 constant"):
        planes = net.to_breakplanes()
    assert relative(planes(x), net(x)) <= 1e-14
    with pytest.warns(UserWarning, match="1 of 6 neurons have eta = 0 and a charge >= 0"):
        back = planes.to_net(jnp.ones(H))
    assert relative(jspline.charge(back), np.ones(H)) <= 1e-13
    assert back.v[0] == 1
    assert relative(back(x), net(x)) <= 1e-13
    mirrored = init.flat(net, "mirror")
    assert np.max(np.abs(mirrored(x))) == 0
    padded, problem = jspline.pad(net, data, width=H + 2, size=N + 3)
    assert relative(jspline.loss(padded, problem), jspline.loss(net, data)) <= 1e-15


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_far_from_the_origin(dtype):
    """A shift of the data, which the biases follow, changes nothing of the function: numbers exact in either dtype."""
    rng = np.random.default_rng(19)
    w, x = rng.integers(-8, 9, size=(H, 3)) / 4, rng.integers(-8, 9, size=(N, 3)) / 8
    b, v, y = rng.integers(-8, 9, size=H) / 16, rng.normal(size=H), rng.normal(size=N)
    shift = np.array([256.0, -512.0, 128.0])

    def numbers(shift):
        net = ReLUNet(*(np.asarray(part, dtype) for part in (w, b - w @ shift, v, 0.3)))
        data = Dataset(np.asarray(x + shift, dtype), np.asarray(y, dtype))
        (value, grad), lost = jspline.value_and_grad(net, data), net.degenerate()
        hessian, reduced = curvature.hessian(net, data), datasets.reduce_inputs(data.x)
        ridge = kernel.ridge(net, data, 0.1)
        return {
            "loss": value,
            "gradient": (grad.w - grad.b[:, None] * shift.astype(dtype)[None], grad.b, grad.v),
            "of v": hessian[-H - 1 :, -H - 1 :],
            "kernel of v": curvature.ntk(eqx.tree_at(lambda n: n.v, net, 0 * net.v), data.x),
            "fit": jspline.predict(kernel.flow(net, data, 0.5), data),
            "ridge": (ridge(data.x), ridge.variance(data.x)),
            "planes": net.to_breakplanes().gamma - jnp.asarray(net.to_breakplanes().xi @ shift.astype(dtype)),
            "reduced": reduced.x.shape,
            "lost": lost,
        }

    near, far = numbers(0 * shift), numbers(shift)
    tolerance = {"float64": 1e-11, "float32": 2e-3}[dtype]
    for name, value in near.items():
        assert relative(far[name], value, jax.tree.map(lambda leaf: 1 + np.abs(leaf), value)) <= tolerance, name


def test_kernel_flow_is_that_of_the_linear_system():
    """By the matrix exponential, also where there are more data than features; its derivative by differences."""
    for inputs, biases in [(3, True), (2, False)]:
        net, data = draw(np.random.default_rng(11), inputs, biases=biases)
        w, b, x = (np.asarray(part) for part in (net.w, net.b, data.x))
        features = np.concatenate([np.maximum(x @ w.T + b, 0), np.ones((N, 1))], axis=1)
        residual, p = np.asarray(data.y - net(data.x)), np.asarray(data.weight)
        # theta' = F^T P (r - F theta), with the integral of the exponential in a block of its own.
        M = features.T @ (p[:, None] * features)
        block = np.block([[-M, (features.T @ (p * residual))[:, None]], [np.zeros((1, H + 2))]])
        gain = scipy.linalg.expm(1.3 * block)[:-1, -1]
        moved = kernel.flow(net, Problem(data, biases=biases), 1.3)
        assert relative((moved.v, moved.b0), (net.v + gain[:-1], net.b0 + gain[-1])) <= 1e-12
        np.testing.assert_array_equal(moved.w, net.w)

        def fit(w, net=net, data=data):
            return kernel.flow(ReLUNet(w, net.b, net.v, net.b0), data, 1.3)(data.x[0] + 0.1)

        direction = jnp.asarray(np.random.default_rng(12).normal(size=net.w.shape))
        _, slope = jax.jvp(fit, (net.w,), (direction,))
        difference = (fit(net.w + 1e-6 * direction) - fit(net.w - 1e-6 * direction)) / 2e-6
        np.testing.assert_allclose(slope, difference, rtol=1e-7)
        np.testing.assert_allclose(jnp.vdot(jax.grad(fit)(net.w), direction), slope, rtol=1e-10)


@pytest.mark.parametrize("train", ["v", "all"])
def test_ridge_is_the_gaussian_process(train):
    """Against dense algebra with the kernel of the Jacobian; a weight of 0 is a datum that is not there."""
    net, data = draw(np.random.default_rng(13), 3)
    weight = data.weight.at[4].set(0)
    problem = Problem(Dataset(data.x, data.y, weight), train_b0=train == "all")
    points = np.random.default_rng(14).normal(size=(2, 5, 3))
    fit = kernel.ridge(net, problem, 0.05, train=train)
    kept = np.asarray(weight) > 0
    own = ReLUNet(net.w, net.b, net.v * float(train == "all"), net.b0)

    def K(x1, x2):
        return np.asarray(curvature.ntk(own, x1, x2, train_b0=problem.train_b0))

    x, flat_points = np.asarray(data.x)[kept], points.reshape(-1, 3)
    noisy = K(x, x) + np.diag(0.05 / np.asarray(weight)[kept])
    residual = np.asarray(data.y - net(data.x))[kept]
    across = K(flat_points, x)
    mean = np.asarray(net(points)) + (across @ np.linalg.solve(noisy, residual)).reshape(2, 5)
    assert relative(fit(points), mean) <= 1e-10
    left = np.diag(K(flat_points, flat_points) - across @ np.linalg.solve(noisy, across.T))
    assert relative(fit.variance(points), left.reshape(2, 5)) <= 1e-9
    density = scipy.stats.multivariate_normal(np.zeros(kept.sum()), noisy).logpdf(residual)
    np.testing.assert_allclose(fit.log_marginal_likelihood, density, rtol=1e-10)


@pytest.mark.parametrize(("inputs", "biases"), [(None, True), (2, True), (3, False)])
def test_ridge_of_a_law_is_the_limit_of_its_nets(inputs, biases):
    """The mean of the kernel over 400,000 neurons, within 5 standard errors, for either set of parameters."""
    law = init.Gaussian(0.8, 0.5, 1.5, inputs)
    rng, count = np.random.default_rng(15), 400_000
    x = rng.normal(size=(4, *(() if inputs is None else (inputs,))))
    x[1] = x[0] * 1.0001
    data = Dataset(x, np.ones(4))
    x = np.asarray(data.x)
    w = 0.8 * rng.normal(size=(count, inputs or 1))
    b, v = 0.5 * rng.normal(size=count) * biases, 1.5 * rng.normal(size=count)
    height = x.reshape(4, -1) @ w.T + b
    products = x.reshape(4, -1) @ x.reshape(4, -1).T + biases
    for train in ("v", "all"):
        fit = kernel.ridge(law, Problem(data, train_b0=False, biases=biases), 0.1, train=train, width=7)
        exact = np.asarray(fit.kernel(data.x, data.x)) / 7
        for i in range(4):
            for j in range(4):
                each = np.maximum(height[i], 0) * np.maximum(height[j], 0)
                if train == "all":
                    each = each + products[i, j] * v**2 * (height[i] > 0) * (height[j] > 0)
                assert abs(np.mean(each) - exact[i, j]) <= 5 * np.std(each) / count**0.5, (train, i, j)
    assert np.all(np.linalg.eigvalsh(exact) > -1e-12)


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda n, d: ReLUNet(n.w, n.b[:3], n.v), "`w` must have a row for each neuron"),
        (lambda n, d: ReLUNet(np.zeros((H, 0)), n.b, n.v), "a column for each input, at least one"),
        (lambda n, d: ReLUNet(np.zeros((2, H, 3)), n.b, n.v), "must be vectors of one length"),
        (lambda n, d: Dataset(d.x.T, d.y), "`x` must have a row for each datum"),
        (lambda n, d: Dataset(np.full((3, 2), np.nan), np.ones(3)), "`x` must be finite"),
        (lambda n, d: Dataset(np.ones((3, 2)), np.ones(3)).standardize(), "All x are equal"),
        (lambda n, d: Breakplanes(n.v, 2 * n.w, n.b), "`xi` must be of length 1"),
        (lambda n, d: n(np.ones((4, 2))), "`x` must end in an axis of 3"),
        (lambda n, d: n(0.0), "`x` must end in an axis of 3"),
        (lambda n, d: n.to_spline(), "A spline has one input"),
        (lambda n, d: n.to_breakplanes().to_spline(), "A spline has one input"),
        (lambda n, d: n.to_breakplanes().to_net(np.ones(2)), "`charge` must be a scalar or one per neuron"),
        (lambda n, d: jspline.roughness(n, interval=(0, 1)), "A spline has one input"),
        (lambda n, d: jspline.loss(n, Dataset(d.x[:, :2], d.y)), "Net and data must have the same inputs"),
        (lambda n, d: jspline.loss(n, Dataset(d.x[:, 0], d.y)), "Net and data must have the same inputs"),
        (lambda n, d: jspline.loss(ReLUNet(n.v, n.b, n.v), Dataset(d.x[:, :1], d.y)), "Net and data must have"),
        (lambda n, d: jspline.loss(n, d, method="sorted"), "Several inputs have no order"),
        (lambda n, d: jspline.loss(n, Problem(d, biases=False)), "no hidden biases"),
        (lambda n, d: curvature.ntk(n, np.ones(3)), r"`x1` and `x2` must be of shape \(points, 3\)"),
        (lambda n, d: curvature.hvp(n, d, ReLUNet(n.v, n.b, n.v)), "must have the width of the net, 6, and its inputs"),
        (lambda n, d: d.standardize()[1].restore(ReLUNet(n.v, n.b, n.v)), "must have the inputs of the data"),
        (lambda n, d: kernel.ridge(n, d, 0.0), "`penalty` must be positive"),
        (lambda n, d: kernel.ridge(n, d, 1.0, width=3), "`width` is for laws"),
        (lambda n, d: kernel.ridge(init.Gaussian(1.0, 1.0, 1.0), d, 1.0, width=3), "Law and data must have the same"),
        (lambda n, d: kernel.ridge(init.Gaussian(1.0, 1.0, 1.0, 3), d, 1.0), "`width` must be a whole number"),
        (lambda n, d: jspline.flow(n, d, 1.0, rtol=1e-3, atol=1e-6), r"This is for 1 input, x of shape \(data,\)"),
    ],
)  # fmt: skip
def test_one_sentence(act, message):
    net, data = draw(np.random.default_rng(17), 3)
    with pytest.raises(ValueError, match=message):
        act(net, data)


def test_a_law_without_a_kernel():
    with pytest.raises(TypeError, match=r"known of a net and of an init\.Gaussian; got Uniform"):
        kernel.ridge(init.Uniform(1.0, 1.0, 1.0), Dataset([0.0, 1.0], [0.0, 1.0]), 1.0, width=3)


KNOWING = {
    *(
        f"curvature.{name}"
        for name in ("escape_direction", "extreme_eigenvalues", "gram", "hessian", "hvp", "jacobian")
    ),
    *("curvature.spectral_density", "curvature.spectrum", "curvature.zero_modes", "landscape.theorem5"),
    *("kernel.flow", "kernel.min_norm", "objective.loss", "objective.predict", "dynamics.net_field"),
    *("dynamics.polar_field", "dynamics.breakplane_field", "kernel.ridge", "descent.train", "descent.sharpness"),
    *(f"landscape.{name}" for name in ("alignment_maximisers", "is_critical", "slice_gamma", "slice_line")),
    "landscape.slice_rotation",
}
"""What works for any number of inputs, of the functions of nets and data in the registry."""


@pytest.mark.parametrize("name", sorted(set(TAKING) & set(CASES)))
def test_every_function_knows_several_inputs_or_says_that_it_does_not(name):
    points = problem()
    w = np.stack([points.net.w, np.arange(6.0) / 4], axis=1)
    net = ReLUNet(w, points.net.b, points.net.v, points.net.b0)
    data = Dataset(np.stack([points.data.x, points.data.y], axis=1), points.data.y)
    changed = SimpleNamespace(**{**vars(points), "net": net, "plain": net, "data": data})
    if name in KNOWING:
        found = CASES[name](changed)
        # Shares off the data, and the sharpness that was not asked for, are NaN.
        part = {"landscape.is_critical": "gradient", "descent.train": "net"}.get(name)
        found = getattr(found, part) if part else found
        for leaf in filter(eqx.is_inexact_array_like, jax.tree.leaves(found)):
            assert np.all(np.isfinite(leaf))
        return
    with pytest.raises(ValueError, match=r"for 1 input|one input|the same inputs"):
        CASES[name](changed)


def test_known_biases_are_refused_however_they_are_given():
    net, data = draw(np.random.default_rng(21), 3)
    problem = Problem(data, biases=False)
    for call in (
        lambda: kernel.ridge(net, problem, 1.0),
        lambda: jspline.hessian(problem=problem, net=net),
        lambda: jspline.loss(net, method="dense", problem=problem),
        lambda: curvature.hvp(vector=np.ones(4 * H + 1), net=net, problem=problem),
    ):
        with pytest.raises(ValueError, match="no hidden biases"):
            call()


def test_a_penalty_below_rounding_is_said():
    x = np.array([[0.0, 0.0], [1.0, 2.0], [1.0, 2.0], [-3.0, 0.5]])
    law = init.Gaussian(1.2, 0.7, 0.9, 2)
    far = Dataset(np.asarray(x + 1e3, np.float32), np.asarray([1, 2, 2.5, 0], np.float32))
    with pytest.warns(UserWarning, match="The penalty is below the rounding of the kernel"):
        kernel.ridge(law, far, 1.0, width=3)
    with pytest.raises(ValueError, match="`penalty` must be above the rounding of the kernel"):
        kernel.ridge(law, Dataset(x, [1.0, 2.0, 2.5, 0.0]), 1e-300, width=3)


def test_a_column_that_is_constant_but_for_rounding_keeps_its_scale():
    data, units = Dataset([[0.0, 1e6], [1.0, np.nextafter(1e6, 2e6)], [2.0, 1e6]], [1.0, 2.0, 3.0]).standardize()
    assert units.x_scale[1] == 1
    assert np.max(np.abs(data.x[:, 1])) <= 1e-9


def test_separation_at_the_ends_of_the_range():
    assert float(init.separation_probability([1e308, 0.0], [-1e308, 0.0])) == 1
    assert float(init.separation_probability([1.0, 0.0], [0.0, 1.0], sigma_w=1e-200, sigma_b=1e200)) <= 1e-30
    rows = init.separation_probability([[1e-200, 0.0], [1e200, 0.0]], [[0.0, 1e-200], [0.0, 1e200]], sigma_b=0.0)
    np.testing.assert_allclose(rows, 0.5, rtol=1e-15)
    with pytest.raises(ValueError, match="pairs of 200,000 data takes"):
        init.Gaussian(1.0, 1.0, 1.0, 2).unseparated_pairs(np.zeros((200_000, 2)), 10)


def test_planes_at_the_origin_and_rows_that_are_none():
    metric = Breakplanes([0.0], [[0.0, 0.0]], [1.0]).metric(0.5)
    assert not np.any(np.isnan(metric.gamma_eta))
    with pytest.raises(ValueError, match="of length 1"):
        Breakplanes([1.0], [[1.0009, 0.0]], [1.0])


def test_infinite_nets_and_data_without_weight():
    data = Dataset([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]], [0.0, 1.0, 1.0])
    with pytest.raises(ValueError, match="`w` must be finite"):
        landscape.is_critical(ReLUNet([[1.0, np.inf]], [0.0], [1.0]), data)
    weightless = Dataset(data.x, data.y, np.zeros(3))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert landscape.is_critical(ReLUNet([[1.0, 0.5]], [0.1], [1.0]), weightless).critical


def test_many_inputs_are_drawn_by_a_small_program():
    law = init.he(5, inputs=784)
    program = str(jax.make_jaxpr(lambda key: law.sample(5, key=key).w)(jax.random.key(0)))
    assert len(program.splitlines()) < 100
    assert law.sample(5, key=jax.random.key(0)).w.shape == (5, 784)
