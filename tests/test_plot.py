"""Functions that take an axes draw what they were given and return it; one style, light and dark."""

import base64
import json
import os
import re
import warnings
from datetime import datetime, timedelta
from xml.etree import ElementTree

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb, to_rgba
from matplotlib.figure import Figure
from xarray import DataArray, Dataset

from jspline import plot
from jspline._text import labels
from jspline.plot._axes import make_room, tell_ticks_apart
from jspline.plot._dates import date_ticks, show_dates


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


NAME = "US$ vs CA$ a_$b^$c <!--<&\"'"
X = 1.7e9 + np.linspace(0, 3600, 9)
Y = 1e6 + np.sin(X / 900)


def flow_figure(x=X, y=Y, name=NAME):
    path, ones = ("inits", "times", "width"), np.ones((2, 3, 4))
    flow = Dataset(
        {
            "x": ("data", x, {"long_name": name}), "y": ("data", y, {"long_name": name}),
            "fit": (("inits", "grid"), np.full((2, 11), np.mean(y))), "loss": (path[:2], ones[..., 0]),
            "beta": (path, np.mean(x) * ones), "mu": (path, ones), "s": (path, ones), "t_end": ("inits", [10.0, 10.0]),
        },
        {"times": [0.0, 1.0, 10.0], "grid": np.linspace(min(x), max(x), 11)},
        {"least_possible_loss": 0.0},
    )  # fmt: skip
    return plot.flow_figure(flow, title=name)


def fit_figure(x=X, y=Y, name=NAME, pieces=3, apex=None):
    counted = 1e9 + np.arange(pieces)[None]
    fit = y if apex is None else np.where(np.arange(9) == 4, apex, y)
    fitted = Dataset(
        {
            "x": ("data", x, {"long_name": name}), "y": ("data", y, {"long_name": name}),
            "fit": (("kind", "grid"), fit[None]), "breaks": (("kind", "knots"), x[None, :1]),
            "sse": (("kind", "tried"), counted), "criterion": (("kind", "tried"), counted),
            "pieces": ("kind", [pieces]),
        },
        {"kind": ["optimal"], "grid": x},
    )  # fmt: skip
    return plot.fit_figure(fitted, title=name)


def hessian_figure():
    causes = list(plot.CAUSES)[1:]
    curved = Dataset(
        {
            "x": ("data", X, {"long_name": NAME}), "theta": ("params", [1.0, -X[4], 1.0, 0.0]),
            "eigenvalues": (("matrix", "rank"), Y[None]),
            "zeros": (("matrix", "cause"), np.zeros((1, len(causes)), int)),
            "slice": (("neuron", "beta"), Y[None]), "knot_type": (("neuron", "data"), [["passthrough"] * 9]),
        },
        {"matrix": ["one"], "cause": causes, "neuron": [0], "beta": X},
    )  # fmt: skip
    return plot.hessian_figure(curved, title=NAME)


def sweep_figure(axis=("a", "b")):
    coords = {NAME: list(axis), "of": [NAME, "c"]}
    values = DataArray(np.ones((len(axis), 2, 3)), dims=(NAME, "of", "inits"), coords=coords)
    return plot.sweep_figure(NAME, Dataset({"loss": values}))


def film_figure(y=Y, name=NAME):
    frames, ends = 3, np.repeat(X, 2)[1:-1]
    return plot.Film(
        plot.Reel(
            x=X, y=y, times=np.array([0.0, 1.0, 2.0]), grid=X, fit=np.tile(y, (frames, 1)),
            beta=np.tile(X, (frames, 1)),
            mu=np.ones((frames, 9)), s=np.ones((frames, 9)), edges=ends, psi=np.ones((frames, 2, ends.size)),
            zeros=np.full((frames, 2, 1), X[4]), signs=np.ones((frames, 2, 1)), loss=np.ones(frames), floor=0.0,
            event_times=np.ones(1), event_kinds=np.zeros(1, int),
        ), title=name, x_name=name, y_name=name, height=240,
    )  # fmt: skip


