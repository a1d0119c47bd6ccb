"""Moves that change the net and not the loss (figure 5): what makes the bottom of the landscape flat.

Each changes f only where there are no data, so it keeps the loss to rounding. Each refuses, in one sentence, when the
move is not available; that needs concrete arguments, and under a trace nothing is checked.

Theory: docs/theory.md 4.4.
"""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array

from jspline._checks import is_concrete
from jspline._programs import compiled
from jspline.activation import Ranks
from jspline.charts import ReLUNet
from jspline.datasets import Dataset
from jspline.landscape._arguments import as_index, check_breakpoint, finite, posed
from jspline.landscape._slices import Index
from jspline.problem import Problem


def cancel_in_gap(net: ReLUNet, problem: Problem | Dataset, i: Index, j: Index, shift: ArrayLike) -> ReLUNet:
    """Move breakpoint i by `shift` and breakpoint j so that the data do not notice (figure 5A).

    The two face the same side in the same gap between data; w and v stay. Breakpoint j moves by -shift mu_i / mu_j.
    Raises `ValueError` when they do not, when mu_j = 0, or when one of them would leave the gap.
    """
    net, data, (i, j), d = _prepare(net, problem, (i, j), "shift", shift)
    mu = net.w * net.v
    ranked = _ranked(net, data)
    if is_concrete(ranked, mu, i, j):
        if int(i) == int(j) or ranked.rank[i] != ranked.rank[j] or ranked.right[i] != ranked.right[j]:
            raise ValueError(f"Neurons {i} and {j} must face the same side in one gap between data; they do not.")
        if mu[j] == 0:
            raise ValueError(f"Neuron {j} has mu = 0, so it cannot make up for what neuron {i} does.")
    # In biases: -w_j d_j v_j makes up for -w_i d v_i.
    b = net.b.at[i].add(-net.w[i] * d).at[j].add(net.w[i] * net.v[i] * d / net.v[j])
    return _in_their_gaps(net, eqx.tree_at(lambda n: n.b, net, b), data)


def rotate_about_datum(net: ReLUNet, problem: Problem | Dataset, i: Index, j: Index, turn: ArrayLike) -> ReLUNet:
    """Turn the line between breakpoints i and j about the one datum between them (figure 5B).

    The two face the same side, i on the left of the datum. Between them the slope of f grows by `turn`: mu_i by s turn
    and mu_j by -s turn with the orientation s, while mu (x_n - beta) stays for both. w stays.
    Raises `ValueError` when they are not placed so, or when one of them would reach a datum.
    """
    net, data, (i, j), t = _prepare(net, problem, (i, j), "turn", turn)
    ranked = _ranked(net, data)
    before, behind = ranked.rank[i], ranked.rank[j]
    x = data.x[jnp.minimum(before, data.size - 1)]
    if is_concrete(ranked, x, data, i, j):
        alone = int(before) < int(behind) and data.x[behind - 1] == x
        if ranked.right[i] != ranked.right[j] or not alone:
            raise ValueError(
                f"Neurons {i} and {j} must face the same side, {i} to the left and {j} to the right of one datum."
            )
    t = jnp.sign(net.w[i]) * t
    new = net
    for k, change in ((i, t), (j, -t)):
        mu = net.w[k] * net.v[k]
        if is_concrete(mu, change, k) and not mu * (mu + change) > 0:
            raise ValueError(f"`turn` must leave mu its sign, and would make that of neuron {k} {mu + change:g}.")
        # z = w (x_n - beta) shrinks as v grows.
        z = (net.w[k] * x + net.b[k]) * mu / (mu + change)
        v, b = new.v.at[k].set((mu + change) / net.w[k]), new.b.at[k].set(z - net.w[k] * x)
        new = eqx.tree_at(lambda n: (n.v, n.b), new, (v, b))
    return _in_their_gaps(net, new, data)


def drift_outside(net: ReLUNet, problem: Problem | Dataset, i: Index, shift: ArrayLike) -> ReLUNet:
    """Move the breakpoint of a neuron that sees no datum by `shift` (figure 5C). w and v stay.

    Raises `ValueError` when neuron i sees a datum, or would.
    """
    net, data, (i,), d = _prepare(net, problem, (i,), "shift", shift)
    ranked = _ranked(net, data)
    if is_concrete(ranked, i) and ranked.rank[i] != jnp.where(ranked.right[i], data.size, 0):
        raise ValueError(f"Neuron {i} must lie outside the data and face away; it is active on some of them.")
    return _in_their_gaps(net, eqx.tree_at(lambda n: n.b, net, net.b.at[i].add(-net.w[i] * d)), data)


@compiled
def _ranked(net: ReLUNet, data: Dataset) -> Ranks:
    return Ranks.of(net.w, net.b, data.x)


def _prepare(
    net: ReLUNet, problem: Problem | Dataset, neurons: tuple[Index, ...], name: str, by: ArrayLike
) -> tuple[ReLUNet, Dataset, list[Array], Array]:
    net, data = posed(net, problem)
    places = [as_index(k, net.width, name, "neuron") for k, name in zip(neurons, "ij", strict=False)]
    for k, name_k in zip(places, "ij", strict=False):
        check_breakpoint(net, k, name_k)
    return net, data, places, finite(name, by, net.w.dtype)


def _in_their_gaps(old: ReLUNet, new: ReLUNet, data: Dataset) -> ReLUNet:
    """The new net, if every neuron sees the data that it saw."""
    one, other = (_ranked(net, data).rank for net in (old, new))
    if is_concrete(one, other):
        crossed = np.asarray(one) != np.asarray(other)
        if np.any(crossed):
            raise ValueError(f"The move would carry the breakpoint of neuron {np.argmax(crossed)} past a datum.")
    return new
