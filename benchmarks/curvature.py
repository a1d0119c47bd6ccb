"""Hessians, products and spectra: by sorting against automatic differentiation, and where the matrix does not fit."""

import importlib
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

import jspline
from benchmarks._report import duration, in_turns, machine, medians, table
from benchmarks.gradient import difference, plain_loss, problem
from jspline import curvature

SIZES = ((100, 100, 50), (100, 300, 150), (1000, 300, 1000), (1000, 1000, None))
"""Data, width, and how many times faster than `jax.hessian` was asked for."""


def mixed(size: int, width: int) -> tuple[jspline.ReLUNet, jspline.Dataset]:
    """As many data and neurons as asked for, in float64."""
    return problem(width, "float64")[0], problem(size, "float64")[1]


def flat_loss(theta: jax.Array, data: jspline.Dataset) -> jax.Array:
    """The loss as one writes it first, as a function of one vector."""
    w, b, v, b0 = jnp.split(theta, [len(theta) // 3 * k for k in (1, 2, 3)])
    return plain_loss(jspline.ReLUNet(w, b, v, b0[0]), data)


def by_torch(net: jspline.ReLUNet, data: jspline.Dataset) -> Callable[[], Any] | None:
    """`torch.func.hessian` of the same loss, if torch is installed."""
    try:
        torch: Any = importlib.import_module("torch")
    except ImportError:
        return None
    theta, x, y = (torch.tensor(jax.device_get(part).tolist(), dtype=torch.float64)
                   for part in (curvature.flat(net, True), data.x, data.y))  # fmt: skip
    H = net.width

    def loss(theta: Any) -> Any:
        hidden = torch.relu(x[:, None] * theta[:H] + theta[H : 2 * H])
        return ((y - theta[3 * H] - hidden @ theta[2 * H : 3 * H]) ** 2).sum() / 2

    return lambda: torch.func.hessian(loss)(theta).numpy()


def hessians(smoke: bool) -> str:
    """One Hessian, by sorted sums and by the rivals."""
    jax.config.update("jax_enable_x64", True)
    rows = []
    for size, width, asked in SIZES[:1] if smoke else SIZES:
        net, data = mixed(size, width)
        theta = curvature.flat(net, True)
        P = len(theta)
        fill = jax.jit(lambda value, P=P: jnp.full((P, P), value))
        calls: dict[str, Callable[[], Any]] = {
            "structured": partial(jax.jit(jspline.hessian), net, data),
            "autodiff": partial(jax.jit(jax.hessian(flat_loss)), theta, data),
            "full": partial(fill, theta[0]),
        }
        torch = None if smoke else by_torch(net, data)
        if asked is None:  # here the rivals would take minutes
            del calls["autodiff"]
        times = medians(calls, 0.1 if smoke else 10.0)
        if torch is not None and asked is not None:  # by itself: its threads go on spinning for a while
            torch()
            times |= in_turns({"torch": torch}, 3)[0]
        ratio = {name: times[name] / times["structured"] for name in times}
        row = [f"{size:,}", f"{width:,}", f"{P:,}", duration(times["structured"])]
        for name in ("autodiff", "torch"):
            row += [duration(times[name]), f"{ratio[name]:,.0f}x"] if name in times else ["", ""]
        row += [f"{asked:,}x" if asked else "", duration(times["full"]), f"{1 / ratio['full']:.2g}x"]
        row += [f"{difference(calls['structured'](), calls['autodiff']()):.0e}" if "autodiff" in calls else ""]
        rows.append(row)
    header = ["data", "width", "params", "sorted", "jax.hessian", "ratio", "torch.func.hessian", "ratio", "asked",
              "jnp.full", "sorted / full", "difference"]  # fmt: skip
    return f"{table(header, rows)}\n\nMedians of calls in turn, torch by itself. {machine()}."


def batches(smoke: bool) -> str:
    """A thousand small Hessians."""
    jax.config.update("jax_enable_x64", True)
    count = 10 if smoke else 1000
    keys = jax.random.split(jax.random.key(1), count)
    nets = jax.vmap(lambda key: jspline.init.he(20).sample(20, key=key))(keys)
    nets = jax.tree.map(lambda a: a.astype("float64"), nets)
    data = problem(20, "float64")[1]
    thetas = jax.vmap(lambda net: curvature.flat(net, True))(nets)
    calls: dict[str, Callable[[], Any]] = {
        "sorted": partial(jax.jit(jax.vmap(lambda net: jspline.hessian(net, data))), nets),
        "jax.hessian": partial(jax.jit(jax.vmap(lambda theta: jax.hessian(flat_loss)(theta, data))), thetas),
        "sorted spectra": partial(jax.jit(jax.vmap(lambda net: jspline.spectrum(net, data, matrix="gram"))), nets),
    }
    times = medians(calls, 0.1 if smoke else 10.0)
    rows = [[name, duration(value), f"{value / times['sorted']:.3g}x"] for name, value in times.items()]
    error = difference(calls["sorted"](), calls["jax.hessian"]())
    return (
        f"{table([f'{count:,} of them', 'time', 'against sorted'], rows)}\n\n"
        f"Difference {error:.0e}. Medians of calls in turn. {machine()}."
    )


def wide(smoke: bool) -> str:
    """Products, extreme eigenvalues and densities at widths where the matrix would not fit."""
    jax.config.update("jax_enable_x64", True)
    rows = []
    for size in (100,) if smoke else (10_000, 100_000, 1_000_000):
        net, data = problem(size, "float64")
        vector = jax.random.normal(jax.random.key(2), (3 * size + 1,))
        product = partial(jax.jit(jspline.hvp), net, data, vector)
        gradient = partial(jax.jit(jspline.value_and_grad), net, data)
        times = medians({"hvp": product, "gradient": gradient}, 0.1 if smoke else 10.0)
        rows.append(["one product", f"{size:,}", duration(times["hvp"]),
                     f"{times['hvp'] / times['gradient']:.2g} gradients"])  # fmt: skip
    for size in (100,) if smoke else (100_000, 1_000_000):
        net, data = problem(size, "float64")
        began = time.perf_counter()
        found = curvature.extreme_eigenvalues(net, data, 5)
        seconds = time.perf_counter() - began
        worst = float(jnp.max(found.error / jnp.abs(found.values)))
        rows.append(["5 largest eigenvalues", f"{size:,}", duration(seconds), f"relative error {worst:.0e}"])
        if size > 100_000:
            continue  # 64 vectors of it would take 1.5 GB a probe: possible, and slow
        began = time.perf_counter()
        density = jax.block_until_ready(curvature.spectral_density(net, data, key=jax.random.key(3)))
        seconds = time.perf_counter() - began
        mean, error = density.moment(1)
        off = abs(float(mean - density.trace)) / float(error)
        rows.append(["density, 10 probes of 64 steps", f"{size:,}", duration(seconds),
                     f"trace off by {off:.1f} standard errors"])  # fmt: skip
    return (
        f"{table(['what', 'N = H', 'time', ''], rows)}\n\n"
        f"Products: medians of calls in turn; the rest one call, compilation included. {machine()}."
    )
