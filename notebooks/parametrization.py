# ---
# jupyter:
#   jupytext:
#     formats: py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # Networks as splines, and where they begin (sections 2.1 and 2.2)
#
# A neuron is a kink: a breakpoint where it bends, a delta-slope for how much, and a side on which it is active.
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
# ## The same function
#
# Section 2.1 rewrites the network; nothing is lost but the scale of each neuron. Its second derivative is a sum of
# point masses of size mu s.

# %%
found = audit("eq1", "eq2")

# %% [markdown]
# ## Many neurons
#
# With f'' / (H p) at each breakpoint a sum of H kinks nears f. The text says with an error of O(1 / H), by the law of
# large numbers. That is so for even breakpoints. For random ones it is H^-1/2:

# %%
found = audit("eq3", "text-expansion")

# %% [markdown]
# ## What a random start looks like
#
# Breakpoints of Gaussian weights are Cauchy, delta-slopes given the breakpoint Laplace. Below are samples, with what
# the law says of four in five delta-slopes at each breakpoint.

# %%
law = jspline.init.Gaussian(1.0, 1.0, 1.0)
net = law.sample(2000, key=jax.random.key(0))
spline = net.to_spline()
with plot.style():
    figure, ax = plt.subplots(figsize=(8, 4), layout="constrained")
    ax.plot(spline.beta, spline.mu, ".", color=plot.COLOURS[4], ms=3)
    x = np.linspace(-4, 4, 200)
    reach = np.log(5) / np.sqrt(1 + x**2)
    for sign in (1, -1):
        ax.plot(x, sign * reach, color=plot.LEFT)
    ax.set(xlim=(-4, 4), ylim=(-6, 6), xlabel="breakpoint", ylabel="delta-slope")
inside = jnp.abs(spline.mu) < np.log(5) / jnp.sqrt(1 + spline.beta**2)
print("share between the lines:", float(jnp.mean(inside)))

# %% [markdown]
# ## Roughness
#
# Standard starts are flat: the roughness, sum mu^2, has mean 4 for He's law whatever the width. But it is no integral
# of |f''|^2, as section 2.2.1 has it: that is infinite for every spline; and it is not even a property of f.

# %%
found = audit("th2", "text-roughness")
