"""Networks with all their breakpoints at 0: six neurons stand for any number, until a breakpoint meets a datum.

Until then all right-facing neurons see the positive data, and all left-facing ones the negative data. So on each side
they obey one and the same linear equation u' = M(q) u for u = (w, b, v), with M(q) = [[0, 0, X], [0, 0, E], [X, E, 0]],
and the fit depends on them through the sum of u u^T alone. That sum has other roots. With r = v / |w| it is the first
three moments of r under the weights w^2, and among the measures with these moments and between the same extremes is one
with three atoms: at the least r, the mean and the largest r. For a datum of either sign z_n = w x_n + b is linear in u,
hence affine in r for neurons of unit |w|: it is of one sign for all r if it is at the two extremes. The first neuron to
meet a datum is an extreme one. So the net of these atoms, three for each side, has the same function and the same first
event at the same time; gradient descent, u + eta M(q) u, too.

Theory: docs/theory.md 11.1, 11.2.
"""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from jspline._checks import check_net, is_concrete
from jspline._roots import root
from jspline.charts import ReLUNet
from jspline.datasets import Dataset
from jspline.objective import predict
from jspline.problem import Problem, only_data


def condense(net: ReLUNet) -> ReLUNet:
    """A net of six neurons with the same fit and gradient flow until a breakpoint meets a datum (docs/theory.md 11.1).

    Args:
        net: of any width, with b = 0 and so all breakpoints at 0, as He's initialization without biases has them.

    The first event comes at the same time, with the same breakpoint and datum; what follows differs, and so does the
    function between the least and the largest breakpoint, once they have moved. Exact but for rounding: see the top of
    the file. Places that are not needed hold a dead neuron (0, 0, 0).
    Raises `ValueError` if a bias is known and not 0.
    """
    check_net(net)
    if is_concrete(net.b) and np.any(np.asarray(net.b)):
        raise ValueError("`condense` needs a net without biases (b = 0), so that all breakpoints are at 0.")
    sides = [_atoms(net, side) for side in (1, -1)]
    w, v = (jnp.concatenate(parts) for parts in zip(*sides, strict=True))
    return ReLUNet(w, jnp.zeros_like(w), v, net.b0)


def _atoms(net: ReLUNet, side: int) -> tuple[Float[Array, "3"], Float[Array, "3"]]:
    """w and v of the three neurons of a side."""
    there = side * net.w > 0
    size, v = jnp.where(there, jnp.abs(net.w), 0), jnp.where(there, net.v, 0)
    r = jnp.where(there, v / jnp.where(there, size, 1), 0)
    total = jnp.sum(size**2)
    mean = jnp.sum(size * v) / jnp.where(total > 0, total, 1)
    least = jnp.min(jnp.where(there, r, jnp.inf), initial=jnp.inf)
    most = jnp.max(jnp.where(there, r, -jnp.inf), initial=-jnp.inf)
    spread = jnp.where(there, v - mean * size, 0)
    below, above = mean - least, most - mean
    apart = (total > 0) & (below > 0) & (above > 0)
    below, above = jnp.where(apart, below, 1), jnp.where(apart, above, 1)
    # The weight of the mean, total - sum(spread^2) / (below above), as a sum without cancellation.
    inner = jnp.where(there, (r - least) * (most - r), 0)
    middle = jnp.where(apart, jnp.sum(size**2 * inner) / (below * above), total)
    variance = jnp.where(apart, jnp.sum(spread**2), 0)
    low, high = variance / (below * (below + above)), variance / (above * (below + above))
    place = jnp.stack([jnp.where(apart, least, 0), mean, jnp.where(apart, most, 0)])
    size = root(jnp.stack([low, middle, high]))
    return side * size, size * place


def nothing_follows(net: ReLUNet, problem: Problem | Dataset) -> Bool[Array, ""]:
    """Whether it is certain that no breakpoint meets a datum any more, in the gradient flow from this net.

    Args:
        net: all of its breakpoints still between the same two data, the last negative and the first positive one, as
            in a flow that began with all of them at 0 and has met nothing since.
        problem: data without x = 0, and with some on both sides.

    False means undecided. With q = (X, E) of a side, G the sum of p (x, 1)(x, 1)^T over its data, lambda the least
    eigenvalue that is not 0 and D the excess of the loss over that of the best line of each side: D <= |q|^2 / (2
    lambda) and dD/dt <= -kappa |q|^2, where kappa is the least sum of v^2 of a side. So sqrt(D) falls at the rate of
    |q| kappa sqrt(lambda / 2) at least, and the integral of |q| from now on is at most Q = |q| / (lambda kappa). As
    |M(q)| = |q|, a neuron u moves by at most (e^Q - 1) |u|, and z_n = w x_n + b by sqrt(1 + x_n^2) times that. kappa is
    taken at half of its value now, which the bound on the motion confirms. Three eigenvalues are computed, so this is
    up to rounding.

    Theory: docs/theory.md 11.2.
    """
    data = only_data(problem)
    fit = predict(net, data)
    e = data.weight * (data.y - fit)
    square, slowest, least, norm = (
        jnp.zeros_like(net.b0),
        *(jnp.full_like(net.b0, jnp.inf),) * 2,
        jnp.zeros_like(net.b0),
    )
    for side in (1, -1):
        mine, p = side * net.w > 0, jnp.where(side * data.x > 0, data.weight, 0)
        q = jnp.stack([jnp.sum(jnp.where(p > 0, e * data.x, 0)), jnp.sum(jnp.where(p > 0, e, 0))])
        xx, x1, one = jnp.sum(p * data.x**2), jnp.sum(p * data.x), jnp.sum(p)
        high = (xx + one + jnp.sqrt((xx - one) ** 2 + 4 * x1**2)) / 2
        # The determinant as a sum without cancellation: half the sum of p_n p_m (x_n - x_m)^2.
        low = jnp.sum(p[:, None] * p[None] * (data.x[:, None] - data.x[None]) ** 2) / 2 / jnp.where(high > 0, high, 1)
        square += jnp.sum(q**2)
        least = jnp.minimum(least, jnp.where(low > 0, low, jnp.where(high > 0, high, jnp.inf)))
        slowest = jnp.minimum(slowest, jnp.where(high > 0, jnp.sqrt(jnp.sum(jnp.where(mine, net.v**2, 0))), jnp.inf))
        norm = jnp.maximum(norm, jnp.sqrt(jnp.sum(jnp.where(mine, net.w**2 + net.b**2 + net.v**2, 0))))
    travel = jnp.expm1(2 * jnp.sqrt(square) / (least * slowest**2))
    confirmed = slowest - norm * travel >= slowest / jnp.sqrt(2.0).astype(norm.dtype)
    left = jnp.max(jnp.where(data.x < 0, data.x, -jnp.inf))
    right = jnp.min(jnp.where(data.x > 0, data.x, jnp.inf))
    size = jnp.sqrt(net.w**2 + net.b**2 + net.v**2)
    for x, sign in ((left, -1), (right, 1)):
        away = sign * jnp.sign(net.w) * (net.w * x + net.b)
        confirmed &= jnp.all((net.w == 0) | (away > jnp.sqrt(1 + x**2) * size * travel))
    return confirmed & (slowest > 0)
