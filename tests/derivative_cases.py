"""What the sweep over derivatives differentiates: every public function that has some, at degenerate points too.

A case is a function of its differentiated arguments, which returns what public functions give by their names, and the
points at which it is tried. All points of a case have the same shapes: it is compiled once.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from registry import cell_methods, public_functions

import jspline
from jspline import (
    Breakplanes,
    Dataset,
    ReLUNet,
    Spline,
    activation,
    charts,
    curvature,
    descent,
    dynamics,
    init,
    kernel,
    landscape,
    objective,
    pwl,
)
from jspline.activation import Mask, Ranks
from jspline.charts import OneSided
from jspline.dynamics._cell import in_cell
from jspline.ensemble import Moments
from jspline.problem import Problem

X = np.array([-1.3, -0.7, -0.2, 0.1, 0.4, 0.9, 1.6])
Y = np.array([0.3, -0.8, 0.5, 1.1, -0.4, 0.2, 0.7])
P = np.array([1.0, 0.5, 2.0, 1.5, 0.7, 1.2, 0.9])
W = np.array([1.2, -0.8, 0.6, -1.5, 0.9])
B = np.array([0.5, 0.3, -0.3, 0.8, 1.7])
V = np.array([0.7, -0.9, 0.4, 1.1, -0.6])

DATA = Dataset(X, Y, P)
TIED = Dataset([-1.3, -0.7, -0.7, 0.1, 0.4, 0.4, 1.6], Y, P)
WEIGHTLESS = Dataset(X, Y, [1.0, 0.0, 2.0, 1.5, 0.0, 1.2, 0.9])
CONSTANT = Dataset(X, np.full(7, 0.5), P)

NET = ReLUNet(W, B, V, 0.2)
SILENT = ReLUNet(W, B, np.zeros(5), 0.0)
EQUAL = ReLUNet(W[[0, 0, 1, 1, 0]], B[[0, 0, 1, 1, 0]], V[[0, 0, 1, 1, 3]], 0.2)
DEAD = ReLUNet([1.0, 1.0, -1.0, -0.5, 2.0], [-3.0, -2.5, -4.0, -3.0, -9.0], V, 0.2)
FLAT = ReLUNet([1.2, 0.0, 0.0, -1.5, 0.9], [0.5, 0.4, -0.3, 0.8, 1.7], V, 0.2)  # a constant unit, and one for none
NOTHING = ReLUNet([1.2, 0.0, 0.6, 0.0, 0.9], [0.5, 0.0, -0.3, 0.0, 1.7], [0.7, 0.0, 0.4, 0.0, -0.6], 0.2)
INTERPOLATED = Dataset(X, NET(X), P)
DEGENERATE = [SILENT, EQUAL, DEAD, FLAT]
SPLINE = NET.to_spline()
SPLINES = [SPLINE, Spline([0.25, 0.25, -0.5, -0.5, 9.0], [0.0, 0.3, 0.3, 0.3, 1.0], [1.0, 1.0, -1.0, -1.0, 1.0], 0.1)]
CHARGE = np.array([0.3, -0.2, 0.0, 1.0, -2.0])
AT = np.array([-1.0, 0.0, 0.6])


class Case(NamedTuple):
    """`function(*point)` is a dictionary of results by the names of public functions.

    Attributes:
        function: of the differentiated arguments.
        points: tuples of these.
        held: which leaves do not change: by the names of attributes of nets and data, "w where 0" among them.
        dear: whether it takes long to compile.
    """

    function: Callable[..., dict[str, Any]]
    points: list[tuple]
    held: tuple[str, ...] = ()
    dear: bool = False


CASES: list[Case] = []


def case(*points: tuple, held: tuple[str, ...] = (), dear: bool = False) -> Callable[[Callable], Callable]:
    """Make a case of a function."""

    def add(function: Callable) -> Callable:
        CASES.append(Case(function, [tuple(map(_arrays, point)) for point in points], held, dear))
        return function

    return add


def _arrays(argument: Any) -> Any:
    return jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.float64), argument)


# Charts.


@case(*((net, 1.3, AT) for net in (NET, *DEGENERATE, NOTHING)), dear=True)
def net_as_it_is(net, alpha, x):
    return {
        "charts.ReLUNet.__call__": net(x),
        "charts.ReLUNet.to_polar": net.to_polar(),
        "charts.charge": charts.charge(net),
        "charts.rescale": charts.rescale(net, alpha),
        "init.flat": [init.flat(net), init.flat(net, "mirror")],
        "descent.DeepNet.from_net": descent.DeepNet.from_net(net, 2),
        "dynamics.charge_drift": dynamics.charge_drift(net, charts.rescale(net, alpha)),
    }


@case((NET,), (EQUAL,), (FLAT,), held=("w where 0",), dear=True)
def net_with_breakpoints(net):
    return {
        "charts.ReLUNet.to_spline": net.to_spline(),
        "charts.Breakplanes.to_spline": net.to_breakplanes().to_spline(),
        "charts.roughness": [charts.roughness(net), charts.roughness(net, weight=jnp.cos, interval=(-2.0, 2.0))],
        "charts.total_delta_slope": [charts.total_delta_slope(net), charts.total_delta_slope(net, weight=jnp.cos)],
        "charts.slope_variation": charts.slope_variation(net, interval=(-2.0, 2.0)),
        "charts.variation_norm": charts.variation_norm(net),
    }


@case(*((spline, CHARGE, AT) for spline in SPLINES), dear=True)
def spline_as_it_is(spline, charge, x):
    return {
        "charts.Spline.__call__": spline(x),
        "charts.Spline.one_sided": spline.one_sided(),
        "charts.OneSided.__call__": OneSided(spline.beta, spline.mu, spline.b0, spline.b0)(x),
        "charts.Spline.unit_net": spline.unit_net(),
        "charts.Spline.to_polar": spline.to_polar(charge),
    }


@case((SPLINE, CHARGE))
def spline_with_charge(spline, charge):
    return {
        "charts.Spline.to_net": spline.to_net(charge),
        "charts.lengths": charts.lengths(spline.mu, charge),
        "charts.Spline.sort": spline.sort(),
        "charts.Spline.from_lines": Spline.from_lines(jnp.sort(spline.beta), jnp.append(spline.mu, 0.3), spline.b0),
    }


@case(*((polar, AT) for polar in (NET.to_polar(), NOTHING.to_polar())))
def polar_as_it_is(polar, x):
    return {"charts.Polar.__call__": polar(x), "charts.Polar.to_net": polar.to_net()}


@case((NET.to_polar(),), dear=True)
def polar_with_breakpoints(polar):
    return {"charts.Polar.to_spline": polar.to_spline()}


# Loss, data and sums.

POINTS = [(NET, DATA), (NET, INTERPOLATED), (NET, TIED), (NET, WEIGHTLESS), *((net, DATA) for net in DEGENERATE)]


@case(*POINTS, (NOTHING, DATA), dear=True)
def loss_and_gradient(net, data):
    methods = ("sorted", "dense")
    return {
        "objective.predict": [objective.predict(net, data, method=m) for m in methods],
        "objective.loss": [objective.loss(net, data, method=m) for m in methods],
        "objective.value_and_grad": [objective.value_and_grad(net, data, method=m) for m in methods],
        "objective.relevant_sums": [objective.relevant_sums(net, data, method=m) for m in methods],
        "dynamics.net_field": [dynamics.net_field(net, Problem(data, train_b0=train_b0)) for train_b0 in (True, False)],
    }


@case(*((spline, data) for spline in SPLINES for data in (DATA, WEIGHTLESS)), dear=True)
def loss_and_gradient_of_splines(spline, data):
    return {
        "objective.loss": objective.loss(spline, data),
        "objective.value_and_grad": objective.value_and_grad(spline, data),
    }


@case((SPLINE, CHARGE, DATA), (SPLINES[1], np.array([-0.5, 0.1, 0.1, 0.1, 0.2]), DATA))
def field_of_splines(spline, charge, data):
    return {"dynamics.spline_field": dynamics.spline_field(spline, charge, data)}


@case((NET.to_polar(), DATA), (NOTHING.to_polar(), DATA), dear=True)
def field_of_polars(polar, data):
    return {"dynamics.polar_field": dynamics.polar_field(polar, data)}


@case((DATA,), (TIED,), (WEIGHTLESS,))
def ties(data):
    return {"datasets.Dataset.tie_constant": data.tie_constant()}


@case((DATA, NET), (CONSTANT, NET), (TIED, NET), (WEIGHTLESS, NET), held=("y where constant",))
def units(data, net):
    scaled, units = data.standardize()
    return {
        "datasets.Dataset.standardize": (scaled, units),
        "datasets.Units.x": units.x(scaled.x),
        "datasets.Units.y": units.y(scaled.y),
        "datasets.Units.restore": units.restore(net),
    }


@case((0.3,))
def points(offset):
    return {"datasets.six_points": jspline.datasets.six_points(offset)}


SEEN = tuple(kind.of(jnp.asarray(W), jnp.asarray(B), jnp.asarray(X)) for kind in (Ranks, Mask))


@case((np.stack([X, Y]), np.stack([W, V])))
def sums(over_data, over_neurons):
    places = jnp.arange(X.size)
    return {
        f"activation.{type(seen).__name__}.{name}": values
        for seen in SEEN
        for name, values in {
            "over_data": seen.over_data(over_data),
            "over_neurons": seen.over_neurons(over_neurons),
            "pairs": seen.pairs(over_data),
            "between": seen.between(over_neurons, places, places[2:]),
        }.items()
    }


# Curvature.


@case((NET, DATA), (EQUAL, TIED), (DEAD, DATA), (FLAT, WEIGHTLESS), (NOTHING, DATA), dear=True)
def matrices(net, data):
    direction = jnp.linspace(-1.0, 1.0, 16)
    return {
        "curvature.hessian": [curvature.hessian(net, data), curvature.hessian(net, data, method="autodiff")],
        "curvature.gram": [
            curvature.gram(net, data),
            curvature.gram(net, Problem(data, train_b0=False), method="dense"),
        ],
        "curvature.jacobian": curvature.jacobian(net, data),
        "curvature.hvp": [curvature.hvp(net, data, direction, matrix=m) for m in ("hessian", "gram")],
        "curvature.ntk": curvature.ntk(net, data.x, jnp.asarray(AT)),
        "curvature.flat": curvature.flat(net, True),
        "curvature.tangent": curvature.tangent(net, curvature.flat(net, False)),
    }


@case((np.stack([V, W]), np.stack([B, V]), X, P, W, B), dear=True)
def columns(slope, level, z, p, a, c):
    lines = activation.Columns(slope, level, SEEN[0])
    return {
        "activation.Columns.gram": lines.gram(z, p, 1.0, (slope, level)),
        "activation.Columns.kernel": lines.kernel(z, 1.0),
        "activation.Columns.diagonal": lines.diagonal(z, p),
        "activation.Columns.dense": lines.dense(z),
        "activation.Columns.without_biases": activation.columns(ReLUNet(a, c, a), z, z[3]).without_biases().dense(z),
        "activation.residual_blocks": activation.residual_blocks(a, c),
        "activation.columns": eqx.filter(activation.columns(ReLUNet(a, c, a), z, z[3]), eqx.is_inexact_array),
        "curvature.tridiagonal": curvature.tridiagonal(a, c[1:]),
    }


MANY = ReLUNet(np.stack([W, V + 0.3], axis=1), B, V, 0.2)
MANY_DATA = Dataset(np.stack([X, np.cos(3 * X)], axis=1), Y, P)
PENALTY = np.array(0.3)


@case((MANY, MANY_DATA, CHARGE), dear=True)
def several_inputs(net, data, charge):
    """What is for several inputs alone."""
    planes = net.to_breakplanes()
    z = data.x - data.middle[None]
    columns = activation.LiftedColumns.of(net, data.x, data.middle)
    gram = columns.gram(z, data.weight, 1.0)
    return {
        "charts.ReLUNet.to_breakplanes": planes,
        "charts.Breakplanes.of": Breakplanes.of(net),
        "charts.Breakplanes.__call__": planes(data.x),
        "charts.Breakplanes.metric": planes.metric(charge),
        "charts.Breakplanes.sort": planes.sort(),
        "charts.Breakplanes.to_net": planes.to_net(charge),
        "charts.Breakplanes.unit_net": planes.unit_net(),
        "dynamics.breakplane_field": dynamics.breakplane_field(planes, charge, data),
        "activation.heights": activation.heights(net.w, net.b, data.x)[0],
        "activation.LiftedColumns.of": eqx.filter(columns, eqx.is_inexact_array),
        "activation.LiftedColumns.without_biases": columns.without_biases().dense(z),
        "activation.LiftedColumns.dense": columns.dense(z),
        "activation.LiftedColumns.gram": gram,
        "activation.LiftedColumns.coupled": columns.coupled(gram, net.w, net.b),
        "activation.LiftedColumns.kernel": columns.kernel(z, 1.0),
        "activation.LiftedColumns.diagonal": columns.diagonal(z, data.weight),
    }


@case((MANY, MANY_DATA, PENALTY), dear=True)
def ridge_regression(net, data, penalty):
    fit, of_law = kernel.ridge(net, data, penalty, train="all"), init.Gaussian(1.2, 0.7, 0.9, 2)
    wide = kernel.ridge(of_law, data, penalty, train="all", width=9)
    return {
        "kernel.ridge": [
            fit.coefficients,
            fit.log_marginal_likelihood,
            wide.coefficients,
            wide.log_marginal_likelihood,
        ],
        "kernel.RidgeFit.__call__": [fit(data.x + 0.1), wide(data.x + 0.1)],
        "kernel.RidgeFit.variance": [fit.variance(data.x + 0.1), wide.variance(data.x + 0.1)],
    }


SMALL = ReLUNet(W[:2], B[:2], V[:2], 0.2)
NULL = ReLUNet([0.0, 0.0], [-1.0, -0.3], [0.0, 0.0], 0.2)  # no neuron sees a datum


@case((SMALL, DATA), (SMALL, TIED), dear=True)
def spectra(net, data):
    """Where the eigenvalues are single ones."""
    values = [curvature.spectrum(net, data, matrix=m)[-4:] for m in ("hessian", "gram")]
    modes = curvature.delta_slopes(net.to_spline(), data)
    return {
        "curvature.spectrum": [*values, curvature.spectrum(NET, data, matrix="gram")[-3:]],
        "curvature.delta_slopes": [modes.S, modes.U**2, modes.V**2],
        "curvature.DeltaSlopes.split": modes.split(net.v),
    }


@case((SMALL, DATA), (NULL, DATA), dear=True)
def by_lanczos(net, data):
    start = jnp.full(7, 7**-0.5)
    product = lambda u: curvature.hvp(net, data, u)  # noqa: E731
    along, off = curvature.lanczos(product, start, 4)
    return {
        "curvature.lanczos": [along[:1], off[:1]],
        "curvature.spectral_density": curvature.spectral_density(net, data, key=jax.random.key(0), steps=3).trace,
        "descent.sharpness": descent.sharpness(net, data, iterations=7),
    }


NODES = np.array([[0.1, 0.5, 1.3], [0.2, 0.6, 1.1]])


@case((NODES, np.full((2, 3), 1 / 3), 0.4), (NODES[[0, 0]], np.full((2, 3), 1 / 3), 0.4))
def density_of_eigenvalues(nodes, weights, width):
    density = curvature.SpectralDensity(nodes, weights, jnp.sum(nodes), 3)
    return {
        "curvature.SpectralDensity.pdf": density.pdf(jnp.asarray(AT), width)[0],
        "curvature.SpectralDensity.moment": density.moment(2)[0],
    }


# Dynamics.

PINNED = ReLUNet(W * [1, 1, 1, 0, 1], [0.5, 0.08, -0.3, 0.0, 1.7], V, 0.2)
"""On a datum, and at the origin, where `TERM` has it slide and park."""
TERM = dynamics.cell(PINNED, dynamics.Points(DATA), jnp.asarray(True))
TERM = in_cell(TERM, TERM.active, jnp.asarray([-1, 3, -1, -2, -1], jnp.int32))


def cell(train_b0):
    return eqx.tree_at(lambda t: t.train_b0, TERM, jnp.asarray(train_b0))


@case((NET, EQUAL, Y), (SILENT, NET, Y), dear=True)
def cells(net, step, e):
    found = {name: [] for name in ("fit", "force", "gather", "lines", "sums", "project", "push", "vf", "prod")}
    for term in map(cell, (True, False)):
        found["fit"].append(term.fit(net))
        found["force"].append(term.force(net))
        found["gather"].append(term.gather(e))
        found["lines"].append(term.lines(net.w[None], net.b[None]))
        found["sums"].append(term.sums(e[None]))
        found["project"].append(term.project(term.gather(e)))
        found["push"].append(term.push(net, step))
        found["vf"].append(term.vf(0.0, net, None))
        found["prod"].append(term.prod(step, jnp.asarray(0.3)))
    return {f"dynamics.FlowTerm.{name}": values for name, values in found.items()}


@case((NET,), (SILENT,), (EQUAL,), dear=True)
def steps(net):
    solver, term = dynamics.Rosenbrock(), cell(True)
    state = solver.init(term, 0.0, 0.1, net, None)
    zero, step = jnp.asarray(0.0), jnp.asarray(0.1)
    return {
        "dynamics.Rosenbrock.init": state,
        "dynamics.Rosenbrock.func": solver.func(term, 0.0, net, None),
        "dynamics.Rosenbrock.step": solver.step(term, zero, step, net, None, state, False)[:4],
    }


@case(
    (ReLUNet([1.2, 0.8, 0.6, -1.5, -0.9, -1.1], np.zeros(6), [0.7, -0.9, 0.4, 1.1, -0.6, 0.3], 0.2),),
    (ReLUNet([1.2, 0.8, -0.6, -1.5, 0.0, 0.0], np.zeros(6), [0.7, -0.9, 0.4, 1.1, 0.0, 0.0], 0.2),),
    (ReLUNet([1.2, 0.8, 0.6, 1.5, 0.9, 1.1], np.zeros(6), [0.7, -0.9, 0.4, 1.1, -0.6, 0.3], 0.2),),
    held=("b", "w where 0"),
)
def condensed(net):
    return {"dynamics.condense": dynamics.condense(net)}


# Laws.

MU = np.array([-0.4, 0.3, 2.2])


def densities(law, names=None):
    """What a law knows, as far as it does; or these things."""
    at = {"beta": jnp.asarray(AT), "mu": jnp.asarray(MU), "t": jnp.asarray(MU), "width": 4}
    arguments = {
        "cdf_beta": ("beta",),
        "cdf_mu": ("mu",),
        "pdf": ("beta", "mu"),
        "pdf_beta": ("beta",),
        "pdf_mu": ("mu",),
        "pdf_mu_given_beta": ("mu", "beta"),
        "roughness_mean": (),
        "roughness_tail": ("t",),
        "roughness_var": (),
        "sample": (),
    }
    found = {}
    for name, given in arguments.items():
        if not hasattr(law, name) or (names is not None and name not in names):
            continue
        options = {} if name in ("cdf_beta", "pdf_beta", "roughness_tail") else {"width": 4}
        given = ("width", *given) if name == "roughness_tail" else given
        options |= {"key": jax.random.key(0)} if name == "sample" else {}
        found[f"init.{type(law).__name__}.{name}"] = getattr(law, name)(*(at[each] for each in given), **options)
    return found


@case((1.2, 0.7, 0.9), dear=True)
def laws(one, two, three):
    found = {}
    for law in (
        init.Gaussian(one, two, three),
        init.Balanced(one),
        init.Uniform(one, two, three),
        init.UniformBreakpoints(-one, two, three),
        init.FromData(DATA, "curvature", scale=one, sigma_v=two),
        init.Spiky(init.Gaussian(one, two, three), one, 2),
    ):
        found |= densities(law)
    found["init.he"] = init.he(4, one)
    found["init.glorot"] = init.glorot(4, one)
    return found


@case((1.2, 0.7, 0.9), dear=True)
def laws_of_breakplanes(one, two, three):
    gamma, eta, found = jnp.asarray(AT), jnp.asarray(MU), {}
    points = jnp.stack([jnp.ones(3), jnp.stack([one, two, three])])
    for law in (init.Gaussian(one, two, three, inputs=3), init.Balanced(one, inputs=3)):
        name = f"init.{type(law).__name__}"
        found |= {
            f"{name}.cdf_eta": law.cdf_eta(eta),
            f"{name}.cdf_eta_given_gamma": law.cdf_eta_given_gamma(eta, gamma),
            f"{name}.cdf_gamma": law.cdf_gamma(gamma),
            f"{name}.cdf_norm_given_gamma": law.cdf_norm_given_gamma(eta, gamma),
            f"{name}.pdf": law.pdf(eta, gamma),
            f"{name}.pdf_eta": law.pdf_eta(eta),
            f"{name}.pdf_eta_given_gamma": law.pdf_eta_given_gamma(eta, gamma),
            f"{name}.pdf_gamma": law.pdf_gamma(gamma),
            f"{name}.pdf_norm_given_gamma": law.pdf_norm_given_gamma(eta, gamma),
            f"{name}.sample": law.sample(4, key=jax.random.key(0)),
            f"{name}.separation_probability": law.separation_probability(*points),
            f"{name}.unseparated_pairs": law.unseparated_pairs(points, 4),
            f"{name}.var_eta": law.var_eta(),
            f"{name}.var_gamma": law.var_gamma(),
        }
    found["init.separation_probability"] = init.separation_probability(*points, sigma_w=one, sigma_b=three)
    return found


@case((1.2, 0.0, 0.9), dear=True)
def laws_without_spread(one, zero, three):
    laws = init.Gaussian(one, zero, three), init.Uniform(one, zero, three), init.UniformBreakpoints(-1, 1, one, zero)
    found = [densities(law, ("roughness_mean", "roughness_var", "sample")) for law in laws]
    return found[0] | found[1] | found[2]


@case((SPLINE.beta,))
def curved(beta):
    return {"init.from_curvature": init.from_curvature(jnp.sin, lambda beta: 1 / (1 + beta**2), beta)}


# The linear regime.


@case(*((net, data, 0.7) for net, data in [*POINTS, (FLAT, WEIGHTLESS)]))
def lazy(net, data, t):
    return {"kernel.flow": [kernel.flow(net, Problem(data, train_b0=train_b0), t) for train_b0 in (True, False)]}


SPREAD = ReLUNet([1.0, -1.0, 1.0, -1.0, 1.0], [0.9, -0.45, -0.25, 0.65, 2.0], V, 0.2)  # a fit without null directions


@case((SPREAD, DATA), (SPREAD, TIED))
def ends(net, data):
    return {"kernel.min_norm": kernel.min_norm(net, data)}


@case((NET, ReLUNet(EQUAL.w, -EQUAL.b, V, 0.2)))  # where a neuron has not turned, |turns| has a kink
def distances(start, end):
    return {"kernel.lazy_distance": kernel.lazy_distance(start, end, -2.0, 2.0)}


@case((NET,), (FLAT,))
def nearness(net):
    return {"kernel.regime": kernel.regime(net, DATA)}


@case((Y, 0.8), (np.zeros(7), 0.8), dear=True)
def wide(y, t):
    data = Dataset(X, y, P)
    found = {name: [] for name in ("weighted_spline", "WideFit.__call__", "WideFit.curvature", "WideFit.delta_slope")}
    for law, time in ((init.UniformBreakpoints(-2.0, 2.0), t), (init.Gaussian(1.0, 1.0, 1.0), jnp.inf)):
        fit = kernel.weighted_spline(data, law, time)
        x = jnp.asarray(AT)
        found["weighted_spline"].append(fit.bend)
        found["WideFit.__call__"].append(fit(x))
        found["WideFit.curvature"].append(fit.curvature(x))
        found["WideFit.delta_slope"].append(fit.delta_slope(x, -1))
    return {f"kernel.{name}": values for name, values in found.items()}


# The landscape.

QUIET = ReLUNet(W, B, [0.7, -0.9, 0.0, 0.0, 0.0], 0.2)


@case((NET, DATA, AT), (NET, WEIGHTLESS, AT), (NET, TIED, AT), (QUIET, DATA, AT), dear=True)
def landscapes(net, data, t):
    quadratic, bias = landscape.slice_breakpoint(net, data, 1), landscape.slice_bias(net, data, 0)
    scale = landscape.slice_scale(net, data, 0)
    knots = landscape.classify_knots(net, data, 1)
    turning = landscape.slice_rotation(net, data, 1, net.w[1:3])
    w = net.w[0] * jnp.exp(t)
    return {
        "landscape.slice_breakpoint": quadratic(t),
        "landscape.slice_gamma": landscape.slice_gamma(net, data, 1)(-t),
        "landscape.slice_line": landscape.slice_line(net, data, 1, net.v[:2])(t),
        "landscape.slice_rotation": turning.rest,
        "landscape.PiecewiseTrigonometric.__call__": turning(t),
        "landscape.PiecewiseTrigonometric.derivative": turning.derivative(t),
        "landscape.slice_bias": bias(t),
        "landscape.slice_scale": scale(w),
        "landscape.PiecewiseQuadratic.__call__": quadratic(t),
        "landscape.PiecewiseQuadratic.derivative": quadratic.derivative(t),
        "landscape.PiecewiseQuadratic.stretched": quadratic.stretched(net.b0 + 1, quadratic.slope / (net.b0 + 1))(t),
        "landscape.ScaleSlice.__call__": scale(w),
        "landscape.ScaleSlice.breakpoint": scale.breakpoint(w),
        "landscape.classify_knots": [knots.left, knots.right, knots.inner, knots.outer],
        "landscape.drive": landscape.drive(net, data, t),
        "landscape.is_critical": landscape.is_critical(net, data).gradient,
        "landscape.pieces": landscape.pieces(net, data).edges,
    }


@case((NET, DATA), dear=True)
def zeros(net, data):
    found = landscape.drive_zeros(net, data)
    return {"landscape.drive_zeros": [jnp.where(jnp.isnan(each), 0, each) for each in (found.right, found.left)]}


@case((ReLUNet([1.0, 2.0, 1.0, 1.0, -1.0], [0.05, 0.2, -0.2, -3.0, 0.3], V, 0.2), DATA, 0.02), dear=True)
def moves(net, data, by):
    return {
        "landscape.cancel_in_gap": landscape.cancel_in_gap(net, data, 0, 1, by),
        "landscape.rotate_about_datum": landscape.rotate_about_datum(net, data, 0, 2, by),
        "landscape.drift_outside": landscape.drift_outside(net, data, 3, by),
    }


# Piecewise-linear baselines.


LONG = np.array([-1.2, -1.0, -0.7, -0.5, -0.2, -0.1, 0.2, 0.4, 0.5, 0.8, 1.0, 1.3])
WITH_TIE = np.where(LONG == -0.7, -1.0, LONG)
NOISE = 0.05 * np.sin(9 * np.arange(12))
BENT = [Dataset(x, 3 * np.maximum(x + 0.35, 0) - 5 * np.maximum(x - 0.6, 0) + NOISE) for x in (LONG, WITH_TIE)]
"""The best knots are between data."""
ZIGZAG = 2 * LONG - 4 * np.abs(LONG + 0.5) + 4 * np.abs(LONG - 0.5) + 0.2 * NOISE
PEAKED = Dataset(LONG, ZIGZAG + 0.6 * (LONG == -0.5) - 0.6 * (LONG == 0.5))
"""They are on data."""


@case(*((data, AT) for data in (*BENT, PEAKED)), dear=True)
def baselines(data, x):
    found = {"pwl.criterion": pwl.criterion(data.weight, 7)}
    joined, separate = pwl.continuous(data, 3), []
    found["pwl.continuous"] = [joined.breaks, joined.slopes, joined.sse, joined.sses]
    found["pwl.Continuous.__call__"] = joined(x)
    # More greedy pieces hang on which of the first pairs, without error, rounding lets be.
    for fit, pieces in ((pwl.dynamic_programming, 3), (pwl.greedy_merge, 2)):
        lines = fit(data, pieces)
        separate.append(lines(x))
        sses = jnp.where(jnp.isnan(lines.sses), 0, lines.sses)
        found[f"pwl.{fit.__name__}"] = [lines.breaks, lines.level, lines.slope, lines.sse, sses]
    return found | {"pwl.Segments.__call__": separate}


# Descent, and statistics.

DEEP = descent.DeepNet.sample((5, 4), key=jax.random.key(1))
NORMED = descent.BatchNormNet.from_net(NET, DATA)


@case((NET, DATA, 0.01), (EQUAL, WEIGHTLESS, 0.01))
def trained(net, data, rate):
    run = descent.train(net, data, optax.sgd(rate), 3, records=1)
    return {"descent.train": [run.net, run.losses]}


@case((NET, DATA, NORMED, DEEP, AT), (EQUAL, TIED, NORMED, DEEP, AT), dear=True)
def other_nets(net, data, normed, deep, x):
    return {
        "descent.BatchNormNet.from_net": descent.BatchNormNet.from_net(net, data),
        "descent.BatchNormNet.on_batch": normed.on_batch(data.x),
        "descent.BatchNormNet.to_net": normed.to_net(data.x),
        "descent.DeepNet.__call__": deep(x),
        "ensemble.Moments.of": Moments.of(x),
    }


REVERSELESS = {"trained": "derivatives in forward mode only"}
"""Cases without reverse mode, and what it says."""

WHOLE = "tests/test_sensitivity.py: it is dear to compile"
EXEMPT = {
    **{
        name: "on the host, for known values"
        for name in public_functions()
        if name.startswith(("meanfield.", "penalty."))
    },
    **dict.fromkeys(("charts.ReLUNet.degenerate", "landscape.is_lonely", "activation.is_active"), "a truth"),
    **dict.fromkeys(("dynamics.nothing_follows",), "a truth"),
    **dict.fromkeys(("activation.activation", "dynamics.cell"), "places, which change at once"),
    **dict.fromkeys(cell_methods(), "places, which change at once"),
    "curvature.SpectralDensity.cdf": "a function of steps",
    **dict.fromkeys(
        [
            "landscape.theorem5",
            *(f"curvature.{name}" for name in ("escape_direction", "extreme_eigenvalues", "zero_modes")),
            "datasets.Dataset.merged",
            "datasets.reduce_inputs",
            "descent.DeepNet.to_spline",
            "dynamics.Solution.to_xarray",
            "kernel.natural_cubic",
            *(f"landscape.{name}" for name in ("alignment_maximisers", "cells", "Cells.across", "Cells.between")),
            "landscape.critical_points",
            "pwl.sparsest_interpolant",
        ],
        "on the host, for known values",
    ),
    **dict.fromkeys([f"datasets.{name}" for name in ("load", "load_table", "read_csv", "read_table")], "a file"),
    **dict.fromkeys(
        [f"datasets.{name}" for name in ("quadratic", "sharp_gap", "sine", "smooth_gap", "square_wave", "teacher")]
        + ["datasets.circles", "datasets.xor"],
        "made of Python's numbers",
    ),
    "datasets.orthogonal": "gives back y",
    **dict.fromkeys(("datasets.Reduced.net", "datasets.Reduced.restore"), "a product with a known matrix"),
    **dict.fromkeys(("descent.DeepNet.sample", "init.Law.sample"), "of nothing that has a derivative"),
    **dict.fromkeys(
        [f"dynamics.{name}" for name in ("flow", "sensitivity", "Sensitivity.forward", "Sensitivity.reverse")], WHOLE
    ),
    **dict.fromkeys([f"dynamics.{name}" for name in ("start", "advance", "finish")], "a flow without a record"),
    **dict.fromkeys([f"dynamics.Events.{name}" for name in ("add", "empty", "sorted")], "records"),
    **dict.fromkeys([f"dynamics.{name}" for name in ("compiler_options", "result_codes", "result_names")], "codes"),
    **dict.fromkeys(
        ("dynamics.FlowTerm.contr", "dynamics.Rosenbrock.order", "dynamics.Sensitivity.zeros"), "constants"
    ),
    **dict.fromkeys([f"ensemble.Store.{name}" for name in ("close", "path", "read", "write")], "files"),
    **dict.fromkeys([f"ensemble.{name}" for name in ("collect", "flow", "merge", "run")], "files"),
    **dict.fromkeys(
        [f"ensemble.{name}" for name in ("LawBins.around", "LawBlock.__call__", "LogBins.edges", "LogBins.number")]
        + ["ensemble.counts", "ensemble.kolmogorov", "ensemble.proportion", "ensemble.wilson"],
        "counts",
    ),
    "ensemble.LawBlock.draw": "init.*.sample in a batch",
    **dict.fromkeys(
        [f"ensemble.{name}" for name in ("cores", "programs_at_once", "surroundings", "working_devices")], "machines"
    ),
    **dict.fromkeys(
        [f"landscape.{name}" for name in ("count_fits", "lonely_bound", "lonely_partitions", "lonely_probability")]
        + ["landscape.partitions", "landscape.remark_1"],
        "of whole numbers",
    ),
}
"""Public functions that are no case, and why."""
