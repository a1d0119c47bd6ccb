"""A flat initialization with spikes (section 3.4, figure 10, table 3)."""

import equinox as eqx
import jax.numpy as jnp
from jax import random
from jax.typing import ArrayLike
from jaxtyping import Array, Float, PRNGKeyArray

from jspline._checks import as_floats, as_key, check_kind, check_positive, check_scalar, check_whole
from jspline.charts import ReLUNet
from jspline.init._law import Law, RoughnessLaw, check_line, orientations


class Spiky(Law):
    """Nets of another law in which a few neurons get a large delta-slope, mu = +-height with a fair sign.

    Their breakpoints and input weights are left alone, so v = mu / w. The paper shows that training keeps such spikes
    between the data, so that a spiky start generalizes worse. It gives no construction; this one is ours.

    Args:
        base: the law of the other neurons, and of all breakpoints.
        height: size of the delta-slope of a spike, positive.
        count: how many neurons are spikes.

    Raises:
        ValueError: when height is not positive, count is no whole number of at least 0, or the base has `inputs`.
    """

    base: Law
    height: Float[Array, ""]
    count: int = eqx.field(static=True)

    def __init__(self, base: Law, height: ArrayLike, count: int):
        (height,) = as_floats(height=height)
        check_scalar(height=height)
        check_positive(height=height)
        check_whole(least=0, count=count)
        check_kind(Law, base=base)
        check_line(base, "`Spiky`")
        self.base, self.height, self.count = base, height, count

    def sample(self, width: int, *, key: PRNGKeyArray) -> ReLUNet:
        """A net whose first `count` neurons are spikes. Raises `ValueError` when it has fewer neurons than that."""
        self._check(width)
        base_key, sign_key = random.split(as_key(key))
        net = self.base.sample(width, key=base_key)
        spikes = orientations(sign_key, self.count, net.v.dtype) * jnp.asarray(self.height, net.v.dtype)
        w = net.w[: self.count]
        # A neuron with w = 0 has no delta-slope to set; rounding makes one in 10^7.
        v = net.v.at[: self.count].set(jnp.where(w == 0, net.v[: self.count], spikes / jnp.where(w == 0, 1, w)))
        return eqx.tree_at(lambda n: n.v, net, v)

    def roughness_mean(self, width: int) -> Float[Array, ""]:
        """E rho = (1 - count / width) E rho of the base + count height^2, where the base knows its own."""
        self._check(width)
        if not isinstance(self.base, RoughnessLaw):
            raise ValueError(f"{type(self.base).__name__} does not know its mean roughness, so `Spiky` of it does not.")
        return (1 - self.count / width) * self.base.roughness_mean(width) + self.count * self.height**2

    def _check(self, width: int) -> None:
        check_whole(width=width)
        if width < self.count:
            raise ValueError(f"`width` must be at least the {self.count} spikes; got {width}.")
