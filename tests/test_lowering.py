"""Every public function that may be traced lowers for CUDA and for TPU, on a machine that has neither."""

import warnings
from types import SimpleNamespace

import equinox as eqx
import jax
import jax.export
import pytest
from test_every_function import CASES, problem

from jspline._checks import is_concrete

ON_HOST = {
    "curvature.escape_direction", "curvature.extreme_eigenvalues", "landscape.theorem5", "curvature.zero_modes",
    "landscape.alignment_maximisers", "landscape.cells", "landscape.Cells.across", "landscape.Cells.between",
    "dynamics.Solution.to_xarray", "kernel.natural_cubic", "kernel.regime", "landscape.critical_points",
    "pwl.dynamic_programming", "pwl.sparsest_interpolant", "pwl.Continuous.__call__", "datasets.Dataset.merged",
    "meanfield.nodes",
    "descent.DeepNet.to_spline", "init.FromData.cdf_beta", "init.FromData.pdf_beta", "init.FromData.sample",
}  # fmt: skip
"""What reads values, or asks for known ones, and so has nothing to lower."""

SOME = ["objective.loss", "curvature.hessian", "kernel.flow"]
"""In `.ci/run`; the others take minutes."""


def lowers(name):
    """With the net and the data traced; what is made of them beforehand by the case is traced with them."""
    points = problem()
    arrays, rest = eqx.partition(vars(points), eqx.is_array)

    def traced(arrays):
        made = CASES[name](SimpleNamespace(**eqx.combine(arrays, rest)))
        return [leaf for leaf in jax.tree.leaves(made) if eqx.is_array(leaf)]

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of neurons without a breakpoint
        exported = jax.export.export(jax.jit(traced), platforms=["cuda", "tpu"])(arrays)
    assert set(exported.platforms) == {"cuda", "tpu"}
    assert is_concrete(exported.mlir_module_serialized)


@pytest.mark.parametrize("name", SOME)
def test_some_functions_lower_for_accelerators(name):
    lowers(name)


@pytest.mark.full
@pytest.mark.parametrize("name", sorted(CASES.keys() - ON_HOST - set(SOME)))
def test_every_function_lowers_for_accelerators(name):
    lowers(name)
