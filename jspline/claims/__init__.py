"""The paper as claims that run: each result with an independent computation and a verdict.

`paper/` has a module for each result, `literature/` one for each publication. `audit` runs them; `jspline audit` is the
same at the command line.
"""

from jspline.claims import literature, paper
from jspline.claims._audit import Audited, audit, select
from jspline.claims._claim import VERDICTS, Budget, Claim, Compared, Evidence, Finding, Outcome, Run
from jspline.claims._words import table

CLAIMS: tuple[Claim, ...] = (*paper.CLAIMS, *literature.CLAIMS)
"""All of them, in the order of the paper; then what others have published."""

__all__ = [
    "CLAIMS",
    "VERDICTS",
    "Audited",
    "Budget",
    "Claim",
    "Compared",
    "Evidence",
    "Finding",
    "Outcome",
    "Run",
    "audit",
    "select",
    "table",
]
