"""Figure 3 (theorem 3): knots of the slice of the loss are passthroughs, repellers or attractors.

Stated: the types, of the slice and of the flow (`jspline.landscape.classify_knots`). Independent: the loss in numpy
with one breakpoint moved; the parabolas on both sides of a datum through three of its values each, and their minima m1
and m2; the speed of the breakpoint just left and right of the datum as gradient flow begins, by complex steps. Knots
where a parabola is flat have no minimum and are left out. Decision: counts of disagreement; all three types occur.

The text says that gradient flow passes, leaves or reaches knots by these types. It moves w, b and v together, and so
asks for the sign of E + x_n X where the slice asks for that of E: the two differ at some knots.
"""

from typing import Any

import numpy as np

from jspline.claims._case import Case, random_case
from jspline.claims._claim import Claim, Compared, Evidence, Run
from jspline.claims._decide import at_least, counted
from jspline.landscape import KNOTS, classify_knots
from jspline.plot import paper

NAMES = KNOTS


def slice_at(case: Case, i: int, beta: np.ndarray) -> np.ndarray:
    """The loss with breakpoint i at each of these places, mu and s being kept."""
    w, b, v, b0 = case.split()
    moved = np.tile(b, (len(beta), 1))
    moved[:, i] = -w[i] * beta
    hidden = np.maximum(w * case.x[:, None] + moved[:, None], 0)
    return np.sum(case.p * (case.y - hidden @ v - b0) ** 2, axis=-1) / 2


def parabolas(case: Case, i: int, n: int) -> list[np.ndarray]:
    """Coefficients in beta - x_n of the loss on the pieces left and right of datum n."""
    ends = case.x[n - 1 : n + 2]
    found = []
    for low, high in ((ends[0], ends[1]), (ends[1], ends[2])):
        t = np.linspace(low, high, 3)
        found.append(np.polyfit(t - case.x[n], slice_at(case, i, t), 2))
    return found


def by_minima(m1: float, m2: float) -> int:
    """The place in `NAMES` that theorem 3 gives, m1 and m2 being relative to the datum; -1 for none."""
    if m1 * m2 > 0:
        return 0
    return 1 if m1 < 0 < m2 else 2 if m2 < 0 < m1 else -1


def by_speed(left: float, right: float) -> int:
    """The same from the speed of a breakpoint just left and just right of the datum."""
    return 2 if left > 0 > right else 1 if left < 0 < right else 0


def flowing(case: Case, i: int, n: int) -> int:
    """What gradient flow does with breakpoint i at datum n, w, v and all others as they are."""
    w, _, _, _ = case.split()
    speeds = []
    for side in (-1e-7, 1e-7):
        theta = case.theta.copy()
        theta[case.width + i] = -w[i] * (case.x[n] + side)
        speeds.append(case.at(theta).velocity(lambda w, b, v: -b / w)[i])
    return by_speed(*speeds)


def check(run: Run, stated: Any) -> Evidence:
    rng, seen = run.rng(), np.zeros(3, int)
    shown: dict[int, list[Any]] = {}
    wrong, alone, flows, none, corrected = 0, 0, 0, 0, 0
    for _ in range(run.size(20, 500)):
        case = random_case(rng)
        for i in rng.choice(case.width, 4, replace=False):
            of_slice, of_flow = (np.asarray(each(case.net, case.data, int(i))) for each in (stated.slice, stated.flow))
            for n in range(1, len(case.x) - 1):
                p1, p2 = parabolas(case, int(i), n)
                if min(p1[0], p2[0]) < 1e-9 * np.max(np.abs([p1, p2])):
                    continue
                kind = by_minima(-p1[1] / (2 * p1[0]), -p2[1] / (2 * p2[0]))
                true = flowing(case, int(i), n)
                none += kind < 0
                wrong += kind != of_slice[n]
                alone += kind != by_speed(-p1[1], -p2[1])
                flows += kind != true
                corrected += of_flow[n] != true
                seen[kind] += 1
                if kind >= 0:
                    shown.setdefault(kind, []).append((case, int(i), n, p1, p2))
    total = seen.sum()
    by_the_minima = counted("knots of another type than that of the minima", wrong, 0)
    rules = "m1, m2 on one side of x_n", "m1 < x_n < m2", "m2 < x_n < m1"
    return Evidence(
        printed=(
            counted("knots of none of the three types", none, 0),
            by_the_minima,
            at_least("knots of the rarest type", seen.min(), 1),
            counted("knots where gradient flow does not what the type says", flows, 0),
        ),
        condition=(by_the_minima, counted("knots where beta alone does not what the type says", alone, 0)),
        corrected=(counted("knots where gradient flow does not what the type of the flow says", corrected, 0),),
        compared=(
            *(Compared(f"type {'I' * (k + 1)}, {name}", rule, f"{seen[k]} of {total} knots")
              for k, (name, rule) in enumerate(zip(NAMES, rules, strict=True))),
            Compared("knots that gradient flow passes, leaves or reaches by type", "all",
                     f"{1 - flows / total:.1%}; by the type of the flow {1 - corrected / total:.1%}"),
        ),
        arrays={f"{name}_{part}": value for k, name in enumerate(NAMES) for part, value in _example(shown[k]).items()},
    )  # fmt: skip


def _example(found: list[Any]) -> dict[str, np.ndarray]:
    """The knot at which the slope changes most, for its size: the slice and both parabolas over two pieces."""
    case, i, n, p1, p2 = max(found, key=lambda f: abs(f[3][1] - f[4][1]) / np.max(np.abs([f[3], f[4]])))
    low, knot, high = case.x[n - 1 : n + 2]
    t = np.linspace(low, high, 201)
    return {"beta": t, "slice": slice_at(case, i, t), "p1": np.polyval(p1, t - knot), "p2": np.polyval(p2, t - knot),
            "knot": np.array(knot)}  # fmt: skip


CLAIM = Claim(
    id="fig3",
    title="Types of knots",
    source="figure 3, theorem 3",
    statement="Every knot with curvature on both sides is passed through, repels or attracts during gradient flow, by "
    "the minima of the two parabolas that meet there.",
    condition="The breakpoint moves alone.",
    corrected="Gradient flow moves w, b and v together: the signs of E + x_n X on the two sides decide.",
    check=check,
    stated={
        "slice": lambda net, data, i: classify_knots(net, data, i).slice,
        "flow": lambda net, data, i: classify_knots(net, data, i).flow,
    },
    figure=paper.fig3,
)
