"""From saddle to saddle: losses over time, and the breakpoints of one network."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from jspline.plot._style import INK, LEFT, QUIET, RIGHT, style


def saddles(arrays: Mapping[str, np.ndarray]) -> Figure:
    """Over `times`: `loss`, `(start, time)`; `beta` and `size` of one net's neurons, `(time, neuron)`, `sign` of v."""
    times = arrays["times"]
    with style():
        figure = Figure(figsize=(12, 4.8), layout="constrained")
        left, right = figure.subplots(1, 2)
        left.axhline(float(arrays["saddle"]), color=QUIET, lw=1.2, ls=(0, (4, 3)), label="the saddle")
        for k, losses in enumerate(arrays["loss"]):
            left.plot(times, losses, color=RIGHT, lw=1, alpha=0.6, label=None if k else "networks")
        left.set(xlabel="time", ylabel="loss", ylim=(-0.03, 1.05), title="Loss")
        left.legend()
        weight = arrays["size"] / arrays["size"].max()
        for sign, colour, name in ((1, RIGHT, "v > 0"), (-1, LEFT, "v < 0")):
            mine = arrays["sign"] == sign
            at = np.broadcast_to(times[:, None], arrays["beta"][:, mine].shape)
            right.scatter(at, arrays["beta"][:, mine], s=3 + 60 * weight[:, mine], color=colour, alpha=0.45, lw=0)
            right.plot([], [], "o", color=colour, label=name)
        for x in arrays["x"]:
            right.axhline(x, color=INK, lw=0.8, ls=(0, (4, 3)))
        right.set(xlabel="time", ylabel="breakpoint", ylim=(-3, 4), title="Breakpoints of one network, by their weight")
        right.legend()
    return figure