FIGURES = {
    "flow": (flow_figure, 4),
    "fit": (fit_figure, 3),
    "hessian": (hessian_figure, 2),
    "sweep": (sweep_figure, 3),
    "film": (lambda: film_figure().figure, 4),
}


@pytest.mark.parametrize("name", FIGURES)
def test_names_are_drawn_as_they_are_written(name, tmp_path):
    """Bug: dollars were taken for formulas, which ended commands, or were left out. And no number is printed apart
    from its axis: matplotlib's "1e6" stood over the legend."""
    figure, times = FIGURES[name]
    drawn = figure()
    plot.save(drawn, tmp_path / "it.svg")
    said = ["".join(text.itertext()).strip() for text in ElementTree.parse(tmp_path / "it.svg").iter() if
            text.tag.endswith("}text")]  # fmt: skip
    assert sum(NAME in text for text in said) >= times, said
    assert [axis.get_offset_text().get_text() for ax in drawn.axes for axis in (ax.xaxis, ax.yaxis)] == [""] * (
        2 * len(drawn.axes)
    )


def test_ticks_far_from_0_are_told_apart_and_the_name_says_how_far():
    figure = flow_figure(name="time")
    figure.canvas.draw()
    main = figure.axes[0]
    assert (main.get_xlabel(), main.get_ylabel()) == ("time \N{MINUS SIGN} 1.7e9", "time \N{MINUS SIGN} 1e6")
    ticks = [text.get_text() for text in main.get_xticklabels()]
    assert len(set(ticks)) == len(ticks) > 4
    assert {"0", "1000", "2000"} <= set(ticks)


def test_a_panel_whose_name_stands_below_has_it_where_numbers_lack_a_part():
    """Bug: above the drive stood "minus 1.7e9", of nothing."""
    main, drive = film_figure(name="time").figure.axes[:2]
    assert main.get_xlabel() == drive.get_xlabel() == "time \N{MINUS SIGN} 1.7e9"


def test_fits_are_inside_their_picture_unless_they_are_far_from_the_data():
    """Bug: the limits were those of the data, which cut off where lines meet."""
    for apex, shown in ((1.5, 1.5), (-0.4, -0.4), (1e6, 2.0)):
        low, high = fit_figure(y=np.array([0.0, 1, 0, 1, 0, 1, 0, 1, 0]), apex=apex).axes[0].get_ylim()
        assert low < shown < high < 1e3


def test_a_sweep_of_one_value_has_one_tick():
    """Bug: the axis went from 3.80 to 4.20."""
    for ax in sweep_figure([4.0]).axes:
        assert [text.get_text() for text in ax.get_xticklabels()] == ["4"]


def test_a_loss_that_hardly_falls_has_ticks_that_differ():
    """Bug: on a logarithmic axis they were 1, 1 and 1 times 10^6."""
    figure = hessian_figure()
    figure.canvas.draw()
    ax = figure.axes[0]
    said = [text.get_text() for text in ax.get_yticklabels()]
    assert len(set(said)) == len(said) > 3
    assert ax.get_ylabel() == "|eigenvalue| \N{MINUS SIGN} 1e6"


def test_one_piece_is_one_tick():
    """Bug: the axis of the pieces went from 0.945 to 1.055."""
    figure = fit_figure(pieces=1)
    figure.canvas.draw()
    for ax in figure.axes[1:]:
        low, high = ax.get_xlim()
        assert [tick for tick in ax.get_xticks() if low <= tick <= high] == [1]


def test_the_name_of_an_axis_is_inside_a_frame_whatever_the_numbers():
    film = film_figure(y=123456.7 * np.cos(np.arange(9)))
    film.figure.canvas.draw()
    for ax in film.figure.axes:
        box = ax.get_tightbbox()
        assert box.x0 >= 0
        assert box.y0 >= 0


