"""What holds of every public function: it works with `jax_debug_nans` and inside somebody else's trace, and says what
it wants instead of a tuple of data."""

import inspect
import warnings
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from registry import public_functions, uncovered

import jspline
from jspline import (
    Dataset,
    ReLUNet,
    Spline,
    activation,
    curvature,
    datasets,
    descent,
    dynamics,
    init,
    kernel,
    landscape,
    meanfield,
    pwl,
)

FLOW = {"rtol": 1e-3, "atol": 1e-6}
KEY = jax.random.key(0)


def problem():
    """A net with a neuron on a datum, a constant one, a dead one and one with v = 0; data with a tie."""
    data = Dataset([-1.0, -0.25, 0.5, 0.5, 1.5], [0.3, -0.2, 0.9, 0.4, 0.1])
    w, b = [1.0, -1.0, 1.0, 0.0, 0.0, 1.0], [0.25, 0.8, 2.0, 0.5, -0.5, 0.5]
    net = ReLUNet(w, b, [0.7, -0.4, 0.3, 0.2, 0.1, 0.0], 0.1)
    spline = Spline([0.0, 1.2, 1.3], [1.0, 1.0, -0.5], [1, 1, 1])
    return SimpleNamespace(
        net=net,
        data=data,
        plain=ReLUNet(net.w[:3], net.b[:3] + 0.01, net.v[:3], net.b0),  # where nothing is degenerate
        spline=spline,
        flat=spline.to_net(0.0),
        flatland=ReLUNet(np.stack([w, np.ones(6)], axis=1), b, net.v, net.b0),
        deep=descent.DeepNet.from_net(net, 2),
        ranks=activation.Ranks.of(net.w, net.b, jnp.asarray([-1.0, 0.0, 0.5])),
        laws={
            "Gaussian": init.Gaussian(1.0, 0.5, 2.0),
            "Balanced": init.Balanced(0.5),
            "Uniform": init.Uniform(1.0, 0.5, 2.0),
            "UniformBreakpoints": init.UniformBreakpoints(-1.0, 2.0),
        },
        planes={"Gaussian": init.Gaussian(1.0, 0.5, 2.0, inputs=2), "Balanced": init.Balanced(0.5, inputs=2)},
    )


def of_laws():
    beta, mu = jnp.asarray([0.0, -0.4, 3.0, jnp.inf]), jnp.asarray([0.0, 0.2, -1e3, 0.1])
    calls = {
        "pdf_beta": lambda law: law.pdf_beta(beta),
        "cdf_beta": lambda law: law.cdf_beta(beta),
        "pdf_mu": lambda law: law.pdf_mu(mu, width=3),
        "cdf_mu": lambda law: law.cdf_mu(mu, width=3),
        "pdf": lambda law: law.pdf(beta, mu, width=3),
        "pdf_mu_given_beta": lambda law: law.pdf_mu_given_beta(mu, beta, width=3),
        "roughness_mean": lambda law: law.roughness_mean(3),
        "roughness_var": lambda law: law.roughness_var(3),
        "roughness_tail": lambda law: law.roughness_tail(3, beta),
        "sample": lambda law: law.sample(3, key=KEY),
    }
    return {
        f"init.{name}.{method}": lambda p, name=name, call=call: call(p.laws[name])
        for name in ("Gaussian", "Balanced", "Uniform", "UniformBreakpoints")
        for method, call in calls.items()
    }


def of_planes():
    gamma, eta = jnp.asarray([0.0, -0.4, 3.0, jnp.inf]), jnp.asarray([0.0, 0.2, -1e3, 0.1])
    points = jnp.asarray([[0.0, 0.0], [1.0, 1.0], [1.0, 1.0], [-2.0, 0.0]])
    calls = {
        "pdf_gamma": lambda law: law.pdf_gamma(gamma),
        "cdf_gamma": lambda law: law.cdf_gamma(gamma),
        "pdf_eta": lambda law: law.pdf_eta(eta),
        "cdf_eta": lambda law: law.cdf_eta(eta),
        "pdf_eta_given_gamma": lambda law: [law.pdf(eta, gamma), law.pdf_eta_given_gamma(eta, gamma)],
        "cdf_eta_given_gamma": lambda law: [law.sample(3, key=KEY), law.cdf_eta_given_gamma(eta, gamma)],
        "pdf_norm_given_gamma": lambda law: law.pdf_norm_given_gamma(eta, gamma),
        "cdf_norm_given_gamma": lambda law: law.cdf_norm_given_gamma(eta, gamma),
        "var_gamma": lambda law: law.var_gamma(),
        "var_eta": lambda law: law.var_eta(),
        "separation_probability": lambda law: law.separation_probability(points, points[::-1]),
        "unseparated_pairs": lambda law: law.unseparated_pairs(points, 3),
    }
    return {
        f"init.{name}.{method}": lambda p, name=name, call=call: call(p.planes[name])
        for name in ("Gaussian", "Balanced")
        for method, call in calls.items()
    } | {"init.separation_probability": lambda p: init.separation_probability(points, points, sigma_b=0.0)}


