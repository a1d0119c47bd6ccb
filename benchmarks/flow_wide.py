"""Steps that do not grow with the width: published runs with up to a million neurons, and where a step's time goes."""

import resource
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

import jspline
from benchmarks._report import duration, in_turns, machine, table
from benchmarks.flow import dataset, how
from jspline.dynamics import Running, Solution, advance, compiler_options, start
from jspline.dynamics._cell import FlowTerm
from jspline.dynamics._implicit import factor
from jspline.dynamics._rosenbrock import Cubic, rodas
from jspline.dynamics._sizes import sizes
from jspline.dynamics.carry import Carried, FrozenStep
from jspline.dynamics.carry._carry import carry
from jspline.dynamics.carry._respond import respond

FIGURE = Path(__file__).with_name("flow_wide.png")
WIDTHS = (60, 600, 6_000, 20_000, 100_000, 1_000_000)
DESCENT_SECONDS = 60.0
ALIGNMENT: dict[str, Any] = {"rtol": 1e-4, "atol": 1e-9}


def balanced(width: int, scale: float = 1e-3) -> jspline.ReLUNet:
    """|v| = |(w, b)|, w and b normal with deviation scale / sqrt(width)."""
    k = jax.random.split(jax.random.key(0), 2)
    w, b = scale / width**0.5 * jax.random.normal(k[0], (2, width))
    return jspline.ReLUNet(w, b, jnp.hypot(w, b) * jax.random.rademacher(k[1], (width,), w.dtype), jnp.zeros(()))


def three_points() -> jspline.Problem:
    """Boursier and Flammarion's."""
    data = jspline.Dataset(jnp.array([-0.75, -0.5, 0.125]), jnp.array([1.1, 0.1, 0.8]))
    return jspline.Problem(data, train_b0=False)


def forty_points() -> jspline.Problem:
    """Theirs too: x uniform on [-1, 1], y piecewise linear; weights that make L the mean squared error."""
    x = jax.random.uniform(jax.random.key(7), (40,), minval=-1.0, maxval=1.0)
    corners = ([-1, -0.7, -0.55, -0.4, 0, 0.5, 0.6, 0.7, 1], [0, 0.7, 0.5, 1, 0, 1, 0.6, 0.7, 0])
    data = jspline.Dataset(x, jnp.interp(x, *map(jnp.asarray, corners)), jnp.full(40, 2 / 40))
    return jspline.Problem(data, train_b0=False)


def uniform(width: int, scale: float) -> jspline.ReLUNet:
    """The nets of theory: uniform breakpoints on [-2.2, 2.2], v = 0."""
    return jspline.init.UniformBreakpoints(-2.2, 2.2, scale, 0.0).sample(width, key=jax.random.key(1))


def sine(size: int) -> jspline.Dataset:
    """As many uniform x on [-2, 2], y = sin 3x."""
    x = jax.random.uniform(jax.random.key(0), (size,), minval=-2.0, maxval=2.0)
    return jspline.Dataset(x, jnp.sin(3 * x))


def _once(flow: Callable[..., Solution], *arguments: Any) -> tuple[Solution, float]:
    """A flow and its time, compiled before."""
    jax.block_until_ready(flow(*arguments[:2], 0.0))
    times, found = in_turns({"": partial(flow, *arguments)}, 1)
    return found[""], times[""]


def widths(smoke: bool) -> str:
    """Three points and forty, over the width."""
    jax.config.update("jax_enable_x64", True)
    rows = []
    flow = partial(jspline.flow, **ALIGNMENT)
    sizes = WIDTHS[:1] if smoke else WIDTHS
    steps: dict[str, list[int]] = {"three points, t = 10,000": [], "forty points, t = 2,000": []}
    for name, problem, t1, most in (
        ("three points, t = 10,000", three_points(), 1e4, 10**6),
        ("forty points, t = 2,000", forty_points(), 2e3, 20_000),
    ):
        for width in sizes:
            if width > most:
                continue
            solution, took = _once(flow, balanced(width), problem, 0.01 if smoke else t1)
            count = {key: int(solution.stats[f"num_{key}"]) for key in ("steps", "crossings", "slides", "shortened")}
            steps[name].append(count["steps"])
            error = 2 * float(solution.loss) / 3 if problem.data.size == 3 else float(solution.loss)
            row = [name, f"{width:,}", *(f"{count[key]:,}" for key in ("steps", "shortened", "crossings", "slides"))]
            rows.append([*row, f"{error:.10f}", how(solution), duration(took)])
    header = ["data", "width", "steps", "shortened", "crossings", "slides", "mean squared error", "ended", "time"]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    if not smoke:
        _draw(steps, sizes)
    note = f"One call each, compiled before. Peak memory of the process that ran them all: {peak:.2f} GB. {machine()}."
    return f"{table(header, rows)}\n\n{note}"


