"""Reading a data set: from a CSV file, or one of the built-in ones by name."""

import codecs
import csv
import math
import re
from collections.abc import Sequence
from datetime import datetime, time, timedelta
from importlib import resources
from io import StringIO
from os import PathLike
from pathlib import Path
from typing import NamedTuple

import numpy as np

from jspline.datasets import _synthetic
from jspline.datasets._dataset import Dataset

SERIES: dict[str, list[str] | None] = {
    "mcycle": None,
    "nile": None,
    "trees": ["diameter_in", "height_ft"],
    "quakes": ["longitude_deg", "latitude_deg"],
    "stackloss": ["air_flow", "water_temp", "acid_conc"],
}
"""The columns of the inputs, where there are several; the outputs are in the next."""

FUNCTIONS = {
    "sine": _synthetic.sine,
    "quadratic": _synthetic.quadratic,
    "square_wave": _synthetic.square_wave,
    "smooth_gap": _synthetic.smooth_gap,
    "sharp_gap": _synthetic.sharp_gap,
    "teacher": _synthetic.teacher,
    "xor": _synthetic.xor,
    "circles": _synthetic.circles,
}
NAMES = (*SERIES, *FUNCTIONS)


class Table(NamedTuple):
    """A data set with the names of its columns.

    Attributes:
        data: the points.
        x_name, y_name: of the columns; of several inputs all, with commas between. Dates are named as in netCDF files,
            `when (days since 2020-01-31)`.
        notes: what was made of the file and cannot be seen in the data, a sentence each.
        x_names: of several inputs one by one, else empty.
    """

    data: Dataset
    x_name: str
    y_name: str
    notes: tuple[str, ...] = ()
    x_names: tuple[str, ...] = ()


def load(name: str) -> Dataset:
    """A built-in data set: `mcycle`, `nile` (real series), `sine`, `quadratic`, `square_wave`, `smooth_gap`,
    `sharp_gap` or `teacher` (functions at 40 points); of several inputs `trees`, `quakes`, `stackloss` (real), `xor` or
    `circles`.

    mcycle: 133 head accelerations (g) after a simulated motorcycle impact, by time (ms), Silverman (1985).
    nile: annual flow of the Nile at Aswan 1871-1970 (10^8 m^3), Durbin and Koopman (2001).
    trees: timber (ft^3) of 31 black cherry trees, by diameter (in) and height (ft), Ryan, Joiner and Ryan (1976).
    quakes: depth (km) of 1,000 earthquakes near Fiji, by longitude and latitude (degrees), Harvard PRIM-H project.
    stackloss: ammonia lost in a plant on 21 days, by flow of air, temperature of water and acid, Brownlee (1965).

    Raises `ValueError` for another name.
    """
    return load_table(name).data


def load_table(name: str) -> Table:
    """`load`, with the names of the columns."""
    if not isinstance(name, str):
        raise TypeError(f"`name` must be a string; got {type(name).__name__}.")
    if name in FUNCTIONS:
        data = FUNCTIONS[name]()
        return Table(data, "x", "y") if data.on_line else _titled(data, [f"x{d + 1}" for d in range(data.inputs)], "y")
    if name in SERIES:
        with resources.as_file(resources.files("jspline.datasets") / f"{name}.csv") as path:
            return read_table(path, SERIES[name])
    raise ValueError(f"There is no built-in data set {name!r}; choose from {', '.join(NAMES)}.")


def read_csv(
    path: str | Path, x: str | Sequence[str] | None = None, y: str | None = None, *, drop_missing: bool = False
) -> Dataset:
    """Columns of a CSV file as a data set.

    Args:
        path: a text file in UTF-8 (or UTF-16 with its mark) with one row per point, separated by commas, semicolons or
            tabs, with or without a line of column names; lines above that begin with # are skipped.
        x, y: names of the columns, or their numbers from 1 where the file names none; by default the first two. A list
            of names for x, or names with commas between, are several inputs: x of shape `(data, inputs)`.
        drop_missing: leave out the rows in which x or y is missing: empty, or NA, NaN, null, none, `-` or `?`.

    Dates in x, `2020-01-31` or `2020-01-31T12:00Z`, become days since the first of them. Numbers may have commas
    between thousands, or decimal ones, where that is what they must be. Empty columns without a name are not there, and
    row numbers without a name are taken only where there is no other x.

    Raises:
        OSError: when the file cannot be read.
        ValueError: when it is empty or not text, has fewer than two rows or columns, rows of different lengths, lacks
            the columns asked for, has two of their name, or they hold something other than finite numbers; when a
            column is asked for twice.
        TypeError: when x is neither a name nor a list of names.

    Warns when distinct x become equal in JAX's default dtype, as seconds since 1970 do in float32.
    """
    return read_table(path, x, y, drop_missing=drop_missing).data


