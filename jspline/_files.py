"""Files that appear whole or not at all, in folders checked before the work begins."""

import os
import signal
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


def prepare(folder: Path, *files: str) -> None:
    """Make the folder and try to write there, files of these names too, so that a run does not find out at its end.

    Raises:
        OSError: with a sentence that says what is wrong.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise OSError(f"Cannot write to the folder {folder} ({error.strerror}); choose another --out.") from None
    refuse_folders(*(folder / name for name in files))


def refuse_folders(*files: Path) -> None:
    """Raise `IsADirectoryError`, with a sentence, for a file in whose place there is a folder."""
    for path in files:
        if path.is_dir():
            raise IsADirectoryError(f"{path} is a folder, where a file is to be written; move it away.")


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A temporary path beside `path` that takes its name when the block succeeds, and vanishes when it does not.

    Also where the process is told to end, by SIGTERM: it ends then with status 143, as shells give it.

    Raises:
        IsADirectoryError: with a sentence, if there is a folder of that name.
    """
    refuse_folders(path)
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.partial{path.suffix}")
    temporary.unlink(missing_ok=True)  # a link of that name would be followed
    try:
        with _ended_by_an_exception():
            yield temporary
            os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def _ended_by_an_exception() -> Iterator[None]:
    """SIGTERM raises, where nobody has said what it does, so that what is inside is cleaned up."""
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGTERM) != signal.SIG_DFL:
        yield  # only the main thread may say
        return

    def end(number: int, frame: Any) -> None:
        raise SystemExit(128 + number)

    signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
