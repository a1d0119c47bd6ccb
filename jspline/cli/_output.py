"""Writing results: `run.json` and what it says, and pictures, which come last."""

import json
import platform
import shlex
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any

import jax
import typer

from jspline._files import prepare, refuse_folders, whole

__all__ = ["PACKAGES", "pictures", "prepare", "refuse_folders", "whole", "write_run"]

PACKAGES = ("relu-jspline", "jax", "jaxlib", "diffrax", "equinox", "numpy", "scipy", "xarray")


def write_run(path: Path, arguments: dict[str, Any], device: jax.Device, **facts: Any) -> None:
    """`run.json`: what was run, with what, on what."""
    run = {
        "command": shlex.join(["jspline", *sys.argv[1:]]),
        "arguments": arguments,
        **facts,
        "device": f"{device.platform}: {device.device_kind}",
        "python": platform.python_version(),
        "versions": {name: metadata.version(name) for name in PACKAGES},
    }
    with whole(path) as temporary:
        temporary.write_text(json.dumps(run, indent=2, default=str) + "\n", encoding="utf-8")


@contextmanager
def pictures(out: Path) -> Iterator[None]:
    """Draw, when all that was computed is written already: what fails is a line on stderr and exit status 1.

    Warnings, as of characters without a font, are lines too.
    """
    with warnings.catch_warnings(record=True) as caught:
        failed = None
        try:
            yield
        except Exception as error:
            failed = " ".join(str(error).split()) or type(error).__name__
    for message in dict.fromkeys(str(each.message) for each in caught):
        typer.echo(f"Warning: {message}", err=True)
    if failed is not None:
        typer.echo(f"Warning: not all pictures could be made ({failed}); what was computed is in {out}.", err=True)
        raise typer.Exit(1)
