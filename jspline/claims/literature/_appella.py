"""Appella, Arridge, Budd, Deveney and Kreusser (2024): fitting with ReLUs is ill-conditioned, with hats it is not.

Both bases span the same lines broken at K evenly spaced knots of [0, 1]. Stated: the exponents of the condition of
their Gram matrices in K, and the hats as second differences of ReLUs. Independent: inner products by Gauss's rule,
exact on every piece, and singular values. Decision: slopes of logarithms, told apart in steps of 1/2. The exponents
are those of second differences, which have eigenvalues from K^-4 to 1 when squared; that hats stay as they are for
uneven knots, too, is tested on random ones with a bounded ratio of neighbouring pieces.
"""

from typing import Any

import numpy as np

from jspline.claims._claim import Claim, Compared, Evidence, Run
from jspline.claims._decide import equal, exponent
from jspline.plot.paper import conditioning

KNOTS = np.array([8, 16, 32, 64, 128])
NODES, WEIGHTS = np.polynomial.legendre.leggauss(2)


def relus(knots: np.ndarray, x: np.ndarray) -> np.ndarray:
    """The constant, and (x - knot)_+ for all knots but the last, `(len(x), len(knots))`."""
    return np.hstack([np.ones((len(x), 1)), np.maximum(x[:, None] - knots[:-1], 0)])


def hats(knots: np.ndarray, x: np.ndarray) -> np.ndarray:
    """1 at one knot, 0 at the others, `(len(x), len(knots))`."""
    return np.stack([np.interp(x, knots, row) for row in np.eye(len(knots))], axis=1)


def differences(knots: np.ndarray) -> np.ndarray:
    """What turns ReLUs into hats: slopes of each hat, and where they change."""
    slopes = np.diff(np.eye(len(knots)), axis=0) / np.diff(knots)[:, None]
    return np.vstack([np.eye(len(knots))[0], slopes[0], np.diff(slopes, axis=0)])


def gram(knots: np.ndarray, basis: Any) -> np.ndarray:
    """Inner products in L2, scaled to a diagonal of ones so that the size of the functions does not count."""
    half = np.diff(knots)[:, None] / 2
    x, mass = (knots[:-1, None] + half * (1 + NODES)).ravel(), (half * WEIGHTS).ravel()
    values = basis(knots, x)
    values = values / np.sqrt(np.sum(mass[:, None] * values**2, axis=0))
    return (values.T * mass) @ values


def uneven(count: int, rng: np.random.Generator) -> np.ndarray:
    """Knots of [0, 1] with pieces of lengths within a factor of 3."""
    ends = np.cumsum(np.append(0, rng.uniform(1, 3, count - 1)))
    return ends / ends[-1]


def check(run: Run, stated: Any) -> Evidence:
    rng, draws = run.rng(), run.size(5, 100)
    even = [np.linspace(0, 1, k + 1) for k in KNOTS]
    drawn = [[uneven(k + 1, rng) for _ in range(draws)] for k in KNOTS]
    of_relus, of_hats = ([np.linalg.cond(gram(knots, basis)) for knots in even] for basis in (relus, hats))
    of_drawn = [[np.linalg.cond(gram(knots, hats)) for knots in row] for row in drawn]
    knots = drawn[1][0]
    x = np.sort(rng.uniform(size=50))
    steep = 2 / np.min(np.diff(knots))
    found = [
        exponent("condition of the ReLUs over the knots", KNOTS, of_relus, stated.relus),
        exponent("condition of the hats over the knots", KNOTS, of_hats, stated.hats),
        exponent("condition of the hats, uneven knots", KNOTS, of_drawn, stated.hats),
    ]
    return Evidence(
        printed=(
            *found,
            equal("second differences of ReLUs, and hats", relus(knots, x) @ stated.differences(knots), hats(knots, x),
                  size=2 * steep, operations=8 * len(knots)),
        ),
        compared=(
            Compared("condition of the ReLUs as K grows", "degrades rapidly",
                     f"as K^{found[0].numbers['exponent']:.2f}, {of_relus[-1]:.2g} at K = {KNOTS[-1]}"),
            Compared("condition of the hats", "stays small", f"{of_hats[0]:.3g} to {of_hats[-1]:.3g}"),
        ),
        arrays={"knots": KNOTS, "relus": np.array(of_relus), "hats": np.array(of_hats),
                "uneven": np.array(of_drawn)},
    )  # fmt: skip


CLAIM = Claim(
    id="lit-appella",
    title="ReLUs are an ill-conditioned basis, hats are not",
    source="Appella, Arridge, Budd, Deveney and Kreusser (2024), Equidistribution-based training of free knot "
    "splines and ReLU neural networks",
    statement="Least squares fits by ReLUs become ill-conditioned as the number of knots grows, those by hat functions "
    "on the same knots stay well-conditioned.",
    check=check,
    stated={"relus": 4.0, "hats": 0.0, "differences": differences},
    figure=conditioning,
)
