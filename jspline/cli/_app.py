"""The `jspline` command: options that all its commands share, and what happens to an error."""

import os
import platform
import zlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Annotated, Any

import jax
import platformdirs
import typer
from typer.core import TyperGroup

from jspline import __version__
from jspline._text import printable
from jspline.ensemble import cores

USAGE: Any = typer.BadParameter.__base__
"""What click raises for words that no command takes; typer brings click under a name of its own."""


class OneSentence(TyperGroup):
    """Commands that refuse words which they do not take as everything else: in one line on stderr, with status 2."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if not args:  # asks for help
            return super().parse_args(ctx, args)
        with _usage_in_one_sentence(ctx):
            return super().parse_args(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        with _usage_in_one_sentence(ctx):
            return super().invoke(ctx)


@contextmanager
def _usage_in_one_sentence(ctx: Any) -> Iterator[None]:
    try:
        yield
    except USAGE as error:
        said = error.format_message()
        if not said.endswith("?"):
            said = f"{said.rstrip('.')}; {(error.ctx or ctx).command_path} --help says what there is."
        _say(said)
        raise typer.Exit(2) from None


def _say(sentence: str) -> None:
    typer.echo(f"jspline: {printable(' '.join(sentence.split()))}", err=True)


app = typer.Typer(
    cls=OneSentence,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"jspline {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    """Shallow ReLU networks as the continuous piecewise-linear splines they are."""


@contextmanager
def one_sentence() -> Iterator[None]:
    """Turn what a user can cause into one line on stderr and exit status 2."""
    try:
        yield
    except (ValueError, OSError) as error:
        raw = isinstance(error, OSError) and error.strerror and error.filename  # the system's words, not ours
        _say(f"Cannot use {error.filename}: {error.strerror}." if raw else str(error))  # type: ignore[union-attr]
        raise typer.Exit(2) from None


@contextmanager
def interruptible(out: Path | None, how: str) -> Iterator[None]:
    """Turn Ctrl-C in work that is kept bit by bit into one line that says `how` to go on, and exit status 130."""
    try:
        yield
    except KeyboardInterrupt:
        kept = "nothing was kept: give --out." if out is None else f"what is finished is in {out}, and {how}."
        typer.echo(f"Interrupted; {kept}", err=True)
        raise typer.Exit(130) from None


def configure(dtype: str, device: str | None, *, spread: bool = False) -> None:
    """Set JAX's precision and default device. The library never does; this is the edge.

    float64 is always allowed: also where networks are float32, data are read and standardized in full precision.
    `spread` makes a CPU one device for each core, if nobody has said otherwise, and one more, which stays idle: the
    devices share as many threads as there are of them, and wait for each other less with one to spare.

    Raises:
        ValueError: for another dtype, or a platform that is not there, by option or by JAX_PLATFORMS.
    """
    if dtype not in ("float32", "float64"):
        raise ValueError(f"--dtype must be float32 or float64; got {dtype or 'an empty one'}.")
    jax.config.update("jax_enable_x64", True)
    _keep_programs()
    if spread and "host_platform_device_count" not in os.environ.get("XLA_FLAGS", ""):
        with suppress(RuntimeError):  # JAX has started already
            jax.config.update("jax_num_cpu_devices", cores() + 1)
    _check_platforms()
    if device is None:
        return
    try:
        # A platform and not one of its devices, where all of them are to work.
        if not device:  # to JAX any
            raise RuntimeError
        there = jax.local_devices(backend=device)
        jax.config.update("jax_platforms" if spread else "jax_default_device", device if spread else there[0])
    except RuntimeError:
        there_are = ", ".join(sorted({d.platform for d in jax.devices()}))
        raise ValueError(f"--device {device or 'of no name'} is not available here; available: {there_are}.") from None


def _check_platforms() -> None:
    """Raise `ValueError` where nothing of JAX_PLATFORMS is there; the CPU is always added, for the host's work.

    JAX itself fails with an assertion, or, once the CPU is named beside it, says nothing and takes that.
    """
    asked = jax.config.jax_platforms  # type: ignore[attr-defined]
    if not asked or "cpu" in asked.split(","):
        return
    jax.config.update("jax_platforms", f"{asked},cpu")
    try:
        found = jax.default_backend()
    except RuntimeError:
        found = "cpu"
    if found == "cpu":
        raise ValueError(f"JAX_PLATFORMS={asked} is not available here: leave it out, or set it to cpu.")


def _keep_programs() -> None:
    """Let JAX keep what it compiles in the user's cache folder, as the same command would spend most of its time on it.

    Unless JAX is told of another folder, JAX_COMPILATION_CACHE_DIR, or not to, JAX_ENABLE_COMPILATION_CACHE=false.
    """
    if jax.config.jax_compilation_cache_dir is not None:  # type: ignore[attr-defined]
        return
    # A home may be shared between machines; what is compiled for one CPU may not run on another.
    try:
        described = Path("/proc/cpuinfo").read_text()
        cpu = next(line for line in described.splitlines() if line.startswith(("flags", "Features")))
    except (OSError, StopIteration):
        cpu = platform.processor()
    folder = platformdirs.user_cache_path("jspline") / f"{platform.machine()}-{zlib.crc32(cpu.encode()):08x}"
    with suppress(OSError):  # a home that cannot be written to
        folder.mkdir(parents=True, exist_ok=True)
        jax.config.update("jax_compilation_cache_dir", str(folder))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.2)


def distribute() -> None:
    """Join the other processes of the run, if the environment says that there are any.

    JAX itself reads the coordinator's address, and on a cluster that it knows everything else. The processes never
    wait for each other in a computation. If one dies, JAX ends the others within minutes; what is finished is kept.
    """
    if "JAX_COORDINATOR_ADDRESS" not in os.environ or jax.distributed.is_initialized():
        return
    number: dict[str, Any] = {
        argument: int(os.environ[name])
        for argument, name in (("num_processes", "JAX_NUM_PROCESSES"), ("process_id", "JAX_PROCESS_ID"))
        if name in os.environ
    }
    jax.distributed.initialize(**number)


def on_host() -> AbstractContextManager:
    """Work on the CPU inside this context: for float64 where the accelerator has none."""
    return jax.default_device(jax.local_devices(backend="cpu")[0])
