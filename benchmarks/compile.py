"""What the first call of a flow costs beyond the second: tracing, lowering and compiling, each in a process of its own.

`python -m benchmarks.compile [--json] [--repeats 3]`: one flow with N = 10 and H = 100 in float64, without a cache.
"""

import json
import os
import statistics
import subprocess
import sys
import time
from typing import Annotated, Any

import typer

from benchmarks._report import duration, machine, table

CALLS = 5
STAGES = {
    "/jax/core/compile/jaxpr_trace_duration": "trace",
    "/jax/core/compile/jaxpr_to_mlir_module_duration": "lower",
    "/jax/core/compile/backend_compile_duration": "compile",
}
"""What JAX reports of a program, by what the table calls it."""


def measure() -> dict[str, float]:
    """Of this process, which has compiled nothing yet: seconds, lines of HLO, and the median of later calls."""
    import jax

    jax.config.update("jax_enable_x64", True)
    import jspline
    from benchmarks.flow import problem

    net, data = problem(0, 1.0)
    spans: dict[str, list[tuple[float, float]]] = {name: [] for name in STAGES.values()}
    programs: dict[str, int] = {}

    def note(event: str, duration_secs: float, **_: Any) -> None:
        if event in STAGES:
            now = time.perf_counter()
            spans[STAGES[event]].append((now - duration_secs, now))

    def call() -> float:
        began = time.perf_counter()
        solution = jspline.flow(net, data, 1e3, rtol=1e-5, atol=1e-8, loss_tol=1e-14)
        jax.block_until_ready(solution)
        return time.perf_counter() - began

    from jax._src import compiler

    build = compiler.backend_compile_and_load

    def counting(backend: Any, module: Any, *arguments: Any, **options: Any) -> Any:
        name = str(module.operation.attributes["sym_name"]).strip('"')
        programs[name] = programs.get(name, 0) + str(module).count("\n")
        return build(backend, module, *arguments, **options)

    compiler.backend_compile_and_load = counting
    jax.monitoring.register_event_duration_secs_listener(note)
    first = call()
    found = {stage: covered(each) for stage, each in spans.items()}
    rest = [call() for _ in range(CALLS)]
    return {
        "hlo_lines": float(sum(programs.values())),
        "programs": float(len(programs)),
        **found,
        "first_less_second": first - rest[0],
        "run": statistics.median(rest),
    }


def covered(spans: list[tuple[float, float]]) -> float:
    """How long any of these lasts: tracing a function inside of another is reported with both."""
    total, reached = 0.0, float("-inf")
    for begin, end in sorted(spans):
        total += max(0.0, end - max(begin, reached))
        reached = max(reached, end)
    return total


def main(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON in place of the table.")] = False,
    repeats: Annotated[int, typer.Option("--repeats", help="Processes; the median of each number is shown.")] = 3,
) -> None:
    """Measure in fresh processes without a cache, one after the other."""
    surroundings = {**os.environ, "JAX_ENABLE_COMPILATION_CACHE": "false"}
    surroundings.pop("JAX_COMPILATION_CACHE_DIR", None)
    command = [
        sys.executable,
        "-c",
        "import json; from benchmarks.compile import measure; print(json.dumps(measure()))",
    ]
    runs = []
    for _ in range(repeats):
        said = subprocess.run(command, env=surroundings, check=True, capture_output=True, text=True).stdout
        runs.append(json.loads(said.splitlines()[-1]))
    found = {name: statistics.median(run[name] for run in runs) for name in runs[0]}
    if as_json:
        print(json.dumps({"median": found, "runs": runs, "machine": machine()}, indent=1))
        return
    counts = ("hlo_lines", "programs")
    row = [f"{value:,.0f}" if name in counts else duration(value) for name, value in found.items()]
    print(table([name.replace("_", " ") for name in found], [row]))
    print(f"\nMedian of {repeats} processes. {machine()}.")


if __name__ == "__main__":
    typer.run(main)
