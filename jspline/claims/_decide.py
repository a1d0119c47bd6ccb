"""The tests that decide. Each says what error it may make.

Identities are decided by rounding: two computations of one number may differ by gamma_k = k eps / (1 - k eps) times
the sum of the sizes of the terms, k the operations in a row (Higham 2002, section 3.1). Random ones by tests that
refuse what is true once in 10^6 times (`LEVEL`). Exponents are told apart in steps of 1/2. What the tests do refuse is
shown by planted faults (tests/test_claims.py).
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import stats

from jspline.claims._claim import Finding

LEVEL = 1e-6
"""The rate at which a test of something random refuses what is true."""

RESOLUTION = 0.25
"""Half the distance of the exponents that `exponent` tells apart."""


def finding(what: str, holds: bool | None, **numbers: Any) -> Finding:
    """With plain numbers of six digits, so that they read well and come back from a file as they went in."""
    return Finding(
        what, None if holds is None else bool(holds), {k: float(f"{float(v):.6g}") for k, v in numbers.items()}
    )


def equal(what: str, value: Any, reference: Any, *, size: Any, operations: int) -> Finding:
    """Whether two arrays are equal up to gamma_k times the size of the terms that their entries are sums of."""
    k = operations * np.finfo(float).eps
    bound = np.broadcast_to(np.asarray(size, float), np.shape(reference)) * k / (1 - k)
    difference = np.abs(np.asarray(value) - np.asarray(reference))
    worst = np.unravel_index(np.argmax(difference / np.where(bound > 0, bound, 1)), difference.shape)
    holds = bool(np.all(difference <= bound))
    return finding(
        what, holds, difference=difference[worst], bound=bound[worst], reference=np.asarray(reference)[worst]
    )


def at_most(what: str, value: float, bound: float) -> Finding:
    """Whether a number is at most a bound that the claim derives."""
    return finding(what, value <= bound, value=value, bound=bound)


def at_least(what: str, value: float, bound: float) -> Finding:
    """Whether a number is at least a bound that the claim derives."""
    return finding(what, value >= bound, value=value, bound=bound)


def counted(what: str, value: int, expected: int) -> Finding:
    """Whether two counts are equal."""
    return finding(what, value == expected, counted=value, stated=expected)


def distributed(what: str, sample: np.ndarray, cdf: Callable[[np.ndarray], Any]) -> Finding:
    """Whether a sample has this distribution: Kolmogorov and Smirnov's test."""
    test = stats.kstest(np.ravel(sample), lambda t: np.asarray(cdf(t)))
    critical = stats.kstwo.isf(LEVEL, np.size(sample))
    return finding(what, test.pvalue > LEVEL, distance=test.statistic, critical=critical, sample=np.size(sample))


def frequencies(what: str, counts: np.ndarray, probabilities: np.ndarray) -> Finding:
    """Whether counts come from these probabilities: Pearson's test. Bins that expect less than 10 are put together."""
    expected = probabilities * counts.sum()
    many = expected >= 10
    seen = np.append(counts[many], counts[~many].sum())
    due = np.append(expected[many], max(counts.sum() - expected[many].sum(), 1e-9))
    if due[-1] < 10:
        seen, due = seen[:-1], due[:-1] * seen[:-1].sum() / due[:-1].sum()
    statistic = np.sum((seen - due) ** 2 / due)
    critical = stats.chi2.isf(LEVEL, len(due) - 1)
    return finding(what, statistic <= critical, statistic=statistic, critical=critical, sample=counts.sum())


def mean(what: str, sample: np.ndarray, stated: float) -> Finding:
    """Whether the mean of a sample is the stated one: the normal test, two-sided."""
    value, error = np.mean(sample), np.std(sample, ddof=1) / np.sqrt(np.size(sample))
    reach = stats.norm.isf(LEVEL / 2) * error
    return finding(what, abs(value - stated) <= reach, mean=value, stated=stated, error=error)


def above(what: str, sample: np.ndarray, bound: float) -> Finding:
    """Whether the mean of a sample is above a bound. Undecided unless one of two one-sided t tests refuses."""
    value, n = np.mean(sample), len(sample)
    error = np.std(sample, ddof=1) / np.sqrt(n)
    reach = error * stats.t.isf(LEVEL, n - 1)
    holds = True if value - reach > bound else False if value + reach < bound else None
    return finding(what, holds, mean=value, bound=bound, error=error)


def share(what: str, happened: int, trials: int, stated: float) -> Finding:
    """Whether something has the stated probability: the exact binomial test, two-sided."""
    p = stats.binomtest(int(happened), int(trials), min(max(float(stated), 0.0), 1.0)).pvalue
    rate = happened / trials
    return finding(what, p > LEVEL, share=rate, stated=stated, error=np.sqrt(rate * (1 - rate) / trials))


def share_at_least(what: str, happened: int, trials: int, bound: float) -> Finding:
    """Whether something has at least this probability: the exact binomial test, one-sided."""
    p = stats.binomtest(int(happened), int(trials), max(float(bound), 0.0), alternative="less").pvalue
    rate = happened / trials
    return finding(what, p > LEVEL, share=rate, bound=bound, error=np.sqrt(rate * (1 - rate) / trials))


def share_at_most(what: str, happened: int, trials: int, bound: float) -> Finding:
    """Whether something has at most this probability: the exact binomial test, one-sided."""
    p = stats.binomtest(int(happened), int(trials), min(float(bound), 1.0), alternative="greater").pvalue
    rate = happened / trials
    return finding(what, p > LEVEL, share=rate, bound=bound, error=np.sqrt(rate * (1 - rate) / trials))


def more_often(what: str, happened: int, trials: int, than: float = 0.5, **facts: float) -> Finding:
    """Whether something happens more often than that. Undecided unless one of two one-sided binomial tests refuses.

    `facts` are further numbers to report.
    """
    sides = ("greater", "less")
    yes, no = (stats.binomtest(int(happened), int(trials), than, alternative=side).pvalue for side in sides)
    holds = True if yes < LEVEL else False if no < LEVEL else None
    rate = happened / trials
    error = np.sqrt(rate * (1 - rate) / trials)
    return finding(what, holds, share=rate, than=than, error=error, trials=trials, **facts)


def exponent(what: str, x: Any, y: Any, stated: float, *, bound: bool = False) -> Finding:
    """Whether y goes as x^stated (`bound`: or falls faster), by the slope of log y over log x.

    y is one number for each x, or one for each x and repetition, `(len(x), repetitions)`: then the slope is a mean with
    an error, and the finding is undecided if the error is above the resolution.
    """
    logs = np.log(np.asarray(y, float).reshape(len(x), -1))
    slopes = np.polyfit(np.log(np.asarray(x, float)), logs, 1)[0]
    value, n = np.mean(slopes), len(slopes)
    error = np.std(slopes, ddof=1) / np.sqrt(n) if n > 1 else 0.0
    reach = error * stats.t.isf(LEVEL / 2, n - 1) if n > 1 else 0.0
    off = value - stated if bound else abs(value - stated)
    holds = None if reach > RESOLUTION else off <= RESOLUTION
    return finding(what, holds, exponent=value, stated=stated, error=error)
