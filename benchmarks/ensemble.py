"""Ensembles: what dropping lanes gains, and what a Monte Carlo of a law costs beside its random numbers."""

import functools
import resource
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

import jspline
from benchmarks._report import duration, machine, middle_and_most, table
from benchmarks.flow import dataset, network
from jspline import ensemble
from jspline.ensemble import LawBins, LawBlock, collect

ALPHAS = [0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0]
TOLERANCES: dict[str, Any] = {"t1": 1e3, "rtol": 1e-5, "atol": 1e-8, "loss_tol": 1e-14}
WIDTH = 256


def _timed(function: Callable[[], Any]) -> tuple[float, Any]:
    """The time of a second call, after one that compiles."""
    jax.block_until_ready(function())
    began = time.perf_counter()
    value = jax.block_until_ready(function())
    return time.perf_counter() - began, value


def lanes(smoke: bool) -> str:
    """Lanes that differ: a grid of scales through slots, and in one plain vmap."""
    jax.config.update("jax_enable_x64", True)
    inits, t1 = (2, 0.01) if smoke else (64, TOLERANCES["t1"])
    options = TOLERANCES | {"t1": t1}
    k = jax.random.split(jax.random.key(0))
    data = dataset(k[0])

    def make(point: dict[str, Any], key: Array) -> tuple[jspline.ReLUNet, jspline.Dataset]:
        return network(key, point["alpha"]), data

    def measure(sol: jspline.dynamics.Solution) -> dict[str, Array]:
        return {"loss": sol.loss, "steps": sol.stats["num_steps"]}

    grid = {"alpha": ALPHAS, "inits": inits}

    def through_slots(devices: int) -> Any:
        return ensemble.flow(make, grid, measure, key=k[1], devices=jax.devices()[:devices], **options)

    keys = jax.vmap(lambda i: jax.random.fold_in(k[1], i))(jnp.arange(inits))
    nets = jax.tree.map(
        lambda *leaves: jnp.concatenate(leaves),
        *[jax.vmap(lambda key, a=alpha: network(key, a))(keys) for alpha in ALPHAS],
    )
    plain_time, plain = _timed(lambda: jax.vmap(lambda net: jspline.flow(net, data, max_steps=10_000, **options))(nets))
    rows = [
        ["one plain vmap", f"{len(nets.b0):,}", middle_and_most(plain.stats["num_steps"]), duration(plain_time), ""]
    ]
    same = True
    for devices in sorted({1, len(ensemble.working_devices(None))}):
        took, ds = _timed(functools.partial(through_slots, devices))
        same &= np.array_equal(np.asarray(plain.stats["num_steps"]), ds.steps.values.ravel())
        name = f"slots, {devices} device" + "s" * (devices > 1)
        rows.append(
            [name, f"{ds.steps.size:,}", middle_and_most(ds.steps), duration(took), f"{plain_time / took:.3g}x"]
        )
    text = table(["method", "lanes", "steps", "time", "gain"], rows)
    note = ", the same in all" if same else ""
    return f"{text}\n\nSteps: median / maximum{note}. Second calls of each. {machine()}."


