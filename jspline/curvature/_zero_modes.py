"""Why eigenvalues of the Hessian vanish: the census of remark 2, corrected, for any number of inputs D.

The Hessian is J^T diag(p) J - R, with one block of R per neuron, u = (w, b) and v coupled by q = (X, E). So a direction
is null if R does not see it and the fit at the data does not either (and, short of a coincidence, only then). Those
come in three kinds.

Of single neurons, because the function itself does not change:

| the neuron                        | Gram matrix                          | Hessian, where q != 0             |
|-----------------------------------|--------------------------------------|-----------------------------------|
| dead: sees no datum               | D + 2                                | D + 2 (q is 0)                    |
| silent: v = 0                     | D + 1: w and b (v if constant, too)  | D: all u across q                 |
| constant unit: w = 0 < b          | 2: the scale, b against b0           | 1 if E = 0: b against b0, else 0  |
| any other                         | 1: the scale (w, b, -v)              | 0                                 |

(b against b0 only where b0 is trained.) Of single neurons, because their data do not see it: r data that span less than
D + 1 lifted dimensions leave D + 1 - r directions of u, which turn the breakplane about these data. And of several
neurons together: those that see the same data can take over from each other; the others change the function between the
data and not on them. Remark 2 as printed counts the scale direction twice for v = 0, holds the scale direction for null
at every point, and takes a neuron with w = 0 < b for one that does nothing.

Theory: docs/theory.md 5.5.
"""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from jspline._checks import check_choice, check_finite, check_positive, on_host
from jspline._programs import compiled
from jspline.activation import activation
from jspline.charts import ReLUNet
from jspline.curvature._hessian import Matrix, check_fits, hessian, jacobian
from jspline.datasets import Dataset
from jspline.objective import relevant_sums
from jspline.problem import Problem, b0_moved, quadratic

OWN = ("dead", "silent", "constant", "scale", "few")
CAUSES = (*OWN, "shared", "functional", "unexplained")
"""Kinds of null directions: of dead neurons, of those with v = 0, of those with w = 0 < b, the scale symmetry of the
others; of neurons that see too few data, of neurons that see the same data; other changes of the function between the
data, and coincidences (or eigenvalues lost in rounding)."""


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
            "few": "of single neurons, too few of whose data are in general position",
            "shared": "of neurons that see the same data",
            "functional": "of other neurons together, change the function between the data only",
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
        problem: N concrete data, or what is to be done with them. Without its `train_b0` b0 is no parameter,
            without its `biases` b is none.
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
    problem = quadratic(net, problem)
    check_choice(matrix=matrix, choices=("hessian", "gram"))
    check_finite(w=net.w, b=net.b, v=net.v, b0=net.b0)
    if tol is not None:
        check_positive(strict=False, tol=tol)
    check_fits(net, problem)
    J, q = (np.array(part) for part in _ingredients(net, problem))
    P, eps = J.shape[1], np.finfo(J.dtype).eps
    largest = float(np.linalg.norm(J, 2)) ** 2
    small = float(P * eps if tol is None else tol) * largest
    q[np.linalg.norm(q, axis=1) <= small] = 0
    if matrix == "gram":
        q[:] = 0

    neurons = _Neurons(net, problem)
    own, causes = neurons.alone(q, small)
    vectors = {cause: _orthonormal(own[cause], P) for cause in OWN}
    structural = np.concatenate(list(vectors.values()))
    blind = neurons.blind(q)
    for cause, parameters in {"shared": neurons.alike(), "functional": [np.arange(P)]}.items():
        found = [structural[:0]]
        for some in parameters:
            free = blind[~np.any(np.delete(blind, some, axis=1), axis=1)]
            found.append(_beyond(_null(J @ free.T, tol) @ free, np.concatenate([structural, *found])))
        vectors[cause] = np.concatenate(found)
        structural = np.concatenate([structural, vectors[cause]])
    if np.any(q):
        values, modes = np.linalg.eigh(np.asarray(hessian(net, problem)))
        tolerance = (P * eps if tol is None else tol) * np.max(np.abs(values))
        null = modes[:, np.abs(values) <= tolerance].T
        vectors["unexplained"] = _beyond(null, structural)
        nullity = len(null)
    else:
        tolerance = small if tol is not None else (max(J.shape) * eps) ** 2 * largest
        nullity = P - int(np.linalg.matrix_rank(J, tol=tolerance**0.5))
        vectors["unexplained"] = np.zeros((0, P), J.dtype)
    counts = {cause: len(vectors[cause]) for cause in CAUSES}
    return ZeroModes(matrix, P, nullity, float(tolerance), counts, vectors, causes)


