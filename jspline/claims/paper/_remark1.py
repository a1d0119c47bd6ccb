"""Remark 1 (section 2.3.1): H even breakpoints leave N uniform data lonely with probability 1 - exp(-N^2 / (H + 1)).

Independent: data drawn and sorted into H + 1 bins in numpy. Decision: exact binomial tests of the print, of the
product that replaces it (`jspline.landscape.lonely_probability`), and of the bound that the print may have meant.
"""

from typing import Any

import numpy as np

from jspline.claims._claim import Claim, Evidence, Run
from jspline.claims._decide import share, share_at_least
from jspline.landscape import lonely_bound, lonely_probability, remark_1

SIZES = (20, 800), (10, 300), (40, 600)


def lonely(rng: np.random.Generator, N: int, H: int, draws: int) -> int:
    """How often all N data are in different bins."""
    bins = np.sort(np.floor(rng.uniform(size=(draws, N)) * (H + 1)), axis=1)
    return int(np.sum(np.all(np.diff(bins, axis=1) > 0, axis=1)))


def check(run: Run, stated: Any) -> Evidence:
    rng, draws = run.rng(), run.size(20_000, 1_000_000)
    seen = {sizes: lonely(rng, *sizes, draws) for sizes in SIZES}
    name = "probability at N = {}, H = {}".format
    return Evidence(
        printed=tuple(share(name(*n) + ", print", k, draws, stated.printed(*n)) for n, k in seen.items()),
        corrected=(
            *(share(name(*n), k, draws, stated.exact(*n)) for n, k in seen.items()),
            *(share_at_least(name(*n) + ", bound", k, draws, stated.bound(*n)) for n, k in seen.items()),
        ),
    )


CLAIM = Claim(
    id="remark1",
    title="The probability of a lonely partition",
    source="remark 1, section 2.3.1",
    statement="With evenly spaced breakpoints and uniform data it is 1 - exp(-N^2 / (H + 1)), high for H >= d N^2.",
    corrected="The product of 1 - k / (H + 1) over k < N, at least exp(-N^2 / (H + 1)): the print is upside down.",
    check=check,
    stated={"printed": remark_1, "exact": lonely_probability, "bound": lonely_bound},
)
