"""What commands that train have in common: the data as they see them, the initialization by name, checks of numbers."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import typer
from numpy.typing import ArrayLike

from jspline import init, rescale
from jspline._checks import COARSE, MOST, check_most, merging
from jspline._files import prepare
from jspline._text import counted, exact, printable
from jspline.charts import ReLUNet
from jspline.cli._app import configure, on_host
from jspline.cli._output import files
from jspline.datasets import NAMES, Dataset, Table, Units, load_table, read_table
from jspline.dynamics import RESULTS

CODES: Any = RESULTS  # to a type checker its members are strings
LONGEST = 48
"""Characters of a file's name that a title has room for."""


def read(data: str, x: str | None, y: str | None, drop_missing: bool = False, *, several: bool = False) -> Table:
    """The table of that name, or in that file; says what was made of it.

    Raises `ValueError` or `OSError` with a sentence that says what is wrong with the file or with the columns, or that
    there are several inputs where one is taken.
    """
    table = _table(data, x, y, drop_missing, several)
    names = tuple(_spoken(name, "x") for name in table.x_names)
    x_name = ", ".join(names) if names else _spoken(table.x_name, "x")
    return table._replace(x_name=x_name, y_name=_spoken(table.y_name, "y"), x_names=names)


def called(data: str) -> str:
    """What a data set is called in a title: a file by its name, a long one by its two ends."""
    name = printable(Path(data).stem)
    return name if len(name) <= LONGEST else f"{name[: LONGEST // 2]}\N{HORIZONTAL ELLIPSIS}{name[-LONGEST // 2 :]}"


def introduced(data: str, table: Table, distinct: int) -> str:
    """How many points there are, of how many x."""
    return f"{printable(data)}: {counted(table.data.size, 'point')}, {distinct:,} distinct {table.x_name}"


def _spoken(name: str, which: str) -> str:
    """The name of a column in pictures and sentences; the columns of a file without names are numbered."""
    seen = printable(name)
    return f"{which} (column {seen})" if seen.isdigit() else seen or which


def _table(data: str, x: str | None, y: str | None, drop_missing: bool, several: bool) -> Table:
    if data in NAMES:
        if x is not None or y is not None:
            raise ValueError(f"--x and --y choose columns of a CSV file; {data} is built in.")
        return _of_one(data, load_table(data), several)
    table = _of_one(data, read_table(data, x, y, drop_missing=drop_missing), several)
    for name, values in columns(table):
        check_size(name, values, "float64")
    for note in table.notes:
        typer.echo(f"{data}: {note}")
    return table


def _of_one(data: str, table: Table, several: bool) -> Table:
    if not (several or table.data.on_line):
        count, names = counted(table.data.inputs, "input"), printable(table.x_name)
        raise ValueError(f"This command is for one input; {printable(data)} has {count}, {names}: see jspline hessian.")
    return table


def columns(table: Table) -> list[tuple[str, ArrayLike]]:
    """The columns of the inputs and of the outputs, by name."""
    x = [(table.x_name, table.data.x)] if table.data.on_line else zip(table.x_names, table.data.x.T, strict=True)
    return [*x, (table.y_name, table.data.y)]


def check_size(name: str, values: ArrayLike, dtype: str, *, squares: bool = False) -> None:
    """Raise `ValueError` for a column so large that the sum of its squares is no number of that dtype, or so narrow
    that its range is below the normal numbers; with `squares`, that the square of its range is."""
    column, least = np.asarray(values, float), float(np.finfo(dtype).tiny) ** (0.5 if squares else 1)
    if 0 < (span := float(np.ptp(column / 2)) * 2) < least:
        raise ValueError(
            f"Column {name!r} must span at least {least:.1e}, to be told apart in {dtype}; it spans {span:.3g}: change "
            "its unit."
        )
    largest = float(np.max(np.abs(column)))
    limit = float(np.sqrt(np.finfo(dtype).max / np.size(values)) / 4)
    if largest > limit:
        raise ValueError(
            f"Column {name!r} must be at most {limit:.1e}, for sums of squares to be finite in {dtype}; it holds "
            f"{largest:.3g}: change its unit."
        )


def warn_of_merging(table: Table, dtype: str, distinct: int | None = None) -> None:
    """Say on stderr that distinct numbers of a column become equal in that dtype; so many x are `distinct` in it."""
    *inputs, (y_name, y) = columns(table)
    left_of_x = distinct if table.data.on_line else None
    for name, values, coarse, left in (*((*each, 0.0, left_of_x) for each in inputs), (y_name, y, COARSE, None)):
        if said := merging(f"column {name!r}", values, dtype, coarse, left):
            typer.echo(f"Warning: {said}: take float64, the default, or subtract an offset in the file.", err=True)


class Learned(NamedTuple):
    """A data set as read, and as it is learned: standardized, weighted 2/N, equal x merged."""

    table: Table
    data: Dataset
    units: Units


def pose(data: str, x: str | None, y: str | None, drop_missing: bool = False, *, several: bool = False) -> Learned:
    """Read a CSV file or take a built-in data set, and make of it what the networks learn.

    Raises as `read`, and `ValueError` when all x are equal.
    """
    table = read(data, x, y, drop_missing, several=several)
    return Learned(table, *learned(table.data))


def learned(data: Dataset) -> tuple[Dataset, Units]:
    """What networks learn of these data, and the way back."""
    full, units = data.standardize()
    return Dataset(full.x, full.y, full.weight * 2 / full.size).merged(), units


