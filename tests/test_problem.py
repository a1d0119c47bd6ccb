"""A problem: what it holds, what refuses it, and that losses are what they say."""

import inspect
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import random_data, random_net, relative
from registry import public_functions
from test_every_function import CASES, problem

import jspline
from jspline import Dataset, Problem, pad
from jspline._programs import PROGRAMS
from jspline.dynamics._flow import _exact
from jspline.objective import Loss, Squared
from jspline.problem import common_size

TAKING = sorted(name for name, each in public_functions().items() if "problem" in inspect.signature(each).parameters)
FIT_ONLY = {"objective.predict", "init.FromData", "objective.relevant_sums"}
ANY_LOSS = {"objective.loss", "objective.value_and_grad", "objective.predict", "landscape.alignment_maximisers"}


class Quartic(Loss):
    """(f - y)^4."""

    def value(self, f, y):
        return (f - y) ** 4

    def force(self, f, y):
        return -4 * (f - y) ** 3

    def stiffness(self, f, y):
        return 12 * (f - y) ** 2


def call(name, **changes):
    points = problem()
    return CASES[name](SimpleNamespace(**{**vars(points), "data": Problem(points.data, **changes)}))


def test_every_function_of_data_takes_a_problem():
    assert not [name for name, each in public_functions().items() if "data" in inspect.signature(each).parameters]
    assert len(TAKING) > 35


@pytest.mark.parametrize("name", [n for n in TAKING if n in CASES and n not in FIT_ONLY])
def test_what_a_function_does_not_know_it_refuses(name):
    """In one sentence, from static facts: in a trace too, and for a decay of 0 that came as an array."""
    for decay in (0.1, jnp.zeros(())):
        with pytest.raises(ValueError, match="This knows no weight decay"):
            call(name, decay=decay)
    if name != "landscape.alignment_maximisers":  # which has no net
        with pytest.raises(ValueError, match=r"knows nets with hidden biases only|has no hidden biases"):
            call(name, biases=False)
    if name not in ANY_LOSS:
        with pytest.raises(ValueError, match="This knows the square loss only, not Quartic"):
            call(name, loss=Quartic())


def test_data_are_a_problem_of_square_loss(key):
    k = jax.random.split(key)
    net, data = random_net(k[0]), random_data(k[1])
    whole = Problem(data)
    assert (whole.train_b0, whole.biases, whole.decay_biases, whole.decayed) == (True, True, True, False)
    assert isinstance(whole.loss, Squared)
    assert whole.decay == 0
    assert whole.inputs == 1
    for function in (jspline.loss, jspline.value_and_grad, jspline.hessian, jspline.spectrum):
        assert relative(function(net, whole), function(net, data)) == 0
    batch = jax.vmap(lambda y: Problem(Dataset(data.x, y)))(jnp.stack([data.y, -data.y]))
    assert jax.vmap(lambda one: jspline.loss(net, one))(batch).shape == (2,)
    assert jax.vmap(lambda one: jspline.loss(net, one))(Problem(batch.data, decay=0.0)).shape == (2,)


def test_a_loss_of_ones_own(key):
    """Value and gradient by automatic differentiation of the definition; without b0 its gradient is 0."""
    k = jax.random.split(key)
    net, data = random_net(k[0]), random_data(k[1])
    own = Problem(data, loss=Quartic())

    def by_definition(net):
        return data.constant + jnp.sum(data.weight * (net(data.x) - data.y) ** 4)

    value, gradient = jspline.value_and_grad(net, own)
    expected, slope = jax.value_and_grad(by_definition)(net)
    np.testing.assert_allclose(value, expected, rtol=1e-12)
    np.testing.assert_allclose(jspline.loss(net, own), expected, rtol=1e-12)
    assert relative(gradient, slope) <= 1e-10
    _, held = jspline.value_and_grad(net, Problem(data, loss=Quartic(), train_b0=False))
    assert held.b0 == 0
    assert relative((held.w, held.b, held.v), (slope.w, slope.b, slope.v)) <= 1e-10


@pytest.mark.parametrize("loss", [Squared(), Quartic()])
def test_force_and_stiffness_are_the_derivatives(loss):
    f, y = jnp.linspace(-2.0, 2.0, 9), jnp.linspace(1.0, -1.5, 9)
    slope = jax.vmap(jax.grad(loss.value))(f, y)
    np.testing.assert_allclose(loss.force(f, y), -slope, atol=1e-12)
    np.testing.assert_allclose(loss.stiffness(f, y), -jax.vmap(jax.grad(loss.force))(f, y), atol=1e-12)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"decay": -1.0}, ValueError, "`decay` must be zero or positive"),
        ({"decay": [0.1, 0.2]}, ValueError, "`decay` must be a scalar"),
        ({"decay": "much"}, TypeError, "`decay` must hold real numbers"),
        ({"loss": "squared"}, TypeError, r"`loss` must be a jspline\.objective\.Loss"),
        ({"train_b0": 1}, ValueError, "`train_b0` must be True or False; got 1"),
        ({"biases": None}, ValueError, "`biases` must be True or False; got None"),
    ],
)
def test_what_is_no_problem(changes, error, message, unchecked):
    with pytest.raises(error, match=message):
        Problem(Dataset([0.0, 1.0], [0.0, 1.0]), **changes)


