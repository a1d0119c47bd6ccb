"""The frozen cases: what is computed, by groups of one file each.

A group is a function that returns arrays by name, or facts for JSON by name. How an array is compared follows from its
name: `counts.` exactly, `attempts.` up to 1, `unique` says which lanes are compared, everything else is numbers.
"""

import contextlib
import json
import re
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jaxtyping
import numpy as np
import pytest
import test_bad_inputs as bad
import xarray as xr
from claims_trained import TRAINED
from typer.testing import CliRunner

import jspline
from jspline import Dataset, ReLUNet, claims, curvature, dynamics, kernel
from jspline.cli import app
from jspline.problem import Problem

HERE = Path(__file__).parent
sys.path.append(str(HERE.parents[1]))  # the draws are those of the benchmarks

# The calls of the package. What is renamed is renamed here, and no case changes.

STRICT = {"rtol": 1e-5, "atol": 1e-8}


def run_flow(net, data, t1, *, train_b0=True, until=None, events=0, ts=None, **options):
    options = {**STRICT, **options}
    method = dynamics.Exact(until, events)
    return jspline.flow(net, Problem(data, train_b0=train_b0), t1, ts=ts, method=method, **options)


def run_in_two(net, data, t1, first, events):
    """So many steps, the state put into arrays without a name and back, and the rest."""
    state = dynamics.advance(dynamics.start(net, data, t1, method=dynamics.Exact(events=events), **STRICT), first)
    leaves, structure = jax.tree.flatten(state)
    stored = [np.asarray(leaf) for leaf in leaves]
    state = jax.tree.unflatten(structure, [jax.numpy.asarray(leaf) for leaf in stored])
    return dynamics.finish(dynamics.advance(state, 10_000))


def run_sensitivity(net, data, t1, *, train_b0=True, **options):
    return dynamics.sensitivity(net, Problem(data, train_b0=train_b0), t1, **{**STRICT, **options})


def obstacle(sensitivity):
    for name in ("none", "tangential", "simultaneous", "repeller", "parked", "on_datum", "unfinished"):
        if sensitivity.obstacle == getattr(dynamics.OBSTACLES, name):
            return name
    raise AssertionError("An obstacle without a name.")


def result(solution):
    return dynamics.result_names(solution.result).item()


def hessian(net, data, train_b0):
    return curvature.hessian(net, Problem(data, train_b0=train_b0))


def gram(net, data, train_b0):
    return curvature.gram(net, Problem(data, train_b0=train_b0))


def ntk(net, x1, x2, train_b0):
    return curvature.ntk(net, x1, x2, train_b0=train_b0)


def spectrum(net, data, matrix, train_b0):
    return curvature.spectrum(net, Problem(data, train_b0=train_b0), matrix=matrix)


def zero_modes(net, data, matrix, train_b0):
    return curvature.zero_modes(net, Problem(data, train_b0=train_b0), matrix=matrix)


def linear_flow(net, data, t, train_b0):
    return kernel.flow(net, Problem(data, train_b0=train_b0), t)


def run_audit(names):
    """The records of these claims, or of all, at the quick budget. Those that train for minutes get their arrays."""
    with pytest.MonkeyPatch.context() as patch:
        for name, make in TRAINED.items():
            found = make()
            patch.setattr(f"jspline.claims.paper._{name}.trained", lambda budget, seed, found=found: found)
        return [each.record for each in claims.audit(claims.select(claims.CLAIMS, names), "quick", 0)]


def run_command(words):
    return CliRunner().invoke(app, words)


# Gradient flows.

ATTEMPTS = ("steps", "accepted", "rejected", "shortened")
EVENTS = ("crossings", "slides", "releases", "flips", "nonunique")


def stacked(rows: list[dict[str, Any]]) -> dict[str, np.ndarray]:
    return {name: np.stack([np.asarray(row[name]) for row in rows]) for name in rows[0]}


def of_net(net, prefix="") -> dict[str, Any]:
    return {f"{prefix}{name}": getattr(net, name) for name in ("w", "b", "v", "b0")}


