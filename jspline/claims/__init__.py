"""The paper as claims that run: each result with an independent computation and a verdict.

One module per result, named after it. `audit` runs them; `jspline audit` is the same at the command line.
"""

from jspline.claims import (
    _cor1,
    _cor2,
    _cor3,
    _cor4,
    _eq1,
    _eq2,
    _eq3,
    _eq4,
    _eq5,
    _eq6,
    _eq7,
    _eq8,
    _eq9,
    _eq10,
    _lemma1,
    _lemma2,
    _remark1,
    _remark2,
    _text_expansion,
    _text_pde,
    _text_reflection,
    _text_roughness,
    _text_signs,
    _text_speed,
    _th1,
    _th2,
    _th3,
    _th4,
    _th5,
    _th6,
    _th7,
)
from jspline.claims._audit import audit, select
from jspline.claims._claim import VERDICTS, Budget, Claim, Evidence, Finding, Outcome, Run

CLAIMS: tuple[Claim, ...] = (
    _eq1.CLAIM,
    _eq2.CLAIM,
    _eq3.CLAIM,
    _text_expansion.CLAIM,
    _text_roughness.CLAIM,
    _th1.CLAIM,
    _cor1.CLAIM,
    _th2.CLAIM,
    _th3.CLAIM,
    _cor2.CLAIM,
    _th4.CLAIM,
    _lemma1.CLAIM,
    _remark1.CLAIM,
    _eq4.CLAIM,
    _eq5.CLAIM,
    _th5.CLAIM,
    _remark2.CLAIM,
    _cor3.CLAIM,
    _th6.CLAIM,
    _eq6.CLAIM,
    _eq7.CLAIM,
    _text_speed.CLAIM,
    _text_reflection.CLAIM,
    _text_signs.CLAIM,
    _lemma2.CLAIM,
    _eq8.CLAIM,
    _th7.CLAIM,
    _cor4.CLAIM,
    _eq9.CLAIM,
    _eq10.CLAIM,
    _text_pde.CLAIM,
)
"""All of them, in the order of the paper."""

__all__ = ["CLAIMS", "VERDICTS", "Budget", "Claim", "Evidence", "Finding", "Outcome", "Run", "audit", "select"]
