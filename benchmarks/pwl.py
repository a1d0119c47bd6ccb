"""Piecewise-linear fits against ruptures and pwlf, and what optimisers need for the same error (figure 9)."""

import importlib
import resource
import time
from functools import partial
from types import ModuleType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

import jspline
from benchmarks._report import duration, in_turns, machine, table
from jspline import pwl
from jspline.descent import OUTCOMES, BatchNormNet, train

RATES = (1e-3, 3e-3, 1e-2, 3e-2, 1e-1)
SEEDS, BATCH = 5, 32
WIDTHS, BUDGETS = (4, 16, 64, 256), (2_000, 20_000)


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


def figure_9(smoke: bool) -> str:
    """The mean squared error on a quadratic at so many pieces, for five algorithms."""
    jax.config.update("jax_enable_x64", True)
    plain = jspline.datasets.quadratic(100)
    data = jspline.Dataset(plain.x, plain.y, jnp.full(100, 0.02))  # the loss is the mean squared error
    widths, budgets, rates = ((4,), (20, 40), RATES[:2]) if smoke else (WIDTHS, BUDGETS, RATES)

    @partial(jax.jit, static_argnames=("name", "width"))
    def losses(name: str, width: int) -> tuple[jax.Array, jax.Array]:
        def one(rate: jax.Array, seed: jax.Array) -> tuple[jax.Array, jax.Array]:
            keys = jax.random.split(jax.random.fold_in(jax.random.key(9), seed))
            net: Any = jspline.init.he(width).sample(width, key=keys[0])
            if name == "batch-norm SGD":
                net = BatchNormNet.from_net(net, data)
            optimizer = optax.adam(rate) if name == "Adam" else optax.sgd(rate)
            records = budgets[1] // budgets[0]
            run = train(net, data, optimizer, budgets[1], batch_size=BATCH, key=keys[1], records=records)
            return run.losses[jnp.array([1, -1])], run.outcome == OUTCOMES.steps_done

        each = jax.vmap(jax.vmap(one, in_axes=(None, 0)), in_axes=(0, None))
        return each(jnp.array(rates), jnp.arange(SEEDS))

    rows = []
    reached: dict[str, dict[int, np.ndarray]] = {name: {} for name in ("Adam", "batch-norm SGD", "SGD")}
    optimal = pwl.dynamic_programming(plain, min(widths[-1] + 1, 50)).sses / 100
    for width in widths:
        pieces = width + 1
        exact = [f"{optimal[pieces - 1]:.1e}" if pieces <= 50 else "0"]
        exact.append(f"{pwl.greedy_merge(plain, pieces).sse / 100:.1e}" if pieces <= 50 else "0")
        for k, budget in enumerate(budgets):
            row = [str(pieces), f"{budget:,}", *exact]
            for name in reached:
                values, done = (np.asarray(a) for a in losses(name, width))
                final = np.where(done, values[..., k], np.inf)
                best = int(np.argmin(np.median(final, axis=1)))
                here = final[best]
                reached[name][pieces] = np.sort(here)
                lost = int(np.sum(~done))
                cell = f"{np.median(here):.1e} [{np.min(here):.1e}, {np.max(here):.1e}] at {rates[best]:g}"
                row.append(cell + (f", {lost} unstable" if lost else ""))
            rows.append(row)
    header = ["pieces", "steps", "optimal", "greedy", "Adam", "batch-norm SGD", "SGD"]

    def fewest(name: str, target: float, seed: int) -> str:
        """The fewest pieces tried with which that seed, in the order of their errors, is at the target."""
        enough = [pieces for pieces, errors in reached[name].items() if errors[seed] <= target]
        return str(min(enough)) if enough else f"over {widths[-1] + 1}"

    needed = []
    for target in (1e-2, 1e-3, 1e-4, 1e-5):
        greedy = next(k for k in range(1, 51) if pwl.greedy_merge(plain, k).sse / 100 <= target)
        row = [f"{target:g}", str(int(np.argmax(np.asarray(optimal) <= target)) + 1), str(greedy)]
        for name in reached:
            row.append(f"{fewest(name, target, SEEDS // 2)} [{fewest(name, target, 0)}, {fewest(name, target, -1)}]")
        needed.append(row)
        if smoke:
            break
    text = table(header, rows)
    pieces_needed = table(["mean squared error", "optimal", "greedy", *reached], needed)
    return (
        f"{text}\n\nPieces needed, of those tried, by the median seed [best, worst]:\n\n{pieces_needed}\n\n{machine()}."
    )
