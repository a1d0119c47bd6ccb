"""What a run has finished, in a folder, so that it can die at any moment and go on.

    manifest.json      what is run: arguments, key, tile, versions, device. Another run is refused with the difference.
    chunk-000012.npz   the results of a chunk of lanes. It appears whole or not at all.
    ensemble.nc        all of them in one labelled file, once the last is there.
    lock, lock.1, ...  held by the processes of the run; the system lets go of a lock when its process dies.

Everything is numbers and names: nothing is unpickled or evaluated.
"""

import fcntl
import hashlib
import json
import platform
import time
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jspline._files import prepare, whole

MANIFEST, MERGED = "manifest.json", "ensemble.nc"
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
        manifest: what is run, as values that JSON can hold.
        resume: whether a folder that holds the same run may be gone on with.

    Raises:
        ValueError: if the folder holds another run (with the difference), or this one and `resume` is False.
        OSError: if it cannot be written to, or another run is writing to it.
    """

    def __init__(self, folder: Path, manifest: Mapping[str, Any], *, resume: bool):
        prepare(folder)
        self.folder = folder
        self._lock = _locked(folder, jax.process_index())
        try:
            self._open(dict(manifest), resume)
        except BaseException:
            self.close()
            raise

    def _open(self, manifest: dict[str, Any], resume: bool) -> None:
        path = self.folder / MANIFEST
        manifest = json.loads(json.dumps(manifest))
        first = jax.process_index() == 0
        if not first:
            _wait_for(path)
        try:
            there = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            with whole(path) as temporary:
                temporary.write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
        except ValueError:
            raise ValueError(f"{path} is not a manifest; choose another folder.") from None
        else:
            different = list(_differences(there, manifest))
            if different:
                raise ValueError(f"The folder {self.folder} holds another run: {'; '.join(different)}.")
            # Only the first process can say whether it is a new run: the others join it.
            if first and not resume:
                raise ValueError(f"The folder {self.folder} holds this run already; resume it, or choose another.")
        for leftover in self.folder.glob(".chunk-*.partial.npz"):
            if jax.process_count() == 1:
                leftover.unlink(missing_ok=True)

    def path(self, chunk: int) -> Path:
        """The file of a chunk."""
        return self.folder / f"chunk-{chunk:06d}.npz"

    def __contains__(self, chunk: int) -> bool:
        return self.path(chunk).exists()

    def write(self, chunk: int, arrays: Mapping[str, np.ndarray]) -> None:
        """Keep the results of a chunk.

        Raises:
            OSError: with a sentence, if that does not work; all chunks before are kept.
        """
        try:
            with whole(self.path(chunk)) as temporary:
                np.savez(temporary, allow_pickle=False, **arrays)
        except OSError as error:
            reason = error.strerror or str(error)
            raise OSError(
                f"Cannot write to {self.folder} ({reason}); all finished chunks are kept there, and the run can go on."
            ) from None

    def read(self, chunk: int) -> dict[str, np.ndarray]:
        """The results of a chunk."""
        try:
            with np.load(self.path(chunk), allow_pickle=False) as arrays:
                return dict(arrays)
        except Exception:
            raise ValueError(f"{self.path(chunk)} is damaged; remove it, and resume the run.") from None

    def close(self) -> None:
        """Let another run have the folder."""
        self._lock.close()


def _locked(folder: Path, process: int) -> Any:
    lock = (folder / (f"lock.{process}" if process else "lock")).open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        raise OSError(f"Another run is writing to {folder}; wait for it, or choose another folder.") from None
    return lock


def _wait_for(manifest: Path) -> None:
    """The first process of a run writes it; the others wait for that."""
    for _ in range(600):
        if manifest.exists():
            return
        time.sleep(0.5)
    raise OSError(f"There is no {manifest}: has the first process of this run started?")


def _differences(there: Any, here: Any, name: str = "") -> Any:
    """In words, what differs between two manifests."""
    if isinstance(there, dict) and isinstance(here, dict):
        for key in sorted({*there, *here}):
            yield from _differences(there.get(key), here.get(key), f"{name}.{key}" if name else key)
    elif there != here:
        yield f"{name} is {_short(there)} there and {_short(here)} here"


def _short(value: Any) -> str:
    text = "nothing" if value is None else json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _code() -> str:
    """A fingerprint of the sources that decide results."""
    root = Path(__file__).parent.parent
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        if path.relative_to(root).parts[0] not in ("cli", "plot"):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
