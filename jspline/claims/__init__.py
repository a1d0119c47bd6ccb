"""The paper as claims that run: each result with an independent computation and a verdict.

One module per result, named after it. `audit` runs them; `jspline audit` is the same at the command line.
"""

from jspline.claims import _cor1, _eq5, _remark1, _text_expansion, _th5
from jspline.claims._audit import audit, select
from jspline.claims._claim import VERDICTS, Budget, Claim, Evidence, Finding, Outcome, Run

CLAIMS = (_eq5.CLAIM, _th5.CLAIM, _cor1.CLAIM, _remark1.CLAIM, _text_expansion.CLAIM)
"""All of them, in the order of the paper."""

__all__ = ["CLAIMS", "VERDICTS", "Budget", "Claim", "Evidence", "Finding", "Outcome", "Run", "audit", "select"]
