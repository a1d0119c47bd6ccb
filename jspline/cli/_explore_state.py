"""What the explorer's controls say, to and from the query of its address."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any
from urllib.parse import urlencode

from jspline import datasets

NAMES = ("sine", "quadratic", "square_wave", "smooth_gap", "sharp_gap")
TARGETS = {name: getattr(datasets, name) for name in NAMES}
"""Functions to learn, beside the data of the command line."""

INITS = ("he", "glorot", "uniform", "balanced", "uniform_breakpoints", "quantiles")
POINTS, WIDTH = 20, 200
"""Points of a target, and the largest width."""

WHOLE = {"width": (1, WIDTH), "seed": (0, 2**32 - 1), "time": (0, 100), "neuron": (-1, WIDTH - 1)}
"""Settings that are whole numbers, and their ranges."""

Points = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class State:
    """A setting of the explorer; everything that a shared address holds.

    Attributes:
        target: a name of `TARGETS`, or "data": what came with the command.
        width, alpha, init, seed: of the network, as in `jspline flow`.
        time: place among the kept times, in percent: 100 is the end.
        neuron: the selected one; -1 for the one with the largest |mu|.
        points: the data, where they were moved; empty otherwise.
    """

    target: str = "sine"
    width: int = 50
    alpha: float = 1.0
    init: str = "he"
    seed: int = 0
    time: int = 100
    neuron: int = -1
    points: Points = ()

    def query(self, default: "State | None" = None) -> str:
        """What differs from the defaults, those of this class and those that an address is read with."""
        said = {name: getattr(self, name) for other in (State(), default or State()) for name in self._unlike(other)}
        if "points" in said:
            said["points"] = "_".join("~".join(f"{float(v)}".removesuffix(".0") for v in xy) for xy in self.points)
        if "alpha" in said:
            said["alpha"] = f"{self.alpha:.4g}"
        return urlencode(said)

    def _unlike(self, other: "State") -> list[str]:
        return [f.name for f in fields(self) if getattr(self, f.name) != getattr(other, f.name)]


def rounded(points: Points) -> Points:
    """Each coordinate to a ten-thousandth of their range: what an address holds, so that a reload gives the same."""
    columns = []
    for values in zip(*points, strict=True):
        size = max(values) - min(values) or max(map(abs, values)) or 1.0
        columns.append([round(value, 4 - math.floor(math.log10(size))) for value in values])
    return tuple(zip(*columns, strict=True))


def from_query(said: Mapping[str, Sequence[bytes | str]], default: State, most: int) -> tuple[State, list[str]]:
    """The state of an address, and a sentence about everything in it that cannot be: the default stands there.

    Args:
        said: the query, a list of values for each name.
        default: what holds where nothing is said.
        most: how many points there may be.
    """
    state, complaints = default, []
    for name, values in said.items():
        text = values[-1].decode("utf-8", "replace") if isinstance(values[-1], bytes) else values[-1]
        try:
            state = replace(state, **{name: _read(name, text, default, most)})
        except ValueError as error:
            complaints.append(f"The address says {name} = {text[:40]}: {error}")
    if state.neuron >= state.width:
        complaints.append(f"The address says neuron = {state.neuron}: there are {state.width} neurons.")
        state = replace(state, neuron=-1)
    return state, complaints


def _read(name: str, text: str, default: State, most: int) -> Any:
    match name:
        case "target":
            return _one_of(text, (*TARGETS, *({"data"} & {default.target})))
        case "init":
            return _one_of(text, INITS)
        case "width" | "seed" | "time" | "neuron":
            return int(_number(text, *WHOLE[name], whole=True))
        case "alpha":
            return _number(text, 0.01, 100)
        case "points":
            pairs = [pair.split("~") for pair in text.split("_")]
            if not 2 <= len(pairs) <= most or any(len(pair) != 2 for pair in pairs):
                raise ValueError(f"it must hold 2 to {most} points, as x~y_x~y.")
            points = tuple((_number(x, -1e15, 1e15), _number(y, -1e15, 1e15)) for x, y in pairs)
            if len({x for x, _ in points}) < 2:
                raise ValueError("two points at least must differ in x.")
            return points
    raise ValueError("there is no such setting.")


def _one_of(text: str, names: Sequence[str]) -> str:
    if text not in names:
        raise ValueError(f"it must be one of {', '.join(names)}.")
    return text


def _number(text: str, low: float, high: float, whole: bool = False) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not low <= value <= high or (whole and value != int(value)):
        raise ValueError(f"it must be a {'whole ' * whole}number from {low:g} to {high:g}.")
    return value
