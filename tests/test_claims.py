"""Every claim has its verdict, and loses it when a wrong formula is planted."""

import functools

import numpy as np
import pytest

from jspline import claims
from jspline.claims import _cor1 as cor1

CLAIMS = {claim.id: claim for claim in claims.CLAIMS}


@functools.cache
def outcome(name):
    return CLAIMS[name].run("quick", seed=0)


VERDICTS = {
    "eq5": "holds",
    "th5": "conditional",
    "cor1": "holds",
    "remark1": "fails",
    "text-expansion": "fails",
}


@pytest.mark.parametrize("name", CLAIMS)
def test_verdicts(name):
    found = outcome(name)
    assert found.verdict == VERDICTS[name], found.reason
    assert all(numbers for _, _, numbers in found.evidence.printed)


# (claim, what to plant): a wrong formula, or a right one under a wrong name.
FAULTS = {
    "eq5": {"gradient": lambda net, data: -CLAIMS["eq5"].stated["gradient"](net, data)},
    "th5": {"gram": lambda net, data: 2 * CLAIMS["th5"].stated["gram"](net, data)},
    "cor1": {"gaussian": lambda w, b, v: cor1.gaussian(b, w, v)},
    "remark1": {"exact": lambda N, H: np.exp(-(N**2) / (H + 1))},
    "text-expansion": {"random": -1.0},
}


@pytest.mark.parametrize("name", CLAIMS)
def test_planted_faults_turn_the_verdict(name):
    assert CLAIMS[name].planted(**FAULTS[name]).run("quick", seed=0).verdict != outcome(name).verdict
