"""Functions that take an axes draw what they were given and return it; one style, light and dark."""

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.colors import to_rgb, to_rgba
from matplotlib.figure import Figure

from jspline import plot
from jspline.plot._dates import show_dates


@pytest.fixture
def ax():
    with plot.style("light"):
        yield Figure().add_subplot()


def luminance(colour):
    parts = np.array(to_rgb(colour))
    return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4) @ [0.2126, 0.7152, 0.0722]


def test_neurons_in_the_plane(ax):
    dots = plot.delta_slopes(ax, [0.0, 1.0, 5.0], [1.0, -2.0, 9.0], [1.0, -1.0, 0.0])
    np.testing.assert_array_equal(dots.get_offsets(), [[0, 1], [1, -2]])
    np.testing.assert_allclose(dots.get_facecolor()[:, :3], [to_rgb(plot.RIGHT), to_rgb(plot.LEFT)])


def test_an_axis_of_days_shows_dates(ax):
    ax.plot([0.0, 400.0], [1.0, 2.0])
    ax.set(xlabel="when (days since 2019-04-14)", ylabel="height, m (days)")
    show_dates(ax.figure)
    ax.figure.canvas.draw()
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("when", "height, m (days)")
    names = {round(tick): label.get_text() for tick, label in zip(ax.get_xticks(), ax.get_xticklabels(), strict=True)}
    assert names[262] == "2020"  # 2020-01-01 is 262 days later
    assert names[17] == "May"
    # A time of day, and one with a zone.
    for first in ("2021-03-20T09:37:00", "2021-03-20T09:37:00+00:00"):
        other = Figure().add_subplot()
        other.plot([0.0, 0.25], [1.0, 2.0])
        other.set_xlabel(f"when (days since {first})")
        show_dates(other.figure)
        other.figure.canvas.draw()
        assert "10:00" in [label.get_text() for label in other.get_xticklabels()]


def test_drives_and_their_signs(ax):
    right, left = plot.drives(ax, [0.0, 1.0], [[1.0, 2.0], [3.0, 4.0]])
    np.testing.assert_array_equal(right.get_ydata(), [1, 2])
    np.testing.assert_array_equal(left.get_ydata(), [3, 4])
    assert (right.get_color(), left.get_color()) == (plot.RIGHT, plot.LEFT)
    zeros, signs = np.array([[0.1, 0.2, np.nan], [0.3, np.nan, np.nan]]), np.array([[1, -1, 0], [-1, 0, 0]])
    drawn = [marker.get_xdata().tolist() for marker in plot.drive_signs(ax, zeros, signs)]
    assert drawn == [[0.1], [0.2], [], [0.3]]


def test_a_row_of_ticks_for_each_kind_of_event(ax):
    rows = plot.event_ticks(ax, [1.0, 2.0, 3.0], [0, 2, 0])
    assert [[segment[0, 0] for segment in row.get_segments()] for row in rows] == [[1, 3], [2]]
    assert [text.get_text() for text in ax.texts] == ["2 crossings", "1 release"]


def test_a_style_inside_a_style_is_the_outer_one():
    before = mpl.rcParams["axes.facecolor"]
    with plot.style("dark") as dark:
        with plot.style() as inner:
            assert inner == dark == plot.theme() == plot.THEMES["dark"]
            assert mpl.rcParams["axes.facecolor"] == dark.paper
        line = plot.losses(Figure().add_subplot(), [1.0, 2.0], [[2.0, 1.0]])
        assert to_rgba(dark.quiet)[:3] == tuple(line.get_color()[0, :3])
    assert plot.theme() == plot.THEMES["light"]
    assert mpl.rcParams["axes.facecolor"] == before
    with pytest.raises(ValueError, match="must be 'light' or 'dark'; got 'blue'"), plot.style("blue"):
        pass


@pytest.mark.parametrize("name", ["light", "dark"])
def test_colours_are_seen_and_told_apart(name):
    """Text and lines stand out from the paper, and both orientations differ for the colour-blind (by Vienot)."""
    theme = plot.THEMES[name]
    paper = luminance(theme.paper)

    def contrast(colour):
        high, low = sorted([luminance(colour), paper], reverse=True)
        return (high + 0.05) / (low + 0.05)

    assert contrast(theme.ink) > 12
    assert contrast(theme.right) > 3
    assert contrast(theme.left) > 3
    deuteranope = np.array([[0.29275, 0.70725, 0], [0.29275, 0.70725, 0], [-0.02234, 0.02234, 1]])
    protanope = np.array([[0.11238, 0.88762, 0], [0.11238, 0.88762, 0], [0.00401, -0.00401, 1]])
    for seen in (np.eye(3), deuteranope, protanope):
        right, left = (seen @ np.array(to_rgb(colour)) ** 2.2 for colour in (theme.right, theme.left))
        assert np.linalg.norm(right - left) > 0.35
