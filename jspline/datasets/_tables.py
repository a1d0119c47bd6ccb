"""Reading a data set: from a CSV file, or one of the built-in ones by name."""

from importlib import resources
from io import StringIO
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from jspline.datasets import _synthetic
from jspline.datasets._dataset import Dataset

SERIES = {"mcycle": "mcycle.csv", "nile": "nile.csv"}
FUNCTIONS = {
    "sine": _synthetic.sine,
    "quadratic": _synthetic.quadratic,
    "square_wave": _synthetic.square_wave,
    "smooth_gap": _synthetic.smooth_gap,
    "sharp_gap": _synthetic.sharp_gap,
    "teacher": _synthetic.teacher,
}
NAMES = (*SERIES, *FUNCTIONS)


class Table(NamedTuple):
    """A data set with the names of its two columns."""

    data: Dataset
    x_name: str
    y_name: str


def load(name: str) -> Dataset:
    """A built-in data set: `mcycle`, `nile` (real series), `sine`, `quadratic`, `square_wave`, `smooth_gap`,
    `sharp_gap` or `teacher` (functions at 40 points).

    mcycle: 133 head accelerations (g) after a simulated motorcycle impact, by time (ms), Silverman (1985).
    nile: annual flow of the Nile at Aswan 1871-1970 (10^8 m^3), Durbin and Koopman (2001).

    Raises `ValueError` for another name.
    """
    return load_table(name).data


def load_table(name: str) -> Table:
    """`load`, with the names of the columns."""
    if name in FUNCTIONS:
        return Table(FUNCTIONS[name](), "x", "y")
    if name in SERIES:
        with resources.as_file(resources.files("jspline.datasets") / SERIES[name]) as path:
            return read_table(path)
    raise ValueError(f"There is no built-in data set {name!r}; choose from {', '.join(NAMES)}.")


def read_csv(path: str | Path, x: str | None = None, y: str | None = None) -> Dataset:
    """Two columns of a CSV file as a data set.

    Args:
        path: a text file with one row per point, separated by commas, semicolons or tabs, with or without a line of
            column names.
        x, y: names of the columns, or their numbers from 1 where the file names none; by default the first two.

    Raises:
        OSError: when the file cannot be read.
        ValueError: when it is empty or not text, has fewer than two rows or columns, lacks the columns asked for, or
            they hold something other than finite numbers.
    """
    return read_table(path, x, y).data


def read_table(path: str | Path, x: str | None = None, y: str | None = None) -> Table:
    """`read_csv`, with the names of the columns."""
    frame = _frame(Path(path))
    if len(frame.columns) < 2:
        raise ValueError(f"{path} has one column; two are needed, separated by commas, semicolons or tabs.")
    if x is not None and x == y:
        raise ValueError(f"The inputs and the outputs must be two columns; both were given as {x!r}.")
    # Whichever column was not asked for is the first of the others.
    x = x if x is not None else next(name for name in frame.columns if name != y)
    y = y if y is not None else next(name for name in frame.columns if name != x)
    for name in (x, y):
        if name not in frame.columns:
            raise ValueError(f"{path} has no column {name!r}; it has {', '.join(map(repr, frame.columns))}.")
    if len(frame) < 2:
        raise ValueError(f"{path} has {len(frame)} row{'s' * (len(frame) != 1)} of data; at least 2 are needed.")
    return Table(Dataset(_numbers(frame[x], path), _numbers(frame[y], path)), x, y)


def _frame(path: Path) -> pd.DataFrame:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise FileNotFoundError(f"{path} does not exist, and is no built-in data set ({', '.join(NAMES)}).") from None
    except IsADirectoryError:
        raise IsADirectoryError(f"{path} is a folder, not a CSV file.") from None
    except UnicodeDecodeError:
        raise ValueError(f"{path} is not a text file in UTF-8.") from None
    if "\0" in text:
        raise ValueError(f"{path} is not a text file in UTF-8.")
    if not text.strip():
        raise ValueError(f"{path} is empty.")
    line = text.lstrip().splitlines()[0]
    separator = max(",;\t", key=line.count)
    if separator == "," and ";" in line and all(_is_number(cell.replace(",", ".")) for cell in line.split(";")):
        separator = ";"  # numbers with decimal commas, and no names
    try:
        # Every line as data: with a header, pandas would take a column too many for an index, and shift the others.
        rows = pd.read_csv(
            StringIO(text), sep=separator, header=None, dtype=str, keep_default_na=False, skipinitialspace=True
        ).fillna("")
    except pd.errors.ParserError as error:
        raise ValueError(f"{path} is not a table: {str(error).strip()}.") from None
    first = [cell.strip() for cell in rows.iloc[0]]
    plain = [cell.replace(",", ".") for cell in first]  # decimal commas are numbers too, to be complained of
    numbers = sum(map(_is_number, plain))
    if numbers == 0:
        names, rows = first, rows.iloc[1:]
    elif all(_is_number(cell) or not cell for cell in plain):
        names = [str(i + 1) for i in range(len(first))]
    else:
        raise ValueError(f"The first line of {path} has both names and numbers; name every column, or none.")
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{path} has two columns {twice!r}; give every column a name of its own.")
    return rows.set_axis(names, axis=1)


def _numbers(column: pd.Series, path: str | Path) -> np.ndarray:
    values = pd.to_numeric(column, errors="coerce").to_numpy(float)
    bad = ~np.isfinite(values)
    if bad.any():
        row = int(np.argmax(bad))
        cell = column.iloc[row].strip()
        what = repr(cell) if cell else "empty"
        # With a decimal comma or one between thousands? Only the writer of the file knows.
        comma = ": write a decimal point, not a comma" if "," in cell and _is_number(cell.replace(",", "")) else ""
        raise ValueError(
            f"{path}: column {column.name!r} must hold finite numbers; data row {row + 1} is {what}{comma}."
        )
    return values


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
