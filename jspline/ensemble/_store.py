"""What a run has finished, in a folder, so that it can die at any moment and go on.

    manifest.json      what is run: arguments, key, tile, versions, device. Another run is refused with the difference.
    chunk-000012.npz   the results of a chunk of lanes, with its number and the fingerprint of the manifest. It appears
                       whole or not at all, and what is not of this run is refused.
    ensemble.nc        all of them in one labelled file, once the last is there.
    lock, lock.1, ...  held by the processes of the run; the system lets go of a lock when its process dies.

Everything is numbers and names: nothing is unpickled or evaluated.
"""

import hashlib
import json
import platform
import re
import time
from collections.abc import Callable, Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from filelock import FileLock, Timeout

from jspline._files import prepare, whole
from jspline.ensemble._fingerprint import fingerprint

MANIFEST, MERGED = "manifest.json", "ensemble.nc"
RUN, NUMBER, VALUES = "run", "chunk", "values:"
"""In the file of a chunk: the fingerprint of its run, its number, and what the names of its arrays begin with."""

PACKAGES = ("relu-jspline", "jax", "jaxlib", "diffrax", "equinox", "numpy")


def surroundings(device: jax.Device) -> dict[str, Any]:
    """What else decides the bits of a result: versions, this package's code, device and precision."""
    return {
        "versions": {name: metadata.version(name) for name in PACKAGES},
        "python": platform.python_version(),
        "code": _code(),
        "device": f"{device.platform}: {device.device_kind}",
        "dtype": str(jnp.zeros(()).dtype),
    }


class Store:
    """A folder opened for one run.

    Args:
        folder: made if it is not there.
        manifest: what is run, as values that JSON can hold; programs, arrays and other objects are kept as their
            fingerprints.
        resume: whether a folder that holds the same run may be gone on with.
        check: whether these arrays can be those of the chunk of that number. All of them are asked for at once, and
            again when they are read.

    Raises:
        ValueError: if the folder holds another run (with the difference), or this one and `resume` is False, or chunks
            that are damaged or not of this run.
        OSError: if it cannot be written to, or another run is writing to it.
        TypeError: for something in the manifest that has no fingerprint.
    """

    def __init__(
        self,
        folder: Path,
        manifest: Mapping[str, Any],
        *,
        resume: bool,
        check: Callable[[int, dict[str, np.ndarray]], bool] = lambda number, arrays: True,
    ):
        text = json.dumps(manifest, indent=2, default=fingerprint)
        self.folder, self._check, self._run = folder, check, fingerprint(text)
        prepare(folder, MANIFEST, MERGED)
        self._lock = _locked(folder, jax.process_index())
        try:
            self._open(text, resume)
        except BaseException:
            self.close()
            raise

    def _open(self, text: str, resume: bool) -> None:
        path = self.folder / MANIFEST
        first = jax.process_index() == 0
        if not first:
            _wait_for(path)
        try:
            there = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            there = None
        except ValueError:
            raise ValueError(f"{path} is not a manifest; choose another folder.") from None
        different = [] if there is None else list(_differences(there, json.loads(text)))
        if different:
            raise ValueError(f"The folder {self.folder} holds another run: {'; '.join(different)}.")
        found = self._chunks()
        # Only the first process can say whether it is a new run: the others join it.
        if first and not resume and (found or there is not None):
            raise ValueError(f"The folder {self.folder} holds this run already; resume it, or choose another.")
        if there is None:
            with whole(path) as temporary:
                temporary.write_text(f"{text}\n", encoding="utf-8")
        for leftover in self.folder.glob(".chunk-*.partial.npz"):
            if jax.process_count() == 1:
                leftover.unlink(missing_ok=True)

    def _chunks(self) -> list[int]:
        """The numbers of the chunks that are there, all of them of this run: before any work, and not at its end."""
        numbers, strange = [], []
        for path in sorted(self.folder.glob("chunk-*.npz")):
            digits = re.fullmatch(r"chunk-(\d+)\.npz", path.name)
            number = int(digits[1]) if digits else -1
            if path != self.path(number) or self._arrays(number) is None:
                strange.append(path)
            numbers.append(number)
        if strange:
            raise _strange(*strange)
        return numbers

    def _arrays(self, chunk: int) -> dict[str, np.ndarray] | None:
        """What the file of a chunk holds, if that is this run's and this chunk's."""
        try:
            with np.load(self.path(chunk), allow_pickle=False) as file:
                kept = dict(file)
            if str(kept.pop(RUN)) != self._run or int(kept.pop(NUMBER)) != chunk:
                return None
            arrays = {name.removeprefix(VALUES): array for name, array in kept.items()}
            return arrays if self._check(chunk, arrays) else None
        except PermissionError as error:
            raise OSError(f"Cannot read {self.path(chunk)} ({error.strerror}).") from None
        except Exception:  # whatever reading something else ends in
            return None

    def path(self, chunk: int) -> Path:
        """The file of a chunk."""
        return self.folder / f"chunk-{chunk:06d}.npz"

    def __contains__(self, chunk: int) -> bool:
        return self.path(chunk).is_file()

    def write(self, chunk: int, arrays: Mapping[str, np.ndarray]) -> None:
        """Keep the results of a chunk.

        Raises:
            OSError: with a sentence, if that does not work; all chunks before are kept.
        """
        try:
            with whole(self.path(chunk)) as temporary:
                stamp = {RUN: np.array(self._run), NUMBER: np.array(chunk)}
                named = {VALUES + name: array for name, array in arrays.items()}
                np.savez(temporary, allow_pickle=False, **stamp, **named)
        except OSError as error:
            reason = error.strerror or str(error)
            raise OSError(
                f"Cannot write to {self.folder} ({reason}); all finished chunks are kept there, and the run can go on."
            ) from None

    def read(self, chunk: int) -> dict[str, np.ndarray]:
        """The results of a chunk.

        Raises:
            ValueError: if the file is damaged or not of this run.
        """
        arrays = self._arrays(chunk)
        if arrays is None:
            raise _strange(self.path(chunk))
        return arrays

    def close(self) -> None:
        """Let another run have the folder."""
        self._lock.release()


