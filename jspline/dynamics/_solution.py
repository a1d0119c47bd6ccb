"""What a flow returns: the last net, how it ended, and what it cost."""

from typing import Any

import equinox as eqx
import numpy as np
from jaxtyping import Array, Float, PyTree

from jspline.charts import ReLUNet


class RESULTS(eqx.Enumeration):
    """How a flow ended: `RESULTS[sol.result]` is the message, `sol.result == RESULTS.end_time` works in a batch too."""

    end_time = "The end time was reached."
    interpolated = "The loss, less the part that ties make unavoidable, fell to `loss_tol`."
    stationary = (
        "The gradient fell to `grad_tol` times the size of the parameters: a critical point, or the neighbourhood of a "
        "saddle, which looks the same for a while."
    )
    first_event = "The first event was met."
    out_of_steps = (
        "All `max_steps` were spent before the end: the net is the one at `t`, not at the end. Raise `max_steps`, "
        "lower `t1`, or loosen `rtol`."
    )
    left_chart = (
        "A neuron has w = 0, or its breakpoint went to infinity, where the spline chart is singular: the net is the "
        "one at `t`. Use chart='nn'."
    )
    diverged = "The loss grew by more than the tolerance explains, or the solver failed: lower `rtol`."
    not_finite = "NaN or infinity appeared in the net."


NAMES = (
    "end_time",
    "interpolated",
    "stationary",
    "first_event",
    "out_of_steps",
    "left_chart",
    "diverged",
    "not_finite",
)


def result_names(result: RESULTS) -> np.ndarray:
    """The names of result codes as an array of strings, of the shape of `result`; on the host, for batches."""
    codes: Any = RESULTS  # to a type checker its members are strings
    names = np.full(np.shape(result == codes.end_time), "", dtype="<U16")
    for name in NAMES:
        names[np.asarray(result == getattr(codes, name))] = name
    return names


class Solution(eqx.Module):
    """The end of a gradient flow, and the nets on the way if `ts` were asked for.

    Attributes:
        net: the net at time `t`.
        t: the time the flow ended, a scalar.
        loss: the loss there, including the part that ties make unavoidable, a scalar.
        grad_norm: the length of the gradient there, a scalar.
        ts: the times asked for, `(times,)`, or None.
        nets: the nets at these times, with a leading axis `times`, or None. After the end they repeat the last net.
        events: the event log; None for `method="diffrax"`, which does not locate events.
        stats: `num_steps` (every attempt), `num_accepted`, `num_rejected`, and `charge_drift`: the largest
            |c_i(t) - c_i(0)| / (v_i^2 + w_i^2 + b_i^2), which is 0 for the exact flow.
        result: how it ended, one of `RESULTS`.
    """

    net: ReLUNet
    t: Float[Array, ""]
    loss: Float[Array, ""]
    grad_norm: Float[Array, ""]
    ts: Float[Array, " times"] | None
    nets: ReLUNet | None
    events: PyTree | None
    stats: dict[str, Array]
    result: RESULTS
