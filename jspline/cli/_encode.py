"""Frames into files: mp4 and gif. The libraries come with their encoders; nothing of the system is needed."""

import importlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from jspline.cli._progress import Progress

INSTALL = 'pip install "relu-jspline[watch]" (in a clone: pip install ".[watch]")'

HOLD = 1.0
"""Seconds that the first frame stays, and the last."""


def paced(last: int, fps: int, every: int = 1) -> list[int]:
    """The numbers of the frames, the first and the last held for a while."""
    hold = max(1, round(HOLD * fps / every))
    middle = list(range(0, last, every))
    return [0] * (hold - 1) + middle + [last] * hold


def drawn(frames: Callable[[list[int]], Iterable[np.ndarray]], numbers: list[int], file: str) -> Iterator[np.ndarray]:
    """The frames of these numbers, with a word on how many are there yet."""
    with Progress(file, len(numbers), "frame", words="drawing", parts=10) as show:
        for done, frame in enumerate(frames(numbers), 1):
            yield frame
            show(done)


def need(module: str, what: str) -> Any:
    """A module of the extra `watch`.

    Raises:
        ValueError: with a sentence that says what to install, if it is not there.
    """
    try:
        return importlib.import_module(module)
    except ImportError:
        raise ValueError(f"{what} needs the package {module}: {INSTALL}.") from None


def write_mp4(path: Path, frames: Iterable[np.ndarray], fps: int) -> None:
    """H.264, in the pixel format that every player takes, with the index in front."""
    av = need("av", "An mp4 film")
    with av.open(str(path), "w", format="mp4", options={"movflags": "faststart"}) as file:
        stream = None
        for frame in frames:
            if stream is None:
                stream = file.add_stream("libx264", rate=fps, options={"crf": "18", "preset": "veryfast"})
                # Sides must be even.
                stream.height, stream.width = (side // 2 * 2 for side in frame.shape[:2])
                stream.pix_fmt, stream.thread_count = "yuv420p", 0
            cut = np.ascontiguousarray(frame[: stream.height, : stream.width])
            file.mux(stream.encode(av.VideoFrame.from_ndarray(cut, format="rgb24")))
        if stream is not None:
            file.mux(stream.encode())


def write_gif(path: Path, frames: Iterable[np.ndarray], fps: int) -> None:
    """A gif that repeats. One palette for all frames, so that nothing flickers."""
    from PIL import Image

    def images() -> Iterable[Any]:
        palette = None
        for frame in frames:
            image = Image.fromarray(np.ascontiguousarray(frame))
            if palette is None:
                palette = image.quantize(128, dither=Image.Dither.NONE)
            yield image.quantize(palette=palette, dither=Image.Dither.NONE)

    every = iter(images())
    first = next(every)
    first.save(path, format="GIF", save_all=True, append_images=every, duration=1000 / fps, loop=0, optimize=False)
