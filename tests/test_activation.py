"""Which data a neuron sees: two ways to hold it, held to each other and to the definition."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jspline.activation import Columns, Mask, Ranks, activation

N, H = 7, 40
X = np.array([-1.5, -1.0, -0.2, 0.1, 0.7, 0.7, 2.0])
COUNT = 5
"""Of a cell of the flow: behind these the last one is repeated, and does not count."""


def on_data(rng):
    """Breakpoints on data, to the bit."""
    w = rng.normal(size=H)
    return w, -(w * rng.choice(X, H))


def random(rng):
    return rng.normal(size=H), rng.normal(size=H)


def degenerate(rng):
    """Constant and dead neurons, and some beyond all data."""
    w = rng.choice([0.0, 1.0, -1.0], H)
    return w, rng.choice([-9.0, 0.0, 9.0], H)


NETS = [random, on_data, degenerate]


def pair(make, seed=0):
    w, b = make(np.random.default_rng(seed))
    return tuple(kind.of(jnp.asarray(w), jnp.asarray(b), jnp.asarray(X)) for kind in (Ranks, Mask)), w, b


def cells(make, seed=0):
    """Both in their canonical form, with `COUNT` data that count."""
    x = jnp.asarray(np.where(np.arange(N) < COUNT, X, X[COUNT - 1]))
    w, b = (jnp.asarray(leaf) for leaf in make(np.random.default_rng(seed)))
    counts = jnp.arange(N) < COUNT
    return Ranks.of(w, b, x).canonical(jnp.asarray(COUNT, jnp.int32)), Mask.of(w, b, x).canonical(counts)


def seen(cell):
    """The matrix of activations, of the data that count."""
    return np.asarray(cell.mask())[: COUNT if cell.counting is not None else N]


def agree(ranks, mask):
    np.testing.assert_array_equal(seen(ranks), seen(mask))


@pytest.mark.parametrize("make", NETS)
def test_activation_is_its_definition(make):
    (ranks, mask), w, b = pair(make)
    wanted = w[None] * X[:, None] > -b[None]
    np.testing.assert_array_equal(ranks.mask(), wanted)
    np.testing.assert_array_equal(mask.mask(), wanted)


@pytest.mark.parametrize("make", NETS)
def test_sums_are_those_of_the_matrix(make):
    rng, (both, *_) = np.random.default_rng(1), pair(make)
    a = np.asarray(both[1].mask(), float)
    data, neurons = rng.normal(size=(3, N)), rng.normal(size=(3, H))
    rows, others = np.array([0, 6, 2, 2]), np.array([3, 3, 1, 6, 0])
    for cell in both:
        close = lambda one, other: np.testing.assert_allclose(one, other, atol=1e-13)  # noqa: E731
        close(cell.over_data(jnp.asarray(data)), data @ a)
        close(cell.over_neurons(jnp.asarray(neurons)), neurons @ a.T)
        columns = np.concatenate([a, a, np.ones((N, 1))], axis=1)
        close(cell.pairs(jnp.asarray(data), 2), np.einsum("kn,ni,nj->kij", data, columns, columns))
        close(
            cell.between(jnp.asarray(neurons), jnp.asarray(rows), jnp.asarray(others)),
            np.einsum("ki,ni,mi->knm", neurons, a[rows], a[others]),
        )


@pytest.mark.parametrize("make", NETS)
def test_questions_have_one_answer(make):
    both, *_ = pair(make)
    for ranks, mask in (both, cells(make)):
        matrix = seen(ranks)
        for cell in (ranks, mask):
            np.testing.assert_array_equal(cell.everywhere, matrix.all(axis=0))
            np.testing.assert_array_equal(cell.nowhere, ~matrix.any(axis=0))
            for datum in range(len(matrix)):
                np.testing.assert_array_equal(cell.sees(jnp.full(H, datum)), matrix[datum])
        index, groups = ranks.groups()
        np.testing.assert_array_equal(groups.mask()[:, index], ranks.mask())
        index, groups = mask.groups()
        np.testing.assert_array_equal(groups.mask()[:, index], mask.mask())


@pytest.mark.parametrize("make", NETS)
def test_cells_change_alike(make):
    ranks, mask = cells(make)
    who = jnp.asarray(np.random.default_rng(2).random(H) < 0.5)
    other = cells(random, seed=3)
    agree(ranks, mask)
    agree(ranks.dropping(who), mask.dropping(who))
    agree(ranks.exchanging(who, other[0]), mask.exchanging(who, other[1]))
    some = jnp.asarray([3, 0, 17])
    agree(ranks.take(some), mask.take(some))
    agree(ranks.put(some, other[0].take(some)), mask.put(some, other[1].take(some)))
    np.testing.assert_array_equal(ranks.same(other[0]), mask.same(other[1]))


@pytest.mark.parametrize("make", NETS)
def test_a_neuron_that_meets_its_next_datum_sees_one_more_or_one_less(make):
    ranks, mask = cells(make)
    w, _ = make(np.random.default_rng(0))
    data, inside = ranks.candidates(jnp.asarray(~(w < 0)))
    _, all_inside = mask.candidates(jnp.asarray(~(w < 0)))
    for datum, sees in zip(np.asarray(data), np.asarray(inside), strict=True):
        np.testing.assert_array_equal(sees, seen(mask)[datum, np.arange(H)])
        np.testing.assert_array_equal(sees, np.asarray(all_inside)[datum, np.arange(H)])
        datum, sees = jnp.asarray(datum), jnp.asarray(sees)
        for who, how in ((sees, "removing"), (~sees, "adding")):
            cells_then = [getattr(cell, how)(who, datum) for cell in (ranks, mask)]
            agree(*cells_then)
            who = np.asarray(who)
            for old, new in zip((ranks, mask), cells_then, strict=True):
                np.testing.assert_array_equal(~np.asarray(old.same(new)), who)
                np.testing.assert_array_equal(np.asarray(old.switched(new))[who], np.asarray(datum)[who])


@pytest.mark.parametrize("kind", [Ranks, Mask])
def test_columns_of_either_kind_give_the_same_matrices(kind):
    rng = np.random.default_rng(4)
    (ranks, mask), *_ = pair(random)
    slope, level = (jnp.asarray(rng.normal(size=(3, H))) for _ in range(2))
    z, p = jnp.asarray(X), jnp.asarray(rng.random(N))
    lines = Columns(slope, level, ranks if kind is Ranks else mask)
    J = np.concatenate([np.asarray(lines.dense(z)), np.ones((N, 1))], axis=1)
    np.testing.assert_allclose(lines.gram(z, p, 1.0), J.T @ (np.asarray(p)[:, None] * J), atol=1e-12)
    np.testing.assert_allclose(lines.kernel(z, 1.0), J @ J.T, atol=1e-12)
    some = jnp.asarray([5, 0], jnp.int32)
    np.testing.assert_allclose(lines.kernel(z, 1.0, some), (J @ J.T)[np.asarray(some)], atol=1e-12)
    np.testing.assert_allclose(
        lines.diagonal(z, p).ravel(), np.sum(np.asarray(p)[:, None] * J**2, axis=0)[:-1], atol=1e-12
    )


def test_the_choice_between_the_two():
    w = b = jnp.ones(20)
    assert isinstance(activation(w, b, jnp.arange(100.0), "auto"), Mask)
    assert isinstance(activation(w, b, jnp.arange(101.0), "auto"), Ranks)
    assert isinstance(activation(w, b, jnp.arange(2.0), "sorted"), Ranks)
    assert isinstance(activation(w, b, jnp.arange(1e4), "dense"), Mask)


def test_both_have_the_same_methods():
    public = [{name for name in dir(kind) if not name.startswith("_")} for kind in (Ranks, Mask)]
    assert public[0] - {"rank", "right", "size", "counting"} == public[1] - {"seen", "counting"}
    assert all(hasattr(kind, "canonical") for kind in (Ranks, Mask))
    assert jax.tree.leaves(Mask(jnp.ones((2, 2), bool)))