def _draw(steps: dict[str, list[int]], sizes: tuple[int, ...]) -> None:
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(6.4, 3.6), layout="constrained")
    for (name, counts), marker in zip(steps.items(), "os", strict=True):
        axes.plot(sizes[: len(counts)], counts, marker=marker, label=name)
    axes.plot(sizes, sizes, color="0.6", linestyle=":", label="one step for every neuron")
    axes.set(xscale="log", yscale="log", xlabel="width", ylabel="steps", ylim=(10, 1e5))
    axes.set_title("Steps of the exact flow do not grow with the width")
    axes.legend(frameon=False)
    figure.savefig(FIGURE, dpi=150)


def descent(smoke: bool) -> str:
    """Forty points at H = 20,000: the flow to t = 2,000, and as much gradient descent as a minute allows."""
    jax.config.update("jax_enable_x64", True)
    width, t1, eta = (60, 0.01, 1e-3) if smoke else (20_000, 2e3, 1e-3)
    net, problem = balanced(width), forty_points()
    solution, took = _once(partial(jspline.flow, **ALIGNMENT), net, problem, t1)

    @jax.jit
    def steps(net: jspline.ReLUNet) -> jspline.ReLUNet:
        def one(_: int, net: jspline.ReLUNet) -> jspline.ReLUNet:
            grad = jspline.objective.value_and_grad(net, problem)[1]
            new = jax.tree.map(lambda leaf, slope: leaf - eta * slope, net, grad)
            return jspline.ReLUNet(new.w, new.b, new.v, net.b0)

        return jax.lax.fori_loop(0, 100, one, net)

    jax.block_until_ready(steps(net))
    done, began = 0, time.perf_counter()
    while time.perf_counter() - began < (0.1 if smoke else DESCENT_SECONDS):
        net, done = jax.block_until_ready(steps(net)), done + 100
    spent = time.perf_counter() - began
    whole = spent / done * t1 / eta
    losses = [f"{float(jspline.loss(each, problem)):.8f}" for each in (solution.net, net)]
    flow_steps = f"{int(solution.stats['num_steps']):,}"
    rows = [
        ["exact flow", flow_steps, f"{float(solution.t):g}", losses[0], duration(took), "", ""],
        ["gradient descent", f"{done:,}", f"{done * eta:g}", losses[1], duration(spent)],
    ]
    rows[1] += [f"about {duration(whole)}", f"{whole / took:,.0f}x"]
    header = ["method", "steps", "t", "mean squared error", "time", f"to t = {t1:g}", "ratio"]
    note = f"Gradient descent with step {eta:g} on the sorted gradient; the time to the end is **extrapolated**."
    return f"{table(header, rows)}\n\n{note} {machine()}."


def strong(smoke: bool) -> str:
    """Few data and strong neurons; many data."""
    jax.config.update("jax_enable_x64", True)
    rows = []
    cases: list[tuple[jspline.Dataset, int, float, float, dict[str, Any]]] = [
        (dataset(jax.random.key(0)), 1_000, scale, 100.0, {}) for scale in (0.1, 1.0, 10.0)
    ]
    cases.append((sine(200), 5_000, 10.0, 1e9, {"loss_tol": 1e-8}))
    at = jnp.linspace(-2.5, 2.5, 501)
    for data, width, scale, t1, ends in cases[: 1 if smoke else None]:
        net = uniform(60 if smoke else width, scale)
        end = 0.01 if smoke else t1
        loose, took = _once(partial(jspline.flow, rtol=1e-5, atol=1e-8, **ends), net, data, end)
        gap = ""
        if not ends:
            tight = jspline.flow(net, data, end, rtol=1e-8, atol=1e-11)
            gap = f"{float(jnp.max(jnp.abs(loose.net(at) - tight.net(at)))):.1e}"
        events = sum(int(loose.stats[f"num_{key}"]) for key in ("crossings", "slides", "releases"))
        row = [f"{data.size}", f"{width:,}", f"{scale:g}", f"{float(loose.t):.6g}", f"{float(loose.loss):.3e}"]
        row += [f"{int(loose.stats['num_steps']):,}", f"{int(loose.stats['num_shortened']):,}", f"{events:,}"]
        rows.append([*row, gap, duration(took)])
    header = ["N", "width", "scale", "t", "L", "steps", "shortened", "events", "to rtol 1e-8", "time"]
    return f"{table(header, rows)}\n\nrtol 1e-5. One call each, compiled before. {machine()}."