def _strange(first: Path, *more: Path) -> ValueError:
    """What is said of files in the place of chunks."""
    are, them = (f"and {len(more)} more chunks are", "them") if more else ("is", "it")
    return ValueError(f"{first} {are} damaged or of another run; remove {them}, and resume the run.")


def _locked(folder: Path, process: int) -> FileLock:
    path = folder / (f"lock.{process}" if process else "lock")
    if path.is_symlink() or (path.exists() and not path.is_file()):
        raise OSError(f"{path} must be a file of its own, and no link or folder; remove it, or choose another folder.")
    lock = FileLock(path, timeout=0, thread_local=False)
    try:
        lock.acquire()
    except Timeout:
        raise OSError(f"Another run is writing to {folder}; wait for it, or choose another folder.") from None
    except (OSError, NotImplementedError) as error:
        raise OSError(f"Cannot lock {path} ({getattr(error, 'strerror', None) or error}).") from None
    return lock


def _wait_for(manifest: Path) -> None:
    """The first process of a run writes it; the others wait for that."""
    for _ in range(600):
        if manifest.exists():
            return
        time.sleep(0.5)
    raise OSError(f"There is no {manifest}: has the first process of this run started?")


def _differences(there: Any, here: Any, name: str = "") -> Iterator[str]:
    """In words, what differs between two manifests; as texts, or 1, 1.0 and True would be one, and 0.0 and -0.0."""
    if isinstance(there, dict) and isinstance(here, dict):
        for key in sorted({*there, *here}):
            yield from _differences(there.get(key), here.get(key), f"{name}.{key}" if name else key)
    elif json.dumps(there) != json.dumps(here):
        yield f"{name} is {_short(there)} there and {_short(here)} here"


def _short(value: Any) -> str:
    text = "nothing" if value is None else json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _code() -> str:
    """A fingerprint of the sources that decide results."""
    root = Path(__file__).parent.parent
    digest = hashlib.sha256()
    for path in sorted([*root.rglob("*.py"), *root.rglob("*.csv")]):
        if path.relative_to(root).parts[0] not in ("cli", "plot"):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
