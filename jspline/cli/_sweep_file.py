"""What a sweep file may say, and the networks that it names. A file is data: nothing in it is evaluated."""

import tomllib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, PRNGKeyArray

from jspline import kernel, rescale
from jspline._text import exact
from jspline.charts import ReLUNet
from jspline.cli._problem import CODES, choose_law, pose, warn_of_merging
from jspline.datasets import NAMES, Dataset, six_points
from jspline.dynamics import Exact, Solution, condense, nothing_follows

SHIPPED = Path(__file__).parent.parent / "sweeps"
SIX_POINTS = "six_points"
SETTINGS: dict[str, Any] = {
    "title": "", "data": None, "x": None, "y": None, "init": "he", "alpha": 1.0, "width": 100, "offset": 0.0,
    "condense": False, "drop_missing": False, "seed": 0, "dtype": "float64",
}  # fmt: skip
"""What stands at the top of a file, and its defaults."""

VARY: dict[str, tuple[type, ...]] = {"alpha": (int, float), "width": (int,), "init": (str,), "offset": (int, float)}
"""What may vary, and what its values are."""

FLOW: dict[str, type] = {
    "t1": float, "rtol": float, "loss_tol": float, "grad_tol": float, "until": str, "max_steps": int,
}  # fmt: skip


PLAIN: dict[type, str] = {
    str: "a string", float: "a number", int: "a whole number", bool: "true or false",
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Sweep:
    """A sweep file, read and checked."""

    name: str
    folder: Path
    settings: dict[str, Any]
    grid: dict[str, Any]
    options: dict[str, Any]

    @classmethod
    def read(cls, file: str) -> "Sweep":
        """One that comes with the package, by its name, or a file.

        Raises:
            ValueError: with one sentence for whatever is wrong in it.
            OSError: likewise, if it cannot be read.
        """
        ours = sorted(each.stem for each in SHIPPED.glob("*.toml"))
        path = SHIPPED / f"{file}.toml" if file in ours else Path(file)
        try:
            said = tomllib.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise ValueError(f"There is no sweep file {file}; with jspline come {', '.join(ours)}.") from None
        except OSError as error:
            what = "it is a folder" if path.is_dir() else error.strerror
            raise OSError(f"Cannot read the sweep file {path}: {what}.") from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ValueError(f"{path} is not TOML: {error}.") from None
        grid, options = said.pop("grid", {}), said.pop("flow", {})
        if not isinstance(grid, dict) or not isinstance(options, dict):
            raise ValueError(f"{path}: [grid] and [flow] must be tables.")
        _known(path, "the top", said, SETTINGS)
        _known(path, "[grid]", grid, [*VARY, "inits"])
        _known(path, "[flow]", options, FLOW)
        kinds = {key: str if default is None else type(default) for key, default in SETTINGS.items()}
        for key, values in grid.items():
            numbers = VARY.get(key, ())
            if numbers and not (isinstance(values, list) and all(type(value) in numbers for value in values)):
                what = {"width": "whole numbers", "init": "names"}.get(key, "numbers")
                raise ValueError(f"{path}: `{key}` in [grid] must be a list of {what}; got {_written(values)}.")
        sweep = cls(path.stem, path.parent, SETTINGS | _typed(path, said, kinds), grid, _typed(path, options, FLOW))
        sweep._check(path)
        return sweep

    def _check(self, path: Path) -> None:
        s, varies, flow = self.settings, self.grid, self.options
        inits, widths, alphas = {*varies.get("init", []), s["init"]}, varies.get("width", []), varies.get("alpha", [])
        condensed = "init" not in varies and inits == {"he_unbiased"} and self.to_first_event
        data, steps = ", ".join([*NAMES, SIX_POINTS]), flow.get("max_steps", 1)
        for fine, sentence in (
            (s["data"] is not None, f"{path}: `data` must be named: a CSV file, or one of {data}."),
            (
                s["data"] == SIX_POINTS or not (s["offset"] or "offset" in varies),
                f"{path}: `offset` is for data = '{SIX_POINTS}'.",
            ),
            (s["dtype"] in ("float32", "float64"), f"{path}: `dtype` must be float32 or float64; got {s['dtype']}."),
            (
                condensed or not s["condense"],
                f"{path}: `condense` needs init = 'he_unbiased' and until = 'first_event': six neurons stand for all "
                "until then.",
            ),
            ("rtol" in flow, f"{path}: [flow] needs `rtol`."),
            (flow.get("rtol", 0.0) < 1, f"{path}: `rtol` must be less than 1; got {_written(flow.get('rtol'))}."),
            (
                0 < s["alpha"] < float("inf"),
                f"{path}: `alpha` must be positive and finite; got {_written(s['alpha'])}.",
            ),
            (steps >= 1, f"{path}: `max_steps` must be at least 1; got {steps}."),
            (0 <= s["seed"] < 2**32, f"{path}: `seed` must be from 0 to 2^32 - 1; got {s['seed']}."),
            (
                all(w > 0 for w in widths),
                f"{path}: `width` in [grid] must hold whole numbers of at least 1; got {_written(widths)}.",
            ),
            (
                all(a > 0 for a in alphas),
                f"{path}: `alpha` in [grid] must hold positive numbers; got {_written(alphas)}.",
            ),
        ):
            if not fine:
                raise ValueError(sentence)
        for name in inits:
            choose_law(name, 2, six_points(), f"{path}: `init`")

    @property
    def to_first_event(self) -> bool:
        """Whether the question is if there is an event at all."""
        return self.options.get("until") == "first_event"

    @cached_property
    def data(self) -> Dataset:
        """The data, standardized and weighted 2/N as in `jspline flow`; the six points as they are.

        A file is looked for beside the sweep's own, wherever the command is given.
        """
        s = self.settings
        if s["data"] == SIX_POINTS:
            return six_points()
        data = s["data"] if s["data"] in NAMES else str(self.folder / s["data"])
        table, given, _ = pose(data, s["x"], s["y"], s["drop_missing"])
        warn_of_merging(table._replace(data=given), s["dtype"])
        return given

    def flow_options(self) -> dict[str, Any]:
        """For `jspline.ensemble.flow`; the absolute tolerance is 1e-3 of the relative one."""
        options = {name: value for name, value in self.options.items() if name != "until"}
        return {**options, "atol": 1e-3 * self.options["rtol"], "method": Exact(until=self.options.get("until"))}

    def make(self, point: dict[str, Any], key: PRNGKeyArray) -> tuple[ReLUNet, Dataset]:
        """A network of the sweep and its data."""
        it = {**self.settings, **point}
        data = self.data
        if it["data"] == SIX_POINTS:
            key, other = jax.random.split(key)
            data = six_points(it["offset"], draws=it["width"] ** 2, key=other)
        net = rescale(choose_law(it["init"], it["width"], self.data).sample(it["width"], key=key), it["alpha"])
        if it["condense"]:
            # He's law without biases: 0 times a normal number may be -0, or traced.
            net = condense(eqx.tree_at(lambda n: n.b, net, jnp.zeros_like(net.b)))
        return jax.tree.map(lambda leaf: leaf.astype(it["dtype"]), (net, data))

    def measure(self, sol: Solution, data: Dataset) -> dict[str, Array]:
        """What is kept of a network."""
        steps = {"t": sol.t, "steps": sol.stats["num_steps"], "nonunique": sol.stats["num_nonunique"]}
        if self.to_first_event:
            certain = nothing_follows(sol.net, data) if self.settings["condense"] else sol.result == CODES.interpolated
            return {"met": sol.result == CODES.first_event, "certain": certain, **steps}
        counts = {name: sol.stats[f"num_{name}"] for name in ("crossings", "slides", "releases", "flips")}
        index = {}
        if self.settings["data"] != SIX_POINTS:
            index = {"regime": kernel.regime(sol.net, self.data).astype(sol.t.dtype)}
        return {"loss": sol.loss, "grad_norm": sol.grad_norm, **index, **steps, **counts}


def _typed(path: Path, said: dict[str, Any], kinds: dict[str, type]) -> dict[str, Any]:
    """What was said, each of its type: a whole number is a float too, an infinite one if it is too large for one."""
    for key, value in said.items():
        kind = kinds[key]
        known = isinstance(value, kind) or (kind is float and type(value) is int)
        if not known or isinstance(value, bool) != (kind is bool):
            raise ValueError(f"{path}: `{key}` must be {PLAIN[kind]}; got {_written(value)}.")
    return {key: float(str(value)) if kinds[key] is float else value for key, value in said.items()}


def _known(path: Path, where: str, said: dict[str, Any], known: Any) -> None:
    strange = [name for name in said if name not in known]
    if strange:
        raise ValueError(f"{path}: {where} does not know `{strange[0]}`; it knows {', '.join(known)}.")


def _written(value: Any) -> str:
    """A value about as it stands in the file."""
    if isinstance(value, list):
        return f"[{', '.join(map(_written, value))}]"
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, float):
        return exact(value)
    return repr(value) if isinstance(value, str) else str(value).lower()  # true; a date
