"""The command line."""

from jspline.cli import _audit, _explore, _film, _fit, _flow, _hessian, _law, _sweep  # noqa: F401  they register the commands
from jspline.cli._app import app


def main() -> None:
    """Run the command line."""
    app(prog_name="jspline")
