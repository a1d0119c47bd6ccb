"""Hessian, Gram matrix, products and kernels against autodiff; spectra against dense ones; why eigenvalues vanish."""

from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import degenerate, plain_loss, random_data, random_net, relative, size_of_terms
from hypothesis import given
from hypothesis import strategies as st
from jax.flatten_util import ravel_pytree

import jspline
from jspline import Dataset, ReLUNet, Spline, curvature
from jspline.problem import Problem

TOLERANCE = {"float64": 1e-12, "float32": 1e-5}
ELSEWHERE = np.array([0.25, -3.0, 1.0, 0.3])


def parameters(point):
    return 3 if isinstance(point, ReLUNet) else 2


def plain(point, x):
    """f(x) as one writes it, for autodiff."""
    if isinstance(point, ReLUNet):
        return point.b0 + jax.nn.relu(x[:, None] * point.w[None] + point.b[None]) @ point.v
    ahead = x[:, None] - point.beta[None]
    return point.b0 + jnp.where(point.s[None] * ahead > 0, ahead, 0) @ point.mu


def by_autodiff(point, data):
    """Hessian, Jacobian at the data and Jacobian elsewhere, from the definitions; the s of a spline is no parameter."""
    parts = (point.w, point.b, point.v, point.b0) if isinstance(point, ReLUNet) else (point.beta, point.mu, point.b0)
    vector, restore = ravel_pytree(parts)

    def rebuild(theta):
        parts = restore(theta)
        return ReLUNet(*parts) if isinstance(point, ReLUNet) else Spline(*parts[:2], point.s, parts[2])

    def half_square(theta):
        return jnp.sum(data.weight * (data.y - plain(rebuild(theta), data.x)) ** 2) / 2

    at = [
        jax.jacobian(lambda theta, x=x: plain(rebuild(theta), x))(vector)
        for x in (data.x, jnp.asarray(ELSEWHERE, vector.dtype))
    ]
    return jax.hessian(half_square)(vector), *at


@eqx.filter_jit
def pairs(point, data, vector):
    """Fast and slow, side by side."""
    H, J, K = by_autodiff(point, data)
    G = J.T @ (data.weight[:, None] * J)
    away = jnp.asarray(ELSEWHERE, vector.dtype)
    _, grad = jspline.value_and_grad(point, data)
    tangent = curvature._parameters.tangent(point, vector)
    return {
        "hessian": (jspline.hessian(point, data), H),
        "autodiff": (jspline.hessian(point, data, method="autodiff"), H),
        "gram": (jspline.gram(point, data), G),
        "dense gram": (jspline.gram(point, data, method="dense"), G),
        "hvp": (jspline.hvp(point, data, vector), H @ vector),
        "gram vp": (jspline.hvp(point, data, vector, matrix="gram"), G @ vector),
        "ntk": (jspline.ntk(point, data.x), J @ J.T),
        "ntk elsewhere": (jspline.ntk(point, data.x, away), J @ K.T),
        "jacobian": (curvature.jacobian(point, data), J),
        "diagonal": (curvature._lanczos.gram_diagonal(point, jspline.Problem(data)), jnp.diag(H)),
        # Without b0, the last row and column are gone (of the kernel, its 1).
        "no b0": (jspline.hessian(point, Problem(data, train_b0=False)), H[:-1, :-1]),
        "hvp, no b0": (jspline.hvp(point, Problem(data, train_b0=False), vector[:-1]), H[:-1, :-1] @ vector[:-1]),
        "ntk, no b0": (jspline.ntk(point, away, data.x, train_b0=False), (K @ J.T) - 1),
        # Vectors may be nets, as gradients are.
        "hvp of a net": (curvature._parameters.flat(jspline.hvp(point, data, tangent), True), H @ vector),
        "gradient": (
            curvature._parameters.flat(grad, True),
            jax.grad(
                lambda u: jspline.loss(jax.tree.map(jnp.add, point, curvature._parameters.tangent(point, u)), data)
            )(0 * vector),
        ),
    }  # fmt: skip