def wide_net():
    return ReLUNet([[1.0, 0.5, 0.0], [0.0, -1.0, 2.0]], [0.1, 0.2], [1.0, -1.0])


def reduced():
    return datasets.reduce_inputs([[1.0, 0.0, 2.0], [0.0, 1.0, 1.0]])


def flowed(p):
    return dynamics.start(p.net, p.data, 0.1, **FLOW)


def ahead(p):
    """A direction of (w, b), for any number of inputs."""
    return np.arange(1.0, p.net.inputs + 2)


BOX = np.array([[-2.0, 2.0], [-1.0, 1.0]])
POINTS = (-3.0, -0.25, 0.5, 1.0, 2.0)
CASES = of_laws() | {
    "charts.Breakplanes.__call__": lambda p: wide_net().to_breakplanes()([[0.0, 1.0, 2.0]]),
    "charts.Breakplanes.metric": lambda p: wide_net().to_breakplanes().metric(0.3),
    "charts.Breakplanes.of": lambda p: jspline.Breakplanes.of(p.plain),
    "charts.Breakplanes.sort": lambda p: wide_net().to_breakplanes().sort(),
    "charts.Breakplanes.to_net": lambda p: wide_net().to_breakplanes().to_net(0.3),
    "charts.Breakplanes.to_spline": lambda p: p.plain.to_breakplanes().to_spline(),
    "charts.Breakplanes.unit_net": lambda p: wide_net().to_breakplanes().unit_net(),
    "charts.ReLUNet.to_breakplanes": lambda p: wide_net().to_breakplanes(),
    "charts.OneSided.__call__": lambda p: p.spline.one_sided()(POINTS),
    "charts.Polar.__call__": lambda p: p.net.to_polar()(POINTS),
    "charts.Polar.to_net": lambda p: p.net.to_polar().to_net(),
    "charts.Polar.to_spline": lambda p: p.net.to_polar().to_spline(),
    "charts.ReLUNet.__call__": lambda p: p.net(POINTS),
    "charts.ReLUNet.degenerate": lambda p: p.net.degenerate(),
    "charts.ReLUNet.to_polar": lambda p: p.net.to_polar(),
    "charts.ReLUNet.to_spline": lambda p: ReLUNet([0.0, 0.0, 1.0], [0.0, 1.0, 0.5], [1.0, 1.0, 1.0]).to_spline(),
    "charts.Spline.__call__": lambda p: p.spline(POINTS),
    "charts.Spline.from_lines": lambda p: Spline.from_lines([0.0, 1.0], [1.0, 2.0, 0.0], 0.5),
    "charts.Spline.one_sided": lambda p: p.spline.one_sided(),
    "charts.Spline.sort": lambda p: p.spline.sort(),
    "charts.Spline.to_net": lambda p: p.spline.to_net(0.0),
    "charts.Spline.to_polar": lambda p: p.spline.to_polar(0.0),
    "charts.Spline.unit_net": lambda p: p.spline.unit_net(),
    "charts.charge": lambda p: jspline.charge(p.net),
    "charts.lengths": lambda p: jspline.charts.lengths(p.net.v, jspline.charge(p.net)),
    "charts.rescale": lambda p: jspline.rescale(p.net, 2.0),
    "charts.roughness": lambda p: jspline.roughness(p.net, interval=(0.0, 1.0)),
    "charts.slope_variation": lambda p: jspline.slope_variation(p.net),
    "charts.total_delta_slope": lambda p: jspline.total_delta_slope(p.net),
    "charts.variation_norm": lambda p: jspline.variation_norm(p.net),
    "curvature.DeltaSlopes.split": lambda p: curvature.delta_slopes(p.spline, p.data).split(jnp.ones(3)),
    "activation.columns": lambda p: activation.columns(p.net, p.data.x, jnp.zeros(())),
    "curvature.delta_slopes": lambda p: curvature.delta_slopes(p.spline, p.data),
    "curvature.escape_direction": lambda p: curvature.escape_direction(p.net, p.data),
    "curvature.extreme_eigenvalues": lambda p: curvature.extreme_eigenvalues(p.net, p.data, 2),
    "curvature.gram": lambda p: curvature.gram(p.net, p.data),
    "curvature.hessian": lambda p: curvature.hessian(p.net, p.data),
    "curvature.hvp": lambda p: curvature.hvp(p.net, p.data, p.net),
    "curvature.jacobian": lambda p: curvature.jacobian(p.net, p.data),
    "curvature.ntk": lambda p: curvature.ntk(p.net, jnp.asarray(POINTS)),
    "curvature.spectral_density": lambda p: curvature.spectral_density(p.net, p.data, key=KEY, steps=4, probes=2),
    "curvature.spectrum": lambda p: curvature.spectrum(p.net, p.data),
    "landscape.theorem5": lambda p: landscape.theorem5(p.net, p.data),
    "curvature.zero_modes": lambda p: curvature.zero_modes(p.net, p.data),
    "datasets.Dataset.merged": lambda p: p.data.merged(),
    "datasets.Dataset.standardize": lambda p: p.data.standardize(),
    "datasets.Dataset.tie_constant": lambda p: p.data.tie_constant(),
    "datasets.Units.restore": lambda p: p.data.standardize()[1].restore(p.net),
    "datasets.load": lambda p: datasets.load("nile"),
    "datasets.quadratic": lambda p: datasets.quadratic(5),
    "datasets.sharp_gap": lambda p: datasets.sharp_gap(6),
    "datasets.sine": lambda p: datasets.sine(5),
    "datasets.six_points": lambda p: datasets.six_points(0.1, draws=20, key=KEY),
    "datasets.smooth_gap": lambda p: datasets.smooth_gap(6),
    "datasets.square_wave": lambda p: datasets.square_wave(5),
    "datasets.teacher": lambda p: datasets.teacher(5, inputs=2, key=KEY),
    "datasets.xor": lambda p: datasets.xor(),
    "datasets.circles": lambda p: datasets.circles(5),
    "datasets.orthogonal": lambda p: datasets.orthogonal([1.0, 2.0], 3, key=KEY),
    "datasets.reduce_inputs": lambda p: reduced(),
    "datasets.Reduced.net": lambda p: reduced().net(wide_net()),
    "datasets.Reduced.restore": lambda p: reduced().restore(reduced().net(wide_net()), wide_net()),
    "descent.BatchNormNet.from_net": lambda p: descent.BatchNormNet.from_net(p.net, p.data),
    "descent.BatchNormNet.on_batch": lambda p: descent.BatchNormNet.from_net(p.net, p.data).on_batch(jnp.ones(5)),
    "descent.DeepNet.__call__": lambda p: descent.DeepNet.from_net(p.plain, 2)(POINTS),
    "descent.DeepNet.sample": lambda p: descent.DeepNet.sample((3, 2), key=KEY),
    "descent.DeepNet.to_spline": lambda p: p.deep.to_spline(),
    "descent.sharpness": lambda p: descent.sharpness(p.net, p.data),
    "descent.train": lambda p: descent.train(p.net, p.data, optax.sgd(1e-2), 2),
    "dynamics.breakplane_field": lambda p: dynamics.breakplane_field(
        p.plain.to_breakplanes(), jspline.charge(p.plain), p.data
    ),
    "dynamics.charge_drift": lambda p: dynamics.charge_drift(p.net, p.net),
    "dynamics.condense": lambda p: dynamics.condense(ReLUNet(p.net.w, 0 * p.net.b, p.net.v)),
    "dynamics.finish": lambda p: dynamics.finish(flowed(p)),
    "dynamics.flow": lambda p: dynamics.flow(
        p.net, p.data, 0.1, ts=[0.0, 0.1], method=dynamics.Exact(events=3), **FLOW
    ),
    "dynamics.Solution.to_xarray": lambda p: dynamics.flow(p.net, p.data, 0.1, **FLOW).to_xarray(p.data).fit.values,
    "dynamics.net_field": lambda p: dynamics.net_field(p.net, p.data),
    "dynamics.nothing_follows": lambda p: dynamics.nothing_follows(ReLUNet(p.net.w, 0 * p.net.b, p.net.v), p.data),
    "dynamics.polar_field": lambda p: dynamics.polar_field(p.net.to_polar(), p.data),
    "dynamics.sensitivity": lambda p: dynamics.sensitivity(p.plain, p.data, 0.1, max_steps=8, **FLOW),
    "dynamics.spline_field": lambda p: dynamics.spline_field(p.spline, jnp.zeros(3), p.data),
    "dynamics.start": flowed,
    "init.FromData.cdf_beta": lambda p: init.FromData(p.data).cdf_beta(jnp.asarray(POINTS)),
    "init.FromData.pdf_beta": lambda p: init.FromData(p.data, "curvature").pdf_beta(jnp.asarray(POINTS)),
    "init.FromData.sample": lambda p: init.FromData(p.data).sample(3, key=KEY),
    "init.Spiky.roughness_mean": lambda p: init.Spiky(p.laws["Gaussian"], 2.0, 1).roughness_mean(3),
    "init.Spiky.sample": lambda p: init.Spiky(p.laws["Gaussian"], 2.0, 1).sample(3, key=KEY),
    "init.flat": lambda p: init.flat(p.net, "mirror"),
    "init.from_curvature": lambda p: init.from_curvature(jnp.sin, jnp.ones_like, jnp.asarray(POINTS)),
    "init.glorot": lambda p: init.glorot(3),
    "init.he": lambda p: init.he(3),
    "kernel.WideFit.__call__": lambda p: wide(p)(POINTS),
    "kernel.WideFit.curvature": lambda p: wide(p).curvature(POINTS),
    "kernel.WideFit.delta_slope": lambda p: wide(p).delta_slope(POINTS, 1),
    "kernel.flow": lambda p: kernel.flow(p.net, p.data, jnp.inf),
    "kernel.lazy_distance": lambda p: kernel.lazy_distance(p.net, p.net, -0.5, 0.5),
    "kernel.min_norm": lambda p: kernel.min_norm(p.net, p.data),
    "kernel.natural_cubic": lambda p: kernel.natural_cubic(p.data)(0.3),
    "kernel.RidgeFit.__call__": lambda p: kernel.ridge(p.laws["Gaussian"], p.data, 0.1, width=9)(POINTS),
    "kernel.RidgeFit.variance": lambda p: kernel.ridge(p.plain, p.data, 0.1).variance(POINTS),
    "kernel.ridge": lambda p: kernel.ridge(p.net, p.data, 0.1, train="all").coefficients,
    "kernel.regime": lambda p: kernel.regime(p.plain, p.data),
    "kernel.weighted_spline": lambda p: wide(p),
    "meanfield.nodes": lambda p: meanfield.nodes(p.laws["Gaussian"], p.data, 16).net,
    "landscape.PiecewiseQuadratic.__call__": lambda p: landscape.slice_breakpoint(p.net, p.data, 0)(POINTS),
    "landscape.PiecewiseQuadratic.derivative": lambda p: landscape.slice_bias(p.net, p.data, 3).derivative(POINTS),
    "landscape.ScaleSlice.__call__": lambda p: landscape.slice_scale(p.net, p.data, 0)(POINTS),
    "landscape.ScaleSlice.breakpoint": lambda p: landscape.slice_scale(p.net, p.data, 0).breakpoint(POINTS),
    "landscape.Cells.across": lambda p: landscape.cells(p.flatland, BOX).across(0, 1),
    "landscape.Cells.between": lambda p: landscape.cells(p.flatland, BOX).between(),
    "landscape.PiecewiseTrigonometric.__call__": lambda p: landscape.slice_rotation(p.net, p.data, 0, ahead(p))(POINTS),
    "landscape.PiecewiseTrigonometric.derivative": lambda p: landscape.slice_rotation(
        p.net, p.data, 0, ahead(p)
    ).derivative(POINTS),
    "landscape.alignment_maximisers": lambda p: landscape.alignment_maximisers(p.data),
    "landscape.cancel_in_gap": lambda p: landscape.cancel_in_gap(p.flat, p.data, 1, 2, 0.01),
    "landscape.cells": lambda p: landscape.cells(p.flatland, BOX),
    "landscape.classify_knots": lambda p: landscape.classify_knots(p.net, p.data, 1),
    "landscape.critical_points": lambda p: landscape.critical_points(p.data, 2),
    "landscape.drift_outside": lambda p: landscape.drift_outside(ReLUNet([1.0], [-9.0], [1.0]), p.data, 0, 0.5),
    "landscape.drive": lambda p: landscape.drive(p.net, p.data, POINTS),
    "landscape.drive_zeros": lambda p: landscape.drive_zeros(p.net, p.data),
    "landscape.is_critical": lambda p: landscape.is_critical(p.net, p.data),
    "landscape.is_lonely": lambda p: landscape.is_lonely(p.net, p.data),
    "landscape.pieces": lambda p: landscape.pieces(p.net, p.data),
    "landscape.rotate_about_datum": lambda p: landscape.rotate_about_datum(p.flat, p.data, 0, 1, 0.1),
    "landscape.slice_bias": lambda p: landscape.slice_bias(p.net, p.data, 3),
    "landscape.slice_breakpoint": lambda p: landscape.slice_breakpoint(p.net, p.data, 0),
    "landscape.slice_gamma": lambda p: landscape.slice_gamma(p.net, p.data, 0),
    "landscape.slice_line": lambda p: landscape.slice_line(p.net, p.data, 0, ahead(p)),
    "landscape.slice_rotation": lambda p: landscape.slice_rotation(p.net, p.data, 0, ahead(p)),
    "landscape.slice_scale": lambda p: landscape.slice_scale(p.net, p.data, 0),
    "objective.loss": lambda p: jspline.loss(p.net, p.data),
    "objective.predict": lambda p: jspline.predict(p.net, p.data),
    "objective.value_and_grad": lambda p: jspline.value_and_grad(p.spline, p.data),
    "pwl.Continuous.__call__": lambda p: pwl.sparsest_interpolant(p.data)(POINTS),
    "pwl.Segments.__call__": lambda p: pwl.greedy_merge(p.data, 2)(POINTS),
    "pwl.continuous": lambda p: pwl.continuous(p.data, 2),
    "pwl.dynamic_programming": lambda p: pwl.dynamic_programming(p.data, "auto"),
    "pwl.greedy_merge": lambda p: pwl.greedy_merge(p.data, 2),
    "pwl.sparsest_interpolant": lambda p: pwl.sparsest_interpolant(p.data),
    "activation.Mask.of": lambda p: activation.Mask.of(p.net.w, p.net.b, p.data.x),
    "activation.Ranks.of": lambda p: activation.Ranks.of(p.net.w, p.net.b, p.data.x),
    "activation.Ranks.over_data": lambda p: p.ranks.over_data(jnp.ones((1, 3))),
    "activation.Ranks.over_neurons": lambda p: p.ranks.over_neurons(jnp.ones((1, 6))),
}
CASES |= of_planes()
WITHIN = [
    "curvature.SpectralDensity.cdf",
    "curvature.SpectralDensity.moment",
    "curvature.SpectralDensity.pdf",
    "curvature.flat",
    "curvature.lanczos",
    "activation.residual_blocks",
    "curvature.tangent",
    "curvature.tridiagonal",
    "datasets.Units.x",
    "datasets.Units.y",
    "datasets.load_table",
    "descent.BatchNormNet.to_net",
    "descent.DeepNet.from_net",
    "dynamics.Sensitivity.forward",
    "dynamics.Sensitivity.reverse",
    "dynamics.Sensitivity.zeros",
    "dynamics.advance",
    "dynamics.cell",
    "init.Law.sample",
    "landscape.PiecewiseQuadratic.stretched",
    "objective.relevant_sums",
    "pwl.criterion",
    "activation.activation",
    "activation.is_active",
]
NUMBERS = [
    "datasets.read_csv",
    "datasets.read_table",
    "dynamics.compiler_options",
    "dynamics.result_codes",
    "dynamics.result_names",
    "landscape.count_fits",
    "landscape.lonely_bound",
    "landscape.lonely_partitions",
    "landscape.lonely_probability",
    "landscape.partitions",
    "landscape.remark_1",
]
EXEMPT = (
    dict.fromkeys(WITHIN, "part of another function, which is run")
    | dict.fromkeys(NUMBERS, "no arrays")
    | {
        name: "tables of many nets, on the host" if name.startswith("ensemble.") else "part of a flow"
        for name in public_functions()
        if name not in CASES
        and name.startswith(
            ("ensemble.", "activation.", "dynamics.FlowTerm.", "dynamics.Rosenbrock.", "dynamics.Events.")
        )
    }
    | {
        name: "on the host, by numpy: tests/test_meanfield.py"
        for name in public_functions()
        if name not in CASES and name.startswith(("meanfield.", "penalty."))
    }
)
FILLED = ["kernel.lazy_distance", "landscape.drive_zeros", "landscape.is_critical", "landscape.ScaleSlice.__call__"]
FILLED += ["descent.train", "charts.ReLUNet.to_spline", "charts.ReLUNet.degenerate", "pwl.greedy_merge"]
READ = ["curvature.spectrum", "landscape.theorem5", "curvature.zero_modes", "curvature.extreme_eigenvalues"]
READ += [
    "landscape.alignment_maximisers",
    "landscape.cells",
    "landscape.critical_points",
    "landscape.cancel_in_gap",
    "landscape.rotate_about_datum",
    "pwl.dynamic_programming",
]


