"""How far the work has come: a bar on a terminal, lines elsewhere."""

import time
from collections.abc import Callable
from typing import Any, Self

import typer
from tqdm import tqdm


class Progress:
    """A bar where stderr is a terminal. Elsewhere, as in a log, a line on it for each hundredth that is done, at most.

    Args:
        name: what is being done.
        total: how much there is to do.
        unit: of it, in the singular.
        scale: units of a step.
        clock: the time in seconds.
    """

    def __init__(
        self, name: str, total: int, unit: str, scale: int = 1, clock: Callable[[], float] = time.perf_counter
    ):
        self.name, self.total, self.unit, self.scale, self.clock = name, total, unit, scale, clock
        self.bar = tqdm(desc=name, total=total, unit=unit, unit_scale=scale, disable=None)
        self.began: tuple[float, int] | None = None
        self.hundredth = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: Any) -> None:
        self.bar.close()

    def __call__(self, done: int, total: int | None = None, words: str = "") -> None:
        """Show that so much is done, with some words about what came out."""
        self.total = self.bar.total = self.total if total is None else total
        if not self.bar.disable:
            self.bar.set_postfix_str(words, refresh=False)
            self.bar.update(done - self.bar.n)
            return
        now = self.clock()
        if self.began is None:  # what was there already took no time
            self.began = (now, 0 if words else done)
        hundredth = 100 * done // max(self.total, 1)
        if hundredth > self.hundredth:
            self.hundredth = hundredth
            typer.echo(self._line(done, now, words), err=True)
