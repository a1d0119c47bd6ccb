"""A shallow net with batch normalisation before the ReLU."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jspline._checks import check_net
from jspline.charts import ReLUNet
from jspline.datasets import Dataset
from jspline.problem import Problem, only_data

EPSILON = 1e-5
"""Added to the variance."""


class BatchNormNet(eqx.Module):
    """f(x) = b0 + sum_i v_i relu(gain_i (z_i - mean z_i) / sqrt(var z_i + 1e-5) + shift_i) with z_i = w_i x + b_i.

    Means and variances are those of the batch. With one input, the only number that this knows, they leave of w little
    but its sign, so that the breakpoint is set by gain and shift.

    Attributes:
        w, b, gain, shift, v: `(width,)`.
        b0: output bias, a scalar.
    """

    w: Float[Array, " width"]
    b: Float[Array, " width"]
    gain: Float[Array, " width"]
    shift: Float[Array, " width"]
    v: Float[Array, " width"]
    b0: Float[Array, ""]

    @classmethod
    def from_net(cls, net: ReLUNet, problem: Problem | Dataset) -> "BatchNormNet":
        """The net that computes the same function on all the data at once. Raises `ValueError` for several inputs."""
        check_net(net)
        data = only_data(problem)
        mean, root = _statistics(net.w, net.b, data.x)
        return cls(net.w, net.b, root, mean, net.v, net.b0)

    def on_batch(self, x: Float[Array, " data"]) -> Float[Array, " data"]:
        """f at a batch, normalised by itself."""
        return self.to_net(x)(x)

    def to_net(self, x: Float[Array, " data"]) -> ReLUNet:
        """The plain net that computes the same function, normalised by `x`, such as all the data."""
        mean, root = _statistics(self.w, self.b, x)
        factor = self.gain / root
        return ReLUNet(factor * self.w, factor * (self.b - mean) + self.shift, self.v, self.b0)


def _statistics(w: Array, b: Array, x: Array) -> tuple[Array, Array]:
    mean = jnp.mean(x)
    return w * mean + b, jnp.sqrt(w**2 * jnp.mean((x - mean) ** 2) + EPSILON)


def outputs(net: eqx.Module, x: Array) -> Array:
    """f at a batch, for every net that can be trained."""
    if isinstance(net, BatchNormNet):
        return net.on_batch(x)
    if isinstance(net, ReLUNet):
        planes = x[:, None] * net.w[None] if net.on_line else jnp.matmul(x, net.w.T, precision="highest")
        hidden = jax.nn.relu(planes + net.b[None])
        return net.b0 + jnp.matmul(hidden, net.v, precision="highest")
    return net(x)  # type: ignore[operator]
