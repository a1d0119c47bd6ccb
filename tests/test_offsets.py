"""Data far from the origin: what is computed on x + shift, or y + shift, is what is computed on x and y, shifted.

The data, the breakpoints and the shift are short binary fractions, so that the shifted problem is the shifted one to
the last bit. What may differ is rounding: a few units in the last place of the shift, times how steep things are, which
is about 1. What is left of digits after sums of squares of uncentred values would be the square of that.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from registry import public_functions, uncovered

import jspline
from jspline import Dataset, ReLUNet, Spline, activation, curvature, dynamics, init, kernel, landscape, objective, pwl
from jspline.descent import BatchNormNet, DeepNet

SHIFT = 2.0**20
TOLERANCE = 64 * np.finfo(float).eps * SHIFT


class Problem:
    """Seven data and five neurons; `s` and `h` are how far x and y are shifted, `rest` what x is still to go."""

    def __init__(self, s=0.0, h=0.0):
        rng = np.random.default_rng(5)
        self.s, self.h, self.rest, self.key = s, h, SHIFT - s, jax.random.key(0)
        x, beta = np.array([-1.5, -1, -0.25, 0, 0.5, 1.25, 2]), np.array([0.125, 0.375, 0.75, 2.5, -0.5])
        w, v, y = np.array([1, 1.5, 0.5, 1, -0.5]), rng.normal(size=5), np.round(2.0**30 * rng.normal(size=7)) / 2.0**30
        self.data = Dataset(x + s, y + h, np.array([1, 2, 0.5, 1, 1, 0.25, 1]))
        self.net = ReLUNet(w, -w * beta - w * s, v, 0.5 + h)
        self.spline = Spline(beta + s, w * v, np.sign(w), 0.5 + h)
        self.other = eqx.tree_at(lambda n: n.b, self.net, self.net.b - jnp.array([1, 0, 0.5, 0, 0.25]))
        self.t = jnp.asarray(np.array([-2, -0.6875, 0.0625, 0.25, 0.875, 3]) + s)
        self.law = init.UniformBreakpoints(-3.0 + s, 4.0 + s)
        self.from_data = init.FromData(self.data, "curvature")
        self.fitted = Dataset(self.data.x, self.net(self.data.x), self.data.weight)

    def at(self, net):
        """A net as one of the unshifted problem, b in units of w."""
        return net.w, net.b + net.w * self.s, net.v, net.b0 - self.h

    def along(self, net):
        """A gradient in (w, b, v), likewise."""
        return net.w - self.s * net.b, net.b, net.v, net.b0

    def lines(self, spline):
        return spline.beta - self.s, spline.mu, spline.s, spline.b0 - self.h

    def pushed(self, matrix):
        """A quadratic form of (w, b, v, b0), or rows of a Jacobian, as those of the shifted problem; w in its units."""
        to = jnp.eye(16).at[jnp.arange(5, 10), jnp.arange(5)].set(self.rest)
        unit = jnp.ones(16).at[:5].set(1 / SHIFT)
        far = jnp.matmul(matrix, to, precision="highest")
        if len(matrix) == 16:
            far = jnp.matmul(to.T, far, precision="highest") * unit[:, None]
        return far * unit[None]

    def fit(self, fit):
        return fit.breaks - self.s, fit(self.t) - self.h, fit.sse, fit.sses

    def vector(self):
        """One for the shifted problem, in the coordinates of this one."""
        u = jnp.cos(jnp.arange(16.0)).at[:5].divide(SHIFT)
        return u.at[5:10].add(self.rest * u[:5])

    def pulled(self, product):
        """The product of a quadratic form with it, as of the shifted problem."""
        return product.at[:5].add(self.rest * product[5:10]).at[:5].divide(SHIFT)


def density(x):
    return 1 / (1 + x**2)


def columns(p):
    return activation.columns(p.spline, p.data.x, p.data.middle)


def slices(p):
    return landscape.slice_breakpoint(p.net, p.data, 1)


def stretched(p):
    return landscape.slice_bias(p.net, p.data, 1)


def wide(p, t=jnp.inf):
    return kernel.weighted_spline(jspline.Problem(p.data, train_b0=False), p.law, t)


def standard(p):
    data, units = p.data.standardize()
    return data.x, data.y, units.x_mean - p.s, units.x_scale, units.y_mean - p.h, units.y_scale


def drive(p):
    """E + beta X is no property of the function: a shift makes (beta + s) (X + s E) of beta X."""
    psi = landscape.drive(p.net, p.data, p.t)
    far = []
    for value, X in zip(psi[:2], psi[2:], strict=True):
        E = value - p.t * X
        far.append((E + (p.t + p.rest) * (X + p.rest * E)) / SHIFT**2)
    return far


def criticality(p):
    """Far from critical, at a critical point, and where one slope is wrong by 3 % and all else is right."""
    tilted = eqx.tree_at(lambda d: d.y, p.fitted, p.fitted.y.at[:2].add(jnp.array([0.01, -0.005])))
    all_three = [landscape.is_critical(p.net, data) for data in (p.data, p.fitted, tilted)]
    return [(c.critical, c.applies, c.misfit) for c in all_three]


def one(net, p):
    net = net if isinstance(net, ReLUNet) else net.to_net(0.25)
    return net(p.t) - p.h


CASES = {
    "charts.OneSided.__call__": lambda p: p.spline.one_sided()(p.t) - p.h,
    "charts.ReLUNet.__call__": lambda p: p.net(p.t) - p.h,
    "charts.ReLUNet.degenerate": lambda p: p.net.degenerate(),
    "charts.ReLUNet.to_spline": lambda p: p.lines(p.net.to_spline()),
    "charts.Spline.__call__": lambda p: p.spline(p.t) - p.h,
    "charts.Spline.from_lines": lambda p: Spline.from_lines(p.t, jnp.sin(jnp.arange(7.0)), 1 + p.h)(p.data.x) - p.h,
    "charts.Spline.one_sided": lambda p: (p.spline.one_sided().knots - p.s, p.spline.one_sided().kinks),
    "charts.Spline.sort": lambda p: p.lines(p.spline.sort()),
    "charts.Spline.to_net": lambda p: one(p.spline, p),
    "charts.Spline.unit_net": lambda p: one(p.spline.unit_net(), p),
    "charts.rescale": lambda p: p.at(jspline.rescale(p.net, 3.0)),
    "charts.roughness": lambda p: jspline.roughness(
        p.net, weight=lambda beta: density(beta - p.s), interval=(-1 + p.s, 1 + p.s)
    ),
    "charts.slope_variation": lambda p: jax.jit(jspline.slope_variation)(
        p.spline, interval=(-1 + p.s, 1 + p.s)
    ),
    "charts.total_delta_slope": lambda p: jspline.total_delta_slope(p.net, interval=(-1 + p.s, 1 + p.s)),
    "charts.variation_norm": lambda p: jspline.variation_norm(p.net),
    "activation.Columns.gram": lambda p: eqx.filter_jit(type(columns(p)).gram)(
        columns(p), p.data.x - p.data.middle, p.data.weight, 1.0
    ),
    "activation.Columns.kernel": lambda p: columns(p).kernel(p.data.x - p.data.middle, 1.0),
    "activation.Columns.diagonal": lambda p: columns(p).diagonal(p.data.x - p.data.middle, p.data.weight),
    "activation.Columns.dense": lambda p: columns(p).dense(p.data.x - p.data.middle),
    "curvature.DeltaSlopes.split": lambda p: curvature.delta_slopes(p.spline, p.data).split(p.spline.mu),
    "activation.columns": lambda p: (columns(p).slope, columns(p).level, columns(p).active.rank),
    "curvature.delta_slopes": lambda p: curvature.delta_slopes(p.spline, p.data).S,
    "curvature.gram": lambda p: (curvature.gram(p.spline, p.data), p.pushed(curvature.gram(p.net, p.data))),
    "curvature.hessian": lambda p: (curvature.hessian(p.spline, p.data), p.pushed(curvature.hessian(p.net, p.data))),
    "curvature.hvp": lambda p: (
        curvature.hvp(p.spline, p.data, p.spline.mu.at[0].set(1)[jnp.arange(11) % 5]),
        p.pulled(curvature.hvp(p.net, p.data, p.vector())),
        p.pulled(curvature.hvp(p.net, p.data, p.vector(), matrix="gram")),
    ),
    "curvature.jacobian": lambda p: (
        curvature.jacobian(p.spline, p.data),
        p.pushed(curvature.jacobian(p.net, p.data)),
    ),
    "curvature.ntk": lambda p: curvature.ntk(p.spline, p.t, p.data.x),
    "landscape.theorem5": lambda p: [
        (c.holds, c.silent, c.on_data) for c in (landscape.theorem5(p.net, d) for d in (p.data, p.fitted))
    ],
    "curvature.zero_modes": lambda p: tuple(curvature.zero_modes(p.net, p.data, matrix="gram").counts.values()),
    "datasets.Dataset.merged": lambda p: (p.data.merged().x - p.s, p.data.merged().y - p.h, p.data.merged().constant),
    "datasets.Dataset.standardize": standard,
    "datasets.Dataset.tie_constant": lambda p: p.data.tie_constant(),
    "datasets.Units.restore": lambda p: p.data.standardize()[1].restore(Problem().net)(p.t) - p.h,
    "datasets.Units.x": lambda p: p.data.standardize()[1].x(jnp.arange(3.0)) - p.s,
    "datasets.Units.y": lambda p: p.data.standardize()[1].y(jnp.arange(3.0)) - p.h,
    "descent.BatchNormNet.from_net": lambda p: one(BatchNormNet.from_net(p.net, p.data).to_net(p.data.x), p),
    "descent.BatchNormNet.on_batch": lambda p: BatchNormNet.from_net(p.net, p.data).on_batch(p.t) - p.h,
    "descent.BatchNormNet.to_net": lambda p: one(BatchNormNet.from_net(p.net, p.data).to_net(p.t), p),
    "descent.DeepNet.__call__": lambda p: DeepNet.from_net(p.net, 2)(p.t) - p.h,
    "descent.DeepNet.from_net": lambda p: DeepNet.from_net(p.net)(p.t) - p.h,
    "descent.DeepNet.to_spline": lambda p: DeepNet.from_net(p.net, 2).to_spline()(p.t) - p.h,
    "dynamics.net_field": lambda p: p.along(dynamics.net_field(p.net, p.data)),
    "init.FromData.cdf_beta": lambda p: p.from_data.cdf_beta(p.t),
    "init.FromData.pdf_beta": lambda p: p.from_data.pdf_beta(p.t),
    "init.FromData.sample": lambda p: p.lines(p.from_data.sample(5, key=p.key).to_spline())[:3],
    "init.UniformBreakpoints.cdf_beta": lambda p: p.law.cdf_beta(p.t),
    "init.UniformBreakpoints.pdf": lambda p: p.law.pdf(p.t, 0.5, width=5),
    "init.UniformBreakpoints.pdf_beta": lambda p: p.law.pdf_beta(p.t),
    "init.UniformBreakpoints.pdf_mu_given_beta": lambda p: p.law.pdf_mu_given_beta(0.5, p.t, width=5),
    "init.UniformBreakpoints.sample": lambda p: p.lines(p.law.sample(5, key=p.key).to_spline())[:3],
    "init.Spiky.sample": lambda p: p.lines(init.Spiky(p.law, 1.0, 2).sample(5, key=p.key).to_spline())[:3],
    "init.from_curvature": lambda p: p.lines(
        init.from_curvature(lambda x: jnp.sin(x - p.s), lambda x: density(x - p.s), p.spline.beta)
    )[:3],
    "kernel.WideFit.__call__": lambda p: wide(p, 1.0)(p.t),
    "kernel.WideFit.curvature": lambda p: wide(p).curvature(p.t),
    "kernel.WideFit.delta_slope": lambda p: wide(p).delta_slope(p.t, 1),
    "kernel.flow": lambda p: p.at(kernel.flow(p.net, p.data, 0.5)),
    "kernel.lazy_distance": lambda p: (
        lambda far: (far.breakpoints, far.median, far.largest)
    )(kernel.lazy_distance(p.net, p.other, -1 + p.s, 1 + p.s)),
    "kernel.min_norm": lambda p: p.at(kernel.min_norm(p.net, p.data)),
    "kernel.natural_cubic": lambda p: kernel.natural_cubic(p.data)(np.asarray(p.t)) - p.h,
    "kernel.regime": lambda p: kernel.regime(p.net, p.data),
    "kernel.weighted_spline": lambda p: wide(p)(p.t),
    "landscape.PiecewiseQuadratic.__call__": lambda p: slices(p)(p.t),
    "landscape.PiecewiseQuadratic.derivative": lambda p: slices(p).derivative(p.data.x, "left"),
    "landscape.PiecewiseQuadratic.stretched": lambda p: stretched(p)(-p.net.w[1] * p.t),
    "landscape.ScaleSlice.__call__": lambda p: landscape.slice_scale(p.net, p.data, 1)(-p.net.b[1] / p.t[2:]),
    "landscape.ScaleSlice.breakpoint": lambda p: landscape.slice_scale(p.net, p.data, 1).breakpoint(p.net.w[1]) - p.s,
    "landscape.cancel_in_gap": lambda p: p.at(landscape.cancel_in_gap(p.net, p.data, 0, 1, 0.0625)),
    "landscape.classify_knots": lambda p: (
        lambda knots: (knots.slice, knots.left, knots.right)
    )(landscape.classify_knots(p.net, p.data, 1)),
    "landscape.critical_points": lambda p: [
        (each.net(p.t) - p.h, each.loss, each.breakpoints, each.unique)
        for each in landscape.critical_points(p.data, 3)
    ],
    "landscape.drift_outside": lambda p: p.at(landscape.drift_outside(p.net, p.data, 3, 0.25)),
    "landscape.drive": drive,
    "landscape.is_critical": criticality,
    "landscape.is_lonely": lambda p: landscape.is_lonely(p.net, p.data),
    "landscape.pieces": lambda p: (
        lambda cut: (cut.edges - p.s, cut.first, cut.count)
    )(landscape.pieces(p.net, p.data)),
    "landscape.rotate_about_datum": lambda p: p.at(landscape.rotate_about_datum(p.net, p.data, 1, 2, 0.125)),
    "landscape.slice_bias": lambda p: stretched(p)(p.net.b[1] + jnp.arange(3.0)),
    "landscape.slice_breakpoint": lambda p: slices(p)(p.t),
    "landscape.slice_gamma": lambda p: landscape.slice_gamma(p.net, p.data, 1)(p.t),
    "landscape.slice_line": lambda p: landscape.slice_line(p.net, p.data, 1, [1.0, 0.5 - p.s])(p.t - p.s),
    "landscape.slice_scale": lambda p: landscape.slice_scale(p.net, p.data, 1)(-p.net.b[1] / p.data.x[4:]),
    "objective.loss": lambda p: [objective.loss(p.net, p.data, method=m) for m in ("sorted", "dense")],
    "objective.predict": lambda p: [objective.predict(p.net, p.data, method=m) - p.h for m in ("sorted", "dense")],
    "objective.relevant_sums": lambda p: (
        lambda sums: (sums.residual, sums.X - p.s * sums.E, sums.E, sums.Z, sums.total)
    )(objective.relevant_sums(p.net, p.data)),
    "objective.value_and_grad": lambda p: [
        p.along(objective.value_and_grad(p.net, p.data, method=m)[1]) for m in ("sorted", "dense")
    ],
    "pwl.Continuous.__call__": lambda p: pwl.continuous(p.data, 1)(p.t) - p.h,
    "pwl.Segments.__call__": lambda p: pwl.greedy_merge(p.data, 2)(p.t) - p.h,
    "pwl.continuous": lambda p: p.fit(pwl.continuous(p.data, 3)),
    "pwl.dynamic_programming": lambda p: p.fit(pwl.dynamic_programming(p.data, 3)),
    "pwl.greedy_merge": lambda p: p.fit(pwl.greedy_merge(p.data, 3))[:3],
    "pwl.sparsest_interpolant": lambda p: p.fit(pwl.sparsest_interpolant(p.data)),
    "activation.is_active": lambda p: activation.is_active(p.net.w[None], p.net.b[None], p.data.x[:, None]),
    "activation.Ranks.of": lambda p: activation.Ranks.of(p.net.w, p.net.b, p.data.x).rank,
}  # fmt: skip

NO_OFFSET = [
    "kernel.WideFit.__call__",
    "kernel.WideFit.curvature",
    "kernel.WideFit.delta_slope",
    "kernel.weighted_spline",
]
"""Without b0 these fit y + shift by another function than y; with it too, since b0 moves at a price."""

REASONS = {
    "an angle holds sixteen digits of a turn, not of itself (see `Polar`)": """
        charts.Polar.__call__ charts.Polar.to_net charts.Polar.to_spline charts.ReLUNet.to_polar charts.Spline.to_polar
        dynamics.polar_field""",
    "b is part of what it computes: after a shift it is another number": """
        charts.charge charts.lengths dynamics.charge_drift dynamics.spline_field landscape.drive_zeros
        landscape.PiecewiseTrigonometric.__call__ landscape.PiecewiseTrigonometric.derivative
        landscape.alignment_maximisers landscape.slice_rotation""",
    "eigenvalues in (w, b, v), which a shift changes, of `curvature.hessian` or `hvp`, cases of their own": """
        curvature.SpectralDensity.cdf curvature.SpectralDensity.moment curvature.SpectralDensity.pdf
        curvature.escape_direction curvature.extreme_eigenvalues curvature.spectral_density curvature.spectrum
        descent.sharpness""",
    "knows neither data nor breakpoints": """
        curvature.flat curvature.lanczos activation.residual_blocks curvature.tangent curvature.tridiagonal
        dynamics.Events.add dynamics.Events.empty dynamics.Events.sorted dynamics.compiler_options
        dynamics.result_codes dynamics.result_names ensemble.LawBlock.__call__ ensemble.LawBlock.draw
        ensemble.LogBins.edges ensemble.LogBins.number ensemble.Moments.of ensemble.Store.close ensemble.Store.path
        ensemble.Store.read ensemble.Store.write ensemble.collect ensemble.cores ensemble.counts ensemble.kolmogorov
        ensemble.merge ensemble.programs_at_once ensemble.proportion ensemble.run ensemble.surroundings ensemble.wilson
        ensemble.working_devices init.UniformBreakpoints.cdf_mu init.UniformBreakpoints.pdf_mu
        init.UniformBreakpoints.roughness_mean init.UniformBreakpoints.roughness_tail
        init.UniformBreakpoints.roughness_var init.Spiky.roughness_mean landscape.count_fits landscape.lonely_bound
        landscape.lonely_partitions landscape.lonely_probability landscape.partitions landscape.remark_1 pwl.criterion
        """,
    "knows what is seen, and not where it lies": " ".join(
        name
        for name in public_functions()
        if name.startswith(("activation.Ranks.", "activation.Mask.", "activation.activation"))
        and not name.endswith(".Ranks.of")
    ),
    "a law whose breakpoints lie about 0; no shift of it is one": """
        ensemble.LawBins.around init.Balanced.cdf_beta init.Balanced.cdf_mu init.Balanced.pdf init.Balanced.pdf_beta
        init.Balanced.pdf_mu init.Balanced.pdf_mu_given_beta init.Balanced.roughness_mean init.Balanced.roughness_tail
        init.Balanced.roughness_var init.Balanced.sample init.Gaussian.cdf_beta init.Gaussian.cdf_mu init.Gaussian.pdf
        init.Gaussian.pdf_beta init.Gaussian.pdf_mu init.Gaussian.pdf_mu_given_beta init.Gaussian.roughness_mean
        init.Gaussian.roughness_tail init.Gaussian.roughness_var init.Gaussian.sample init.Law.sample
        init.Uniform.cdf_beta init.Uniform.cdf_mu init.Uniform.pdf init.Uniform.pdf_beta init.Uniform.pdf_mu
        init.Uniform.pdf_mu_given_beta init.Uniform.roughness_mean init.Uniform.roughness_tail
        init.Uniform.roughness_var init.Uniform.sample init.glorot init.he descent.DeepNet.sample""",
    "of laws of (w, b), which a shift changes": " ".join(
        name for name in public_functions() if name.startswith(("meanfield.", "penalty."))
    ),
    "leaves w and b as they are": "init.flat",
    "of two inputs": "landscape.Cells.across landscape.Cells.between landscape.cells",
    "of several inputs, shifted in `test_inputs`": " ".join(
        name
        for name in public_functions()
        if name.startswith(
            ("activation.LiftedColumns.", "activation.heights", "charts.Breakplanes.", "datasets.Reduced.")
        )
    )
    + """ activation.Columns.without_biases charts.ReLUNet.to_breakplanes datasets.reduce_inputs
        dynamics.breakplane_field kernel.RidgeFit.__call__ kernel.RidgeFit.variance kernel.ridge""",
    "a law whose breakplanes lie about 0; no shift of it is one": " ".join(
        name
        for name in public_functions()
        if name.startswith(("init.Gaussian.", "init.Balanced.", "init.separation"))
        and name.endswith(("_eta", "_gamma", "_probability", "_pairs"))
    ),
    "makes data of its own, or reads them as they are": """
        datasets.load datasets.load_table datasets.quadratic datasets.read_csv datasets.read_table datasets.sharp_gap
        datasets.sine datasets.six_points datasets.smooth_gap datasets.square_wave datasets.teacher datasets.circles
        datasets.orthogonal datasets.xor""",
    "gradient descent in (w, b) is another one after a shift, which is no isometry of them": "descent.train",
    "asks for biases of 0": "dynamics.condense dynamics.nothing_follows",
    "a part of `dynamics.flow`, or its derivative; the flow has a test of its own": """
        dynamics.Solution.to_xarray dynamics.FlowTerm.contr dynamics.FlowTerm.fit dynamics.FlowTerm.force
        dynamics.FlowTerm.gather dynamics.FlowTerm.lines dynamics.FlowTerm.prod dynamics.FlowTerm.project
        dynamics.FlowTerm.push dynamics.FlowTerm.sums dynamics.FlowTerm.vf dynamics.Rosenbrock.func
        dynamics.Rosenbrock.init dynamics.Rosenbrock.order dynamics.Rosenbrock.step dynamics.Sensitivity.forward
        dynamics.Sensitivity.reverse dynamics.Sensitivity.zeros dynamics.advance dynamics.cell dynamics.finish
        dynamics.sensitivity dynamics.start ensemble.flow""",
}
EXEMPT = {name: reason for reason, names in REASONS.items() for name in names.split()}


def test_every_public_function_is_a_case_or_says_why_not():
    assert uncovered({*CASES, "dynamics.flow"}, EXEMPT) == ""


@pytest.fixture(scope="module")
def problems():
    return {"here": Problem(), "x": Problem(s=SHIFT), "y": Problem(h=SHIFT)}


@pytest.fixture(scope="module")
def expected(problems):
    return {}


@pytest.mark.parametrize(
    ("name", "axis"), [(name, axis) for name in CASES for axis in "xy" if axis == "x" or name not in NO_OFFSET]
)
def test_far_from_the_origin(name, axis, problems, expected):
    if name not in expected:
        expected[name] = jax.tree.map(np.asarray, CASES[name](problems["here"]))
    found = jax.tree.map(np.asarray, CASES[name](problems[axis]))
    assert jax.tree.structure(found) == jax.tree.structure(expected[name])
    for one, other in zip(jax.tree.leaves(found), jax.tree.leaves(expected[name]), strict=True):
        if other.dtype.kind in "bi":
            np.testing.assert_array_equal(one, other)
        else:
            size = max(1.0, np.max(np.abs(other), initial=0, where=np.isfinite(other)))
            np.testing.assert_allclose(one, other, rtol=0, atol=TOLERANCE * size)
