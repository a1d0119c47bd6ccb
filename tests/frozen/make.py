"""Write all frozen files, at the state that is to be held still: `python -m tests.frozen.make`, or some `GROUP ...`.

With `--to FOLDER` elsewhere, to see what has changed; with `--optimized` as users compile, to see what rounding does.
"""

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))


def main() -> None:
    import conftest  # noqa: F401  # surroundings of the tests, before JAX starts
    import jax

    from frozen import cases

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("group", nargs="*", choices=[*cases.ARRAYS, *cases.FACTS, []])
    parser.add_argument("--to", type=Path, default=cases.HERE)
    parser.add_argument("--optimized", action="store_true")
    given = parser.parse_args()
    jax.config.update("jax_disable_most_optimizations", not given.optimized)
    for name in given.group or [*cases.ARRAYS, *cases.FACTS]:
        began = time.perf_counter()
        if name in cases.ARRAYS:
            path = given.to / f"{name}.npz"
            np.savez_compressed(path, **cases.ARRAYS[name]())
        else:
            path = given.to / f"{name}.json"
            path.write_text(json.dumps(cases.FACTS[name](), indent=1) + "\n", encoding="utf-8")
        print(f"{name:14} {time.perf_counter() - began:6.1f} s {path.stat().st_size / 1e3:7.1f} kB", flush=True)


if __name__ == "__main__":
    main()
