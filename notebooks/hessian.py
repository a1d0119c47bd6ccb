# ---
# jupyter:
#   jupytext:
#     formats: py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # The Hessian and flat minima (section 2.4)
#
# At a minimum the curvature of the loss is a Gram matrix. How many of its eigenvalues are 0 says how flat it is.
#
# Every statement here is a claim of the audit: it is computed a second time in another way, and comes out as it is
# printed, under a condition, or corrected. `JSPLINE_FAST=1` runs the smaller of two budgets.

# %%
import os

import jax

jax.config.update("jax_enable_x64", True)

import jax.numpy as jnp
import numpy as np

import jspline
from jspline import claims

FAST = os.environ.get("JSPLINE_FAST") == "1"


def audit(*names):
    """Run claims, and say what came out."""
    done = claims.audit(claims.select(claims.CLAIMS, names), "quick" if FAST else "full")
    print(claims.table(done))
    return {each.claim.id: each for each in done}


# %% [markdown]
# ## Gradient and Hessian

# %%
found = audit("eq4", "eq5")

# %% [markdown]
# ## Never indefinite?
#
# Theorem 5 says so of every critical point with no breakpoint on a datum. Five points and one silent neuron, v = 0,
# say otherwise:

# %%
data = jspline.Dataset([-2.0, -1.0, 1.0, 2.0, 3.0], [1.0, -1.0, 2.0, -1.0, 0.5])
net = jspline.ReLUNet([1.0], [0.5], [0.0], 0.3)
value, gradient = jspline.value_and_grad(net, data)
print("gradient:", [float(jnp.max(jnp.abs(leaf))) for leaf in jax.tree.leaves(gradient)])
print("eigenvalues:", np.linalg.eigvalsh(jspline.hessian(net, data)).round(4))

# %%
found = audit("th5", "cor3")

# %% [markdown]
# ## Where zeros come from
#
# Rescaling a neuron changes nothing, so every neuron has at least one flat direction: where the gradient vanishes. The
# remark says everywhere.

# %%
found = audit("remark2", "text-flatness")
