"""The laws of breakplanes, against samples, quadrature, mpmath and scipy."""

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
import scipy.special
import scipy.stats
from test_init import integral

import jspline
from jspline import init, kernel, meanfield
from jspline.init._even import VarianceGamma, cdf, density

INPUTS = (1, 2, 3, 5, 20)
SAMPLES = 200_000
LAWS = {
    "gaussian": lambda d: init.Gaussian(0.7, 1.9, 0.4, inputs=d),
    "balanced": lambda d: init.Balanced(0.3, inputs=d),
}
WHAT = ("gamma", "eta", "eta_given_gamma", "norm_given_gamma")
# Each of the 41 tests below is at this level: together at most 1e-3 (Bonferroni), fixed seeds.
LEVEL = 1e-3 / (len(LAWS) * len(INPUTS) * len(WHAT) + 1)


def drawn(law, seed=0):
    """gamma, eta and |w| of many neurons, and their directions."""
    net = law.sample(SAMPLES, key=jax.random.key(seed))
    w, b, v = (np.asarray(part) for part in (net.w, net.b, net.v))
    norm = np.linalg.norm(w, axis=-1)
    return {"gamma": -b / norm, "eta": v * norm, "norm": norm}, w / norm[:, None]


def p_value(law, sample, what):
    """Of Kolmogorov's test, by every fiftieth of the ordered values: the distance is at most the true one."""
    if what.endswith("given_gamma"):
        first = what.removesuffix("_given_gamma")
        exact = np.sort(np.asarray(getattr(law, f"cdf_{what}")(sample[first], sample["gamma"])))[::50]
    else:
        exact = np.asarray(getattr(law, f"cdf_{what}")(np.sort(sample[what])[::50]))
    count = np.arange(0, SAMPLES, 50)
    distance = np.max(np.maximum(np.abs(exact - count / SAMPLES), np.abs(exact - (count + 1) / SAMPLES)))
    return scipy.stats.kstwo.sf(distance, SAMPLES)


@pytest.mark.parametrize("d", INPUTS)
@pytest.mark.parametrize("name", LAWS)
def test_samples_follow_the_laws(name, d):
    law = LAWS[name](d)
    sample, _ = drawn(law, seed=d)
    for what in WHAT:
        assert p_value(law, sample, what) > LEVEL, what


def test_directions_are_uniform():
    """Archimedes: on the sphere in three dimensions each coordinate is uniform."""
    _, xi = drawn(LAWS["gaussian"](3), seed=9)
    assert scipy.stats.ks_1samp(xi[:, 1], scipy.stats.uniform(-1, 2).cdf, method="asymp").pvalue > LEVEL


@pytest.mark.parametrize("factor", [0.95, 1.05])
@pytest.mark.parametrize("d", [1, 3, 20])
def test_a_planted_wrong_scale_fails(d, factor):
    """The same tests reject a law that is off by one part in twenty, at the same level."""
    sample, _ = drawn(LAWS["gaussian"](d), seed=4)
    biases, outputs = init.Gaussian(0.7, 1.9 * factor, 0.4, d), init.Gaussian(0.7, 1.9, 0.4 * factor, d)
    for what, law in {"gamma": biases, "eta": outputs, "eta_given_gamma": outputs}.items():
        assert p_value(law, sample, what) < LEVEL, what
    both = init.Gaussian(0.7 * factor, 1.9 * factor, 0.4, d)
    assert p_value(both, sample, "norm_given_gamma") < LEVEL
    sample, _ = drawn(LAWS["balanced"](d), seed=5)
    off = init.Balanced(0.3 * factor**0.5, d)  # eta is of degree two
    for what in ("eta", "eta_given_gamma"):
        assert p_value(off, sample, what) < LEVEL, what
    assert p_value(init.Balanced(0.3 * factor, d), sample, "norm_given_gamma") < LEVEL


