"""Theorem 6 (section 2.5): equations 6 and 7 govern (beta, mu), given their values at the start.

Their signs apart (`eq6`, `eq7`), they still contain v / w and w: networks with equal (beta, mu) move differently. The
charges v^2 - w^2 - b^2, which gradient flow keeps, say what is missing. Stated: `jspline.dynamics.spline_field`.
Independent: breakpoints, delta-slopes and charges moved along the complex-step gradient. Decision: rounding.
"""

from typing import Any

import equinox as eqx
import numpy as np

from jspline.charts import charge
from jspline.claims._case import Case, random_case
from jspline.claims._claim import Claim, Evidence, Run
from jspline.claims._decide import equal
from jspline.dynamics import spline_field


def speeds(case: Case) -> tuple[np.ndarray, np.ndarray]:
    """Of beta and mu, and the sizes of their terms."""
    w, _, v, _ = (np.abs(part) for part in case.split())
    w_terms, b_terms, v_terms, _ = case.split(case.terms)
    value = case.velocity(lambda w, b, v: np.stack([-b / w, w * v]))
    return value, np.stack([(b_terms + np.abs(case.beta) * w_terms) / w, v * w_terms + w * v_terms])


def check(run: Run, stated: Any) -> Evidence:
    rng = run.rng()
    value, reference, size, scaled, drift, drift_size = [], [], [], [], [], []
    for _ in range(run.size(10, 500)):
        case = random_case(rng)
        field = stated.field(case.net.to_spline(), stated.charge(case.net), case.data)
        value.append(np.stack([field.beta, field.mu]))
        speed, terms = speeds(case)
        reference.append(speed)
        size.append(terms)
        w, b, v, b0 = case.split()
        scaled.append(speeds(Case.of(2 * w, 2 * b, v / 2, float(b0), case.x, case.y, case.p))[0])
        drift.append(case.velocity(lambda w, b, v: v**2 - w**2 - b**2))
        w_terms, b_terms, v_terms, _ = case.split(case.terms)
        drift_size.append(2 * (np.abs(w) * w_terms + np.abs(b) * b_terms + np.abs(v) * v_terms))
    operations = 4 * case.operations
    return Evidence(
        printed=(
            equal("speeds from (beta, mu) alone: of two scales", scaled, np.array(reference), size=np.array(size),
                  operations=operations),
        ),
        condition=(
            equal("speeds from (beta, mu) and the charges", value, np.array(reference), size=np.array(size),
                  operations=operations),
            equal("speed of the charges", drift, np.zeros_like(drift), size=np.array(drift_size),
                  operations=operations),
        ),
    )  # fmt: skip


CLAIM = Claim(
    id="th6",
    title="The gradient flow of the spline",
    source="theorem 6, section 2.5",
    statement="Equations 6 and 7 govern the breakpoints and delta-slopes, given their initial values.",
    condition="The conserved charges v^2 - w^2 - b^2 are given too, and the sign of eps is that of f - y.",
    check=check,
    stated={"field": eqx.filter_jit(spline_field), "charge": charge},
)