def of_solution(solution) -> dict[str, Any]:
    """What is frozen of a flow: the nets on the way and the end, and what it met and cost.

    Once the residual is a difference of large numbers, its digits are those of rounding, and so is the time at which
    the loss falls below a tolerance. Of flows that come so far, of what follows the first time nothing is frozen but
    the counts.
    """
    stats = solution.stats
    lost = np.nan if solution.loss < 1e-9 else 1.0
    way = {} if solution.nets is None else of_net(solution.nets, "way.")
    end = {**of_net(solution.net), "t": solution.t, "grad_norm": solution.grad_norm}
    return {
        **{
            name: np.concatenate([value[:1], np.asarray(value[1:]) * value.dtype.type(lost)])
            for name, value in way.items()
        },
        **{name: np.asarray(value) * value.dtype.type(lost) for name, value in end.items()},
        "loss": solution.loss,
        **{f"attempts.{name}": stats[f"num_{name}"] for name in ATTEMPTS},
        **{f"counts.{name}": stats[f"num_{name}"] for name in EVENTS},
        "counts.result": result(solution),
        "unique": np.asarray(stats["num_nonunique"]) == 0,
    }


def draws(dtype="float64"):
    """The fifty of the benchmark table `flow`, with their end times."""
    from benchmarks.flow import DRAWS, ROWS, problem

    for scale, t1 in ROWS.items():
        for draw in range(DRAWS):
            net, data = problem(draw, scale)
            yield *jax.tree.map(lambda leaf: leaf.astype(dtype), (net, data)), t1


def on_the_way(t1, dtype="float64"):
    return np.asarray([1e-4 * t1, 1e-2 * t1], dtype)


def flow():
    return stacked([
        of_solution(run_flow(net, data, t1, loss_tol=1e-14, ts=on_the_way(t1))) for net, data, t1 in draws()
    ])  # fmt: skip


def flow_float32():
    """Of scales 3 and 1, to a time up to which rounding has not grown beyond what is compared."""
    return stacked([
        of_solution(run_flow(net, data, 0.3, rtol=1e-3, atol=1e-6, ts=on_the_way(0.3, "float32")))
        for net, data, _ in list(draws("float32"))[20:40]
    ])  # fmt: skip


def other_shapes():
    """Ties, and weights of 0, among ten data; more than 64 data, which are more than the parameters of the fit."""
    rng = np.random.default_rng(23)
    found: dict[str, list] = {"ties": [], "zeros": [], "more_data": []}
    for k in range(10):
        name, N, H = [("ties", 10, 100), ("zeros", 10, 100), ("more_data", 70, 20)][k % 3]
        x = rng.uniform(-2, 2, N)
        if name == "ties":
            x = np.round(x * 1.5) / 1.5
        weight = rng.choice([0.0, 0.5, 2.0], N) if name == "zeros" else np.full(N, 10 / N)
        net = some_net(rng, H, scale=0.5)
        data = Dataset(x, np.sin(3 * x) + 0.1 * rng.normal(size=N), weight)
        found[name].append(of_solution(run_flow(net, data, 3.0, loss_tol=1e-14, ts=on_the_way(3.0))))
    return {f"{name}/{key}": value for name, rows in found.items() for key, value in stacked(rows).items()}


def some_net(rng, H, scale=1.0):
    w, b, v = (rng.normal(size=H) * scale for _ in range(3))
    return ReLUNet(w, b, v / np.sqrt(H), 0.1 * rng.normal())


def some_data(rng, N):
    x = rng.uniform(-2, 2, N)
    return Dataset(x, np.sin(3 * x), rng.uniform(0.5, 1.5, N))