@pytest.mark.parametrize(
    ("name", "d"),
    [
        ("gaussian", 3),
        ("balanced", 2),
        *(pytest.param(*each, marks=pytest.mark.full) for each in (("gaussian", 2), ("gaussian", 20), ("balanced", 5))),
    ],
)
def test_densities(name, d):
    """They integrate to 1, are the derivatives of the cdfs, and the marginal of eta follows from the conditional."""
    law = LAWS[name](d)
    assert abs(integral(jax.jit(lambda g: law.pdf_gamma(g)), [0.0]) - 1) <= 1e-9
    assert abs(integral(jax.jit(lambda e: law.pdf_eta(e)), [0.0]) - 1) <= 1e-8
    gamma, eta = jnp.asarray([-2.5, 0.0, 1.4]), jnp.asarray([-0.6, 0.02, 0.3])
    norm = jnp.asarray([0.1, 0.6, 1.7])
    of_eta = jax.jit(lambda e, g: law.pdf_eta_given_gamma(e, g))
    of_norm = jax.jit(lambda n, g: law.pdf_norm_given_gamma(n, g))
    for at in gamma:
        assert abs(integral(of_eta, [0.0], at) - 1) <= 1e-8
        assert abs(integral(of_norm, [0.0], at) - 1) <= 1e-8
    joint = jax.jit(lambda g, e: law.pdf(e, g))
    below = jax.jit(lambda g, e: law.pdf_gamma(g) * law.cdf_eta_given_gamma(e, g))
    for each in eta:
        np.testing.assert_allclose(integral(joint, [0.0], each), law.pdf_eta(each), rtol=1e-8)
        np.testing.assert_allclose(integral(below, [0.0], each), law.cdf_eta(each), rtol=1e-8)
    product = law.pdf_gamma(gamma) * law.pdf_eta_given_gamma(eta, gamma)
    np.testing.assert_allclose(law.pdf(eta=eta, gamma=gamma), product, rtol=1e-13)
    for ours, slope in (
        (law.pdf_gamma(gamma), jax.vmap(jax.grad(law.cdf_gamma))(gamma)),
        (law.pdf_eta(eta), jax.vmap(jax.grad(law.cdf_eta))(eta)),
        (law.pdf_eta_given_gamma(eta, gamma), jax.vmap(jax.grad(law.cdf_eta_given_gamma))(eta, gamma)),
        (law.pdf_norm_given_gamma(norm, gamma), jax.vmap(jax.grad(law.cdf_norm_given_gamma))(norm, gamma)),
    ):
        np.testing.assert_allclose(ours, slope, rtol=1e-11)


T = np.array([1e-2, 0.5, 1.9, 2.1, 7.0, 31.0, 90.0, 300.0, 600.0])


@pytest.mark.parametrize("k", [1, 2, 3, 4, 6, 21, 40, 101])
def test_variance_gamma_against_scipy(k):
    """P = 1/2 + (t/2) (K_n L_{n-1} + K_{n-1} L_n), with modified Struve functions, n = (k - 1) / 2; never cut."""
    n, (kv, struve) = (k - 1) / 2, (scipy.special.kv, scipy.special.modstruve)
    law = VarianceGamma(k)
    for kind, bound in (("float64", 1e-10), ("float32", 16 * np.finfo("float32").eps)):
        t = np.concatenate([-T, T]).astype(kind)
        size = np.abs(t.astype(float))
        with np.errstate(over="ignore", invalid="ignore"):
            exact = 0.5 + size / 2 * (kv(n, size) * struve(n - 1, size) + kv(n - 1, size) * struve(n, size))
        exact = np.where(t > 0, exact, 1 - exact)
        ours = cdf(law, jnp.asarray(t))
        assert ours.dtype == kind
        np.testing.assert_allclose(ours, exact, rtol=0, atol=bound)
        np.testing.assert_array_equal(cdf(law, jnp.asarray([0.0, jnp.inf, -jnp.inf], kind)), [0.5, 1, 0])
        assert jnp.isnan(cdf(law, jnp.asarray(jnp.nan, kind)))


