"""Shallow univariate ReLU networks as the continuous piecewise-linear splines they are.

Everything is for one net and one data set; `jax.vmap`, `jax.jit` and `jax.grad` compose over it. The loss is
1/2 sum_n p_n (f(x_n) - y_n)^2 everywhere. The dtype follows the inputs: for float64, which flows want, call
`jax.config.update("jax_enable_x64", True)` first.
"""

from typing import Any

from jspline import datasets, dynamics, init, kernel, objective, ranks
from jspline.charts import OneSided, Polar, ReLUNet, Spline, charge, rescale, roughness
from jspline.datasets import Dataset
from jspline.dynamics import flow
from jspline.objective import loss, predict, value_and_grad

__version__ = "0.1.0"

__all__ = [
    "Dataset",
    "OneSided",
    "Polar",
    "ReLUNet",
    "Spline",
    "__version__",
    "charge",
    "datasets",
    "dynamics",
    "ensemble",
    "flow",
    "init",
    "kernel",
    "loss",
    "objective",
    "predict",
    "ranks",
    "rescale",
    "roughness",
    "value_and_grad",
]


def __getattr__(name: str) -> Any:
    """`jspline.ensemble`, which loads xarray, only once it is asked for."""
    if name == "ensemble":
        import jspline.ensemble

        return jspline.ensemble
    raise AttributeError(f"module 'jspline' has no attribute {name!r}")
