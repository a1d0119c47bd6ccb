"""The exact laws, against quadrature, mpmath, scipy and samples."""

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
import scipy.integrate
import scipy.special
import scipy.stats
from helpers import random_net

import jspline
from jspline import Dataset, init
from jspline.init._bessel import k0, k0_tail

WIDTH = 40
LAWS = {
    "he": init.he(WIDTH),
    "he, other biases": init.he(WIDTH, sigma_b=0.3),
    "glorot": init.glorot(WIDTH),
    "gaussian": init.Gaussian(0.7, 1.9, 0.4),
    "uniform": init.Uniform(1.3, 0.6, 0.8),
    "balanced": init.Balanced(0.3),
    "uniform breakpoints": init.UniformBreakpoints(-1.5, 2.0, 3.0, 0.5),
}
DATA = Dataset([-2.0, -1.0, -1.0, 0.5, 3.0], [0.0, 1.0, 3.0, -1.0, 0.0])
BREAKPOINT_LAWS = {
    **LAWS,
    "quantiles": init.FromData(DATA, "quantiles"),
    "curvature": init.FromData(DATA, "curvature"),
    "spiky": init.Spiky(init.he(WIDTH), 5.0, 3),
}
# The level of each goodness-of-fit test here: five for each law and six more, together 1e-3 (Bonferroni), fixed seeds.
LEVEL = 1e-3 / (5 * len(LAWS) + 6)


def options(law):
    """What code for any law gives: only `UniformBreakpoints` needs it."""
    return {"width": WIDTH}


def knots(law):
    """Where the densities of this law have kinks, jumps or integrable singularities, besides the ends."""
    match law:
        case init.Uniform():
            bend = float(law.a_b / law.a_w)
            return [-bend, 0.0, bend], [-float(law.a_w * law.a_v), 0.0, float(law.a_w * law.a_v)]
        case init.UniformBreakpoints():
            return [float(law.lo), float(law.hi)], [0.0]
        case init.FromData():
            return list(map(float, law.edges)), [0.0]
    return [0.0], [0.0]


