"""The interpolant with the fewest knots.

Theory: docs/theory.md 12.3.
"""

import jax.numpy as jnp
import numpy as np

from jspline._checks import on_host
from jspline.datasets import Dataset
from jspline.problem import Problem, only_data
from jspline.pwl._continuous import Continuous, through
from jspline.pwl._segments import in_units


@on_host
def sparsest_interpolant(problem: Problem | Dataset) -> Continuous:
    """A continuous piecewise-linear function through the merged data with as few knots as any has.

    Between two data a line may turn once, and so arrive with any slope on the other side of the chord. So a kink of
    the linear interpolant can be shared with the next, if both have the same sign: a run of k kinks of one sign needs
    (k + 1) // 2 knots, and no continuous interpolant has fewer (one pass over the data decides it: what slopes can
    arrive with the fewest knots is a point or a half-line, and all slopes with one more). Its slope varies no more than
    that of the linear interpolant, so it is a sparsest solution in the sense of Debarre et al. (2022) too.

    Raises:
        ValueError: for fewer than two distinct x, or under `jax.jit` or `jax.vmap`: the number of knots sets a shape.

    Numerical caveat: data count as collinear within a few units in the last place of y.
    """
    merged = only_data(problem, train_b0=True).merged()
    if merged.size < 2:
        raise ValueError("At least two distinct x are needed to interpolate.")
    x_unit, y_unit = (float(unit) for unit in in_units(merged)[1])
    x, y = np.asarray(merged.x, float) / x_unit, np.asarray(merged.y, float) / y_unit
    dx, chord = np.diff(x), np.diff(y) / np.diff(x)
    rounding = 8 * np.finfo(merged.y.dtype).eps * (np.abs(y[:-1]) + np.abs(y[1:])) / dx
    kink = np.diff(chord)
    sign = np.where(np.abs(kink) <= rounding[1:] + rounding[:-1], 0, np.sign(kink)).astype(int)
    knots, slopes = [], [chord[0]]
    n = 1
    while n < x.size - 1:  # the kink at datum n
        if sign[n - 1] == 0:
            n += 1
        elif n + 1 < x.size - 1 and sign[n] == sign[n - 1]:
            # Leave out chord n: the chords before and after it meet between its ends.
            t = x[n] + dx[n] * (chord[n + 1] - chord[n]) / (chord[n + 1] - chord[n - 1])
            knots.append(min(max(t, x[n]), x[n + 1]))
            slopes.append(chord[n + 1])
            n += 2
        else:
            knots.append(x[n])
            slopes.append(chord[n])
            n += 1
    where = knots[0] if knots else x[0]
    first = y[0] + chord[0] * (where - x[0])
    parts = np.array(knots) * x_unit, np.array(slopes) * (y_unit / x_unit), np.asarray(first) * y_unit
    return through(merged, *(jnp.asarray(part, merged.x.dtype) for part in parts))
