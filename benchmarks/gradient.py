"""Loss and gradient: sorted sums against the dense form, both jitted, same dtype, same values."""

import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

import jspline
from benchmarks._report import duration, machine, medians, table

SIZES = (100, 1_000, 10_000, 100_000, 1_000_000)
DENSE_UP_TO = 10_000  # beyond, an N x H array of float64 takes 80 GB


def problem(size: int, dtype: str) -> tuple[jspline.ReLUNet, jspline.Dataset]:
    """A He-initialized net of that width and as many normal data."""
    k = jax.random.split(jax.random.key(0), 3)
    net = jspline.init.he(size).sample(size, key=k[0])
    data = jspline.Dataset(jax.random.normal(k[1], (size,)), jax.random.normal(k[2], (size,)))
    return jax.tree.map(lambda a: a.astype(dtype), (net, data))


def plain_loss(net: jspline.ReLUNet, data: jspline.Dataset) -> jax.Array:
    """What one writes first: a matrix of activations, to be differentiated automatically."""
    hidden = jax.nn.relu(data.x[:, None] * net.w[None] + net.b[None])
    return jnp.sum(data.weight * (data.y - net.b0 - hidden @ net.v) ** 2) / 2


def difference(one: tuple, other: tuple) -> float:
    """The largest difference, relative to the largest entry of the same array."""
    pairs = zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True)
    return max(float(jnp.max(jnp.abs(a - b)) / jnp.max(jnp.abs(b))) for a, b in pairs)


def peak_memory(size: int, dtype: str) -> float:
    """GB that a fresh process holds at most while it makes the problem and evaluates it, sorted, once."""
    program = f"from benchmarks import gradient; gradient.evaluate_once({size}, {dtype!r})"
    return float(subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout)


def evaluate_once(size: int, dtype: str) -> None:
    """Print the peak memory of this process, in GB, after one evaluation."""
    jax.config.update("jax_enable_x64", dtype == "float64")
    jax.block_until_ready(jax.jit(jspline.value_and_grad)(*problem(size, dtype)))
    # Not getrusage: its maximum is inherited from the process that started this one.
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    print(int(status["VmHWM"].split()[0]) / 1e6)


def run(smoke: bool) -> str:
    """The table. `smoke` takes the smallest sizes, once."""
    jax.config.update("jax_enable_x64", True)
    rows = []
    for dtype in ("float64", "float32"):
        for size in SIZES[:2] if smoke else SIZES:
            net, data = problem(size, dtype)
            compiled = {
                "sorted": jax.jit(jspline.value_and_grad),
                "autodiff": jax.jit(jax.value_and_grad(plain_loss)),
                "dense": jax.jit(lambda n, d: jspline.value_and_grad(n, d, method="dense")),
            }
            if size > DENSE_UP_TO:
                compiled = {"sorted": compiled["sorted"]}
            calls: dict[str, Callable[[], Any]] = {name: partial(f, net, data) for name, f in compiled.items()}
            times = medians(calls, 0.1 if smoke else 10.0)
            row = [dtype, f"{size:,}", duration(times["sorted"])]
            if "dense" in times:
                ratios = [times[name] / times["sorted"] for name in ("autodiff", "dense")]
                error = difference(calls["sorted"](), calls["autodiff"]())
                row += [duration(times["autodiff"]), f"{ratios[0]:.3g}x", duration(times["dense"]), f"{ratios[1]:.3g}x"]
                row += [f"{error:.0e}"]
            else:
                row += ["", "", "", "", ""]
            row += ["" if smoke else f"{peak_memory(size, dtype):.2g} GB"]
            rows.append(row)
    header = [
        "dtype", "N = H", "sorted", "dense, autodiff", "ratio", "dense, by hand", "ratio", "difference", "peak memory",
    ]  # fmt: skip
    return f"{table(header, rows)}\n\nMedians of calls in turn. {machine()}."