@given(case=degenerate(), chart=st.sampled_from(["net", "spline"]), dtype=st.sampled_from(["float64", "float32"]))
def test_degenerate_placements(case, chart, dtype):
    w, b, v, b0, x, y, weight = (np.asarray(part, dtype) for part in case)
    net, data = ReLUNet(w, b, v, b0), Dataset(x, y, weight)
    point = net if chart == "net" else eqx.filter_jit(ReLUNet.to_spline)(net)
    P = parameters(point) * net.width + 1
    vector = np.cos(np.arange(P, dtype=dtype))
    # Columns are as large as w x + b, v x, v and 1; entries add up their products, and residuals times x.
    column = 1 + np.max(np.abs(v)) * (1 + np.max(np.abs(x))) + np.max(np.abs(w) * np.max(np.abs(x)) + np.abs(b))
    column = max(column, 1 + 12 * np.max(np.abs(v)))
    scale = size_of_terms(w, b, v, b0, x, y, weight) + (1 + np.sum(weight)) * column**2
    for name, (value, reference) in pairs(point, data, vector).items():
        assert value.dtype == dtype, name
        assert relative(value, reference, np.full(1, P * scale)) <= TOLERANCE[dtype], name


@pytest.mark.parametrize(
    ("size", "width", "chart", "dtype"),
    [
        (1, 1, "net", "float64"),
        (40, 9, "net", "float32"),
        (40, 9, "spline", "float64"),
        (4, 60, "net", "float64"),
        (300, 2, "net", "float64"),
    ],
)
def test_random_nets(key, dtype, size, width, chart):
    k = jax.random.split(key, 3)
    point, data = random_net(k[0], width, dtype), random_data(k[1], size, dtype)
    point = point if chart == "net" else point.to_spline()
    vector = jax.random.normal(k[2], (parameters(point) * width + 1,), dtype)
    for name, (value, reference) in pairs(point, data, vector).items():
        assert relative(value, reference) <= 10 * TOLERANCE[dtype], name


def test_finite_differences_inside_a_cell(key):
    """Central differences of the plain loss itself, the second opinion: (L(+ +) - L(+ -) - L(- +) + L(- -)) / 4 h^2."""
    k = jax.random.split(key)
    net, data = random_net(k[0], 5), random_data(k[1], 9)
    # No breakpoint comes near a datum: the differences stay inside the cell.
    h = 1e-4
    assert np.min(np.abs(np.outer(data.x, net.w) + np.asarray(net.b))) > 2 * h * (1 + np.max(np.abs(data.x)))
    vector, rebuild = ravel_pytree(net)
    P = len(vector)
    loss = jax.jit(jax.vmap(lambda theta: plain_loss(rebuild(theta), data)))
    steps = h * np.eye(P)
    corners = [[(a * steps[i] + b * steps[j]) for i in range(P) for j in range(P)] for a in (1, -1) for b in (1, -1)]
    values = np.asarray(loss(np.asarray(vector)[None] + np.concatenate(corners))).reshape(4, P, P)
    differences = (values[0] - values[1] - values[2] + values[3]) / (4 * h**2)
    assert relative(jspline.hessian(net, data), differences) <= 1e-6


def test_far_from_the_origin_float32_keeps_its_digits():
    rng = np.random.default_rng(0)
    x, beta, w = 1000 + rng.uniform(-1, 1, 200), 1000 + rng.uniform(-1, 1, 30), rng.normal(size=30)
    w, b = np.float32(w), np.float32(-w * beta)
    v, y, x = (np.float32(a) for a in (rng.normal(size=30), rng.normal(size=200), x))
    narrow = jspline.ntk(ReLUNet(w, b, v), x, train_b0=False)
    wide = jspline.ntk(*(ReLUNet(*(np.float64(a) for a in (w, b, v))), np.float64(x)), train_b0=False)
    assert relative(narrow, wide) <= 1e-5
    # The part that sees the differences of x, against the size of the part that does not (10^6 times larger).
    narrow = jspline.gram(ReLUNet(w, b, v), Dataset(x, y))
    wide = jspline.gram(ReLUNet(*(np.float64(a) for a in (w, b, v))), Dataset(np.float64(x), np.float64(y)))
    H = len(w)
    activations = np.ix_(range(2 * H, 3 * H), range(2 * H, 3 * H))
    assert relative(narrow[activations], wide[activations]) <= 1e-3


