"""Numbers and names in words: told apart, and nothing that acts on a terminal or a page."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jspline._text import counted, exact, labels, offset, point, printable, shifted, told_apart

MINUS = "\N{MINUS SIGN}"


def read(text):
    return float(text.replace(MINUS, "-"))


@given(
    st.floats(-1e12, 1e12), st.integers(-8, 9), st.sampled_from([1, 2, 2.5, 5]), st.integers(2, 9), st.integers(-5, 5)
)
def test_ticks_are_told_apart_and_read_back(far, power, mantissa, count, start):
    """Ticks at multiples of a step, wherever they are: what they have in common and their labels give them again."""
    step = mantissa * 10.0**power
    begin = (round(far / step) if abs(far) < 1e9 * step else 0) + start
    ticks = step * (begin + np.arange(count))
    common = offset(ticks[0], ticks[-1])
    said = labels(ticks - common)
    assert len(set(said)) == count
    assert max(map(len, said)) <= 9
    np.testing.assert_allclose([common + read(text) for text in said], ticks, atol=2e-3 * step + 1e-15 * abs(common))


@pytest.mark.parametrize(
    ("low", "high", "name"),
    [
        (1.7e9 - 144, 1.7e9 + 3744, f"t {MINUS} 1.7e9"),
        (1753123456, 1753127056, f"t {MINUS} 1753120000"),
        (1e6 - 1, 1e6 + 1, f"t {MINUS} 1e6"),
        (-1e6 - 1, -1e6 + 1, "t + 1e6"),
        (2019.95, 2020.05, f"t {MINUS} 2020"),
        (0.123456, 0.123456 + 1e-9, f"t {MINUS} 0.123456"),
        (1871, 1970, "t"),
        (0, 1e9, "t"),
        (5, 5, "t"),
        (0, math.inf, "t"),
    ],
)
def test_what_numbers_have_in_common_is_said_in_the_name(low, high, name):
    assert shifted("t", offset(low, high)) == name


def test_an_axis_without_a_name_says_what_is_taken_off():
    assert (shifted("", 1e6), shifted("", -1e6), shifted("", 0.0)) == ("minus 1e6", "plus 1e6", "")


@pytest.mark.parametrize(
    ("ticks", "said"),
    [
        ([0, 500, 1000], ["0", "500", "1000"]),
        ([0, 1e6, 2e6], ["0", "1e6", "2e6"]),
        ([1.25e6, 1.5e6], ["1.25e6", "1.5e6"]),
        ([-0.1, 0.2 - 0.2 + 1e-17, 0.1], [f"{MINUS}0.1", "0.0", "0.1"]),
        ([1e-7, 2e-7], ["1e-7".replace("-", MINUS), "2e-7".replace("-", MINUS)]),
        ([0.0], ["0"]),
        ([], []),
    ],
)
def test_ticks_take_the_digits_of_their_step(ticks, said):
    assert labels(ticks) == said


def test_breaks_far_from_0_are_told_apart():
    """Bug: they were printed as "1.7e+09, 1.7e+09, 1.7e+09"."""
    breaks = [1.7e9 + 100.5, 1.7e9 + 2000, 1.7e9 + 3000.25]
    assert told_apart(breaks, span=3600) == ["1700000100.5", "1700002000", "1700003000.2"]
    assert told_apart([1e6 + 0.1, 1e6 + 0.2]) == ["1000000.1", "1000000.2"]
    assert told_apart([1.5, 20.123456]) == ["1.5", "20.123"]
    assert told_apart([np.nan, 0.0]) == ["nan", "0"]
    assert told_apart([]) == []


def test_numbers_as_given():
    assert [exact(v) for v in (0.1, 1.7e9, 1234567.0, 1e-3, 100.0, 0.0, -2.5e-7)] == [
        "0.1", "1.7e9", "1234567", "0.001", "100", "0", "-2.5e-7",
    ]  # fmt: skip


def test_counts_and_points():
    assert [counted(n, "repeller") for n in (0, 1, 2, 12345)] == [
        "0 repellers", "1 repeller", "2 repellers", "12,345 repellers",
    ]  # fmt: skip
    assert point({"alpha": 0.1, "init": "he", "t\n": np.float64(2e9)}) == "alpha 0.1, init he, t  2e9"


def test_names_lose_what_acts_and_nothing_else():
    assert printable(" a\x1b[2J\nb\ud800 ") == "a\ufffd[2J b\ufffd"
    for name in ("US$ vs CA$", "a_$b^$c", "<!--<script>", "[red]x[/red]", "日本 é & \"'"):
        assert printable(name) == name
