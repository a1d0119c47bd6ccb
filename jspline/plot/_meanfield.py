"""The infinitely wide network as it learns: its fit, and the density of its breakpoints, beside a random net's."""

from collections.abc import Iterable, Iterator
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from jspline.plot._axes import as_written, make_room, tell_ticks_apart
from jspline.plot._dates import as_dates, show_dates
from jspline.plot._flow import range_of
from jspline.plot._style import lacking_glyphs, style, theme

SIDES = (("right", 1), ("left", -1))
HEAVIEST = 1.15
"""The axis of atoms, over the mass of the heaviest one."""


ABOVE: dict[str, Any] = {"loc": "lower right", "bbox_to_anchor": (1.01, 0.99), "frameon": False}
"""Where a legend stands, right above its axes."""


class MeanFieldFilm:
    """A figure that shows any time of a mean-field flow, from the arrays that `jspline meanfield` writes.

    Attributes:
        figure: a matplotlib figure.
    """

    def __init__(self, arrays: Any, *, title: str = "", theme: Literal["light", "dark"] = "light", height: int = 720):
        """Set the stage.

        Args:
            arrays: labelled, as in `meanfield.nc`.
            title: of the figure.
            theme: the style.
            height: of a frame, in pixels; the width is 16/9 of it.
        """
        self.arrays, self.title, self.theme = arrays, title, theme
        with style(theme):
            self.figure = Figure(figsize=(12.8, 7.2), dpi=height / 7.2)
            self.canvas = FigureCanvasAgg(self.figure)
            self._stage()
        self.draw(0)

    def _stage(self) -> None:
        a, colours = self.arrays, theme()
        self.figure.text(0.02, 0.945, as_written(self.title), fontsize=17)
        self.clock = self.figure.text(0.98, 0.945, "", fontsize=17, ha="right")
        self.shares = self.figure.text(0.02, 0.912, "", fontsize=10.5, color=colours.quiet)
        parts = self.figure.add_gridspec(
            2, 2, width_ratios=[1.25, 1], left=0.08, right=0.92, top=0.85, bottom=0.09, wspace=0.27, hspace=0.38
        )
        main = self.figure.add_subplot(parts[0, 0])
        main.plot(a.x, a.y, "o", ms=4.5, mfc="none", mec=colours.quiet, mew=1.3)
        self.lines = []
        if "random_fit" in a:
            width = f"random net, width {a.attrs['width']:,}"
            self.lines += main.plot(
                a.grid, a.random_fit[0], color=colours.pick(1), lw=1.6, ls="--", label=width, zorder=4
            )
        self.lines += main.plot(a.grid, a.fit[0], color=colours.ink, lw=2.4, label="infinite width", zorder=3)
        main.set(xlim=(a.grid[0], a.grid[-1]), ylim=range_of(np.concatenate([a.y, np.quantile(a.fit, [0.002, 0.998])])))
        main.set(xlabel=as_written(a.attrs["x_name"]), ylabel=as_written(a.attrs["y_name"]), title="The function")
        main.locator_params(axis="x", nbins=6)
        main.legend(fontsize=10, ncols=2, columnspacing=1.2, **ABOVE)

        history = self.figure.add_subplot(parts[1, 0])
        later = a.times.values > 0
        if "random_loss" in a:
            history.plot(a.times[later], a.random_loss[later], color=colours.pick(1), lw=1.6, ls="--")
        history.plot(a.times[later], a.loss[later], color=colours.ink, lw=2)
        history.set(xscale="log", yscale="log", xlabel="time t", title="Loss")
        self.cursor = history.axvline(float(a.times[later][0]), color=colours.quiet, lw=1.2)

        self.curves: list[Any] = []
        self.counts: list[Any] = []
        self.stems: list[Any] = []
        for row, colour in enumerate((colours.right, colours.left)):
            self._breakpoints(self.figure.add_subplot(parts[row, 1]), row, colour)
        show_dates(self.figure)
        as_dates(main.xaxis, a.attrs["x_name"])
        tell_ticks_apart(self.figure)
        make_room(parts, main, history)

    def _breakpoints(self, ax: Axes, row: int, colour: str) -> None:
        """The axes of those that face one side."""
        a, colours, (side, _) = self.arrays, theme(), SIDES[row]
        top = max(np.quantile(a.density.sel(side=each), 0.997) for each, _ in SIDES)
        ax.set(xlim=(a.beta[0], a.beta[-1]), ylim=(0, 1.1 * max(top, 1e-300)))
        ax.set(title=f"Facing {side}", ylabel="density of neurons")
        if row:
            ax.set_xlabel(as_written(a.attrs["x_name"]))
        shown: list[Any] = []
        if "counted" in a:
            grey, counted = colours.quiet, a.counted.sel(side=side)[0]
            shown.append(ax.stairs(counted, a.bin_edge, color=grey, fill=True, alpha=0.45, label="random net"))
            self.counts.append(shown[0])
        self.curves += ax.plot(a.beta, a.density.sel(side=side)[0], color=colour, lw=1.8, label="infinite width")
        masses, heaviest = ax.twinx(), float(np.max(a.atom_mass.values, initial=0.0)) or 1.0
        masses.set(ylim=(0, HEAVIEST * heaviest), ylabel="mass of atoms")
        self.stems += masses.plot([], [], "o-", color=colours.ink, lw=1.6, ms=6, markevery=(1, 3), label="its atoms")
        close: dict[str, Any] = {"columnspacing": 0.8, "handlelength": 1.0, "handletextpad": 0.4, "borderpad": 0}
        masses.legend(handles=[*shown, self.curves[-1], self.stems[-1]], fontsize=9, ncols=3, **ABOVE, **close)
        ax.locator_params(axis="x", nbins=6)
        as_dates(ax.xaxis, a.attrs["x_name"])

    def draw(self, k: int) -> None:
        """Show the k-th time; `figure.savefig` then writes it."""
        a = self.arrays
        t = float(a.times[k])
        self.clock.set_text(f"t = {t:.3g}")
        dead, on_data, moving = (float(a.share.sel(state=state)[k]) for state in ("dead", "on_data", "moving"))
        self.shares.set_text(
            f"{a.attrs['nodes']:,} nodes, fits differ by {a.attrs['error']:.1g}.   Of all neurons {dead:.0%} dead, "
            f"{on_data:.0%} on data, {moving:.0%} in moving atoms."
        )
        fits = [a[name][k] for name in ("random_fit", "fit") if name in a]
        for line, fit in zip(self.lines, fits, strict=True):
            line.set_ydata(fit)
        at = max(t, float(a.times[a.times > 0][0]))
        self.cursor.set_xdata([at, at])
        place, s, mass = (a[name][k].values for name in ("atom_place", "atom_s", "atom_mass"))
        for row, (side, sign) in enumerate(SIDES):
            self.curves[row].set_ydata(a.density.sel(side=side)[k])
            if self.counts:
                self.counts[row].set_data(a.counted.sel(side=side)[k].values)
            here = (s == sign) & (mass > 0)
            # From the axis to the mass, and nothing to the next.
            xs = np.repeat(place[here], 3)
            ys = np.stack([np.zeros(here.sum()), mass[here], np.full(here.sum(), np.nan)], axis=1).ravel()
            self.stems[row].set_data(xs, ys)

    def frames(self, numbers: Iterable[int]) -> Iterator[np.ndarray]:
        """The frames asked for, as `(height, width, 3)` arrays of bytes; one array is used for all."""
        with lacking_glyphs():
            for k in numbers:
                self.draw(k)
                self.canvas.draw()
                yield np.asarray(self.canvas.buffer_rgba())[..., :3]
