"""What a claim is, what running it gives, and how its verdict follows from what was found."""

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

Budget = Literal["quick", "full"]
Verdict = Literal["holds", "conditional", "fails", "undecided"]
VERDICTS: tuple[Verdict, ...] = ("holds", "conditional", "fails", "undecided")


class Run(NamedTuple):
    """How a claim is run: the budget, and where its random numbers come from."""

    budget: Budget
    seed: int
    claim: str

    def size(self, quick: int, full: int) -> int:
        """One of two sizes, by the budget."""
        return quick if self.budget == "quick" else full

    def rng(self) -> np.random.Generator:
        """Random numbers of this claim's own: the same on every call, and whatever else is run."""
        return np.random.default_rng([self.seed, zlib.crc32(self.claim.encode())])

    def key(self) -> jax.Array:
        """The same for JAX."""
        return jax.random.fold_in(jax.random.key(self.seed), zlib.crc32(self.claim.encode()))


class Finding(NamedTuple):
    """One test: what was asked, whether it holds (None: this budget cannot tell), and effect size and uncertainty."""

    what: str
    holds: bool | None
    numbers: dict[str, float]


class Compared(NamedTuple):
    """A number or an ordering that the paper gives, beside the one found, both as a reader would write them."""

    what: str
    printed: str
    measured: str


@dataclass(frozen=True)
class Evidence:
    """What a check found about the statement as printed, under the claim's condition, and as corrected.

    Beside the findings, which decide, it has what people look at: printed numbers with the measured ones, and the
    arrays that the claim's figure shows.
    """

    printed: tuple[Finding, ...]
    condition: tuple[Finding, ...] = ()
    corrected: tuple[Finding, ...] = ()
    compared: tuple[Compared, ...] = ()
    arrays: Mapping[str, np.ndarray] = field(default_factory=dict)

    def verdict(self) -> tuple[Verdict, str]:
        """The verdict and, where the findings do not lead to one, the reason."""
        repairs = self.condition + self.corrected
        for finding in self.printed + repairs:
            if finding.holds is None:
                return "undecided", f"The budget does not decide: {finding.what}."
        for finding in repairs:
            if not finding.holds:
                return "undecided", f"What should hold in place of the print does not: {finding.what}."
        if all(finding.holds for finding in self.printed):
            return "holds", ""
        if not repairs:
            return "fails", "Nothing is known that would hold in its place."
        return ("conditional" if self.condition else "fails"), ""


@dataclass(frozen=True)
class Outcome:
    """A verdict with all that led to it."""

    claim: "Claim"
    run: Run
    evidence: Evidence
    verdict: Verdict
    reason: str

    def numbers(self) -> dict[str, dict[str, Any]]:
        """Every finding by name: which version of the statement it is about, whether it holds, its numbers."""
        parts = {name: getattr(self.evidence, name) for name in ("printed", "condition", "corrected")}
        return {
            finding.what: {"of": part, "holds": finding.holds, **finding.numbers}
            for part, findings in parts.items()
            for finding in findings
        }


@dataclass(frozen=True)
class Claim:
    """One statement of the paper, and how it is checked.

    Attributes:
        id: `th5`, `eq3`, `text-speed`, ...
        title: a few words.
        source: where it is printed.
        statement: what is printed, in one sentence.
        check: from a `Run` and the stated formulas, the evidence.
        stated: the formulas under test by name. The check compares them with a computation that does not use them;
            `planted` puts wrong ones in their place.
        condition: under which the print holds, if it does not in general.
        corrected: what holds in place of the print.
        figure: draws the evidence's arrays.
    """

    id: str
    title: str
    source: str
    statement: str
    check: Callable[[Run, Any], Evidence]
    stated: Mapping[str, Any] = field(default_factory=dict)
    condition: str = ""
    corrected: str = ""
    figure: Callable[[Mapping[str, np.ndarray]], Any] | None = None

    def planted(self, **wrong: Any) -> "Claim":
        """The same claim with other formulas: raises `ValueError` for one that it does not have."""
        unknown = set(wrong) - set(self.stated)
        if unknown:
            raise ValueError(f"{self.id} states {', '.join(self.stated)}; got {', '.join(sorted(unknown))}.")
        return replace(self, stated={**self.stated, **wrong})

    def run(self, budget: Budget = "quick", seed: int = 0) -> Outcome:
        """Check it. Raises `ValueError` when JAX is not set to float64."""
        if jnp.zeros(()).dtype != jnp.float64:
            raise ValueError("Claims are checked in float64: call jax.config.update('jax_enable_x64', True) first.")
        run = Run(budget, seed, self.id)
        evidence = self.check(run, SimpleNamespace(**self.stated))
        return Outcome(self, run, evidence, *evidence.verdict())
