"""Sznitman (1991), and Mei, Montanari and Nguyen (2018): neurons of a wide network move as if they were independent.

The same neurons move in random balanced networks on three data, and as tracers in the limit of infinite width. Stated:
the exponent of H of their mean distance. Independent: the exact flow of both (docs/theory.md 13.2, 13.4). Decision:
slopes of logarithms. The root mean square is shown beside it: a ReLU on finite data has a field with jumps, so that a
share of the order of 1 / sqrt(H) of the neurons goes another way, which is worth H^(-1/4); random nets of these widths
do not tell that from H^(-1/2), and it is not decided.
"""

from collections.abc import Iterable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jspline import ReLUNet
from jspline.claims._claim import Claim, Compared, Evidence, Run
from jspline.claims._decide import exponent
from jspline.claims._infinite import balanced, ended, limit

WIDTHS = np.array([64, 256, 1024])


def apart(keys: jax.Array) -> list[np.ndarray]:
    """For each width how far each neuron is from its tracer, in units of mean field, `(repetitions, width)`."""
    pairs = [ended(width, key) for width in WIDTHS.tolist() for key in keys]
    # One flow for all tracers: they count for nothing, so it does not matter who else there is.
    begin, end = map(_joined, zip(*pairs, strict=True))
    traced = limit(balanced()).trace(ReLUNet(*map(jnp.asarray, begin)))
    distance = np.linalg.norm(end - np.stack([traced.w[-1], traced.b[-1], traced.v[-1]]), axis=0)
    parts = np.split(distance, np.cumsum(len(keys) * WIDTHS)[:-1])
    return [np.sqrt(width) * part.reshape(len(keys), width) for width, part in zip(WIDTHS, parts, strict=True)]


def _joined(nets: Iterable[ReLUNet]) -> np.ndarray:
    return np.concatenate([np.stack([net.w, net.b, net.v]) for net in nets], axis=1)


def check(run: Run, stated: Any) -> Evidence:
    distances = apart(jax.random.split(run.key(), run.size(96, 400)))
    rms = np.array([np.sqrt(np.mean(each**2, axis=1)) for each in distances])
    means = np.array([np.mean(each, axis=1) for each in distances])
    rate = exponent("mean distance over H", WIDTHS, means, stated.rate)
    in_square = exponent("root mean square distance over H", WIDTHS, rms, stated.rate)
    return Evidence(
        printed=(rate,),
        compared=(
            Compared("mean distance", "1 / sqrt(H)", f"H^{rate.numbers['exponent']:.2f}"),
            Compared("root mean square distance", "not stated", f"H^{in_square.numbers['exponent']:.2f}"),
        ),
        arrays={"widths": WIDTHS, "rms": rms, "means": means},
    )


CLAIM = Claim(
    id="lit-chaos",
    title="Propagation of chaos",
    source="Sznitman (1991), Topics in propagation of chaos; Mei, Montanari and Nguyen (2018), A mean field view of "
    "the landscape of two-layer neural networks",
    statement="The neurons of a network of width H are, on average, of the order of 1 / sqrt(H) from what they would "
    "do in the infinitely wide one.",
    check=check,
    stated={"rate": -0.5},
)
