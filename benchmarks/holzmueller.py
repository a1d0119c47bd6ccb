"""Gradient descent on the networks of the Holzmueller-Steinwart study, beside the exact flow."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

import jspline
from benchmarks._report import machine, table
from jspline.dynamics import Exact, condense, nothing_follows, result_names

WIDTHS = (16, 128, 1024)
OFFSETS = (0.0, 0.1)


def _problem(width: int, offset: float, key: Array) -> tuple[jspline.ReLUNet, jspline.Dataset]:
    one, two = jax.random.split(key)
    net = jspline.init.he(width, 0.0).sample(width, key=one)
    data = jspline.datasets.six_points(offset, draws=width**2, key=two)
    return condense(jspline.ReLUNet(net.w, jnp.zeros_like(net.b), net.v, 0.0)), data


def _descend(steps: int, net: jspline.ReLUNet, data: jspline.Dataset) -> tuple[Array, Array]:
    """Whether gradient descent with step 1 / lambda_max meets |beta| >= 1, and whether nothing follows at its end.

    Exact on the condensed net, as the flow is. lambda_max is of the linearised problem: of p^1/2 K p^1/2.
    """
    jacobian = jax.jacobian(lambda n: jspline.predict(n, data))(net)
    rows = jnp.concatenate([leaf.reshape(6, -1) for leaf in jax.tree.leaves(jacobian)], axis=1)
    rows = jnp.sqrt(data.weight)[:, None] * rows
    rate = 1 / jnp.linalg.eigvalsh(jnp.matmul(rows, rows.T, precision="highest"))[-1]

    def step(state: tuple[jspline.ReLUNet, Array], _: Any) -> tuple[tuple[jspline.ReLUNet, Array], None]:
        net, met = state
        _, grad = jspline.value_and_grad(net, data)
        new = jax.tree.map(lambda p, g: p - rate * g, net, grad)
        met |= jnp.any((net.w != 0) & ((jnp.abs(new.b) >= jnp.abs(new.w)) | (jnp.sign(new.w) != jnp.sign(net.w))))
        return (jax.tree.map(lambda a, b: jnp.where(met, a, b), net, new), met), None

    (net, met), _ = jax.lax.scan(step, (net, jnp.asarray(False)), length=steps)
    return met, nothing_follows(net, data)


def run(smoke: bool) -> str:
    """Of each subset, how many networks meet a datum by the flow, by descent, and by one of them only."""
    jax.config.update("jax_enable_x64", True)
    nets, factor = (4, 1) if smoke else (200, 200)
    options: dict[str, Any] = {"rtol": 1e-5, "atol": 1e-8, "method": Exact(until="first_event"), "grad_tol": 1e-10}
    rows = []
    for width in WIDTHS[:1] if smoke else WIDTHS:
        for offset in OFFSETS:
            keys = jax.vmap(lambda i: jax.random.fold_in(jax.random.key(1), i))(jnp.arange(nets))
            problems = jax.jit(jax.vmap(partial(_problem, width, offset)))(keys)
            sol = jax.vmap(lambda n, d: jspline.flow(n, d, **options))(*problems)
            flow = result_names(sol.result) == "first_event"
            # A fixed time of flow is 1 / rate steps, and rate is about 1 / width.
            steps = factor * max(width, 100)
            met, sure = (np.asarray(each) for each in jax.jit(jax.vmap(partial(_descend, steps)))(*problems))
            rows.append([
                f"{width:,}", f"{offset:g}", str(nets), f"{steps:,}", str(flow.sum()), str(met.sum()),
                str((flow & ~met).sum()), str((met & ~flow).sum()), str((~met & ~sure).sum()),
            ])  # fmt: skip
    header = ["width", "offset", "networks", "steps", "flow", "descent", "flow only", "descent only", "undecided"]
    return f"{table(header, rows)}\n\n{machine()}."
