import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import random_net

from jspline import Dataset, Spline, datasets, kernel


def hat_spline(x, y):
    """The linear interpolant as a spline, with the first slope carried by a neuron left of all data."""
    slopes = np.diff(y) / np.diff(x)
    mu = np.concatenate([[slopes[0]], np.diff(slopes)])
    return Spline(np.concatenate([[x[0]], x[1:-1]]), mu, np.ones(len(mu)), y[0])


def test_natural_cubic_spline():
    data = Dataset([0.0, 1.0, 1.0, 2.5, 4.0], [0.0, 1.0, 3.0, -1.0, 0.5])
    spline = kernel.natural_cubic(data)
    np.testing.assert_allclose(spline(np.array([0.0, 1.0, 2.5, 4.0])), [0, 2, -1, 0.5], atol=1e-14)
    np.testing.assert_allclose(spline(np.array([0.0, 4.0]), 2), 0, atol=1e-12)
    # It minimises the integral of f''^2 among interpolants: not-a-knot, scipy's default, does not.
    from scipy.interpolate import CubicSpline

    grid = np.linspace(0, 4, 4001)
    energy = np.trapezoid(spline(grid, 2) ** 2, grid)
    other = CubicSpline([0.0, 1.0, 2.5, 4.0], [0.0, 2.0, -1.0, 0.5])
    assert energy < 0.9 * np.trapezoid(other(grid, 2) ** 2, grid)


def test_regime_index_is_0_at_the_linear_interpolant_and_1_at_the_cubic(dtype):
    rng = np.random.default_rng(0)
    x, y = np.sort(rng.uniform(-1, 1, 8)), rng.normal(size=8)
    data = Dataset(np.asarray(x, dtype), np.asarray(y, dtype))
    tolerance = 10 * np.finfo(dtype).eps
    assert kernel.regime(jax.tree.map(lambda a: a.astype(dtype), hat_spline(x, y)), data) <= 100 * tolerance
    # A wide net that follows the natural cubic spline: piecewise linear on a fine grid.
    fine = np.linspace(x[0], x[-1], 3001)
    wide = hat_spline(fine, kernel.natural_cubic(data)(fine))
    index = kernel.regime(jax.tree.map(lambda a: a.astype(dtype), wide), data)
    assert index.dtype == dtype
    assert 1 - 1e-3 < index <= 1
    # Half way between the two.
    half = hat_spline(fine, (np.interp(fine, x, y) + kernel.natural_cubic(data)(fine)) / 2)
    np.testing.assert_allclose(kernel.regime(jax.tree.map(lambda a: a.astype(dtype), half), data), 0.5, atol=1e-3)


def test_regime_of_a_batch_in_any_chart(key):
    nets = jax.vmap(random_net)(jax.random.split(key, 3))
    data = datasets.load("mcycle")
    by_net = jax.jit(jax.vmap(lambda n: kernel.regime(n, data)))(nets)
    by_spline = jax.vmap(lambda n: kernel.regime(n.to_spline(), data))(nets)
    assert by_net.shape == (3,)
    np.testing.assert_allclose(by_net, by_spline, rtol=1e-9)
    one = jax.tree.map(lambda a: a[1], nets)
    np.testing.assert_allclose(by_net[1], kernel.regime(one.to_polar(), data), rtol=1e-9)


def test_regime_is_undefined_on_a_line(key):
    assert jnp.isnan(kernel.regime(random_net(key), Dataset([0.0, 1.0, 3.0], [1.0, 2.0, 4.0])))


@pytest.mark.parametrize("f", [kernel.natural_cubic, lambda d: kernel.regime(random_net(jax.random.key(0)), d)])
def test_bad_input_is_one_sentence(f):
    with pytest.raises(ValueError, match="At least two distinct x"):
        f(Dataset([1.0, 1.0], [1.0, 2.0]))
    with pytest.raises(ValueError, match=r"cannot run under jax\.jit"):
        jax.jit(f)(Dataset([1.0, 2.0], [1.0, 2.0]))
