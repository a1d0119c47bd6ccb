"""Random nets and data, and the plainest possible loss to compare with."""

import re

import jax
import jax.numpy as jnp
import numpy as np
from hypothesis import strategies as st
from matplotlib.figure import Figure

import jspline

N, H = 7, 5

# Multiples of 1/4, few of them: breakpoints fall on data, data tie, and plain arithmetic is exact.
quarters = st.integers(-8, 8).map(lambda i: i / 4)


@st.composite
def degenerate(draw):
    x = [draw(quarters) for _ in range(N)]
    w, b = [], []
    for _ in range(H):
        slope = draw(st.sampled_from([0.0, 1.0, -1.0, 0.5, -0.5, 2.0, -2.0, 1e-320, -1e-320]))
        where = draw(st.sampled_from([*x, -9.0, 9.0, 0.125, draw(quarters)]))
        w.append(slope)
        b.append(-slope * where if abs(slope) > 1e-300 else draw(quarters))
    v = [draw(st.sampled_from([0.0, 1.0, -0.5, 2.0])) for _ in range(H)]
    y = [draw(quarters) for _ in range(N)]
    weight = [draw(st.sampled_from([0.0, 0.5, 1.0, 2.0])) for _ in range(N)]
    return w, b, v, draw(quarters), x, y, weight


def size_of_terms(w, b, v, b0, x, y, weight):
    """What sums over residuals add up, without their signs."""
    reach = np.abs(b0) + (np.abs(w)[None] * np.abs(x)[:, None] + np.abs(b)[None]) @ np.abs(v)
    return 1 + np.sum(weight * (np.abs(y) + reach) ** 2)


def random_net(key, width=20, dtype="float64"):
    k = jax.random.split(key, 4)
    w, b, v = (jax.random.normal(k[i], (width,), dtype) for i in range(3))
    return jspline.ReLUNet(w, b, v, jax.random.normal(k[3], (), dtype))


def random_data(key, size=30, dtype="float64"):
    k = jax.random.split(key, 3)
    x, y = jax.random.normal(k[0], (size,), dtype), jax.random.normal(k[1], (size,), dtype)
    return jspline.Dataset(x, y, jax.random.uniform(k[2], (size,), dtype))


def frozen(x, force):
    """Data whose weighted residual e_n stays `force` to 12 digits, whatever a small net does."""
    weight = jnp.full(len(x), 1e-13)
    return jspline.Dataset(jnp.asarray(x), jnp.asarray(force) / weight, weight)


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


def break_pictures(monkeypatch):
    """Let every figure fail when it is written, as matplotlib does with a formula that is none."""

    def fail(self, path, **_):
        path.write_bytes(b"half a fig")
        raise RuntimeError("Expected end of text,\n  found '$'")

    monkeypatch.setattr(Figure, "savefig", fail)


def lost_nothing(result, folder, *names):
    """All that was computed is in the folder, one line says what failed, and the exit status is 1."""
    assert result.exit_code == 1, result.output
    assert "Warning: not all pictures could be made (Expected end of text, found '$')" in result.stderr
    progress = re.compile(r"[^:]+(: | \w+: )[\d,]+ of [\d,]+ \w+s(, about .* left)?(; .*)?")
    others = [line for line in result.stderr.splitlines() if not progress.fullmatch(line)]
    assert len(others) == 1, result.stderr
    there = {path.name for path in folder.iterdir()}
    assert {*names, "run.json"} <= there
    assert not any(name.endswith((".png", ".svg")) or "partial" in name for name in there)
