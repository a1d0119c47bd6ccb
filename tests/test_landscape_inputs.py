"""The landscape for any number of inputs, against dense evaluation in numpy, autodiff and brute force."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import nnls

import jspline
from jspline import Dataset, Problem, ReLUNet, landscape

N, D, H = 6, 2, 4
TOLERANCE = {"float64": 1e-12, "float32": 2e-5}
T = np.arange(-24, 25) / 8


def degenerate(seed, inputs=D):
    """Multiples of 1/2, few of them: data tie and lie on breakplanes, weights, w and v are 0."""
    rng = np.random.default_rng(seed)
    axis = () if inputs is None else (inputs,)
    x, w = rng.integers(-3, 4, (N, *axis)) / 2, rng.integers(-2, 3, (H, *axis)) / 2
    b, v, y = rng.integers(-2, 3, H) / 2, rng.integers(-2, 3, H) / 2, rng.integers(-3, 4, N) / 2
    return (w, b, v, 0.25), (x, y, rng.integers(0, 3, N) / 2)


def generic(seed, inputs=D, width=H, size=N):
    rng = np.random.default_rng(seed)
    w, b, v = (rng.normal(size=shape) for shape in ((width, inputs), width, width))
    return (w, b, v, 0.3), (rng.normal(size=(size, inputs)), rng.normal(size=size), rng.uniform(0.1, 1, size))


def made(case, dtype="float64"):
    net, data = ([np.asarray(part, dtype) for part in parts] for parts in case)
    return ReLUNet(*net), Dataset(*data, constant=np.asarray(0.5, dtype))


def plain(net, data, i, us):
    """The loss with u_i = (w_i, b_i) at each row of `us`, by the definition, in float64."""
    w, b, v, x, y, p = (np.asarray(part, float) for part in (net.w, net.b, net.v, data.x, data.y, data.weight))
    w, x = w.reshape(len(b), -1), x.reshape(len(y), -1)
    others = np.delete(np.arange(len(b)), i)
    rest = y - float(net.b0) - np.maximum(x @ w[others].T + b[others], 0) @ v[others]
    heights = np.asarray(us)[:, :-1] @ x.T + np.asarray(us)[:, -1:]
    return 0.5 + np.sum(p * (rest - v[i] * np.maximum(heights, 0)) ** 2, axis=1) / 2


def neuron(net, i):
    return np.append(np.asarray(net.w[i], float).reshape(-1), float(net.b[i]))


def turned(u, towards, angles):
    ahead = u / np.linalg.norm(u)
    beside = towards - ahead * (ahead @ towards)
    beside /= np.linalg.norm(beside)
    return np.linalg.norm(u) * (np.cos(angles)[:, None] * ahead + np.sin(angles)[:, None] * beside)


def size_of(net, data):
    """Of what is added up while a neuron moves by up to 10."""
    w, b, v, x, y, p = (np.abs(np.asarray(part, float)) for part in (net.w, net.b, net.v, data.x, data.y, data.weight))
    w, x = w.reshape(len(b), -1), x.reshape(len(y), -1)
    reach = (x @ w.T + b + 10 * (1 + x.sum(axis=1))[:, None]) @ v
    return 1 + float(np.sum(p * (y + 1 + reach) ** 2))


DIRECTIONS = [np.array([1.0, -0.5, 0.5]), np.array([0.0, 0.0, 1.0]), np.array([0.5, 1.0, 0.0])]


@pytest.mark.parametrize("inputs", [D, None])
def test_slices_are_the_loss(inputs, dtype):
    seen = 0
    for seed in range(25):
        net, data = made(degenerate(seed, inputs), dtype)
        bound, u = TOLERANCE[dtype] * size_of(net, data), neuron(net, 0)
        direction = DIRECTIONS[seed % 3][-len(u) :]
        t = np.asarray(T, dtype)
        ours = landscape.slice_line(net, data, 0, direction)
        assert ours.knots.dtype == dtype
        assert np.all(np.diff(ours.knots[np.isfinite(ours.knots)]) >= 0)
        assert np.max(np.abs(np.asarray(ours(t)) - plain(net, data, 0, u + T[:, None] * direction))) <= bound
        if np.any(u[:-1]):
            size = np.linalg.norm(u[:-1])
            moved = np.column_stack([np.tile(u[:-1], (len(T), 1)), -T * size])
            ours = landscape.slice_gamma(net, data, 0)
            assert np.max(np.abs(np.asarray(ours(t)) - plain(net, data, 0, moved))) <= bound
        if np.linalg.matrix_rank([u, direction]) == 2:
            ours, moved = landscape.slice_rotation(net, data, 0, direction), turned(u, direction, 2 * T)
            assert np.max(np.abs(np.asarray(ours(2 * t)) - plain(net, data, 0, moved))) <= bound
            seen += 1
    assert seen > 10


def test_derivatives_of_slices_are_those_of_the_loss():
    """Between the knots by autodiff of the loss along the path; on a knot, from either side, beside it."""
    direction = DIRECTIONS[0]
    for seed in range(3):
        net, data = made(generic(seed))
        found = [
            (landscape.slice_line(net, data, 1, direction), on_a_line),
            (landscape.slice_gamma(net, data, 1), shifted),
            (landscape.slice_rotation(net, data, 1, direction), around),
        ]
        for ours, path in found:
            slope = slopes(net, data, path, jnp.asarray(T))
            np.testing.assert_allclose(ours.derivative(T), slope, atol=1e-12 * size_of(net, data))
            knots = np.asarray(ours.knots)
            for side, by in (("left", -1e-9), ("right", 1e-9)):
                beside = slopes(net, data, path, jnp.pad(jnp.asarray(knots + by), (0, len(T) - len(knots))))
                np.testing.assert_allclose(ours.derivative(knots, side), beside[: len(knots)], atol=1e-6)


def on_a_line(u, t):
    return u + t * jnp.asarray(DIRECTIONS[0])


def shifted(u, t):
    return jnp.append(u[:-1], -t * jnp.linalg.norm(u[:-1]))


def around(u, t):
    ahead = u / jnp.linalg.norm(u)
    beside = DIRECTIONS[0] - ahead * (ahead @ DIRECTIONS[0])
    return jnp.linalg.norm(u) * (jnp.cos(t) * ahead + jnp.sin(t) * beside / jnp.linalg.norm(beside))


@eqx.filter_jit
def slopes(net, data, path, t):
    def loss(t):
        u = path(jnp.append(net.w[1], net.b[1]), t)
        moved = eqx.tree_at(lambda n: (n.w, n.b), net, (net.w.at[1].set(u[:-1]), net.b.at[1].set(u[-1])))
        heights = jax.nn.relu(data.x @ moved.w.T + moved.b[None])
        return jnp.sum(data.weight * (data.y - moved.b0 - heights @ moved.v) ** 2) / 2

    return jax.vmap(jax.grad(loss))(t)


def test_a_shift_at_one_input_is_the_slice_in_the_breakpoint(dtype):
    for seed in range(10):
        (w, b, v, b0), (x, *rest) = degenerate(seed, None)
        w[0] = w[0] or -1.0
        net, data = made(((w, b, v, b0), (x, *rest)), dtype)
        along, s = landscape.slice_breakpoint(net, data, 0), np.sign(w[0])
        column = ReLUNet(net.w[:, None], net.b, net.v, net.b0), Dataset(data.x[:, None], data.y, data.weight)
        bound = TOLERANCE[dtype] * size_of(net, data)
        for ours, constant in ((landscape.slice_gamma(net, data, 0), 0), (landscape.slice_gamma(*column, 0), 0.5)):
            np.testing.assert_array_equal(ours.knots, np.sort(s * np.asarray(data.x)))
            np.testing.assert_allclose(np.asarray(ours(np.asarray(s * T, dtype))) + constant, along(T), atol=bound)
            slope = np.asarray(ours.derivative(np.asarray(s * T, dtype), "right" if s > 0 else "left"))
            np.testing.assert_allclose(s * slope, along.derivative(T), atol=50 * bound)


def test_a_small_loss_keeps_its_digits():
    """Nothing cancels: a loss of 1e-21 comes out to the accuracy of the residuals, not of 1e-16."""
    (w, b, v, b0), (x, _, p) = generic(0)
    net = ReLUNet(w, b, v, b0)
    for i in range(H):
        fitted = Dataset(x, net(x) + 1e-10 * np.cos(np.arange(N)), p)
        expected = np.sum(p * np.asarray(fitted.y - net(x)) ** 2) / 2
        found = [
            landscape.slice_line(net, fitted, i, DIRECTIONS[0])(0.0),
            landscape.slice_rotation(net, fitted, i, DIRECTIONS[0])(0.0),
            landscape.slice_gamma(net, fitted, i)(-b[i] / np.linalg.norm(w[i])),
        ]
        np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_slices_far_from_the_origin_in_float32():
    """Heights are summed from the middle of the data."""
    (w, b, v, b0), (x, y, p) = generic(1)
    far = np.float32(1000) + np.float32(x)
    net = ReLUNet(*(np.float32(part) for part in (w, b - 1000 * w.sum(axis=1), v, b0)))
    data = Dataset(far, np.float32(y), np.float32(p), constant=np.float32(0.5))
    u, direction = neuron(net, 0), np.array([1.0, 0.5, -1500.0])
    t = np.linspace(-1, 1, 21)
    expected = plain(net, data, 0, u + t[:, None] * direction)
    found = landscape.slice_line(net, data, 0, direction)(np.float32(t))
    np.testing.assert_allclose(found, expected, rtol=2e-3)


def test_trigonometric_coefficients():
    net, data = made(generic(2))
    ours = landscape.slice_rotation(net, data, 0, DIRECTIONS[0])
    assert ours.coefficients.shape == (5, 2 * N + 1)
    np.testing.assert_allclose(ours.coefficients[:, 0], ours.coefficients[:, -1], atol=1e-12)
    t = np.linspace(-3.1, 3.1, 50)
    waves = np.stack([np.ones_like(t), np.cos(t), np.sin(t), np.cos(2 * t), np.sin(2 * t)])
    of = np.asarray(ours.coefficients)[:, np.searchsorted(ours.knots, t)]
    np.testing.assert_allclose(np.sum(of * waves, axis=0), ours(t), rtol=1e-12)
    np.testing.assert_allclose(ours(t + 2 * np.pi), ours(t), rtol=1e-12)


def test_batches_of_slices_and_what_has_none():
    net, data = made(generic(3))
    net = eqx.tree_at(lambda n: n.w, net, net.w.at[2].set(0))

    @jax.jit
    def every(net):
        def of(i):
            along = landscape.slice_line(net, data, i, DIRECTIONS[0])
            return landscape.slice_gamma(net, data, i), along, landscape.slice_rotation(net, data, i, DIRECTIONS[1])

        return jax.vmap(of)(jnp.arange(H))

    of_gamma, moved, turning = every(net)
    with pytest.raises(ValueError, match="neuron with a breakplane; neuron 2 has w = 0"):
        landscape.slice_gamma(net, data, 2)
    assert np.all(np.isnan(of_gamma.floor[2]))
    # (0, b) is parallel to (0, 0, 1).
    with pytest.raises(ValueError, match="must span a plane"):
        landscape.slice_rotation(net, data, 2, DIRECTIONS[1])
    assert np.all(np.isnan(turning.sine[2]))
    for i in (0, 1, 3):
        for batch, one in (
            (of_gamma, landscape.slice_gamma(net, data, i)),
            (moved, landscape.slice_line(net, data, i, DIRECTIONS[0])),
            (turning, landscape.slice_rotation(net, data, i, DIRECTIONS[1])),
        ):
            value, expected = jax.tree.map(lambda a, i=i: a[i], batch)(0.3), one(0.3)
            np.testing.assert_allclose(value, expected, rtol=1e-12)
    still = landscape.slice_line(net, data, 0, np.zeros(3))
    np.testing.assert_allclose(still(T), jspline.loss(net, data), rtol=1e-14)
    assert np.all(np.isinf(still.knots))


def test_slices_without_biases():
    (w, b, v, _), (x, y, p) = generic(4)
    net, problem = ReLUNet(w, 0 * b, v), Problem(Dataset(x, y, p, constant=0.5), biases=False)
    u, direction = neuron(net, 0), np.array([1.0, -0.5])
    lifted = np.append(direction, 0.0)
    ours = landscape.slice_line(net, problem, 0, direction)
    np.testing.assert_allclose(ours(T), plain(net, problem.data, 0, u + T[:, None] * lifted), rtol=1e-12)
    ours = landscape.slice_rotation(net, problem, 0, direction)
    np.testing.assert_allclose(ours(T), plain(net, problem.data, 0, turned(u, lifted, T)), rtol=1e-12)
    with pytest.raises(ValueError, match="with hidden biases only"):
        landscape.slice_gamma(net, problem, 0)
    with pytest.raises(ValueError, match=r"a number for each input, shape \(2,\); got shape \(3,\)"):
        landscape.slice_line(net, problem, 0, lifted)
    with pytest.raises(ValueError, match=r"each input and one for the bias, shape \(3,\)"):
        landscape.slice_line(net, problem.data, 0, direction)


# Critical points.


def hull_of_gradients(net, problem, i, rng):
    """The shortest vector in the hull of the gradients in u_i beside the net, which are sampled; by nnls."""

    def loss(u):
        heights = jax.nn.relu(jnp.asarray(problem.data.x) @ u[:-1] + u[-1] * float(problem.biases))
        others = eqx.tree_at(lambda n: n.v, net, net.v.at[i].set(0))
        fit = others(problem.data.x) + net.v[i] * heights
        return jnp.sum(problem.data.weight * (problem.data.y - fit) ** 2) / 2

    beside = neuron(net, i) + 1e-8 * rng.normal(size=(400, D + 1))
    gradients = np.asarray(jax.vmap(jax.grad(loss))(jnp.asarray(beside)))
    far = 1e6
    shares, _ = nnls(np.vstack([gradients.T, np.full(len(gradients), far)]), np.append(np.zeros(D + 1), far))
    return shares @ gradients


@pytest.mark.parametrize("biases", [True, False])
def test_the_shortest_subgradient_by_sampling(biases):
    rng = np.random.default_rng(0)
    apart = 0
    for seed in range(12):
        (w, b, v, b0), (x, y, p) = generic(seed)
        if biases:
            x[1] = x[0] if seed % 2 else x[1]  # a tie
            w[0] = np.linalg.solve(x[[0, 2]], -np.full(2, b[0]))  # the breakplane goes through 0 and 2
        else:
            b, x[1], x[2] = 0 * b, -2 * x[0], 0.5 * x[0]
            w[0] = [-x[0, 1], x[0, 0]]
        net, problem = ReLUNet(w, b, v, b0), Problem(Dataset(x, y, p), biases=biases)
        found = landscape.is_critical(net, problem)
        on = np.flatnonzero(~np.isnan(found.shares[:, 0]))
        assert on.tolist() == ([0, 1, 2] if seed % 2 or not biases else [0, 2])
        assert np.all(np.isnan(found.shares[:, 1:]))
        expected = hull_of_gradients(net, problem, 0, rng)
        ours = np.append(found.gradient.w[0], found.gradient.b[0])
        np.testing.assert_allclose(ours, expected, atol=2e-6 * np.max(np.abs(expected)) + 1e-6)
        shares = np.asarray(found.shares)[on, 0]
        apart += bool(np.any((shares > 0) & (shares < 1)))
        # What is differentiable is the gradient.
        gradient = jspline.value_and_grad(net, problem)[1]
        np.testing.assert_allclose(found.gradient.w[1:], gradient.w[1:], atol=1e-12)
        np.testing.assert_allclose(found.gradient.b0, gradient.b0, atol=1e-12)
        assert not found.critical
    assert apart >= 2


@pytest.mark.parametrize("shares", [(0.3, 0.6), (1.3, 0.6)])
def test_a_neuron_at_rest_with_two_data_on_its_plane(shares, dtype):
    """q of the others is minus the pull of the two that are on the plane, each with its share."""
    x = np.array([[1.0, 0.5], [-0.5, 1.0], [2.0, 2.0], [3.0, 1.0], [1.0, 4.0], [-2.0, -2.0]])
    w = np.linalg.solve(x[:2], [1.0, 1.0])
    pull = np.array([-1.0, 0.5])
    lifted = np.column_stack([x, np.ones(N)])
    seen = lifted[2:5]  # of three data any force can be made
    e = np.concatenate([pull, np.linalg.solve(seen.T, -(np.array(shares) * pull) @ lifted[:2]), [0.0]])
    net = ReLUNet(*(np.asarray(part, dtype) for part in (w[None], [-1.0], [0.7], 0.2)))
    data = Dataset(np.asarray(x, dtype), np.asarray(net(np.asarray(x, dtype))) + np.asarray(e, dtype))
    found = landscape.is_critical(net, Problem(data, train_b0=False))
    possible = max(shares) <= 1
    assert bool(found.critical) == possible
    if possible:
        np.testing.assert_allclose(found.shares[:2, 0], shares, rtol=1e-6 if dtype == "float64" else 1e-3)
        assert found.reason == "Critical: 0 is a subgradient, with 1 neurons that have data on their breakplanes."
        assert landscape.is_critical(net, data).reason.endswith("do not add up to 0, so b0 moves.")
        verdict = landscape.theorem5(net, data)
        assert (verdict.on_data, verdict.holds) == (1, False)
    else:
        assert found.reason == "Not critical: 2 data are on breakplane 0, and no shares of them make its neuron rest."


def test_one_input_as_the_first_of_several():
    critical = 0
    for seed in range(10):
        net, data = made(degenerate(seed, None))
        if seed % 2:
            fitted = jspline.predict(net, data)
            data = Dataset(data.x, fitted, data.weight)
        line = landscape.is_critical(net, data)
        column = ReLUNet(net.w[:, None], net.b, net.v, net.b0), Dataset(data.x[:, None], data.y, data.weight)
        found = landscape.is_critical(*column)
        assert found.critical == line.critical
        critical += bool(line.critical)
        np.testing.assert_array_equal(found.moves, line.moves)
        for name in ("b", "v", "b0"):
            ours, expected = (getattr(each.gradient, name) for each in (found, line))
            np.testing.assert_allclose(ours, expected, atol=1e-12)
        np.testing.assert_allclose(found.gradient.w[:, 0], line.gradient.w, atol=1e-12)
    assert critical == 5


def test_many_inputs_without_a_trace():
    net, data = made(generic(0))
    with pytest.raises(ValueError, match="`is_critical` runs on the host"):
        jax.jit(lambda n: landscape.is_critical(n, data))(net)


# Where small neurons turn to.


def height(lifted, force, theta):
    return np.maximum(theta @ lifted.T, 0) @ force


def ascended(lifted, force, theta, steps=2000):
    """Projected gradient ascent; steps shrink, since beside a plane it goes to and fro."""
    for k in range(steps):
        q = ((theta @ lifted.T > 0) * force) @ lifted
        q -= np.sum(q * theta, axis=1)[:, None] * theta
        theta = theta + 0.2 * 0.994**k * q / np.abs(force).sum()
        theta /= np.linalg.norm(theta, axis=1)[:, None]
    return theta


def lift(x, biases):
    return np.column_stack([x, np.ones(len(x))]) if biases else x


def is_a_peak(lifted, force, theta, rng):
    for radius in (1e-5, 1e-6):
        around = theta + radius * rng.normal(size=(200, len(theta)))
        around /= np.linalg.norm(around, axis=1)[:, None]
        moved = np.linalg.norm(around - theta, axis=1)
        rise = height(lifted, force, around) - height(lifted, force, theta[None])
        if not np.all(rise <= -1e-3 * moved**2 + 1e-15):
            return False
    return True


@pytest.mark.parametrize(("inputs", "biases"), [(2, True), (3, False)])
def test_ascent_ends_at_maximisers_on_the_sphere(inputs, biases):
    rng = np.random.default_rng(3)
    pins, reached, count = set(), 0, 0
    for _ in range(5):
        x, y = rng.normal(size=(8, inputs)), rng.normal(size=8)
        found = landscape.alignment_maximisers(Problem(Dataset(x, y), biases=biases))
        lifted, found_by = lift(x, biases), set()
        for sign in (1, -1):
            directions = np.asarray(found.directions)[np.asarray(found.sign) == sign]
            ends = rng.normal(size=(100, lifted.shape[1]))
            for _ in range(40):  # again those that are not there yet
                ends = ascended(lifted, sign * y, ends)
                ends = ends[np.any(ends @ lifted.T > 1e-2, axis=1)]  # the others see nothing any more
                distance = np.linalg.norm(ends[:, None] - directions[None], axis=2)
                there = np.min(distance, axis=1, initial=np.inf) <= 2e-3
                found_by.update((sign, int(k)) for k in np.argmin(distance[there], axis=1))
                ends = ends[~there]
                if not len(ends):
                    break
            assert len(ends) == 0
        reached += len(found_by)
        for theta, sign, growth, on in zip(*map(np.asarray, found[:3]), found.pins, strict=True):
            assert is_a_peak(lifted, sign * y, theta, rng)
            np.testing.assert_allclose(growth, sign * height(lifted, y, theta), atol=1e-12)
            assert on == tuple(np.flatnonzero(np.abs(lifted @ theta) < 1e-9))
            pins.add(len(on))
            count += 1
    assert pins == {0, 1, 2}
    assert reached >= 0.6 * count  # of some the basin is narrow


@pytest.mark.parametrize(("inputs", "biases"), [(None, True), (1, True), (2, False)])
def test_maximisers_on_the_circle_by_a_fine_grid(inputs, biases):
    rng = np.random.default_rng(5)
    angles = np.linspace(0, 2 * np.pi, 100_000, endpoint=False)
    circle = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    for draw in range(4):
        x = np.round(4 * rng.normal(size=(8, inputs or 1))) / 4  # with ties, and without biases multiples
        y, p = rng.normal(size=8), rng.integers(0, 3, 8) / 2
        data = Dataset(x if inputs else x[:, 0], y, p)
        found = landscape.alignment_maximisers(Problem(data, biases=biases))
        lifted = lift(x, biases)
        for sign in (1, -1):
            g = height(lifted, sign * p * y, circle)
            top = (g > np.roll(g, 1)) & (g >= np.roll(g, -1)) & (np.abs(g) > 1e-9)
            ours = np.asarray(found.directions)[np.asarray(found.sign) == sign]
            distance = np.linalg.norm(circle[top][:, None] - ours[None], axis=2)
            assert distance.shape[0] == distance.shape[1], draw
            assert distance.size == 0 or np.max(np.min(distance, axis=1)) <= 1e-4


def test_maximisers_that_are_known():
    corners = [[1, 1], [-1, -1], [1, -1], [-1, 1]]
    xor = Dataset(np.array(corners, float), [1.0, 1.0, -1.0, -1.0])
    for biases in (True, False):
        found = landscape.alignment_maximisers(Problem(xor, biases=biases))
        ours = {tuple(np.round(np.sqrt(2) * np.asarray(d[:2]), 12) + 0.0) for d in found.directions}
        assert ours == {tuple(map(float, each)) for each in corners}
        np.testing.assert_array_equal([np.prod(np.sign(d[:2])) for d in found.directions], found.sign)
        np.testing.assert_allclose(found.growth, np.sqrt(2))
        assert all(len(on) == 2 for on in found.pins)
    # Orthogonal data: each sign turns to its own data, on the border of what it does not see.
    found = landscape.alignment_maximisers(Problem(Dataset(np.eye(3), [1.0, 2.0, -1.0]), biases=False))
    np.testing.assert_allclose(found.directions, [[1 / np.sqrt(5), 2 / np.sqrt(5), 0], [0, 0, 1]], atol=1e-15)
    assert found.pins == ((2,), (0, 1))
    # One lifted dimension, and nothing to be seen.
    line = Problem(Dataset([1.0, 2.0], [1.0, 1.0]), biases=False)
    found = landscape.alignment_maximisers(line)
    np.testing.assert_array_equal(found.directions, [[1.0], [1.0]])
    np.testing.assert_array_equal(found.growth, [3.0, -3.0])
    assert landscape.alignment_maximisers(Dataset(np.eye(2), np.zeros(2))).directions.shape == (0, 3)
    # One datum: the cell of its own.
    found = landscape.alignment_maximisers(Dataset(np.array([[2.0, 1.0]]), [0.5]))
    np.testing.assert_allclose(found.directions, [np.array([2, 1, 1]) / np.sqrt(6)])
    with pytest.raises(ValueError, match="at most 3 lifted dimensions; got 4"):
        landscape.alignment_maximisers(Dataset(np.eye(3), np.ones(3)))


# The cells of the plane.

BOX = np.array([[-1.5, 2.0], [-1.0, 1.0]])


def check(found, net, rng, count=2000):
    """Areas, functions, patterns and neighbours; where each of random points is."""
    area = np.prod(BOX[:, 1] - BOX[:, 0])
    np.testing.assert_allclose(found.areas.sum(), area, rtol=1e-12)
    assert np.all(found.areas > 0)
    assert len({row.tobytes() for row in found.active}) == len(found.areas)
    points = rng.uniform(BOX[:, 0], BOX[:, 1], (count, 2))
    heights = points @ np.asarray(net.w, float).T + np.asarray(net.b, float)
    number = {row.tobytes(): k for k, row in enumerate(found.active)}
    where = np.array([number[row.tobytes()] for row in heights > 0])
    ours = np.sum(found.slope[where] * points, axis=1) + found.intercept[where]
    expected = float(net.b0) + np.maximum(heights, 0) @ np.asarray(net.v, float)
    np.testing.assert_allclose(ours, expected, atol=1e-12 * (1 + np.abs(net.v).sum()))
    for k, (one, other) in enumerate(found.neighbours):
        common = set(map(tuple, found.polygons[one])) & set(map(tuple, found.polygons[other]))
        assert len(common) == 2, k  # of both ends of their edge, to the last bit
    return where


def test_cells_of_sixty_neurons(dtype):
    """Acceptance."""
    rng = np.random.default_rng(0)
    net = ReLUNet(*(np.asarray(rng.normal(size=shape), dtype) for shape in ((60, 2), 60, 60, ())))
    found = landscape.cells(net, BOX)
    check(found, net, rng, 10_000)
    assert np.all(found.between().sum(axis=1) == 1)
    # Euler: lines in general position in a convex box. Every inner vertex has four edges, every line two ends.
    ends = {tuple(corner) for polygon in found.polygons for corner in polygon}
    inside = sum(np.all((corner > BOX[:, 0]) & (corner < BOX[:, 1])) for corner in map(np.array, ends))
    through = np.sum(found.active.any(axis=0) & ~found.active.all(axis=0))
    assert len(found.areas) == 1 + through + inside
    assert len(found.neighbours) == through + 2 * inside
    one, other = found.neighbours[5]
    (neuron,) = np.flatnonzero(found.between()[5])
    assert found.across(one, neuron) == other
    assert found.across(other, neuron) == one


def test_cells_of_degenerate_nets():
    rng = np.random.default_rng(1)
    w = [[1.0, 0.0], [-2.0, 0.0], [3.0, 0.0], [1.0, 1.0], [0.0, 0.0], [0.0, 0.0], [1.0, 1.0], [1.0, 0.0], [0.0, 1.0]]
    b = [0.5, -1.0, -3.0, 0.0, 1.0, -1.0, 9.0, 1.5, 0.5]
    # 0 and 1 coincide and face each other, 2 is parallel, 4 is constant, 5 dead, 6 off the box, 7 on its edge,
    # 8 goes through a crossing of others.
    v = [1.0, 0.7, -0.5, 2.0, 0.3, 5.0, 0.2, -0.4, 1.1]
    net = ReLUNet(np.array(w), b, v, -0.2)
    found = landscape.cells(net, BOX)
    check(found, net, rng)
    count = found.between().sum(axis=1)
    assert set(count) == {1, 2}
    both = found.between()[count == 2]
    assert np.all(both[:, :2])
    assert np.all(found.active[:, [4, 6, 7]])
    assert not np.any(found.active[:, 5])
    assert found.across(0, 4) is None
    with pytest.raises(IndexError, match="There are"):
        found.across(0, 9)
    whole = landscape.cells(ReLUNet(np.zeros((1, 2)), [1.0], [2.0], 0.5), BOX)
    assert (len(whole.areas), whole.neighbours.shape, whole.intercept.tolist()) == (1, (0, 2), [2.5])
    # Every line on a grid, many through one point, in thirds that round.
    w = [[1.0, 0.0]] * 4 + [[0.0, 1.0]] * 4 + [[1.0, 1.0]] * 4 + [[1.0, -1.0]] * 4
    net = ReLUNet(np.array(w), np.tile([-1 / 3, 0.0, 1 / 3, 2 / 3], 4), np.ones(16))
    found = landscape.cells(net, BOX)
    check(found, net, rng)
    np.testing.assert_allclose(np.min(found.areas), 1 / 72, rtol=1e-12)  # half a triangle, at the upper end


@pytest.mark.parametrize(
    ("net", "box", "said"),
    [
        (ReLUNet([1.0], [0.0], [1.0]), BOX, r"`w` must be of shape \(width, 2\); got \(1,\)"),
        (ReLUNet(np.ones((1, 3)), [0.0], [1.0]), BOX, r"got \(1, 3\)"),
        (ReLUNet(np.array([[1.0, np.nan]]), [0.0], [1.0]), BOX, "`w` must be finite"),
        (ReLUNet(np.ones((1, 2)), [0.0], [1.0]), [[0.0, 1.0], [1.0, 1.0]], "low < high"),
        (ReLUNet(np.ones((1, 2)), [0.0], [1.0]), np.array([0.0, 1.0]), "low < high"),
    ],
)
def test_what_has_no_cells(net, box, said):
    with pytest.raises(ValueError, match=said):
        landscape.cells(net, box)
