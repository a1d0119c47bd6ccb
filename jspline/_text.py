"""Numbers and names in words: what people read, on a terminal, in a picture or on a page."""

import math
import unicodedata
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

MINUS = "\N{MINUS SIGN}"
SHARED = 1e3
"""Numbers this many times as large as their range have their common part in the name of the axis."""


def printable(text: str) -> str:
    """A name as written, but for what would act instead of being seen: line ends, escape codes, broken bytes."""
    seen = (" " if c.isspace() else c if unicodedata.category(c) not in ("Cc", "Cs") else "\ufffd" for c in text)
    return "".join(seen).strip()


def counted(n: int, one: str) -> str:
    """How many of a kind: "1 knot", "2 knots"."""
    return f"{n:,} {one}{'' if n == 1 else 's'}"


def exact(value: float) -> str:
    """A number in as few characters as say it, to 15 digits: 0.1, 1.7e9, 1234567, nan."""
    plain = f"{value:.15g}"
    if not math.isfinite(value):
        return plain
    mantissa, _, power = f"{value:.14e}".partition("e")
    short = f"{mantissa.rstrip('0').rstrip('.')}e{int(power)}"
    return short if "e" in plain or len(short) < len(plain) - 2 else plain


def point(axes: Mapping[str, object]) -> str:
    """A point of a grid: "alpha 0.1, init he"."""
    said = (exact(value) if isinstance(value, float) else str(value) for value in axes.values())
    return printable(", ".join(f"{name} {value}" for name, value in zip(axes, said, strict=True)))


def told_apart(values: ArrayLike, digits: int = 5, span: float | None = None) -> list[str]:
    """Numbers, each with as many significant digits as tell it from the others, `digits` at least, 17 at most.

    Args:
        values: `(values,)`.
        digits: of a number by itself.
        span: the length on which differences matter, a hundred-thousandth of it: the range of the data, say.
    """
    x = np.asarray(values, float).ravel()
    seen = x[np.isfinite(x)]
    size = float(np.max(np.abs(seen), initial=0.0))
    gaps = np.diff(np.unique(seen))
    # Two digits of the smallest difference, but none beyond rounding.
    matter = min([gap / 10 for gap in gaps if gap > 1e-14 * size] + [span * 1e-5 if span else math.inf])
    if size > 0 and matter < math.inf:
        digits = min(max(digits, math.ceil(math.log10(size / matter))), 17)
    return [f"{v:.0f}" if 10.0**digits <= size < 1e16 else f"{v:.{digits}g}" for v in x]


def offset(low: float, high: float) -> float:
    """What the numbers from `low` to `high` have in common, where they differ by little beside their size; else 0."""
    size, span = max(abs(low), abs(high)), high - low
    if not (0 < span < math.inf and size >= SHARED * span):
        return 0.0
    fine = math.ceil(math.log10(span))
    for power in range(math.ceil(math.log10(size)), fine, -1):
        # A rounder number, where one is among them.
        if (round_one := _below(high, power)) >= low:
            return round_one
    return _below(low, fine)


def shifted(name: str, common: float) -> str:
    """The name of an axis whose numbers are less by `common`: "time − 1.7e9"."""
    if common == 0:
        return name
    if not name:
        return f"{'minus' if common > 0 else 'plus'} {exact(abs(common))}"
    return f"{name} {MINUS if common > 0 else '+'} {exact(abs(common))}"


def labels(values: Sequence[float] | np.ndarray) -> list[str]:
    """The numbers of evenly spaced ticks, in the digits of their step; in powers of ten where that is shorter."""
    x = np.asarray(values, float)
    size = float(np.max(np.abs(x), initial=0.0))
    if size == 0:
        return ["0"] * x.size
    step = float(np.min(np.abs(np.diff(x)))) if x.size > 1 and np.all(np.diff(x)) else size
    x = np.where(np.abs(x) < 1e-6 * step, 0.0, x)
    decimals = next((d for d in range(16) if _whole(step, d)), 15)
    fixed = [f"{v:.{decimals}f}" for v in x]
    powers = [_power(v, step) for v in x]
    longest, shorter = (max(len(text.lstrip("-")) for text in some) for some in (fixed, powers))
    chosen = powers if longest > 5 and shorter < longest else fixed
    return [text.replace("-", MINUS) for text in chosen]


def _below(value: float, power: int) -> float:
    """The largest multiple of 10^power that is not above."""
    unit = 10.0 ** abs(power)
    return math.floor(value / unit) * unit if power >= 0 else math.floor(value * unit) / unit


def _whole(step: float, decimals: int) -> bool:
    """Whether so many decimals hold a step, to a part in a thousand."""
    scaled = step * 10.0**decimals
    return scaled > 0.5 and abs(scaled - round(scaled)) < 1e-3 * scaled


def _power(value: float, step: float) -> str:
    if value == 0:
        return "0"
    power = math.floor(math.log10(abs(value)) + 1e-9)
    decimals = next((d for d in range(16) if _whole(step / 10.0**power, d)), 15)
    mantissa = f"{value / 10.0**power:.{decimals}f}"
    if "." in mantissa:
        mantissa = mantissa.rstrip("0").rstrip(".")
    return f"{mantissa}e{power}"
