"""Section 2.5.2: local extrema of the residual are near zero crossings of psi, once the fit has centred the residual.

Stated: the zero crossings (`jspline.landscape.drive_zeros`). Independent: local extrema of the residual among the
inner data, in numpy, and their distance to the nearest crossing, against that of the other inner data. Flat starts at
the scale that ends near the linear spline, at time 1 (see `_flows.py`). Decision: the extrema are nearer, on average,
in more than half of the networks, by a binomial test.
"""

from typing import Any

import jax.numpy as jnp
import numpy as np

from jspline.charts import ReLUNet
from jspline.claims._claim import Claim, Evidence, Run
from jspline.claims._decide import more_often
from jspline.claims._flows import SIZE, Flows, X, flows
from jspline.datasets import Dataset
from jspline.landscape import drive_zeros


def crossings(net: ReLUNet, data: Dataset) -> np.ndarray:
    """All of both orientations within the data."""
    zeros = drive_zeros(net, data)
    jumps = [np.where(np.asarray(jump) != 0, X, np.nan) for jump in (zeros.right_jump, zeros.left_jump)]
    found = np.concatenate([zeros.right, zeros.left, *jumps])
    return found[np.abs(found) <= X[-1]]


def check(run: Run, stated: Any) -> Evidence:
    found = flows(run.budget, run.seed)
    a, now = Flows.at(20.0, 1.0)
    fit = found.fit(X)[a, :, now]
    distances = []
    for init, y in enumerate(found.y[a]):
        residual = y - fit[init]
        steps = np.diff(residual)
        extremal = np.pad(steps[1:] * steps[:-1] < 0, 1)
        inner = np.arange(SIZE) % (SIZE - 1) != 0
        zeros = stated.crossings(found.net(a, init, now), Dataset(jnp.asarray(X), jnp.asarray(y)))
        if extremal.any() and (inner & ~extremal).any() and zeros.size and np.max(np.abs(residual)) > 1e-3:
            nearest = np.min(np.abs(X[:, None] - zeros), axis=1)
            distances.append((nearest[extremal].mean(), nearest[inner & ~extremal].mean()))
    here, elsewhere = np.array(distances).T
    facts = {"mean_distance": here.mean(), "of_others": elsewhere.mean()}
    nearer, unequal = np.sum(here < elsewhere), np.sum(here != elsewhere)
    return Evidence((more_often("networks where extrema are nearer", nearer, unequal, **facts),))


CLAIM = Claim(
    id="text-extrema",
    title="Extrema of the residual and zeros of the drive",
    source="section 2.5.2",
    statement="Local extrema of the residual are near zero crossings of psi.",
    check=check,
    stated={"crossings": crossings},
)
