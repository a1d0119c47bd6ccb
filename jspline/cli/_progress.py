"""How far the work has come: a bar on a terminal, lines elsewhere."""

import time
from typing import Any, Self

import typer
from tqdm import tqdm


class Progress:
    """A bar where stderr is a terminal; elsewhere, as in a log, a line on it at once and whenever another part is done.

    Args:
        name: what is being done.
        total: how much there is to do.
        unit: of it, in the singular.
        scale: units that one of `total` stands for.
        found: how much was there before, and took no time.
        words: about what is done first.
        parts: how many lines there are at most.
    """

    def __init__(
        self,
        name: str,
        total: int,
        unit: str,
        scale: int = 1,
        *,
        found: int = 0,
        words: str = "compiling",
        parts: int = 100,
    ):
        self.name, self.total, self.unit, self.scale, self.found, self.parts = name, total, unit, scale, found, parts
        self.bar = tqdm(desc=name, unit=unit, unit_scale=scale, total=total, initial=found, disable=None)
        self.began, self.part = time.perf_counter(), parts * found // total
        self._say(found, words)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: Any) -> None:
        self.bar.close()

    def __call__(self, done: int, words: str = "") -> None:
        """So much is done now, with some words about it."""
        if not self.bar.disable:
            self.bar.set_postfix_str(words, refresh=False)
            self.bar.update(done - self.bar.n)
        elif (part := self.parts * done // self.total) > self.part:
            self.part = part
            self._say(done, words)

    def _say(self, done: int, words: str) -> None:
        if not self.bar.disable:
            return
        said = f"{self.name}: {done * self.scale:,} of {self.total * self.scale:,} {self.unit}s"
        new = done - self.found
        if done < self.total and new > 0:
            said += f", about {_spoken((time.perf_counter() - self.began) / new * (self.total - done))} left"
        typer.echo(f"{said}; {words}" if words else said, err=True)


def _spoken(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = seconds / 60
    return f"{minutes:.0f} min" if minutes < 90 else f"{minutes / 60:.1f} h"