def test_merged_data_are_for_the_square_loss():
    """Bug: what merging moved into the constant was added to any loss, to which it does not belong."""
    merged = Dataset([0.0, 0.0, 1.0], [0.0, 1.0, 1.0]).merged()
    assert Problem(merged).data.constant == 0.25
    with pytest.raises(ValueError, match="Merged data stand for theirs in the square loss only"):
        Problem(merged, loss=Quartic())


def test_what_is_neither_data_nor_a_problem(unchecked):
    data = Dataset([0.0, 1.0], [0.0, 1.0])
    with pytest.raises(TypeError, match=r"`data` must be a jspline\.Dataset"):
        Problem(Problem(data))
    with pytest.raises(TypeError, match=r"`problem` must be a jspline\.Dataset, such as Dataset"):
        jspline.loss(jspline.ReLUNet([1.0], [0.0], [1.0]), (data.x, data.y))


def test_old_keywords_say_where_they_have_gone():
    points = problem()
    for name in ("hessian", "gram", "jacobian", "spectrum", "zero_modes", "escape_direction"):
        with pytest.raises(TypeError, match=r"`train_b0` has moved to the problem: jspline.Problem\("):
            getattr(jspline.curvature, name)(points.net, points.data, train_b0=False)


def test_a_padded_problem_is_the_same(key):
    """The same function, loss and gradient, in another shape; ties with the last datum included."""
    k = jax.random.split(key)
    net, data = random_net(k[0], 5), random_data(k[1], 6)
    wide, problem = pad(net, Problem(data, train_b0=False), width=8, size=9)
    assert (wide.width, problem.data.size, problem.train_b0) == (8, 9, False)
    x = jnp.linspace(-4.0, 4.0, 33)
    np.testing.assert_array_equal(wide(x), net(x))
    np.testing.assert_allclose(jspline.loss(wide, problem), jspline.loss(net, data), rtol=1e-14)
    gradient, padded = (jspline.value_and_grad(*each)[1] for each in ((net, data), (wide, problem)))
    for name in "wbv":
        np.testing.assert_allclose(getattr(padded, name)[:5], getattr(gradient, name), rtol=1e-12)
        np.testing.assert_array_equal(getattr(padded, name)[5:], 0)
    for sizes in ({"width": 4}, {"size": 5}):
        with pytest.raises(ValueError, match="must be a whole number of at least"):
            pad(net, data, **sizes)


def test_widths_are_padded_to_few_sizes():
    assert {common_size(width) for width in range(50, 121, 10)} == {64, 128}
    assert [common_size(count) for count in (1, 16, 17, 64, 65)] == [16, 16, 32, 64, 128]


def test_a_chart_that_cannot_hold_dead_neurons_is_not_padded(key):
    net, data = random_net(key, 5), random_data(key, 6)
    method = jspline.dynamics.Diffrax(chart="spline")
    with pytest.raises(ValueError, match="`pad` adds neurons without a breakpoint"):
        jspline.flow(net, data, 1.0, rtol=1e-3, atol=1e-6, pad=True, method=method)


@pytest.mark.full
def test_padding_does_not_bring_a_flow_to_rest(key):
    """Bug: the biases of the dead neurons counted in the length that the gradient is compared with."""
    net, data = random_net(key, 20), random_data(jax.random.fold_in(key, 1), 6)
    net = jax.tree.map(lambda leaf: leaf / 10, net)
    # Short steps, since a flow comes to rest at the end of one.
    ends = [jspline.flow(net, data, rtol=1e-9, atol=1e-12, grad_tol=1e-2, pad=padded) for padded in (False, True)]
    assert ends[0].result == ends[1].result == jspline.dynamics.RESULTS.stationary
    np.testing.assert_allclose(ends[1].t, ends[0].t, rtol=1e-2)


@pytest.mark.full
def test_eight_widths_compile_twice(key):
    """Bug: each width compiled for itself. The flow ends in the same net, at its own width."""
    data, before = random_data(key, 6), set(PROGRAMS._kept)
    for width in range(50, 121, 10):
        net = random_net(jax.random.fold_in(key, width), width)
        sol = jspline.flow(net, data, 1.0, rtol=1e-6, atol=1e-9, ts=[0.5, 1.0], pad=True)
        assert sol.net.w.shape == (width,)
        assert sol.nets.w.shape == (2, width)
        if width == 50:
            own = jspline.flow(net, data, 1.0, rtol=1e-6, atol=1e-9)
            np.testing.assert_allclose(sol.net(data.x), own.net(data.x), atol=1e-5)
    flows = [each for each in PROGRAMS._kept.keys() - before if each[0].__wrapped__ is _exact]
    assert len(flows) == 3  # two sizes, and the one of its own