def flow_options():
    """A flow in two halves with its log of events; `until` the first of them, with b0 at rest."""
    found: dict[str, Any] = {}
    halves, first = [], []
    for k, (net, data, _) in enumerate(list(draws())[12::8]):
        solution = run_in_two(net, data, 10.0, 20, events=2_000)
        halves.append(of_solution(solution))
        first.append(of_solution(run_flow(net, data, 10.0, until="first_event", train_b0=False)))
        log, total = solution.events, int(solution.events.total)
        columns = {name: np.asarray(getattr(log, name))[:total] for name in ("time", "neuron", "datum", "kind")}
        # Neuron by neuron: of two neurons, which was first may be a matter of rounding.
        order = np.lexsort((columns["time"], columns["neuron"]))
        found[f"events{k}/time"] = columns.pop("time")[order]
        found |= {f"events{k}/counts.{name}": column[order] for name, column in columns.items()}
    found |= {f"until/{name}": value for name, value in stacked(first).items()}
    return found | {f"halves/{name}": value for name, value in stacked(halves).items()}


def sensitivity():
    """Twenty nets of which some start where there is no derivative."""
    rng = np.random.default_rng(5)
    rows = []
    for k in range(20):
        net, data = some_net(rng, 12), some_data(rng, 6)
        if k % 5 == 4:  # a breakpoint on a datum
            net = ReLUNet(net.w, net.b.at[0].set(-net.w[0] * data.x[2]), net.v, net.b0)
        s = run_sensitivity(net, data, 2.0, max_steps=600)
        direction = some_net(rng, 12)
        x, y, weight = (jax.numpy.asarray(rng.normal(size=6)) for _ in range(3))
        back = s.reverse(direction)
        rows.append({
            **of_net(s.forward(net=direction), "of_net."),
            **of_net(s.forward(x=x), "of_x."),
            **of_net(s.forward(y=y, weight=weight, t1=0.5), "of_rest."),
            **of_net(back.net, "back."),
            **{f"back.{name}": getattr(back, name) for name in ("x", "y", "weight", "t1")},
            "loss": s.solution.loss,
            "counts.obstacle": obstacle(s),
        })  # fmt: skip
    return stacked(rows)


# Curvature.


def degenerate(rng, N=7, H=5):
    """Dead neurons, ties, breakpoints on data and on each other, v = 0, w = 0: in quarters, so that they are exact."""
    quarters = np.arange(-8, 9) / 4
    x = rng.choice(quarters, N)
    w = rng.choice([0.0, 1.0, -1.0, 0.5, -0.5, 2.0, -2.0], H)
    where = rng.choice([*x, -9.0, 9.0, 0.125, rng.choice(quarters)], H)
    b = np.where(w == 0, rng.choice(quarters, H), -w * where)
    v = rng.choice([0.0, 1.0, -0.5, 2.0], H)
    weight = rng.choice([0.0, 0.5, 1.0, 2.0], N)
    weight[0] = 1.0
    return ReLUNet(w, b, v, rng.choice(quarters)), Dataset(x, rng.choice(quarters, N), weight)


def curvatures():
    rng = np.random.default_rng(30)
    rows = []
    for _ in range(30):
        net, data = degenerate(rng)
        x1, x2 = rng.choice(np.asarray(data.x), 4), rng.uniform(-2, 2, 3)
        row = {"ntk": ntk(net, x1, x2, True)}
        for train_b0, b0 in ((True, ""), (False, ".without_b0")):
            row |= {f"hessian{b0}": hessian(net, data, train_b0), f"gram{b0}": gram(net, data, train_b0)}
            for matrix in ("hessian", "gram"):
                row[f"spectrum.{matrix}{b0}"] = spectrum(net, data, matrix, train_b0)
        for matrix in ("hessian", "gram"):
            modes = zero_modes(net, data, matrix, True)
            row[f"counts.nullity.{matrix}"] = modes.nullity
            row[f"counts.causes.{matrix}"] = list(modes.counts.values())
            row[f"counts.neurons.{matrix}"] = modes.neurons
            # Which vectors span a space is free; where they take another one is not.
            other = np.cos(np.arange(modes.params))
            row[f"projected.{matrix}"] = [each.T @ (each @ other) for each in modes.vectors.values()]
        rows.append(row)
    return stacked(rows)


