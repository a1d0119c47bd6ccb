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
from jspline.charts import ReLUNet
from jspline.cli._problem import choose_law, pose, warn_of_merging
from jspline.datasets import NAMES, Dataset, six_points
from jspline.dynamics import RESULTS, Exact, Solution, condense, nothing_follows

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

CODES: Any = RESULTS


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
            raise ValueError(f"[grid] and [flow] of {path} must be tables.")
        _known(path, "the top", said, SETTINGS)
        _known(path, "[grid]", grid, [*VARY, "inits"])
        _known(path, "[flow]", options, FLOW)
        settings = {**SETTINGS, **said}
        for key, value in settings.items():
            kind = type(SETTINGS[key] if SETTINGS[key] is not None else "")
            known = isinstance(value, kind) or (kind is float and type(value) is int)
            if value is not None and (not known or isinstance(value, bool) != (kind is bool)):
                raise ValueError(f"`{key}` of {path} must be a {kind.__name__}; got {value!r}.")
            if kind is float and type(value) is int:
                settings[key] = _as_float(value)
        for key, value in options.items():
            kind = FLOW[key]
            if isinstance(value, bool) or not (isinstance(value, kind) or (kind is float and type(value) is int)):
                raise ValueError(f"`{key}` of {path} must be a {kind.__name__}; got {value!r}.")
            options[key] = _as_float(value) if kind is float else value
        for key, values in grid.items():
            kinds = VARY.get(key, ())
            if kinds and not (isinstance(values, list) and all(type(value) in kinds for value in values)):
                what = {"width": "whole numbers", "init": "names"}.get(key, "numbers")
                raise ValueError(f"`{key}` in [grid] of {path} must be a list of {what}; got {values!r}.")
        sweep = cls(path.stem, path.parent, settings, grid, options)
        sweep._check(path)
        return sweep

    def _check(self, path: Path) -> None:
        s, varies = self.settings, set(self.grid)
        if s["data"] is None:
            raise ValueError(f"{path} must name its `data`: a CSV file, or one of {', '.join([*NAMES, SIX_POINTS])}.")
        if s["data"] != SIX_POINTS and (s["offset"] or "offset" in varies):
            raise ValueError(f"`offset` in {path} is for data = '{SIX_POINTS}'.")
        inits = {*self.grid.get("init", []), s["init"]}
        if s["dtype"] not in ("float32", "float64"):
            raise ValueError(f"`dtype` of {path} must be float32 or float64; got {s['dtype']}.")
        if s["condense"] and (
            "init" in varies or inits != {"he_unbiased"} or self.options.get("until") != "first_event"
        ):
            raise ValueError(
                f"`condense` in {path} needs init = 'he_unbiased' and until = 'first_event': six neurons stand for all "
                "until then."
            )
        if "rtol" not in self.options:
            raise ValueError(f"[flow] of {path} needs `rtol`.")
        if not 0 < s["alpha"] < float("inf"):
            raise ValueError(f"`alpha` of {path} must be positive and finite; got {s['alpha']}.")
        if self.options.get("max_steps", 1) < 1:
            raise ValueError(f"`max_steps` of {path} must be at least 1; got {self.options['max_steps']}.")
        if not 0 <= s["seed"] < 2**32:
            raise ValueError(f"`seed` of {path} must be from 0 to 2^32 - 1; got {s['seed']}.")
        if "width" in varies and not all(w > 0 for w in self.grid["width"]):
            raise ValueError(f"`width` of {path} must hold whole numbers of at least 1; got {self.grid['width']}.")
        if "alpha" in varies and not all(a > 0 for a in self.grid["alpha"]):
            raise ValueError(f"`alpha` of {path} must hold positive numbers; got {self.grid['alpha']}.")
        for name in inits:
            choose_law(name, 2, six_points(), "`init`")

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
        warn_of_merging(table.x_name, given.x, s["dtype"])
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


def _as_float(value: Any) -> float:
    """A whole number too large for one is infinite."""
    return float(str(value))


def _known(path: Path, where: str, said: dict[str, Any], known: Any) -> None:
    strange = [name for name in said if name not in known]
    if strange:
        raise ValueError(f"{where} of {path} does not know `{strange[0]}`; it knows {', '.join(known)}.")
