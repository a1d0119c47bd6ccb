"""Run claims, keep what is finished, and say what came out, in values that JSON can hold."""

import difflib
import json
import platform
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from jspline._checks import check_whole
from jspline.claims._claim import Budget, Claim, Outcome
from jspline.ensemble import Store, surroundings

PACKAGES = ("relu-jspline", "jax", "jaxlib", "numpy", "scipy")
ARRAY = "array:"
"""What the names of a claim's arrays begin with in the store, beside the record."""


class Audited(NamedTuple):
    """A claim that was run.

    Attributes:
        claim: which.
        record: what came out: {id, title, source, statement, verdict, numbers, seed, ...}, as values of JSON.
        arrays: what `claim.figure` draws.
    """

    claim: Claim
    record: dict[str, Any]
    arrays: Mapping[str, np.ndarray]


def select(claims: Sequence[Claim], only: Sequence[str]) -> list[Claim]:
    """The claims with these ids, in the order of the paper; all of them for none.

    Raises:
        ValueError: for an id that no claim has, with those near it.
    """
    known = {claim.id: claim for claim in claims}
    for name in only:
        if name not in known:
            close = partial(difflib.get_close_matches, name, known, n=5)
            near = close() or close(cutoff=0)
            raise ValueError(f"No claim has the id {name!r}; near it are {', '.join(near)}.")
    return [claim for claim in claims if claim.id in only or not only]


def audit(
    claims: Sequence[Claim],
    budget: Budget = "quick",
    seed: int = 0,
    *,
    out: str | Path | None = None,
    progress: Callable[[int, int, dict[str, Any] | None], None] | None = None,
) -> list[Audited]:
    """Run the claims one after the other.

    Args:
        claims: which.
        budget: "quick" or "full".
        seed: of everything random. The same seed gives the same numbers.
        out: a folder in which every finished claim is kept, whole or not at all, so that the same audit goes on there.
        progress: called with the claims done, all claims, and the last one's record (None before the first).

    Raises:
        ValueError: for a folder that holds another audit, with the difference, or something damaged; without
            float64; or for a seed that is not from 0 to 2^32 - 1.
        TypeError: for a claim of one's own that holds what cannot be known again, such as a lock.
        OSError: for a folder that cannot be written to or is in use.
    """
    check_whole(least=0, most=2**32 - 1, seed=seed)
    # All of a claim but how it is drawn, of which nothing is kept.
    whole = {claim.id: {**vars(claim), "figure": None} for claim in claims}
    ids = [claim.id for claim in claims]
    manifest = {"kind": "audit", "budget": budget, "seed": seed, "claims": ids, "whole": whole}

    def fits(place: int, kept: dict[str, np.ndarray]) -> bool:
        return _unpack(claims[place], kept).record["id"] == claims[place].id

    store = None
    if out is not None:
        store = Store(Path(out), {**manifest, **surroundings(jax.devices()[0])}, resume=True, check=fits)
    done: list[Audited] = []
    try:
        if progress is not None:
            progress(0, len(claims), None)
        for place, claim in enumerate(claims):
            if store is not None and place in store:
                kept = store.read(place)
            else:
                kept = _pack(claim.run(budget, seed))
                if store is not None:
                    store.write(place, kept)
            done.append(_unpack(claim, kept))
            if progress is not None:
                progress(len(done), len(claims), done[-1].record)
    finally:
        if store is not None:
            store.close()
    return done


def _pack(outcome: Outcome) -> dict[str, np.ndarray]:
    """An outcome as arrays for the store. A claim just run goes through it, too, so that both ways give one thing."""
    arrays = {ARRAY + name: np.asarray(values) for name, values in outcome.evidence.arrays.items()}
    return {"record": np.array(json.dumps(describe(outcome))), **arrays}


def _unpack(claim: Claim, kept: Mapping[str, np.ndarray]) -> Audited:
    arrays = {name.removeprefix(ARRAY): values for name, values in kept.items() if name.startswith(ARRAY)}
    return Audited(claim, json.loads(str(kept["record"])), arrays)


def describe(outcome: Outcome) -> dict[str, Any]:
    """An outcome as values that JSON can hold, without times or dates."""
    claim = outcome.claim
    return {
        "id": claim.id,
        "title": claim.title,
        "source": claim.source,
        "statement": claim.statement,
        "verdict": outcome.verdict,
        "condition": claim.condition or None,
        "corrected": claim.corrected or None,
        "reason": outcome.reason or None,
        "numbers": outcome.numbers(),
        "compared": [row._asdict() for row in outcome.evidence.compared],
        "budget": outcome.run.budget,
        "seed": outcome.run.seed,
        "versions": {"python": platform.python_version()} | {name: metadata.version(name) for name in PACKAGES},
    }
