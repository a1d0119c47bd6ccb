# ---
# jupyter:
#   jupytext:
#     formats: py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # The kernel regime (section 2.6)
#
# From a large scale breakpoints hardly move, and what is left is linear regression.
#
# Every statement here is a claim of the audit: it is computed a second time in another way, and comes out as it is
# printed, under a condition, or corrected. `JSPLINE_FAST=1` runs the smaller of two budgets.

# %%
import os

import jax

jax.config.update("jax_enable_x64", True)

import jax.numpy as jnp
import matplotlib.pyplot as plt

import jspline
from jspline import claims, plot

FAST = os.environ.get("JSPLINE_FAST") == "1"


def audit(*names):
    """Run claims, and say what came out."""
    done = claims.audit(claims.select(claims.CLAIMS, names), "quick" if FAST else "full")
    print(claims.table(done))
    return {each.claim.id: each for each in done}


# %% [markdown]
# ## Linear regression

# %%
found = audit("eq8", "eq9")

# %% [markdown]
# ## As a partial differential equation

# %%
found = audit("eq10", "text-pde")

# %% [markdown]
# ## Which spline?
#
# Corollary 4 says: infinitely many uniform breakpoints learn the natural cubic spline. On [-R, R] they learn another
# one, which pays for its outer lines as well. The gap falls as 1 / R.

# %%
data = jspline.Dataset([-1.0, -0.4, 0.1, 0.6, 1.0], [0.2, -0.8, 0.9, -0.3, 0.4])
grid = jnp.linspace(-1, 1, 200)
natural = jspline.kernel.natural_cubic(data)(grid)
with plot.style():
    figure, ax = plt.subplots(figsize=(8, 4), layout="constrained")
    ax.plot(grid, natural, color="black", lw=1, label="natural cubic spline")
    for colour, reach in zip(plot.COLOURS, (1.0, 3.0, 100.0), strict=False):
        law = jspline.init.UniformBreakpoints(-reach, reach)
        fit = jspline.kernel.weighted_spline(jspline.Problem(data, train_b0=False), law)(grid)
        ax.plot(grid, fit, color=colour, label=f"breakpoints on [-{reach:g}, {reach:g}]")
        print(f"R = {reach:g}: largest gap {float(jnp.max(jnp.abs(fit - natural))):.1e}")
    ax.plot(data.x, data.y, "o", color="black")
    ax.legend()

# %%
found = audit("cor4")
