"""Breakpoints where the data are, or where they bend: the data-dependent initialization of section 4.3."""

from typing import Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Float, PRNGKeyArray

from jspline._checks import (
    as_floats,
    as_key,
    as_like,
    check_choice,
    check_neurons,
    check_positive,
    check_scalar,
    is_concrete,
)
from jspline.charts import ReLUNet
from jspline.datasets import Dataset
from jspline.init._law import Law, orientations
from jspline.problem import Problem, as_problem


class FromData(Law):
    """Breakpoints drawn from a piecewise-constant density on the range of the data, |w| = scale / sqrt(width).

    Orientation is fair and v ~ N(0, sigma_v^2), as in `UniformBreakpoints`.

    Args:
        data: a concrete data set; equal x count once, x of weight 0 not at all.
        rule: "quantiles" puts as many breakpoints between any two neighbouring data as between any others;
            "curvature" gives each interval mass in proportion to its share of the bending of the linear interpolant
            (the change of slope at its two ends, half each), and a tenth of the mass is spread evenly, so that no
            interval is left without.
        scale: sqrt(width) |w|, positive.
        sigma_v: standard deviation of the output weights; 0 for a flat function.

    Raises:
        ValueError: under `jax.jit`, for fewer than two distinct x, for another rule, a scale that is not positive, or
            a negative sigma_v.
    """

    edges: Float[Array, " edges"]
    mass: Float[Array, " intervals"]
    scale: Float[Array, ""]
    sigma_v: Float[Array, ""]
    rule: str = eqx.field(static=True)

    def __init__(
        self,
        problem: Problem | Dataset,
        rule: Literal["quantiles", "curvature"] = "quantiles",
        scale: ArrayLike = 1.0,
        sigma_v: ArrayLike = 1.0,
    ):
        data = as_problem(problem, inputs=1).data
        if not is_concrete(data):
            raise ValueError("`FromData` needs a concrete data set: make the law outside jax.jit and jax.vmap.")
        self.scale, self.sigma_v = as_floats(scale=scale, sigma_v=sigma_v)
        check_scalar(scale=self.scale, sigma_v=self.sigma_v)
        check_positive(scale=self.scale)
        check_choice(choices=("quantiles", "curvature"), rule=rule)
        check_positive(strict=False, sigma_v=self.sigma_v)
        merged = data.merged()
        if merged.size < 2:
            raise ValueError("`FromData` needs at least two distinct x.")
        gaps = jnp.diff(merged.x)
        if rule == "quantiles":
            mass = jnp.ones_like(gaps)
        else:
            slopes = jnp.diff(merged.y) / gaps
            bends = jnp.abs(jnp.diff(slopes)) / 2
            bends = jnp.pad(bends, (0, 1)) + jnp.pad(bends, (1, 0))
            total = jnp.sum(bends)
            mass = jnp.where(total > 0, 0.9 * bends / jnp.where(total > 0, total, 1), 0) + 0.1 * gaps / jnp.sum(gaps)
        self.edges, self.mass, self.rule = merged.x, mass / jnp.sum(mass), rule

    def sample(self, width: int, *, key: PRNGKeyArray) -> ReLUNet:
        """A net with `width` neurons and b0 = 0."""
        check_neurons(width, self.edges.dtype)
        key = as_key(key)
        beta_key, sign_key, v_key = jax.random.split(key, 3)
        dtype = self.edges.dtype
        beta = jnp.interp(jax.random.uniform(beta_key, (width,), dtype), self._cumulative(), self.edges)
        w = orientations(sign_key, width, dtype) * (self.scale / width**0.5).astype(dtype)
        v = self.sigma_v.astype(dtype) * jax.random.normal(v_key, (width,), dtype)
        return ReLUNet(w, -w * beta, v, 0.0)

    def pdf_beta(self, beta: ArrayLike) -> Float[Array, "..."]:
        """p(beta), constant between neighbouring data and 0 outside."""
        beta = as_like(self.edges, beta=beta)
        density = self.mass / jnp.diff(self.edges)
        place = jnp.clip(jnp.searchsorted(self.edges, beta, side="right") - 1, 0, len(density) - 1)
        inside = jnp.where((beta >= self.edges[0]) & (beta <= self.edges[-1]), density[place], 0)
        return jnp.where(jnp.isnan(beta), beta, inside)

    def cdf_beta(self, beta: ArrayLike) -> Float[Array, "..."]:
        """P(breakpoint <= beta)."""
        return jnp.interp(as_like(self.edges, beta=beta), self.edges, self._cumulative())

    def _cumulative(self) -> Array:
        return jnp.concatenate([jnp.zeros(1, self.mass.dtype), jnp.cumsum(self.mass)])