@pytest.mark.parametrize("k", [3, 20, 101])
def test_variance_gamma_in_its_far_tail(k):
    """The lower tail has its digits: against the same closed form with enough of them to cancel."""
    t = np.array([0.5, 31.0, 250.0])
    with mpmath.workdps(150):
        n, exact = mpmath.mpf(k - 1) / 2, []
        for each in map(mpmath.mpf, t):
            bessel = [mpmath.besselk(n - j, each) for j in (0, 1)]
            struve = [mpmath.struvel(n - j, each) for j in (0, 1)]
            exact.append(float(mpmath.mpf(1) / 2 - each / 2 * (bessel[0] * struve[1] + bessel[1] * struve[0])))
    np.testing.assert_allclose(cdf(VarianceGamma(k), -jnp.asarray(t)), exact, rtol=1e-13)
    # In float32 too, where e^{-t} alone is 0 beyond 104.
    t = np.float32([0.5, 31, 110])
    value, powers = density(VarianceGamma(k), jnp.asarray(t))
    order, at = float(n), t.astype(float)
    expected = at**order * scipy.special.kv(order, at) / (np.pi**0.5 * 2**order * scipy.special.gamma(k / 2))
    np.testing.assert_allclose(np.ldexp(np.asarray(value, float), np.asarray(powers)), expected, rtol=2e-5)
    np.testing.assert_allclose(cdf(VarianceGamma(k), -jnp.asarray(t))[:2], exact[:2], rtol=2e-5)


def everything(law, gamma, eta):
    return [
        law.pdf_gamma(gamma),
        law.cdf_gamma(gamma),
        law.pdf_eta(eta),
        law.cdf_eta(eta),
        law.pdf_eta_given_gamma(eta, gamma),
        law.cdf_eta_given_gamma(eta, gamma),
        law.pdf_norm_given_gamma(np.abs(eta), gamma),
        law.cdf_norm_given_gamma(np.abs(eta), gamma),
        law.pdf(eta, gamma),
    ]


@pytest.mark.parametrize("d", [pytest.param(d, marks=pytest.mark.full) if d in (1, 3, 20) else d for d in INPUTS])
@pytest.mark.parametrize("name", LAWS)
def test_float32_is_float64_to_its_rounding(name, d):
    """Within 100 (inputs + 1) units in the last place of the larger of value and one, tails to one in a thousand."""
    gamma, eta = np.float32([0.0, 1e-4, -0.7, 3.0, -40.0]), np.float32([1e-6, -0.1, 0.8, -3.0, 7.0])
    single = jax.tree.map(lambda leaf: leaf.astype("float32"), LAWS[name](d))
    law = jax.tree.map(lambda leaf: leaf.astype("float64"), single)
    limit = 100 * (d + 1) * np.finfo("float32").eps
    exactly = everything(law, np.float64(gamma), np.float64(eta))
    for ours, exact in zip(everything(single, gamma, eta), exactly, strict=True):
        assert ours.dtype == "float32"
        np.testing.assert_allclose(ours, exact, rtol=1e-3, atol=1e-37)
        np.testing.assert_allclose(ours, exact, rtol=limit, atol=limit)


