"""The command line: `jspline flow`, and more to come."""

from jspline.cli import _flow, _sweep  # noqa: F401  registers the commands
from jspline.cli._app import app


def main() -> None:
    """Run the command line."""
    app(prog_name="jspline")
