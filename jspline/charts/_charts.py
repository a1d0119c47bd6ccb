"""The charts of a shallow ReLU network, and the maps between them.

| chart        | coordinates of a neuron | regular at | singular at            |
|--------------|-------------------------|------------|------------------------|
| `ReLUNet`    | w, b, v                 | everywhere | nowhere                |
| `Spline`     | beta, mu, s             | w != 0     | w = 0                  |
| `Breakplanes`| eta, xi, gamma          | w != 0     | w = 0                  |
| `Polar`      | r, theta, charge        | w = 0      | the origin (w, b) = 0  |

`Spline` is for one input, `Breakplanes` (a module of its own) for any number; the others take both.

`ReLUNet` has one coordinate more than the function needs: (w, b, v) and (a w, a b, v / a), a > 0, are the same
function. The conserved charge c = v^2 - w^2 - b^2 tells them apart, so it is what the maps back to `ReLUNet` ask for.

Theory: docs/theory.md 1.2, 1.3, 1.5.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from jspline._checks import (
    Reals,
    as_floats,
    as_like,
    check_finite,
    check_kind,
    check_parts,
    check_scalar,
    check_unbatched,
    check_vectors,
    is_concrete,
    warn,
)
from jspline._scale import exponent, shifted
from jspline.charts._lift import hypot, lengths, norm, positive

if TYPE_CHECKING:
    from jspline.charts._breakplanes import Breakplanes


class ReLUNet(eqx.Module):
    """A network f(x) = b0 + sum_i v_i relu(w_i x + b_i), the chart in which it is trained.

    Sahs et al. (2022), section 2.1, and 2.7 for many inputs. The derivative of relu at 0 is taken as 0: a neuron is
    active where w x + b > 0.

    Attributes:
        w: input weights, `(width,)` for one input, `(width, inputs)` for several. `(width, 1)` is legal: one input as
            the first of several, whose data have x of shape `(data, 1)`.
        b: input biases, `(width,)`.
        v: output weights, `(width,)`.
        b0: output bias, a scalar.

    Raises:
        ValueError: when b and v are not vectors of one length of at least 1, w has not as many rows, or b0 is not a
            scalar. A batch of nets is a `ReLUNet` whose leaves have a leading axis; `jax.vmap` makes one.
        TypeError: when something is not real numbers.
    """

    w: Float[Array, "width ..."]
    b: Float[Array, " width"]
    v: Float[Array, " width"]
    b0: Float[Array, ""]

    def __init__(self, w: Reals, b: Reals, v: Reals, b0: Reals = 0.0):
        self.w, self.b, self.v, self.b0 = as_floats(w=w, b=b, v=v, b0=b0)
        check_parts("neuron", "w", w=self.w, b=self.b, v=self.v)
        check_scalar(b0=self.b0)

    @property
    def width(self) -> int:
        """The number of neurons H."""
        return self.b.shape[-1]

    @property
    def on_line(self) -> bool:
        """Whether there is one input, given without an axis of its own: w of shape `(width,)`."""
        return self.w.ndim == self.b.ndim

    @property
    def inputs(self) -> int:
        """The number of inputs D."""
        return 1 if self.on_line else self.w.shape[-1]

    def __call__(self, x: Reals) -> Float[Array, "..."]:
        """f(x) for `x` of any shape, for several inputs of shape `(..., inputs)`.

        Time and memory grow as the number of points times `width`; for one input `jspline.predict` sorts instead.
        """
        if self.on_line:
            return _everywhere(lambda t: self.b0 + jnp.sum(self.v * jax.nn.relu(self.w * t + self.b)), x, self.w)
        points = check_points(as_like(self.w, x=x), self)
        heights = jnp.matmul(points, self.w.T, precision="highest") + jnp.broadcast_to(
            self.b, (*points.shape[:-1], self.width)
        )
        return self.b0 + jnp.matmul(jax.nn.relu(heights), self.v, precision="highest")

    def degenerate(self) -> Bool[Array, " width"]:
        """Which neurons have no breakpoint (or breakplane): w = 0, or so small that b / |w| overflows.

        With b > 0 such a neuron is a constant unit, with b <= 0 it is dead: zero everywhere, and never moves again.
        """
        size = self.w if self.on_line else norm(self.w)
        flat = size == 0
        return flat | jnp.isinf(self.b / jnp.where(flat, 1, size))

    def to_spline(self) -> "Spline":
        """Breakpoints, delta-slopes and orientations: beta = -b / w, mu = w v, s = sign(w) (equation 1).

        The constant units among the `degenerate` neurons go into b0; all degenerate neurons get beta = mu = s = 0.
        Called with concrete arrays it warns of them. The scale of each neuron is forgotten: keep `jspline.charge(net)`
        to come back.

        Raises `ValueError` for a net of several inputs: `to_breakplanes` is for these.
        """
        if not self.on_line:
            raise ValueError(f"A spline has one input, not an axis of {self.inputs}: `to_breakplanes` is for these.")
        lost, constants = lost_neurons(self, "breakpoint", "beta = mu = s = 0")
        w = jnp.where(lost, 1, self.w)
        return Spline(
            beta=jnp.where(lost, 0, -self.b / w),
            mu=jnp.where(lost, 0, w * self.v),
            s=jnp.where(lost, 0, jnp.sign(w)),
            b0=self.b0 + jnp.sum(jnp.where(constants, self.v * self.b, 0)),
        )

    def to_breakplanes(self) -> "Breakplanes":
        """Oriented breakplanes, for any number of inputs: see `Breakplanes.of`."""
        from jspline.charts._breakplanes import Breakplanes  # which is made of nets

        return Breakplanes.of(self)

    def to_polar(self) -> "Polar":
        """Polar coordinates of (w, b), with r = v |(w, b)| and the charge. A neuron with w = 0 is an ordinary point."""
        if not self.on_line:
            u = jnp.concatenate([self.w, self.b[:, None]], axis=1)
            length = norm(u)
            pole = jnp.zeros_like(u).at[:, 0].set(1)
            theta = jnp.where(length[:, None] > 0, u / positive(length)[:, None], pole)
            return Polar(r=self.v * length, theta=theta, charge=charge(self), b0=self.b0)
        rho = hypot(self.w, self.b)
        at_origin = rho == 0
        theta = jnp.arctan2(jnp.where(at_origin, 0, self.b), jnp.where(at_origin, 1, self.w))
        return Polar(r=self.v * rho, theta=theta, charge=charge(self), b0=self.b0)


class Spline(eqx.Module):
    """The same network as a continuous piecewise-linear spline, f(x) = b0 + sum_i mu_i (x - beta_i)_{s_i}.

    Sahs et al. (2022), equation 1, where (t)_{+1} = t [t > 0] and (t)_{-1} = t [t < 0]. It is the quotient of
    `ReLUNet` by the scale symmetry, so that f'' = sum_i mu_i s_i delta(x - beta_i) (equation 2).

    Attributes:
        beta: breakpoints, `(width,)`, in units of x.
        mu: delta-slopes, `(width,)`, in units of y over x.
        s: orientations, `(width,)`: +1 active to the right, -1 active to the left, 0 no breakpoint (then mu = 0).
        b0: output bias, a scalar.

    Raises:
        ValueError: when beta, mu and s are not vectors of one length of at least 1, or an s is not -1, 0 or 1.
        TypeError: when something is not real numbers.
    """

    beta: Float[Array, " width"]
    mu: Float[Array, " width"]
    s: Float[Array, " width"]
    b0: Float[Array, ""]

    def __init__(self, beta: Reals, mu: Reals, s: Reals, b0: Reals = 0.0):
        self.beta, self.mu, self.s, self.b0 = as_floats(beta=beta, mu=mu, s=s, b0=b0)
        check_vectors(beta=self.beta, mu=self.mu, s=self.s)
        check_scalar(b0=self.b0)
        if is_concrete(self.s) and not np.all(np.isin(np.asarray(self.s), (-1, 0, 1)) | np.isnan(self.s)):
            raise ValueError("`s` must be -1 (left-facing), 1 (right-facing) or 0 (no breakpoint).")

    @classmethod
    def from_lines(cls, knots: Reals, slopes: Reals, value: Reals) -> "Spline":
        """The function with these slopes from left to right, one more than knots, and no other breakpoint.

        Args:
            knots: in increasing order, `(k,)`.
            slopes: `(k + 1,)`.
            value: at the first knot, or at 0 if there is none.

        The first knot carries two neurons, back to back; a line has both of them at 0.
        """
        knots, slopes, value = as_floats(knots=knots, slopes=slopes, value=value)
        if knots.ndim != 1 or slopes.shape != (len(knots) + 1,):
            raise ValueError(
                "`knots` and `slopes` must be vectors, with one slope more than knots; "
                f"got shapes {knots.shape} and {slopes.shape}."
            )
        check_finite(knots=knots, slopes=slopes, value=value)
        if is_concrete(knots) and np.any(np.diff(knots) < 0):
            raise ValueError("`knots` must not decrease.")
        if len(knots) == 0:
            return cls(jnp.zeros_like(slopes, shape=2), jnp.concatenate([slopes, slopes]), [-1.0, 1.0], value)
        mu = jnp.concatenate([slopes[:2], jnp.diff(slopes[1:])])
        s = jnp.ones_like(mu).at[0].set(-1)
        return cls(jnp.concatenate([knots[:1], knots]), mu, s, value)

    @property
    def width(self) -> int:
        """The number of neurons H."""
        return self.beta.shape[-1]

    def __call__(self, x: Reals) -> Float[Array, "..."]:
        """f(x) for `x` of any shape, in time and memory `x.size * width`."""

        def f(t: Array) -> Array:
            ahead = t - self.beta
            return self.b0 + jnp.sum(self.mu * jnp.where(self.s * ahead > 0, ahead, 0))

        return _everywhere(f, x, self.mu)

    def sort(self) -> "Spline":
        """The permutation-canonical form: neurons by breakpoint, then orientation, then delta-slope."""
        order = jnp.lexsort((self.mu, self.s, self.beta))
        return Spline(self.beta[order], self.mu[order], self.s[order], self.b0)

    def one_sided(self) -> "OneSided":
        """The same function with every neuron facing right and a base line: a ReLU ResNet (section 2.1)."""
        left = jnp.where(self.s < 0, self.mu, 0)
        return OneSided(
            knots=self.beta,
            kinks=self.mu * self.s,
            intercept=self.b0 - jnp.sum(left * self.beta),
            slope=jnp.sum(left),
        )

    def unit_net(self) -> ReLUNet:
        """The same function by neurons with |w| = 1, (s, -s beta, s mu): no charge is needed, none is kept.

        They see the same data to the last bit. A neuron with s = 0 is dead.
        """
        return ReLUNet(w=self.s, b=-self.s * self.beta, v=self.s * self.mu, b0=self.b0)

    def to_net(self, charge: Reals) -> ReLUNet:
        """The net with these breakpoints, delta-slopes and orientations, and the given charge per neuron.

        Args:
            charge: c = v^2 - w^2 - b^2, a scalar or `(width,)`.

        Raises `ValueError` for another shape.

        A neuron with mu = 0 and c >= 0 has (w, b) = 0 and no breakpoint: it comes back silent, with v = sqrt(c).
        Called with concrete arrays, that is warned of. A neuron with s = 0 comes back silent with w = 0 and its charge.
        """
        c = self._each(charge)
        gone = (self.s != 0) & (self.mu == 0) & (c >= 0)
        if is_concrete(gone) and np.any(gone):
            count = int(np.sum(np.asarray(gone)))
            warn(
                f"{count} of {gone.size} neurons have mu = 0 and a charge >= 0, so (w, b) = 0: their breakpoints and "
                "orientations are lost."
            )
        length = hypot(jnp.ones_like(self.beta), self.beta)
        rho, v = lengths(self.s * self.mu * length, c)
        silent = self.s == 0
        w = self.s * rho / length
        return ReLUNet(w=w, b=jnp.where(silent, -rho, -w * self.beta), v=v, b0=self.b0)

    def to_polar(self, charge: Reals) -> "Polar":
        """The polar chart of the net with the given charge. Unlike `to_net` it keeps the direction when mu = 0."""
        c = self._each(charge)
        silent = self.s == 0
        w, b = jnp.where(silent, 0, self.s), jnp.where(silent, -1, -self.s * self.beta)
        return Polar(r=self.s * self.mu * hypot(w, b), theta=jnp.arctan2(b, w), charge=c, b0=self.b0)

    def _each(self, charge: Reals) -> Array:
        c = as_like(self.mu, charge=charge)
        check_finite(charge=c)
        if c.shape not in ((), self.mu.shape):
            raise ValueError(f"`charge` must be a scalar or one per neuron, {self.mu.shape}; got {c.shape}.")
        return jnp.broadcast_to(c, self.mu.shape)


class Polar(eqx.Module):
    """The same network with (w, b) = rho (cos theta, sin theta), r = v rho and the charge c = v^2 - rho^2.

    The chart in which a neuron passes w = 0 without noticing. It is singular at (w, b) = 0.

    Attributes:
        r: signed strengths v |(w, b)|, `(width,)`.
        theta: directions of (w, b) in radians, `(width,)`; for several inputs as unit vectors,
            `(width, inputs + 1)`, and rho theta in place of rho (cos theta, sin theta).
        charge: conserved charges v^2 - w^2 - b^2, `(width,)`.
        b0: output bias, a scalar.

    Rounding of theta moves (w, b) by one part in 10^16 of its length: where |w| is much smaller than |b|, w itself
    keeps fewer digits.
    """

    r: Float[Array, " width"]
    theta: Float[Array, "width ..."]
    charge: Float[Array, " width"]
    b0: Float[Array, ""]

    def __init__(self, r: Reals, theta: Reals, charge: Reals, b0: Reals = 0.0):
        self.r, self.theta, self.charge, self.b0 = as_floats(r=r, theta=theta, charge=charge, b0=b0)
        check_parts("neuron", "theta", r=self.r, theta=self.theta, charge=self.charge)
        check_scalar(b0=self.b0)

    @property
    def on_line(self) -> bool:
        """Whether there is one input, given without an axis of its own: theta of shape `(width,)`."""
        return self.theta.ndim == self.r.ndim

    @property
    def width(self) -> int:
        """The number of neurons H."""
        return self.r.shape[-1]

    def __call__(self, x: Reals) -> Float[Array, "..."]:
        """f(x) for `x` of any shape, in time and memory `x.size * width`."""
        if not self.on_line:
            return ReLUNet(self.theta[..., :-1], self.theta[..., -1], self.r, self.b0)(x)
        cos, sin = jnp.cos(self.theta), jnp.sin(self.theta)
        return _everywhere(lambda t: self.b0 + jnp.sum(self.r * jax.nn.relu(cos * t + sin)), x, self.r)

    def to_net(self) -> ReLUNet:
        """The net; with r = 0 and c >= 0, (w, b) = 0 and v = sqrt(c)."""
        rho, v = lengths(self.r, self.charge)
        if not self.on_line:
            return ReLUNet(w=rho[:, None] * self.theta[:, :-1], b=rho * self.theta[:, -1], v=v, b0=self.b0)
        return ReLUNet(w=rho * jnp.cos(self.theta), b=rho * jnp.sin(self.theta), v=v, b0=self.b0)

    def to_spline(self) -> Spline:
        """Breakpoints, delta-slopes and orientations, by way of `to_net` (so with its report of degenerate neurons)."""
        return self.to_net().to_spline()


class OneSided(eqx.Module):
    """f(x) = intercept + slope x + sum_i kinks_i (x - knots_i)_+, the textbook form of a linear spline.

    A view of `Spline`: what splines are in approximation theory, and what a ReLU ResNet of one block computes.

    Attributes:
        knots: `(width,)`, the breakpoints.
        kinks: `(width,)`, mu_i s_i, the change of slope from left to right.
        intercept: a scalar.
        slope: a scalar.
    """

    knots: Float[Array, " width"]
    kinks: Float[Array, " width"]
    intercept: Float[Array, ""]
    slope: Float[Array, ""]

    def __call__(self, x: Reals) -> Float[Array, "..."]:
        """f(x) for `x` of any shape."""

        def f(t: Array) -> Array:
            return self.intercept + self.slope * t + jnp.sum(self.kinks * jax.nn.relu(t - self.knots))

        return _everywhere(f, x, self.kinks)


def charge(net: ReLUNet) -> Float[Array, " width"]:
    """The charge c_i = v_i^2 - w_i^2 - b_i^2 of each neuron, `(width,)`, which gradient flow conserves.

    Of large weights it is 0 or infinite, never infinity less infinity.

    Theory: docs/theory.md 1.3.
    """
    check_kind(ReLUNet, net=net)
    w = net.w if net.on_line else norm(net.w)
    e = jnp.maximum(jnp.maximum(exponent(net.v), exponent(w)), exponent(net.b))
    v, w, b = (shifted(part, -e) for part in (net.v, w, net.b))
    return shifted(v**2 - w**2 - b**2, 2 * e)


def lost_neurons(net: ReLUNet, of_it: str, becomes: str) -> tuple[Bool[Array, " width"], Bool[Array, " width"]]:
    """Which neurons are `degenerate`, and which of these constant; said, where that is known."""
    lost = net.degenerate()
    constants = lost & ~(net.b <= 0)  # NaN shows
    if is_concrete(lost, constants) and np.any(lost):
        count, constant = int(np.sum(lost)), int(np.sum(constants))
        warn(
            f"{count} of {lost.size} neurons have w = 0 and no {of_it}: {constant} constant (now part of b0), "
            f"{count - constant} dead; they get {becomes}."
        )
    return lost, constants


def check_points(x: Array, net: ReLUNet) -> Array:
    """Raise `ValueError` unless x is `(..., inputs)`, for one net of several inputs."""
    check_unbatched(net.b)
    if x.ndim < 1 or x.shape[-1] != net.inputs:
        raise ValueError(f"`x` must end in an axis of {net.inputs}, the inputs of the net; got shape {x.shape}.")
    return x


def _everywhere(f: Callable[[Array], Array], x: Reals, coordinate: Array) -> Array:
    """The scalar function `f` at every element of `x`, for a net of which `coordinate` is one."""
    check_unbatched(coordinate)
    return jnp.vectorize(f)(as_like(coordinate, x=x))
