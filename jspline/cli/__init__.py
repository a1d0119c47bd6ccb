"""The command line: `jspline flow`, `jspline fit`, and more to come."""

from jspline.cli import (
    _fit,  # noqa: F401  registers the command
    _flow,  # noqa: F401  registers the command
)
from jspline.cli._app import app


def main() -> None:
    """Run the command line."""
    app(prog_name="jspline")
