"""The comparison that defines activation."""

from jaxtyping import Array, Bool


def is_active(w: Array, b: Array, x: Array) -> Bool[Array, "..."]:
    """Whether a neuron is active at x: w x + b > 0, decided without forming the sum."""
    return ~(w * x <= -b)
