"""The command line: `jspline flow`, `law`, `sweep`, and more to come."""

from jspline.cli import _flow, _law, _sweep  # noqa: F401  registers the commands
from jspline.cli._app import app


def main() -> None:
    """Run the command line."""
    app(prog_name="jspline")
