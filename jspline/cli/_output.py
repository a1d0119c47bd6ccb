"""Writing results: `run.json`, and what it says."""

import json
import platform
from importlib import metadata
from pathlib import Path
from typing import Any

import jax

from jspline._files import prepare, whole

__all__ = ["PACKAGES", "prepare", "whole", "write_run"]

PACKAGES = ("relu-jspline", "jax", "jaxlib", "diffrax", "equinox", "numpy", "scipy", "xarray")


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
