"""Axes of dates: what a table gives as days since the first of its dates is shown as dates."""

import re
import warnings
from datetime import datetime
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axis import Axis
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num, num2date
from matplotlib.figure import Figure
from matplotlib.ticker import Formatter, Locator

SINCE = re.compile(r"(?P<name>.*) \(days since (?P<first>\d{4}-\d\d-\d\d\S*)\)", re.DOTALL)
"""How a column of dates is named, as in netCDF files."""


def show_dates(figure: Figure) -> None:
    """Give dates to every axis that is named `... (days since 2020-01-31)`, and take this from its name."""
    for ax in figure.axes:
        for axis in (ax.xaxis, ax.yaxis):
            axis.set_label_text(as_dates(axis, axis.get_label_text()))


def as_dates(axis: Axis, name: str) -> str:
    """Give dates to an axis of that name, if it is one of dates; the name without its unit, if so."""
    found = SINCE.fullmatch(name)
    if found is None:
        return name
    ticks = _Ticks(found["first"], AutoDateLocator())
    axis.set_major_locator(ticks)
    axis.set_major_formatter(_Names(ticks))
    return found["name"]


class DateTicks(NamedTuple):
    """The ticks of an axis of dates, for pages.

    Attributes:
        name: of the axis, without its unit.
        at: where they are, in days since the first date.
        said: what stands there.
        shared: what they have in common, to be said once.
    """

    name: str
    at: list[float]
    said: list[str]
    shared: str


def date_ticks(name: str, low: float, high: float, most: int) -> DateTicks | None:
    """About so many ticks between `low` and `high` on an axis of that name, and two at least; None if not of dates."""
    found = SINCE.fullmatch(name)
    if found is None:
        return None
    at: list[float] = []
    while len(at) < 2:  # matplotlib may find fewer than it could
        ticks = _Ticks(found["first"], AutoDateLocator(minticks=min(3, most), maxticks=most))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of that
            at = [float(t) for t in ticks.tick_values(low, high) if low <= t <= high]
        most += 1
    names = _Names(ticks)
    return DateTicks(found["name"], at, names.format_ticks(at), names.get_offset())


class _Ticks(Locator):
    """Where matplotlib has the ticks of dates, on an axis of days since the first."""

    def __init__(self, first: str, dates: AutoDateLocator):
        self.begin, self.dates = float(date2num(datetime.fromisoformat(first))), dates

    def __call__(self) -> Any:
        return self.tick_values(*self.axis.get_view_interval())  # type: ignore[union-attr]

    def tick_values(self, vmin: float, vmax: float) -> Any:
        low, high = sorted((vmin, vmax))
        return self.dates.tick_values(num2date(low + self.begin), num2date(high + self.begin)) - self.begin


class _Names(Formatter):
    """As short as they can be told apart; what they share stands at the end of the axis."""

    def __init__(self, ticks: _Ticks):
        self.begin, self.names = ticks.begin, ConciseDateFormatter(ticks.dates)

    def __call__(self, value: float, pos: Any = None) -> str:
        return f"{num2date(value + self.begin):%Y-%m-%d}"

    def format_ticks(self, values: Any) -> list[str]:
        return self.names.format_ticks(np.asarray(values) + self.begin)

    def get_offset(self) -> str:
        return self.names.get_offset()
