"""The flow of a batch with a progress bar, by either method. Ctrl-C keeps what is done."""

import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from jspline.charts import ReLUNet
from jspline.cli._progress import Progress
from jspline.datasets import Dataset
from jspline.dynamics import Solution, advance, charge_drift, finish, flow, result_names, start

INTERRUPTED = "interrupted"

STEPS = 50
"""Steps between two looks at the progress bar, and at Ctrl-C."""

PARTS = 100, "part"
"""Of a flow, in the logarithm of time."""

LANES = 16
"""Networks that a CPU advances at once: more are not faster there, and fewer wait for the slowest."""


class History(NamedTuple):
    """What the batch went through, on the host."""

    solution: Solution
    times: np.ndarray  # as far as the last network came
    results: np.ndarray  # as in the solution, or interrupted
    seconds: float  # of integration; compiling, and what is done once, is apart
    compiling: float

    @property
    def interrupted(self) -> bool:
        """Whether Ctrl-C ended it."""
        return INTERRUPTED in self.results


def integrate(
    method: str, nets: ReLUNet, data: Dataset, times: np.ndarray, rtol: float, max_steps: int
) -> History | None:
    """The flow of every net, kept at `times`.

    Returns:
        The history, or None if Ctrl-C came before there was any.
    """
    drive = {"exact": _exact, "diffrax": _diffrax}[method]
    try:
        history = drive(nets, data, times, rtol, max_steps)
    except KeyboardInterrupt:
        return None
    last = float(history.solution.t.max())
    if history.interrupted and last == 0:
        return None
    # After its end a network repeats its last net: no need to keep that where all of them do.
    return history._replace(times=history.times[: max(2, int(np.searchsorted(times, last)) + 1)])


def _exact(nets: ReLUNet, data: Dataset, times: np.ndarray, rtol: float, max_steps: int) -> History:
    """The exact flow, in chunks of steps. Those furthest behind go on; those that have ended make room for others.

    The batch that is compiled has one size only, since compiling takes longer than what a fitting size would save.
    """
    began, show = time.perf_counter(), Progress("gradient flow, exact", *PARTS, parts=10)
    inits = len(nets.b0)
    ts = jnp.asarray(times, nets.b0.dtype)
    on_cpu = next(iter(nets.b0.devices())).platform == "cpu"
    lanes = min(LANES, inits) if on_cpu else inits
    go = jax.vmap(advance)
    begin = jax.vmap(lambda net: start(net, data, ts[-1], rtol=rtol, atol=1e-3 * rtol, ts=ts))
    state = jax.tree.map(np.asarray, begin(nets))
    jax.block_until_ready(go(_some(state, np.arange(lanes)), jnp.zeros(lanes, jnp.int32)))
    show.began = compiled = time.perf_counter()

    with show:
        try:
            while True:
                steps = state.stats["num_steps"]
                ended = state.done | (steps >= max_steps)
                if ended.all():
                    break
                chosen = np.lexsort((steps, ended))[:lanes]
                budget = jnp.asarray(np.clip(max_steps - steps[chosen], 0, STEPS), jnp.int32)
                # One assignment: Ctrl-C finds either the old state or the new one.
                state = jax.tree.map(_put(chosen), state, go(_some(state, chosen), budget))
                _show(show, np.where(state.done, ts[-1], state.t), times)
        except KeyboardInterrupt:
            pass
    seconds = time.perf_counter() - compiled

    solution = jax.tree.map(np.asarray, jax.vmap(finish)(state))
    results = result_names(solution.result)
    results[(results == "out_of_steps") & (state.stats["num_steps"] < max_steps)] = INTERRUPTED
    return History(solution, times, results, seconds, time.perf_counter() - began - seconds)


def _some(state: Any, chosen: np.ndarray) -> Any:
    return jax.tree.map(lambda leaf: leaf[chosen], state)


def _put(chosen: np.ndarray) -> Callable[[np.ndarray, jax.Array], np.ndarray]:
    def put(whole: np.ndarray, part: jax.Array) -> np.ndarray:
        new = np.array(whole)
        new[chosen] = part
        return new

    return put


def _diffrax(nets: ReLUNet, data: Dataset, times: np.ndarray, rtol: float, max_steps: int) -> History:
    """The flow by diffrax, from each time to the next. Networks that have ended wait for the others."""
    began, show = time.perf_counter(), Progress("gradient flow, diffrax", *PARTS, parts=10)
    inits = len(nets.b0)

    @eqx.filter_jit
    def segment(nets: ReLUNet, durations: ArrayLike) -> Solution:
        def run(net: ReLUNet, t: ArrayLike) -> Solution:
            return flow(net, data, t, rtol=rtol, atol=1e-3 * rtol, max_steps=max_steps, method="diffrax")

        return jax.vmap(run)(nets, durations)

    stats = {f"num_{name}": np.zeros(inits, int) for name in ("steps", "accepted", "rejected")}
    t_end, going = np.zeros(inits), np.ones(inits, bool)
    last = jax.block_until_ready(segment(nets, jnp.zeros(inits, nets.b0.dtype)))
    results = np.full(inits, "end_time", dtype="<U16")
    kept = [nets]
    show.began = compiled = time.perf_counter()
    with show:
        try:
            for before, after in pairwise(times):
                durations = jnp.asarray(np.where(going, after - before, 0.0), nets.b0.dtype)
                solution = jax.block_until_ready(segment(kept[-1], durations))
                taken = {name: np.where(going, np.asarray(solution.stats[name]), 0) for name in stats}
                results = np.where(going, result_names(solution.result), results)
                # A network may not spend in one segment what it has no longer: then it stays where it was.
                results[going & (stats["num_steps"] + taken["num_steps"] > max_steps)] = "out_of_steps"
                going &= results == "end_time"
                t_end[going] = after
                stats = {name: np.minimum(stats[name] + taken[name], max_steps) for name in stats}
                last = jax.tree.map(_where(going), solution, last)
                kept.append(last.net)
                _show(show, t_end, times)
                if not going.any():
                    break
        except KeyboardInterrupt:
            results[going] = INTERRUPTED
    seconds = time.perf_counter() - compiled
    stats["charge_drift"] = np.asarray(jax.vmap(charge_drift)(nets, last.net))
    times = times[: len(kept)]
    path = jax.tree.map(lambda *leaves: np.stack([np.asarray(leaf) for leaf in leaves], axis=1), *kept)
    whole = eqx.tree_at(
        lambda sol: (sol.t, sol.ts, sol.nets, sol.stats),
        last,
        (t_end, np.broadcast_to(times, (inits, len(times))), path, stats),
        is_leaf=lambda leaf: leaf is None,
    )
    return History(jax.tree.map(np.asarray, whole), times, results, seconds, compiled - began)


def _where(mask: np.ndarray) -> Callable[[Any, Any], Any]:
    return lambda new, old: jnp.where(mask.reshape(-1, *(1,) * (new.ndim - 1)), new, old)


def _show(show: Progress, t: np.ndarray, times: np.ndarray) -> None:
    """Progress in the logarithm of time, in which the flow has about as much to do everywhere; its mean."""
    done = np.log(np.clip(t, times[1], times[-1]) / times[1]) / np.log(times[-1] / times[1])
    show(int(100 * np.mean(done)))
