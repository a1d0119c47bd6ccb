"""How far the work has come: a bar on a terminal, lines elsewhere."""

import time
from typing import Any, Self

import typer
from tqdm import tqdm


class Progress:
    """A bar where stderr is a terminal; elsewhere, as in a log, a line on it whenever another hundredth is done.

    Args:
        name: what is being done.
        total: how much there is to do.
        unit: of it, in the singular.
        scale: units that one of `total` stands for.
        found: how much was there before, and took no time.
        began: when, in seconds of `time.perf_counter`; now by default.
    """

    def __init__(self, name: str, total: int, unit: str, scale: int = 1, *, began: float | None = None, found: int = 0):
        self.name, self.total, self.unit, self.scale, self.found = name, total, unit, scale, found
        self.bar = tqdm(desc=name, unit=unit, unit_scale=scale, total=total, disable=None)
        self.began, self.hundredth = time.perf_counter() if began is None else began, 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: Any) -> None:
        self.bar.close()

    def __call__(self, done: int, words: str = "") -> None:
        """So much is done now, with some words about it."""
        if not self.bar.disable:
            self.bar.set_postfix_str(words, refresh=False)
            self.bar.update(done - self.bar.n)
            return
        hundredth = 100 * done // self.total
        if hundredth > self.hundredth:
            self.hundredth = hundredth
            typer.echo(self._line(done, words), err=True)

    def _line(self, done: int, words: str) -> str:
        said = f"{self.name}: {done * self.scale:,} of {self.total * self.scale:,} {self.unit}s"
        new = done - self.found
        if done < self.total and new > 0:
            said += f", about {_spoken((time.perf_counter() - self.began) / new * (self.total - done))} left"
        return f"{said}; {words}" if words else said


def _spoken(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = seconds / 60
    return f"{minutes:.0f} min" if minutes < 90 else f"{minutes / 60:.1f} h"
