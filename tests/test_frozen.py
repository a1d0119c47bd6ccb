"""The frozen numbers (`python -m tests.frozen.make` writes them): computed again, they are what they were."""

import numpy as np
import pytest
from frozen import cases
from frozen.cases import HERE

TOLERANCE = {"float64": 1e-10, "float32": 1e-5}
"""Of the largest entry of an array; of a stack of arrays, of each."""


@pytest.mark.parametrize("name", cases.ARRAYS)
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
