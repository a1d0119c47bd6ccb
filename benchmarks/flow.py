"""The exact flow to its end, lane by lane: its costs, and general solvers charged to the same loss."""

from collections.abc import Callable
from functools import partial
from typing import Any

import diffrax
import jax
import jax.numpy as jnp
import numpy as np

import jspline
from benchmarks._report import duration, in_turns, machine, middle_and_most, table
from jspline.dynamics import Diffrax, Exact

ROWS = {100.0: 1e4, 10.0: 1e4, 3.0: 1e4, 1.0: 1e3, 0.1: 1e3}  # end time by scale
DRAWS = 10
RIVAL_DRAWS = 5
RIVALS: dict[str, tuple[diffrax.AbstractSolver, int]] = {
    "Tsit5": (diffrax.Tsit5(), 300_000),
    "Kvaerno5": (diffrax.Kvaerno5(), 300),
}
LOG = 20_000
ENDS = {"interpolated": "loss reached", "end_time": "end time reached", "out_of_steps": "budget spent"}


def dataset(key: jax.Array) -> jspline.Dataset:
    """Ten uniform x on [-2, 2], y = sin 3x."""
    x = jax.random.uniform(key, (10,), minval=-2.0, maxval=2.0)
    return jspline.Dataset(x, jnp.sin(3 * x))


def network(key: jax.Array, scale: float) -> jspline.ReLUNet:
    """A hundred neurons with uniform breakpoints on [-2.2, 2.2], |w| = scale / 10 and v = b0 = 0."""
    return jspline.init.UniformBreakpoints(-2.2, 2.2, scale, 0.0).sample(100, key=key)


def problem(draw: int, scale: float) -> tuple[jspline.ReLUNet, jspline.Dataset]:
    """Net and data of a draw."""
    k = jax.random.split(jax.random.key(draw))
    return network(k[1], scale), dataset(k[0])


def exact(smoke: bool) -> Callable[..., jspline.dynamics.Solution]:
    """The flow as both tables take it, compiled. A log costs time; smoke shares the one that the accuracy wants."""
    flow = partial(jspline.flow, rtol=1e-5, atol=1e-8, loss_tol=1e-14, method=Exact(events=LOG if smoke else 0))
    jax.block_until_ready(flow(*problem(0, 1.0), 0.0))
    return flow


def how(solution: jspline.dynamics.Solution) -> str:
    """The name of its result."""
    return jspline.dynamics.result_names(solution.result).item()


def lanes(smoke: bool) -> str:
    """Steps, events and time of the exact flow, over ten draws of five scales."""
    jax.config.update("jax_enable_x64", True)
    flow = exact(smoke)
    rows, everything = [], []
    for scale, t1 in ROWS.items():
        calls = {
            str(draw): partial(flow, *problem(draw, scale), 0.01 if smoke else t1)
            for draw in range(2 if smoke else DRAWS)
        }
        times, solutions = in_turns(calls, 1 if smoke else 5)
        found = [(times[draw], solution) for draw, solution in solutions.items()]
        everything += found
        rows.append([f"{scale:g}", f"{t1:g}", *_costs(found)])
    rows.append(["all", "", *_costs(everything)])
    header = ["scale", "end time", "draws", "steps", "crossings", "slides", "time of a lane"]
    note = "Median / maximum over the draws; the time of a draw is the median of 5 calls in turn with the other draws."
    return f"{table([*header, 'L <= 1e-14', 'at end time', 'otherwise'], rows)}\n\n{note} {machine()}."


def _costs(found: list[tuple[float, jspline.dynamics.Solution]]) -> list[str]:
    counts = [
        middle_and_most([int(solution.stats[f"num_{name}"]) for _, solution in found])
        for name in ("steps", "crossings", "slides")
    ]
    ends = [how(solution) for _, solution in found]
    ended = [ends.count("interpolated"), ends.count("end_time")]
    return [
        str(len(found)),
        *counts,
        middle_and_most([time for time, _ in found], duration),
        *map(str, ended),
        str(len(ends) - sum(ended)),
    ]


