"""Timing in turns, and tables in RESULTS.md."""

import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import jax
import numpy as np

RESULTS = Path(__file__).with_name("RESULTS.md")


def medians(functions: dict[str, Callable[[], Any]], seconds: float) -> dict[str, float]:
    """The median time of a call of each function, in turns (A B A B ...), after a first call to compile.

    Turns, because the speed of a shared machine drifts. A turn repeats its function for 20 ms or more, or it would
    pay for the caches that the one before it emptied. Each function gets at least 5 turns.
    """
    for function in functions.values():
        jax.block_until_ready(function())
    times: dict[str, list[float]] = {name: [] for name in functions}
    began = time.perf_counter()
    turns = 0
    while turns < 5 or time.perf_counter() - began < seconds:
        for name, function in functions.items():
            calls, start = 0, time.perf_counter()
            while calls == 0 or time.perf_counter() - start < 0.02:
                jax.block_until_ready(function())
                calls += 1
            times[name].append((time.perf_counter() - start) / calls)
        turns += 1
    return {name: statistics.median(values) for name, values in times.items()}


def in_turns(functions: Mapping[str, Callable[[], Any]], turns: int) -> tuple[dict[str, float], dict[str, Any]]:
    """The median time of each function, called in turns, and what it returned; for calls that take long.

    They must be compiled already.
    """
    times: dict[str, list[float]] = {name: [] for name in functions}
    values = {}
    for _ in range(turns):
        for name, function in functions.items():
            start = time.perf_counter()
            values[name] = jax.block_until_ready(function())
            times[name].append(time.perf_counter() - start)
    return {name: statistics.median(each) for name, each in times.items()}, values


def duration(seconds: float) -> str:
    """A time with a unit, to three digits or the unit."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= size or unit == "us":
            number = seconds / size
            return f"{number:,.0f} {unit}" if number >= 1000 else f"{number:.3g} {unit}"
    raise AssertionError


def middle_and_most(values: Any, form: Callable[[float], str] = "{:,.0f}".format) -> str:
    """Median and maximum, for one cell."""
    return f"{form(float(np.median(values)))} / {form(float(np.max(values)))}"


def machine() -> str:
    """What the figures were measured on, in words."""
    device = jax.devices()[0]
    cores = f", {len(jax.devices())} device(s)" if device.platform != "cpu" else ""
    packages = ", ".join(f"{name} {metadata.version(name)}" for name in ("jax", "diffrax", "relu-jspline"))
    where = f"{device.device_kind}{cores}, {platform.machine()}, {cpu_count()} cores"
    return f"{where}; Python {platform.python_version()}, {packages}"


def cpu_count() -> int:
    """The cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def table(header: list[str], rows: list[list[str]]) -> str:
    """A markdown table with aligned columns."""
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]
    line = lambda cells: "| " + " | ".join(c.rjust(w) for c, w in zip(cells, widths, strict=True)) + " |"  # noqa: E731
    return "\n".join([line(header), "|" + "|".join("-" * (w + 1) + ":" for w in widths) + "|", *map(line, rows)])


def write(section: str, text: str) -> None:
    """Replace the section of that name in RESULTS.md, between its two marks."""
    begin, end = f"<!-- {section} -->", f"<!-- /{section} -->"
    whole = RESULTS.read_text(encoding="utf-8")
    before, rest = whole.split(begin, 1)
    _, after = rest.split(end, 1)
    RESULTS.write_text(f"{before}{begin}\n{text.strip()}\n{end}{after}", encoding="utf-8")
