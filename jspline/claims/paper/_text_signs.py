"""Section 2.5.2: a datum is attractor, repeller or passthrough alike for all neurons with equal signs of v and of w.

Stated: the type from the signs and from psi on the two sides of the datum (`jspline.landscape.drive`), through beta' =
-(v / w) psi. Independent: every neuron of the network is probed, at small size, on both sides of every datum; the
speed of its breakpoint comes from the loss by complex steps, the residual being as it stands. Decision: the count of
disagreements, while all three types occur.
"""

from typing import Any

import numpy as np

from jspline.claims._case import TINY, Case, random_case
from jspline.claims._claim import Claim, Evidence, Run
from jspline.claims._decide import at_least, counted
from jspline.landscape import drive

NEAR = 1e-7


def kind(left: Any, right: Any) -> Any:
    """2 attractor, 1 repeller, 0 passthrough, from the speeds of beta on the two sides."""
    return np.where((left > 0) & (right < 0), 2, np.where((left < 0) & (right > 0), 1, 0))


def classify(sign_v: Any, sign_w: Any, left: Any, right: Any) -> Any:
    """From the signs and from psi of the neuron's orientation on the two sides."""
    return kind(-sign_v * sign_w * left, -sign_v * sign_w * right)


def probe(case: Case, beta: np.ndarray) -> np.ndarray:
    """The speed of each neuron's breakpoint, put at each beta at a small size, `(beta, H)`."""
    w, _, v, _ = case.split()
    w, v, rest = 1e-6 * w, 1e-6 * v, case.residual()

    def slope(d_w: complex, d_b: complex) -> np.ndarray:
        z = w * (case.x[:, None, None] - beta[:, None])
        moved = (z + d_w * case.x[:, None, None] + d_b) * (z > 0)
        loss = np.sum(case.p[:, None, None] * (rest[:, None, None] - v * moved) ** 2, axis=0) / 2
        return -np.imag(loss) / TINY

    w_speed, b_speed = slope(1j * TINY, 0), slope(0, 1j * TINY)
    return -(b_speed + beta[:, None] * w_speed) / w


def check(run: Run, stated: Any) -> Evidence:
    rng, wrong, seen = run.rng(), 0, np.zeros(3, int)
    for _ in range(run.size(20, 500)):
        case = random_case(rng)
        w, _, v, _ = case.split()
        found = kind(probe(case, case.x - NEAR), probe(case, case.x + NEAR))
        left, right = (stated.drive(case.net, case.data, case.x + d) for d in (-NEAR, NEAR))
        for sign_v in (-1, 1):
            for sign_w in (-1, 1):
                group = (np.sign(v) == sign_v) & (np.sign(w) == sign_w)
                side = "right" if sign_w > 0 else "left"
                due = stated.classify(sign_v, sign_w, np.asarray(getattr(left, side)), np.asarray(getattr(right, side)))
                wrong += int(np.sum(found[:, group] != due[:, None]))
        seen += [np.sum(found == k) for k in range(3)]
    return Evidence((
        counted("neurons at data of another type than that of their signs", wrong, 0),
        at_least("neurons at data of the rarest type", seen.min(), 1),
    ))  # fmt: skip


CLAIM = Claim(
    id="text-signs",
    title="Neurons of equal signs see data alike",
    source="section 2.5.2",
    statement="Groups of neurons with the same signs of v and w classify every datum alike.",
    check=check,
    stated={"classify": classify, "drive": drive},
)
