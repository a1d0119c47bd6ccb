"""The step inside a cell: a linearly implicit method that uses the structure of its linear systems.

Theory: docs/theory.md 6.5.
"""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, TypeAlias

import diffrax
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree

from jspline.charts import ReLUNet
from jspline.dynamics._cell import FlowTerm, Force, flatten, unflatten, velocity
from jspline.dynamics._implicit import Solver, factor


class Cubic(diffrax.AbstractLocalInterpolation):
    """Dense output: y0 + theta c1 + theta^2 c2 + theta^3 c3, theta = (t - t0) / (t1 - t0).

    The state is a pair of vectors: the parameters w, b, v, b0, and the impulse, the integral of e from t0 on.
    """

    t0: Array  # type: ignore[misc]
    t1: Array  # type: ignore[misc]
    y0: PyTree
    c1: PyTree
    c2: PyTree
    c3: PyTree

    def __init__(self, *, t0: Array, t1: Array, y0: PyTree, y1: PyTree, k2: PyTree, k3: PyTree):
        self.t0, self.t1, self.y0, self.c3 = t0, t1, y0, jax.tree.map(jnp.negative, k3)
        self.c1 = jax.tree.map(lambda y0, y1, k2: y1 - y0 + k2, y0, y1, k2)
        self.c2 = jax.tree.map(jnp.subtract, k3, k2)

    @property
    def nets(self) -> list[ReLUNet]:
        """The coefficients of the net: of 1, theta, theta^2, theta^3."""
        return [unflatten(net) for net, _ in (self.y0, self.c1, self.c2, self.c3)]

    @property
    def impulse(self) -> Float[Array, "3 data"]:
        """The coefficients of the impulse: of theta, theta^2, theta^3."""
        return jnp.stack([impulse for _, impulse in (self.c1, self.c2, self.c3)])

    def at(self, theta: Float[Array, ""]) -> ReLUNet:
        """The net at a fraction of the step."""
        y, c1, c2, c3 = (part[0] for part in (self.y0, self.c1, self.c2, self.c3))
        return unflatten(y + theta * (c1 + theta * (c2 + theta * c3)))

    def evaluate(self, t0: Any, t1: Any = None, left: bool = True) -> PyTree:
        if t1 is not None:
            return jax.tree.map(jnp.subtract, self.evaluate(t1), self.evaluate(t0))
        return self.at((t0 - self.t0) / (self.t1 - self.t0))


DenseInfo: TypeAlias = dict[str, PyTree]
_SolverState: TypeAlias = Force

GAMMA = 0.25
A = (
    (),
    (1.544,),
    (0.9466785280815826, 0.2557011698983284),
    (3.314825187068521, 2.896124015972201, 0.9986419139977817),
    (1.221224509226641, 6.019134481288629, 12.53708332932087, -0.6878860361058950),
    (1.221224509226641, 6.019134481288629, 12.53708332932087, -0.6878860361058950, 1.0),
)
C = (
    (),
    (-5.6688,),
    (-2.430093356833875, -0.2063599157091915),
    (-0.1073529058151375, -9.594562251023355, -20.47028614809616),
    (7.496443313967647, -10.24680431464352, -33.99990352819905, 11.70890893206160),
    (8.083246795921522, -7.981132988064893, -31.52159432874371, 16.31930543123136, -6.058818238834054),
)
D2 = (10.12623508344586, -7.487995877610167, -34.80091861555747, -7.992771707568823, 1.025137723295662)
D3 = (-0.6762803392801253, 6.087714651680015, 16.43084320892478, 24.76722511418386, -6.594389125716872)


