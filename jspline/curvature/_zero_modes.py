"""Why eigenvalues of the Hessian vanish: the census of remark 2, corrected.

The Hessian is J^T diag(p) J - R, with one block of R per neuron, (w, v) and (b, v) coupled by q = (X, E). So a
direction is null if R does not see it and the fit at the data does not either (and, short of a coincidence, only
then). Those come in two kinds.

Of single neurons, because the function itself does not change:

| the neuron                        | Gram matrix                      | Hessian, where q != 0             |
|-----------------------------------|----------------------------------|-----------------------------------|
| dead: sees no datum               | 3                                | 3 (q is 0)                        |
| silent: v = 0                     | 2: w and b (3 if constant, too)  | 1: along (-E, X)                  |
| constant unit: w = 0 < b          | 2: the scale, b against b0       | 1 if E = 0: b against b0, else 0  |
| any other                         | 1: the scale (w, b, -v)          | 0                                 |

(b against b0 only where b0 is trained.) And functional ones of several neurons together, which change the function
between the data and not on them. Remark 2 as printed counts the scale direction twice for v = 0, holds the scale
direction for null at every point, and takes a neuron with w = 0 < b for one that does nothing.

Theory: docs/theory.md 5.5.
"""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from jspline._checks import check_choice, check_finite, check_kind, check_positive, on_host
from jspline._programs import compiled
from jspline.charts import ReLUNet
from jspline.curvature._hessian import Matrix, check_fits, hessian, jacobian
from jspline.datasets import Dataset
from jspline.objective import relevant_sums
from jspline.problem import Problem, b0_moved, data_and_b0, only_data

CAUSES = ("dead", "silent", "constant", "scale", "functional", "unexplained")
"""Kinds of null directions: of dead neurons, of those with v = 0, of those with w = 0 < b, the scale symmetry of the
others, changes of the function between the data, and coincidences (or eigenvalues lost in rounding)."""


class ZeroModes(NamedTuple):
    """The null space of the Hessian or of the Gram matrix, by cause.

    Attributes:
        matrix: "hessian" or "gram".
        params: the number of parameters P.
        nullity: how many eigenvalues are 0, found from the matrix and not from the census.
        tolerance: up to what size an eigenvalue counts as 0.
        counts: for each of `CAUSES`, how many null directions; they add up to `nullity`.
        vectors: for each of `CAUSES`, orthonormal null vectors as rows in the order of `hessian`, `(count, P)`.
        neurons: for each neuron the place of its own cause in `CAUSES`, `(width,)`.
    """

    matrix: Matrix
    params: int
    nullity: int
    tolerance: float
    counts: dict[str, int]
    vectors: dict[str, Float[np.ndarray, "_ params"]]
    neurons: Int[np.ndarray, " width"]

    def __str__(self) -> str:
        name = "Hessian" if self.matrix == "hessian" else "Gram matrix"
        lines = [f"{self.nullity} of {self.params} eigenvalues of the {name} are 0 (up to {self.tolerance:.1g}):"]
        told = {
            "dead": "of dead neurons, which see no datum",
            "silent": "of neurons with v = 0",
            "constant": "of constant units, w = 0 < b",
            "scale": "of the scale symmetry of the other neurons",
            "functional": "change the function between the data only",
            "unexplained": "coincidences, or lost in rounding",
        }
        return "\n".join(lines + [f"{self.counts[c]:8d}  {told[c]}" for c in CAUSES if self.counts[c]])


@b0_moved
@on_host
def zero_modes(
    net: ReLUNet, problem: Problem | Dataset, *, matrix: Matrix = "hessian", tol: float | None = None
) -> ZeroModes:
    """The null directions of the Hessian or the Gram matrix, each with its cause (remark 2, corrected).

    At a lonely critical point with all v_i != 0 there are 3 H + 1 - N_+ of them, N_+ the number of data of positive
    weight (corollary 3). On the host, O((3 H + 1)^3) and dense.

    Args:
        net: a concrete net of width H.
        problem: N concrete data, or what is to be done with them. Without its `train_b0` b0 is no parameter.
        matrix: "hessian" or "gram".
        tol: eigenvalues (and |q_i|, which are eigenvalues of R) of at most `tol` times the largest are 0. By default
            rounding: (3 H + 1) eps for what is found by eigenvalues, and, where the matrix is a Gram matrix, the square
            of max(N, 3 H + 1) eps, since singular values of J are found as sharply as that.

    Raises:
        ValueError: for another matrix, under `jax.jit`, for NaN in the net, or when the matrix would not fit into
            memory.

    Numerical caveat: at the end of a flow q is small but not 0. Give a `tol` well above |q| over the largest eigenvalue
    to see the Hessian as one of a critical point, or take matrix="gram".
    """
    data, train_b0 = data_and_b0(problem)
    check_choice(matrix=matrix, choices=("hessian", "gram"))
    check_kind(ReLUNet, net=net)
    check_finite(w=net.w, b=net.b, v=net.v, b0=net.b0)
    if tol is not None:
        check_positive(strict=False, tol=tol)
    check_fits(net, train_b0)
    J, q = (np.array(part) for part in _ingredients(net, problem))
    P, eps = J.shape[1], np.finfo(J.dtype).eps
    largest = float(np.linalg.norm(J, 2)) ** 2
    small = float(P * eps if tol is None else tol) * largest
    q[np.hypot(*q.T) <= small] = 0
    if matrix == "gram":
        q[:] = 0

    flat_modes = _null(J @ _blind(q, P).T, tol)
    seen = flat_modes @ _blind(q, P)
    own, neurons = _of_single_neurons(net, data, q, small, train_b0)
    vectors = {cause: _orthonormal(own[cause], P) for cause in CAUSES[:4]}
    structural = np.concatenate(list(vectors.values()))
    vectors["functional"] = _beyond(seen, structural)
    if np.any(q):
        values, modes = np.linalg.eigh(np.asarray(hessian(net, problem)))
        tolerance = (P * eps if tol is None else tol) * np.max(np.abs(values))
        null = modes[:, np.abs(values) <= tolerance].T
        vectors["unexplained"] = _beyond(null, np.concatenate([structural, vectors["functional"]]))
        nullity = len(null)
    else:
        tolerance = small if tol is not None else (max(J.shape) * eps) ** 2 * largest
        nullity = P - int(np.linalg.matrix_rank(J, tol=tolerance**0.5))
        vectors["unexplained"] = np.zeros((0, P), J.dtype)
    counts = {cause: len(vectors[cause]) for cause in CAUSES}
    return ZeroModes(matrix, P, nullity, float(tolerance), counts, vectors, neurons)