def linear_flows():
    rng = np.random.default_rng(7)
    rows = []
    for _ in range(10):
        net, data = some_net(rng, 20), some_data(rng, 7)
        row = {}
        for t in (0.3, 30.0, np.inf):
            row |= of_net(linear_flow(net, data, t, True), f"{t}.")
        rows.append(row | of_net(linear_flow(net, data, 3.0, False), "without_b0."))
    return stacked(rows)


ARRAYS: dict[str, Callable[[], dict[str, np.ndarray]]] = {
    "flow": flow,
    "flow_float32": flow_float32,
    "other_shapes": other_shapes,
    "flow_options": flow_options,
    "sensitivity": sensitivity,
    "curvature": curvatures,
    "linear_flow": linear_flows,
}
"""By the name of the file, without `.npz`."""


# Facts, as JSON.

NUMBER = re.compile(r"(?<![\w.])-?\d[\d,]*(?:\.\d+)?(?:e[+-]?\d+)?", re.IGNORECASE)
NAME = re.compile(r"`[^`]+`|'[^']*'|--[a-z][\w-]*")
TIMING = re.compile(r"(?:about )?[\d.,]+ (?:ms|s|minutes|million/s|times)\b")
FACT = re.compile(
    r"\w+\.(?:png|svg|nc|json|html|gif|mp4)\b"
    r"|\b(?:end_time|interpolated|stationary|first_event|out_of_steps|holds|conditional|fails|undecided)\b"
)


def numbers(text):
    """The numbers in a text as they are written, but for how long something took."""
    return [found.rstrip(",") for found in NUMBER.findall(TIMING.sub("", text))]


QUICK = ["eq6", "eq4", "th1", "th5", "th6", "remark1", "remark2", "text-speed"]


def audit_part():
    return {record["id"]: of_record(record) for record in run_audit(QUICK)}


def audit():
    return {record["id"]: of_record(record) for record in run_audit([])}


def of_record(record):
    compared = [{"printed": row["printed"], "measured": row["measured"]} for row in record["compared"]]
    return {"verdict": record["verdict"], "numbers": record["numbers"], "compared": compared}


FILES = {
    "my.csv": "time,height\n0,1\n1,3\n1,2\n2,2\n4,0\n",
    "seven.csv": "time,height\n0,1\n1,3\n1,2\n2,2\n4,0\n5,7\n3,1\n",
    "my.toml": "data = 'my.csv'\nwidth = 6\nseed = 4\n[grid]\nalpha = [0.5, 2]\ninits = 6\n"
    "[flow]\nt1 = 0.5\nrtol = 1e-4\n",
}
COMMANDS = {
    "flow": "flow my.csv --width 6 --inits 3 --t1 0.5 --alpha 2 --seed 5",
    "hessian": "hessian my.csv --width 6 --seed 3 --t1 0.5 --neuron 4 --neuron 1",
    "fit": "fit seven.csv --pieces 2",
    "law": "law he --width 32 --neurons 2e5 --seed 3",
    "sweep": "sweep my.toml",
    "film": "film my.csv --width 6 --t1 20 --seconds 1 --fps 12 --height 240 --stills 0,2,20 --format html",
    "audit": "audit --only eq6,remark1,text-speed",
}


@contextlib.contextmanager
def folder(files):
    with tempfile.TemporaryDirectory() as name, contextlib.chdir(name):
        for path, content in files.items():
            Path(path).write_bytes(content if isinstance(content, bytes) else content.encode())
        yield Path(name)


def commands():
    return {name: command(name) for name in COMMANDS}


def command(name):
    """What a command says and writes: numbers and names of results and files, run.json, and its arrays in short."""
    with folder(FILES):
        done = run_command([*COMMANDS[name].split(" "), "--out", "out"])
        assert done.exit_code == 0, done.output
        out = Path("out")
        return {
            "numbers": numbers(done.stdout),
            "facts": sorted(set(FACT.findall(done.stdout))),
            "files": sorted(path.name for path in out.iterdir() if not path.name.startswith(("lock", "chunk"))),
            "run": known(json.loads((out / "run.json").read_text())),
            "arrays": {path.name: in_short(path) for path in sorted(out.glob("*.nc"))},
            "chunks": chunks(out) if name == "sweep" else {},
        }


