"""Labels: a law of neurons as a radius times a direction, since the flow is homogeneous and no radius is needed.

Theory: docs/theory.md 13.1.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from scipy import special

from jspline.init import Balanced, Gaussian, Law, Uniform, UniformBreakpoints, glorot, he
from jspline.init._law import check_line

Numbers = np.ndarray

FARTHEST = 6.0
"""Standard deviations of a Gaussian that are looked at; what is beyond is two in a billion."""


@dataclass(frozen=True)
class Labels:
    """A law, in units of mean field, by labels: theta = radius (length a(turn), sign size), the radius independent.

    The law of a label is uniform over sign in {-1, 1}, tilt in [0, 1] and turn in [0, 1].

    Attributes:
        around: the vector (w, b) of a turn, for a length of 1.
        tilted: the length of (w, b), and the size of v, of a tilt.
        rule: a quadrature rule over tilts, for how many points it is to have: the points, and their shares of the mass.
            None if all tilts are alike, so that labels are on a circle and not on a sphere.
        met: the turns at which a neuron has its breakpoint on a datum at x; also others, which do no harm.
        second, fourth: E radius^2 and E radius^4.
        pdf_square: the density of radius^2; None where the radius is 1.
    """

    around: Callable[[Numbers], tuple[Numbers, Numbers]]
    tilted: Callable[[Numbers], tuple[Numbers, Numbers]]
    rule: Callable[[int], tuple[Numbers, Numbers]] | None
    met: Callable[[Numbers], Numbers]
    second: float
    fourth: float
    pdf_square: Callable[[Numbers], Numbers] | None

    def theta(self, sign: Numbers, tilt: Numbers, turn: Numbers) -> tuple[Numbers, Numbers, Numbers]:
        """(w, b, v) of labels, for a radius of 1."""
        (w, b), (length, size) = self.around(turn), self.tilted(tilt)
        return length * w, length * b, sign * size

    def of(self, cells: "Cells", share: float = 0.5) -> tuple[Numbers, Numbers, Numbers]:
        """(w, b, v) of the labels that stand for cells, or of those at another share of their turns."""
        return self.theta(cells.sign, cells.at, (1 - share) * cells.turn[0] + share * cells.turn[1])


class Cells(NamedTuple):
    """Boxes of labels, each array `(cells,)`.

    Attributes:
        sign: of v.
        tilt: the ends in tilt, `(2, cells)`.
        turn: the ends in turn, `(2, cells)`.
        at: the tilt that stands for the cell; of turns the middle one does.
    """

    sign: Numbers
    tilt: Numbers
    turn: Numbers
    at: Numbers

    @property
    def mass(self) -> Numbers:
        """The share of all neurons that has its label there."""
        return np.diff(self.tilt, axis=0)[0] * np.diff(self.turn, axis=0)[0] / 2

    def take(self, which: Numbers) -> "Cells":
        """Some of them, by places or by a mask."""
        return Cells(self.sign[which], self.tilt[:, which], self.turn[:, which], self.at[which])

    def halves(self) -> "Cells":
        """Each cut in two across the middle of its turn."""
        turn, middle = self.turn.repeat(2, axis=1), self.turn.mean(axis=0)
        turn[1, ::2] = turn[0, 1::2] = middle
        return Cells(self.sign.repeat(2), self.tilt.repeat(2, axis=1), turn, self.at.repeat(2))


def joined(*parts: Cells) -> Cells:
    """All of them in a row."""
    return Cells(*(np.concatenate(arrays, axis=-1) for arrays in zip(*parts, strict=True)))


def labels_of(law: Law | Callable) -> Labels:
    """The labels of a law in units of mean field.

    Raises:
        ValueError: for a law without a limit of mean field, or without densities.
        TypeError: for what is no law.
    """
    if law is he:
        raise ValueError(
            "He's limit is not one of mean field but the kernel regime, since its scale grows with the width: see "
            "jspline.kernel."
        )
    if law is glorot:
        return _gaussian(*[np.sqrt(2.0)] * 3)
    check_line(law, "The infinite width of `jspline.meanfield`")
    match law:
        case Balanced():
            return _balanced(float(law.scale))
        case Gaussian():
            return _gaussian(float(law.sigma_w), float(law.sigma_b), float(law.sigma_v))
        case Uniform():
            return _uniform(float(law.a_w), float(law.a_b), float(law.a_v))
        case UniformBreakpoints():
            return _uniform_breakpoints(*(float(each) for each in (law.lo, law.hi, law.scale, law.sigma_v)))
        case Law():
            raise ValueError(
                f"{type(law).__name__} has no density over neurons, so it has no limit of infinite width here: give "
                "Balanced, Gaussian, Uniform or UniformBreakpoints, or jspline.init.glorot."
            )
    raise TypeError(f"`law` must be a law of jspline.init, such as Balanced(1.0); got {type(law).__name__}.")


def _on_ellipse(sigma_w: float, sigma_b: float) -> dict[str, Any]:
    """(w, b) = (sigma_w cos, sigma_b sin) of an angle."""

    def around(turn: Numbers) -> tuple[Numbers, Numbers]:
        angle = 2 * np.pi * turn
        return sigma_w * np.cos(angle), sigma_b * np.sin(angle)

    def met(x: Numbers) -> Numbers:
        turn = np.arctan2(-x * sigma_w, sigma_b) / (2 * np.pi)
        return np.concatenate([turn, turn + 0.5]) % 1

    return {"around": around, "met": met}


def _balanced(scale: float) -> Labels:
    # The square of the radius is exponential of mean 2.
    return Labels(
        **_on_ellipse(scale, scale),
        tilted=lambda tilt: (np.ones_like(tilt), np.full_like(tilt, scale)),
        rule=None,
        second=2.0,
        fourth=8.0,
        pdf_square=lambda square: np.exp(-square / 2) / 2,
    )


def _gaussian(sigma_w: float, sigma_b: float, sigma_v: float) -> Labels:
    if sigma_b == 0:
        raise ValueError("With `sigma_b` = 0 every breakpoint is at 0, so there is no density; use sigma_b > 0.")

    # On the sphere the height is uniform; the square of the radius is chi^2 of three. All is smooth in the latitude.
    def rule(count: int) -> tuple[Numbers, Numbers]:
        latitude, weights = _gauss(count, 0, np.pi / 2)
        return np.sin(latitude), weights * np.cos(latitude)

    return Labels(
        **_on_ellipse(sigma_w, sigma_b),
        tilted=lambda tilt: (np.sqrt(1 - tilt**2), sigma_v * tilt),
        rule=rule,
        second=3.0,
        fourth=15.0,
        pdf_square=lambda square: np.sqrt(square / (2 * np.pi)) * np.exp(-square / 2),
    )


def _uniform(a_w: float, a_b: float, a_v: float) -> Labels:
    # The radius is the largest of |w| / a_w, |b| / a_b and |v| / a_v. In two of three cases it is not that of v: then v
    # is uniform below it, else the square of the length of (w, b) is.
    def around(turn: Numbers) -> tuple[Numbers, Numbers]:
        side, along = np.divmod(4 * turn, 1)
        along = 2 * along - 1
        w = np.choose(side.astype(int) % 4, [np.ones_like(along), -along, -np.ones_like(along), along])
        b = np.choose(side.astype(int) % 4, [along, np.ones_like(along), -along, -np.ones_like(along)])
        return a_w * w, a_b * b

    def tilted(tilt: Numbers) -> tuple[Numbers, Numbers]:
        length = np.sqrt(np.minimum(3 * (1 - tilt), 1))
        return length, a_v * np.minimum(1.5 * tilt, 1)

    def met(x: Numbers) -> Numbers:
        steep = np.abs(x) * a_w > a_b  # then b = +-a_b there
        at = np.where(steep, -np.divide(a_b, x * a_w, where=steep, out=np.zeros_like(x)), -x * a_w / a_b)
        turn = np.where(steep, (1 + (1 - at) / 2) / 4, (1 + at) / 8)
        corners = np.arange(4) / 4
        return np.concatenate([turn, turn + 0.5, corners]) % 1

    def rule(count: int) -> tuple[Numbers, Numbers]:
        if count == 1:
            return np.array([0.5]), np.ones(1)
        below, weights = _gauss(count - count // 2, 0, 2 / 3)
        length, shares = _gauss(count // 2, 0, 1)
        points = np.concatenate([below, (1 - length**2 / 3)[::-1]])
        return points, np.concatenate([weights, (shares * length * 2 / 3)[::-1]])

    return Labels(
        around=around,
        tilted=tilted,
        rule=rule,
        met=met,
        second=3 / 5,
        fourth=3 / 7,
        pdf_square=lambda square: np.where(square <= 1, 1.5 * np.sqrt(square), 0),
    )


def _uniform_breakpoints(lo: float, hi: float, scale: float, sigma_v: float) -> Labels:
    def around(turn: Numbers) -> tuple[Numbers, Numbers]:
        s = np.where(turn < 0.5, 1.0, -1.0)
        return scale * s, -scale * s * (lo + (hi - lo) * ((2 * turn) % 1))

    def met(x: Numbers) -> Numbers:
        inside = x[(x > lo) & (x < hi)]
        turn = (inside - lo) / (hi - lo) / 2
        return np.concatenate([turn, turn + 0.5, [0.0, 0.5]])

    def rule(count: int) -> tuple[Numbers, Numbers]:
        deviations, weights = _gauss(count, 0, FARTHEST)
        return 2 * special.ndtr(deviations) - 1, weights * np.exp(-(deviations**2) / 2)

    return Labels(
        around=around,
        tilted=lambda tilt: (np.ones_like(tilt), sigma_v * special.ndtri((1 + tilt) / 2)),
        rule=rule,
        met=met,
        second=1.0,
        fourth=1.0,
        pdf_square=None,
    )


def _gauss(count: int, low: float, high: float) -> tuple[Numbers, Numbers]:
    """Gauss and Legendre's rule."""
    points, weights = np.polynomial.legendre.leggauss(count)
    return low + (high - low) * (points + 1) / 2, weights * (high - low) / 2
