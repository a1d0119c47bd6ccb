"""Theorem 3 (section 2.3): the loss is a continuous piecewise quadratic spline in (beta, mu, s), and so are its slices.

The slice in beta_i has its knots at the data, both parabolas at a knot have positive curvature, and their minimisers
make it passthrough, repeller or attractor. Stated: `jspline.landscape.slice_breakpoint` and `classify_knots`.
Independent: the loss in numpy; differences along lines with activations held; parabolas through three points.
Decision: rounding.

Jointly the loss is quartic, through mu_i beta_i; and parabolas are flat where the neuron sees nothing.
"""

from typing import Any

import numpy as np

from jspline.claims._case import Case, random_case
from jspline.claims._claim import Claim, Evidence, Run
from jspline.claims._decide import at_least, counted, equal
from jspline.landscape import KNOTS, classify_knots, slice_breakpoint


def loss(case: Case, beta: np.ndarray, mu: np.ndarray, seen: np.ndarray | None = None) -> float:
    """By equation 1, with the activations held or not."""
    s, ahead = np.sign(case.split()[0]), case.x[:, None] - beta
    fit = case.theta[-1] + np.where(s * ahead > 0 if seen is None else seen, mu * ahead, 0).sum(axis=1)
    return float(np.sum(case.p * (case.y - fit) ** 2) / 2)


def differences(case: Case, order: int, along: tuple[float, float], rng: np.random.Generator) -> tuple[float, float]:
    """The difference of that order on a random line in beta and/or mu, and the size of its terms."""
    w, _, v, _ = case.split()
    beta, mu = case.beta, w * v
    d_beta, d_mu = (each * rng.normal(size=case.width) for each in along)
    values = [loss(case, beta + k * d_beta, mu + k * d_mu, case.active) for k in range(order + 1)]
    coefficients = np.polynomial.polynomial.polypow([-1, 1], order)
    return float(coefficients @ values), float(np.abs(coefficients) @ np.abs(values))


def parabolas(case: Case, i: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Curvature of each piece of the slice in beta_i, its minimiser, and the rounding of that (infinite if flat).

    From the loss at three points of each.
    """
    w, _, v, _ = case.split()
    ends = np.concatenate([[case.x[0] - 2], case.x, [case.x[-1] + 2]])
    half = np.diff(ends) / 2
    at = (ends[:-1] + half)[:, None] + half[:, None] * np.array([-0.5, 0, 0.5])
    values = np.array([[loss(case, np.where(np.arange(case.width) == i, t, case.beta), w * v) for t in r] for r in at])
    h = half / 2
    second = (values[:, 0] - 2 * values[:, 1] + values[:, 2]) / h**2
    first = (values[:, 2] - values[:, 0]) / (2 * h)
    noise = 100 * np.finfo(float).eps * np.max(np.abs(values), axis=1)
    bent = np.abs(second) > 10 * noise / h**2
    shift = -first / np.where(bent, second, np.nan)
    error = np.where(bent, (noise / h + np.abs(shift) * noise / h**2) / np.abs(second), np.inf)
    return second, at[:, 1] + shift, error


def check(run: Run, stated: Any) -> Evidence:
    rng, n = run.rng(), run.size(10, 200)
    cases = [random_case(rng) for _ in range(n)]
    lines = {"(beta, mu)": (1, 1), "beta": (1, 0), "mu": (0, 1)}
    third = {name: np.array([differences(c, 3, along, rng) for c in cases]).T for name, along in lines.items()}
    fifth = np.array([differences(c, 5, (1, 1), rng) for c in cases]).T
    operations = 4 * cases[0].operations

    value, reference, size, curvature, wrong, flat = [], [], [], [], 0, 0
    for case in cases:
        i = int(rng.integers(case.width))
        w, _, v, _ = case.split()
        t = np.linspace(case.x[0] - 1, case.x[-1] + 1, 41)
        moved = np.where(np.arange(case.width) == i, t[:, None], case.beta)
        value.append(np.asarray(stated.slice(case.net, case.data, i)(t)))
        reference.append([loss(case, beta, w * v) for beta in moved])
        reach = np.abs(case.y) + np.abs(case.theta[-1]) + (np.abs(w * v) * (np.abs(case.beta) + 5)).sum() + 5
        size.append(np.sum(case.p * reach**2))
        second, minimiser, error = parabolas(case, i)
        weight = [case.p[case.x > t].sum() if w[i] > 0 else case.p[case.x < t].sum() for t in
                  np.concatenate([[-np.inf], (case.x[1:] + case.x[:-1]) / 2, [np.inf]])]  # fmt: skip
        curvature.append(np.stack([second, (w[i] * v[i]) ** 2 * np.array(weight)]))
        flat += int(np.sum(np.isinf(error) & (np.array(weight) == 0)))
        m1, m2 = minimiser[:-1], minimiser[1:]
        kind = np.where((m1 < case.x) & (case.x < m2), 1, np.where((m2 < case.x) & (case.x < m1), 2, 0))
        clear = (np.abs(m1 - case.x) > error[:-1]) & (np.abs(m2 - case.x) > error[1:])
        wrong += int(np.sum(clear & (kind != np.asarray(stated.classify(case.net, case.data, i).slice))))
    found, due = np.concatenate(curvature, axis=1)
    return Evidence(
        printed=(
            equal("third difference along (beta, mu)", third["(beta, mu)"][0], np.zeros(n), size=third["(beta, mu)"][1],
                  operations=operations),
            counted("pieces without curvature", flat, 0),
        ),
        condition=(
            *(equal(f"third difference along {name}", third[name][0], np.zeros(n), size=third[name][1],
                    operations=operations) for name in ("beta", "mu")),
            equal("slice in one breakpoint", value, np.array(reference), size=np.array(size)[:, None],
                  operations=operations),
            counted(f"knots of another type than {', '.join(KNOTS)} as stated", wrong, 0),
            at_least("curvature of pieces with data in sight", np.min(found[due > 1e-6]), 0.0),
        ),
        corrected=(
            equal("fifth difference along (beta, mu)", fifth[0], np.zeros(n), size=fifth[1], operations=operations),
        ),
    )  # fmt: skip


CLAIM = Claim(
    id="th3",
    title="The loss is a piecewise quadratic spline",
    source="theorem 3, section 2.3",
    statement="The loss is piecewise quadratic in (beta, mu, s); slices in beta_i have three types of knots.",
    condition="One kind of coordinate moves, beta or mu; and the neuron sees data on both sides of the knot, mu != 0.",
    corrected="In beta and mu together the loss is piecewise quartic.",
    check=check,
    stated={"slice": slice_breakpoint, "classify": classify_knots},
)
