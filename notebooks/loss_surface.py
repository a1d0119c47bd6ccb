# ---
# jupyter:
#   jupytext:
#     formats: py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # The loss surface (section 2.3)
#
# Seen by one breakpoint, the loss is a chain of parabolas, with knots at the data.
#
# Every statement here is a claim of the audit: it is computed a second time in another way, and comes out as it is
# printed, under a condition, or corrected. `JSPLINE_FAST=1` runs the smaller of two budgets.

# %%
import os

import jax

jax.config.update("jax_enable_x64", True)

import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

import jspline
from jspline import claims, plot

FAST = os.environ.get("JSPLINE_FAST") == "1"


def audit(*names):
    """Run claims, and say what came out."""
    done = claims.audit(claims.select(claims.CLAIMS, names), "quick" if FAST else "full")
    print(claims.table(done))
    return {each.claim.id: each for each in done}


# %% [markdown]
# ## A slice
#
# Move one breakpoint and hold the rest. Each knot is one of three kinds: a passthrough, a repeller, or an attractor.

# %%
data = jspline.datasets.sine(8)
net = jspline.init.he(12).sample(12, key=jax.random.key(3))
beta = jnp.linspace(-1.2, 1.2, 400)
spline = net.to_spline()


def loss_at(place):
    moved = jspline.Spline(spline.beta.at[0].set(place), spline.mu, spline.s, spline.b0)
    return jspline.loss(moved.to_net(0.0), data)


with plot.style():
    figure, ax = plt.subplots(figsize=(8, 3.5), layout="constrained")
    ax.plot(beta, jax.vmap(loss_at)(beta), color=plot.RIGHT)
    ax.plot(data.x, jax.vmap(loss_at)(data.x), "o", color=plot.LEFT)
    ax.set(xlabel="breakpoint of one neuron", ylabel="loss")

# %% [markdown]
# Theorem 3 says quadratic in all of (beta, mu): along either of them it is, along both it is quartic.

# %%
found = audit("th3", "cor2")

# %% [markdown]
# ## Critical points
#
# Where the gradient vanishes, f is the least squares line on every piece: if no v is 0.

# %%
found = audit("th4", "lemma1")

# %% [markdown]
# ## Loneliness
#
# With at most one datum on each piece, everything can be fitted. Remark 1 says how likely that is, and has it upside
# down: as printed, the probability falls as neurons are added.

# %%
found = audit("remark1")
width = np.array([100, 200, 400, 800, 1600])
for H in width:
    exact, printed = (float(f(20, int(H))) for f in (jspline.landscape.lonely_probability, jspline.landscape.remark_1))
    print(f"20 data, {H:4d} neurons: {exact:.3f}; printed {printed:.3f}")