def begin(command: str, a: Mapping[str, Any]) -> tuple[Learned, init.Law]:
    """The problem and the law of a command with these arguments, once JAX is configured, and its folder ready."""
    configure(a["dtype"], a["device"])
    with on_host():
        posed = pose(a["data"], a["x"], a["y"], a["drop_missing"], several=command == "hessian")
        law = choose_law(a["init"], a["width"], posed.data)
        warn_of_merging(posed.table._replace(data=posed.data), a["dtype"])
    if a["out"] is not None:
        prepare(a["out"], *files(command))
    return posed, law


def choose_law(name: str, width: int, data: Dataset, what: str = "--init") -> init.Law:
    """The initialization of that name; those with a choice of scale have He's delta-slopes or kernel.

    Raises `ValueError` for another name, given as `what`.
    """
    inputs = None if data.on_line else data.inputs
    he = init.he(width, inputs=inputs)
    laws: dict[str, Callable[[], init.Law]] = {
        "he": lambda: he,
        "glorot": lambda: init.glorot(width, inputs=inputs),
        "uniform": lambda: init.Uniform(3**0.5 * he.sigma_w, 3**0.5 * he.sigma_b, 3**0.5 * he.sigma_v),
        "balanced": lambda: init.Balanced(width**-0.25, inputs),
        "uniform_breakpoints": lambda: _over(data),
        "quantiles": lambda: init.FromData(data, "quantiles"),
        "curvature": lambda: init.FromData(data, "curvature"),
        "he_unbiased": lambda: init.he(width, 0.0, inputs),
    }
    if name not in laws:
        raise ValueError(f"{what} must be one of {', '.join(laws)}; got {name or 'an empty one'}.")
    if inputs is not None and name not in OF_PLANES:
        raise ValueError(f"{what} must be one of {', '.join(OF_PLANES)} where there are several inputs; got {name}.")
    return laws[name]()


OF_PLANES = ("he", "glorot", "balanced", "he_unbiased")
"""Initializations of networks with several inputs."""


def _over(data: Dataset) -> init.Law:
    """Breakpoints uniform over the data and a tenth of their range beyond."""
    spread = (data.x[-1] - data.x[0]) / 10
    return init.UniformBreakpoints(data.x[0] - spread, data.x[-1] + spread)


def drawn(law: init.Law, width: int, alpha: float, seed: int, place: int | jax.Array = 0) -> ReLUNet:
    """A network of `jspline flow`, counted from 0."""
    return rescale(law.sample(width, key=jax.random.fold_in(jax.random.key(seed), place)), alpha)


def check_weights(nets: ReLUNet, alpha: float, dtype: str) -> None:
    """Raise `ValueError` for an alpha so large or small that squares of weights are no numbers of that dtype."""
    largest = max(float(np.max(np.abs(np.asarray(part, float)))) for part in (nets.w, nets.b, nets.v))
    if not largest <= float(np.sqrt(np.finfo(dtype).max / nets.width) / 4):
        raise ValueError(
            f"--alpha must leave squares of weights finite in {dtype}; {exact(alpha)} makes a weight of {largest:.3g}."
        )


def placed(tree: Any, dtype: str) -> Any:
    """Arrays of the host on the device of the command, in its dtype."""
    return jax.tree.map(lambda leaf: jnp.asarray(np.asarray(leaf), dtype), tree)


def endings(results: ArrayLike, *fine: str) -> list[str]:
    """How many networks ended in which way, a line for each, which is a warning unless that is fine."""
    names, counts = np.unique(np.asarray(results), return_counts=True)
    lines = []
    for name, count in zip(names.tolist(), counts, strict=True):
        how = "Interrupted: what was done so far is kept." if name == "interrupted" else CODES[getattr(CODES, name)]
        mark = "" if name in fine else "Warning: "
        lines.append(f"{mark}{count} of {counted(np.size(results), 'network')}: {name}. {how}")
    return lines


def check(arguments: Mapping[str, Any]) -> None:
    """Check what there is among the arguments of a command that others have too."""
    check_counts(**{name: arguments[name] for name in COUNTS if name in arguments})
    check_positive(**{name: arguments[name] for name in POSITIVE if name in arguments})
    check_seed(arguments["seed"])


COUNTS, POSITIVE = ("width", "inits", "max_steps", "fps"), ("alpha", "rtol", "t1", "seconds")


def check_counts(most: int = MOST, **counts: int) -> None:
    """Raise `ValueError` for the first option whose value is below 1 or above `most`."""
    for name, value in counts.items():
        if value < 1:
            raise ValueError(f"{_option(name)} must be at least 1; got {value}.")
        check_most(_option(name), value, most)


def check_positive(**numbers: float) -> None:
    """Raise `ValueError` for the first option whose value is not positive and finite."""
    for name, value in numbers.items():
        if not 0 < value < float("inf"):
            raise ValueError(f"{_option(name)} must be positive and finite; got {exact(value)}.")
        if name == "rtol" and value >= 1:
            raise ValueError(f"--rtol must be less than 1, a part of each number; got {exact(value)}.")


def check_choices(arguments: Mapping[str, Any], **choices: Iterable[str]) -> None:
    """Raise `ValueError` for the first option that is none of its choices."""
    for name, listed in choices.items():
        if arguments[name] not in listed:
            raise ValueError(f"{_option(name)} must be {' or '.join(listed)}; got {arguments[name] or 'an empty one'}.")


def check_seed(seed: int) -> None:
    """Raise `ValueError` for a seed that JAX would not take."""
    if not 0 <= seed < 2**32:
        raise ValueError(f"--seed must be from 0 to 2^32 - 1; got {seed}.")


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"
