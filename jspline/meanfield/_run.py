"""The exact flow of nodes, in one of a few shapes.

Theory: docs/theory.md 13.2.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from jspline.charts import ReLUNet
from jspline.dynamics import flow, result_names
from jspline.problem import Problem, common_size, pad

STEPS = 100_000
"""Most steps of a flow of nodes."""


def as_common(net: ReLUNet, problem: Problem) -> tuple[ReLUNet, Problem]:
    """In one of a few widths, 256 times a power of 4: so many shapes are compiled when nodes are refined."""
    return pad(net, problem, width=common_size(net.width, least=256, factor=4))


def run(net: ReLUNet, problem: Problem, ts: np.ndarray, rtol: float, atol: float) -> tuple[ReLUNet, str]:
    """The nets at `ts`, arrays `(times, nodes)` on the host, and how their flow ended."""
    padded, same = as_common(net, problem)
    # A node is as small as the root of its mass; what is allowed to all is for a neuron of the whole mass.
    size = np.sqrt(np.min(np.asarray(net.w) ** 2 + np.asarray(net.b) ** 2 + np.asarray(net.v) ** 2))
    sol = flow(padded, same, ts[-1], ts=jnp.asarray(ts, net.w.dtype), rtol=rtol, atol=atol * size, max_steps=STEPS)
    assert sol.nets is not None
    return neurons(jax.tree.map(np.asarray, sol.nets), slice(net.width)), str(result_names(sol.result))


def fit(nets: ReLUNet, x: np.ndarray) -> np.ndarray:
    """The fits of nets `(times, nodes)` at points, `(times, points)`; on the host, net by net."""
    parts = zip(nets.w, nets.b, nets.v, nets.b0, strict=True)
    return np.stack([b0 + v @ np.maximum(w[:, None] * x + b[:, None], 0) for w, b, v, b0 in parts])


def row(nets: ReLUNet, place: int | slice | np.ndarray) -> ReLUNet:
    """One of the nets, or some of them."""
    return jax.tree.map(lambda part: part[place], nets)


def neurons(nets: ReLUNet, which: slice) -> ReLUNet:
    """Some neurons of nets."""
    parts = (nets.w[..., which], nets.b[..., which], nets.v[..., which])
    return eqx.tree_at(lambda net: (net.w, net.b, net.v), nets, parts)