def wide(p):
    return kernel.weighted_spline(p.data, p.laws["Gaussian"])


def test_no_function_is_left_out():
    assert not uncovered(set(CASES), EXEMPT)


def run(name, p):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of neurons without a breakpoint
        return CASES[name](p)


def with_debug_nans(names):
    """Bug: fillers of what is not there, and quotients that are not taken, stopped it."""
    p = problem()
    jax.clear_caches()  # what has been compiled is not looked at again
    with jax.debug_nans(True):
        for name in names:
            run(name, p)


def test_debug_nans_finds_nothing():
    with_debug_nans(FILLED)


@pytest.mark.full
@pytest.mark.parametrize("name", CASES)
def test_debug_nans_finds_nothing_in(name):
    with_debug_nans([name])


OF_A_FLOW = {"dynamics.Solution.to_xarray"}
"""Cases that hand on what a flow returns, which is traced where the flow is."""


def in_another_trace(names):
    """Bug: the arguments were found to be known, and then something made of them was read, which was not."""
    p = problem()
    jax.make_jaxpr(lambda other: ([run(name, p) for name in names], other)[1])(1.0)


def test_known_arguments_in_another_trace():
    in_another_trace(READ)


@pytest.mark.full
@pytest.mark.parametrize("name", sorted(CASES.keys() - OF_A_FLOW))
def test_known_arguments_in_another_trace_of(name):
    in_another_trace([name])