@pytest.mark.parametrize("powers", [(3, 3, 0), (-3, -3, 1), (2, -1, -4), (-2, 1, 4)])
def test_laws_of_any_scale(powers, dtype):
    """Powers of two as units change nothing but units, where products of scales are out of range."""
    big, info = {"float32": 2.0**30, "float64": 2.0**250}[dtype], np.finfo(dtype)
    gamma, eta = np.asarray([0.0, 0.3, -20.0], dtype), np.asarray([0.2, -3.0, 4.0], dtype)
    unit = init.Gaussian(*np.ones(3, dtype), inputs=3)
    law = init.Gaussian(*np.asarray([big**p for p in powers], dtype), inputs=3)
    exponents = powers[1] - powers[0], powers[0] + powers[2]
    with np.errstate(all="ignore"):
        there = [np.asarray(each * big**e, dtype) for each, e in zip((gamma, eta), exponents, strict=True)]
    if not all(np.all(np.isfinite(each)) and np.any(each) for each in there):
        pytest.skip("no such points")
    asked = {"pdf_gamma": ("gamma", 0), "cdf_gamma": ("gamma", None), "pdf_eta": ("eta", 1), "cdf_eta": ("eta", None)}
    asked |= {"pdf_eta_given_gamma": ("eta gamma", 1), "cdf_eta_given_gamma": ("eta gamma", None)}
    far, near = dict(zip(("gamma", "eta"), there, strict=True)), {"gamma": gamma, "eta": eta}
    for name, (arguments, which) in asked.items():
        ours = np.asarray(getattr(law, name)(*(far[each] for each in arguments.split())), float)
        plain = np.asarray(getattr(unit, name)(*(near[each] for each in arguments.split())), float)
        with np.errstate(all="ignore"):
            expected = plain * (1 if which is None else big ** -exponents[which])
        inside = (expected < info.max) & (expected > info.tiny)
        np.testing.assert_allclose(ours[inside], expected[inside], rtol=1e-5)
        assert np.all(np.isinf(ours[expected > float(info.max)]))


@pytest.mark.parametrize("d", [pytest.param(d, marks=pytest.mark.full) if d in (3, 20) else d for d in INPUTS])
@pytest.mark.parametrize("name", LAWS)
def test_ends(name, d):
    law, ends = LAWS[name](d), jnp.asarray([-jnp.inf, jnp.inf])
    for each in (law.cdf_gamma(ends), law.cdf_eta(ends), law.cdf_eta_given_gamma(ends, 0.3)):
        np.testing.assert_array_equal(each, [0, 1])
    for each in (law.pdf_gamma(ends), law.pdf_eta(ends), law.pdf(0.1, ends), law.pdf(ends, 0.1)):
        np.testing.assert_array_equal(each, 0)
    np.testing.assert_array_equal(law.cdf_norm_given_gamma(jnp.asarray([-1.0, 0.0, jnp.inf]), 0.3), [0, 0, 1])
    np.testing.assert_array_equal(law.pdf_norm_given_gamma(0.3, ends), 0)
    np.testing.assert_array_equal(law.pdf_eta_given_gamma(0.3, ends), 0)
    assert np.all(np.isnan(np.stack(everything(law, jnp.full(2, jnp.nan), jnp.full(2, jnp.nan)))))


@pytest.mark.parametrize("name", LAWS)
def test_one_input_is_the_line(name):
    """By xi = s, gamma = s beta, eta = s mu, of which the signs are fair."""
    plane, line = LAWS[name](1), LAWS[name](None)
    place, slope = jnp.asarray([-3.0, 0.2, 1.1]), jnp.asarray([0.3, -0.02, 1.5])
    for ours, theirs in (
        (plane.pdf_gamma(place), line.pdf_beta(place)),
        (plane.cdf_gamma(place), line.cdf_beta(place)),
        (plane.pdf_eta(slope), line.pdf_mu(slope)),
        (plane.cdf_eta(slope), line.cdf_mu(slope)),
        (plane.pdf_eta_given_gamma(slope, place), line.pdf_mu_given_beta(slope, place)),
        (plane.pdf(slope, place), line.pdf(place, slope)),
        (plane.roughness_var(7), line.roughness_var(7)),
    ):
        np.testing.assert_allclose(ours, theirs, rtol=1e-13)
    one, other = (law.sample(7, key=jax.random.key(3)) for law in (plane, line))
    np.testing.assert_array_equal(one.w, other.w[:, None])
    np.testing.assert_array_equal(one.v, other.v)
    np.testing.assert_array_equal(init.he(5, inputs=1).sigma_w, init.he(5).sigma_w)
    np.testing.assert_array_equal(init.glorot(5, inputs=1).sigma_w, init.glorot(5).sigma_w)