def test_batches(key):
    nets = jax.vmap(lambda k: random_net(k, 6))(jax.random.split(key, 3))
    data = random_data(key, 9)
    functions = {
        "hessian": lambda n: jspline.hessian(n, data),
        "gram": lambda n: jspline.gram(n, data),
        "ntk": lambda n: jspline.ntk(n, data.x),
        "hvp": lambda n: jspline.hvp(n, data, jnp.arange(19.0)),
        "spectrum": lambda n: jspline.spectrum(n, data),
        "gram spectrum": lambda n: jspline.spectrum(n, data, matrix="gram"),
    }
    together = jax.jit(jax.vmap(lambda n: {name: f(n) for name, f in functions.items()}))(nets)
    for i in range(3):
        net = jax.tree.map(lambda leaf, i=i: leaf[i], nets)
        alone = jax.jit(lambda n: {name: f(n) for name, f in functions.items()})(net)
        assert relative(jax.tree.map(lambda leaf, i=i: leaf[i], together), alone) <= 1e-11


# Spectra.


@pytest.mark.parametrize("size", [9, 40])
def test_spectrum_through_the_smaller_side(key, size):
    k = jax.random.split(key)
    net, data = random_net(k[0], 7), random_data(k[1], size)
    H, J, _ = by_autodiff(net, data)
    dense = jnp.linalg.eigvalsh(J.T @ (data.weight[:, None] * J))
    assert relative(jspline.spectrum(net, data, matrix="gram"), dense) <= 1e-13
    assert relative(jspline.spectrum(net, data), jnp.linalg.eigvalsh(H)) <= 1e-13
    # At an interpolant the Hessian takes the side of the Gram matrix, whose zeros are exact.
    exact = Dataset(data.x, jspline.predict(net, data), data.weight)
    values = jspline.spectrum(net, exact)
    assert relative(values, dense) <= 1e-13
    assert np.sum(np.asarray(values) == 0) >= 22 - size


def test_the_matrix_of_a_dead_net_has_zeros():
    """Bug: ARPACK's error of a starting vector that is zero."""
    net, data = ReLUNet([1.0, 1.0], [-9.0, -9.0], [1.0, 1.0]), Dataset([0.0, 1.0, 2.0], [0.0, 1.0, 0.0])
    for which in ("largest", "smallest"):
        found = curvature.extreme_eigenvalues(net, Problem(data, train_b0=False), 3, which=which)
        np.testing.assert_array_equal(found.values, 0)
        np.testing.assert_array_equal(found.vectors @ found.vectors.T, np.eye(3))
        found = curvature.extreme_eigenvalues(net, data, 2, which=which)
        np.testing.assert_allclose(found.values, [0, 3] if which == "largest" else [0, 0], atol=1e-14)


def test_extreme_eigenvalues_and_their_errors(key):
    k = jax.random.split(key)
    net, data = random_net(k[0], 30), random_data(k[1], 50)
    for matrix in ("hessian", "gram"):
        dense = jspline.spectrum(net, data, matrix=matrix)
        for which, expected in (("largest", dense[-4:]), ("smallest", dense[:4])):
            if (matrix, which) == ("gram", "smallest"):
                continue  # many zeros: any of them would do
            found = curvature.extreme_eigenvalues(net, data, 4, which=which, matrix=matrix)
            # The outermost is found, and the others are eigenvalues: of a double one, perhaps one copy.
            outermost = -1 if which == "largest" else 0
            np.testing.assert_allclose(found.values[outermost], expected[outermost], atol=1e-11 * dense[-1])
            nearest = np.min(np.abs(np.asarray(dense)[None] - np.asarray(found.values)[:, None]), axis=1)
            assert np.all(nearest <= 1e-11 * dense[-1])
            assert np.all(found.error <= 1e-11 * dense[-1])
            product = jax.vmap(lambda u, m=matrix: jspline.hvp(net, data, u, matrix=m))(found.vectors)
            np.testing.assert_allclose(product, found.values[:, None] * found.vectors, atol=1e-11 * dense[-1])
            np.testing.assert_allclose(found.vectors @ found.vectors.T, np.eye(4), atol=1e-12)


