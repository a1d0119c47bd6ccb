"""Figure 10, top: what is left of a start with spikes when the data are fitted, shallow and deep."""

from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import optax

import jspline
from benchmarks._report import machine, table
from jspline import init, plot
from jspline.descent import DeepNet, train

SIZE, WIDTH, SEEDS = 12, 100, 5
SPIKES, HEIGHT = 12, 5.0
LAYERS = {"shallow": 1, "deep": 3}
RATE, STEPS = 1e-3, 20_000
FIGURE = Path(__file__).with_name("spiky.png")


def run(smoke: bool) -> str:
    """Before and after: the error at the data and between them, exact pieces, and how much the slope varies."""
    jax.config.update("jax_enable_x64", True)
    x = np.linspace(-1, 1, SIZE)
    data = jspline.Dataset(x, _target(x), np.full(SIZE, 2 / SIZE))  # the loss is the mean squared error
    seeds, steps = (1, 20) if smoke else (SEEDS, STEPS)
    base = init.UniformBreakpoints(-1.0, 1.0, scale=WIDTH**0.5, sigma_v=0.1)  # |w| = 1
    laws = {"standard": base, "spiky": init.Spiky(base, HEIGHT, SPIKES)}
    rows, drawn = [], {}
    for depth, layers in LAYERS.items():
        for name, law in laws.items():
            starts = jax.vmap(partial(_start, law, layers))(jax.random.split(jax.random.key(10), seeds))
            runs = jax.vmap(lambda net: train(net, data, optax.adam(RATE), steps))(starts)
            for when, nets in (("start", starts), ("end", runs.net)):
                each = [jax.tree.map(lambda a, k=k: a[k], nets) for k in range(seeds)]
                rows.append([depth, name, when, *_measure(each, data)])
                drawn[depth, name, when] = each[0]
    if not smoke:
        _draw(data, drawn)
    header = ["", "initialization", "", "error at the data", "between them", "breakpoints", "variation of the slope"]
    return f"{table(header, rows)}\n\n{machine()}."


def _target(x: Any) -> Any:
    return np.sin(3 * x)


def _start(law: init.Law, layers: int, key: jax.Array) -> DeepNet:
    """The same key gives the same neurons, but for the spikes."""
    if not isinstance(law, init.Spiky):
        key = jax.random.split(key)[0]  # as `Spiky` does for its base
    return DeepNet.from_net(law.sample(WIDTH, key=key), layers)


def _measure(nets: list[DeepNet], data: jspline.Dataset) -> list[str]:
    """The median over the nets, and the least and the largest."""
    grid = np.linspace(-1, 1, 2001)
    found = []
    for net in nets:
        spline = net.to_spline()
        inside = np.unique(spline.beta[(spline.beta > -1) & (spline.beta < 1) & (spline.mu != 0)])
        apart = [float(np.sqrt(np.mean((np.asarray(net(x)) - _target(x)) ** 2))) for x in (np.asarray(data.x), grid)]
        found.append([*apart, len(inside), float(jspline.slope_variation(spline, interval=(-1, 1)))])
    forms = ("{:.1e}", "{:.3f}", "{:.0f}", "{:.0f}")
    ends = [(np.median(each), np.min(each), np.max(each)) for each in np.array(found).T]
    return [f"{form} [{form}, {form}]".format(*values) for form, values in zip(forms, ends, strict=True)]


def _draw(data: jspline.Dataset, nets: dict[tuple[str, str, str], DeepNet]) -> None:
    """The curves of one seed."""
    x = jnp.linspace(-1.15, 1.15, 2001)
    panels = [("shallow", "start"), ("shallow", "end"), ("deep", "end")]
    titles = ["start of both", "shallow, fitted", f"{LAYERS['deep']} hidden layers, fitted"]
    with plot.style():
        figure, axes = plt.subplots(1, 3, figsize=(11, 3.4), layout="constrained")
        for ax, (depth, when), title in zip(axes, panels, titles, strict=True):
            ax.plot(x, _target(np.asarray(x)), color="black", linestyle=":", linewidth=1)
            for name, colour in (("standard", plot.RIGHT), ("spiky", plot.LEFT)):
                ax.plot(x, nets[depth, name, when](x), color=colour, label=name)
            ax.plot(data.x, data.y, "o", color="black", markersize=4)
            ax.set(title=title, xlabel="x")
        axes[2].sharey(axes[1])
        axes[1].legend()
    figure.savefig(FIGURE, dpi=130)
    plt.close(figure)