def law(smoke: bool) -> str:
    """Neurons a second, beside the device's own generator of as many normal numbers."""
    blocks = 2 if smoke else 1 + int(1e9) // (1 << 16)
    he = jspline.init.he(WIDTH)
    uniform = jspline.init.Uniform(*(3**0.5 * scale for scale in (he.sigma_w, he.sigma_b, he.sigma_v)))
    bins = LawBins.around(1.0, float(he.sigma_w * he.sigma_v))
    block = LawBlock(he, WIDTH, bins)
    neurons = block.nets * WIDTH

    def draws(key: Array) -> Array:
        keys = jax.random.split(key, block.nets)
        return jnp.sum(jax.vmap(lambda each: jax.random.normal(each, (3, WIDTH), jnp.float32))(keys))

    # In turns, since a machine's speed drifts: ten parts of each.
    tasks: dict[str, Callable[[Any], Any]] = {
        "generator": draws,
        "he": block,
        "uniform": LawBlock(uniform, WIDTH, bins),
    }

    def drawing(task: Any) -> Any:
        return task.draw if isinstance(task, LawBlock) else _key

    times = dict.fromkeys(tasks, 0.0)
    sums: dict[str, Any] = {}
    parts = 1 if smoke else 10
    for task in tasks.values():
        collect(task, 1, key=jax.random.key(0), draw=drawing(task))
    for part in range(parts):
        for name, task in tasks.items():
            began = time.perf_counter()
            some = collect(task, -(-blocks // parts), key=jax.random.key(part), draw=drawing(task))
            times[name] += time.perf_counter() - began
            if name != "generator":
                sums[name] = some if name not in sums else ensemble.merge(sums[name], some)
    drawn = parts * -(-blocks // parts) * neurons
    rows = []
    for name, took in times.items():
        ks = ["", ""]
        if name in sums:
            exact = he if name == "he" else uniform
            ks = [
                f"{ensemble.kolmogorov(sums[name].joint.sum(axis=a), np.asarray(cdf(b.edges()[1:-1]))):.2g}"
                for a, cdf, b in ((1, exact.cdf_beta, bins.beta), (0, exact.cdf_mu, bins.mu))
            ]
        rate = f"{drawn / took / 1e6:,.1f}"
        rows.append([name, f"{drawn:,}", duration(took), rate, f"{times['generator'] / took:.0%}", *ks])
    header = ["", "neurons", "time", "million / s", "of the generator", "KS of beta", "KS of mu"]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    return (
        f"{table(header, rows)}\n\nKS: distance of the cdfs at the edges of bins; its 5 % critical value is "
        f"{1.358 / drawn**0.5:.2g}. float32. Peak memory of the process {peak:.2f} GB. {len(jax.devices())} device(s), "
        f"{machine()}."
    )


def _key(key: Any) -> Any:
    return key


def overview(smoke: bool) -> str:
    """What this device reaches of its own memory bandwidth and arithmetic, kernel by kernel."""
    jax.config.update("jax_enable_x64", True)
    rows = []
    for dtype in ("float32", "float64"):
        size = 1 << (16 if smoke else 25)
        side = 64 if smoke else 2048
        vector, matrix = jnp.ones(size, dtype), jnp.ones((side, side), dtype)
        bandwidth = 2 * vector.nbytes / _best(jax.jit(lambda x: x + 1), vector)
        arithmetic = 2 * side**3 / _best(jax.jit(lambda a: jnp.matmul(a, a, precision="highest")), matrix)
        rows.append([dtype, "memory", "", f"{bandwidth / 1e9:.3g} GB/s", "", ""])
        rows.append([dtype, "arithmetic", "", f"{arithmetic / 1e9:.3g} GFLOP/s", "", ""])
        for name, function, arguments in _kernels(smoke, dtype):
            compiled = jax.jit(lambda *each, f=function: f(*each)).lower(*arguments).compile()
            cost = compiled.cost_analysis() or {}
            took = _best(compiled, *arguments)
            read, flops = cost.get("bytes accessed", 0.0), cost.get("flops", 0.0)
            memory = compiled.memory_analysis()
            peak = (memory.temp_size_in_bytes + memory.output_size_in_bytes) / 1e6 if memory else float("nan")
            shares = [f"{read / took / bandwidth:.0%}", f"{flops / took / arithmetic:.1%}"]
            rows.append([dtype, name, duration(took), f"{peak:,.0f} MB", *shares])
    header = ["dtype", "kernel", "time", "memory", "of the bandwidth", "of the arithmetic"]
    return (
        f"{table(header, rows)}\n\nBandwidth: x + 1 on a long vector; arithmetic: a matrix product. Bytes and "
        "operations are the compiler's count, which does not see how often a loop runs. On a GPU: not measured yet. "
        f"{machine()}."
    )


def _kernels(smoke: bool, dtype: str) -> list[tuple[str, Callable[..., Any], tuple]]:
    n = 100 if smoke else 1_000_000
    k = jax.random.split(jax.random.key(0), 3)
    big = jspline.Dataset(jax.random.normal(k[0], (n,), dtype), jax.random.normal(k[1], (n,), dtype))
    w, b, v = jax.random.normal(k[2], (3, n), dtype)
    wide = jspline.ReLUNet(w, b, v, 0.0)
    lanes = 4 if smoke else 10_000
    small = jax.tree.map(lambda leaf: leaf.astype(dtype), dataset(k[0]))
    nets = jax.vmap(lambda key: network(key, 1.0))(jax.random.split(k[1], lanes))
    nets = jax.tree.map(lambda leaf: leaf.astype(dtype), nets)
    hessians = lanes // 10 or 1
    some = jax.tree.map(lambda leaf: leaf[:hessians], nets)
    he = jax.tree.map(lambda leaf: leaf.astype(dtype), jspline.init.he(WIDTH))
    block = LawBlock(he, WIDTH, LawBins.around(1.0, 0.1))
    step = functools.partial(jspline.flow, rtol=1e-4, atol=1e-6, max_steps=5, t1=1.0)
    return [
        (f"loss and gradient, N = H = {n:,}", jspline.value_and_grad, (wide, big)),
        (f"5 steps of {lanes:,} flows", jax.vmap(lambda net: step(net, small).loss), (nets,)),
        (f"{hessians:,} Hessians, H = 100", jax.vmap(lambda net: jspline.hessian(net, small)), (some,)),
        ("law, 65,536 neurons", lambda key: block(block.draw(key)), (k[2],)),
    ]


def _best(function: Callable[..., Any], *arguments: Any) -> float:
    jax.block_until_ready(function(*arguments))
    times = []
    for _ in range(3):
        began = time.perf_counter()
        jax.block_until_ready(function(*arguments))
        times.append(time.perf_counter() - began)
    return min(times)