def test_spectral_density_against_the_dense_spectrum(key):
    """Bounds of 5 standard errors, of 40 probes: of the 8 statements here one is false with probability below 1e-4."""
    k = jax.random.split(key, 3)
    net, data = random_net(k[0], 60), random_data(k[1], 80)
    dense = np.asarray(jspline.spectrum(net, data))
    density = curvature.spectral_density(net, data, key=k[2], steps=50, probes=40)
    np.testing.assert_allclose(density.weights.sum(axis=1), 1, atol=1e-12)
    np.testing.assert_allclose(density.trace, dense.sum(), rtol=1e-12)
    for power in (1, 2):
        mean, error = density.moment(power)
        assert abs(mean - np.sum(dense**power)) <= 5 * error
    t = np.quantile(dense, [0.1, 0.9, 0.99])
    mean, error = density.cdf(t)
    assert np.all(np.abs(mean - np.mean(dense[None] <= t[:, None], axis=1)) <= 5 * np.asarray(error) + 0.01)
    width = 0.1 * dense[-1]
    grid = np.linspace(dense[0], dense[-1], 3)
    mean, error = density.pdf(grid, width)
    exact = np.mean(np.exp(-(((grid[:, None] - dense) / width) ** 2) / 2), axis=1) / (width * np.sqrt(2 * np.pi))
    assert np.all(np.abs(mean - exact) <= 5 * np.asarray(error))
    np.testing.assert_allclose(density.nodes.max(), dense[-1], rtol=1e-9)


def test_lanczos_ends_with_the_krylov_space(key):
    """Five data: six different eigenvalues. What comes after them has no weight, and is no eigenvalue."""
    k = jax.random.split(key, 3)
    net, data = random_net(k[0], 40), random_data(k[1], 5)
    dense = np.asarray(jspline.spectrum(net, data, matrix="gram"))
    density = curvature.spectral_density(net, data, key=k[2], steps=20, probes=2, matrix="gram")
    for nodes, weights in zip(np.asarray(density.nodes), np.asarray(density.weights), strict=True):
        heavy = nodes[weights > 1e-12]
        np.testing.assert_allclose(np.unique(np.round(heavy, 6)), np.unique(np.round([0, *dense[-5:]], 6)), atol=2e-6)


def test_delta_slopes(key):
    k = jax.random.split(key)
    spline, data = random_net(k[0], 30).to_spline(), random_data(k[1], 8)
    modes = curvature.delta_slopes(spline, data)
    Phi = jax.jacobian(lambda mu: plain(eqx.tree_at(lambda s: s.mu, spline, mu), data.x))(spline.mu)
    mu_only = jspline.hessian(spline, data)[30:60, 30:60]
    np.testing.assert_allclose(mu_only, Phi.T @ np.diag(data.weight) @ Phi, atol=1e-12)
    np.testing.assert_allclose(modes.V @ np.diag(modes.S**2) @ modes.V.T, mu_only, atol=1e-11)
    seen, unseen = modes.split(spline.mu)
    np.testing.assert_allclose(seen + unseen, spline.mu, atol=1e-14)
    np.testing.assert_allclose(Phi @ unseen, 0, atol=1e-11)
    np.testing.assert_allclose(np.linalg.pinv(Phi) @ (Phi @ spline.mu), seen, atol=1e-10)
    assert modes.rank == np.linalg.matrix_rank(Phi)


# Theorem 5.


def counterexample():
    """Theory and print differ: all of the gradient vanishes here, and the loss still curves down."""
    return ReLUNet([1.0], [0.5], [0.0], 0.3), Dataset([-2.0, -1.0, 1.0, 2.0, 3.0], [1.0, -1.0, 2.0, -1.0, 0.5])


def test_theorem_5_needs_v_not_zero():
    net, data = counterexample()
    _, grad = jspline.value_and_grad(net, data)
    assert relative(grad, jax.tree.map(jnp.zeros_like, grad)) <= 1e-15
    verdict = jspline.landscape.theorem5(net, data)
    assert verdict.critical
    assert not verdict.holds
    assert verdict.silent == 1
    assert "v = 0" in verdict.reason
    escape = curvature.escape_direction(net, data)
    np.testing.assert_allclose(escape.curvature, -0.0466, atol=5e-5)
    step = jax.tree.map(lambda p, d: p + 0.05 * d, net, escape.direction)
    assert plain_loss(step, data) < plain_loss(net, data) - 1e-5


