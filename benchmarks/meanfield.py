"""The limit of infinite width by nodes, against what random networks would cost for the same accuracy."""

import time

import jax
import jax.numpy as jnp
import numpy as np

import jspline
from benchmarks._report import duration, machine, table
from jspline import Problem, init, meanfield

TS = (0.25, 1.0, 4.0, 16.0, 32.0)
GRID = np.linspace(-2, 2, 401)


def run(smoke: bool) -> str:
    """Three points to t = 32, from coarse to fine, and random networks of growing width."""
    jax.config.update("jax_enable_x64", True)
    problem = Problem(jspline.Dataset([-0.75, -0.5, 0.125], [1.1, 0.1, 0.8]), train_b0=False)
    law = init.Balanced(1.0)

    def fits(mf: meanfield.MeanField) -> np.ndarray:
        return np.stack([np.asarray(mf(GRID, t)) for t in TS])

    def apart(found: np.ndarray, reference: np.ndarray) -> float:
        return float(np.max(np.linalg.norm(found - reference, axis=1) / np.linalg.norm(reference, axis=1)))

    def solve(tol: float, most: int = 4096) -> meanfield.MeanField:
        return meanfield.flow(law, problem, TS[-1], rtol=1e-7, atol=1e-9, tol=tol, ts=TS, max_nodes=most)

    reference = fits(solve(1e-12, 256 if smoke else 3600))
    rows = []
    for tol in (1e-1,) if smoke else (1e-2, 1e-3, 1e-4):
        solve(tol)
        began = time.perf_counter()
        mf = solve(tol)
        spent = time.perf_counter() - began
        error = apart(fits(mf), reference)
        rows.append([f"nodes, tol {tol:g}", f"{mf.net.width:,}", duration(spent), f"{error:.1e}", f"{mf.error:.1e}"])
    flow = jax.jit(lambda net: jspline.flow(net, problem, TS[-1], ts=jnp.asarray(TS), rtol=1e-4, atol=1e-8).nets)
    for width, count in ((100, 2),) if smoke else ((1_000, 16), (10_000, 8), (100_000, 4)):
        times, errors = [], []
        for k in range(count + 1):
            net = init.Balanced(width**-0.5).sample(width, key=jax.random.key(k))
            began = time.perf_counter()
            nets = jax.block_until_ready(flow(net))
            times.append(time.perf_counter() - began)
            errors.append(apart(np.asarray(jax.vmap(lambda net: net(jnp.asarray(GRID)))(nets)), reference))
        middle, spent = float(np.median(errors)), float(np.median(times[1:]))
        wanted = width * (middle / 1e-3) ** 2
        rows.append(["random network", f"{width:,}", duration(spent), f"{middle:.1e}", f"{wanted:.1e}"])
    head = ["", "neurons", "time", "error of the fit", "its estimate, or the width for 1e-3"]
    notes = "Relative root mean square over [-2, 2], the worst of five times, once compiled; nodes with all their"
    notes += " refinements, networks the median. The width for an error of 1e-3 is extrapolated by 1 / sqrt(H)."
    return f"{table(head, rows)}\n\n{notes} {machine()}."
