"""Three data and the infinitely wide network that learns them, for claims on infinite width."""

from typing import Any

import jax

from jspline import Problem, ReLUNet, flow, init, meanfield
from jspline.datasets import Dataset

END = 16.0
"""A time at which half of the loss is learned from scale 1."""


def problem() -> Problem:
    """Three data, without b0."""
    return Problem(Dataset([-0.75, -0.5, 0.125], [1.1, 0.1, 0.8]), train_b0=False)


def limit(law: Any, end: float = END, tol: float = 2e-3) -> meanfield.MeanField:
    """The infinitely wide network, from a law."""
    return meanfield.flow(law, problem(), end, rtol=1e-6, atol=1e-9, tol=tol, ts=[end])


def balanced(scale: float = 1.0) -> init.Balanced:
    """v = +-|(w, b)|: all charges are 0."""
    return init.Balanced(scale)


def ended(width: int, key: jax.Array) -> tuple[ReLUNet, ReLUNet]:
    """A balanced random network of a finite width, of another sample for each: at the start, and at the end."""
    net = balanced(width**-0.5).sample(width, key=jax.random.fold_in(key, width))
    return net, flow(net, problem(), END, rtol=1e-4, atol=1e-8).net