@pytest.mark.parametrize("name", LAWS)
def test_moments(name):
    """Of eta within 5 standard errors; of gamma where the fourth moment exists."""
    for d in (2, 5, 20):
        law = LAWS[name](d)
        sample, _ = drawn(law, seed=20 + d)
        width, rho = 40, np.sum(sample["eta"].reshape(-1, 40) ** 2, axis=1)
        of = [(sample["eta"] ** 2, law.var_eta()), (rho, law.roughness_mean(width))]
        of += [((rho - rho.mean()) ** 2, law.roughness_var(width))]
        of += [(sample["gamma"] ** 2, law.var_gamma())] if d > 4 else []
        for values, exact in of:
            assert abs(values.mean() - exact) <= 5 * values.std() / len(values) ** 0.5
    assert jnp.isnan(LAWS[name](1).var_gamma())
    assert jnp.isinf(LAWS[name](2).var_gamma())
    he = init.he(50, inputs=3)
    np.testing.assert_allclose([he.roughness_mean(50), he.roughness_var(50)], [4, (32 + 96 / 3) / 50])


def test_balanced_nets_are_balanced():
    net = LAWS["balanced"](3).sample(100, key=jax.random.key(0))
    np.testing.assert_allclose(net.v**2, np.sum(net.w**2, axis=-1) + net.b**2, rtol=1e-14)


@pytest.mark.parametrize("d", [None, 1, 2, 5])
def test_separation_of_pairs(d):
    """Within 4 standard errors (6e-5 each) of how many of many neurons have opposite signs."""
    law = init.Gaussian(0.7, 1.9, 0.4, inputs=d)
    x = np.random.default_rng(1).normal(size=(4,) if d is None else (4, d)) * 2
    net = law.sample(SAMPLES, key=jax.random.key(8))
    seen = np.reshape(np.asarray(net.w), (SAMPLES, -1)) @ np.reshape(x, (4, -1)).T + np.asarray(net.b)[:, None] > 0
    first, second = np.triu_indices(4, 1)
    exact = np.asarray(law.separation_probability(x[first], x[second]))
    parted = seen[:, first] != seen[:, second]
    assert np.all(np.abs(parted.mean(axis=0) - exact) <= 4 * np.sqrt(exact * (1 - exact) / SAMPLES))
    missed = np.sum(~np.any(parted.reshape(-1, 5, 6), axis=1), axis=1)  # of nets of five neurons
    assert abs(missed.mean() - law.unseparated_pairs(x, 5)) <= 4 * missed.std() / len(missed) ** 0.5


def test_separation_in_closed_form(dtype):
    far, eps = {"float32": 1e30, "float64": 1e200}[dtype], np.finfo(dtype).eps

    def apart(x, y, **options):
        return init.separation_probability(np.asarray(x, dtype), np.asarray(y, dtype), **options)

    np.testing.assert_allclose(apart([1.0], [-1.0]), 0.5, rtol=4 * eps)
    np.testing.assert_allclose(apart([0.0, 0.0], [3.0**0.5, 0.0]), 1 / 3, rtol=4 * eps)
    np.testing.assert_allclose(apart([1.0, 0.0], [1.0, 1.0], sigma_b=0.0), 1 / 4, rtol=4 * eps)
    np.testing.assert_allclose(apart([1.0, 0.0], [-1.0, 0.0], sigma_b=0.0), 1, rtol=4 * eps)
    np.testing.assert_allclose(apart([far, 0.0], [0.0, far]), 1 / 2, rtol=4 * eps)
    np.testing.assert_allclose(apart([1 / far, 0.0], [0.0, 0.0]) * far, 1 / np.pi, rtol=8 * eps)
    # Points close to each other: the angle has its digits.
    step = np.asarray(64 * eps, dtype)
    np.testing.assert_allclose(apart([1.0], [1 + step]) / step, 1 / (2 * np.pi), rtol=1e-4)
    np.testing.assert_array_equal(apart([2.0, 1.0], [2.0, 1.0]), 0)
    np.testing.assert_array_equal(apart([0.0, 0.0], [2.0, 1.0], sigma_b=0.0), 0)
    assert apart(np.ones((5, 1, 3)), np.ones((4, 3))).shape == (5, 4)
    same = jax.grad(lambda x: init.separation_probability(x, x))(jnp.ones(2, dtype))
    np.testing.assert_array_equal(same, 0)
    np.testing.assert_allclose(init.he(9, inputs=2).unseparated_pairs(np.zeros((3, 2), dtype), 9), 3)


