"""Spectra of matrices that are too large to write down, from products with them: Lanczos's method.

`extreme_eigenvalues` leaves the work to ARPACK (scipy). `spectral_density` is stochastic Lanczos quadrature: from a
random start, m steps give a Gauss rule of m nodes for the measure that puts on each eigenvalue the squared component
of the start along its eigenvector; the mean over random starts is the density of eigenvalues.
"""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Float, PRNGKeyArray
from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigsh

from jspline._checks import (
    as_key,
    as_like,
    check_choice,
    check_finite,
    check_memory,
    check_positive,
    check_scalar,
    check_whole,
    on_host,
)
from jspline._programs import compiled
from jspline._roots import root
from jspline.charts import ReLUNet, Spline
from jspline.curvature._hessian import Matrix, jacobian_columns, operator
from jspline.curvature._parameters import flat, size
from jspline.datasets import Dataset
from jspline.problem import Problem, b0_moved, quadratic


class Extremes(eqx.Module):
    """Eigenvalues at an end of the spectrum.

    Attributes:
        values: in increasing order, `(k,)`.
        vectors: unit eigenvectors as rows, in the order of `hessian`, `(k, params)`.
        error: |H u - value u| of each, `(k,)`: there is an eigenvalue within that distance of the value.
    """

    values: Float[Array, " k"]
    vectors: Float[Array, "k params"]
    error: Float[Array, " k"]


class SpectralDensity(eqx.Module):
    """The distribution of the eigenvalues of a P x P matrix, from random probes.

    Attributes:
        nodes: `(probes, steps)`, increasing in each probe.
        weights: `(probes, steps)`, adding up to 1 in each probe.
        trace: of the matrix, exactly, a scalar: what `moment(1)` estimates.
        params: the size P of the matrix.
    """

    nodes: Float[Array, "probes steps"]
    weights: Float[Array, "probes steps"]
    trace: Float[Array, ""]
    params: int = eqx.field(static=True)

    def cdf(self, t: ArrayLike) -> tuple[Float[Array, "..."], Float[Array, "..."]]:
        """The fraction of the eigenvalues that are at most t, and its standard error over the probes.

        The error of the quadrature is not in it: of an eigenvalue that Lanczos has not separated from its neighbours,
        it says only that it is among them. Many equal eigenvalues (zeros, above all) come out as one node.
        """
        return self._mean(lambda nodes, points: (nodes <= points).astype(nodes.dtype), t)

    def pdf(self, t: ArrayLike, width: ArrayLike) -> tuple[Float[Array, "..."], Float[Array, "..."]]:
        """The density at t, every eigenvalue widened to a normal distribution of standard deviation `width`, and its
        standard error over the probes. Raises `ValueError` for a width that is not positive."""
        check_scalar(width=width)
        check_positive(width=width)

        def normal(nodes: Array, points: Array) -> Array:
            root = jnp.sqrt(2 * jnp.pi).astype(nodes.dtype)
            return jnp.exp(-(((points - nodes) / width) ** 2) / 2) / (width * root)

        return self._mean(normal, t)

    def moment(self, power: int) -> tuple[Float[Array, ""], Float[Array, ""]]:
        """The sum of the eigenvalues to that power, and its standard error over the probes."""
        check_whole(least=0, power=power)
        mean, error = self._mean(lambda nodes, _: nodes**power, 0.0)
        return self.params * mean, self.params * error

    def _mean(self, function: Callable[[Array, Array], Array], t: ArrayLike) -> tuple[Array, Array]:
        """Mean and standard error over the probes of the sum over the eigenvalues of a function of them and of t."""
        t = as_like(self.nodes, t=t)

        def at(point: Array) -> Array:
            return jnp.sum(function(self.nodes, point) * self.weights, axis=1)

        each = jnp.reshape(jax.vmap(at)(t.ravel()), (*t.shape, len(self.nodes)))
        return jnp.mean(each, axis=-1), root(jnp.var(each, axis=-1, ddof=1) / len(self.nodes))


@b0_moved
@on_host
def extreme_eigenvalues(
    net: ReLUNet | Spline,
    problem: Problem | Dataset,
    k: int = 6,
    *,
    which: str = "largest",
    matrix: Matrix = "hessian",
) -> Extremes:
    """The k largest or smallest (most negative) eigenvalues and their eigenvectors, by ARPACK, at any width.

    One product of O((N + H) log N) a step and about 2 k + 20 vectors of 3 H + 1 numbers; on the host, so not under
    `jax.jit`. Widths of 10^6 are fine.

    Args:
        net: a net of width H, or a spline.
        problem: N data, or what is to be done with them. Without its `train_b0` b0 is no parameter,
            without its `biases` b is none.
        k: how many, at least 1 and below the number of parameters.
        which: "largest" or "smallest".
        matrix: "hessian" or "gram".

    Raises:
        ValueError: for an argument out of range, under `jax.jit`, or when ARPACK does not converge.

    Numerical caveat: of a multiple eigenvalue fewer copies may be found than there are, and others in their place.
    """
    check_choice(which=which, choices=("largest", "smallest"))
    problem = quadratic(net, problem)
    P = size(net, problem.train_b0, problem.biases)
    check_finite(net=flat(net, True))
    if isinstance(k, (int, np.integer)) and k >= P:
        raise ValueError(f"`k` must be at least 1 and less than the {P} parameters; got {k}.")
    check_whole(k=k)
    basis = min(2 * k + 20, P) + k
    check_memory(f"{basis:,} vectors of {P:,} parameters", basis * P * net.b0.dtype.itemsize, "ask for fewer")
    product = jax.jit(operator(net, problem, matrix))
    dtype = np.dtype(net.b0.dtype)
    linear = LinearOperator((P, P), matvec=lambda u: np.asarray(product(jnp.asarray(u.ravel(), dtype))), dtype=dtype)
    start = np.random.default_rng(0).normal(size=P).astype(dtype)  # ARPACK's own would differ from run to run
    if not np.any(linear.matvec(start)):  # of a matrix of zeros ARPACK makes an error
        nothing = jnp.zeros(k, dtype)
        return Extremes(nothing, jnp.eye(k, P, dtype=dtype), nothing)
    try:
        values, vectors = eigsh(linear, k, which={"largest": "LA", "smallest": "SA"}[which], v0=start)
    except ArpackNoConvergence as stuck:
        raise ValueError(
            f"ARPACK found {len(stuck.eigenvalues)} of {k} eigenvalues: ask for fewer, or see spectral_density."
        ) from None
    order = np.argsort(values)
    values, vectors = jnp.asarray(values[order]), jnp.asarray(vectors[:, order].T)
    residual = jax.lax.map(product, vectors) - values[:, None] * vectors
    return Extremes(values, vectors, jnp.linalg.norm(residual, axis=1))


