"""What the flow nears: the linear regime as the scale grows, and gradient descent as its steps shrink; and beyond."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import jspline
from benchmarks._report import machine, middle_and_most, table
from jspline import init, kernel
from jspline.problem import Problem

DATA = 12
WIDTH = 30
LAW = (-1.2, 1.2)

SCALES = (30.0, 100.0, 300.0, 1000.0)
TIME = 3.0
"""a^2 t, the kernel time."""

REACHES = (1.0, 10.0, 30.0, 100.0, 300.0, 1000.0)
WIDTHS = (100, 1_000, 10_000, 100_000)
FIXED, SEEDS = 3.0, 9
"""Breakpoints on [-FIXED, FIXED], and how many random nets."""

EARLY = 1.0
"""A finite time, for the PDE."""

COUNTS = tuple(200 * 2**k for k in range(9))
"""Of steps; the power is fitted to the last six."""

END, DRAWS = 0.5, 12


def scale(smoke: bool) -> str:
    """The gap between the exact flow and the linear regime at one kernel time, and how far breakpoints moved."""
    jax.config.update("jax_enable_x64", True)
    plain = _sine()
    data, rows = jspline.Dataset(plain.x, 10 * plain.y), []
    grid = jnp.linspace(-1, 1, 201)
    found = []
    for a in SCALES[:2] if smoke else SCALES:
        net = jspline.rescale(init.flat(_net(4), kind="zero"), a)
        t1, rtol = TIME / a**2, (1e-2 if smoke else 1e-7) / a**2
        end = jspline.flow(net, data, t1, rtol=rtol, atol=1e-30)
        gap = float(jnp.max(jnp.abs(end.net(grid) - kernel.flow(net, data, t1)(grid))))
        distance = kernel.lazy_distance(net, end.net, -1, 1)
        found.append((gap, float(distance.largest), float(distance.median)))
        rows.append([f"{a:g}", f"{rtol:.0e}", str(int(end.stats["num_steps"])), *(f"{each:.3e}" for each in found[-1])])
    powers = [_power(SCALES[: len(found)], np.array(found)[:, k]) for k in range(3)]
    rows.append(["power", "", "", *powers])
    text = table(["scale", "rtol", "steps", "gap", "largest move", "median move"], rows)
    return f"{text}\n\n{machine()}."


def reach(smoke: bool) -> str:
    """The gap to the natural cubic spline with breakpoints on [-R, R], and at fixed R that of nets of finite width."""
    jax.config.update("jax_enable_x64", True)
    rng = np.random.default_rng(1)
    x = np.sort(rng.uniform(-1, 1, 8))
    data, grid = jspline.Dataset(x, np.sin(4 * x)), np.linspace(x[0], x[-1], 501)
    natural = kernel.natural_cubic(data)(grid)

    def gap(fit: Callable, other: np.ndarray = natural) -> float:
        return float(np.max(np.abs(np.asarray(fit(grid)) - other)))

    wide = lambda r: kernel.weighted_spline(Problem(data, train_b0=False), init.UniformBreakpoints(-r, r))  # noqa: E731
    gaps = [gap(wide(r)) for r in REACHES]
    rows = [[f"{r:g}", f"{each:.3e}"] for r, each in zip(REACHES, gaps, strict=True)]
    rows.append(["power from 10 on", _power(REACHES[1:], gaps[1:])])
    ranges = table(["R", "gap to the natural spline"], rows)

    widths, seeds = (WIDTHS[:2], 2) if smoke else (WIDTHS, SEEDS)
    law = init.UniformBreakpoints(-FIXED, FIXED)
    infinite = np.asarray(wide(FIXED)(grid))
    early = np.asarray(kernel.weighted_spline(data, law, EARLY)(grid))
    found, rows = [], []
    for width in widths:
        end = kernel.min_norm(_even(width), Problem(data, train_b0=False))
        nets = [init.flat(law.sample(width, key=jax.random.key(seed))) for seed in range(seeds)]
        random = [gap(kernel.min_norm(net, Problem(data, train_b0=False)), infinite) for net in nets]
        found.append((gap(kernel.flow(_even(width), data, EARLY), early), gap(end, infinite), float(np.median(random))))
        cells = [f"{each:.3e}" for each in (gap(end), *found[-1][:2])]
        rows.append([f"{width:,}", *cells, middle_and_most(random, "{:.1e}".format)])
    rows.append(["infinite", f"{gap(wide(FIXED)):.3e}", "0", "0", "0"])
    rows.append(["power", "", *(_power(widths, np.array(found)[:, k]) for k in range(3))])
    header = ["width", "to the natural spline", f"to the PDE, t = {EARLY:g}", "to its end", "random: to its end"]
    return f"{ranges}\n\nBreakpoints on [-{FIXED:g}, {FIXED:g}]:\n\n{table(header, rows)}\n\n{machine()}."


def steps(smoke: bool) -> str:
    """Gradient descent of step eta against the exact flow at t = k eta, across crossings and slides."""
    jax.config.update("jax_enable_x64", True)
    data, grid = _sine(), jnp.linspace(-1.2, 1.2, 201)

    @jax.jit
    def descend(net: jspline.ReLUNet, eta: float, count: int) -> jspline.ReLUNet:
        step = lambda _, n: jax.tree.map(lambda a, g: a - eta * g, n, jspline.value_and_grad(n, data)[1])  # noqa: E731
        return jax.lax.fori_loop(0, count, step, net)

    rows, counts = [], COUNTS[:2] if smoke else COUNTS
    for draw in range(1 if smoke else DRAWS):
        exact = jspline.flow(_net(draw), data, END, rtol=1e-4 if smoke else 1e-9, atol=1e-12)
        ends = [descend(_net(draw), END / k, k)(grid) for k in counts]
        errors = [float(jnp.max(jnp.abs(end - exact.net(grid)))) for end in ends]
        row = [str(draw), *(str(int(exact.stats[f"num_{name}"])) for name in ("crossings", "slides", "nonunique"))]
        row += [f"{error:.2e}" for error in errors[::4]]
        rows.append([*row, _power([END / k for k in counts[-6:]], errors[-6:])])
    header = ["draw", "crossings", "slides", "nonunique", *(f"{k:,} steps" for k in counts[::4]), "power of eta"]
    return f"{table(header, rows)}\n\n{machine()}."


def _sine() -> jspline.Dataset:
    return jspline.datasets.sine(DATA, lo=-1.0, hi=1.0)


def _net(seed: int) -> jspline.ReLUNet:
    return init.UniformBreakpoints(*LAW).sample(WIDTH, key=jax.random.key(seed))


def _even(width: int) -> jspline.ReLUNet:
    """Breakpoints on a grid from -FIXED to FIXED, each with both orientations."""
    beta = np.tile(np.linspace(-FIXED, FIXED, width // 2), 2)
    w = np.repeat([-1.0, 1.0], width // 2) / width**0.5
    return jspline.ReLUNet(w, -w * beta, 0 * w)


def _power(at: Any, values: Any) -> str:
    """The exponent of a power law, fitted to the logarithms, with its standard error."""
    if len(at) < 4:
        return ""
    (power, _), covariance = np.polyfit(np.log(at), np.log(values), 1, cov=True)
    return f"{power:.4f} ± {covariance[0, 0] ** 0.5:.1g}"
