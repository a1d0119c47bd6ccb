"""Lemma 1 (section 2.3.1): every lonely partition has infinitely many global minima of loss 0; there are C(H + 1, N).

Stated: `jspline.landscape.lonely_partitions`. Independent: all ways to place H breakpoints among N data, one by one;
and for each lonely one, breakpoints drawn twice inside its gaps and the linear system for mu and b0 solved in numpy.
Decision: counts, and rounding times the condition of the system.
"""

import itertools
from typing import Any

import numpy as np

from jspline.claims._claim import Claim, Evidence, Run
from jspline.claims._decide import at_least, at_most, counted
from jspline.landscape import lonely_partitions

SIZES = (2, 3), (3, 4), (4, 6), (5, 5), (3, 8), (6, 5)
"""N and H."""


def placements(N: int, H: int) -> list[tuple[int, ...]]:
    """All ways: for each breakpoint, in order, how many data lie before it."""
    return list(itertools.combinations_with_replacement(range(N + 1), H))


def is_lonely(place: tuple[int, ...], N: int) -> bool:
    """Whether a breakpoint is between any two data."""
    return set(range(1, N)) <= set(place)


def solve(place: tuple[int, ...], x: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, float]:
    """Breakpoints and delta-slopes that fit, and what is left, in units of the condition."""
    ends = np.concatenate([[x[0] - 1], x, [x[-1] + 1]])
    k = np.array(place)
    beta = np.sort(ends[k] + rng.uniform(0.1, 0.9, len(k)) * (ends[k + 1] - ends[k]))
    s = np.where(k == 0, 1, np.where(k == len(x), -1, rng.choice([-1, 1], len(k))))
    ahead = x[:, None] - beta
    columns = np.column_stack([np.where(s * ahead > 0, ahead, 0), np.ones(len(x))])
    mu = np.linalg.lstsq(columns, y, rcond=None)[0]
    values = np.linalg.svd(columns, compute_uv=False)
    condition = values[0] / values[len(x) - 1] if len(values) >= len(x) else np.inf
    return np.append(beta, mu), np.max(np.abs(columns @ mu - y)) / (condition * np.finfo(float).eps * np.max(np.abs(y)))


def check(run: Run, stated: Any) -> Evidence:
    rng, found, worst, apart = run.rng(), [], 0.0, np.inf
    for N, H in SIZES:
        lonely = [place for place in placements(N, H) if is_lonely(place, N)]
        found.append(counted(f"lonely partitions, N = {N}, H = {H}", len(lonely), stated.number(N, H)))
        x, y = np.arange(N) + rng.uniform(-0.2, 0.2, N), rng.normal(size=N)
        for place in lonely:
            (one, left), (other, right) = (solve(place, x, y, rng) for _ in range(2))
            worst, apart = max(worst, left, right), min(apart, np.max(np.abs(one - other)))
    growth = [stated.number(N, 2 * N) / N ** (2.0 * N) for N in (2, 4, 8, 16)]
    return Evidence((
        *found,
        at_most("largest residual, in units of condition x rounding", worst, 100),
        at_least("least distance of two minima of one partition", apart, 1e-6),
        at_most("number over N^(cN) at c = 2, largest", max(growth), 1.0),
    ))  # fmt: skip


CLAIM = Claim(
    id="lemma1",
    title="Lonely partitions are global minima",
    source="lemma 1, section 2.3.1",
    statement="Every lonely partition has infinitely many global minima of loss 0, and there are C(H + 1, N).",
    check=check,
    stated={"number": lonely_partitions},
)