def test_conversion_under_grad_warns_and_has_a_derivative():
    net = ReLUNet([0.0, 1.0], [1.0, 0.5], [1.0, 1.0])
    with pytest.warns(UserWarning, match="1 of 2 neurons have w = 0 and no breakpoint: 1 constant"):
        slope = jax.grad(lambda n: n.to_spline().mu.sum())(net)
    assert slope.w.tolist() == [0.0, 1.0]


OF_DATA = [name for name, thing in public_functions().items() if "problem" in inspect.signature(thing).parameters]


def test_a_tuple_is_no_data_set(unchecked):
    """Bug: 'tuple' object has no attribute 'y'."""
    p = problem()
    p.data = (p.data.x, p.data.y)
    refused = {}
    for name in sorted(set(OF_DATA) & set(CASES) - {"dynamics.Solution.to_xarray"}):  # of a flow of theirs here
        with pytest.raises((TypeError, AttributeError)) as error:
            run(name, p)
        refused[name] = str(error.value)
    wrong = {name for name, text in refused.items() if not text.startswith("`problem` must be a jspline.Dataset")}
    assert len(refused) > 35
    assert not wrong


def test_a_net_that_is_none(unchecked):
    with pytest.raises(TypeError, match=r"`net` must be a jspline\.ReLUNet; got tuple"):
        jspline.loss(([1.0], [0.0], [1.0]), problem().data)
