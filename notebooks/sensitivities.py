# ---
# jupyter:
#   jupytext:
#     formats: py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # What if? Derivatives of a flow
#
# The end of a gradient flow is a function of the first net, the data, their weights and the end time, and has a
# derivative through all crossings and slides. Three things to do with it. `JSPLINE_FAST=1` learns for fewer steps.

# %%
import os
from typing import NamedTuple

import jax

jax.config.update("jax_enable_x64", True)

import equinox as eqx
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import optax
from scipy import stats

import jspline
from jspline import plot
from jspline.dynamics import OBSTACLES, sensitivity

FAST = os.environ.get("JSPLINE_FAST") == "1"
FOLDER = os.environ.get("JSPLINE_FIGURES")  # where to put the figures of docs/sensitivity.md
GRID = jnp.linspace(-1, 1, 81)

# %% [markdown]
# ## The influence of each datum on the fit
#
# One record of the flow, then one pass backwards for each place of the grid: `reverse` takes the gradient of f(x) with
# respect to the last net to that with respect to all that the flow began with.

# %%
rng = np.random.default_rng(3)
x = np.sort(rng.uniform(-1, 1, 12))
data = jspline.Dataset(x, np.sin(4 * x) + 0.2 * rng.normal(size=12), np.full(12, 2 / 12))
net = jspline.init.UniformBreakpoints(-1.2, 1.2, 1.5).sample(24, key=jax.random.key(0))
end = {"rtol": 1e-8, "atol": 1e-11, "max_steps": 2000}
s = sensitivity(net, data, 200.0, **end)
print(OBSTACLES[s.obstacle])
print(s.solution)


def influence(s, at):
    """d f(at) / d (all that the flow began with)."""
    return s.reverse(jax.grad(lambda net: net(at[None])[0])(s.solution.net))


on_grid = jax.vmap(lambda at: influence(s, at))(GRID)

# %% [markdown]
# Leaving a datum out is a change of its weight by -p_n. To first order that needs no second training. It is a good
# guess for a datum among others on a line, and a bad one for one that a line hinges on.

# %%
fit, without = s.solution.net(GRID), {}
for n in (7, 4):
    fewer = eqx.tree_at(lambda d: d.weight, data, data.weight.at[n].set(0.0))
    again = jspline.flow(net, fewer, 200.0, **end).net(GRID)
    without[n] = -data.weight[n] * on_grid.weight[:, n], again - fit
    guessed, true = (float(jnp.max(jnp.abs(change))) for change in without[n])
    print(f"without datum {n + 1}: f moves by up to {true:.4f}, by the derivative {guessed:.4f}")

# %% [markdown]
# ## How the fit answers to the scale
#
# The direction of change is the net itself, without the bias that does not scale.

# %%
by_scale = s.forward(eqx.tree_at(lambda net: net.b0, net, jnp.zeros(())))
slope = jax.jvp(lambda net: net(GRID), (s.solution.net,), (by_scale,))[1]


def scaled(alpha):
    return eqx.tree_at(lambda net: (net.w, net.b, net.v), net, (alpha * net.w, alpha * net.b, alpha * net.v))


nearby = jspline.flow(scaled(1.05), data, 200.0, **end).net(GRID)
print(f"5 % more: f moves by up to {jnp.max(jnp.abs(nearby - fit)):.4f}, "
      f"the derivative is off by {jnp.max(jnp.abs(fit + 0.05 * slope - nearby)):.4f}")  # fmt: skip