def integral(f, points, *given):
    """The integral of f, compiled, over the line, piece by piece, by a rule that takes singular and infinite ends.

    All values are asked for in vectors of one length, for which it compiles once.
    """
    ends = [-np.inf, *points, np.inf]

    def values(x):
        parts = np.resize(x, (-(-x.size // 256), 256))
        return np.concatenate([f(part, *given) for part in parts])[: x.size].reshape(x.shape)

    result = scipy.integrate.tanhsinh(values, np.array(ends[:-1]), np.array(ends[1:]), rtol=1e-10, atol=1e-12)
    return float(np.sum(result.integral))


@pytest.mark.parametrize("name", BREAKPOINT_LAWS)
def test_density_of_breakpoints_is_the_derivative_of_its_cdf(name):
    law = BREAKPOINT_LAWS[name]
    law = law.base if isinstance(law, init.Spiky) else law
    assert abs(integral(jax.jit(lambda b: law.pdf_beta(b)), knots(law)[0]) - 1) <= 1e-6
    beta = jnp.asarray([-30.0, -1.7, -0.4, -0.1, 0.2, 1.1, 2.3, 40.0])
    slope = jax.vmap(jax.grad(lambda b: law.cdf_beta(b)))(beta)
    np.testing.assert_allclose(slope, law.pdf_beta(beta), rtol=1e-10, atol=1e-14)
    np.testing.assert_allclose(law.cdf_beta(jnp.array([-1e300, 1e300])), [0, 1], atol=1e-12)


def test_density_at_0_is_the_derivative_in_reverse_mode():
    """Bug: 0, for sigma_b > sigma_w: the derivative of a product with 0 in it underflowed."""
    law = init.Gaussian(0.7, 1.9, 0.4)
    np.testing.assert_allclose(jax.grad(law.cdf_beta)(0.0), law.pdf_beta(0.0), rtol=1e-14)


@pytest.mark.parametrize("name", LAWS)
def test_density_of_delta_slopes_is_the_derivative_of_its_cdf(name):
    law, extra = LAWS[name], options(LAWS[name])
    assert abs(integral(jax.jit(lambda m: law.pdf_mu(m, **extra)), knots(law)[1]) - 1) <= 1e-6
    mu = jnp.asarray([-3.0, -0.9, -0.2, -1e-3, 1e-6, 0.05, 0.4, 1.0, 2.5])
    slope = jax.vmap(jax.grad(lambda m: law.cdf_mu(m, **extra)))(mu)
    np.testing.assert_allclose(slope, law.pdf_mu(mu, **extra), rtol=1e-9, atol=1e-14)
    np.testing.assert_allclose(law.cdf_mu(jnp.array([-1e6, 0.0, 1e6]), **extra), [0, 0.5, 1], atol=1e-14)


# He and Glorot are Gaussian laws with other numbers.
@pytest.mark.parametrize(
    "name", [pytest.param(k, marks=pytest.mark.full) if k in ("he", "glorot") else k for k in LAWS]
)
def test_marginals_and_conditionals_follow_from_the_joint(name):
    law, extra = LAWS[name], options(LAWS[name])
    in_beta, _ = knots(law)
    joint_mu = jax.jit(lambda m, b: law.pdf(b, m, **extra))
    given_beta = jax.jit(lambda m, b: law.pdf_mu_given_beta(m, b, **extra))
    joint_beta = jax.jit(lambda b, m: law.pdf(b, m, **extra))
    for beta in (-2.5, 0.3, 1.4):
        reach = [0.0]
        if isinstance(law, init.Uniform):
            top = float(law.a_v * min(law.a_b / abs(beta), law.a_w))
            reach = [-top, 0.0, top]
        marginal = integral(joint_mu, reach, beta)
        np.testing.assert_allclose(marginal, law.pdf_beta(beta), atol=1e-8)
        conditional = integral(given_beta, reach, beta)
        if law.pdf_beta(beta) > 0:
            np.testing.assert_allclose(conditional, 1, atol=1e-8)
    for mu in (-0.6, 0.02, 0.3):
        bends = in_beta
        if isinstance(law, init.Uniform):
            # The joint density ends where m(beta) = |mu| / a_v.
            end = float(law.a_b * law.a_v / abs(mu))
            bends = sorted([-end, *in_beta, end])
        marginal = integral(joint_beta, bends, mu)
        np.testing.assert_allclose(marginal, law.pdf_mu(mu, **extra), rtol=1e-7, atol=1e-9)
    beta, mu = jnp.asarray([-1.0, 0.2, 1.7]), jnp.asarray([0.1, -0.3, 0.05])
    product = law.pdf_beta(beta) * law.pdf_mu_given_beta(mu, beta, **extra)
    np.testing.assert_allclose(law.pdf(beta, mu, **extra), product, rtol=1e-12)


def splines(law, count, seed):
    """At least `count` neurons, as one array for each coordinate."""
    keys = jax.random.split(jax.random.key(seed), -(-count // WIDTH))
    nets = jax.jit(jax.vmap(lambda k: law.sample(WIDTH, key=k)))(keys)
    beta, mu, s = (np.asarray(a).ravel()[:count] for a in (-nets.b / nets.w, nets.w * nets.v, jnp.sign(nets.w)))
    return beta, mu, s


def p_value(sample, cdf):
    return scipy.stats.ks_1samp(sample, lambda x: np.asarray(cdf(x)), method="asymp").pvalue


@pytest.mark.parametrize("name", LAWS)
def test_a_million_samples_follow_the_laws(name):
    law, extra = LAWS[name], options(LAWS[name])
    beta, mu, s = splines(law, 1_000_000, seed=list(LAWS).index(name))
    assert p_value(beta, law.cdf_beta) > LEVEL
    assert p_value(mu, lambda m: law.cdf_mu(m, **extra)) > LEVEL
    # The orientation is fair and independent of the delta-slope and of the breakpoint.
    assert scipy.stats.binomtest(int(np.sum(s > 0)), len(s)).pvalue > LEVEL
    assert scipy.stats.binomtest(int(np.sum((s > 0) == (mu > 0))), len(s)).pvalue > LEVEL
    assert p_value(beta[s > 0], law.cdf_beta) > LEVEL


@pytest.mark.parametrize("name", ["quantiles", "curvature", "spiky"])
def test_a_million_breakpoints_follow_their_law(name):
    law = BREAKPOINT_LAWS[name]
    beta, _, _ = splines(law, 1_000_000, seed=77)
    cdf = law.base.cdf_beta if name == "spiky" else law.cdf_beta
    assert p_value(beta, cdf) > LEVEL


def test_the_conditional_law_of_samples():
    for name in ("he", "balanced", "uniform"):
        law = LAWS[name]
        beta, mu, _ = splines(law, 1_000_000, seed=5)
        half_density = np.asarray(law.pdf_mu_given_beta(np.zeros_like(beta), beta))
        if name == "uniform":
            # Triangular with peak 1 / r on [-r, r]: |mu| / r has distribution function 1 - (1 - u)^2.
            uniform = 1 - (1 - np.abs(mu) * half_density) ** 2
        else:
            # Laplace with peak 1 / (2 r).
            uniform = -np.expm1(-2 * np.abs(mu) * half_density)
        assert p_value(uniform, lambda u: np.clip(u, 0, 1)) > LEVEL


@pytest.mark.parametrize("factor", [0.95, 1.05])
def test_a_planted_wrong_scale_fails(factor):
    """The same tests reject a law that is off by one part in twenty, at the same level."""
    beta, mu, _ = splines(init.Gaussian(0.7, 1.9, 0.4), 1_000_000, seed=3)
    assert p_value(beta, init.Gaussian(0.7, 1.9 * factor, 0.4).cdf_beta) < LEVEL
    assert p_value(mu, init.Gaussian(0.7, 1.9, 0.4 * factor).cdf_mu) < LEVEL
    beta, mu, _ = splines(init.Uniform(1.3, 0.6, 0.8), 1_000_000, seed=4)
    assert p_value(beta, init.Uniform(1.3, 0.6 * factor, 0.8).cdf_beta) < LEVEL
    assert p_value(mu, init.Uniform(1.3, 0.6, 0.8 * factor).cdf_mu) < LEVEL


@pytest.mark.parametrize("name", LAWS)
def test_roughness(name):
    """Mean and variance within 4 standard errors (two-sided error rate 6e-5 each), and the tail bound holds."""
    law, nets = LAWS[name], 25_000
    _, mu, _ = splines(law, nets * WIDTH, seed=11)
    rho = np.sum(mu.reshape(nets, WIDTH) ** 2, axis=1)
    mean, variance = float(law.roughness_mean(WIDTH)), float(law.roughness_var(WIDTH))
    assert abs(rho.mean() - mean) <= 4 * np.sqrt(variance / nets)
    deviation = (rho - mean) ** 2
    assert abs(deviation.mean() - variance) <= 4 * deviation.std() / np.sqrt(nets)
    for t in (0.0, 0.5 * variance**0.5, variance**0.5, 3 * variance**0.5):
        observed = np.mean(rho - mean >= t)
        bound = float(law.roughness_tail(WIDTH, t))
        assert observed <= bound + 4 * np.sqrt(bound * (1 - bound) / nets + 1e-12)
    np.testing.assert_allclose(law.roughness_tail(WIDTH, variance**0.5), 0.5)


def test_roughness_of_the_paper():
    np.testing.assert_allclose([init.he(50).roughness_mean(50), init.he(50).roughness_var(50)], [4, 128 / 50])
    glorot = init.glorot(50)
    np.testing.assert_allclose(glorot.roughness_mean(50), 4 * 50 / 51**2)
    np.testing.assert_allclose(glorot.roughness_var(50), 128 * 50 / 51**4)
    np.testing.assert_allclose(init.Uniform(2.0, 1.0, 3.0).roughness_mean(9), 36)
    spiky = init.Spiky(init.he(WIDTH), 5.0, 3)
    rho = [float(jspline.roughness(spiky.sample(WIDTH, key=k))) for k in jax.random.split(jax.random.key(0), 200)]
    np.testing.assert_allclose(np.mean(rho), spiky.roughness_mean(WIDTH), atol=4 * np.std(rho) / 200**0.5)


@pytest.mark.parametrize(("kind", "tolerance"), [("float64", 2e-14), ("float32", 2e-6)])
def test_bessel_functions(kind, tolerance):
    t = np.geomspace(1e-30, 80, 400).astype(kind)
    np.testing.assert_allclose(k0(jnp.asarray(t)), scipy.special.k0(t.astype(float)), rtol=tolerance)
    some = t[::25]
    with mpmath.workdps(30):
        exact = [float(mpmath.besselk(0, mpmath.mpf(float(z)))) for z in some]
        head = [mpmath.quad(lambda u: mpmath.besselk(0, u), [0, mpmath.mpf(float(z))]) for z in some if z < 20]
        tails = [float(mpmath.pi / 2 - h) for h in head]
    np.testing.assert_allclose(k0(jnp.asarray(some)), exact, rtol=tolerance)
    np.testing.assert_allclose(k0_tail(jnp.asarray(some[some < 20])), tails, rtol=tolerance)
    # Continuous where the two formulas meet, and right at the ends.
    for f in (k0, k0_tail):
        below, above = f(jnp.asarray([2.0, np.nextafter(np.float64(2), 3)]))
        np.testing.assert_allclose(below, above, rtol=1e-13)
    assert np.isinf(k0(jnp.asarray(0.0)))
    np.testing.assert_allclose(k0_tail(jnp.asarray([0.0, 1e4])), [np.pi / 2, 0])


def test_cdf_of_delta_slopes_in_closed_form():
    """P(mu) = 1/2 + (t/2) [K0(t) L_{-1}(t) + K1(t) L_0(t)], with modified Struve functions, t = mu / (sw sv)."""
    law = init.Gaussian(0.7, 1.9, 0.4)
    t = np.geomspace(1e-3, 20, 50)
    k, struve = scipy.special.kv, scipy.special.modstruve
    closed = 0.5 + t / 2 * (k(0, t) * struve(-1, t) + k(1, t) * struve(0, t))
    np.testing.assert_allclose(law.cdf_mu(0.28 * t), closed, rtol=1e-12)
    np.testing.assert_allclose(law.cdf_mu(-0.28 * t), 1 - closed, atol=1e-12)


@pytest.mark.parametrize("name", LAWS)
def test_float32_is_finite_far_out_and_near_zero(name):
    law, extra = LAWS[name], options(LAWS[name])
    law = jax.tree.map(lambda leaf: leaf.astype("float32"), law)
    beta = np.float32([0, 1e-30, 1, 1e3, 1e6])
    mu = np.float32([1e-30, 1e-10, 1e-3, 1])
    for density in (
        law.pdf_beta(beta),
        law.cdf_beta(-beta),
        law.pdf_mu(mu, **extra),
        law.cdf_mu(mu, **extra),
        law.pdf(beta[:, None], mu[None], **extra),
        law.pdf_mu_given_beta(mu[None], beta[:, None], **extra),
    ):
        assert density.dtype == "float32"
        assert np.all(np.isfinite(density))
        assert np.all(density >= 0)
    if not isinstance(law, init.UniformBreakpoints):
        assert law.pdf_beta(beta[-1]) > 0
        assert np.isinf(law.pdf_mu(np.float32(0)))
    assert law.sample(3, key=jax.random.key(0)).v.dtype == "float32"


def test_balanced_is_balanced_and_has_the_spline_law_of_a_gaussian():
    law = init.Balanced(0.3)
    net = law.sample(100, key=jax.random.key(0))
    np.testing.assert_allclose(jspline.charge(net), 0, atol=1e-15)
    twin = init.Gaussian(1.0, 1.0, 2 * 0.3**2)
    beta, mu = jnp.linspace(-3, 3, 7), jnp.linspace(-0.5, 0.6, 7)
    np.testing.assert_allclose(law.pdf(beta, mu), twin.pdf(beta, mu))


def test_uniform_breakpoints_and_spiky_by_construction():
    net = init.UniformBreakpoints(-1.0, 2.0, 6.0, 0.0).sample(9, key=jax.random.key(0))
    np.testing.assert_allclose(np.abs(net.w), 2)
    np.testing.assert_array_equal(net.v, 0)
    spline = init.Spiky(init.he(20), 7.0, 4).sample(20, key=jax.random.key(1)).to_spline()
    np.testing.assert_allclose(np.abs(spline.mu[:4]), 7)
    assert np.max(np.abs(spline.mu[4:])) < 7


def test_data_dependent_breakpoints():
    law = init.FromData(DATA, "quantiles")
    # Distinct x are -2, -1, 0.5 and 3: a third of the mass in each gap.
    np.testing.assert_allclose(law.cdf_beta(jnp.array([-2.0, -1.0, 0.5, 3.0])), [0, 1 / 3, 2 / 3, 1], atol=1e-15)
    # One bend, at 0: the two gaps beside it share nine tenths of the mass.
    bend = init.FromData(Dataset([-2.0, -1.0, 0.0, 1.0, 2.0], [0.0, 0.0, 0.0, 1.0, 2.0]), "curvature")
    np.testing.assert_allclose(bend.mass, [0.025, 0.475, 0.475, 0.025])
    # A straight line has no bend: evenly spread.
    line = init.FromData(Dataset([0.0, 1.0, 3.0], [0.0, 1.0, 3.0]), "curvature")
    np.testing.assert_allclose(line.mass, [1 / 3, 2 / 3])


def test_flat_keeps_the_breakpoints():
    net = random_net(jax.random.key(0), 6)
    zero, mirror = init.flat(net), init.flat(net, "mirror")
    x = jnp.linspace(-3, 3, 50)
    np.testing.assert_array_equal(zero(x), 0)
    np.testing.assert_allclose(mirror(x), 0, atol=1e-14)
    np.testing.assert_array_equal(zero.w, net.w)
    assert mirror.width == 12
    np.testing.assert_array_equal(mirror.to_spline().beta[:6], net.to_spline().beta)
    np.testing.assert_allclose(jspline.roughness(mirror), 2 * jspline.roughness(net))


def test_net_from_a_curvature_converges_at_the_stated_orders():
    """f'' = -sin on [0, pi], so f = sin up to a line; evenly placed O(1/H), random O_p(H^-1/2)."""
    x = jnp.linspace(0, jnp.pi, 200)
    density = lambda b: jnp.full_like(b, 1 / jnp.pi)  # noqa: E731

    def error(beta):
        # Right-facing: 0 with slope 0 at the left end, where sin has slope 1.
        spline = init.from_curvature(lambda b: -jnp.sin(b), density, beta)
        return float(jnp.max(jnp.abs(spline(x) + x - jnp.sin(x))))

    widths = np.array([50, 200, 800, 3200])
    # The left end of each of H equal cells.
    even = [error(jnp.arange(h, dtype=float) * (jnp.pi / h)) for h in widths]
    order = -np.polyfit(np.log(widths), np.log(even), 1)[0]
    assert 0.9 <= order <= 2.1
    rng = np.random.default_rng(0)
    random = [np.mean([error(jnp.asarray(rng.uniform(0, np.pi, h))) for _ in range(12)]) for h in widths]
    order = -np.polyfit(np.log(widths), np.log(random), 1)[0]
    assert 0.35 <= order <= 0.65
    # Orientation changes f by a line only.
    s = jnp.asarray(rng.choice([-1.0, 1.0], 50))
    beta = jnp.asarray(rng.uniform(0, np.pi, 50))
    gap = init.from_curvature(jnp.sin, density, beta, s)(x) - init.from_curvature(jnp.sin, density, beta)(x)
    np.testing.assert_allclose(np.diff(gap, 2), 0, atol=1e-13)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: init.Gaussian(0.0, 1.0, 1.0), "`sigma_w` must be positive"),
        (lambda: init.Gaussian(1.0, -1.0, 1.0), "`sigma_b` must be zero or positive"),
        (lambda: init.Uniform(1.0, 1.0, np.nan), "`a_v` must be zero or positive"),
        (lambda: init.Balanced(-1.0), "`scale` must be positive"),
        (lambda: init.UniformBreakpoints(1.0, 1.0), "`lo` must be less than `hi`"),
        (lambda: init.UniformBreakpoints(0.0, 1.0, 0.0), "`scale` must be positive"),
        (lambda: init.he(0), "`width` must be a whole number of at least 1; got 0"),
        (lambda: init.he(3).sample(0, key=jax.random.key(0)), "`width` must be a whole number"),
        (lambda: init.he(3, sigma_b=0.0).pdf_beta(0.0), "every breakpoint is at 0"),
        (lambda: init.Gaussian(1.0, 1.0, 0.0).cdf_mu(0.0), "every delta-slope is 0"),
        (lambda: init.Uniform(1.0, 0.0, 1.0).pdf(0.0, 0.0), "every breakpoint is at 0"),
        (lambda: init.Uniform(1.0, 1.0, 0.0).pdf_mu(0.0), "every delta-slope is 0"),
        (lambda: init.UniformBreakpoints(0.0, 1.0, 1.0, 0.0).pdf_mu(0.0, width=3), "every delta-slope is 0"),
        (lambda: init.Spiky(init.he(3), 1.0, 4).sample(3, key=jax.random.key(0)), "at least the 4 spikes"),
        (lambda: init.Spiky(init.FromData(DATA), 1.0, 1).roughness_mean(3), "does not know its mean roughness"),
        (lambda: init.FromData(Dataset([1.0, 1.0], [1.0, 2.0])), "at least two distinct x"),
        (lambda: init.FromData(DATA, "mean"), "`rule` must be 'quantiles' or 'curvature'"),
        (lambda: init.flat(init.he(3).sample(3, key=jax.random.key(0)), "low"), "`kind` must be"),
        (lambda: init.from_curvature(jnp.sin, jnp.zeros_like, [0.0]), "`density` must be positive"),
    ],
)
def test_bad_input_is_one_sentence(make, message, unchecked):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("name", BREAKPOINT_LAWS)
def test_nan_stays_nan(name):
    """Bug: NaN took the branch of large arguments, and came out as a density."""
    law = BREAKPOINT_LAWS[name]
    law = law.base if isinstance(law, init.Spiky) else law
    assert jnp.isnan(law.pdf_beta(jnp.nan))
    assert jnp.isnan(law.cdf_beta(jnp.nan))
    if name in LAWS:
        assert jnp.isnan(law.pdf_mu(jnp.nan, width=3))
        assert jnp.isnan(law.cdf_mu(jnp.nan, width=3))


def mp_gaussian(a_w, a_b, a_v, beta, mu):
    root, m = mpmath.sqrt(a_b**2 + (a_w * beta) ** 2), a_w * a_v
    t, falls = abs(mu) / m, mpmath.exp(-abs(mu) * root / (a_b * m))
    tail = mpmath.quad(lambda u: mpmath.exp(-t * mpmath.cosh(u)) / mpmath.cosh(u), [0, 2, 8, 120]) / mpmath.pi
    return {
        "pdf": falls / (2 * mpmath.pi * a_v * root),
        "pdf_beta": a_b * a_w / (mpmath.pi * root**2),
        "cdf_beta": mpmath.atan2(a_b, -a_w * beta) / mpmath.pi,
        "pdf_mu": (mpmath.besselk(0, t) if t else mpmath.inf) / (mpmath.pi * m),
        "cdf_mu": tail if mu < 0 else 1 - tail,
        "pdf_mu_given_beta": falls * root / (2 * a_b * m),
    }


def mp_uniform(a_w, a_b, a_v, beta, mu):
    top, m = min(a_w, a_b / abs(beta)) if beta else a_w, a_w * a_v
    ratio, share = a_w * beta / a_b, min(abs(mu) / m, mpmath.mpf(1))
    outer, joint = 1 / (4 * max(abs(ratio), 1)), max(top - abs(mu) / a_v, 0)
    tail = (1 - share + (share * mpmath.log(share) if share else 0)) / 2
    return {
        "pdf": joint / (4 * a_b * a_w * a_v),
        "pdf_beta": top**2 / (4 * a_b * a_w),
        "cdf_beta": (1 + ratio / 2) / 2 if abs(ratio) <= 1 else outer if beta < 0 else 1 - outer,
        "pdf_mu": mpmath.log(1 / share) / (2 * m) if share else mpmath.inf,
        "cdf_mu": tail if mu < 0 else 1 - tail,
        "pdf_mu_given_beta": joint / (a_v * top**2),
    }


@pytest.mark.parametrize("family", ["gaussian", "uniform"])
@pytest.mark.parametrize("powers", [(4, 4, 0), (-4, -4, 0), (-5, -5, -3), (4, -3, -4), (-3, 4, 4), (3, 3, -6)])
def test_laws_of_any_scale_against_mpmath(family, powers, dtype):
    """Bug: squares and products of scales left the range of the dtype: 0 or NaN for a_w = a_b = 1e20 in float32."""
    unit = {"float32": 5, "float64": 38}[dtype]
    scales = [np.asarray(10.0 ** (unit * power), dtype) for power in powers]
    law = {"gaussian": init.Gaussian, "uniform": init.Uniform}[family](*scales)
    info = jnp.finfo(dtype)
    g, m = unit * (powers[1] - powers[0]), unit * (powers[0] + powers[2])
    within = lambda p: 10.0 ** max(min(p, 0.8 * np.log10(info.max)), 0.8 * np.log10(info.tiny))  # noqa: E731
    beta = np.asarray([0, 0.3, -0.9, 2, -1e3, 1e-3], dtype) * np.asarray(within(g), dtype)
    mu = np.asarray([-0.01, 0.0, 1e-3, -1e-4, -1e-4, 0.6], dtype) * np.asarray(within(m), dtype)
    ours = {
        "pdf": law.pdf(beta, mu),
        "pdf_beta": law.pdf_beta(beta),
        "cdf_beta": law.cdf_beta(beta),
        "pdf_mu": law.pdf_mu(mu),
        "cdf_mu": law.cdf_mu(mu),
        "pdf_mu_given_beta": law.pdf_mu_given_beta(mu, beta),
    }
    with mpmath.workdps(40):
        for k in range(beta.size):
            at = [mpmath.mpf(float(a)) for a in (*scales, beta[k], mu[k])]
            exact = {"gaussian": mp_gaussian, "uniform": mp_uniform}[family](*at)
            for name, value in exact.items():
                got = float(ours[name][k])
                if value > info.max:
                    assert got == np.inf, (name, k)
                else:
                    assert abs(got - value) <= 40 * info.eps * value + 2 * info.tiny, (name, k, got, value)


def test_other_laws_of_extreme_scale(dtype):
    scale = {"float32": 1e-17, "float64": 1e-150}[dtype]
    small, points = np.asarray(scale, dtype), np.asarray([0.0, 0.3, -2.0], dtype)
    balanced, twin = init.Balanced(small), init.Gaussian(small, small, 2 * small)
    for name in ("pdf_mu", "cdf_mu"):
        np.testing.assert_array_equal(getattr(balanced, name)(points), getattr(twin, name)(points))
    # mu of standard deviation `scale`, from factors whose product is smaller still.
    law = init.UniformBreakpoints(*np.asarray([-0.9, 0.9], dtype) * jnp.finfo(dtype).max, 1 / small, small**2 * 4)
    expected = scipy.stats.norm(scale=2 * scale)
    mu = np.asarray([0.0, 1.0, -3.0], dtype) * small
    np.testing.assert_allclose(law.pdf_mu(mu, width=4), expected.pdf(mu), rtol=1e-5)
    np.testing.assert_allclose(law.cdf_mu(mu, width=4), expected.cdf(mu), rtol=1e-5)
    np.testing.assert_allclose(law.cdf_beta(law.lo * np.asarray([1, 0.5, 0, -1], dtype)), [0, 0.25, 0.5, 1], atol=1e-7)


def test_densities_at_infinity_are_limits():
    """Bug: NaN. The joint density is 0; given the breakpoint, all of mu is at 0."""
    ends = jnp.asarray([-jnp.inf, jnp.inf])
    for name in ("gaussian", "uniform", "balanced"):
        law = LAWS[name]
        for mu in (0.0, 0.1, -jnp.inf):
            np.testing.assert_array_equal(law.pdf(ends, mu), 0)
            np.testing.assert_array_equal(law.pdf_mu_given_beta(mu, ends), jnp.inf if mu == 0 else 0)
        np.testing.assert_array_equal(law.cdf_beta(ends), [0, 1])
        np.testing.assert_array_equal(law.cdf_mu(ends), [0, 1])
    law = LAWS["uniform breakpoints"]
    np.testing.assert_array_equal(law.pdf(ends, 0.1, width=3), 0)
    np.testing.assert_allclose(law.pdf_mu_given_beta(0.1, ends, width=3), law.pdf_mu(0.1, width=3))
    with jax.numpy_dtype_promotion("standard"):
        assert jnp.isnan(law.pdf_mu_given_beta(0.1, jnp.nan, width=3))


def test_the_lower_tail_of_uniform_delta_slopes():
    """Bug: 1/2 + mu / (2 A) (1 + log(A / |mu|)) cancels near mu = -A: 0 at 1e-9 from the end, 2.5e-19 is right."""
    rest = np.asarray([0.5, 0.26, 0.24, 1e-1, 1e-3, 1e-6, 1e-9, 1e-12])
    mu = -4 * (1 - rest)
    with mpmath.workdps(60):
        exact = [mp_uniform(*map(mpmath.mpf, (2.0, 1.0, 2.0, 0.0, float(m))))["cdf_mu"] for m in mu]
    np.testing.assert_allclose(init.Uniform(2.0, 1.0, 2.0).cdf_mu(mu), np.asarray(exact, float), rtol=1e-14)


def test_roughness_and_its_tail_at_any_scale(dtype):
    """Bug: the fourth power of the scale left the range, and with it a bound that does not depend on the scale."""
    one = np.asarray(1, dtype)
    for power in (-12, 12) if dtype == "float32" else (-90, 90):
        far = np.asarray(10.0**power, dtype)
        law, twin = init.Gaussian(far, one, one), init.Gaussian(one, one, one)
        t = np.asarray([0, 1, 3, 200], dtype)
        np.testing.assert_allclose(law.roughness_tail(8, t * far * far), twin.roughness_tail(8, t), rtol=1e-6)
        np.testing.assert_allclose(law.roughness_mean(8), 8 * (10.0**power) ** 2, rtol=1e-6)
    assert jnp.isnan(twin.roughness_tail(8, jnp.nan))
    np.testing.assert_array_equal(init.Gaussian(1.0, 1.0, 0.0).roughness_tail(8, jnp.asarray([0.0, 1.0])), [1, 0])


def test_uniform_breakpoints_need_the_width_for_mu():
    with pytest.raises(ValueError, match="depend on the width: give `width`"):
        LAWS["uniform breakpoints"].pdf_mu(0.1)


def test_zero_biases_sample():
    net = init.he(50, sigma_b=0.0).sample(50, key=jax.random.key(0))
    np.testing.assert_array_equal(net.b, 0)
