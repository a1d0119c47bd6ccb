"""Table 1 (section 3.2): test losses from He's and from uniform breakpoints, on a sine and on x^2 / 2.

The print has no sizes. Here: 40 even data on [-2 pi, 2 pi], 60 neurons; both starts share w and v, and the uniform one
has its breakpoints evenly likely on the range of the data. `jspline.flow` to time 10^4 of the mean squared error, and
Adam. Independent: the fit in numpy, mean squared errors on a grid. Decision: in more than half of the pairs, by
binomial tests. "Less effect": the ratio of the two test losses is larger on the sine, by the t test on its logarithm.
"""

import functools
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from jspline.charts import ReLUNet
from jspline.claims._claim import Budget, Claim, Compared, Evidence, Run
from jspline.claims._decide import above, more_often
from jspline.claims._training import descents, flows
from jspline.datasets import Dataset
from jspline.init import he
from jspline.plot import paper

WIDTH, END = 60, 2 * np.pi
X, GRID = np.linspace(-END, END, 40), np.linspace(-END, END, 801)
TARGETS: dict[str, Callable[[np.ndarray], np.ndarray]] = {"sine": np.sin, "quadratic": lambda x: x**2 / 2}
KINDS = "standard", "uniform"


def start(kind: str, target: str, key: jax.Array) -> tuple[ReLUNet, Dataset]:
    """He's network, or the same with its breakpoints spread over the range of the data."""
    net_key, beta_key = jax.random.split(key)
    net = he(WIDTH).sample(WIDTH, key=net_key)
    if kind == "uniform":
        beta = jax.random.uniform(beta_key, (WIDTH,), minval=-END, maxval=END)
        net = eqx.tree_at(lambda n: n.b, net, -net.w * beta)
    return net, Dataset(jnp.asarray(X), jnp.asarray(TARGETS[target](X)), jnp.full(len(X), 2 / len(X)))


@functools.cache
def trained(budget: Budget, seed: int) -> np.ndarray:
    """Fits on the grid by (flow, Adam), target, kind and pair, `(2, 2, 2, pairs, grid)`: 96 pairs, or 384."""
    keys = jax.random.split(jax.random.key(seed), 96 if budget == "quick" else 384)
    groups = [jax.vmap(functools.partial(start, kind, target))(keys) for target in TARGETS for kind in KINDS]
    fits = [
        [found.fit(GRID)[:, -1] for found in (flows(group, 1e4, loss_tol=1e-8), descents(group, budget))]
        for group in groups
    ]
    return np.swapaxes(fits, 0, 1).reshape(2, 2, 2, len(keys), -1)


def check(run: Run, stated: Any) -> Evidence:
    found = trained(run.budget, run.seed)
    true = np.stack([function(GRID) for function in TARGETS.values()])[:, None, None]
    error = np.mean((found - true) ** 2, axis=-1)  # (trained, target, kind, pairs)
    kinds = [KINDS.index(kind) for kind in (stated.worse, stated.better)]
    ratio, n = error[:, :, kinds[0]] / error[:, :, kinds[1]], error.shape[-1]
    findings = []
    for k, trainer in enumerate(("flow", "Adam")):
        findings += [
            more_often(f"{trainer}: {stated.better} breakpoints are better on the sine", np.sum(ratio[k, 0] > 1), n,
                       median_ratio=np.median(ratio[k, 0])),
            above(f"{trainer}: log ratio on the sine, over that on the quadratic", np.log(ratio[k, 0] / ratio[k, 1]),
                  0.0),
        ]  # fmt: skip
    medians = np.median(error, axis=-1)
    return Evidence(
        tuple(findings),
        compared=tuple(
            Compared(f"{trainer}: test loss on the {name}, standard and uniform",
                     "standard does quite poorly" if name == "sine" else "less effect",
                     f"{medians[k, j, 0]:.2g} and {medians[k, j, 1]:.2g}")
            for k, trainer in enumerate(("flow", "Adam")) for j, name in enumerate(TARGETS)
        ),
        arrays={"medians": medians, "low": np.quantile(error, 0.25, axis=-1),
                "high": np.quantile(error, 0.75, axis=-1)},
    )  # fmt: skip


CLAIM = Claim(
    id="table1",
    title="Where breakpoints begin",
    source="table 1, section 3.2",
    statement="Uniform breakpoints have a lower test loss than He's on a sine with curvature far from the origin, with "
    "less effect on a quadratic.",
    check=check,
    stated={"better": "uniform", "worse": "standard"},
    figure=paper.table1,
)