def known(facts):
    """Without what the machine decides."""
    if not isinstance(facts, dict):
        return facts
    return {key: known(value) for key, value in facts.items() if key not in ELSEWHERE and "seconds" not in key}


ELSEWHERE = ("command", "device", "python", "versions")
"""What run.json says of the machine."""


def in_short(path):
    """Of each variable of numbers the sizes, the largest entry, and what is left of it in a sum with waves."""
    with xr.open_dataset(path) as dataset:
        return {
            str(name): {"sizes": {str(dim): size for dim, size in variable.sizes.items()}, **waves(variable.values)}
            for name, variable in dataset.variables.items()
            if variable.dtype.kind in "fiub" and not re.search("second|elapsed", str(name))
        }


def waves(values):
    values = np.nan_to_num(np.asarray(values, float).ravel(), posinf=0, neginf=0)
    return {
        "largest": float(np.max(np.abs(values), initial=0)),
        "waves": float(np.cos(np.arange(values.size)) @ values) / max(1, values.size),
    }


def chunks(out):
    """The arrays in all chunks together: how many lanes are in one is the machine's affair."""
    parts = [np.load(path) for path in sorted(out.glob("chunk-*.npz"))]
    names = [name for name in parts[0] if name.startswith("values:")]
    return {name: np.concatenate([part[name] for part in parts]).tolist() for name in names}


def every(keys, count):
    keys = list(keys)
    return keys[:: max(1, len(keys) // count)][:count]


def chosen_refusals():
    """Some of each registry of bad inputs."""
    calls = [(name, what) for name, each in bad.CALLS.items() for what in each]
    return {
        "commands": every((words for words, _ in bad.OF_COMMANDS), 12),
        "files": every(bad.OF_FILES, 6),
        "sweeps": every(bad.OF_SWEEPS, 8),
        "calls": every(map(list, calls), 20),
        "classes": every(bad.CLASSES, 6),
    }


def refusals(chosen=None):
    """How bad inputs are refused: by what exception, or exit status, and with which numbers and names."""
    chosen = chosen_refusals() if chosen is None else chosen
    found: dict[str, Any] = {"chosen": chosen}
    with folder({**bad.CSVS, "FILE": "here first"}):
        Path("DIR").mkdir()
        for words in chosen["commands"]:
            given = words.split(" ") if words else []
            given = [{"CSV": "good.csv", "EMPTY": ""}.get(word, word) for word in given]
            found[words] = of_refusal(run_command(given))
        for name in chosen["files"]:
            found[name] = of_refusal(run_command(["fit", name]))
        for name in chosen["sweeps"]:
            Path("my.toml").write_text(bad.OF_SWEEPS[name][0])
            found[name] = of_refusal(run_command(["sweep", "my.toml", "--out", "out"]))
    p = bad.good_arguments()
    jaxtyping.config.update("jaxtyping_disable", True)
    try:
        for name, what in chosen["calls"]:
            found[f"{name}: {what}"] = of_raised(lambda name=name, what=what: bad.CALLS[name][what](p))
        for what in chosen["classes"]:
            found[what] = of_raised(lambda what=what: bad.CLASSES[what](p))
    finally:
        jaxtyping.config.update("jaxtyping_disable", False)
    return found


def of_refusal(done):
    return said(f"exit status {done.exit_code}", done.stderr)


def of_raised(call):
    with pytest.raises((ValueError, TypeError)) as caught:
        call()
    return said(caught.type.__name__, str(caught.value))


def said(how, text):
    return {"how": how, "numbers": sorted(set(numbers(text))), "names": sorted(set(NAME.findall(text)))}


FACTS: dict[str, Callable[[], dict[str, Any]]] = {
    "audit_part": audit_part,
    "commands": commands,
    "refusals": refusals,
    "audit": audit,
}
"""By the name of the file, without `.json`."""
