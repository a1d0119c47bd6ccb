"""How far the exact flow is from itself at a tight tolerance, and from forward Euler, which knows nothing of events."""

from collections import defaultdict
from functools import partial
from itertools import zip_longest

import jax
import jax.numpy as jnp
import numpy as np

import jspline
from benchmarks._report import machine, middle_and_most, table
from benchmarks.flow import LOG, how, problem
from jspline.dynamics import KINDS, Events, Exact, Solution

SCALES = (0.1, 1.0, 10.0, 100.0)
DRAWS = 10
RTOLS = (1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8)
REFERENCE = 1e-11
LIMIT = 200.0  # rtol; what is farther off is listed

RANDOM_DRAWS = 1024  # in tiles of 256
RANDOM_RTOLS = (1e-4, 1e-5, 1e-6, 1e-7)
RANDOM_REFERENCE = 1e-8

EULER_SCALES = (0.1, 1.0, 10.0)  # at 100 the steps would have to be ten times shorter
EULER_DRAWS = 3
EULER_DT = 1e-4
EULER_T1 = 5.0


def distance(one: jspline.ReLUNet, other: jspline.ReLUNet) -> float:
    """sup |f - g| on 501 points of [-2.5, 2.5]."""
    x = jnp.linspace(-2.5, 2.5, 501)
    return float(jnp.max(jnp.abs(one(x) - other(x))))


def tolerances(smoke: bool) -> str:
    """The distance to the reference over rtol, and every run in which it is more than `LIMIT`."""
    jax.config.update("jax_enable_x64", True)
    t1, rtols, reference_rtol = (0.1, RTOLS[:2], 1e-6) if smoke else (100.0, RTOLS, REFERENCE)
    found: dict[tuple[float, float], list[tuple[float, int]]] = defaultdict(list)
    exceptions = []
    for scale in SCALES[:2] if smoke else SCALES:
        for draw in range(1 if smoke else DRAWS):
            reference = _run(draw, scale, t1, reference_rtol)
            for rtol in rtols:
                solution = _run(draw, scale, t1, rtol)
                error = distance(solution.net, reference.net) / rtol
                found[rtol, scale].append((error, int(solution.stats["num_steps"])))
                ends = [how(each) for each in (solution, reference)]
                if not error <= LIMIT or ends != ["end_time"] * 2 or smoke:
                    counts = [str(int(each.stats["num_nonunique"])) for each in (solution, reference)]
                    apart = departure(solution, reference)
                    exceptions.append([f"{rtol:g}", f"{scale:g}", str(draw), f"{error:,.0f}", *ends, *counts, *apart])
    rows = []
    for rtol in rtols:
        by_scale = {f"{scale:g}": runs for (each, scale), runs in found.items() if each == rtol}
        everything = {"all": [run for runs in by_scale.values() for run in runs]}
        for name, runs in (everything | by_scale).items():
            errors = np.array([error for error, _ in runs])
            quantiles = [np.median(errors), np.quantile(errors, 0.9), np.max(errors)]
            row = [f"{rtol:g}", name, str(len(runs)), *(f"{q:.3g}" for q in quantiles), str(np.sum(~(errors <= LIMIT)))]
            rows.append([*row, middle_and_most([steps for _, steps in runs])])
    header = ["rtol", "scale", "draws", "median", "90 % quantile", "maximum", f"above {LIMIT:g}", "steps"]
    text = table(header, rows)
    if exceptions:
        header = ["rtol", "scale", "draw", "difference / rtol", "ended", "reference", "nonunique", "reference"]
        header += ["t", "neuron", "event", "reference"]
        text += f"\n\nEvery run above {LIMIT:g} rtol, or not to t = {t1:g}:\n\n{table(header, exceptions)}"
    else:
        text += f"\n\nNo run is above {LIMIT:g} rtol; all reached t = {t1:g}."
    return f"{text}\n\n{machine()}."


def random(smoke: bool) -> str:
    """Small nets on random data, of all scales: their fits against those at a tight tolerance."""
    jax.config.update("jax_enable_x64", True)
    draws, tile, t1 = (4, 4, 0.1) if smoke else (RANDOM_DRAWS, 256, 100.0)
    keys = jax.random.split(jax.random.key(0), draws).reshape(-1, tile)
    flows = jax.jit(jax.vmap(_random_flow, in_axes=(0, None, None)))

    def run(rtol: float) -> tuple[np.ndarray, np.ndarray]:
        fits, steps = zip(*(flows(each, rtol, t1) for each in keys), strict=True)
        return np.concatenate(fits), np.concatenate(steps)

    reference, _ = run(RANDOM_REFERENCE)
    rows = []
    for rtol in RANDOM_RTOLS[:1] if smoke else RANDOM_RTOLS:
        fits, steps = run(rtol)
        errors = np.max(np.abs(fits - reference), axis=1) / rtol
        quantiles = (f"{q:.3g}" for q in np.quantile(errors, [0.5, 0.9, 0.99, 1.0]))
        rows.append([f"{rtol:g}", f"{draws:,}", *quantiles, str(np.sum(~(errors <= LIMIT))), middle_and_most(steps)])
    header = ["rtol", "draws", "median", "90 % quantile", "99 % quantile", "maximum", f"above {LIMIT:g}", "steps"]
    return f"{table(header, rows)}\n\n{machine()}."


