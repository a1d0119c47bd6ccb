"""Nets and data with everything that is degenerate: breakpoints on data, ties, weights of 0, w = 0, v = 0."""

import equinox as eqx
import numpy as np
from hypothesis import strategies as st

from jspline import Dataset, ReLUNet

N, H = 6, 4
# Multiples of 1/4, few of them: breakpoints fall on data, data tie, and plain arithmetic is exact.
quarters = st.integers(-8, 8).map(lambda i: i / 4)


@st.composite
def cases(draw, slopes=(1.0, -1.0, 0.5, -2.0)):
    """A net of which neuron 0 has w != 0, and data with ties and weights of 0."""
    x = [draw(quarters) for _ in range(N)]
    w = [draw(st.sampled_from(slopes)) for _ in range(H)]
    w[0] = w[0] or 1.0
    b = [-s * draw(st.sampled_from([*x, -9.0, 9.0, 0.125, draw(quarters)])) if s else draw(quarters) for s in w]
    v = [draw(st.sampled_from([0.0, 1.0, -0.5, 2.0])) for _ in range(H)]
    y = [draw(quarters) for _ in range(N)]
    weight = [draw(st.sampled_from([0.0, 0.5, 1.0, 2.0])) for _ in range(N)]
    return (w, b, v, draw(quarters)), (x, y, weight), draw(quarters)


def made(case, dtype="float64"):
    return ReLUNet(*(np.asarray(part, dtype) for part in case[0])), Dataset(
        *(np.asarray(part, dtype) for part in case[1]), constant=np.asarray(abs(case[2]), dtype)
    )


def sizes(net, data, reach=10.0):
    """Of what is added up in the loss, while a breakpoint moves as far as `reach`."""
    terms = np.abs(net.v) @ (np.abs(net.w) * reach + np.maximum(np.abs(net.b), np.abs(net.w) * reach))
    return float(data.constant + 1 + np.sum(data.weight * (np.abs(data.y) + np.abs(net.b0) + terms) ** 2))


def changed(net, i, **values):
    return eqx.tree_at(
        lambda n: [getattr(n, k) for k in values], net, [getattr(net, k).at[i].set(values[k]) for k in values]
    )
