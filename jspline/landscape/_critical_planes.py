"""Critical points of nets of several inputs: the shortest subgradient, with several data on a breakplane.

A neuron on the data S may count each of them with a share of its own. Where their x~ = (x, 1) are independent, the
gradients for all shares in [0, 1]^S are Clarke's subdifferential, and the shortest of them is a least-squares problem
in that box. Parallel data, x~_m = a x~_n, are met at once, and are one hinge: with the share lambda of its active side
those with a > 0 have the share lambda and those with a < 0, which only nets without hidden biases have beside ties, the
share 1 - lambda. Of dependent data of which some attract and some repel (v e_n of both signs) the box holds more than
Clarke's set: there a point may be called critical that is none in his sense.

Theory: docs/theory.md 15.5.
"""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float
from scipy.optimize import lsq_linear

from jspline._checks import check_finite, check_positive, on_host
from jspline.activation import activation
from jspline.charts import ReLUNet
from jspline.landscape._arguments import check_one_result, lifted_on_host, parallel, posed_any, touched
from jspline.objective import predict
from jspline.problem import Problem


class PlaneCriticality(eqx.Module):
    """Whether a point of a net of several inputs is critical, and if not, why.

    Attributes:
        critical: the verdict.
        gradient: the shortest subgradient: the gradient itself where there is one.
        shares: the share with which each neuron counts each datum that is on its breakplane, `(data, width)`; NaN off
            it. Of dependent data they are one choice of many.
        moves: which neurons have a part in it beyond the tolerance, `(width,)`.
        b0_moves: whether b0 has.
    """

    critical: Bool[Array, ""]
    gradient: ReLUNet
    shares: Float[Array, "data width"]
    moves: Bool[Array, " width"]
    b0_moves: Bool[Array, ""]

    @property
    def reason(self) -> str:
        """The verdict in words, for one concrete result."""
        check_one_result(self)
        on = np.sum(~np.isnan(np.asarray(self.shares)), axis=0)
        if self.critical:
            neurons = int(np.sum(on > 0))
            if neurons:
                return f"Critical: 0 is a subgradient, with {neurons} neurons that have data on their breakplanes."
            return "Critical: the gradient is 0."
        if np.any(self.moves):
            i = int(np.argmax(self.moves))
            if on[i]:
                return f"Not critical: {on[i]} data are on breakplane {i}, and no shares of them make its neuron rest."
            return f"Not critical: the gradient in (w, b, v) of neuron {i} is not 0."
        return "Not critical: the weighted residuals do not add up to 0, so b0 moves."


@on_host
def is_critical(net: ReLUNet, problem: Problem, tol: ArrayLike | None = None) -> PlaneCriticality:
    """For several inputs, and for nets without hidden biases."""
    net, problem = posed_any(net, problem)
    check_finite(w=net.w, b=net.b, v=net.v, b0=net.b0)
    data, dtype = problem.data, net.w.dtype
    tolerance: ArrayLike = np.finfo(dtype).eps ** 0.5 if tol is None else tol
    check_positive(tol=tolerance)
    p, y, fit = (np.asarray(part, float) for part in (data.weight, data.y, predict(net, data)))
    e = p * (y - fit)
    lifted, rounding = lifted_on_host(data, problem.biases)
    on = touched(net, data) & (p > 0)[:, None] & np.any(lifted, axis=1)[:, None]
    seen = np.asarray(activation(net.w, net.b, data.x, "dense").mask()) & ~on

    # Sums are about the middle, or far from x = 0 all of them are E.
    w = np.asarray(net.w, float).reshape(net.width, -1)
    v = np.asarray(net.v, float)
    centre = np.asarray(data.middle, float).reshape(-1) * problem.biases
    away, at_centre = lifted[:, : w.shape[1]] - centre, np.asarray(net.b, float) + w @ centre
    X, E = (seen * e[:, None]).T @ away, (seen * e[:, None]).sum(axis=0)
    gradient_v = np.sum(w * X, axis=1) + at_centre * E
    shares = np.full(on.shape, np.nan)
    for i in np.flatnonzero(on.any(axis=0)):
        there = np.flatnonzero(on[:, i])
        q = np.append(X[i] + centre * E[i], E[i])[: lifted.shape[1]]
        shares[there, i] = shortest(q, e[there], lifted[there], rounding)
        X[i] += (shares[there, i] * e[there]) @ away[there]
        E[i] += shares[there, i] @ e[there]

    # Against what is due to rounding, as on the line.
    def height(level: float) -> float:
        return float(np.max(np.maximum(np.abs(y - level), np.abs(fit - level))[p > 0], initial=0.0))

    low, high = (np.min(y[p > 0]), np.max(y[p > 0])) if np.any(p > 0) else (0.0, 0.0)
    allowed = float(np.asarray(tolerance)) * height(low / 2 + high / 2) + 16 * np.finfo(dtype).eps * height(0.0)
    weight, moment = allowed * p.sum(), allowed * (p @ np.abs(away))
    fits = np.all(np.abs(X) <= moment, axis=1) & ((np.abs(E) <= weight) | (not problem.biases))
    reach = np.abs(w) @ moment + np.abs(at_centre) * weight
    rests = ((v == 0) | fits) & (np.abs(gradient_v) <= reach)
    b0 = -e.sum() if problem.train_b0 else 0.0
    of_w = -v[:, None] * (X + centre * E[:, None])
    parts = of_w.reshape(net.w.shape), -v * E * problem.biases, -gradient_v, b0
    return PlaneCriticality(
        critical=jnp.asarray(bool(np.all(rests) and abs(b0) <= weight)),
        gradient=ReLUNet(*(jnp.asarray(part, dtype) for part in parts)),
        shares=jnp.asarray(shares, dtype),
        moves=jnp.asarray(~rests),
        b0_moves=jnp.asarray(bool(abs(b0) > weight)),
    )


def shortest(q: np.ndarray, e: np.ndarray, lifted: np.ndarray, rounding: float) -> np.ndarray:
    """The shares in [0, 1] of data on a breakplane that make q + sum of share e x~ shortest.

    Args:
        q: the sum over the data off it that are seen, `(lifted,)`.
        e: weighted residuals of those on it, `(k,)`.
        lifted: their x~, `(k, lifted)`, none of them 0.
        rounding: by which unit vectors of parallel data may differ.
    """
    first, multiple = parallel(lifted, rounding)
    against = multiple < 0
    q = q + e[against] @ lifted[against]
    hinges, which = np.unique(first, return_inverse=True)
    columns = (np.bincount(which, np.abs(multiple) * e)[:, None] * lifted[hinges]).T
    scale = max(np.max(np.abs(columns)), np.max(np.abs(q))) or 1.0
    most = 100 * len(hinges)
    found = lsq_linear(columns / scale, -q / scale, (0, 1), method="bvls", tol=1e-15, max_iter=most).x
    share = np.clip(found, 0, 1)[which]
    return np.where(against, 1 - share, share)
