"""Theorem 1 (section 2.2): the joint density of breakpoint and delta-slope under Gaussian and under uniform weights.

Stated: `pdf` of `jspline.init.Gaussian` and `Uniform`, which are those of the print. Independent: weights drawn in
numpy, counted in 64 bins of the square |beta|, |mu| <= 3 and one for the rest; the density is integrated over each
bin. Decision: Pearson's test.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from jspline.claims._claim import Claim, Evidence, Run
from jspline.claims._decide import frequencies
from jspline.init import Gaussian, Uniform

EDGES = np.array([-3.0, -1.5, -0.6, -0.2, 0.0, 0.2, 0.6, 1.5, 3.0])
NODES, WEIGHTS = np.polynomial.legendre.leggauss(40)
SCALES = 1.2, 0.7, 0.9
"""Of w, b and v."""


def probabilities(density: Callable[[Any, Any], Any]) -> np.ndarray:
    """Of the bins, and of the rest."""
    half = np.diff(EDGES) / 2
    t = (EDGES[:-1, None] + half[:, None] * (1 + NODES)).ravel()
    weight = (half[:, None] * WEIGHTS).ravel()
    beta, mu = np.meshgrid(t, t, indexing="ij")
    mass = np.asarray(density(beta, mu)) * weight[:, None] * weight
    bins = mass.reshape(8, 40, 8, 40).sum(axis=(1, 3)).ravel()
    return np.append(bins, max(1 - bins.sum(), 0))


def check(run: Run, stated: Any) -> Evidence:
    rng, n = run.rng(), run.size(200_000, 5_000_000)
    found = []
    for family in ("gaussian", "uniform"):
        unit = rng.normal(size=(3, n)) if family == "gaussian" else rng.uniform(-1, 1, (3, n))
        w, b, v = np.array(SCALES)[:, None] * unit
        counts = np.histogram2d(-b / w, w * v, bins=(EDGES, EDGES))[0].ravel()
        density = getattr(stated, family)(*SCALES)
        found.append(
            frequencies(f"{family}: density of (beta, mu)", np.append(counts, n - counts.sum()), probabilities(density))
        )
    return Evidence(tuple(found))


CLAIM = Claim(
    id="th1",
    title="The joint law of breakpoint and delta-slope",
    source="theorem 1, section 2.2",
    statement="Independent Gaussian or uniform weights have the printed joint densities of (beta, mu).",
    check=check,
    stated={
        "gaussian": lambda w, b, v: Gaussian(w, b, v).pdf,
        "uniform": lambda w, b, v: Uniform(w, b, v).pdf,
    },
)
