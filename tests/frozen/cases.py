"""The frozen cases: what is computed, by groups of one file each.

A group is a function that returns arrays by name, or facts for JSON by name. How an array is compared follows from its
name: `counts.` exactly, `attempts.` up to 1, `unique` says which lanes are compared, everything else is numbers.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np

import jspline
from jspline import Dataset, ReLUNet, curvature, dynamics, kernel

HERE = Path(__file__).parent
sys.path.append(str(HERE.parents[1]))  # the draws are those of the benchmarks

# The calls of the package. What is renamed is renamed here, and no case changes.

STRICT = {"rtol": 1e-5, "atol": 1e-8}


def run_flow(net, data, t1, *, train_b0=True, until=None, events=0, ts=None, **options):
    options = {**STRICT, **options}
    return jspline.flow(net, data, t1, train_b0=train_b0, until=until, events=events, ts=ts, **options)


def run_in_two(net, data, t1, first, **options):
    """So many steps, the state put into arrays without a name and back, and the rest."""
    state = dynamics.advance(dynamics.start(net, data, t1, **{**STRICT, **options}), first)
    leaves, structure = jax.tree.flatten(state)
    stored = [np.asarray(leaf) for leaf in leaves]
    state = jax.tree.unflatten(structure, [jax.numpy.asarray(leaf) for leaf in stored])
    return dynamics.finish(dynamics.advance(state, 10_000))


def run_sensitivity(net, data, t1, *, train_b0=True, **options):
    return dynamics.sensitivity(net, data, t1, train_b0=train_b0, **{**STRICT, **options})


def obstacle(sensitivity):
    for name in ("none", "tangential", "simultaneous", "repeller", "parked", "on_datum", "unfinished"):
        if sensitivity.obstacle == getattr(dynamics.OBSTACLES, name):
            return name
    raise AssertionError("An obstacle without a name.")


def result(solution):
    return dynamics.result_names(solution.result).item()


def hessian(net, data, train_b0):
    return curvature.hessian(net, data, train_b0=train_b0)


def gram(net, data, train_b0):
    return curvature.gram(net, data, train_b0=train_b0)


def ntk(net, x1, x2, train_b0):
    return curvature.ntk(net, x1, x2, train_b0=train_b0)


def spectrum(net, data, matrix, train_b0):
    return curvature.spectrum(net, data, matrix=matrix, train_b0=train_b0)


def zero_modes(net, data, matrix, train_b0):
    return curvature.zero_modes(net, data, matrix=matrix, train_b0=train_b0)


def linear_flow(net, data, t, train_b0):
    return kernel.flow(net, data, t, train_b0=train_b0)


# Gradient flows.

ATTEMPTS = ("steps", "accepted", "rejected", "shortened")
EVENTS = ("crossings", "slides", "releases", "flips", "nonunique")


def stacked(rows: list[dict[str, Any]]) -> dict[str, np.ndarray]:
    return {name: np.stack([np.asarray(row[name]) for row in rows]) for name in rows[0]}


def of_net(net, prefix="") -> dict[str, Any]:
    return {f"{prefix}{name}": getattr(net, name) for name in ("w", "b", "v", "b0")}


def of_solution(solution) -> dict[str, Any]:
    """What is frozen of a flow, on the way and at its end.

    When a loss falls to the size of rounding is a matter of rounding: of flows that end so the end is left out.
    """
    stats, how = solution.stats, result(solution)
    end = {**of_net(solution.net), "t": solution.t, "grad_norm": solution.grad_norm}
    return {
        **{name: np.asarray(value) * (np.nan if how == "interpolated" else 1) for name, value in end.items()},
        **({} if solution.nets is None else of_net(solution.nets, "way.")),
        "loss": solution.loss,
        **{f"attempts.{name}": stats[f"num_{name}"] for name in ATTEMPTS},
        **{f"counts.{name}": stats[f"num_{name}"] for name in EVENTS},
        "counts.result": how,
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
