"""What `jspline.meanfield.flow` returns: the fit, the density of breakpoints and delta-slopes, and their fluctuations.

Theory: docs/theory.md 13.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from jspline._checks import Reals, as_floats, as_like, check_finite, check_net, check_scalar
from jspline.charts import ReLUNet
from jspline.init import Law
from jspline.meanfield import _density as density_
from jspline.meanfield._covariance import covariance
from jspline.meanfield._density import INSIDE, Atoms, Images, Mass, images
from jspline.meanfield._labels import Cells
from jspline.meanfield._nodes import Nodes
from jspline.meanfield._run import neurons, row, run
from jspline.problem import Problem

MESSAGES = {
    "converged": "Three successive fits agree to `tol`.",
    "out_of_nodes": "`max_nodes` were not enough for three successive fits to agree to `tol`: raise one of them.",
}

LIGHT = 1e-6
"""The size of all tracers, over that of all nodes: they change the fit by its square."""


@dataclass(frozen=True, repr=False)
class MeanField:
    """Gradient flow of an infinitely wide network, as a finite one whose neurons carry mass.

    Attributes:
        law: where neurons start, in units of mean field.
        problem: what is fitted.
        nodes: the quadrature at time 0: `nodes.net`, `nodes.cells`, ...
        ts: the times kept, `(times,)`, of which the last is the end time.
        nets: the nodes there, arrays `(times, nodes)`.
        error: the largest relative difference between the last three fits.
        result: "converged", "out_of_nodes", or how the flow of the nodes ended where it did not reach its end.
        rtol, atol: of the flow of the nodes.
    """

    law: Law | Callable
    problem: Problem
    nodes: Nodes
    ts: np.ndarray
    nets: ReLUNet
    error: float
    result: str
    rtol: float
    atol: float

    @property
    def t1(self) -> float:
        """The end time."""
        return float(self.ts[-1])

    @property
    def net(self) -> ReLUNet:
        """The nodes there: a network of which every function of the package can be asked."""
        return row(self.nets, -1)

    @property
    def cells(self) -> Cells:
        """The labels of the nodes."""
        return self.nodes.cells

    @property
    def message(self) -> str:
        """What `result` means."""
        return MESSAGES.get(self.result, "The flow of the nodes did not reach its end.")

    def __call__(self, x: Reals, t: float | None = None) -> Array:
        """The fit at `x`, of any shape, at a kept time; at the end by default."""
        return self.at(t)(jnp.asarray(x, self.problem.data.x.dtype))

    def at(self, t: float | None = None) -> ReLUNet:
        """The nodes at a kept time; at the end by default. Raises `ValueError` for any other time."""
        return row(self.nets, self._place(t))

    def trace(self, net: ReLUNet) -> ReLUNet:
        """Where neurons that count for nothing go: exact characteristics of the flow, from labels of any size.

        Args:
            net: where they start, `(tracers,)`, in units of mean field or any other; its b0 is not asked for.

        Returns:
            Arrays `(times, tracers)`, in the same units, at the times kept.

        Raises:
            ValueError: for a neuron at 0, which has no label.
        """
        check_net(net)
        start = self.nodes.net
        size, whole = (np.sqrt(np.asarray(n.w**2 + n.b**2 + n.v**2)) for n in (net, start))
        if np.any(size == 0):
            raise ValueError("A neuron of which all weights are 0 has no label, and does not move.")
        factor = LIGHT * np.linalg.norm(whole) / (size * net.width**0.5)
        pairs = zip((start.w, start.b, start.v), (net.w, net.b, net.v), strict=True)
        w, b, v = (jnp.concatenate([node, factor * tracer]) for node, tracer in pairs)
        nets, _ = run(ReLUNet(w, b, v, start.b0), self.problem, self.ts, self.rtol, self.atol)
        traced = neurons(nets, slice(start.width, None))
        parts = tuple(jnp.asarray(part / factor) for part in (traced.w, traced.b, traced.v))
        return eqx.tree_at(lambda net: (net.w, net.b, net.v), traced, parts)

    def density(self, beta: Reals, s: int, t: float | None = None, *, of: str = "neurons") -> np.ndarray:
        """The density of breakpoints of one orientation, without the atoms.

        The mass of each cell is spread over the image of the cell: positive, and no bandwidth smooths it.

        Args:
            beta: where, of any shape, in units of x.
            s: the orientation, 1 or -1.
            t: a kept time; the end by default.
            of: "neurons", of whom all have the mass 1, or "delta-slopes", which counts sum |mu|.
        """
        return density_.density(self._images(t), self.nodes.labels.second, _numbers(beta=beta), s, of)

    def joint(self, beta: Reals, mu: Reals, s: int, t: float | None = None) -> np.ndarray:
        """The joint density of breakpoint and delta-slope of one orientation, mu = V W in units of mean field.

        Given the label, |mu| is the square of the radius, whose law is known, times what the flow has made of it.
        Raises `ValueError` for `UniformBreakpoints`, where labels leave nothing of mu open.

        Numerical caveat: for laws with labels on a sphere (all but `Balanced`) mu is spread by a few tilts only, and
        its density is wrong by some ten percent, or more where mu is small or the density has an edge.
        """
        beta, mu = _numbers(beta=beta), _numbers(mu=mu)
        try:
            np.broadcast_shapes(beta.shape, mu.shape)
        except ValueError:
            raise ValueError(f"`beta` and `mu` must go together; got shapes {beta.shape} and {mu.shape}.") from None
        return density_.joint(self._images(t), self.nodes.labels, beta, mu, s)

    def atoms(self, t: float | None = None) -> Atoms:
        """Breakpoints that a positive share of neurons have in common: on data, moving together, or dead."""
        return density_.atoms(self._images(t), self.nodes.labels.second)

    def mass(self, t: float | None = None) -> Mass:
        """The shares of all neurons that are dead, on data, in moving atoms, and spread; they add up to 1."""
        return density_.mass(self._images(t))

    def covariance(self, x: Reals) -> np.ndarray:
        """The limit of H Cov(f_H(x_i), f_H(x_j)) over random nets of width H at the end time, `(points, points)`.

        A central limit theorem: f_H - f is of size H^-1/2 and nearly Gaussian where the scale is not small, and its
        mean of size 1 / H. One reverse pass of 250 nodes for each x.

        Numerical caveat: sums over many x agree with random nets to some percent from H = 1,000 on. At single points
        they need not: a derivative in masses does not see labels at which the end jumps move. Paths of neurons keep
        less: those in a net of width H are H^-1/2 from the limit's in L1, and only H^-1/4 in L2, since a few go another
        way.

        Raises:
            ValueError: when the flow of the nodes has no derivative.

        Theory: docs/theory.md 13.4.
        """
        points = np.atleast_1d(np.asarray(as_like(self.nets.w, x=x), float))
        if points.ndim != 1:
            raise ValueError(f"`x` must be a vector of points; got shape {points.shape}.")
        check_finite(x=points)
        return covariance(self.law, self.problem, self.t1, self.rtol, points)

    @cached_property
    def _ends(self) -> list[np.ndarray]:
        """The angles of the two ends in turn of each cell, at the start and then at the times kept."""
        both = [self.nodes.labels.of(self.cells, share) for share in (INSIDE, 1 - INSIDE)]
        w, b, v = (jnp.asarray(np.concatenate(parts)) for parts in zip(*both, strict=True))
        traced = self.trace(ReLUNet(w, b, v, 0.0))
        return np.split(np.arctan2(np.vstack([b, traced.b]), np.vstack([w, traced.w])), 2, axis=1)

    @cached_property
    def _still(self) -> Images:
        """The cells that see nothing, which stay as they are."""
        labels, silent = self.nodes.labels, self.nodes.silent
        low, middle, high = (labels.of(silent, share) for share in (0.0, 0.5, 1.0))
        ends = [np.arctan2(b, w) for w, b, _ in (low, high)]
        return images(silent.mass, 1.0, middle, ends, ends, self.problem.data, silent=True)

    def _images(self, t: float | None) -> Images:
        place, mass = self._place(t), self.cells.mass
        start, now = ([end[k] for end in self._ends] for k in (0, place + 1))
        theta = [np.asarray(part[place]) for part in (self.nets.w, self.nets.b, self.nets.v)]
        moved = images(mass, self.nodes.labels.second * mass, theta, start, now, self.problem.data)
        return Images(*(np.concatenate(parts) for parts in zip(moved, self._still, strict=True)))

    def _place(self, t: float | None) -> int:
        if t is None:
            return self.ts.size - 1
        check_scalar(t=t)
        found = np.flatnonzero(np.isclose(self.ts, float(_numbers(t=t)), rtol=1e-9, atol=0))
        if found.size == 0:
            raise ValueError(
                f"`t` must be one of the times kept, {', '.join(f'{each:g}' for each in self.ts)}: give `ts`."
            )
        return int(found[0])

    def __repr__(self) -> str:
        lines = [f"MeanField, {self.net.width} nodes", f"  {self.result}: {self.message}"]
        lines += [f"  {name:14} {value:.6g}" for name, value in {"t": self.t1, "error": self.error}.items()]
        return "\n".join(lines)


def _numbers(**values: Reals) -> np.ndarray:
    (found,) = as_floats(**values)
    return np.asarray(found, float)