def read_table(
    path: str | Path, x: str | Sequence[str] | None = None, y: str | None = None, *, drop_missing: bool = False
) -> Table:
    """`read_csv`, with the names of the columns."""
    if not isinstance(path, str | PathLike):
        raise TypeError(f"`path` must be the path of a file; got {type(path).__name__}.")
    if not str(path):
        raise ValueError("The name of a CSV file must not be empty.")
    if re.match(r"[a-z]+://", str(path)):
        raise ValueError(f"{path} is an address: download the file, and give its name.")
    names, rows, counts = _rows(Path(path))
    inputs, y, notes = _chosen(path, names, counts, x, y)
    asked = [inputs] if isinstance(inputs, str) else inputs
    columns = [[Cell(line, cells[names.index(name)]) for line, cells in rows] for name in (*asked, y)]
    missing = [any(cell.text.lower() in MISSING for cell in row) for row in zip(*columns, strict=True)]
    if any(missing) and not drop_missing:
        for name, column in zip((*asked, y), columns, strict=True):
            lines = [cell.line for cell in column if cell.text.lower() in MISSING]
            if lines:
                raise ValueError(
                    f"{path}: column {name!r} must have no missing numbers; {len(lines)} of {len(rows)} are missing, "
                    f"the first in line {lines[0]}. To leave such rows out: --drop-missing (drop_missing=True)."
                )
    if any(missing):
        columns = [[cell for cell, gone in zip(c, missing, strict=True) if not gone] for c in columns]
        notes.append(f"{sum(missing)} of {len(rows)} rows were left out: x or y is missing.")
    cells = [cell.text for column in columns for cell in column]
    if _are_decimal(cells):
        columns = [[cell._replace(text=cell.text.replace(",", ".")) for cell in column] for column in columns]
        notes.append("The commas in its numbers were read as decimal points.")
    count = len(columns[0])
    if count < 2:
        raise ValueError(f"{path} has {count} row{'s' * (count != 1)} of data; at least 2 are needed.")
    known = [_input(column, name, path) for column, name in zip(columns[:-1], asked, strict=True)]
    values, titles = [each for each, _ in known], [title for _, title in known]
    outputs = _numbers(columns[-1], y, path)
    if isinstance(inputs, str):
        return Table(Dataset(values[0], outputs), titles[0], y, tuple(notes))
    return _titled(Dataset(np.stack(values, axis=1), outputs), titles, y, notes)


def _titled(data: Dataset, x_names: Sequence[str], y_name: str, notes: Sequence[str] = ()) -> Table:
    """The table of data with several inputs."""
    return Table(data, ", ".join(x_names), y_name, tuple(notes), tuple(x_names))


def _chosen(
    path: str | Path, names: list[str], counts: bool, x: str | Sequence[str] | None, y: str | None
) -> tuple[str | list[str], str, list[str]]:
    """The column or columns of the inputs, that of the outputs, and what is to be said of columns left out."""
    if x is not None and x == y:
        raise ValueError(f"The inputs and the outputs must be two columns; both were given as {x!r}.")
    if not isinstance(x, str | list | tuple | None) or not all(isinstance(name, str) for name in x or ()):
        raise TypeError(f"`x` must be the name of a column, or a list of names; got {x!r}.")
    inputs: str | list[str] | None = x if isinstance(x, str | None) else list(x)
    if isinstance(inputs, str) and "," in inputs and inputs not in names:
        inputs = [name.strip() for name in inputs.split(",")]
    if inputs == []:
        raise ValueError("`x` must name at least one column; got an empty list.")
    # Row numbers are no column unless they are asked for by name.
    candidates = names[1:] if counts and len(names) > 2 else names
    if len(candidates) < 2:
        raise ValueError(f"{path} has one column; two are needed, separated by commas, semicolons or tabs.")
    # Whichever column was not asked for is the first of the others.
    inputs = inputs if inputs is not None else next((name for name in candidates if name != y), candidates[0])
    asked = [inputs] if isinstance(inputs, str) else inputs
    twice = [name for name in asked if asked.count(name) > 1]
    if twice:
        raise ValueError(f"The inputs must be different columns; {twice[0]!r} was given twice.")
    if y is None:
        y = next((name for name in candidates if name not in asked), None)
        if y is None and not all(name in names for name in asked):
            y = candidates[0]  # which is not what is wrong
    for name in (*asked, *([] if y is None else [y])):
        if name not in names:
            raise ValueError(f"{path} has no column {name!r}; it has {', '.join(map(repr, names))}.")
        if names.count(name) > 1:
            raise ValueError(f"{path} has two columns {name!r}; give every column a name of its own.")
    if y is None:
        raise ValueError(f"All columns of {path} are inputs: there must be one for the outputs.")
    if y in asked:
        raise ValueError(f"The inputs and the outputs must be different columns; {y!r} was given as both.")
    left_out = len(candidates) < len(names) and x is None and names[0] != y
    notes = ["The first column has no name and counts the rows; it was left out."] if left_out else []
    return inputs, y, notes


