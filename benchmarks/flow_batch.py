"""A thousand flows at once: exact, with finished lanes dropped on the host, and by a general solver in two charts."""

import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Literal

import jax
import numpy as np

import jspline
from benchmarks._report import duration, machine, middle_and_most, table
from benchmarks.flow import dataset, network
from jspline.dynamics import Diffrax, Running, Solution, advance, finish, result_names, start

LANES = 1_000
PLAIN_LANES = 100
T1 = 1e3
CHUNK = 50  # steps between two looks of the host
SMALLEST = 8  # lanes; a batch is not halved below
TILE = 50

RIVAL_STEPS = 500
TOLERANCES: dict[str, Any] = {"rtol": 1e-5, "atol": 1e-8, "loss_tol": 1e-14}


def _chunked(nets: jspline.ReLUNet, data: jspline.Dataset, t1: float) -> Solution:
    """One batch of flows to their ends. It is halved whenever at most half of its lanes still run."""
    state = jax.vmap(lambda net: start(net, data, t1, **TOLERANCES))(nets)
    lanes = np.arange(len(nets.b0))
    parts: list[tuple[np.ndarray, Running]] = []
    while True:
        state = jax.vmap(lambda running: advance(running, CHUNK))(state)
        done = np.asarray(state.done)
        if done.all():
            break
        size = len(lanes)
        while size // 2 >= max(SMALLEST, np.sum(~done)):
            size //= 2
        if size < len(lanes):
            # Those that run first; finished ones fill up.
            order = np.argsort(done, stable=True)
            whole = jax.device_get(state)
            parts.append((lanes[order[size:]], _take(whole, order[size:])))
            lanes, state = lanes[order[:size]], _take(whole, order[:size])
    parts.append((lanes, jax.device_get(state)))
    order = np.argsort(np.concatenate([each for each, _ in parts]))
    together = jax.tree.map(lambda *leaves: np.concatenate(leaves)[order], *(part for _, part in parts))
    return jax.vmap(finish)(together)


def chunked(nets: jspline.ReLUNet, data: jspline.Dataset, t1: float) -> Solution:
    """On a CPU in tiles, one on each core: the operations of a step are too small to be shared between cores."""
    if next(iter(nets.b0.devices())).platform != "cpu":
        return _chunked(nets, data, t1)
    starts = range(0, nets.b0.shape[0], TILE)
    tiles = [jax.tree.map(lambda leaf, i=i: leaf[i : i + TILE], nets) for i in starts]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        ended = list(pool.map(lambda tile: _chunked(tile, data, t1), tiles))
    return jax.tree.map(lambda *leaves: np.concatenate(leaves), *ended)


def _take(state: Running, lanes: np.ndarray) -> Running:
    return jax.tree.map(lambda leaf: leaf[lanes], state)


def plain(nets: jspline.ReLUNet, data: jspline.Dataset, t1: float) -> Solution:
    """All flows to their ends, every lane waiting for the slowest."""
    return jax.vmap(lambda net: jspline.flow(net, data, t1, **TOLERANCES))(nets)


def rival(
    chart: Literal["nn", "spline"], steps: int, nets: jspline.ReLUNet, data: jspline.Dataset, t1: float
) -> Solution:
    """So many steps of Tsit5."""
    flow = partial(jspline.flow, rtol=1e-6, atol=1e-8, loss_tol=1e-14, method=Diffrax(chart=chart), max_steps=steps)
    return jax.vmap(lambda net: flow(net, data, t1))(nets)


def run(smoke: bool) -> str:
    """The table, a column for each kind of device."""
    jax.config.update("jax_enable_x64", True)
    lanes, t1, steps = (16, 0.01, 20) if smoke else (LANES, T1, RIVAL_STEPS)
    # Each with the number of lanes and the end time of a first call that compiles all it needs.
    methods: dict[str, tuple[Callable[..., Solution], int, float]] = {
        "exact, finished lanes dropped": (chunked, lanes, t1),
        "exact, plain vmap": (plain, PLAIN_LANES, 0.0),
        "Tsit5, chart='nn'": (partial(rival, "nn", steps), lanes, 0.0),
        "Tsit5, chart='spline'": (partial(rival, "spline", steps), lanes, 0.0),
    }
    if smoke:
        methods = {name: methods[name] for name in ("exact, finished lanes dropped", "Tsit5, chart='nn'")}
    devices = {"CPU": jax.devices("cpu")[0]}
    if jax.default_backend() == "gpu":
        devices["GPU"] = jax.devices()[0]
    cells: dict[str, list[str]] = {name: [] for name in methods}
    for kind in ("CPU", "GPU"):
        for name, (method, count, first_t1) in methods.items():
            if kind not in devices:
                cells[name] += ["-", "-"]
                continue
            with jax.default_device(devices[kind]):
                k = jax.random.split(jax.random.key(0))
                data, nets = dataset(k[0]), jax.vmap(lambda key: network(key, 1.0))(jax.random.split(k[1], count))
                jax.block_until_ready(method(nets, data, first_t1))
                began = time.perf_counter()
                solution = jax.block_until_ready(method(nets, data, t1))
                took = time.perf_counter() - began
            if kind == "CPU":
                cells[name] = _progress(solution)
            ended = not np.any(result_names(solution.result) == "out_of_steps")
            cells[name] += [duration(took), "" if ended else f"about {duration(took * t1 / np.median(solution.t))}"]
    header = ["method", "lanes", "ended", "steps", "t, least", "t, median", "CPU", f"to t = {t1:g}", "GPU"]
    text = table([*header, f"to t = {t1:g}"], [[name, *row] for name, row in cells.items()])
    note = "" if "GPU" in devices else "GPU: no device was at hand. "
    return f"{text}\n\nSteps: median / maximum. {note}{machine()}."


def _progress(solution: Solution) -> list[str]:
    ended = result_names(solution.result) != "out_of_steps"
    t = np.asarray(solution.t)
    steps = middle_and_most(solution.stats["num_steps"])
    return [f"{len(t):,}", f"{np.sum(ended):,}", steps, f"{np.min(t):.3g}", f"{np.median(t):.3g}"]
