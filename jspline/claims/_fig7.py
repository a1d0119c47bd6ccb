"""Figure 7: how the fit, the residual and the drive psi evolve, and what the breakpoints do meanwhile."""

import jax
import jax.numpy as jnp
import numpy as np

from jspline.charts import ReLUNet
from jspline.datasets import Dataset
from jspline.init import UniformBreakpoints

SIZE, WIDTH, REACH = 40, 60, 2.2
RATE = 1e-3
TIMES = np.array([0.0, 1e3, 4e3, 1e4, 1e5])
"""In steps of gradient descent on the mean squared error, at this learning rate."""

BENDS, KINKS, ROUND = (-1.1, 0.1, 1.0), (-3.0, 5.7, -6.1), 0.2
"""Where the function bends, by how much its slope changes there, and over which length."""


def target(x: np.ndarray) -> np.ndarray:
    """A smooth function with three bends, the leftmost the mildest."""
    return 2.4 + 0.95 * x + sum(
        kink * ROUND * np.logaddexp(0, (x - bend) / ROUND) for bend, kink in zip(BENDS, KINKS, strict=True)
    )  # fmt: skip


def problem(seed: int) -> tuple[ReLUNet, Dataset]:
    """A nearly flat net of small scale, and the data: weights 2 RATE / SIZE make the flow's time that of `TIMES`."""
    net = UniformBreakpoints(-REACH, REACH, 3.0, 0.1).sample(WIDTH, key=jax.random.key(seed))
    x = np.linspace(-2, 2, SIZE)
    return net, Dataset(jnp.asarray(x), jnp.asarray(target(x)), jnp.full(SIZE, 2 * RATE / SIZE))
