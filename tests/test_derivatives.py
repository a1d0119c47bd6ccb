"""Forward and reverse derivatives of every public function, against differences and against each other."""

from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from derivative_cases import CASES, DATA, EXEMPT, NET, PINNED, REVERSELESS, SEEN, SPLINE, cell
from registry import uncovered

from jspline import Dataset, Polar, ReLUNet
from jspline.curvature import delta_slopes, hvp, tangent
from jspline.dynamics._cell import Force, velocity
from jspline.dynamics._implicit import factor
from jspline.dynamics._solution import length

STEP = 1e-5


def rates(point, held, seed):
    """A direction of change: data that tie go on to tie, and what is held does not change."""
    rng = np.random.default_rng(seed)

    def rate(path, leaf):
        name, change = getattr(path[-1], "name", None), jnp.asarray(rng.normal(size=leaf.shape))
        if name == "x":
            return jnp.sin(5 * leaf + seed)
        if f"{name} where 0" in held:
            return jnp.where(leaf == 0, 0, change)
        if name == "y" and "y where constant" in held and np.ptp(leaf) == 0:
            return jnp.full_like(leaf, change[0])
        if name == "weight":
            return jnp.where(leaf == 0, jnp.abs(change), change)
        return jnp.zeros_like(leaf) if name in ("s", "constant", *held) else change

    def directed(net, change):
        """There is no derivative where a neuron has no direction."""
        if isinstance(net, ReLUNet):
            no_slope = net.w == 0 if net.on_line else jnp.all(net.w == 0, axis=1)
            gone, held = no_slope & (net.b == 0), lambda n: (n.w, n.b)
        elif isinstance(net, Polar):
            gone, held = (net.r == 0) & (net.charge >= 0), lambda n: (n.r, n.charge)
        else:
            return change
        still = [jnp.where(gone if leaf.ndim == 1 else gone[:, None], 0, leaf) for leaf in held(change)]
        return eqx.tree_at(held, change, tuple(still))

    return tuple(map(directed, point, jax.tree_util.tree_map_with_path(rate, point)))


def weightless(point):
    return any(bool(jnp.any(each.weight == 0)) for each in point if isinstance(each, Dataset))


CENTRAL = np.array([[-1.0, 0.0, 1.0], [-0.5, 0.0, 0.5]])
FORWARD = np.array([[0.0, 1.0, 2.0], [-1.5, 2.0, -0.5]])  # weights of 0 can only grow


def compiled(function, reverse):
    """Rates of change along `u`, the gradient of their product with a random `c`, and the results near the point."""

    def named(*point):
        return {name: eqx.filter(value, eqx.is_inexact_array) for name, value in function(*point).items()}

    def scaled(rate, key):
        size = jnp.max(jnp.abs(rate), initial=0.0)
        return jax.random.normal(key, rate.shape) / jnp.where(size > 0, size, 1)

    def directed(point, u, steps):
        near = jax.lax.map(lambda by: named(*jax.tree.map(lambda leaf, v: leaf + by * v, point, u)), steps)
        return jax.jvp(named, point, u)[1], near

    def both(point, u, steps):
        _, push = jax.linearize(named, *point)
        rate = push(*u)
        leaves, tree = jax.tree.flatten(rate)
        c = jax.tree.unflatten(tree, list(map(scaled, leaves, jax.random.split(jax.random.key(0), len(leaves)))))
        near = jax.lax.map(lambda by: named(*jax.tree.map(lambda leaf, v: leaf + by * v, point, u)), steps)
        return rate, near, c, jax.linear_transpose(push, *point)(c)

    return jax.jit(both if reverse else directed)


def product(one, other):
    return sum(float(np.vdot(a, b)) for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True))


def off(value, values, factors):
    """The distance from the difference quotient, in parts of a million of sizes."""
    expected = np.tensordot(factors, values, 1) / STEP
    size = np.max(np.abs(expected), initial=0) + np.max(np.abs(values), initial=0) + 1e-2
    return np.max(np.abs(value - expected), initial=0) / (1e-6 * size)


def marks(case):
    return [pytest.mark.full] * case.dear


