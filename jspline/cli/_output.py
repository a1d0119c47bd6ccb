"""Writing results: a folder checked before the work begins, and files that appear whole or not at all."""

import json
import os
import platform
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any

import jax

PACKAGES = ("relu-jspline", "jax", "jaxlib", "diffrax", "equinox", "numpy", "scipy", "xarray")


def prepare(folder: Path) -> None:
    """Make the folder and try to write there, so that a run does not find out at its end.

    Raises:
        OSError: with a sentence that says what is wrong.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise OSError(f"Cannot write to the folder {folder} ({error.strerror}); choose another --out.") from None


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A temporary path beside `path` that takes its name when the block succeeds, and vanishes when it does not."""
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.partial{path.suffix}")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_run(path: Path, command: str, arguments: dict[str, Any], device: jax.Device, **facts: Any) -> None:
    """`run.json`: what was run, with what, on what."""
    run = {
        "command": command,
        "arguments": arguments,
        **facts,
        "device": f"{device.platform}: {device.device_kind}",
        "python": platform.python_version(),
        "versions": {name: metadata.version(name) for name in PACKAGES},
    }
    with whole(path) as temporary:
        temporary.write_text(json.dumps(run, indent=2, default=str) + "\n", encoding="utf-8")
