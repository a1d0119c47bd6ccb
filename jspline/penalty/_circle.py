"""g(th) = sum e_n relu(x_n cos th + sin th), a sinusoid between two angles at which a neuron meets a datum.

Theory: docs/theory.md 14.1.
"""

from dataclasses import dataclass

import numpy as np


def hinges(angle: np.ndarray, x: np.ndarray) -> np.ndarray:
    """relu(x cos th + sin th), `(angles, points)`."""
    return np.maximum(np.cos(angle)[..., None] * x + np.sin(angle)[..., None], 0)


@dataclass(frozen=True)
class Circle:
    """The directions (cos th, sin th) of neurons, cut at the data.

    Attributes:
        x: the data, `(data,)`.
        low, high: the ends of the cells, `(cells,)`, each at most a turn.
        seen: which data a direction in a cell sees, `(cells, data)`.
    """

    x: np.ndarray
    low: np.ndarray
    high: np.ndarray
    seen: np.ndarray

    @classmethod
    def of(cls, x: np.ndarray) -> "Circle":
        """Cut at these data."""
        angle = np.arctan2(-x, 1.0)
        cuts = np.unique(np.concatenate([angle, angle + np.pi]))
        low, high = cuts, np.append(cuts[1:], cuts[0] + 2 * np.pi)
        middle = (low + high) / 2
        return cls(x, low, high, np.cos(middle)[:, None] * x + np.sin(middle)[:, None] > 0)

    def columns(self, angle: np.ndarray) -> np.ndarray:
        """relu(x_n cos th + sin th), `(angles, data)`."""
        return hinges(angle, self.x)

    def tops(self, e: np.ndarray) -> np.ndarray:
        """The angle of largest |g| in each cell, its ends included, `(cells,)`."""
        top = np.arctan2(self.seen @ e, self.seen @ (e * self.x))
        # Of the two, top and top + pi, those that lie inside, going up from the lower end.
        within = np.stack([self.low + (top + turn - self.low) % (2 * np.pi) for turn in (0, np.pi)])
        inside = np.where(within < self.high, within, self.low)
        choices = np.stack([self.low, self.high, *inside])
        best = np.argmax(np.abs(self.columns(choices) @ e), axis=0)
        return np.take_along_axis(choices, best[None], axis=0)[0]