def test_theorem_5_holds_at_critical_points_with_all_v(key):
    k = jax.random.split(key)
    net, data = random_net(k[0], 6), random_data(k[1], 30)
    assert jspline.landscape.theorem5(net, data).reason.startswith("The point is not critical")
    assert curvature.escape_direction(net, data) is not None
    # The least squares lines of all pieces, made continuous by taking them as the data.
    interpolated = Dataset(data.x, jspline.predict(net, data), data.weight)
    assert jspline.landscape.theorem5(net, interpolated).holds
    assert jspline.landscape.theorem5(net, interpolated, tol=1e-6).tolerance == 1e-6  # Bug: a NameError
    assert curvature.escape_direction(net, interpolated) is None
    assert curvature.escape_direction(net.to_spline(), interpolated) is None
    pinned = eqx.tree_at(lambda n: n.b, net, net.b.at[2].set(-net.w[2] * data.x[4]))
    verdict = jspline.landscape.theorem5(pinned, Dataset(data.x, jspline.predict(pinned, data), data.weight))
    assert (verdict.holds, verdict.on_data) == (False, 1)


def test_escape_by_lanczos_agrees_with_the_dense_way(key, monkeypatch):
    k = jax.random.split(key)
    net, data = random_net(k[0], 20), random_data(k[1], 30)
    dense = curvature.escape_direction(net, data)
    monkeypatch.setattr(curvature._spectrum, "DENSE", 0)
    by_lanczos = curvature.escape_direction(net, data)
    np.testing.assert_allclose(dense.curvature, by_lanczos.curvature, rtol=1e-10)


# The census.


def check_census(net, data, matrix, train_b0=True, tol=None):
    """Counts add up to the eigenvalues that autodiff's matrix has at 0; vectors are null, and independent."""
    modes = jspline.zero_modes(net, Problem(data, train_b0=train_b0), matrix=matrix, tol=tol)
    H, J, _ = jax.jit(by_autodiff)(net, data)
    full = np.asarray(H if matrix == "hessian" else J.T @ (data.weight[:, None] * J))
    full = full if train_b0 else full[:-1, :-1]
    values = np.linalg.eigvalsh(full)
    limit = (tol or 1e-12) * np.max(np.abs(values))
    assert np.sum(np.abs(values) <= limit) == modes.nullity == sum(modes.counts.values())
    vectors = np.concatenate(list(modes.vectors.values()))
    assert np.linalg.norm(full @ vectors.T, axis=0).max(initial=0) <= 10 * limit
    for rows in modes.vectors.values():
        np.testing.assert_allclose(rows @ rows.T, np.eye(len(rows)), atol=1e-12)
    if len(vectors):
        assert np.linalg.svd(vectors, compute_uv=False)[-1] > 1e-6
    return modes


def one_of_each():
    """An ordinary neuron, a left-facing one, a constant unit, two dead ones, a silent one, a silent constant one."""
    w = [1.0, -2.0, 0.0, 0.0, 1.0, 0.5, 0.0]
    b = [0.3, 0.4, 0.5, -0.3, -90.0, 0.1, 1.0]
    return ReLUNet(w, b, [1.0, 2.0, 0.7, 1.0, 2.0, 0.0, 0.0], 0.3)


