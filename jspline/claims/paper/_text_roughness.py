"""Section 2.2.1: the roughness rho, the integral of |f''|^2, is sum mu_i^2.

Independent: the energy of difference quotients, int ((f(x + h) - 2 f(x) + f(x - h)) / h^2)^2 dx, by Gauss's rule
between all kinks of the integrand, as h -> 0. Decision: its exponent in h. It grows as 1 / h, so the integral is
infinite; h times it tends to 2/3 of the sum of squared kinks, which is sum mu_i^2 only if no two breakpoints are one.
So rho belongs to the parameters: a neuron split in two equal halves leaves f as it was and loses half of its mu^2.
"""

from typing import Any

import jax.numpy as jnp
import numpy as np

from jspline.charts import Spline, roughness
from jspline.claims._claim import Claim, Evidence, Run
from jspline.claims._decide import at_most, exponent

STEPS = np.array([1e-2, 3e-3, 1e-3])
NODES, WEIGHTS = np.polynomial.legendre.leggauss(3)
COUNT = 8


def energy(beta: np.ndarray, mu: np.ndarray, s: np.ndarray, h: float) -> float:
    """Of the second difference quotient."""
    ends = np.unique(np.concatenate([beta - h, beta, beta + h]))
    half = np.diff(ends) / 2
    x = ends[:-1, None] + half[:, None] * (1 + NODES)
    kinks = np.maximum(h - np.abs(x[..., None] - beta), 0) @ (mu * s)  # the second difference of each neuron
    return float(np.sum((kinks / h**2) ** 2 * half[:, None] * WEIGHTS))


def check(run: Run, stated: Any) -> Evidence:
    rng, energies, off, split = run.rng(), [], 0.0, 0.0
    for _ in range(run.size(20, 500)):
        beta = np.arange(COUNT) / 4 + rng.uniform(-0.1, 0.1, COUNT)
        mu, s = rng.normal(size=COUNT), rng.choice([-1.0, 1.0], COUNT)
        rho = float(stated.roughness(Spline(*(jnp.asarray(part) for part in (beta, mu, s)))))
        energies.append([energy(beta, mu, s, h) for h in STEPS])
        off = max(off, abs(stated.factor * rho / STEPS[-1] / energies[-1][-1] - 1))
        twice = Spline(*(jnp.asarray(np.concatenate([part, part])) for part in (beta, mu / 2, s)))
        split = max(split, abs(float(stated.roughness(twice)) / rho - 1))
    return Evidence(
        printed=(
            exponent("the integral as h -> 0, print", STEPS, np.array(energies).T, stated.printed),
            at_most("change of rho when neurons are split, f being the same", split, 1e-12),
        ),
        corrected=(
            exponent("the integral as h -> 0", STEPS, np.array(energies).T, stated.diverges),
            at_most("h times the integral, against 2/3 of rho", off, 1e-9),
        ),
    )


CLAIM = Claim(
    id="text-roughness",
    title="Roughness",
    source="section 2.2.1",
    statement="The integral of |f''|^2 is the sum of mu_i^2.",
    corrected="The integral is infinite; h times that of difference quotients tends to 2/3 of the sum of "
    "squared kinks.",
    check=check,
    stated={"printed": 0.0, "diverges": -1.0, "factor": 2 / 3, "roughness": roughness},
)