# %%
with plot.style():
    figure, axes = plt.subplots(1, 3, figsize=(13, 3.8), layout="constrained")
    reach = float(jnp.max(jnp.abs(on_grid.y)))
    image = axes[0].pcolormesh(
        np.arange(1, 13), GRID, on_grid.y, cmap="PuOr", vmin=-reach, vmax=reach, shading="nearest", rasterized=True
    )
    axes[0].set(xlabel="datum n", ylabel="x", title="Influence d f(x) / d y_n")
    figure.colorbar(image, ax=axes[0])
    for colour, (n, (guessed, true)) in zip(plot.COLOURS, without.items(), strict=False):
        axes[1].plot(GRID, guessed, color=colour, label=f"without datum {n + 1}, by the derivative")
        axes[1].plot(GRID, true, color=colour, ls=":", label="trained again")
        axes[1].plot(data.x[n], 0.0, "o", color=colour, ms=5)
    axes[1].set(title="Leaving a datum out", xlabel="x", ylabel="change of f")
    axes[2].plot(data.x, data.y, "o", color="black", ms=4)
    axes[2].plot(GRID, fit, color="black", lw=1.2, label="fit")
    axes[2].fill_between(GRID, fit - 0.2 * slope, fit + 0.2 * slope, color=plot.COLOURS[0], alpha=0.3, lw=0,
                         label="scale ± 20 %, by the derivative")  # fmt: skip
    axes[2].set(title="Changing the scale", xlabel="x", ylim=(-1.5, 2.0))
    axes[1].legend(fontsize=8, loc="lower right")
    axes[2].legend(fontsize=8, loc="upper left")
    if FOLDER:
        figure.savefig(os.path.join(FOLDER, "sensitivity.png"), dpi=110)

# %% [markdown]
# ## An initialization that is learned
#
# The paper asks (section 4.3) whether an initialization should know the data. Take a fixed design, dense on the left
# and sparse on the right, and a family of smooth functions. A fixed training time is given. What density of
# breakpoints, and what scale, make the test loss at that time least, on average over the family?
#
# The density is piecewise constant on the range of the data, and starts uniform; each net takes one breakpoint from
# each of H equal parts of its mass. So that the density decides, and not the scale, the rivals have their own scale
# learned in the same way. What is learned is the mean of the logarithm of the test loss: a few targets are far harder.

# %%
DESIGN = jnp.concatenate([jnp.linspace(-1, -0.2, 9), jnp.asarray([0.1, 0.4, 0.7, 1.0])])
WIDTH, TIME, BINS = 24, 50.0, 12
TRAINING = {"rtol": 1e-6, "atol": 1e-9, "max_steps": 400}
EDGES = jnp.linspace(-1, 1, BINS + 1)


def target(key):
    """A smooth random function: eight cosines of random frequency."""
    k = jax.random.split(key, 3)
    frequency, phase = 4.0 * jax.random.normal(k[0], (8,)), jax.random.uniform(k[1], (8,), maxval=2 * jnp.pi)
    weight = jax.random.normal(k[2], (8,)) / 2
    return lambda x: jnp.sum(weight * jnp.cos(frequency * x[:, None] + phase), axis=1)


class Law(NamedTuple):
    """Breakpoints by the inverse of their distribution function, from `mass` to `knots`; its tangent if `heavy`."""

    mass: jax.Array
    knots: jax.Array
    heavy: float = 0.0
    learns: float = 0.0


EVEN = jnp.linspace(0, 1, BINS + 1)
LAWS = {
    "learned": Law(EVEN, EDGES, learns=1.0),
    "data quantiles": Law(EVEN, DESIGN),  # as many between any two neighbouring data
    "uniform": Law(EVEN, EDGES),
    "standard": Law(EVEN, jnp.pi * (EVEN - 0.5), heavy=1.0),  # Gaussian weights and biases: a Cauchy law
}


def start(law, parameters, key):
    """A net that is 0, with breakpoints from the law and |w| = scale / sqrt(H)."""
    k = jax.random.split(key)
    u = (jnp.arange(WIDTH) + jax.random.uniform(k[0], (WIDTH,))) / WIDTH
    learned = jnp.concatenate([jnp.zeros(1), jnp.cumsum(jax.nn.softmax(parameters["density"]))])
    beta = jnp.interp(jnp.clip(u, 1e-3, 1 - 1e-3), jnp.where(law.learns > 0, learned, law.mass), law.knots)
    beta = jnp.where(law.heavy > 0, jnp.tan(beta), beta)
    w = jnp.exp(parameters["log_scale"]) / WIDTH**0.5 * jnp.where(jax.random.bernoulli(k[1], 0.5, (WIDTH,)), 1.0, -1.0)
    return jspline.ReLUNet(w, -w * beta, jnp.zeros(WIDTH), 0.0)