def profile(smoke: bool) -> str:
    """Where the time of a step goes, and how it grows with N and with H."""
    jax.config.update("jax_enable_x64", True)
    first = [(10, 100), (40, 20_000), (3, 1_000_000), (200, 5_000)]
    more = [(100, 1_000), (400, 1_000), (40, 1_000), (40, 200_000)]
    rows = []
    for size, width in first[:1] if smoke else [*first, *more]:
        if size == 3:
            problem, net, options, t1 = three_points(), balanced(width), ALIGNMENT, 1e4
        elif size == 40:
            problem, net, options, t1 = forty_points(), balanced(width), ALIGNMENT, 2e3
        else:
            problem, net, options, t1 = (
                jspline.Problem(sine(size)),
                uniform(width, 1.0),
                {"rtol": 1e-5, "atol": 1e-8},
                1e3,
            )
        run = advance(start(net, problem, t1, **options), 3 if smoke else 20)
        rows.append([f"{size}", f"{width:,}", *_pieces(run)])
    header = ["N", "width", "met", "step, frozen", "of it factor", "who meets", "carry", "respond", "a whole attempt"]
    return f"{table(header, rows)}\n\nMedian of 3 calls. {machine()}."


def _pieces(run: Running) -> list[str]:
    """The parts of the next attempt, each compiled by itself."""

    def step(run: Running) -> FrozenStep:
        _, _, info, solve = rodas(run.term, run.net, run.force, run.h)
        dense = Cubic(t0=run.t, t1=run.t + run.h, **info)
        size = sizes(run.term.points, run.net)
        allowed = jax.tree.map(lambda size: run.options.atol + run.options.rtol * size, size)
        return FrozenStep.of(run.term, run.net, dense, solve, allowed, run.options.rtol, None, jnp.asarray(True))

    def factored(term: FlowTerm, net: jspline.ReLUNet, run: Running) -> jspline.ReLUNet:
        return factor(term, net, term.project(run.force), run.h)(net)[0]

    def frozen(run: Running) -> Any:
        return rodas(run.term, run.net, run.force, run.h)[:3]

    def who(run: Running) -> Any:
        return step(run).meeting

    def carried(run: Running) -> Carried:
        return carry(step(run), jnp.ones_like(run.t))

    def responded(run: Running) -> Carried:
        here = step(run)
        return respond(here, carry(here, jnp.ones_like(run.t)), jnp.ones_like(run.t))

    functions = {"frozen": frozen, "who": who, "carry": carried, "respond": responded}
    compiled = {
        name: partial(eqx.filter_jit(function, compiler_options=compiler_options()), run)  # type: ignore[call-overload]
        for name, function in functions.items()
    }
    compiled["factor"] = partial(eqx.filter_jit(factored, compiler_options=compiler_options()), run.term, run.net, run)  # type: ignore[call-overload]
    compiled["attempt"] = partial(advance, run, 1)
    met = int(np.sum(np.isfinite(compiled["who"]().theta)))
    for function in compiled.values():
        jax.block_until_ready(function())
    times, _ = in_turns(compiled, 3)
    # Each of these includes the one before it.
    ladder = [times[name] for name in ("frozen", "who", "carry", "respond")]
    parts = [ladder[0], times["factor"], *np.maximum(np.diff(ladder), 0), times["attempt"]]
    return [f"{met:,}", *map(duration, parts)]
