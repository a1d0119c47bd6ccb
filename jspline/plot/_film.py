"""A film of one network learning: five views of each frame, drawn once and then only updated."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.colors import to_rgba_array
from matplotlib.figure import Figure
from matplotlib.gridspec import SubplotSpec
from matplotlib.lines import Line2D
from numpy.typing import ArrayLike

from jspline.plot._axes import as_written, make_room, tell_ticks_apart
from jspline.plot._dates import as_dates, show_dates
from jspline.plot._flow import range_of, rug, rug_key
from jspline.plot._reel import Reel
from jspline.plot._style import lacking_glyphs, save, style, theme

BETA, MU, PSI = "\N{GREEK SMALL LETTER BETA}", "\N{GREEK SMALL LETTER MU}", "\N{GREEK SMALL LETTER PSI}"
APART = 0.075
"""Triangles of the two drives often share a place: the right-facing are this much above 0, the others below."""

EVENTS = (("crossing", "ink"), ("slide", 0), ("release", 2), ("flip", 1), ("parking", 3), ("departure", 3))
"""Name and colour (of the style) of each kind of event, in the order of `dynamics.KINDS`."""


def delta_slopes(ax: Axes, beta: ArrayLike, mu: ArrayLike, s: ArrayLike) -> PathCollection:
    """The neurons in the plane of breakpoint and delta-slope, coloured by orientation.

    Args:
        ax: where to draw.
        beta, mu, s: breakpoints, delta-slopes and orientations, `(width,)`. Neurons with s = 0 are left out.
    """
    dots = ax.scatter([], [], s=26, alpha=0.75, linewidths=0)
    there = np.asarray(s) != 0
    place_dots(dots, np.asarray(beta)[there], np.asarray(mu)[there], np.asarray(s)[there], _orientations())
    ax.update_datalim(dots.get_offsets())
    ax.autoscale_view()
    return dots


def drives(ax: Axes, edges: ArrayLike, psi: ArrayLike) -> list[Line2D]:
    """The drives of right-facing and of left-facing breakpoints: a line on each interval, jumps at the data.

    Args:
        ax: where to draw.
        edges: both ends of every interval, `(ends,)`.
        psi: the drives there, `(2, ends)`.
    """
    ax.axhline(0, color=theme().quiet, lw=0.8, zorder=0)
    return [
        ax.plot(np.asarray(edges), row, color=colour, lw=1.6)[0]
        for row, colour in zip(np.asarray(psi), (theme().right, theme().left), strict=True)
    ]


def drive_signs(ax: Axes, zeros: ArrayLike, signs: ArrayLike) -> list[Line2D]:
    """Where the drives change sign: a triangle up attracts breakpoints with mu > 0, one down those with mu < 0.

    Args:
        ax: where to draw.
        zeros, signs: as in a `Reel`, `(2, places)`.

    Returns:
        Markers: up and down of the right-facing drive, then up and down of the left-facing one.
    """
    markers = []
    for colour in (theme().right, theme().left):
        for marker in "^v":
            markers += ax.plot([], [], marker, ms=8.5, mfc=colour, mec=theme().paper, mew=0.8, ls="", clip_on=True)
    place_signs(markers, np.asarray(zeros), np.asarray(signs))
    return markers


def event_ticks(ax: Axes, times: ArrayLike, kinds: ArrayLike) -> list[LineCollection]:
    """Events as ticks in rows at the bottom of an axes over time, a row for each kind that there is.

    Args:
        ax: where to draw.
        times, kinds: of the events; kinds are places in `dynamics.KINDS`.
    """
    times, kinds = np.asarray(times), np.asarray(kinds)
    rows = []
    for row, kind in enumerate(np.unique(kinds)):
        colour = theme().pick(EVENTS[kind][1])
        base = 0.02 + ROW * row
        when = times[kinds == kind]
        # Thousands of ticks on top of each other are a bar: lighter, so that their density shows.
        alpha = float(np.clip(40 / max(len(when), 1), 0.12, 0.9))
        ticks = LineCollection([[(t, base), (t, base + 0.8 * ROW)] for t in when], colors=colour, lw=1.4)
        ticks.set(transform=ax.get_xaxis_transform(), alpha=alpha)
        ax.add_collection(ticks, autolim=False)
        ax.text(1.012, base + 0.4 * ROW, event_name(kind, len(when)), transform=ax.transAxes, va="center", fontsize=10,
                color=colour)  # fmt: skip
        rows.append(ticks)
    return rows


ROW = 0.085
"""Height of a row of event ticks, in parts of the axes."""


class Film:
    """A figure that shows any frame of a reel: the function, the drive, the (beta, mu) plane, the loss and the clock.

    Attributes:
        figure: a matplotlib figure.
    """

    def __init__(
        self,
        reel: Reel,
        *,
        title: str = "",
        x_name: str = "x",
        y_name: str = "y",
        theme: Literal["light", "dark"] = "light",
        height: int = 1080,
    ):
        """Set the stage.

        Args:
            reel: what to show.
            title: of the figure.
            x_name, y_name: labels of the axes.
            theme: the style.
            height: of a frame, in pixels; the width is 16/9 of it.
        """
        self.reel, self.title, self.x_name, self.y_name = reel, title, x_name, y_name
        shown = np.array([_in_view(reel, k) for k in range(len(reel.times))])
        seen = reel.mu[shown]
        self.largest = float(np.max(np.abs(seen), initial=0.0)) or 1.0
        # A drive that is this small beside the first is rounding, and is not blown up.
        self.faint = 1e-9 * float(np.max(np.abs(reel.psi))) or 1.0
        self.x_range = float(reel.grid[0]), float(reel.grid[-1])
        low, high = range_of(np.concatenate([reel.y, _bulk(reel.fit, 0.002)]))
        self.y_range = low - 0.2 * (high - low), high
        # What is there at the end is inside, however far it came.
        self.mu_range = range_of(np.concatenate([_bulk(seen, 0.0005), reel.mu[-1][shown[-1]]]), 0.08)
        self.loss_range = _loss_range(reel)
        self._moving: list[Artist] = []
        with style(theme):
            self.colours = _orientations()
            self.figure = Figure(figsize=(12.8, 7.2), dpi=height / 7.2)
            self.canvas = FigureCanvasAgg(self.figure)
            self._stage()
        self.draw(0)

    def _stage(self) -> None:
        self.figure.text(0.02, 0.945, as_written(self.title), fontsize=17)
        # From a fixed left edge, so that the clock does not jitter with the width of its digits.
        self.clock = self._moves(self.figure.text(0.872, 0.945, "", fontsize=17))
        parts = self.figure.add_gridspec(
            2, 2, width_ratios=[1.5, 1], height_ratios=[1.45, 1], left=0.064, right=0.905, top=0.885, bottom=0.085,
            wspace=0.19, hspace=0.3,
        )  # fmt: skip
        places = parts[0, 0], parts[1, 0], parts[0, 1], parts[1, 1]
        main, drive = self._function(places[0]), self._drive(places[1])
        self._plane(places[2])
        show_dates(self.figure)
        as_dates(main.xaxis, self.x_name)
        self._history(places[3])
        tell_ticks_apart(self.figure)
        if main.get_xlabel():  # what its numbers lack: then its name too, which else stands below
            main.set_xlabel(drive.get_xlabel())
        make_room(parts, main)

    def _function(self, place: SubplotSpec) -> Axes:
        r, colours = self.reel, theme()
        main = self.figure.add_subplot(place)
        main.plot(r.x, r.y, "o", ms=4.5, mfc="none", mec=colours.quiet, mew=1.3, zorder=1)
        self.line = self._moves(main.plot(r.grid, r.fit[0], color=colours.ink, lw=2.4, zorder=3)[0])
        main.set(xlim=self.x_range, ylim=self.y_range, ylabel=as_written(self.y_name))
        main.set_title("The function, and its breakpoints below")
        rug_key(main, f"breakpoints, taller with |{MU}|", height=0.135, size=11)
        self.rug = self._moves(rug(main, r.beta[0], base=0.012, height=0.12))
        self.rug.set_linewidth(1.8)
        return main

    def _drive(self, place: SubplotSpec) -> Axes:
        r, drive = self.reel, self.figure.add_subplot(place)
        drive.set(xlim=self.x_range, ylim=(-1.12, 1.12), xlabel=as_written(self.x_name))
        up, down = "\N{BLACK UP-POINTING TRIANGLE}", "\N{BLACK DOWN-POINTING TRIANGLE}"
        key = f"{up} attracts {MU} > 0  {down} attracts {MU} < 0"
        drive.annotate(key, (1, 1.03), xycoords="axes fraction", ha="right", va="bottom", fontsize=11)
        self.lines = [self._moves(line) for line in drives(drive, r.edges, r.psi[0])]
        self.markers = [self._moves(marker) for marker in drive_signs(drive, r.zeros[0], r.signs[0])]
        self.scale = self._moves(drive.set_title(" "))
        return drive

    def _plane(self, place: SubplotSpec) -> Axes:
        r, plane = self.reel, self.figure.add_subplot(place)
        plane.axhline(0, color=theme().quiet, lw=0.8, zorder=0)
        plane.set_xlabel(f"breakpoint {BETA}" + f", {as_written(self.x_name)}" * (self.x_name != "x"))
        plane.set_title(f"Breakpoints {BETA} and delta-slopes {MU}")
        self.dots = self._moves(delta_slopes(plane, r.beta[0], r.mu[0], r.s[0]))
        plane.set(xlim=self.x_range, ylim=self.mu_range)
        plane.locator_params("x", nbins=5)  # else a still may have others than its frame
        return plane

    def _history(self, place: SubplotSpec) -> Axes:
        r, colours = self.reel, theme()
        history = self.figure.add_subplot(place)
        after = r.times > 0
        history.plot(r.times[after], r.loss[after], color=colours.quiet, lw=2)
        if r.floor > 0:
            history.axhline(r.floor, color=colours.ink, lw=1, ls=(0, (4, 3)))
            history.annotate("least possible", (0.01, r.floor), xycoords=("axes fraction", "data"), xytext=(0, 3),
                             textcoords="offset points", va="bottom", fontsize=10)  # fmt: skip
        history.set(xscale="log", yscale="log", xlim=(r.times[after][0], r.times[-1]), ylim=self.loss_range)
        history.set(xlabel="time t", title="Loss, and events" if r.event_kinds.size else "Loss")
        event_ticks(history, r.event_times, r.event_kinds)
        self.cursor = self._moves(history.axvline(r.times[after][0], color=colours.ink, lw=1.2))
        self.dot = self._moves(history.plot([], [], "o", ms=8, color=colours.ink, clip_on=False)[0])
        return history

    def _moves(self, artist: Any) -> Any:
        artist.set_animated(True)
        self._moving.append(artist)
        return artist

    def draw(self, k: int) -> list[Artist]:
        """Show frame k, and return the artists that change. `figure.savefig` then writes that frame."""
        r, t = self.reel, self.reel.times[k]
        self.clock.set_text(f"t = {_number(t, 3)}")
        self.line.set_ydata(r.fit[k])
        shown = _in_view(r, k)
        heights = 0.012 + 0.112 * np.sqrt(np.abs(r.mu[k][shown]) / self.largest).clip(0.12, 1)
        place_ticks(self.rug, r.beta[k][shown], r.s[k][shown], heights, self.colours)
        place_dots(self.dots, r.beta[k][shown], r.mu[k][shown], r.s[k][shown], self.colours)
        size = float(np.max(np.abs(r.psi[k])))
        for line, row in zip(self.lines, r.psi[k] / max(size, self.faint), strict=True):
            line.set_ydata(row)
        place_signs(self.markers, r.zeros[k], r.signs[k])
        self.scale.set_text(f"Drive {PSI} over its largest, {_number(size, 2)}")
        at = max(t, self.cursor.axes.get_xlim()[0])
        self.cursor.set_xdata([at, at])
        self.dot.set_data([at], [r.loss[k]])
        return self._moving

    def frames(self, numbers: Iterable[int] | None = None) -> Iterator[np.ndarray]:
        """The frames, all or those asked for, as `(height, width, 3)` arrays of bytes.

        What stands still is drawn once. The array of one frame is overwritten by the next.
        """
        with lacking_glyphs():
            self.canvas.draw()
        still = self.canvas.copy_from_bbox(self.figure.bbox)
        pixels = np.asarray(self.canvas.buffer_rgba())
        for k in range(len(self.reel.times)) if numbers is None else numbers:
            self.canvas.restore_region(still)
            for artist in self.draw(k):
                self.figure.draw_artist(artist)
            yield pixels[..., :3]

    def save(self, path: Path, k: int) -> None:
        """Write frame k, in the format that the name says."""
        self.draw(k)
        for artist in self._moving:
            artist.set_animated(False)
        try:
            save(self.figure, path, dpi=self.figure.dpi)
        finally:
            for artist in self._moving:
                artist.set_animated(True)


def place_ticks(ticks: LineCollection, beta: np.ndarray, s: np.ndarray, heights: np.ndarray, colours: Any) -> None:
    """Move the ticks of a rug: where, which way the neurons face, and how high the ticks reach."""
    low = np.full_like(beta, 0.012)
    ticks.set_segments(list(np.stack([np.stack([beta, low], -1), np.stack([beta, heights], -1)], axis=1)))
    ticks.set_color(colours[(s > 0).astype(int)])


def place_dots(dots: PathCollection, beta: np.ndarray, mu: np.ndarray, s: np.ndarray, colours: Any) -> None:
    """Move the dots of `delta_slopes`."""
    dots.set_offsets(np.stack([beta, mu], axis=-1))
    dots.set_facecolor(colours[(s > 0).astype(int)])


def place_signs(markers: list[Line2D], zeros: np.ndarray, signs: np.ndarray) -> None:
    """Move the markers of `drive_signs`."""
    kinds = [(row, sign) for row in (0, 1) for sign in (1, -1)]
    for marker, (row, sign) in zip(markers, kinds, strict=True):
        there = zeros[row][signs[row] == sign]
        marker.set_data(there, np.full_like(there, APART if row == 0 else -APART))


def _number(value: float, digits: int) -> str:
    """With this many digits at any time, so that what stands beside it keeps still."""
    return f"{value:,.0f}" if value == 0 or 10 ** (digits - 1) <= value < 1e6 else f"{value:#.{digits}g}"


def _orientations() -> np.ndarray:
    """The colours of left and right, to be indexed by whether s > 0."""
    return to_rgba_array([theme().left, theme().right])


def _in_view(reel: Reel, k: int) -> np.ndarray:
    return (reel.s[k] != 0) & (reel.beta[k] >= reel.grid[0]) & (reel.beta[k] <= reel.grid[-1])


def _bulk(values: np.ndarray, share: float) -> np.ndarray:
    """The range of all values but a share on either side, so that a few stray ones do not flatten the picture."""
    return np.quantile(values, [share, 1 - share]) if values.size else np.array([-1.0, 1.0])


def _loss_range(reel: Reel) -> tuple[float, float]:
    """With room below the curve for the rows of event ticks."""
    positive = reel.loss[reel.loss > 0]
    if not positive.size:
        return 0.1, 1.0
    top, bottom = float(positive.max()), float(positive.min())
    if reel.floor > 0:
        bottom = min(bottom, reel.floor)
    decades = max(np.log10(top / bottom), 0.5)
    room = 0.08 + ROW * np.unique(reel.event_kinds).size
    return bottom * 10 ** (-decades * room / (1 - room)), top * 10 ** (0.08 * decades)


def event_name(kind: int, count: int) -> str:
    """How many events of a kind, in words."""
    one = EVENTS[kind][0]
    return f"{count} {one if count == 1 else one + 's'}"