def test_loss(law, parameters, key):
    """The mean square distance to the target, after training for the given time."""
    k = jax.random.split(key)
    function = target(k[0])
    data = jspline.Dataset(DESIGN, function(DESIGN), jnp.full(len(DESIGN), 2 / len(DESIGN)))
    last = jspline.flow(start(law, parameters, k[1]), data, TIME, **TRAINING).net
    return jnp.mean((last(GRID) - function(GRID)) ** 2)


OPTIMIZER = optax.inject_hyperparams(optax.adam)(learning_rate=0.1)
STEPS, BATCH, HELD_OUT = (2, 2, 2) if FAST else (150, 16, 500)


@jax.jit
def step(law, parameters, state, keys):
    """One step of Adam. A net whose flow has no derivative does not count."""
    one = jax.value_and_grad(lambda parameters, key: jnp.log(test_loss(law, parameters, key)))
    losses, gradients = jax.vmap(one, in_axes=(None, 0))(parameters, keys)
    known = jnp.isfinite(gradients["log_scale"])

    def mean(g):
        return jnp.sum(jnp.where(known.reshape(-1, *(1,) * (g.ndim - 1)), g, 0), 0) / jnp.maximum(known.sum(), 1)

    update, state = OPTIMIZER.update(jax.tree.map(mean, gradients), state)
    return optax.apply_updates(parameters, update), state, jnp.mean(losses), jnp.mean(known)


@jax.jit
def evaluate(law, parameters, keys):
    return jax.vmap(lambda key: test_loss(law, parameters, key))(keys)


learned, held_out = {}, {}
for name, law in LAWS.items():
    parameters = {"density": jnp.zeros(BINS), "log_scale": jnp.asarray(3.0)}
    state, known = OPTIMIZER.init(parameters), []
    for k, key in enumerate(jax.random.split(jax.random.key(1), STEPS)):
        state.hyperparams["learning_rate"] = jnp.asarray(0.04 * (1 + np.cos(np.pi * k / STEPS)))
        parameters, state, loss, share = step(law, parameters, state, jax.random.split(key, BATCH))
        known.append(share)
    learned[name] = parameters
    chunks = jax.random.split(jax.random.key(2), HELD_OUT).reshape(-1, min(HELD_OUT, 50))
    held_out[name] = np.concatenate([evaluate(law, parameters, keys) for keys in chunks])
    print(f"{name:15} scale {np.exp(parameters['log_scale']):6.2f}   held-out loss {held_out[name].mean():.4f}   "
          f"({100 * np.mean(known):.0f} % of the flows had a derivative)")  # fmt: skip

# %% [markdown]
# The same held-out targets and the same random numbers for all: compare in pairs.

# %%
for name in list(LAWS)[1:]:
    ratio = np.log(held_out[name] / held_out["learned"])
    low, high = stats.t.interval(0.95, len(ratio) - 1, ratio.mean(), stats.sem(ratio))
    difference = held_out[name] - held_out["learned"]
    d_low, d_high = stats.t.interval(0.95, len(ratio) - 1, difference.mean(), stats.sem(difference))
    print(f"{name:15} over learned: loss ratio {np.exp(ratio.mean()):.3f} [{np.exp(low):.3f}, {np.exp(high):.3f}], "
          f"difference {difference.mean():+.5f} [{d_low:+.5f}, {d_high:+.5f}]")  # fmt: skip

# %%
with plot.style():
    learned_figure, ax = plt.subplots(figsize=(8, 3.6), layout="constrained")
    ax.stairs(
        jax.nn.softmax(learned["learned"]["density"]) / jnp.diff(EDGES),
        EDGES,
        color=plot.COLOURS[0],
        lw=2,
        label="learned",
    )
    gaps = jnp.diff(DESIGN)
    ax.stairs(1 / len(gaps) / gaps, DESIGN, color=plot.COLOURS[1], label="data quantiles")
    ax.stairs([0.5], [-1, 1], color=plot.COLOURS[2], label="uniform")
    ax.plot(DESIGN, jnp.zeros(len(DESIGN)), "|", ms=14, color="black", label="data")
    ax.set(xlabel="x", ylabel="density of breakpoints", title="Where breakpoints should begin", ylim=(0, 1.2))
    ax.legend(ncols=2)
    if FOLDER:
        learned_figure.savefig(os.path.join(FOLDER, "learned.png"), dpi=110)
