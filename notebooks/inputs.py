# ---
# jupyter:
#   jupytext:
#     formats: py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # Several inputs: networks that fold a plane
#
# With one input a neuron bends the function at a breakpoint; with two it folds it along a line, its breakplane, and
# sees the side to which its normal points. `JSPLINE_FAST=1` makes this notebook small.

# %%
import os

import jax

jax.config.update("jax_enable_x64", True)

import jax.numpy as jnp
import numpy as np
import optax

import jspline
from jspline import plot

FAST = os.environ.get("JSPLINE_FAST") == "1"
WIDTH, STEPS = (8, 200) if FAST else (40, 3000)

# %% [markdown]
# ## XOR
#
# No line separates the corners of a square on which the signs of x differ from the other two. Four neurons do, one
# towards each corner.

# %%
xor = jspline.datasets.xor()
net = jspline.ReLUNet(w=xor.x, b=jnp.zeros(4), v=xor.y / 2)
planes = net.to_breakplanes()
print("f at the corners:", net(xor.x), " normals:", planes.xi.round(3).tolist(), " distances:", planes.gamma)
plot.planes_figure(net, xor, title="XOR by four neurons")

# %% [markdown]
# ## How flat is this minimum?
#
# Hessian and null directions are exact for any number of inputs. Each neuron sees one corner, so there are as many
# eigenvalues that are not 0 as data, and the census says what the others are.

# %%
matrix = jspline.hessian(net, xor)
print("largest difference to autodiff:", float(jnp.max(jnp.abs(matrix - jspline.hessian(net, xor, method="autodiff")))))
print("eigenvalues:", np.asarray(jspline.spectrum(net, xor)).round(4))
print(jspline.zero_modes(net, xor))
assert np.sum(np.asarray(jspline.spectrum(net, xor)) > 1e-9) == 4

# %% [markdown]
# ## Initializations know the law of their breakplanes
#
# The distances of Gaussian planes from the origin are Student's t with as many degrees of freedom as there are inputs.

# %%
law = jspline.init.he(WIDTH, inputs=2)
many = law.sample(20_000, key=jax.random.key(0)).to_breakplanes()
for gamma in (0.5, 1.0, 3.0):
    print(f"gamma < {gamma}: drawn {float(jnp.mean(many.gamma < gamma)):.3f}, exact {float(law.cdf_gamma(gamma)):.3f}")

# %% [markdown]
# ## Real data: how deep earthquakes near Fiji are
#
# 1,000 of them lie on two planes of the Earth's crust, one of which dives under the other. Contours are the function,
# lines are where neurons fold it, with ticks on the side that they see; data have the colours of their depths.

# %%
table = jspline.datasets.load_table("quakes")
data, units = table.data.standardize()
data = jspline.Dataset(data.x, data.y, 2 * data.weight / data.size)
run = jspline.train(law.sample(WIDTH, key=jax.random.key(2)), data, optax.adam(0.01), STEPS)
print(jspline.descent.OUTCOMES[run.outcome], "mean squared error:", float(run.loss), "of the variance of depths")
plot.planes_figure(run.net, data, units=units, names=table.x_names, y_name=table.y_name, title="Depths near Fiji")

# %% [markdown]
# ## Infinitely many neurons
#
# Trained in their output weights alone they are kernel ridge regression, in closed form, with error bars.

# %%
few = jspline.Dataset(data.x[::10], data.y[::10])
fit = jspline.kernel.ridge(law, few, 0.05, width=WIDTH)
rest = jnp.delete(data.x, slice(None, None, 10), axis=0), jnp.delete(data.y, slice(None, None, 10))
print("error on the other data:", float(jnp.mean((fit(rest[0]) - rest[1]) ** 2)))
print("standard deviations of the fit:", np.asarray(jnp.sqrt(fit.variance(rest[0][:5]))).round(3))

# %% [markdown]
# ## Three inputs
#
# Of more inputs there are cuts: along one, and along two of them, the others at their medians.

# %%
table = jspline.datasets.load_table("stackloss")
data, units = table.data.standardize()
run = jspline.train(jspline.init.he(20, inputs=3).sample(20, key=jax.random.key(1)), data, optax.adam(0.01), STEPS // 2)
plot.planes_figure(run.net, data, units=units, names=table.x_names, y_name=table.y_name, title="Loss of a plant")
