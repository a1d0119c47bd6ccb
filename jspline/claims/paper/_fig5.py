"""Figure 5 (remark 2.3): three changes of the function that leave the loss as it is.

Stated: the moves (`jspline.landscape.cancel_in_gap`, `rotate_about_datum`, `drift_outside`). Independent: values of the
function in numpy at the data and between them, before and after. Decision: at the data they are equal within rounding;
between them they are not, to both sides and a third of the way along.
"""

from typing import Any

import numpy as np

from jspline.claims._case import Case
from jspline.claims._claim import Claim, Compared, Evidence, Run
from jspline.claims._decide import at_least, equal
from jspline.landscape import cancel_in_gap, drift_outside, rotate_about_datum
from jspline.plot import paper

X, GRID = np.arange(6) - 2.5, np.linspace(-3.6, 3.6, 721)
MOVES = "A: in one gap", "B: about a datum", "C: outside"
SHARES = np.array([-1.0, -1 / 3, 1 / 3, 1.0])


def draw(rng: np.random.Generator) -> Case:
    """Neurons 0 and 1 face right in the third gap, 2 and 3 on either side of datum 3, 4 outside and away; 15 more."""
    beta = np.concatenate([[-0.4, 0.25], [0.3, 0.75], [2.9], rng.uniform(-3.3, 3.3, 15)])
    s = np.concatenate([[1, 1], [1, 1], [1], rng.choice([-1.0, 1.0], 15)])
    w = s * rng.uniform(0.5, 1.5, 20)
    v = rng.choice([-1.0, 1.0], 20) * rng.uniform(0.5, 1.0, 20)
    return Case.of(w, -w * beta, v, rng.normal(), X, rng.normal(size=6))


def move(stated: Any, case: Case, name: str, share: float) -> Case:
    """The case after this share of the largest move to one side."""
    net, data = case.net, case.data
    mu = np.asarray(net.w * net.v)
    if name == MOVES[0]:
        moved = stated.cancel(net, data, 0, 1, 0.08 * share * min(1.0, abs(mu[1] / mu[0])))
    elif name == MOVES[1]:
        moved = stated.rotate(net, data, 2, 3, 0.3 * share * np.min(np.abs(mu[2:4])))
    else:
        moved = stated.drift(net, data, 4, 0.35 * share)
    return Case.of(moved.w, moved.b, moved.v, moved.b0, case.x, case.y)


def values(case: Case, at: np.ndarray) -> np.ndarray:
    """f there."""
    w, b, v, b0 = case.split()
    return np.maximum(w * at[:, None] + b, 0) @ v + b0


def check(run: Run, stated: Any) -> Evidence:
    rng, findings, rows, shown = run.rng(), [], [], {}
    cases = [draw(rng) for _ in range(run.size(10, 300))]
    for letter, name in zip("abc", MOVES, strict=True):
        before, after, terms, between = [], [], [], []
        for case in cases:
            moved = [move(stated, case, name, share) for share in SHARES]
            before += [values(case, X)] * len(moved)
            after += [values(each, X) for each in moved]
            terms += [case.terms[-1] + each.terms[-1] for each in moved]
            between.append([np.max(np.abs(values(each, GRID) - values(case, GRID))) for each in moved])
        size = np.array(terms)[:, None]
        findings.append(equal(f"{name}: f at the data", after, before, size=size, operations=2 * case.operations))
        least = float(np.min(between))
        findings.append(at_least(f"{name}: f elsewhere, least change", least, 1e-3))
        rows.append(Compared(f"{name}: f at the data changes by", "0",
                             f"at most {np.max(np.abs(np.subtract(after, before))):.1e}; elsewhere {least:.2g} "
                             "or more"))  # fmt: skip
        shown[f"{letter}_f"] = np.array([values(move(stated, cases[0], name, s), GRID) for s in SHARES])
        shown[f"{letter}_beta"] = np.array([move(stated, cases[0], name, s).beta[:5] for s in (*SHARES, 0)])
    at = {"x": X, "grid": GRID, "f": values(cases[0], GRID), "f_data": values(cases[0], X)}
    return Evidence(tuple(findings), compared=tuple(rows), arrays={**at, **shown})


CLAIM = Claim(
    id="fig5",
    title="Changes that the loss does not see",
    source="figure 5, remark 2.3",
    statement="Breakpoints of one gap and facing can cancel out, two around a datum can rotate the function about it, "
    "and one outside that faces away is free: the loss stays.",
    check=check,
    stated={"cancel": cancel_in_gap, "rotate": rotate_about_datum, "drift": drift_outside},
    figure=paper.fig5,
)
