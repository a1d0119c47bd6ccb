"""Figure 6 (section 2.4): in mu the loss is quadratic on the range of the features and constant on their null space.

Features Phi, (x_n - beta_i)_{s_i}, from the definition. Stated: the null space, and the second derivatives along the
right singular vectors, which are the squared singular values. Independent: the loss as a sum over data in numpy, and
its differences, which are exact for a quadratic. Decision: within rounding; that other breakpoints have another null
space, by the angle between the two beyond what rounding makes of it.
"""

from typing import Any

import numpy as np
from scipy.linalg import null_space, subspace_angles

from jspline.claims._claim import Claim, Compared, Evidence, Run
from jspline.claims._decide import at_least, equal
from jspline.plot import paper

N, H = 6, 12


def features(x: np.ndarray, beta: np.ndarray, s: np.ndarray) -> np.ndarray:
    """`(N, H)`."""
    apart = x[:, None] - beta
    return np.where(apart * s > 0, apart, 0)


def loss(phi: np.ndarray, y: np.ndarray, mu: np.ndarray) -> Any:
    """At the columns of mu."""
    return np.sum((y[:, None] - phi @ mu) ** 2, axis=0) / 2


def check(run: Run, stated: Any) -> Evidence:
    rng = run.rng()
    still, here, along, curved, apart, turned, pulled, size = ([] for _ in range(8))
    for _ in range(run.size(50, 2000)):
        x, s = np.sort(rng.uniform(-1, 1, N)), rng.choice([-1.0, 1.0], H)
        beta, mu, y = rng.uniform(-1.2, 1.2, H), rng.normal(size=H), rng.normal(size=N)
        phi, other = features(x, beta, s), features(x, beta + rng.normal(size=H) / 10, s)
        flat, (_, sigma, right) = stated.null(phi), np.linalg.svd(phi)
        rank = np.sum(sigma > 1e-12 * sigma[0])
        steps = np.hstack([flat[:, : H - N], right[:rank].T[:, :1]])  # the null space, and the steepest direction
        start = loss(phi, y, mu[:, None])
        ahead, behind = (loss(phi, y, mu[:, None] + k * steps) for k in (1, -1))
        still.append(ahead[: H - N])
        here.append(np.repeat(start, H - N))
        curved.append((ahead + behind - 2 * start)[-1])
        along.append(stated.curvature(sigma[0]))
        gradient = phi.T @ (phi @ mu - y)
        pulled.append(flat[:, : H - N].T @ gradient)
        size.append((np.sum(np.abs(y)) + np.sum(np.abs(phi)) * (1 + np.max(np.abs(mu)))) ** 2)
        # Where every neuron that sees data is needed, the null space is the others', wherever their breakpoints are.
        redundant = np.sum(np.any(phi != 0, axis=0)) > rank
        if redundant and (own := null_space(other)).shape == flat.shape:
            apart.append(np.max(subspace_angles(flat, own)))
            # Rounding turns a null space by this, times the condition number of the rest.
            turned.append(100 * np.finfo(float).eps * sigma[0] / sigma[rank - 1])
    reach, operations = np.array(size), 8 * (N + H)
    findings = (
        equal("loss along the null space", still, here, size=reach[:, None], operations=operations),
        equal("gradient along the null space", pulled, np.zeros_like(pulled), size=reach[:, None],
              operations=operations * H),
        equal("second derivative of the loss in the range", curved, along, size=4 * reach, operations=operations),
        at_least("angle between null spaces of other breakpoints, by that of rounding",
                 np.min(np.divide(apart, turned)), 1.0),
    )  # fmt: skip
    y, phis = (
        np.array([1.0]),
        [features(np.array([0.6]), np.array(beta), np.ones(2)) for beta in ([-0.9, 0.1], [-0.1, -0.5])],
    )
    return Evidence(
        findings,
        compared=(
            Compared("loss along the null space", "constant",
                     f"changes by {np.max(np.abs(np.subtract(still, here))):.1e}"),
            Compared("loss in the range", "quadratic, by squared singular values",
                     f"off by {np.max(np.abs(np.subtract(curved, along)) / along):.1e} of it"),
            Compared("range and null space at other breakpoints", "others", f"turned by {np.median(apart):.2f} rad"),
        ),
        arrays={"features": np.concatenate(phis), "y": y, "mu": np.array([1.7, 0.9])},
    )  # fmt: skip


CLAIM = Claim(
    id="fig6",
    title="The loss in delta-slopes",
    source="figure 6, section 2.4",
    statement="In mu the loss is quadratic along the range of the features and constant along their null space; moving "
    "breakpoints changes both.",
    check=check,
    stated={"null": null_space, "curvature": lambda sigma: sigma**2},
    figure=paper.fig6,
)
