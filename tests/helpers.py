"""Random nets and data, and the plainest possible loss to compare with."""

import jax
import jax.numpy as jnp
import numpy as np

import jspline


def random_net(key, width=20, dtype="float64"):
    k = jax.random.split(key, 4)
    w, b, v = (jax.random.normal(k[i], (width,), dtype) for i in range(3))
    return jspline.ReLUNet(w, b, v, jax.random.normal(k[3], (), dtype))


def random_data(key, size=30, dtype="float64"):
    k = jax.random.split(key, 3)
    x, y = jax.random.normal(k[0], (size,), dtype), jax.random.normal(k[1], (size,), dtype)
    return jspline.Dataset(x, y, jax.random.uniform(k[2], (size,), dtype))


def plain_loss(net, data):
    """The definition, for autodiff: relu'(0) = 0."""
    hidden = jax.nn.relu(data.x[:, None] * net.w[None] + net.b[None])
    return data.constant + jnp.sum(data.weight * (data.y - net.b0 - hidden @ net.v) ** 2) / 2


def relative(value, reference, scale=None):
    """The largest difference of two pytrees, over the largest entry of the reference (or `scale`), leaf by leaf."""
    worst = 0.0
    scales = jax.tree.leaves(reference if scale is None else scale)
    for a, b, c in zip(jax.tree.leaves(value), jax.tree.leaves(reference), scales, strict=True):
        a, b, c = np.asarray(a, float), np.asarray(b, float), np.asarray(c, float)
        size = np.max(np.abs(c), initial=0.0)
        worst = max(worst, np.max(np.abs(a - b), initial=0.0) / (size if size > 0 else 1.0))
    return worst