def _random_flow(key: jax.Array, rtol: float, t1: float) -> tuple[jax.Array, jax.Array]:
    """Six normal data, eight neurons with large v, at a scale from 0.2 to 5: the fit at the data, and the steps."""
    k = jax.random.split(key, 3)
    x, y = jax.random.normal(k[0], (2, 6))
    data = jspline.Dataset(x, y, jnp.full(6, 1 / 3))
    scale = 5 ** jax.random.uniform(k[1], minval=-1.0)
    net = jspline.rescale(jspline.init.Gaussian(0.1, 0.1, 1.0).sample(8, key=k[2]), scale)
    solution = jspline.flow(net, data, t1, rtol=rtol, atol=1e-3 * rtol)
    return solution.net(x), solution.stats["num_steps"]


def _run(draw: int, scale: float, t1: float, rtol: float) -> Solution:
    return jspline.flow(
        *problem(draw, scale), t1, rtol=rtol, atol=1e-3 * rtol, method=Exact(events=LOG), max_steps=100_000_000
    )


def departure(one: Solution, other: Solution) -> list[str]:
    """The first event that a neuron has in one run and not in the other: its time, neuron, and what it is in either.

    Neuron by neuron, since two neurons that meet data at nearly the same time may do so in either order.
    """
    first = (np.inf, "-", "same", "same")
    logs = [_by_neuron(solution.events) for solution in (one, other)]
    for neuron in sorted(set().union(*logs)):
        for a, b in zip_longest(*(log[neuron] for log in logs), fillvalue=(np.inf, "none")):
            if a[1] != b[1]:
                first = min(first, (min(a[0], b[0]), str(neuron), a[1], b[1]))
                break
    time, neuron_name, event, event_of_other = first
    full = any(bool(solution.events.overflow) for solution in (one, other) if solution.events is not None)
    return [f"{time:.6g}" + (" (log full)" if full else ""), neuron_name, event, event_of_other]


def _by_neuron(log: Events | None) -> dict[int, list[tuple[float, str]]]:
    """The events of each neuron, in order: time, and kind with datum."""
    events: dict[int, list[tuple[float, str]]] = defaultdict(list)
    assert log is not None
    columns = (np.asarray(column) for column in (log.time, log.neuron, log.datum, log.kind))
    for time, neuron, datum, kind in zip(*columns, strict=True):
        if kind >= 0:
            events[int(neuron)].append((float(time), KINDS[kind] + (f" {datum}" if datum >= 0 else "")))
    return events


def euler(smoke: bool) -> str:
    """Forward Euler with two step sizes against the exact flow: first order, so the difference halves with the step."""
    jax.config.update("jax_enable_x64", True)
    t1 = 0.1 if smoke else EULER_T1
    rows = []
    for scale in EULER_SCALES[:2] if smoke else EULER_SCALES:
        for draw in range(1 if smoke else EULER_DRAWS):
            net, data = problem(draw, scale)
            solution = _run(draw, scale, t1, 1e-6 if smoke else 1e-8)
            ends = [_euler(net, data, dt, round(t1 / dt)) for dt in (EULER_DT, EULER_DT / 2)]
            errors = [distance(end, solution.net) for end in ends]
            counts = [str(int(solution.stats[f"num_{name}"])) for name in ("crossings", "slides", "nonunique")]
            rows.append([f"{scale:g}", str(draw), *counts, *(f"{e:.2e}" for e in errors)])
            rows[-1].append(f"{errors[0] / errors[1]:.3g}")
    header = ["scale", "draw", "crossings", "slides", "nonunique", f"dt = {EULER_DT:g}", "half of it", "ratio"]
    return f"{table(header, rows)}\n\n{machine()}."


@partial(jax.jit, static_argnames="steps")
def _euler(net: jspline.ReLUNet, data: jspline.Dataset, dt: float, steps: int) -> jspline.ReLUNet:
    """The definition, dense: relu'(0) = 0."""

    def step(_: int, n: jspline.ReLUNet) -> jspline.ReLUNet:
        z = data.x[:, None] * n.w + n.b
        active = z > 0
        hidden = jnp.where(active, z, 0)
        e = data.weight * (data.y - n.b0 - hidden @ n.v)
        return jspline.ReLUNet(
            w=n.w + dt * n.v * ((e * data.x) @ active),
            b=n.b + dt * n.v * (e @ active),
            v=n.v + dt * (e @ hidden),
            b0=n.b0 + dt * jnp.sum(e),
        )

    return jax.lax.fori_loop(0, steps, step, net)