def rivals(smoke: bool) -> str:
    """The exact flow, then each rival until it has the same loss, or the end time, or no steps left."""
    jax.config.update("jax_enable_x64", True)
    flow = exact(smoke)
    names = [*RIVALS][: 1 if smoke else None]
    for name in names:
        jax.block_until_ready(_rival(name, *problem(0, 1.0), 0.0, 1.0))
    rows, times = [], []
    solutions: list[dict[str, Any]] = []
    places = [(scale, draw) for scale in ROWS for draw in range(1 if smoke else RIVAL_DRAWS)]
    for scale, draw in places:
        net, data = problem(draw, scale)
        t1 = 0.01 if smoke else ROWS[scale]
        # `loss_tol` is compared with the loss less its tie constant, which is 0 here.
        target = float(flow(net, data, t1).loss) * (1 + 1e-6) + 1e-14
        took, found = in_turns({"exact": partial(flow, net, data, t1)}, 1 if smoke else 5)
        # The rivals take seconds to minutes: once is enough.
        others = in_turns({name: partial(_rival, name, net, data, t1, target) for name in names}, 1)
        took, found = took | others[0], found | others[1]
        for name, solution in found.items():
            ends = ENDS | {"interpolated": "L <= 1e-14"} if name == "exact" else ENDS
            ratio = "" if name == "exact" else f"{took[name] / took['exact']:.3g}x"
            row = [f"{scale:g}", str(draw), name, f"{int(solution.stats['num_steps']):,}"]
            row += [ends.get(how(solution), how(solution)), f"{float(solution.t):.4g}"]
            rows.append([*row, f"{float(solution.loss):.9g}", duration(took[name]), ratio])
        times.append(took)
        solutions.append(found)
    header = ["scale", "draw", "method", "steps", "ended", "t", "L", "time", "to exact"]
    lines = [table(header, rows), _summary(places, times, solutions, names)]
    lines += [_wins(name, places, times, solutions) for name in names]
    return "\n\n".join([*lines, f"The exact flow: median of 5 calls; the others once. {machine()}."])


def _rival(
    name: str, net: jspline.ReLUNet, data: jspline.Dataset, t1: float, target: float
) -> jspline.dynamics.Solution:
    solver, steps = RIVALS[name]
    return jspline.flow(
        net, data, t1, rtol=1e-6, atol=1e-8, loss_tol=target, method=Diffrax(solver=solver), max_steps=steps
    )


def _summary(
    places: list[tuple[float, int]], times: list[dict[str, float]], solutions: list[dict[str, Any]], names: list[str]
) -> str:
    """By scale, the median over the draws, and the ratio of these medians."""
    rows = []
    for scale in ROWS:
        chosen = [i for i, (place, _) in enumerate(places) if place == scale]
        middle = {name: float(np.median([times[i][name] for i in chosen])) for name in ("exact", *names)}
        row = [f"{scale:g}", duration(middle["exact"])]
        for name in names:
            reached = sum(how(solutions[i][name]) == "interpolated" for i in chosen)
            row += [duration(middle[name]), f"{middle[name] / middle['exact']:.3g}x", f"{reached} of {len(chosen)}"]
        rows.append(row)
    header = ["scale", "exact"]
    for name in names:
        header += [name, "ratio", "reached the loss"]
    return table(header, rows)


def _wins(
    name: str, places: list[tuple[float, int]], times: list[dict[str, float]], solutions: list[dict[str, Any]]
) -> str:
    """Where a rival reaches the loss, and where it is ahead when it does."""
    reached: list[tuple[float, int]] = []
    fewer: list[tuple[float, int]] = []
    faster: list[tuple[float, int]] = []
    for place, took, found in zip(places, times, solutions, strict=True):
        if how(found[name]) == "interpolated":
            reached.append(place)
            if found[name].stats["num_steps"] < found["exact"].stats["num_steps"]:
                fewer.append(place)
            if took[name] < took["exact"]:
                faster.append(place)
    parts = {"reached the loss": reached, "in fewer steps than the exact flow": fewer, "in less time": faster}
    return f"{name} " + "; ".join(f"{what}: {_where(places)}" for what, places in parts.items()) + "."


def _where(places: list[tuple[float, int]]) -> str:
    words = []
    for scale in dict.fromkeys(scale for scale, _ in places):
        draws = [str(draw) for each, draw in places if each == scale]
        words.append(f"scale {scale:g} (draw {' '.join(draws)})")
    return ", ".join(words) or "nowhere"
