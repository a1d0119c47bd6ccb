"""Piecewise-linear fits against ruptures and pwlf."""

import importlib
import resource
import time
from types import ModuleType
from typing import Any

import jax
import numpy as np

import jspline
from benchmarks._report import duration, in_turns, machine, table
from jspline import pwl


def _rival(name: str) -> ModuleType | None:
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def _without(name: str) -> str:
    return f"{name} is not installed, so it was not compared: pip install -e '.[bench]'."


def _series(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = np.linspace(0, 1, n)
    return x, np.sin(9 * x) + 0.1 * rng.normal(size=n)


def speed(smoke: bool) -> str:
    """Dynamic programming against ruptures.Dynp on the same series, and alone where that would take hours."""
    jax.config.update("jax_enable_x64", True)
    ruptures = _rival("ruptures")
    n, pieces = (60, 4) if smoke else (500, 10)
    x, y = _series(n)
    data = jspline.Dataset(x, y)
    functions: dict[str, Any] = {"jspline": lambda: pwl.dynamic_programming(data, pieces).sse}
    if ruptures is not None:
        signal = np.column_stack([y, x, np.ones(n)])

        def theirs() -> float:
            ends = ruptures.Dynp(model="linear", min_size=2, jump=1).fit(signal).predict(n_bkps=pieces - 1)
            parts = zip([0, *ends[:-1]], ends, strict=True)
            return sum(float(np.sum(np.polyfit(x[a:b], y[a:b], 1, full=True)[1])) for a, b in parts)

        functions["ruptures.Dynp"] = theirs
    jax.block_until_ready(functions["jspline"]())
    times, values = in_turns(functions, 1 if smoke else 5)
    rows = [[name, f"{n}", f"{pieces}", duration(times[name]), f"{float(values[name]):.9g}", ""] for name in functions]
    if ruptures is not None:
        rows[0][-1] = f"{times['ruptures.Dynp'] / times['jspline']:,.0f}x"
    n, pieces = (100, 5) if smoke else (5_000, 100)
    large = jspline.Dataset(*_series(n))
    started = time.perf_counter()
    sse = float(pwl.dynamic_programming(large, pieces).sse)
    first = time.perf_counter() - started
    started = time.perf_counter()
    jax.block_until_ready(pwl.dynamic_programming(large, pieces))
    again = time.perf_counter() - started
    rows.append(["jspline", f"{n:,}", f"{pieces}", duration(again), f"{sse:.9g}", ""])
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    text = table(["", "N", "pieces", "time", "sse", "ratio"], rows)
    notes = f"The last with compiling: {duration(first)}; peak memory of the whole process {memory:.2g} GB."
    missing = "" if ruptures is not None else " " + _without("ruptures")
    return f"{text}\n\n{notes}{missing} {machine()}."


def twenty() -> list[tuple[int, jspline.Dataset]]:
    """Twenty noisy series of 100 points, on random x: evenly likely or crowded at the ends; 2 to 5 pieces."""
    found = []
    for i in range(20):
        rng = np.random.default_rng(i)
        x = np.sort(rng.uniform(0, 1, 100) if i % 2 else rng.beta(0.5, 0.5, 100))
        shapes = [
            np.sin(9 * x),
            np.abs(x - 0.3) + 2 * np.abs(x - 0.7),
            (x >= 0.5) + x,
            np.exp(3 * x) / 5,
            np.cumsum(rng.normal(size=100)) / 5,
        ]
        found.append((2 + i % 4, jspline.Dataset(x, shapes[i % 5] + 0.1 * rng.normal(size=100))))
    return found


def continuous(smoke: bool) -> str:
    """The continuous optimum against pwlf, with its own defaults."""
    jax.config.update("jax_enable_x64", True)
    pwlf = _rival("pwlf")
    if pwlf is None:
        return _without("pwlf")
    rows, above = [], 0
    for i, (pieces, data) in enumerate(twenty()[: 1 if smoke else 20]):
        rival = pwlf.PiecewiseLinFit(np.asarray(data.x), np.asarray(data.y), seed=i)

        def theirs(rival: Any = rival, pieces: int = pieces) -> float:
            rival.fit(pieces)
            return rival.ssr

        def ours(data: jspline.Dataset = data, pieces: int = pieces) -> Any:
            return pwl.continuous(data, pieces).sse

        jax.block_until_ready(ours())
        times, values = in_turns({"jspline": ours, "pwlf": theirs}, 1)
        lower = float(pwl.dynamic_programming(data, pieces).sse)
        excess = float(values["pwlf"]) / float(values["jspline"]) - 1
        above += excess < -1e-9
        ratio = times["pwlf"] / times["jspline"]
        cells = [float(values["jspline"]), float(values["pwlf"]), lower]
        rows.append([str(i), str(pieces), *(f"{c:.8g}" for c in cells), f"{excess:.1e}"])
        rows[-1] += [duration(times["jspline"]), duration(times["pwlf"]), f"{ratio:.3g}x"]
    header = ["series", "pieces", "sse", "pwlf", "separate lines", "pwlf above by", "time", "pwlf", "ratio"]
    return f"{table(header, rows)}\n\nAbove pwlf's in {above} of {len(rows)}. {machine()}."
