"""What several of these figures draw."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes


def band(
    ax: Axes, x: np.ndarray, values: np.ndarray, mark: str = "o-", *, color: str, tail: float = 0.25,
    alpha: float = 0.2, **look: Any,
) -> None:  # fmt: skip
    """The median of the last axis over x, and around it all but the tails."""
    low, middle, high = np.quantile(values, [tail, 0.5, 1 - tail], axis=-1)
    ax.fill_between(x, low, high, color=color, alpha=alpha, lw=0)
    ax.plot(x, middle, mark, color=color, **look)


def log_ticks(ax: Axes, x: Sequence[float] | np.ndarray, y: Sequence[float] | None = None) -> None:
    """These numbers at logarithmic axes, and no others."""
    ax.set_xticks(x, [f"{value:g}" for value in x])
    if y is not None:
        ax.set_yticks(y, [f"{value:g}" for value in y])
    ax.minorticks_off()
