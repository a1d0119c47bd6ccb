"""The command line."""

import io
import sys

from jspline.cli import _audit, _explore, _film, _fit, _flow, _hessian, _law, _meanfield, _sweep  # noqa: F401  they register the commands
from jspline.cli._app import app


def main() -> None:
    """Run the command line."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a name may have what a terminal's encoding lacks
            stream.reconfigure(errors="backslashreplace")
    app(prog_name="jspline")