def _input(column: list["Cell"], name: str, path: str | Path) -> tuple[np.ndarray, str]:
    """The numbers of a column of inputs and its title; days since the first, if it holds dates."""
    dates = [_date(cell, name, path) for cell in column]
    if dates[0] is None:
        return _numbers(column, name, path), name
    days, first = _days(dates, column, name, path)
    return days, f"{name} (days since {first})"


class Cell(NamedTuple):
    """What is written where."""

    line: int
    text: str


SAVE = "save it as UTF-8, in a spreadsheet as CSV UTF-8"

MISSING = ("", "na", "n/a", "nan", "<na>", "null", "none", "-", "?")
"""How a missing number is written, in small letters."""

DATE = re.compile(r"\d{4}-\d\d(-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?( ?(Z|[+-]\d\d:?\d\d))?)?)?")
"""ISO 8601, as far as tables have it: a month, a day, or a time of one."""

GROUPED = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d*)?")
"""A number with commas between thousands, or, with a single one and no point, something else."""


DECIMAL = re.compile(r"[+-]?\d*,\d+([eE][+-]?\d+)?")
"""A number with a decimal comma, if it is not one between thousands."""


def _rows(path: Path) -> tuple[list[str], list[tuple[int, list[str]]], bool]:
    """The names of the columns; of each row the number of its line and its cells; whether the first column has no name
    and counts the rows."""
    try:
        raw = path.read_bytes()
        text = raw.decode("utf-16" if raw[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else "utf-8-sig")
    except FileNotFoundError:
        raise FileNotFoundError(f"{path} does not exist, and is no built-in data set ({', '.join(NAMES)}).") from None
    except IsADirectoryError:
        raise IsADirectoryError(f"{path} is a folder, not a CSV file.") from None
    except OSError as error:
        raise OSError(f"{path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise ValueError(f"{path} is not a text file in UTF-8; if it is a table, {SAVE}.") from None
    except ValueError:  # a zero byte
        raise ValueError(f"{str(path)!r} cannot be the name of a file.") from None
    if "\0" in text:
        raise ValueError(f"{path} is not a text file in UTF-8.")
    # Comments above the table become empty lines, so that lines keep their numbers.
    text = re.sub(r"\A(?:[ \t]*(?:#[^\n]*)?\n)+", lambda found: "\n" * found[0].count("\n"), text)
    try:
        rows = _split(text, _separator(text))
    except csv.Error as error:
        raise ValueError(f"{path} is not a table: {error}.") from None
    if not rows:
        raise ValueError(f"{path} is empty.")
    first = rows[0][1]
    title = f": line {rows[0][0]} may be a title, to be left out" if _length(first) == 1 else ""
    for line, cells in rows:
        if _length(cells) > len(first) or len(cells) < _length(first):
            raise ValueError(
                f"{path} has {len(cells)} cell{'s' * (len(cells) != 1)} in line {line} and {len(first)} in line "
                f"{rows[0][0]}; every row must have as many{title}."
            )
        cells.extend([""] * (len(first) - len(cells)))
    plain = [cell.replace(",", ".") for cell in first]  # decimal commas are numbers too, to be complained of
    are_numbers = [
        _is_number(point) or DATE.fullmatch(cell) is not None or GROUPED.fullmatch(cell) is not None
        for cell, point in zip(first, plain, strict=True)
    ]
    if not any(are_numbers):
        names, rows = first, rows[1:]
    elif all(is_number or cell.lower() in MISSING for is_number, cell in zip(are_numbers, first, strict=True)):
        names = [""] * len(first)
    else:
        raise ValueError(f"The first line of {path} has both names and numbers; name every column, or none.")
    # Columns without names and numbers are what a spreadsheet leaves behind.
    kept = [i for i, name in enumerate(names) if name or any(cells[i] for _, cells in rows)]
    counts = names is first and bool(rows) and _are_row_numbers(names[0], [cells[0] for _, cells in rows])
    return [names[i] or str(i + 1) for i in kept], [(line, [cells[i] for i in kept]) for line, cells in rows], counts


def _separator(text: str) -> str:
    """What occurs most in the first row that has any, outside of quotes."""
    bare = re.sub(r'"(?:[^"]|"")*"', '""', text)
    row = next((line for line in bare.splitlines() if line.strip(" ,;\t") and re.search("[,;\t]", line.strip())), "")
    separator = max(",;\t", key=row.count)
    cells = row.split(";")
    if separator == "," and len(cells) > 1 and all(_is_number(cell.strip().replace(",", ".")) for cell in cells):
        return ";"  # numbers with decimal commas, and no names
    return separator


def _split(text: str, separator: str, most: int | None = None) -> list[tuple[int, list[str]]]:
    """The rows that are not empty, the first `most` of them, each with the number of the line on which it begins."""
    reader = csv.reader(StringIO(text, newline=""), delimiter=separator, skipinitialspace=True)
    rows, line = [], 1
    for cells in reader:
        cells = [cell.strip() for cell in cells]
        if any(cells):
            rows.append((line, cells))
        if len(rows) == most:
            break
        line = reader.line_num + 1
    return rows


def _length(cells: list[str]) -> int:
    """How many cells there are, without empty ones at the end."""
    return max((i + 1 for i, cell in enumerate(cells) if cell), default=0)


def _are_row_numbers(name: str, written: list[str]) -> bool:
    """Whether a column of this name has none, and counts from 0 or 1, as pandas and R write their index."""
    if name and not re.fullmatch(r"Unnamed: \d+", name):
        return False
    return any(written == [str(i + begin) for i in range(len(written))] for begin in (0, 1))


def _date(cell: Cell, name: str, path: str | Path) -> datetime | None:
    """The date, or None for what is not written as one. Raises `ValueError` for one that is not in the calendar."""
    line, text = cell
    if not DATE.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(text.replace(" Z", "Z") if len(text) > 7 else f"{text}-01")
    except ValueError:
        raise ValueError(f"{path}: column {name!r} must hold dates; line {line} is {text!r}, which is none.") from None


def _days(dates: list[datetime | None], cells: list[Cell], name: str, path: str | Path) -> tuple[np.ndarray, str]:
    """Days since the first date, and that date."""
    known: list[datetime] = []
    for date, cell in zip(dates, cells, strict=True):
        if date is None or (date.tzinfo is None) != (dates[0].tzinfo is None):  # type: ignore[union-attr]
            raise ValueError(
                f"{path}: column {name!r} must hold dates of one kind, as {cells[0].text!r}; line {cell.line} is "
                f"{cell.text!r}."
            )
        known.append(date)
    begin = min(known)
    first = begin.date().isoformat() if begin == datetime.combine(begin, time(), begin.tzinfo) else begin.isoformat()
    return np.array([(date - begin) / timedelta(days=1) for date in known]), first


def _numbers(cells: list[Cell], name: str, path: str | Path) -> np.ndarray:
    grouped = any("," in cell.text and _must_be_grouped(cell.text) for cell in cells)
    values = []
    for cell in cells:
        text = cell.text.replace(",", "") if grouped and GROUPED.fullmatch(cell.text) else cell.text
        value = float(text) if _is_number(text) else math.nan
        if not math.isfinite(value):
            hint = ""
            if "," in text and _is_number(text.replace(",", "")):
                # With a decimal comma or one between thousands? Only the writer of the file knows.
                hint = ": write a decimal point, not a comma" + ", or thousands without one" * (
                    GROUPED.fullmatch(text) is not None
                )
            elif re.fullmatch(r"\d{1,4}([/.-])\d{1,2}\1\d{1,4}( .*)?", text) and not DATE.fullmatch(text):
                hint = ": write dates as 2020-01-31"
            raise ValueError(
                f"{path}: column {name!r} must hold finite numbers; line {cell.line} is {cell.text!r}{hint}."
            )
        values.append(value)
    return np.array(values)


def _are_decimal(texts: list[str]) -> bool:
    """Whether the commas must be decimal ones: all could be, not all could stand between thousands, and no number has a
    point."""
    commas = [text for text in texts if "," in text]
    return (
        all(DECIMAL.fullmatch(text) for text in commas)
        and not all(GROUPED.fullmatch(text) for text in commas)
        and not any("." in text for text in texts)
    )


def _must_be_grouped(text: str) -> bool:
    """Whether the commas cannot be decimal ones: there are two, or a point too."""
    return GROUPED.fullmatch(text) is not None and (text.count(",") > 1 or "." in text)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return "_" not in text