@compiled
def _ingredients(net: ReLUNet, problem: Problem) -> tuple[Array, Array]:
    """diag(sqrt p) J, `(data, params)`, and q_i = (X_i, E_i), of what is a parameter, a row for each neuron."""
    sums = relevant_sums(net, problem)
    J = jnp.sqrt(problem.data.weight)[:, None] * jacobian(net, problem)
    q = [sums.X[:, None] if net.on_line else sums.X, *([sums.E[:, None]] if problem.biases else [])]
    return J, jnp.concatenate(q, axis=1)


class _Neurons:
    """The neurons in numpy, and where their parameters are.

    Attributes:
        u: (w, b), or w alone if b is no parameter, a row for each neuron.
        x: (x, 1) of the data that weigh, or x alone, a row for each.
        places: those of (u, v) of each neuron among the parameters.
    """

    def __init__(self, net: ReLUNet, problem: Problem):
        w, x = (np.asarray(part).reshape(len(part), -1) for part in (net.w, problem.data.x))
        x, b = x[np.asarray(problem.data.weight) > 0], np.asarray(net.b)
        self.constant, self.v, self.b, self.b0 = ~np.any(w, axis=1) & (b > 0), np.asarray(net.v), b, problem.train_b0
        mask = activation(net.w, net.b, problem.data.x, "dense").mask()
        self.seen = np.asarray(mask)[np.asarray(problem.data.weight) > 0]
        H, D = w.shape
        ones = [(b[:, None], np.ones_like(x[:, :1]))] if problem.biases else []
        self.u, self.x = (np.concatenate(parts, axis=1) for parts in zip((w, x), *ones, strict=True))
        own = [np.arange(H * D).reshape(H, D), *(H * (D + k) + np.arange(H)[:, None] for k in range(1 + len(ones)))]
        self.places = np.concatenate(own, axis=1)
        self.params = self.places.size + self.b0

    def blind(self, q: np.ndarray) -> np.ndarray:
        """Orthonormal directions that R does not see, as rows: all of a neuron with q = 0, u across q of any other."""
        rows = []
        for own, pull in zip(self.places, q, strict=True):
            free = _null(pull[None], 0.0, absolute=True) if np.any(pull) else np.eye(len(own), dtype=q.dtype)
            rows.append(np.zeros((len(free), self.params), q.dtype))
            rows[-1][:, own[: free.shape[1]]] = free
        return np.concatenate([*rows, np.eye(self.params, dtype=q.dtype)[self.places.size :]])

    def alike(self) -> list[np.ndarray]:
        """The parameters of each group of neurons that see the same data, and at least one."""
        _, group = np.unique(self.seen, axis=1, return_inverse=True)
        alive = np.any(self.seen, axis=0)
        groups = [(group.ravel() == k) & alive for k in range(np.max(group) + 1)]
        return [self.places[of_it].ravel() for of_it in groups if np.sum(of_it) > 1]

    def alone(self, q: np.ndarray, small: float) -> tuple[dict[str, list[np.ndarray]], np.ndarray]:
        """Null directions in the parameters of one neuron (and b0), by cause, and the cause of each neuron."""
        found: dict[str, list[np.ndarray]] = {cause: [] for cause in OWN}
        causes = np.zeros(len(self.u), int)
        d = self.u.shape[1]
        for i, (u, v, own) in enumerate(zip(self.u, self.v, self.places, strict=True)):
            # In the coordinates u, v, b0: what leaves the function as it is, to first order.
            unit = np.eye(d + 2, dtype=u.dtype)
            of_v, to_b0 = unit[d:]
            if not np.any(self.seen[:, i]):
                cause, local = "dead", list(unit[: d + 1])
            elif v == 0:
                cause, local = "silent", list(unit[:d])
                if self.constant[i] and self.b0:
                    local.append(of_v - self.b[i] * to_b0)
            elif self.constant[i]:
                cause, local = "constant", [self.b[i] * unit[d - 1] - v * of_v]
                if self.b0:
                    local.append(unit[d - 1] - v * to_b0)
            else:
                cause, local = "scale", [np.concatenate([u, [-v, 0]]).astype(u.dtype)]
            causes[i] = CAUSES.index(cause)
            basis = np.linalg.qr(np.array(local).T)[0].T
            # Of these, what R does not see either.
            R = np.zeros((d + 1, d + 2), u.dtype)
            R[:d, d] = R[d, :d] = q[i]
            rows = {cause: _null(R @ basis.T, small, absolute=True) @ basis}
            if cause in ("scale", "constant"):
                rows["few"] = np.pad(_null(self.x[self.seen[:, i]], None), ((0, 0), (0, 2)))
            for each, those in rows.items():
                for row in those:
                    vector = np.zeros(self.params, u.dtype)
                    vector[own] = row[: d + 1]
                    vector[self.places.size :] = row[d + 1] if self.b0 else 0
                    found[each].append(vector)
        return found, causes


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
