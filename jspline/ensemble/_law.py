"""A Monte Carlo of an initialization law: what its samples say, to be compared with its exact densities."""

import math
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PRNGKeyArray

from jspline._checks import MOST, check_positive, check_whole
from jspline.charts import ReLUNet
from jspline.ensemble._collect import BLOCKS
from jspline.ensemble._statistics import LogBins, Moments, counts
from jspline.init import Law
from jspline.init._law import inputs_of

BLOCK = 1 << 16
"""Neurons drawn at once: their arrays stay in the cache."""


WIDEST = MOST // BLOCKS
"""The largest width: what a device sums up before the host hears of it is counted in int32."""


class LawBins(NamedTuple):
    """Where breakpoints and delta-slopes are counted, and the roughness in units of its standard deviation.

    Of a law with `inputs` beta stands for gamma and mu for eta.
    """

    beta: LogBins
    mu: LogBins
    excess: LogBins = LogBins(-6, 8)

    @classmethod
    def around(cls, beta: float, mu: float) -> "LawBins":
        """For these scales."""
        check_positive(beta=beta, mu=mu)
        b, m = round(math.log2(beta)), round(math.log2(mu))
        return cls(LogBins(b - 12, b + 12), LogBins(m - 18, m + 6))


class LawSample(eqx.Module):
    """What is kept of a block of networks: merged by adding.

    Attributes:
        joint: neurons by the bins of beta and mu, or of gamma and eta; its sums over either are the marginals.
        rough: moments of the roughness.
        excess: networks by the bin of (rho - E rho) / sd rho.
    """

    joint: Any
    rough: Moments
    excess: Any


class LawBlock(eqx.Module):
    """Draws a block of networks of a law, and counts them: for `collect(block, ..., draw=block.draw)`.

    Raises `ValueError` unless `width` is a whole number from 1 to 33,554,431.
    """

    law: Law
    width: int = eqx.field(static=True)
    bins: LawBins = eqx.field(static=True)

    def __check_init__(self) -> None:
        check_whole(most=WIDEST, width=self.width)

    @property
    def nets(self) -> int:
        """Networks of a block."""
        inputs = inputs_of(self.law) or 1
        return max(1, 3 * BLOCK // ((inputs + 2) * self.width))

    def draw(self, key: PRNGKeyArray) -> ReLUNet:
        """The networks of a block, `(nets, width)`."""
        return jax.vmap(lambda k: self.law.sample(self.width, key=k))(jax.random.split(key, self.nets))

    def __call__(self, net: ReLUNet) -> LawSample:
        beta, mu = self._places(net)
        rho = jnp.sum(mu**2, axis=-1)
        mean, var = self.law.roughness_mean(self.width), self.law.roughness_var(self.width)  # type: ignore[attr-defined]
        sizes = (self.bins.beta.size, self.bins.mu.size)
        excess = self.bins.excess.number((rho - mean) / jnp.sqrt(var))
        return LawSample(
            counts(sizes, self.bins.beta.number(beta).ravel(), self.bins.mu.number(mu).ravel()),
            Moments.of(rho),
            counts((self.bins.excess.size,), excess),
        )

    def _places(self, net: ReLUNet) -> tuple[Array, Array]:
        """beta and mu, or gamma and eta, of a batch of nets."""
        if inputs_of(self.law) is None:
            return -net.b / net.w, net.w * net.v
        norm = jnp.linalg.norm(net.w, axis=-1)
        return -net.b / norm, norm * net.v


def kolmogorov(count: np.ndarray, cdf: np.ndarray) -> float:
    """The largest distance of an empirical cdf and the exact one at the inner edges of bins.

    At most the Kolmogorov-Smirnov distance: its critical values hold, and err on the safe side.
    """
    return float(np.max(np.abs(np.cumsum(count)[:-1] / np.sum(count) - cdf)))
