# ---
# jupyter:
#   jupytext:
#     formats: py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # Quickstart: networks as splines
#
# Open this file as a notebook with Jupytext, or run it as a script. `JSPLINE_FAST=1` makes it small.

# %%
import os

import jax

jax.config.update("jax_enable_x64", True)

import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

import jspline
from jspline import plot

FAST = os.environ.get("JSPLINE_FAST") == "1"
INITS, WIDTH, T1 = (2, 10, 0.1) if FAST else (12, 100, 20.0)

# %% [markdown]
# ## One network, two descriptions
#
# A breakpoint where each neuron bends the function, a delta-slope for how much, and an orientation for the side on
# which it is active.

# %%
law = jspline.init.he(WIDTH)
net = law.sample(WIDTH, key=jax.random.key(1))
spline = net.to_spline()
x = jnp.linspace(-3, 3, 400)
print("largest difference:", float(jnp.max(jnp.abs(net(x) - spline(x)))))
print("roughness:", float(jspline.roughness(net)), "expected:", float(law.roughness_mean(WIDTH)))

# %% [markdown]
# ## An initialization knows its law
#
# Breakpoints of Gaussian weights are Cauchy: half of them within |beta| < 1, and a few very far away.

# %%
nets = jax.vmap(lambda key: law.sample(WIDTH, key=key))(jax.random.split(jax.random.key(2), 500))
beta = np.asarray(-nets.b / nets.w).ravel()
mu = np.asarray(nets.w * nets.v).ravel()
with plot.style():
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.5), layout="constrained")
    for ax, sample, pdf, reach, name in (
        (left, beta, law.pdf_beta, 5.0, "breakpoint"),
        (right, mu, law.pdf_mu, 4 * mu.std(), "delta-slope"),
    ):
        edges = np.linspace(-reach, reach, 81)
        density = np.histogram(sample, edges)[0] / sample.size / np.diff(edges)
        ax.stairs(density, edges, fill=True, color="#9AA0A6", alpha=0.5, label="samples")
        middle = np.linspace(-reach, reach, 800)
        ax.plot(middle, pdf(middle), color=plot.RIGHT, label="exact density")
        ax.set(xlabel=name, ylim=(0, None))
        ax.legend()
plt.show()

# %% [markdown]
# ## Learning real data
#
# 133 accelerations of a crash dummy's head. Weights 2/N make the loss the mean squared error; several measurements at
# one time are merged, and what they make unavoidable is kept as the constant.

# %%
raw = jspline.datasets.load("mcycle")
data, units = raw.standardize()
data = jspline.Dataset(data.x, data.y, 2 * data.weight / data.size).merged()
print(raw.size, "points at", data.size, "times; least possible loss", float(data.constant))

ts = jnp.geomspace(1e-5 * T1, T1, 60)
learn = jax.jit(jax.vmap(lambda net: jspline.flow(net, data, T1, ts=ts, rtol=1e-4, atol=1e-7)))
start = jax.vmap(lambda key: law.sample(WIDTH, key=key))(jax.random.split(jax.random.key(3), INITS))
sol = learn(start)
print("loss:", np.asarray(sol.loss).round(4))
print("reached the end:", np.asarray(sol.result == jspline.dynamics.RESULTS.end_time))
print("steps, crossings, slides:", *(sol.stats[f"num_{name}"].tolist() for name in ("steps", "crossings", "slides")))

# %% [markdown]
# `sol.nets` has the axes init and time. The breakpoints hardly move while the loss falls first; then they gather
# where the data bend.

# %%
table = jspline.datasets.Table(raw, "time after impact (ms)", "acceleration (g)")
labelled = sol.to_xarray(data, units=units, table=table)
figure = plot.flow_figure(labelled, title=f"{INITS} networks")
figure

# %% [markdown]
# ## Which regime?
#
# The index is 0 at the linear interpolant and 1 at the natural cubic spline. Flat initializations of different scale,
# on five points:

# %%
few = jspline.Dataset([-1.0, -0.4, 0.1, 0.5, 1.0], [0.2, -0.8, 0.9, -0.3, 0.4])
wide = jspline.init.flat(jspline.init.UniformBreakpoints(-1.5, 1.5).sample(4 * WIDTH, key=jax.random.key(4)))
for alpha in (3.0, 10.0, 30.0):
    end = jspline.flow(jspline.rescale(wide, alpha), few, 1e3, rtol=1e-4, atol=1e-7, loss_tol=1e-10)
    print(
        f"alpha {alpha:4g}: loss {float(end.loss):.1e}, regime index {float(jspline.kernel.regime(end.net, few)):.2f}"
    )
