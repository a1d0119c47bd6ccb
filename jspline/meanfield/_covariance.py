"""Fluctuations of random networks about their limit: a central limit theorem over labels.

Theory: docs/theory.md 13.4.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jspline.charts import ReLUNet
from jspline.dynamics import OBSTACLES, RESULTS, Sensitivity, sensitivity
from jspline.init import Law
from jspline.meanfield._nodes import Nodes, nodes
from jspline.meanfield._run import as_common, neurons
from jspline.problem import Problem

COUNTS = (250, 242, 234, 226)
"""Nodes, evenly spaced: refined ones lie next to labels at which the end jumps, and has no derivative."""
LEAST = 1024
"""Steps to make room for at first."""


def covariance(law: Law | Callable, problem: Problem, t1: float, rtol: float, x: np.ndarray) -> np.ndarray:
    """E radius^4 E psi psi' - (E radius^2)^2 E psi E psi', psi the derivative of the fit in the mass at a label."""
    live, psi = _in_mass(law, problem, t1, rtol, x)
    labels, silent = live.labels, live.silent
    w, b, v = labels.of(silent)
    direct = labels.second * v * np.maximum(w * x[:, None] + b, 0)
    psi = np.concatenate([psi, direct], axis=1)
    mass = np.concatenate([live.cells.mass, silent.mass])
    mean = psi @ mass
    return labels.fourth / labels.second**2 * (psi * mass) @ psi.T - np.outer(mean, mean)


def _in_mass(law: Law | Callable, problem: Problem, t1: float, rtol: float, x: np.ndarray) -> tuple[Nodes, np.ndarray]:
    """Even nodes, and the derivative of the fit at each x in the mass at each of them, `(points, nodes)`.

    A neuron is as long as the root of its mass, so that this is half of the derivative in its length, over the mass.
    """
    messages: Any = OBSTACLES
    for count in COUNTS:
        live = nodes(law, problem, count)
        s = _derivative(*as_common(live.net, problem), t1, rtol)
        if s.obstacle == OBSTACLES.none:
            break
    else:
        raise ValueError(f"The flow has no derivative in the masses: {messages[s.obstacle]}")
    gradient_at = jax.vmap(jax.grad(lambda net, x: net(x)), (None, 0))
    back = jax.vmap(s.reverse)(gradient_at(s.solution.net, jnp.asarray(x, live.net.w.dtype)))
    back_to = neurons(jax.tree.map(np.asarray, back.net), slice(live.net.width))
    along = sum(getattr(back_to, part) * np.asarray(getattr(live.net, part)) for part in "wbv")
    return live, along / 2 / live.cells.mass


def _derivative(net: ReLUNet, problem: Problem, t1: float, rtol: float) -> Sensitivity:
    """With room for the steps that it takes."""
    steps = LEAST
    while True:
        s = sensitivity(net, problem, t1, rtol=rtol, atol=rtol * 1e-6, max_steps=steps)
        if s.solution.result != RESULTS.out_of_steps:
            return s
        steps *= 4
