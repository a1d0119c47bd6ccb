# ---
# jupyter:
#   jupytext:
#     formats: py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # Infinite width, and a critical scale
#
# Weights of size 1 / sqrt(H) have a limit as the width H grows: a law of neurons, which gradient flow moves. A few
# hundred nodes that carry mass stand for it.

# %%
import os

import jax

jax.config.update("jax_enable_x64", True)

import matplotlib.pyplot as plt
import numpy as np

import jspline
from jspline import meanfield, plot

FAST = os.environ.get("JSPLINE_FAST") == "1"
data = jspline.Dataset([-0.75, -0.5, 0.125], [1.1, 0.1, 0.8])
problem = jspline.Problem(data, train_b0=False)
options = {"rtol": 1e-6, "atol": 1e-9, "tol": 1e-2 if FAST else 1e-3}


def limit(scale, t1, **more):
    """From balanced weights."""
    return meanfield.flow(jspline.init.Balanced(scale), problem, t1, **options, **more)


# %% [markdown]
# ## What the neurons do
#
# At the start breakpoints are Cauchy distributed. They gather on data, where they slide as one, and leave together.

# %%
ts = [0.0, 1.0, 4.0, 32.0]
mf = limit(1.0, 32.0, ts=ts)
print(mf)
beta = np.linspace(-2, 2, 801)
with plot.style():
    figure, axes = plt.subplots(1, len(ts), figsize=(13, 3.2), sharey=True, layout="constrained")
    for ax, t in zip(axes, ts, strict=True):
        for s, colour in ((1, plot.RIGHT), (-1, plot.LEFT)):
            ax.plot(beta, mf.density(beta, s, t), color=colour, label="facing right" if s > 0 else "facing left")
        atoms = mf.atoms(t)
        for place, s, mass in zip(atoms.place, atoms.s, atoms.mass, strict=True):
            ax.plot([place, place], [0, 5 * mass], color=plot.RIGHT if s > 0 else plot.LEFT, lw=4)
        ax.set(title=f"t = {t:g}", xlabel="breakpoint", ylim=(0, 0.4), xlim=(-2, 2))
    axes[0].set_ylabel("density; bars: mass of atoms, x 5")
    axes[0].legend()

# %%
for t in ts:
    print(f"t = {t:4g}  loss {float(jspline.loss(mf.at(t), problem)):.5f} ", mf.mass(t))

# %% [markdown]
# ## How far a random network is from it
#
# By 1 / sqrt(H), and the covariance of the fit is known.

# %%
x = np.linspace(-2, 2, 41)
covariance = limit(1.0, 16.0).covariance(x)
print("H times the variance, summed over 41 points:", round(float(np.trace(covariance)), 1))

# %% [markdown]
# ## The critical scale
#
# From a small scale all neurons align before they grow, and the network stays at the line of least squares, however
# wide it is, although neurons of all directions were there at the start. So infinite width alone does not lead to a
# global optimum. Where is the border?

# %%
line = np.polyval(np.polyfit(data.x, data.y, 1), data.x)
stuck = 0.5 * float(np.sum((np.asarray(data.y) - line) ** 2))


def end(scale):
    """The loss at a late time, over that of the line."""
    return float(jspline.loss(limit(scale, 400.0, ts=[400.0]).net, problem)) / stuck


scales = np.array([0.02, 0.05, 0.08, 0.1, 0.12, 0.2, 0.5])
losses = np.array([end(scale) for scale in scales])
with plot.style():
    figure, ax = plt.subplots(figsize=(7, 3.5), layout="constrained")
    ax.plot(scales, losses, "o-", color="black")
    ax.set(xscale="log", xlabel="scale of the weights", ylabel="loss at t = 400, over the line's")
    ax.set_xticks([0.02, 0.05, 0.1, 0.2, 0.5], ["0.02", "0.05", "0.1", "0.2", "0.5"])
    ax.set_xticks([], minor=True)
    ax.axvspan(0.088, 0.097, color=plot.LEFT, alpha=0.3, lw=0)

# %%
low, high = 0.05, 0.2
for _ in range(3 if FAST else 7):
    middle = (low * high) ** 0.5
    low, high = (middle, high) if end(middle) > 0.5 else (low, middle)
print(f"The critical scale of three points is between {low:.4f} and {high:.4f}.")
