"""Shallow ReLU networks as the continuous piecewise-linear functions they are.

Everything is for one net and one data set; `jax.vmap`, `jax.jit` and `jax.grad` compose over it. The loss of a data set
is 1/2 sum_n p_n (f(x_n) - y_n)^2 everywhere; a `Problem` says otherwise. The dtype follows the inputs: for float64,
which flows want, call `jax.config.update("jax_enable_x64", True)` first.
"""

import importlib as _importlib
from typing import Any as _Any

from jspline import activation, curvature, datasets, descent, dynamics, init, kernel, landscape, objective, pwl
from jspline.charts import (
    Breakplanes,
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
from jspline.problem import Problem, pad

__version__ = "0.1.0"

__all__ = [
    "Breakplanes",
    "Dataset",
    "OneSided",
    "Polar",
    "Problem",
    "ReLUNet",
    "Spline",
    "__version__",
    "activation",
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
    "meanfield",
    "ntk",
    "objective",
    "pad",
    "penalty",
    "predict",
    "pwl",
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


_LATER = ("claims", "ensemble", "meanfield", "penalty", "plot")


def __getattr__(name: str) -> _Any:
    """What loads xarray, scipy or matplotlib, only once it is asked for."""
    if name in _LATER:
        return _importlib.import_module(f"jspline.{name}")
    raise AttributeError(f"module 'jspline' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_LATER})
