"""The frozen numbers (`python -m tests.frozen.make` writes them): computed again, they are what they were."""

import json

import numpy as np
import pytest
from frozen import cases
from frozen.cases import HERE

TOLERANCE = {"float64": 1e-10, "float32": 1e-5}
"""Of the largest entry of an array; of a stack of arrays, of each."""


@pytest.mark.parametrize("name", [pytest.param(n, marks=[pytest.mark.full] if "32" in n else []) for n in cases.ARRAYS])
def test_arrays(name):
    found, frozen = cases.ARRAYS[name](), np.load(HERE / f"{name}.npz")
    assert set(found) == set(frozen)
    differ = [key for key in frozen if (fault := differs(found, frozen, key, "32" in name)) and not print(key, fault)]
    assert differ == []


def differs(found, frozen, key, single):
    """What is wrong with an array; empty if nothing."""
    prefix, _, name = key.rpartition("/")
    new, old = np.asarray(found[key]), frozen[key]
    if new.shape != old.shape or new.dtype != old.dtype:
        return f"{old.dtype}{old.shape} has become {new.dtype}{new.shape}"
    if (unique := f"{prefix}/unique".lstrip("/")) in frozen and name != "unique":
        new, old = new[frozen[unique]], old[frozen[unique]]
    if name.startswith("attempts."):
        wrong = np.abs(new - old) > np.maximum(1, 0.02 * old * single)
    elif old.dtype.kind in "iub" and name.startswith("counts.") and single:
        wrong = np.abs(new - old) > 0.02 * old
    elif old.dtype.kind != "f":
        wrong = new != old
    else:
        finite = np.isfinite(old)
        size = np.max(
            np.abs(np.where(finite, old, 0)), axis=tuple(range(1, old.ndim)) or None, initial=0, keepdims=True
        )
        near = np.abs(np.where(finite, new, 0) - np.where(finite, old, 0)) <= TOLERANCE[str(old.dtype)] * size
        wrong = ~np.where(finite, near, np.array_equiv(new[~finite], old[~finite]) | (np.isnan(new) & np.isnan(old)))
    return f"{np.sum(wrong)} of {wrong.size} differ: {old[wrong][:3]} {new[wrong][:3]}" if np.any(wrong) else ""


def same(found, frozen, where=""):
    """Every difference of two trees of facts; numbers to 10 digits, of claims to the 6 that they are rounded to."""
    if isinstance(frozen, dict) and isinstance(found, dict):
        if set(found) != set(frozen):
            return [f"{where}: {sorted(set(frozen) ^ set(found))}"]
        return [each for key in frozen for each in same(found[key], frozen[key], f"{where}/{key}")]
    if isinstance(frozen, list) and isinstance(found, list) and len(found) == len(frozen):
        return [each for k, pair in enumerate(zip(found, frozen, strict=True)) for each in same(*pair, f"{where}/{k}")]
    if isinstance(frozen, float) and isinstance(found, float):
        near = np.isclose(found, frozen, rtol=1e-5 if "/numbers/" in where else 1e-10, atol=1e-10, equal_nan=True)
        return [] if near else [f"{where}: {frozen} has become {found}"]
    return [] if found == frozen else [f"{where}: {frozen} has become {found}"]


def missing(found, frozen):
    """The numbers that were printed and are no more, up to one unit of their last digit; whole ones exactly."""
    left, lost = [value(each) for each in found], []
    for each in frozen:
        near = [k for k, other in enumerate(left) if abs(other - value(each)) <= unit(each)]
        if near:
            left.pop(near[0])
        else:
            lost.append(each)
    return lost


def value(text):
    return float(text.replace(",", ""))


def unit(text):
    """Of the last digit, a little more; at least what rounding is."""
    digits, _, power = text.lower().partition("e")
    places = len(digits.partition(".")[2])
    return 1e-10 + (1.01 * 10.0 ** (int(power or 0) - places) if places or power else 0.0)


def stored(name):
    return json.loads((HERE / f"{name}.json").read_text())


@pytest.mark.parametrize("name", ["audit_part", pytest.param("audit", marks=pytest.mark.full)])
def test_audit(name):
    found, frozen = cases.FACTS[name](), stored(name)
    assert [name for name in frozen if found[name]["verdict"] != frozen[name]["verdict"]] == []
    differ = [
        each
        for name in frozen
        for each in same(*(beyond_rounding(audit[name]["numbers"]) for audit in (found, frozen)), f"{name}/numbers")
    ]
    assert differ == []
    for id, record in frozen.items():
        for side in ("printed", "measured") if id != "fig9" else ("printed",):
            new, old = (" ".join(row[side] for row in each["compared"]) for each in (found[id], record))
            assert missing(cases.numbers(new), cases.numbers(old)) == [], id


OF_A_MACHINE = (
    "misfit on a piece of a critical point",  # which one is found
    "rounding",  # in units of it
    "gap to linear regression",
    "distance to the nearest interpolant",  # after 2^24 steps
    "pieces of greedy merging over the optimum's",
    "distance of the others from the lines",
    "starts whose largest step ends smoother",  # training at the edge of stability
)
"""Numbers of the audit that the rounding of another machine changes; whether they hold it does not."""


def beyond_rounding(numbers):
    """Without the entry at which two equal arrays differ most, and others that are up to the rounding of a machine."""
    equal = {key for key, row in numbers.items() if row.get("difference", np.inf) <= row.get("bound", -1)}
    equal |= {key for key in numbers if any(words in key for words in OF_A_MACHINE)}
    return {
        key: {k: v for k, v in row.items() if key not in equal or k in ("of", "holds")} for key, row in numbers.items()
    }


CHEAP = ("fit", "audit")


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[] if n in CHEAP else pytest.mark.full) for n in cases.COMMANDS]
)
def test_commands(name):
    found, frozen = cases.command(name), stored("commands")[name]
    assert missing(found.pop("numbers"), frozen.pop("numbers")) == []
    attempts = ("steps", "accepted", "rejected")
    for file, variables in frozen["arrays"].items():
        for variable in set(attempts) & set(variables):
            old, new = variables.pop(variable), found["arrays"][file].pop(variable)
            assert abs(old["largest"] - new["largest"]) <= 1
    assert same(found, frozen) == []


def test_refusals():
    frozen = stored("refusals")
    found = cases.refusals(frozen["chosen"])
    wrong = []
    for name, old in frozen.items():
        if name != "chosen":
            new = found[name]
            lost = (set(old["names"]) - set(new["names"])) | (set(old["numbers"]) - set(new["numbers"]))
            wrong += [(name, old, new)] if lost or old["how"] != new["how"] else []
    assert wrong == []
