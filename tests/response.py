"""Where `RESPONSE` comes from: `python -m tests.response` prints it (docs/theory.md 8.2)."""

import numpy as np

DEGREE = 4
"""Of the polynomials in u."""

# All stiffnesses z = 4 (1 - 1 / r) that a step may meet, evenly in r = 1 / (1 - z / 4), and onsets 1 - u.
R, U = np.linspace(1e-3, 1, 400), np.linspace(0.02, 1, 50)


def answer(u, z):
    """u phi_2(u z), phi_2(s) = (e^s - 1 - s) / s^2; by its series where that would cancel."""
    s = np.asarray(u * z, float)
    series = 1 / 2 + s / 6 + s**2 / 24 + s**3 / 120 + s**4 / 720
    return u * np.where(np.abs(s) < 1e-2, series, (np.expm1(s) - s) / np.where(s == 0, 1, s) ** 2)


def fitted():
    """Least squares with weights u (1 + |z|): for each u in the powers of r, then of those coefficients in u.

    The weight is a product and so is the grid, so that one after the other is both at once. `(3, DEGREE + 1)`.
    """
    z = 4 * (1 - 1 / R)
    weight = 1 + np.abs(z)[:, None]
    powers = weight * np.stack([R, R**2, R**3], axis=1)
    at_each_onset = np.linalg.lstsq(powers, weight * answer(U, z[:, None]), rcond=None)[0]
    in_u = U[:, None] * np.vander(U, DEGREE + 1, increasing=True)
    return np.linalg.lstsq(in_u, (U * at_each_onset).T, rcond=None)[0].T


if __name__ == "__main__":
    for row in fitted():
        print(", ".join(f"{number:.4f}" for number in row))
