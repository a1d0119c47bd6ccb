"""Tables 1 to 3: as printed tables; table 2 with its curves."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jspline.plot._style import INK, LEFT, RIGHT, style


def rows_on(ax: Axes, header: Sequence[str], rows: Sequence[Sequence[str]], widths: Sequence[float]) -> None:
    """A table with three rules; the first column to the left, the others to the right."""
    ends = np.cumsum(widths) / np.sum(widths)
    ax.set(xlim=(0, 1), ylim=(len(rows) + 0.6, -0.7))
    ax.axis("off")
    for k, row in enumerate([header, *rows]):
        for j, text in enumerate(row):
            weight = "bold" if k == 0 else "normal"
            ax.text(0.0 if j == 0 else ends[j], k, text, ha="left" if j == 0 else "right", va="center", fontsize=11,
                    fontweight=weight)  # fmt: skip
    for place, width in ((-0.6, 1.4), (0.5, 0.8), (len(rows) + 0.5, 1.4)):
        ax.axhline(place, color=INK, lw=width)


def number(value: float) -> str:
    """Two digits."""
    return f"{value:#.2g}" if 1e-3 <= value < 1 else f"{value:.3g}" if 1 <= value < 1e3 else f"{value:.1e}"


def table1(arrays: Mapping[str, np.ndarray]) -> Figure:
    """Test losses, standard above uniform, the sine before the quadratic; quartiles in brackets."""
    with style():
        figure = Figure(figsize=(11.5, 2.0), layout="constrained")
        ax = figure.add_subplot()
        rows = []
        for j, kind in enumerate(("standard", "uniform")):
            cells = [
                f"{number(arrays['medians'][k, t, j])} [{number(arrays['low'][k, t, j])}, "
                f"{number(arrays['high'][k, t, j])}]"
                for t in range(2)
                for k in range(2)
            ]
            rows.append([kind, *cells])
        header = ["test loss", "sine, flow", "sine, Adam", "$x^2/2$, flow", "$x^2/2$, Adam"]
        rows_on(ax, header, rows, (1, 1.9, 1.9, 1.9, 1.9))
    return figure


def table2(arrays: Mapping[str, np.ndarray]) -> Figure:
    """Distances to the linear interpolant and to the natural cubic spline over alpha, as a table and as curves."""
    a, names = arrays, ("uniform, flat", "He, flat", "He, standard")
    with style():
        figure = Figure(figsize=(12, 6.6), layout="constrained")
        parts = figure.add_gridspec(2, 3, height_ratios=[1.15, 1])
        first = figure.add_subplot(parts[0, 0])
        panels = [first, *(figure.add_subplot(parts[0, k], sharey=first) for k in (1, 2))]
        for k, (ax, name) in enumerate(zip(panels, names, strict=True)):
            for part, colour, label in (("linear", RIGHT, "linear interpolant"), ("cubic", LEFT, "natural cubic")):
                low, middle, high = np.quantile(a[part][k], [0.25, 0.5, 0.75], axis=-1)
                ax.fill_between(a["alphas"], low, high, color=colour, alpha=0.18, lw=0)
                ax.plot(a["alphas"], middle, "o-", ms=5, color=colour, label=label)
            ax.set(xscale="log", yscale="log", title=name, xlabel="alpha")
        first.set_ylabel("root mean square distance")
        first.legend(fontsize=9.5)
        rows = [
            [f"{name}: {part}", *(number(v) for v in np.median(a[key][k], axis=-1))]
            for k, name in enumerate(names)
            for key, part in (("linear", "linear interpolant"), ("cubic", "natural cubic spline"))
        ]
        header = ["median distance, alpha =", *(f"{alpha:g}" for alpha in a["alphas"])]
        rows_on(figure.add_subplot(parts[1, :]), header, rows, (2.6, *np.ones(len(a["alphas"]))))
    return figure


def table3(arrays: Mapping[str, np.ndarray]) -> Figure:
    """Errors at the data and between them, standard above spiky, shallow beside deep."""
    with style():
        figure = Figure(figsize=(9.6, 2.6), layout="constrained")
        header = ["error (median)", "", "shallow, flow", "shallow, Adam", "deep, Adam"]
        rows = [
            [kind, part, *(number(v) for v in arrays["medians"][j, p])]
            for j, kind in enumerate(("standard", "spiky"))
            for p, part in enumerate(("at the data", "between them"))
        ]
        rows_on(figure.add_subplot(), header, rows, (1.2, 1.2, 1.4, 1.4, 1.4))
    return figure