def test_without_biases():
    """With sigma_b = 0 eta has its law, and gamma none."""
    law = init.he(3, sigma_b=0.0, inputs=2)
    np.testing.assert_array_equal(law.cdf_eta(0.3), init.he(3, inputs=2).cdf_eta(0.3))
    np.testing.assert_array_equal(law.var_gamma(), 0)
    np.testing.assert_array_equal(law.sample(3, key=jax.random.key(0)).b, 0)


GAUSSIAN = init.Gaussian(1.0, 1.0, 1.0, inputs=2)
DATA = jspline.Dataset([0.0, 1.0], [0.0, 1.0])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: init.Gaussian(1.0, 1.0, 1.0, inputs=0), "`inputs` must be a whole number of at least 1; got 0"),
        (lambda: init.Balanced(1.0, inputs=1.5), "`inputs` must be a whole number"),
        (lambda: init.he(3, inputs=-1), "`inputs` must be a whole number"),
        (lambda: init.glorot(3, inputs=True), "`inputs` must be a whole number"),
        (lambda: GAUSSIAN.pdf_beta(0.0), "ask for gamma and eta, not beta and mu"),
        (lambda: GAUSSIAN.cdf_mu(0.0), "ask for gamma and eta, not beta and mu"),
        (lambda: init.he(3).pdf_gamma(0.0), "ask for beta and mu, or give the law `inputs`"),
        (lambda: init.he(3).cdf_eta(0.0), "ask for beta and mu, or give the law `inputs`"),
        (lambda: init.Balanced(1.0).var_gamma(), "ask for beta and mu"),
        (lambda: GAUSSIAN.pdf(beta=0.0, mu=0.0), "takes `eta` and `gamma`"),
        (lambda: init.he(3).pdf(eta=0.0, gamma=0.0), "takes `beta` and `mu`"),
        (lambda: init.he(3).pdf(0.0), "takes `beta` and `mu`"),
        (lambda: init.he(3, sigma_b=0.0, inputs=2).cdf_gamma(0.0), "every gamma is 0"),
        (lambda: init.he(3, sigma_b=0.0, inputs=2).pdf(0.0, 0.0), "every gamma is 0"),
        (lambda: init.Gaussian(1.0, 1.0, 0.0, inputs=2).pdf_eta(0.0), "every delta-slope is 0"),
        (lambda: init.Spiky(GAUSSIAN, 1.0, 1), "`Spiky` is of one input"),
        (lambda: kernel.weighted_spline(DATA, GAUSSIAN), "is of one input"),
        (lambda: meanfield.nodes(GAUSSIAN, DATA, 16), "is of one input"),
        (lambda: GAUSSIAN.separation_probability(jnp.ones(3), jnp.ones(3)), "points of 2 inputs, last"),
        (lambda: init.separation_probability(jnp.ones(3), jnp.ones(2)), "points of as many inputs"),
        (lambda: init.separation_probability(1.0, 2.0), "points of as many inputs"),
        (lambda: GAUSSIAN.unseparated_pairs(jnp.ones(3), 4), "`x` must be"),
        (lambda: GAUSSIAN.sample(0, key=jax.random.key(0)), "`width` must be"),
    ],
)
def test_bad_input_is_one_sentence(make, message, unchecked):
    with pytest.raises((ValueError, TypeError), match=message):
        make()
