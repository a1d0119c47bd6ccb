"""Boursier, Pillaud-Vivien and Flammarion (2022): on orthogonal inputs, from saddle to saddle to the least norm.

Two points whose (x, 1) are orthogonal, 60 balanced neurons of scale 10^-6, no output bias. Stated: the least sum of |v|
|(w, b)| of an interpolant, the loss at the saddle on the way, and the breakpoints at the end. Independent: the least
norm by a linear programme over directions; the exact flow. Decision: distances, over all starts; the saddle is where
the loss stays within 2 % for a tenth of the looks.
"""

import functools
from typing import Any

import numpy as np
from scipy.optimize import linprog

from jspline.claims._claim import Claim, Compared, Evidence, Run
from jspline.claims._decide import at_least, at_most, counted
from jspline.claims.literature._flows import LANES, LOOKS, Ends, balanced, directions, ends
from jspline.plot.paper import saddles

X, Y = np.array([-0.5, 2.0]), np.array([-1.0, 1.0])
UNITS, SCALE = 60, 1e-6
TIMES = np.linspace(1, 20, LOOKS)


def least_norm(x: np.ndarray, y: np.ndarray) -> float:
    """For orthogonal (x, 1): the positive and the negative data each take one neuron, of norm |y / |(x, 1)||."""
    parts = y / np.sqrt(1 + x**2)
    return float(np.hypot.reduce(np.maximum(parts, 0)) + np.hypot.reduce(np.minimum(parts, 0)))


def programme(x: np.ndarray, y: np.ndarray) -> float:
    """The same among interpolants with a neuron of either sign in each of many directions."""
    angle = np.append(np.linspace(-np.pi, np.pi, 4000), np.arctan2(1, x))
    hidden = np.maximum(x[:, None] * np.cos(angle) + np.sin(angle), 0)
    return float(linprog(np.ones(2 * len(angle)), A_eq=np.hstack([hidden, -hidden]), b_eq=y).fun)


@functools.cache
def flows(run: Run) -> Ends:
    """From random starts."""
    nets = balanced(run.key(), np.full(run.size(LANES, 10 * LANES), SCALE), UNITS)
    return ends(nets, X, Y, np.ones(2), 1e4, TIMES)


def check(run: Run, stated: Any) -> Evidence:
    found = flows(run)
    lanes = len(found.w)
    last = list(zip(found.w[:, -1], found.b[:, -1], found.v[:, -1], strict=True))
    norms = np.array([np.sum(np.abs(v) * np.hypot(w, b)) for w, b, v in last])
    angles = [directions(*each) for each in last]
    knots = np.array([np.sort(-np.tan(angle)) for angle in angles if len(angle) == len(stated.knots)])
    least = stated.least(X, Y)
    stay = np.sum(np.abs(found.loss[:, :-1] - stated.saddle) < 0.02 * stated.saddle, axis=1)
    w, b, v = (part[0, :, :UNITS] for part in (found.w, found.b, found.v))
    gap = float(np.max(np.abs(knots - stated.knots))) if len(knots) else np.inf
    return Evidence(
        printed=(
            at_most("largest loss at the end", found.loss[:, -1].max(), 1e-9),
            at_least("fewest looks at the saddle", stay.min(), LOOKS / 10),
            at_most("least norm, and that of the linear programme", abs(programme(X, Y) / least - 1), 1e-6),
            at_most("norm at the end over the least, less 1", float(np.max(np.abs(norms / least - 1))), 1e-3),
            counted("nets that end with other than two directions", lanes - len(knots), 0),
            at_most("distance of the breakpoints from the data", gap, 1e-3),
        ),
        compared=(
            Compared("norm at the end", f"the least there is, {least:.4f}", f"{norms.min():.4f} to {norms.max():.4f}"),
            Compared("loss at the saddle", f"{stated.saddle:g}", f"for {stay.min() * np.diff(TIMES)[0]:.1f} to "
                     f"{stay.max() * np.diff(TIMES)[0]:.1f} units of time"),
        ),
        arrays={"times": TIMES, "loss": found.loss[:, :-1], "x": X, "y": Y, "saddle": np.array(stated.saddle),
                "beta": -b[:-1] / w[:-1], "size": np.abs(v[:-1]) * np.hypot(w, b)[:-1], "sign": np.sign(v[0])},
    )  # fmt: skip


CLAIM = Claim(
    id="lit-orthogonal",
    title="From saddle to saddle on orthogonal inputs",
    source="Boursier, Pillaud-Vivien and Flammarion (2022), Gradient flow dynamics of shallow ReLU networks for "
    "square loss and orthogonal inputs",
    statement="From a small start the flow passes a saddle and ends at loss 0, at the interpolant of least "
    "sum |v_i| |(w_i, b_i)|.",
    check=check,
    stated={"least": least_norm, "saddle": 0.5, "knots": (-0.5, 2.0)},
    figure=saddles,
)
