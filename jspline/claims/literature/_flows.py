"""Exact flows of small nets to convergence, all by one compiled program: lanes, neurons and data padded to its shape.

A neuron (0, 0, 0) is dead and stays so; a datum of weight 0 pulls nobody and makes no event.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jspline.charts import ReLUNet
from jspline.claims._programs import compiled, in_tiles
from jspline.datasets import Dataset
from jspline.dynamics import flow
from jspline.problem import Problem

LANES, WIDTH, SIZE, LOOKS = 20, 200, 6, 40


class Ends(NamedTuple):
    """Networks at the times asked for and at the end, `(lane, time, neuron)`, and their losses, `(lane, time)`."""

    w: np.ndarray
    b: np.ndarray
    v: np.ndarray
    loss: np.ndarray

    def fit(self, at: np.ndarray) -> np.ndarray:
        """f at these points, `(lane, time, point)`."""
        return np.stack([np.sum(self.v * np.maximum(self.w * t + self.b, 0), axis=-1) for t in at], axis=-1)


@jax.jit
def _balanced(keys: jax.Array, scale: jax.Array, width: jax.Array) -> jax.Array:
    def one(key: jax.Array, scale: jax.Array, width: jax.Array) -> jax.Array:
        w_key, v_key = jax.random.split(key)
        w, b = jnp.where(jnp.arange(WIDTH) < width, scale * jax.random.normal(w_key, (2, WIDTH), float), 0)
        return jnp.stack([w, b, jax.random.rademacher(v_key, (WIDTH,), float) * jnp.hypot(w, b)])

    return jax.vmap(one)(keys, scale, width)


def balanced(key: jax.Array, scale: Any, width: Any) -> np.ndarray:
    """(w, b) normal of this standard deviation and |v| = |(w, b)|, one net for each entry: `(lane, 3, WIDTH)`."""
    scale, width = np.broadcast_arrays(np.asarray(scale, float), np.asarray(width))
    return np.asarray(_balanced(jax.random.split(key, len(scale)), jnp.asarray(scale), jnp.asarray(width)))


def _run(net: jax.Array, x: jax.Array, y: jax.Array, p: jax.Array, t1: jax.Array, ts: jax.Array) -> jax.Array:
    def one(net: jax.Array, ts: jax.Array) -> jax.Array:
        options: dict[str, Any] = {"rtol": 1e-4, "atol": 1e-9, "loss_tol": 1e-12, "grad_tol": 1e-9}
        sol = flow(ReLUNet(*net), Problem(Dataset(x, y, p), train_b0=False), t1, ts=ts, max_steps=5_000, **options)
        assert sol.nets is not None
        parts = [jnp.append(getattr(sol.nets, name), getattr(sol.net, name)[None], axis=0) for name in "wbv"]
        return jnp.stack(parts)

    return jax.vmap(one, (0, None))(net, ts)


_compiled = compiled(_run)


def ends(nets: np.ndarray, x: Any, y: Any, p: Any, t1: float, ts: Any) -> Ends:
    """Flow all nets, `(lane, 3, WIDTH)`, on one data set, without b0: at LOOKS times and at t1."""
    size = max(SIZE, len(x))
    missing = size - len(x)
    x = np.append(np.asarray(x, float), np.max(x) + 1 + np.arange(missing))
    y, p = (np.append(np.asarray(part, float), np.zeros(missing)) for part in (y, p))
    data = [jnp.asarray(part) for part in (x, y, p, float(t1), np.asarray(ts, float))]
    tile = LANES if len(nets) >= LANES else -(-len(nets) // 2)
    found = in_tiles(lambda some: _compiled(some, *data), (nets,), tile)
    w, b, v = np.moveaxis(found, 1, 0)
    fit = Ends(w, b, v, np.zeros(0)).fit(x)
    return Ends(w, b, v, np.sum(p * (y - fit) ** 2, axis=-1) / 2)


def directions(w: np.ndarray, b: np.ndarray, v: np.ndarray, apart: float = 1e-2, share: float = 1e-3) -> np.ndarray:
    """The distinct directions of (w, b) of one net, as angles: of neurons with more than a share of sum |v| |(w, b)|.

    Two are one if they differ by less than `apart`, in radians, and have one sign of v.
    """
    size = np.abs(v) * np.hypot(w, b)
    found = []
    for sign in (1, -1):
        angle = np.sort(np.arctan2(b, w)[(size > share * size.sum()) & (v * sign > 0)])
        found += [group.mean() for group in np.split(angle, np.flatnonzero(np.diff(angle) > apart) + 1) if len(group)]
    return np.array(found)


def counts(found: Ends) -> np.ndarray:
    """How many directions each net ends with."""
    last = zip(found.w[:, -1], found.b[:, -1], found.v[:, -1], strict=True)
    return np.array([len(directions(*net)) for net in last])