@pytest.mark.parametrize("left", [0.05, 0.3])
def test_long_numbers_move_a_grid_in(left):
    """Bug: in the film of infinite width they pushed the name of the axis over the edge."""
    figure = Figure()
    FigureCanvasAgg(figure)
    parts = figure.add_gridspec(2, 2, left=left)
    axes = [figure.add_subplot(parts[k, 0]) for k in range(2)]
    other = figure.add_subplot(parts[1, 1]).twinx()
    axes[1].plot([0, 1], [-123456.7, 123456.7])
    axes[1].set_ylabel("voltage")
    tell_ticks_apart(figure)
    make_room(parts, *axes)
    figure.canvas.draw()
    begins = [ax.get_position().x0 for ax in axes]
    assert axes[1].get_tightbbox().x0 >= 0
    assert begins[0] == begins[1]
    assert (begins[0] > left + 1e-6) == (left == 0.05)
    assert other.get_position().x0 > 0.5


def test_thousands_of_marks_are_a_bitmap_in_an_svg(tmp_path):
    """Bug: 100,000 dots made 12.6 MB."""
    x = np.linspace(0, 1, 20_000)
    plot.save(flow_figure(x, np.cos(x)), tmp_path / "many.svg")
    assert os.path.getsize(tmp_path / "many.svg") < 400_000
    plot.save(flow_figure(), tmp_path / "few.svg")
    assert "<image" not in (tmp_path / "few.svg").read_text()


def test_characters_that_no_font_has_are_said_once(tmp_path):
    figure = flow_figure(name="\U000f1234 and \U000f4321")
    with pytest.warns(UserWarning, match="No font here has \U000f1234 \U000f4321: a picture shows boxes") as caught:
        plot.save(figure, tmp_path / "it.png")
    assert len(caught) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plot.save(flow_figure(), tmp_path / "it.png")


def test_a_page_holds_any_name_and_data_far_from_0(tmp_path):
    """Bugs: "<!--<script>" in a name hid the rest of the page, and float32 held 1.7e9 to 128 only."""
    page = plot.film_html(film_figure())
    assert "<!--<" not in page
    held = json.loads(re.search(r'id="reel">(.*?)</script>', page)[1])
    assert held["title"] == NAME
    assert held["x_name"] == f"{NAME} \N{MINUS SIGN} 1.7e9"
    for name, values in (("x", X), ("y", Y), ("grid", X), ("beta", np.tile(X, 3))):
        got = held["bases"][name] + np.frombuffer(base64.b64decode(held[name]), "<f4").astype(float)
        np.testing.assert_allclose(got - values[0], values - values[0], atol=1e-6 * np.ptp(values))


@pytest.mark.browser
def test_the_page_writes_ticks_as_pictures_do(browser, tmp_path):
    path = tmp_path / "film.html"
    path.write_text(plot.film_html(film_figure()), encoding="utf-8")
    page, errors = browser.new_page(viewport={"width": 390, "height": 800}), []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(path.as_uri())
    assert page.inner_text("#title") == NAME
    rng = np.random.default_rng(0)
    for _ in range(200):
        step = rng.choice([1, 2, 2.5, 5]) * 10.0 ** rng.integers(-9, 10)
        ticks = step * (rng.integers(-1000, 1000) + np.arange(rng.integers(1, 8)))
        assert page.evaluate("(ticks) => labels(ticks)", ticks.tolist()) == labels(ticks)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert errors == []
    page.close()


@pytest.mark.parametrize("most", [3, 4, 5, 8])
@pytest.mark.parametrize(("low", "high"), [(0.0, 0.3), (-1.0, 2.0), (-10.0, 400.0), (-2000.0, 40_000.0)])
def test_ticks_of_dates_for_pages(low, high, most):
    """They are where round dates are, and say them."""
    first = datetime(2020, 1, 31, 6)
    ticks = date_ticks("when (days since 2020-01-31T06:00:00)", low, high, most)
    assert ticks.name == "when"
    assert 2 <= len(ticks.at) <= most + 2
    for day, said in zip(ticks.at, ticks.said, strict=True):
        assert low <= day <= high
        date = first + timedelta(seconds=round(day * 86_400))
        assert said in [f"{date:{form}}" for form in ("%Y", "%b", "%d", "%b-%d", "%H:%M")], (date, said)
    assert date_ticks("day 3", low, high, most) is None
