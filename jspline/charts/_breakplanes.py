"""The chart of a net of many inputs that can be drawn: oriented breakplanes.

A neuron is active on one side of the plane xi . x = gamma, towards which its unit normal xi points, and there the slope
of f changes by eta xi. For one input the planes are breakpoints: xi = s, gamma = s beta, eta = s mu.

Theory: docs/theory.md 15.1.
"""

from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jspline._checks import (
    Reals,
    as_floats,
    as_like,
    check_kind,
    check_parts,
    check_scalar,
    is_concrete,
    warn,
)
from jspline.charts._charts import ReLUNet, Spline, lost_neurons
from jspline.charts._lift import hypot, lengths, norm


class Metric(NamedTuple):
    """The metric that gradient flow of (w, b, v) has in the coordinates of breakplanes: their velocity is minus this
    times the gradient in them.

    Attributes:
        gamma_eta: its block of (gamma, eta), `(width, 2, 2)`.
        xi: its factor on the tangent space of the sphere, `(width,)`.

    The determinant is sqrt(c^2 + 4 (1 + gamma^2) eta^2) |w|^(-2 D).
    """

    gamma_eta: Float[Array, "width 2 2"]
    xi: Float[Array, " width"]


class Breakplanes(eqx.Module):
    """The same network as oriented planes, f(x) = b0 + sum_i eta_i (xi_i . x - gamma_i)_+.

    Sahs et al. (2022), section 2.7. It is the quotient of `ReLUNet` by the scale symmetry, for any number of inputs.

    Attributes:
        eta: delta-slopes across the planes, `(width,)`, v |w|.
        xi: unit normals, towards the active side, `(width, inputs)`; signs, `(width,)`, for a net on the line. 0 for a
            neuron without a breakplane.
        gamma: signed distances of the planes from the origin, `(width,)`, -b / |w|.
        b0: output bias, a scalar.

    Raises:
        ValueError: when eta and gamma are not vectors of one length of at least 1, xi has not as many rows, or (known)
            a row of xi is neither of length 1 nor 0.
        TypeError: when something is not real numbers.
    """

    eta: Float[Array, " width"]
    xi: Float[Array, "width ..."]
    gamma: Float[Array, " width"]
    b0: Float[Array, ""]

    def __init__(self, eta: Reals, xi: Reals, gamma: Reals, b0: Reals = 0.0):
        self.eta, self.xi, self.gamma, self.b0 = as_floats(eta=eta, xi=xi, gamma=gamma, b0=b0)
        check_parts("neuron", "xi", eta=self.eta, xi=self.xi, gamma=self.gamma)
        check_scalar(b0=self.b0)
        if is_concrete(self.xi):
            rows = np.asarray(self.xi, float)
            size = np.linalg.norm(rows, axis=1) if rows.ndim == 2 else np.abs(rows)
            wrong = (size != 0) & (np.abs(size - 1) > min(1e-3, 100 * float(jnp.finfo(self.xi.dtype).eps) ** 0.5))
            if np.any(wrong):
                i = int(np.argmax(wrong))
                raise ValueError(f"`xi` must be of length 1, or 0 for no breakplane; of neuron {i} it is {size[i]:g}.")

    @classmethod
    def of(cls, net: ReLUNet) -> "Breakplanes":
        """The planes of a net: eta = v |w|, xi = w / |w|, gamma = -b / |w|.

        The constant units among the `degenerate` neurons go into b0; all degenerate neurons get eta = xi = gamma = 0.
        Called with concrete arrays it warns of them. The scale of each neuron is forgotten: keep `jspline.charge(net)`
        to come back.
        """
        check_kind(ReLUNet, net=net)
        lost, constants = lost_neurons(net, "breakplane", "eta = xi = gamma = 0")
        size = jnp.abs(net.w) if net.on_line else norm(net.w)
        size = jnp.where(lost, 1, size)
        there = _each(~lost, net.w)
        return cls(
            eta=jnp.where(lost, 0, size * net.v),
            xi=jnp.where(there, net.w / _each(size, net.w), 0),
            gamma=jnp.where(lost, 0, -net.b / size),
            b0=net.b0 + jnp.sum(jnp.where(constants, net.v * net.b, 0)),
        )

    @property
    def width(self) -> int:
        """The number of neurons H."""
        return self.eta.shape[-1]

    @property
    def on_line(self) -> bool:
        """Whether there is one input, given without an axis of its own: xi of shape `(width,)`."""
        return self.xi.ndim == self.eta.ndim

    @property
    def inputs(self) -> int:
        """The number of inputs D."""
        return 1 if self.on_line else self.xi.shape[-1]

    def __call__(self, x: Reals) -> Float[Array, "..."]:
        """f(x) for `x` of shape `(..., inputs)`; of any shape on the line."""
        return self.unit_net()(x)

    def to_spline(self) -> Spline:
        """The same as a spline: beta = xi gamma, mu = xi eta, s = xi. Raises `ValueError` for several inputs."""
        if not self.on_line:
            raise ValueError(f"A spline has one input, not an axis of {self.inputs}.")
        return Spline(beta=self.xi * self.gamma, mu=self.xi * self.eta, s=self.xi, b0=self.b0)

    def unit_net(self) -> ReLUNet:
        """The same function by neurons with |w| = 1, (xi, -gamma, eta): no charge is needed, none is kept."""
        return ReLUNet(w=self.xi, b=-self.gamma, v=self.eta, b0=self.b0)

    def sort(self) -> "Breakplanes":
        """The permutation-canonical form: neurons by distance, then delta-slope, then normal, entry by entry."""
        rows = self.xi[:, None] if self.on_line else self.xi
        order = jnp.lexsort((*rows.T[::-1], self.eta, self.gamma))
        return Breakplanes(self.eta[order], self.xi[order], self.gamma[order], self.b0)

    def to_net(self, charge: Reals) -> ReLUNet:
        """The net with these planes and the given charge per neuron: the inverse by the charge.

        Args:
            charge: c = v^2 - |w|^2 - b^2, a scalar or `(width,)`.

        Raises `ValueError` for another shape.

        A neuron with eta = 0 and c >= 0 has (w, b) = 0 and no plane: it comes back silent, with v = sqrt(c). Called
        with concrete arrays, that is warned of. A neuron with xi = 0 comes back silent with w = 0 and its charge.

        Theory: docs/theory.md 1.4, 15.1.
        """
        c = self._charges(charge)
        silent = self._silent()
        gone = ~silent & (self.eta == 0) & (c >= 0)
        if is_concrete(gone) and np.any(gone):
            count = int(np.sum(np.asarray(gone)))
            warn(
                f"{count} of {gone.size} neurons have eta = 0 and a charge >= 0, so (w, b) = 0: their planes are lost."
            )
        rho, size, v = self._sizes(c)
        return ReLUNet(w=_each(size, self.xi) * self.xi, b=jnp.where(silent, -rho, -self.gamma * size), v=v, b0=self.b0)

    def metric(self, charge: Reals) -> Metric:
        """The inverse of the metric that (w, b, v) puts on (gamma, eta, xi), for the given charge; infinite at w = 0.

        Theory: docs/theory.md 15.1.
        """
        _, size, v = self._sizes(self._charges(charge))
        square = size**2
        cross = jnp.where(size > 0, -self.gamma * self.eta / jnp.where(size > 0, square, 1), 0)
        rows = [[(1 + self.gamma**2) / square, cross], [cross, v**2 + square]]
        return Metric(jnp.stack([jnp.stack(row, axis=-1) for row in rows], axis=-2), 1 / square)

    def _sizes(self, c: Array) -> tuple[Array, Array, Array]:
        """|(w, b)|, |w| and v."""
        length = hypot(jnp.ones_like(self.gamma), self.gamma)
        rho, v = lengths(self.eta * length, c)
        return rho, rho / length, v

    def _silent(self) -> Array:
        return self.xi == 0 if self.on_line else ~jnp.any(self.xi != 0, axis=-1)

    def _charges(self, charge: Reals) -> Array:
        c = as_like(self.eta, charge=charge)
        if c.shape not in ((), self.eta.shape):
            raise ValueError(f"`charge` must be a scalar or one per neuron, {self.eta.shape}; got {c.shape}.")
        return jnp.broadcast_to(c, self.eta.shape)


def _each(values: Array, rows: Array) -> Array:
    """A value for each neuron, in the rank of what has a row for each."""
    return values[..., None] if rows.ndim > values.ndim else values
