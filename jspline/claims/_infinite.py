"""Three data and the infinitely wide network that learns them, for claims on infinite width."""

from typing import Any

from jspline import Problem, init, meanfield
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
