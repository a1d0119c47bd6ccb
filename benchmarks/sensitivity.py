"""The derivative of the exact flow: its cost in flows, its memory, and what a general solver makes of the same."""

from collections.abc import Callable
from functools import partial
from typing import Any

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

import jspline
from benchmarks._report import duration, machine, medians, table
from jspline.dynamics import Change, Diffrax, Sensitivity, sensitivity

SIZES = [(12, 20, 30.0, 1e-8), (12, 20, 30.0, 1e-5), (20, 40, 30.0, 1e-8), (20, 200, 30.0, 1e-6), (100, 40, 30.0, 1e-6)]
STEPS = 3_000
RIVALS = {
    "Tsit5, 1e-5": (diffrax.Tsit5(), 1e-5),
    "Tsit5, 1e-8": (diffrax.Tsit5(), 1e-8),
}


def problem(seed: int, size: int, width: int) -> tuple[jspline.ReLUNet, jspline.Dataset]:
    """Uniform x on [-1, 1], a noisy sine, uneven weights, and a Gaussian net."""
    rng = np.random.default_rng(seed)
    x = np.sort(rng.uniform(-1, 1, size))
    y, p = np.sin(3 * x) + 0.3 * rng.normal(size=size), rng.uniform(0.5, 1.5, size) / size
    w, b, v = 0.7 * rng.normal(size=(3, width))
    return jspline.ReLUNet(w, b, v, 0.1), jspline.Dataset(x, y, p)


def costs(smoke: bool) -> str:
    """One direction forwards and one backwards, the record of the flow included, over the flow alone."""
    jax.config.update("jax_enable_x64", True)
    rows = []
    for size, width, t1, rtol in SIZES[:1] if smoke else SIZES:
        net, data = problem(0, size, width)
        options: dict[str, Any] = {"rtol": rtol, "atol": 1e-13, "max_steps": STEPS}
        flow, record = partial(jspline.flow, net, data, t1, **options), partial(sensitivity, net, data, t1, **options)
        times = medians(
            {
                "flow": flow,
                "forward": partial(_forward, record, net),
                "reverse": partial(_reverse, record, net),
            },
            0 if smoke else 20,
        )
        s = record()
        stats = {name: int(value) for name, value in s.solution.stats.items()}
        events = stats["num_crossings"] + stats["num_slides"] + stats["num_releases"]
        memory = s.tape.y.nbytes + sum(column.nbytes for column in s.tape.cells)
        rows.append([
            f"{size}", f"{width}", f"{rtol:.0e}", f"{events}",
            f"{int(flow().stats['num_steps'])} / {stats['num_steps']}",
            duration(times["flow"]), f"{times['forward'] / times['flow']:.2f}x",
            f"{times['reverse'] / times['flow']:.2f}x", f"{memory / STEPS / 1e3:.1f} kB",
        ])  # fmt: skip
    header = ["N", "H", "rtol", "events", "steps: flow / record", "flow", "forward", "reverse", "memory a step"]
    return f"{table(header, rows)}\n\n{machine()}, float64, t1 = 30."


def _forward(record: Callable[[], Sensitivity], net: jspline.ReLUNet) -> jspline.ReLUNet:
    return record().forward(net)


def _reverse(record: Callable[[], Sensitivity], net: jspline.ReLUNet) -> Change:
    return record().reverse(net)


def rivals(smoke: bool) -> str:
    """The gradient of the loss in all parameters: ours, and by diffrax's adjoint through a general solver."""
    jax.config.update("jax_enable_x64", True)
    t1, cases = 20.0, range(1 if smoke else 3)

    def gradient(**options: Any) -> Any:
        def last(net: jspline.ReLUNet, data: jspline.Dataset) -> tuple[jax.Array, jax.Array]:
            end = jspline.flow(net, data, t1, atol=1e-13, **options)
            return end.loss, end.t

        return eqx.filter_jit(jax.grad(last, has_aux=True))

    ours = {f"exact, {rtol:.0e}": gradient(rtol=rtol, max_steps=STEPS) for rtol in ((1e-5,) if smoke else (1e-5, 1e-8))}
    theirs = {
        name: gradient(rtol=rtol, max_steps=4_000 if smoke else 16_000, method=Diffrax(solver=solver))
        for name, (solver, rtol) in list(RIVALS.items())[: 1 if smoke else None]
    }
    tight = gradient(rtol=1e-7 if smoke else 1e-11, max_steps=STEPS)
    problems = [problem(seed, 16, 24) for seed in cases]
    references = [ravel_pytree(tight(*each)[0])[0] for each in problems]
    rows = []
    for name, function in (ours | theirs).items():
        errors, ended = [], 0
        for each, reference in zip(problems, references, strict=True):
            found, t = function(*each)
            errors.append(jnp.linalg.norm(ravel_pytree(found)[0] - reference) / jnp.linalg.norm(reference))
            ended += bool(t == t1)
        time = medians({name: lambda f=function: [f(*each) for each in problems]}, 0 if smoke else 5)[name]  # type: ignore[misc]
        apart = [f"{np.median(errors):.0e}", f"{np.max(errors):.0e}"] if ended == len(problems) else ["", ""]
        rows.append([name, duration(time / len(problems)), f"{ended} of {len(problems)}", *apart])
    header = ["gradient by", "time", "reached t1", "error, median", "error, worst"]
    return f"{table(header, rows)}\n\n{machine()}, float64, N = 16, H = 24, t1 = {t1:g}, {len(problems)} draws."
