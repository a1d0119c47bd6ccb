"""Lonely partitions: at most one datum in each piece. How many there are, and how probable they are.

Theory: docs/theory.md 4.3.
"""

import math
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool

from jspline._checks import check_choice, check_memory, check_most, check_whole
from jspline._programs import compiled
from jspline.charts import ReLUNet, Spline
from jspline.datasets import Dataset
from jspline.landscape._arguments import posed_finite
from jspline.landscape._pieces import pieces
from jspline.problem import Problem

LARGEST = 100_000
"""Of exact counts: C(200,000, 100,000) takes a second, and ten times more takes more than a minute."""


def is_lonely(net: ReLUNet | Spline, problem: Problem | Dataset) -> Bool[Array, ""]:
    """Whether no piece holds more than one datum (section 2.3.2): then the net can fit all of them.

    Data of weight 0 do not count, and equal x count as one, since no function tells them apart. A datum on a breakpoint
    may be counted to either side: the partition is lonely if that can be done so that it is.
    """
    return _is_lonely(*posed_finite(net, problem))


@compiled
def _is_lonely(net: ReLUNet, data: Dataset) -> Bool[Array, ""]:
    found = pieces(net, data)
    x, counts = data.x, data.weight > 0
    latest = jax.lax.cummax(jnp.where(counts, x, -jnp.inf))
    new = counts & jnp.concatenate([jnp.ones(1, bool), x[1:] > latest[:-1]])
    # Each takes the first piece that is its own and not yet taken: a_n = max(first_n, a_{n-1} + 1).
    place = jnp.cumsum(new, dtype=jnp.int32)
    taken = place + jax.lax.cummax(jnp.where(new, found.first - place, -data.size - 1))
    return jnp.all(jnp.where(new, taken <= found.last, True))


def lonely_probability(
    N: int | np.integer,
    H: int | np.integer,
    *,
    breakpoints: Literal["even", "random"] = "even",
    bins: Literal["all", "inside"] = "all",
    log: bool = False,
) -> float:
    """The probability that H breakpoints leave N data lonely. Exact; a sum of N logarithms.

    Args:
        N: number of data, 1 or more.
        H: number of breakpoints, 1 or more.
        breakpoints: "even" for evenly placed ones, with the data independent and uniform: prod_{k<N} (1 - k / B) with
            B bins of equal length. "random" for breakpoints and data independent of one common law, whatever it is:
            C(H + 1, N) / C(H + N, N).
        bins: which bins the data fall in when breakpoints are even: "all" H + 1, or the H - 1 "inside".
        log: return the logarithm, which does not underflow.

    The printed remark 1 has the first of these upside down: see `remark_1`, and `lonely_bound` for what holds.
    Raises `ValueError` for sizes that are no whole numbers of at least 1, or another choice.
    """
    N, H = sizes(N, H)
    check_choice(choices=("even", "random"), breakpoints=breakpoints)
    check_choice(choices=("all", "inside"), bins=bins)
    check_memory(f"The product of {N:,} factors", 32 * N, "see `lonely_bound`")
    k = np.arange(N, dtype=float)
    if breakpoints == "random":
        available, taken = H + 1, (N - 1) / (H + N - k)
    else:
        available = H + 1 if bins == "all" else H - 1
        taken = k / max(available, 1)
    logarithm = -math.inf if available < N else float(np.sum(np.log1p(-taken)))
    return logarithm if log else math.exp(logarithm)


def lonely_bound(N: int | np.integer, H: int | np.integer) -> float:
    """exp(-N^2 / (H + 1)), which the probability for evenly placed breakpoints reaches for N <= H + 1.

    What remark 1 should have said: with H + 1 >= d N^2, lonely with probability exp(-1 / d) at least.
    """
    N, H = sizes(N, H)
    return math.exp(-(N**2) / (H + 1))


def remark_1(N: int | np.integer, H: int | np.integer) -> float:
    """1 - exp(-N^2 / (H + 1)), as remark 1 prints it: about the probability of not being lonely. It falls with H."""
    N, H = sizes(N, H)
    return -math.expm1(-(N**2) / (H + 1))


def partitions(N: int | np.integer, H: int | np.integer) -> int:
    """How many ways there are to place H breakpoints among N data: C(N + H, H)."""
    N, H = sizes(N, H)
    return _choose(N + H, H)


def lonely_partitions(N: int | np.integer, H: int | np.integer) -> int:
    """How many of them are lonely: C(H + 1, N) (lemma 1)."""
    N, H = sizes(N, H)
    return _choose(H + 1, N)


def _choose(n: int, k: int) -> int:
    """The binomial coefficient, exact; it has about as many digits as the smaller of k and n - k."""
    check_most("Of an exact count the smaller of data and breakpoints", min(k, n - k), LARGEST)
    return math.comb(n, k)


def sizes(N: int | np.integer, H: int | np.integer) -> tuple[int, int]:
    """Numbers of data and of breakpoints or neurons. Raises `ValueError` for what is no whole number of at least 1."""
    check_whole(most=2**53, N=N, H=H)
    return int(N), int(H)