@b0_moved
def spectral_density(
    net: ReLUNet | Spline,
    problem: Problem | Dataset,
    *,
    key: PRNGKeyArray,
    steps: int = 64,
    probes: int = 10,
    matrix: Matrix = "hessian",
) -> SpectralDensity:
    """The density of the eigenvalues by stochastic Lanczos quadrature, at any width.

    `steps` products of O((N + H) log N) a probe, and `steps` vectors of 3 H + 1 numbers in memory, which are kept
    orthogonal. The extreme eigenvalues come out first; errors of the mean fall as 1 / sqrt(probes).

    Args:
        net: a net of width H, or a spline.
        problem: N data, or what is to be done with them. Without its `train_b0` b0 is no parameter,
            without its `biases` b is none.
        key: of the random probes.
        steps: Lanczos steps, the nodes of each probe.
        probes: how many, at least 2.
        matrix: "hessian" or "gram".

    Raises:
        ValueError: for fewer than 1 step or 2 probes, or when the vectors would not fit into memory.

    Nodes and weights have derivatives as long as there are more distinct eigenvalues than steps; `trace` always has.
    """
    problem = quadratic(net, problem)
    key = as_key(key)
    check_whole(steps=steps)
    check_whole(least=2, probes=probes)
    P = size(net, problem.train_b0, problem.biases)
    steps = min(steps, P)
    item = net.b0.dtype.itemsize
    check_memory(f"{steps} vectors of {P:,} parameters", steps * P * item, "ask for fewer steps")
    check_memory(f"{probes:,} probes of {steps} nodes", 2 * probes * (steps + 1) * item, "ask for fewer probes")
    return _density(net, problem, key, steps, probes, matrix)


@compiled
def _density(
    net: ReLUNet | Spline, problem: Problem, key: Array, steps: int, probes: int, matrix: Matrix
) -> SpectralDensity:
    P = size(net, problem.train_b0, problem.biases)
    product = operator(net, problem, matrix)

    def probe(key: Array) -> tuple[Array, Array]:
        start = jax.random.rademacher(key, (P,), net.b0.dtype) / P**0.5
        along, off = lanczos(product, start, steps)
        nodes, vectors = jnp.linalg.eigh(tridiagonal(along, off))
        return nodes, vectors[0] ** 2

    # One after the other: the basis of one probe is what memory has to hold.
    nodes, weights = jax.lax.map(probe, jax.random.split(key, probes))
    return SpectralDensity(nodes, weights, jnp.sum(gram_diagonal(net, problem)), P)


def lanczos(product: Callable[[Array], Array], start: Array, steps: int) -> tuple[Array, Array]:
    """Diagonal, `(steps,)`, and off-diagonal, `(steps - 1,)`, of the matrix in the Krylov basis of a unit vector.

    Every new vector is made orthogonal to all before it, twice. Where nothing is left of it, up to rounding, the Krylov
    space is complete: what follows is zero and decoupled, and has no weight.
    """
    eps = jnp.finfo(start.dtype).eps

    def step(carry: tuple[Array, Array, Array], i: Array) -> tuple[tuple[Array, Array, Array], tuple[Array, Array]]:
        basis, vector, largest = carry
        basis = basis.at[i].set(vector)
        new = product(vector)
        along = jnp.vdot(vector, new)
        for _ in range(2):
            new = new - basis.T @ (basis @ new)
        off = root(jnp.sum(new**2))
        largest = jnp.maximum(largest, jnp.abs(along) + off)
        off = jnp.where(off > len(start) ** 0.5 * eps * largest, off, 0)
        vector = jnp.where(off > 0, new / jnp.where(off > 0, off, 1), 0)
        return (basis, vector, largest), (along, off)

    begin = jnp.zeros((steps, len(start)), start.dtype), start, jnp.zeros((), start.dtype)
    _, (along, off) = jax.lax.scan(step, begin, jnp.arange(steps))
    return along, off[:-1]


def tridiagonal(along: Float[Array, " steps"], off: Float[Array, " steps_less_one"]) -> Float[Array, "steps steps"]:
    """The symmetric matrix with that diagonal and off-diagonal."""
    return jnp.diag(along) + jnp.diag(off, 1) + jnp.diag(off, -1)


@compiled
def gram_diagonal(net: ReLUNet | Spline, problem: Problem) -> Float[Array, " params"]:
    """The diagonal of the Gram matrix (and of the Hessian: R has none), O((N + H) log N)."""
    of_net, z = jacobian_columns(net, problem)
    diagonal, weight = of_net.diagonal(z, problem.data.weight).ravel(), problem.data.weight
    return jnp.append(diagonal, jnp.sum(weight)) if problem.train_b0 else diagonal
