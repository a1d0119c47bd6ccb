"""The curvature of the loss: Hessian, Gram matrix, products, tangent kernel, spectra, and why eigenvalues vanish."""

from jspline.curvature._hessian import gram, hessian, hvp, jacobian, ntk
from jspline.curvature._lanczos import (
    Extremes,
    SpectralDensity,
    extreme_eigenvalues,
    lanczos,
    spectral_density,
    tridiagonal,
)
from jspline.curvature._parameters import flat, tangent
from jspline.curvature._spectrum import (
    DeltaSlopes,
    Escape,
    delta_slopes,
    escape_direction,
    spectrum,
)
from jspline.curvature._zero_modes import CAUSES, ZeroModes, zero_modes

__all__ = [
    "CAUSES",
    "DeltaSlopes",
    "Escape",
    "Extremes",
    "SpectralDensity",
    "ZeroModes",
    "delta_slopes",
    "escape_direction",
    "extreme_eigenvalues",
    "flat",
    "gram",
    "hessian",
    "hvp",
    "jacobian",
    "lanczos",
    "ntk",
    "spectral_density",
    "spectrum",
    "tangent",
    "tridiagonal",
    "zero_modes",
]