@compiled
def _ingredients(net: ReLUNet, problem: Problem | Dataset) -> tuple[Array, Array]:
    """diag(sqrt p) J, `(data, params)`, and q_i = (X_i, E_i), `(width, 2)`."""
    sums, weight = relevant_sums(net, problem), only_data(problem).weight
    J = jnp.sqrt(weight)[:, None] * jacobian(net, problem)
    return J, jnp.stack([sums.X, sums.E], axis=1)


def _blind(q: np.ndarray, P: int) -> np.ndarray:
    """Orthonormal directions that R does not see, as rows: all of a neuron with q = 0, (-E, X, 0) of any other."""
    H = len(q)
    identity = np.eye(P, dtype=q.dtype)
    free = np.flatnonzero(~np.any(q, axis=1))
    bound = np.flatnonzero(np.any(q, axis=1))
    turned = np.zeros((len(bound), P), q.dtype)
    X, E = q[bound].T / np.hypot(*q[bound].T)
    turned[np.arange(len(bound)), bound] = -E
    turned[np.arange(len(bound)), H + bound] = X
    return np.concatenate([identity[free], identity[H + free], identity[2 * H + free], turned, identity[3 * H :]])


def _of_single_neurons(
    net: ReLUNet, data: Dataset, q: np.ndarray, small: float, train_b0: bool
) -> tuple[dict[str, list[np.ndarray]], np.ndarray]:
    """Null directions in the parameters of one neuron (and b0), by cause, and the cause of each neuron."""
    w, b, v = (np.asarray(part) for part in (net.w, net.b, net.v))
    H, P = len(w), 3 * len(w) + train_b0
    x = np.asarray(data.x)[np.asarray(data.weight) > 0]
    alive = np.any(w * x[:, None] > -b, axis=0)
    constant = alive & (w == 0)
    found: dict[str, list[np.ndarray]] = {cause: [] for cause in CAUSES[:4]}
    neurons = np.full(H, CAUSES.index("scale"))
    for i in range(H):
        # In the coordinates w, b, v, b0: what leaves the function as it is, to first order.
        w_only, b_only, v_only, to_b0 = np.eye(4, dtype=w.dtype)
        if not alive[i]:
            cause, local = "dead", [w_only, b_only, v_only]
        elif v[i] == 0:
            cause, local = "silent", [w_only, b_only]
            if constant[i] and train_b0:
                local.append(v_only - b[i] * to_b0)
        elif constant[i]:
            cause, local = "constant", [b[i] * b_only - v[i] * v_only]
            if train_b0:
                local.append(b_only - v[i] * to_b0)
        else:
            cause, local = "scale", [w[i] * w_only + b[i] * b_only - v[i] * v_only]
        neurons[i] = CAUSES.index(cause)
        basis = np.linalg.qr(np.array(local).T)[0].T
        X, E = q[i]
        # Of these, what R does not see either.
        R = np.array([[0, 0, X, 0], [0, 0, E, 0], [X, E, 0, 0]], w.dtype)
        kept = _null(R @ basis.T, small, absolute=True) @ basis
        for row in kept:
            vector = np.zeros(P, w.dtype)
            vector[[i, H + i, 2 * H + i]] = row[:3]
            if train_b0:
                vector[-1] = row[3]
            found[cause].append(vector)
    return found, neurons


def _null(matrix: np.ndarray, tol: float | None, *, absolute: bool = False) -> np.ndarray:
    """Orthonormal rows that span the null space of a matrix.

    Singular values of at most max(shape) eps times the largest are 0, or whose square is at most `tol` times the
    largest square, or (`absolute`) of at most `tol`.
    """
    _, values, rows = np.linalg.svd(matrix)
    largest = values[0] if values.size else 0.0
    limit = max(matrix.shape) * np.finfo(matrix.dtype).eps * largest
    if tol is not None:
        limit = tol if absolute else tol**0.5 * largest
    return rows[np.sum(values > limit) :]


def _orthonormal(vectors: list[np.ndarray], P: int) -> np.ndarray:
    return np.linalg.qr(np.array(vectors).T)[0].T if vectors else np.zeros((0, P))


def _beyond(space: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Orthonormal rows that span what `space` has beyond `known`, a part of it; rows of `space` are orthonormal."""
    known = np.linalg.qr(known.T)[0]
    rest = space - (space @ known) @ known.T
    _, values, rows = np.linalg.svd(rest, full_matrices=False)
    return rows[values > 0.5]