@pytest.mark.parametrize("case", [pytest.param(c, marks=marks(c), id=c.function.__name__) for c in CASES])
def test_derivatives_are_the_limits_of_differences_and_reverse_the_transpose_of_forward(case):
    reverse, faults = case.function.__name__ not in REVERSELESS, []
    run = compiled(case.function, reverse)
    for place, point in enumerate(case.points):
        u = rates(point, case.held, place)
        offsets, factors = FORWARD if weightless(point) else CENTRAL
        rate, near, *other = run(point, u, STEP * offsets)
        for name in rate:
            pairs = zip(jax.tree.leaves(rate[name]), jax.tree.leaves(near[name]), strict=True)
            faults += [(place, name, far) for far in (off(*pair, factors) for pair in pairs) if not far <= 1]
        if reverse:
            c, gradient = other
            for path, leaf in jax.tree_util.tree_leaves_with_path(gradient):
                if not np.all(np.isfinite(leaf)):
                    faults.append((place, jax.tree_util.keystr(path), leaf))
            there, back = product(c, rate), product(gradient, u)
            if not abs(there - back) <= 1e-8 * sum(float(jnp.sum(jnp.abs(leaf))) for leaf in jax.tree.leaves(c)):
                faults.append((place, "transpose", there, back))
    assert not faults, "\n".join(map(str, faults))


def test_no_public_function_escapes():
    named = {name for case in CASES for name in jax.eval_shape(case.function, *case.points[0])}
    assert uncovered(named, EXEMPT) == ""


@pytest.mark.parametrize("case", [case for case in CASES if case.function.__name__ in REVERSELESS])
def test_what_has_no_reverse_mode_says_so(case):
    with pytest.raises(RuntimeError, match=REVERSELESS[case.function.__name__]):
        jax.grad(lambda *point: sum(map(jnp.sum, jax.tree.leaves(case.function(*point)))))(*case.points[0])


def symmetric(operator, one, other):
    return product(operator(one), other), product(one, operator(other))


def on_line(term, step):
    """The part of a step that a neuron which slides or is parked can take, and b0."""
    q = term.project(Force(term.points.p, step.w, step.b, step.b0))
    return ReLUNet(q.X, q.E, step.v, jnp.where(term.train_b0, step.b0, 0))


def pairs():
    """By name, <c, A u> and <A^T c, u> of two maps that are each other's transpose, and of symmetric ones."""
    rng = np.random.default_rng(0)
    e, a, one, other = (jnp.asarray(rng.normal(size=shape)) for shape in ((1, 7), (2, 5), 16, 16))
    u, v = tangent(NET, one), tangent(NET, other)
    for active in SEEN:
        yield "sums over data and neurons", product(active.over_data(e), a[:1]), product(e, active.over_neurons(a[:1]))
    for term in map(cell, (True, False)):
        step = on_line(term, u)
        back = velocity(PINNED, term.project(term.gather(e[0])))
        yield "push and gather", product(term.push(PINNED, step), e[0]), product(step, back)
        yield "lines and sums", product(term.lines(a[:1], a[1:]), e), product((a[:1], a[1:]), term.sums(e))
        yield "project", *symmetric(partial(on_line, term), u, v)
        solve = factor(term, PINNED, term.project(term.force(PINNED)), jnp.asarray(0.05))
        yield "factor", *symmetric(jax.jit(lambda r, solve=solve: solve(r)[0]), step, on_line(term, v))
    for matrix in ("hessian", "gram"):
        yield matrix, *symmetric(partial(hvp, NET, DATA, matrix=matrix), one, other)
    yield "split", *symmetric(lambda mu: delta_slopes(SPLINE, DATA).split(mu)[0], one[:5], other[:5])


def test_linear_maps_and_their_transposes_agree():
    for name, there, back in pairs():
        assert abs(there - back) <= 1e-12 * (1 + abs(there)), name
        assert there != 0, name


def test_a_flow_at_rest_has_a_speed_with_derivatives():
    rest = jax.tree.map(jnp.zeros_like, NET)
    for train_b0 in (jnp.asarray(True), jnp.asarray(False)):
        assert jax.jvp(lambda net, train_b0=train_b0: length(net, train_b0), (rest,), (NET,)) == (0, 0)
