"""Mei, Montanari and Nguyen (2018): a network of width H is 1 / sqrt(H) from the limit of infinite width.

Random balanced networks on three data, weights of size 1 / sqrt(H), at a time at which half of the loss is learned.
Stated: the exponent of H of the distance of the fit; their assumptions exclude ReLU. Independent: the exact flow of
random networks, against that of the limit (docs/theory.md 13.2) and its central limit theorem (13.4). Decision: slopes
of logarithms, and a t-test of H times the squared distance at the largest width.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jspline.claims._claim import Claim, Compared, Evidence, Run
from jspline.claims._decide import exponent, mean
from jspline.claims._infinite import balanced, ended, limit

WIDTHS = np.array([64, 256, 1024])
GRID = np.linspace(-2, 2, 41)


def fits(keys: jax.Array) -> np.ndarray:
    """Of random networks at the end, `(widths, repetitions, points)`."""
    ends = [[ended(width, key)[1] for key in keys] for width in WIDTHS.tolist()]
    return np.array([[np.asarray(net(jnp.asarray(GRID))) for net in nets] for nets in ends])


def check(run: Run, stated: Any) -> Evidence:
    of_limit = limit(balanced())
    apart = fits(jax.random.split(run.key(), run.size(96, 400))) - np.asarray(of_limit(GRID))
    rms = np.sqrt(np.mean(apart**2, axis=-1))
    totals = WIDTHS[-1] * np.sum(apart[-1] ** 2, axis=-1)
    expected = float(np.trace(of_limit.covariance(GRID)))
    rate = exponent("distance of the fit from the limit over H", WIDTHS, rms, stated.rate)
    return Evidence(
        printed=(rate,),
        condition=(mean(f"H times its square at H = {WIDTHS[-1]}, summed over 41 points", totals, expected),),
        compared=(
            Compared("distance from the limit", "1 / sqrt(H)", f"H^{rate.numbers['exponent']:.2f}"),
            Compared("H times the variance, 41 points", "a constant", f"{totals.mean():.0f}, limit {expected:.0f}"),
        ),
        arrays={"widths": WIDTHS, "rms": rms, "totals": totals},
    )


CLAIM = Claim(
    id="lit-mei",
    title="Fluctuations of finite width",
    source="Mei, Montanari and Nguyen (2018), A mean field view of the landscape of two-layer neural networks",
    statement="The fit of a network of width H is of the order of 1 / sqrt(H) from that of the infinitely wide one.",
    check=check,
    stated={"rate": -0.5},
)