def test_census_of_every_cause(key):
    net, data = one_of_each(), random_data(key)
    gram = check_census(net, data, "gram")
    assert {c: n for c, n in gram.counts.items() if n} == {"dead": 6, "silent": 5, "constant": 2, "scale": 2}
    assert [curvature.CAUSES[i] for i in gram.neurons] == [
        "scale",
        "scale",
        "constant",
        "dead",
        "dead",
        "silent",
        "silent",
    ]
    # Without b0 a constant unit stands for it: one direction less each.
    counts = check_census(net, data, "gram", train_b0=False).counts
    assert (counts["silent"], counts["constant"]) == (4, 1)
    # Away from critical points the scale is not null, and v = 0 keeps one.
    hessian = check_census(net, data, "hessian")
    assert {c: n for c, n in hessian.counts.items() if n} == {"dead": 6, "silent": 2}
    # Where b0 is at its optimum, a constant unit has E = 0 and trades b against b0; X does not matter.
    mean = jnp.sum(data.weight * (data.y - jspline.predict(net, data))) / jnp.sum(data.weight)
    level = eqx.tree_at(lambda n: n.b0, net, net.b0 + mean)
    counts = check_census(level, data, "hessian").counts
    assert (counts["constant"], counts["silent"], counts["scale"]) == (1, 2, 0)
    assert "of dead neurons" in str(hessian)


@pytest.mark.parametrize("width", [3, 25])
def test_census_at_other_points(key, width):
    """Crowded or lonely, critical or not, with few data and with many: everything is explained."""
    for i in range(4):
        k = jax.random.split(jax.random.fold_in(key, i), 2)
        net, data = random_net(k[0], width), random_data(k[1], 9)
        interpolated = Dataset(data.x, jspline.predict(net, data), data.weight)
        for matrix in ("gram", "hessian"):
            for each in (data, interpolated):
                assert check_census(net, each, matrix).counts["unexplained"] == 0
        # As many conditions as data, on what R does not see: one direction per neuron, three of a dead one, and b0.
        H_modes = jspline.zero_modes(net, data)
        alive = np.sum(H_modes.neurons != curvature.CAUSES.index("dead"))
        assert sum(H_modes.counts[cause] for cause in ("few", "shared", "functional")) >= alive + 1 - 9


@pytest.mark.slow
def test_census_of_a_thousand_lonely_critical_points(key):
    """Corollary 3: N non-zero eigenvalues, 3 H + 1 - N zeros, each with a cause."""
    rng = np.random.default_rng(5)
    N, H, draws = 4, 16, 6000
    x = np.sort(rng.uniform(-1, 1, (draws, N)))
    beta, v = rng.uniform(-1.3, 1.3, (draws, H)), rng.normal(size=(draws, H))
    w = rng.choice([-1, 1], (draws, H)) * rng.uniform(0.5, 2, (draws, H))
    # Lonely, and not so close to crowded that double precision could not tell.
    place = np.sum(beta[:, None] < x[:, :, None], axis=2)
    good = np.all(np.diff(place) > 0, axis=1) & (np.min(np.abs(x[:, :, None] - beta[:, None]), axis=(1, 2)) > 3e-3)
    good &= (np.min(np.abs(v), axis=1) > 3e-3) & (np.min(np.diff(x), axis=1) > 0.05)
    chosen = np.flatnonzero(good)[:1000]
    assert len(chosen) == 1000
    x, w, v, beta = x[chosen], w[chosen], v[chosen], beta[chosen]
    p = rng.uniform(0.5, 2, x.shape)

    @jax.jit
    @jax.vmap
    def problem(w, b, v, b0, x, p):
        net = ReLUNet(w, b, v, b0)
        data = Dataset(x, plain(net, x), p)
        return net, data, jnp.linalg.eigvalsh(by_autodiff(net, data)[0])

    *problems, values = problem(w, -w * beta, v, rng.normal(size=1000), x, p)
    net, data = jax.tree.map(np.asarray, problems)
    zeros = np.sum(np.abs(values) <= 1e-12 * np.asarray(values)[:, -1:], axis=1)
    np.testing.assert_array_equal(zeros, 3 * H + 1 - N)
    for i in range(1000):
        modes = jspline.zero_modes(*jax.tree.map(lambda leaf, i=i: jnp.asarray(leaf[i]), (net, data)))
        assert modes.nullity == sum(modes.counts.values()) == 3 * H + 1 - N
        assert modes.counts["unexplained"] == 0


