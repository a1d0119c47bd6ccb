# ---
# jupyter:
#   jupytext:
#     formats: py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # Gradient flow of breakpoints (section 2.5)
#
# Training moves breakpoints and delta-slopes. The paper gives their speeds, with the sign of the residual exchanged.
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
# ## The equations of motion

# %%
found = audit("eq6", "eq7")

# %% [markdown]
# They are not closed: v and w are in them, too. What closes them is conserved, v^2 - w^2 - b^2 of every neuron.

# %%
found = audit("th6")
data = jspline.datasets.sine(6)
net = jspline.init.he(8).sample(8, key=jax.random.key(0))
sol = jspline.flow(net, data, 1.0, rtol=1e-6, atol=1e-9)
print("charges before:", np.asarray(jspline.charge(net)).round(6))
print("charges after: ", np.asarray(jspline.charge(sol.net)).round(6))

# %% [markdown]
# ## The drive
#
# What pulls on a breakpoint at beta is psi(beta), the same for all neurons that face one way; so they see every datum
# alike. The text says that the two ways are reflections of each other across a constant. It is a line.

# %%
found = audit("text-signs", "text-reflection")
beta = jnp.linspace(-1.2, 1.2, 300)
psi = jspline.landscape.drive(net, data, beta)
with plot.style():
    figure, ax = plt.subplots(figsize=(8, 3.5), layout="constrained")
    ax.plot(beta, psi.right, color=plot.RIGHT, label="facing right")
    ax.plot(beta, psi.left, color=plot.LEFT, label="facing left")
    ax.plot(beta, psi.right + psi.left, color="black", lw=1, label="sum: a line")
    ax.set(xlabel="breakpoint", ylabel="drive")
    ax.legend()

# %% [markdown]
# ## The scale sets the speed

# %%
found = audit("text-speed")