class Rosenbrock(diffrax.AbstractAdaptiveSolver):
    """One step of RODAS, of order 4(3), stiffly accurate and L-stable, on the structured systems of `_implicit`.

    Six stages share one factorization. The coefficients are those of Hairer and Wanner (Solving Ordinary Differential
    Equations II, section IV.7, and their code RODAS), with the dense output of order 3 that belongs to them.

    Why this one, measured on the five set-ups of benchmarks/RESULTS.md (rtol 1e-5, five draws) while each event still
    ended its step: its median steps were 33, 93, 202, 321 and 531, where RODAS3, of order 3(2), took 42, over 5,000,
    2,151, 475 and 648. Order is the smaller part of that. RODAS3 has no dense output of its own. Hermite's cubic uses
    the velocities at both ends, which stiffness magnifies (an error of 1e-6 in the fit times h lambda = 10^4), and so
    sees events that are not there. The dense output used here combines the stages instead.

    Beside the net it integrates the force: the impulse, the integral of e over the step, is one component more of the
    same method and costs nothing, since its Jacobian times each stage comes out of the linear solve. The release of
    sliding neurons is read off it (`events`): the force at the end of a step may have the wrong sign, by what the
    tolerance allows, where its mean has not.

    Run by `diffrax.diffeqsolve` it stays in one cell: it knows no events.
    """

    term_structure: ClassVar = FlowTerm
    interpolation_cls: ClassVar = Cubic

    def order(self, terms: diffrax.AbstractTerm) -> int:
        return 4

    def init(self, terms: diffrax.AbstractTerm, t0: Any, t1: Any, y0: ReLUNet, args: None) -> _SolverState:
        return _unwrap(terms).force(y0)

    def step(
        self,
        terms: diffrax.AbstractTerm,
        t0: Any,
        t1: Any,
        y0: ReLUNet,
        args: None,
        solver_state: _SolverState,
        made_jump: Any,
    ) -> tuple[ReLUNet, ReLUNet, DenseInfo, _SolverState, Any]:
        del args, made_jump
        term, h = _unwrap(terms), terms.contr(t0, t1)
        y1, error, dense, _ = rodas(term, y0, solver_state, h)
        return y1, error, dense, term.force(y1), diffrax.RESULTS.successful

    def func(self, terms: diffrax.AbstractTerm, t0: Any, y0: ReLUNet, args: None) -> ReLUNet:
        return terms.vf(t0, y0, args)


def rodas(
    term: FlowTerm,
    y0: ReLUNet,
    force: Force,
    h: Array,
    factored: Callable[[FlowTerm, ReLUNet, Force, Array], Solver] = factor,
) -> tuple[ReLUNet, ReLUNet, DenseInfo, Solver]:
    """One step: the end, its error, what the dense output needs, and the solver of its linear systems."""
    g = GAMMA * h
    force = term.project(force)
    solve = factored(term, y0, force, g)
    # Net and impulse in one vector: each sum below is one operation.
    begin = jnp.concatenate([flatten(y0), jnp.zeros_like(force.e)])
    parts = lambda vector: (vector[: -force.e.size], vector[-force.e.size :])  # noqa: E731
    rows = [jnp.asarray(_square(table), begin.dtype) for table in (A, C)]

    def stage(i: Array, stages: Array) -> Array:
        a, c = (row[i] for row in rows)
        net = unflatten(parts(begin + _combine(a, stages))[0])
        force = term.project(term.force(net))
        rate = jnp.concatenate([flatten(velocity(net, force)), force.e])
        right, impulse = parts(g * rate + GAMMA * _combine(c, stages))
        change, felt = solve(unflatten(right))
        return stages.at[i].set(jnp.concatenate([flatten(change), impulse - felt]))

    stages = jax.lax.fori_loop(0, len(A), stage, jnp.zeros((len(A), begin.size), begin.dtype))
    end = parts(begin + _combine(rows[0][-1], stages) + stages[-1])
    k2, k3 = (parts(_combine(jnp.asarray(d, begin.dtype), stages)) for d in (D2, D3))
    dense = {"y0": parts(begin), "y1": end, "k2": k2, "k3": k3}
    return unflatten(end[0]), unflatten(parts(stages[-1])[0]), dense, solve


def _unwrap(terms: Any) -> FlowTerm:
    """`diffrax.diffeqsolve` wraps the term it was given."""
    return terms if isinstance(terms, FlowTerm) else terms.term


def _combine(factors: Float[Array, " k"], stages: Float[Array, "stages size"]) -> Float[Array, " size"]:
    """The sum of factor * stage. Written out: in a batch a matrix product would be several times slower."""
    return sum((factors[j] * stages[j] for j in range(1, factors.size)), factors[0] * stages[0])


def _square(rows: Sequence[Sequence[float]]) -> np.ndarray:
    """The strictly lower triangular matrix with these rows."""
    square = np.zeros((len(rows), len(rows)))
    for i, row in enumerate(rows):
        square[i, :i] = row
    return square