@pytest.mark.slow
def test_census_at_the_end_of_exact_flows(key):
    """The same where the flow went: strong breakpoints, five data, to a loss of 1e-22."""
    data = Dataset(x := jnp.linspace(-1, 1, 5), jnp.sin(3 * x))
    law = jspline.init.UniformBreakpoints(-1.2, 1.2, scale=30.0)
    nets = jax.vmap(lambda k: jspline.init.flat(law.sample(20, key=k)))(jax.random.split(key, 12))
    sols = jax.jit(jax.vmap(partial(jspline.flow, problem=data, t1=1e4, rtol=1e-6, atol=1e-12, loss_tol=1e-22)))(nets)
    lonely = 0
    for i in range(12):
        net = jax.tree.map(lambda leaf, i=i: leaf[i], sols.net)
        beta = np.sort(net.to_spline().beta)
        if not np.all(np.diff(np.searchsorted(beta, x)) > 0) or sols.loss[i] > 1e-22:
            continue
        lonely += 1
        assert jspline.landscape.theorem5(net, data).holds
        modes = check_census(net, data, "hessian", tol=1e-9)
        assert modes.nullity == 3 * 20 + 1 - 5
        assert modes.counts["unexplained"] == 0
    assert lonely >= 6


# What is refused.


def test_bad_input(key, unchecked):
    net, data = random_net(key, 4), random_data(key, 5)
    with pytest.raises(ValueError, match="`method` must be 'structured' or 'autodiff'; got 'fast'"):
        jspline.hessian(net, data, method="fast")
    with pytest.raises(ValueError, match="`method` must be 'structured' or 'dense'"):
        jspline.gram(net, data, method="autodiff")
    with pytest.raises(ValueError, match="`matrix` must be 'hessian' or 'gram'"):
        jspline.spectrum(net, data, matrix="fisher")
    with pytest.raises(ValueError, match=r"`vector` must have one entry per parameter, \(13,\); got shape \(12,\)"):
        jspline.hvp(net, data, jnp.zeros(12))
    with pytest.raises(ValueError, match="less than the 13 parameters; got 13"):
        curvature.extreme_eigenvalues(net, data, 13)
    with pytest.raises(ValueError, match="`probes` must be a whole number of at least 2; got 1"):
        curvature.spectral_density(net, data, key=key, probes=1)
    with pytest.raises(ValueError, match="one net and one data set"):
        jspline.hessian(jax.tree.map(lambda leaf: leaf[None], net), data)
    with pytest.raises(TypeError, match=r"`net` must be a jspline.ReLUNet or a jspline.Spline; got Polar"):
        jspline.ntk(net.to_polar(), data.x)
    with pytest.raises(ValueError, match=r"vectors of at least one point; got shape \(0,\)"):
        jspline.ntk(net, [])
    for function in (jspline.zero_modes, curvature.extreme_eigenvalues):
        with pytest.raises(ValueError, match=r"under jax\.jit"):
            jax.jit(function)(net, data)


def test_what_does_not_fit_is_refused_with_its_size():
    wide = jax.eval_shape(lambda: random_net(jax.random.key(0), 200_000))
    data = Dataset([0.0, 1.0], [0.0, 1.0])
    for function in (jspline.hessian, jspline.gram):
        with pytest.raises(ValueError, match=r"600,001 x 600,001 parameters takes 2,880\.0 GB.*jspline.hvp"):
            jax.eval_shape(function, wide, data)
    many = jax.eval_shape(lambda: random_data(jax.random.key(0), 400_000))
    with pytest.raises(ValueError, match="A kernel of 400,000 x 400,000 data takes"):
        jax.eval_shape(lambda n, d: jspline.spectrum(n, d, matrix="gram"), wide, many)
    with pytest.raises(ValueError, match="ask for fewer steps"):
        jax.eval_shape(lambda n, d: curvature.spectral_density(n, d, key=jax.random.key(0), steps=10_000), wide, data)


def test_nan_is_not_hidden(key):
    net, data = random_net(key, 4), random_data(key, 5)
    spoiled = eqx.tree_at(lambda n: n.v, net, net.v.at[1].set(jnp.nan))
    for result in (jspline.hessian(spoiled, data), jspline.ntk(spoiled, data.x)):
        assert np.isnan(np.asarray(result)).any()
    assert np.isnan(jspline.hvp(spoiled, data, jnp.ones(13))).any()
    with pytest.raises(ValueError, match="must be finite"):
        jspline.zero_modes(spoiled, data)
