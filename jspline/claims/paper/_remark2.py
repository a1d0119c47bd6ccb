"""Remark 2 (section 2.4): three causes of zero eigenvalues of the Hessian.

(1) The scale direction (w, b, -v) of every neuron, "for all theta". (2) v_i = 0, or w_i = 0 where "any changes to b_i
or v_i do not change f": two each. (3) Functional changes between the data. Stated: `jspline.zero_modes`, which counts
by cause. Independent: the Hessian by differences of complex-step gradients. Decision: rounding, eigenvalues as in
`cor3`.

(1) is so only where the gradient vanishes: elsewhere the Hessian takes (w, b, -v) to -(g_w, g_b, -g_v). (2) overlooks
the constant unit, w_i = 0 < b_i: f changes with b_i and v_i there, and it is b_i against b0 that does not. And the two
of v_i = 0 have the scale direction among them. How many are one neuron's own (b0 included) is told by the rank of its
columns of the Hessian.
"""

from dataclasses import replace
from typing import Any

import numpy as np

from jspline.claims._case import Case, lonely_case, random_case
from jspline.claims._claim import Claim, Evidence, Run
from jspline.claims._decide import at_most, counted, equal
from jspline.curvature import zero_modes

PLACE = 9
"""The neuron that is looked at: one in the middle, which sees more than one datum."""


def scale_directions(case: Case) -> np.ndarray:
    """One a neuron, as rows."""
    w, b, v, _ = case.split()
    return np.hstack([np.diag(w), np.diag(b), np.diag(-v), np.zeros((case.width, 1))])


def nullity(case: Case) -> int:
    """Eigenvalues that are 0 up to rounding."""
    rounding = case.hessian_terms * case.operations * np.finfo(float).eps * case.theta.size
    return int(np.sum(np.abs(np.linalg.eigvalsh(case.hessian())) <= rounding))


def own(case: Case) -> int:
    """Null directions in (w, b, v) of one neuron and b0."""
    h = case.width
    columns = case.hessian()[:, [PLACE, h + PLACE, 2 * h + PLACE, 3 * h]]
    return 4 - int(np.linalg.matrix_rank(columns, tol=1e-8))


def changed(case: Case, **neurons: float) -> Case:
    """At a minimum still: one neuron has other parameters, and the data follow."""
    theta = case.theta.copy()
    for name, value in neurons.items():
        theta["wbv".index(name) * case.width + PLACE] = value
    there = case.at(theta)
    return replace(there, y=there.fit())


def check(run: Run, stated: Any) -> Evidence:
    rng = run.rng()
    anywhere, minimum = random_case(rng), lonely_case(rng)
    minimum = replace(minimum, y=minimum.fit())
    directions = scale_directions(anywhere)
    value, gradient = directions @ anywhere.hessian(), anywhere.gradient()
    h = anywhere.width
    expected = -np.hstack([np.diag(part) for part in (gradient[:h], gradient[h : 2 * h], -gradient[2 * h : -1])])
    bound = {"size": anywhere.hessian_terms * np.abs(directions).sum(axis=1, keepdims=True), "operations": 400}
    at_minimum = scale_directions(minimum) @ minimum.hessian()
    constant = changed(minimum, w=0.0, b=0.7)
    moved = changed(minimum, w=0.0, b=0.8)
    kinds = {"as it is": minimum, "one v = 0": changed(minimum, v=0.0), "one w = 0 < b": constant,
             "one w = 0 > b": changed(minimum, w=0.0, b=-0.7)}  # fmt: skip
    owned = {name: own(case) for name, case in kinds.items()}
    counts = [(name, nullity(case), stated.modes(case.net, case.data)) for name, case in kinds.items()]
    return Evidence(
        printed=(
            equal("Hessian times scale direction, anywhere", value, np.zeros_like(value), **bound),
            at_most("change of f with b where w = 0 < b", np.abs(constant.fit() - moved.fit()).max(), 1e-14),
        ),
        corrected=(
            equal("Hessian times scale direction, at a minimum", at_minimum, np.zeros_like(at_minimum),
                  size=minimum.hessian_terms * np.abs(minimum.theta).sum(), operations=400),
            equal("Hessian times scale direction, by the gradient", value[:, :-1], expected, **bound),
            *(counted(f"zero eigenvalues of a lonely minimum, {name}", null, modes.nullity)
              for name, null, modes in counts),
            *(counted(f"of these of one neuron, {name}", owned[name], stated.own[name]) for name in kinds),
            *(counted(f"of these without a cause, {name}", modes.counts["unexplained"], 0)
              for name, null, modes in counts),
        ),
    )  # fmt: skip


CLAIM = Claim(
    id="remark2",
    title="Where zero eigenvalues come from",
    source="remark 2, section 2.4",
    statement="Scale directions are null everywhere, v_i = 0 and w_i = 0 give two zeros each; the rest is functional.",
    corrected="Scale directions are null where the gradient vanishes; where w_i = 0 < b_i, b against b0 is, "
    "not b and v.",
    check=check,
    stated={
        "modes": zero_modes,
        "own": {"as it is": 1, "one v = 0": 2, "one w = 0 < b": 2, "one w = 0 > b": 3},
    },
)
