"""Arrays in place of minutes of training, like those found: on them the decisions of six claims are tested.

Made up, so that nothing rests on a stored file; `jspline audit` trains the networks themselves.
"""

import numpy as np
from scipy.interpolate import CubicSpline

from jspline.claims.paper import _fig7 as fig7
from jspline.claims.paper import _fig10 as fig10
from jspline.claims.paper import _table1 as table1
from jspline.claims.paper import _table2 as table2
from jspline.claims.paper import _table3 as table3


def _spread(rng, middle, count, size=0.3):
    """Log-normal around the middle, `(*middle, count)`."""
    middle = np.asarray(middle, float)[..., None]
    return middle * np.exp(size * rng.normal(size=(*middle.shape[:-1], count)))


def of_fig7():
    """Breakpoints gather at the right two bends and spread; the fit is 0, then as drawn, then good."""
    rng, y = np.random.default_rng(5), fig7.target(fig7.X)
    begin, s = rng.uniform(-2.2, 2.2, (96, 60)), rng.choice([-1.0, 1.0], (96, 60))
    goal = np.where(begin < 0.55, fig7.BENDS[1], fig7.BENDS[2])
    stages = [begin + share * (begin > -0.5) * (goal - begin) for share in (0.0, 0.05, 0.5, 0.8, 0.3)]
    beta = np.stack(stages, axis=1)
    w = np.broadcast_to(s[:, None], beta.shape)
    v, b0 = np.zeros(beta.shape), np.zeros(beta.shape[:2])
    early = np.interp(fig7.X, [-2, -1, -0.5, -0.2, 0.3, 0.7, 1, 2], [0.87, 0.52, 0.34, 0.3, 0.35, 0.5, 0.56, 0.69])
    later = np.interp(fig7.X, [-2, -1, -0.5, -0.1, 0.1, 0.5, 1, 2], [0.9, 0.58, 0.27, 0.06, 0.1, 0.47, 0.85, 0.45])
    early, later = (fit + np.mean(y - fit) for fit in (early, later))
    goals = [np.zeros_like(y), early, later, later, y]
    for net, time in np.ndindex(*b0.shape):
        hidden = np.maximum(w[net, time] * (fig7.X[:, None] - beta[net, time]), 0)
        features = np.hstack([hidden, np.ones((len(y), 1))])
        *v[net, time], b0[net, time] = np.linalg.lstsq(features, goals[time], rcond=1e-6)[0]
    return fig7.Trained(w, -w * beta, v, b0, np.zeros(96), np.ones(96, bool))


def of_fig9():
    """Errors of Adam, batch-norm SGD and SGD at each width."""
    return _spread(np.random.default_rng(6), [[2e-3, 4e-4, 2e-4], [1.5e-2] * 3, [5e-3, 1.5e-3, 7e-4]], 24)


def of_fig10():
    """Roughness in the gap: grows with the variance; with the width falls from Glorot's start only."""
    rng, over = np.random.default_rng(1), fig10.WIDTHS / fig10.WIDTHS[0]

    def both(middle, count):
        rough = _spread(rng, np.stack([middle, 2 * middle]), count)
        return np.stack([rough, rough**0.5], axis=2)

    return {
        "variance": both(2.4 * fig10.VARIANCES**0.8, 48),
        "He": both(2.3 * over**0.0, 192),
        "Glorot": both(0.3 / over, 384),
        "Adam": both(2.2 * over**0.0, 48),
    }


def of_table1():
    """Fits that are off by as much as found: standard and uniform, sine and quadratic."""
    rng, off = np.random.default_rng(2), np.sqrt([[6e-4, 1e-4], [8e-4, 3e-4]])
    true = np.stack([function(table1.GRID) for function in table1.TARGETS.values()])
    wave = np.sqrt(2) * np.sin(7 * table1.GRID)
    size = _spread(rng, np.stack([off, off * 1.8]), 96)
    return true[:, None, None] + size[..., None] * wave


def of_table2():
    """Fits that underfit, then are linear, then cubic; from He's standard start they interpolate at every alpha."""
    rng = np.random.default_rng(3)
    y = rng.normal(size=(72, len(table2.X)))
    line = np.array([np.interp(table2.GRID, table2.X, each) for each in y])
    cubic = CubicSpline(table2.X, y, axis=1, bc_type="natural")(table2.GRID)
    mean = np.repeat(np.mean(line, axis=1, keepdims=True), line.shape[1], axis=1)
    flat = [mean, (mean + line) / 2, line, 0.8 * line + 0.2 * cubic, cubic, cubic]
    standard = [line, line, line, 0.8 * line + 0.2 * cubic, cubic, cubic]
    loss = np.array([[1.0, 0.1, 0, 0, 0, 0], [1.0, 0.1, 0, 0, 0, 0], [0.0] * 6])
    fits = np.array([flat, flat, standard])
    fits = fits + 0.005 * rng.normal(size=(*fits.shape[:3], 1))
    return y, fits, np.repeat(loss[..., None], 72, axis=-1)


def of_table3():
    """Both kinds right at the data, the spiky ones off between them."""
    rng, shape = np.random.default_rng(4), (3, 96, 1)

    def fits(off, begin):
        size = off * np.exp(0.3 * rng.normal(size=shape))
        wave = np.sin(11 * np.pi * (table3.GRID + 1) / 2) ** 2  # 0 at the data
        end = table3.target(table3.GRID) + size * wave
        at_data = table3.target(table3.X) + 1e-4 * rng.normal(size=(3, 96, len(table3.X)))
        return table3.Fits(begin * np.ones_like(end), end, at_data)

    return fits(0.01, 0.0), fits(0.07, 5.0)


TRAINED = {
    "fig7": of_fig7,
    "fig9": of_fig9,
    "fig10": of_fig10,
    "table1": of_table1,
    "table2": of_table2,
    "table3": of_table3,
}
