"""Shallow univariate ReLU networks as the continuous piecewise-linear splines they are.

Everything is for one net and one data set; `jax.vmap`, `jax.jit` and `jax.grad` compose over it. The loss is
1/2 sum_n p_n (f(x_n) - y_n)^2 everywhere. The dtype follows the inputs: for float64, which flows want, call
`jax.config.update("jax_enable_x64", True)` first.
"""

from typing import Any

from jspline import curvature, datasets, descent, dynamics, init, kernel, landscape, objective, pwl, ranks
from jspline.charts import (
    OneSided,
    Polar,
    ReLUNet,
    Spline,
    charge,
    rescale,
    roughness,
    slope_variation,
    total_delta_slope,
    variation_norm,
)
from jspline.curvature import gram, hessian, hvp, ntk, spectrum, zero_modes
from jspline.datasets import Dataset
from jspline.descent import train
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
    "curvature",
    "datasets",
    "descent",
    "dynamics",
    "ensemble",
    "flow",
    "gram",
    "hessian",
    "hvp",
    "init",
    "kernel",
    "landscape",
    "loss",
    "ntk",
    "objective",
    "predict",
    "pwl",
    "ranks",
    "rescale",
    "roughness",
    "slope_variation",
    "spectrum",
    "total_delta_slope",
    "train",
    "value_and_grad",
    "variation_norm",
    "zero_modes",
]


def __getattr__(name: str) -> Any:
    """`jspline.ensemble`, which loads xarray, only once it is asked for."""
    if name == "ensemble":
        import jspline.ensemble

        return jspline.ensemble
    raise AttributeError(f"module 'jspline' has no attribute {name!r}")
