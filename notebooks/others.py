# ---
# jupyter:
#   jupytext:
#     formats: py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # What others have found
#
# The audit also runs results of other papers on the same networks.
#
# Every statement here is a claim of the audit: it is computed a second time in another way, and comes out as it is
# printed, under a condition, or corrected. `JSPLINE_FAST=1` runs the smaller of two budgets.

# %%
import os

import jax

jax.config.update("jax_enable_x64", True)

from jspline import claims

FAST = os.environ.get("JSPLINE_FAST") == "1"


def audit(*names):
    """Run claims, and say what came out."""
    done = claims.audit(claims.select(claims.CLAIMS, names), "quick" if FAST else "full")
    print(claims.table(done))
    return {each.claim.id: each for each in done}


# %% [markdown]
# ## How wide is wide?
#
# Jin and Montufar: a net of width H is within H^-1/2 of the interpolant of least weighted curvature. So it is, and with
# even breakpoints it is nearer; but that interpolant is the natural cubic spline only once a line is taken off the
# data.

# %%
found = audit("lit-jin")
figure = found["lit-jin"].claim.figure(found["lit-jin"].arrays)
figure

# %% [markdown]
# ## A bad basis
#
# Appella and others: the same broken lines, from hats and from ReLUs. The condition of the latter grows as K^4.

# %%
found = audit("lit-appella")
for row in found["lit-appella"].record["compared"]:
    print(row["what"], "| printed:", row["printed"], "| measured:", row["measured"])
figure = found["lit-appella"].claim.figure(found["lit-appella"].arrays)
figure
