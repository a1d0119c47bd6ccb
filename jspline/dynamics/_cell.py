"""The flow inside one cell, where no neuron changes sides: a smooth field.

In a cell the fit is linear in the neurons' activations, J is its Jacobian at the data (`push`) and the flow is
theta' = J^T e (`gather`), e_n = p_n (y_n - f(x_n)).

A neuron that slides on a datum keeps b = -w x_m: its field and its J are projected on that line. A parked one,
(w, b) = 0, does not move.

Theory: docs/theory.md 6.1, 7.2.
"""

from typing import Any, NamedTuple

import diffrax
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from jspline.activation import Ranks
from jspline.charts import ReLUNet
from jspline.problem import Points

FREE, PARKED = -1, -2
"""Values of `FlowTerm.pin` where no datum is slid on."""


class Force(NamedTuple):
    """What drives the parameters: the weighted residual, and its sums over what each neuron sees.

    Attributes:
        e: e_n = p_n (y_n - f(x_n)), `(data,)`.
        X, E: the sums of e x and of e over the active data of each neuron, `(width,)`.
        total: the sum of e over all data, or 0 if b0 does not move, a scalar.
    """

    e: Float[Array, " data"]
    X: Float[Array, " width"]
    E: Float[Array, " width"]
    total: Float[Array, ""]

    @property
    def rate(self) -> Float[Array, " width"]:
        """|q|, q = (X, E): the rate at which the neuron grows or turns."""
        return jnp.sqrt(self.X**2 + self.E**2)

    def side(self, x: Float[Array, " width"]) -> Float[Array, " width"]:
        """S = E + x X: a neuron's w x + b moves with the velocity v S."""
        return self.E + x * self.X


class FlowTerm(diffrax.AbstractTerm):
    """d theta / dt in one cell: which neuron is active on which data is held here, and does not change.

    Attributes:
        points: the data.
        active: which data each neuron sees, in its canonical form.
        pin: the datum each neuron slides on (it does not count as seen), or FREE or PARKED, `(width,)`.
        pinned_x: x of the datum each neuron slides on, of another one if it slides on none, `(width,)`. Made from
            `points` and `pin` once: whoever changes these makes the term anew, as `in_cell` does.
        train_b0: whether the output bias moves.
    """

    points: Points
    active: Ranks
    pin: Int[Array, " width"]
    pinned_x: Float[Array, " width"]
    train_b0: Bool[Array, ""]

    def __init__(self, points: Points, active: Ranks, pin: Int[Array, " width"], train_b0: Bool[Array, ""]):
        self.points, self.active, self.train_b0 = points, active, train_b0
        self.pin = pin.astype(jnp.int32)
        self.pinned_x = points.x[jnp.maximum(pin, 0)]

    def vf(self, t: Any, y: ReLUNet, args: None) -> ReLUNet:
        """The velocity."""
        return velocity(y, self.project(self.force(y)))

    def contr(self, t0: Any, t1: Any, **kwargs: None) -> Array:
        return t1 - t0

    def prod(self, vf: ReLUNet, control: Array) -> ReLUNet:
        return jax.tree.map(lambda rate: control * rate, vf)

    @property
    def slides(self) -> Bool[Array, " width"]:
        return self.pin >= 0

    @property
    def alive(self) -> Bool[Array, " width"]:
        """Which neurons can move: all but the dead, which see no datum, and the parked."""
        return ~self.active.nowhere | self.slides

    def push(self, net: ReLUNet, step: ReLUNet) -> Float[Array, " data"]:
        """J step: the change of the fit at the data, `(data,)`."""
        slope = net.v * step.w + net.w * step.v
        intercept = net.v * step.b + net.b * step.v
        return self._line(slope, intercept) + step.b0

    def fit(self, net: ReLUNet) -> Float[Array, " data"]:
        """f(x_n), `(data,)`."""
        return self._line(net.w * net.v, net.b * net.v) + net.b0

    def force(self, net: ReLUNet) -> Force:
        """What drives the parameters at `net`."""
        return self.gather(self.points.p * (self.points.y - self.fit(net)))

    def _line(self, slope: Array, intercept: Array) -> Array:
        (fit,) = self.lines(slope[None], intercept[None])
        return fit

    def lines(self, slope: Float[Array, "k width"], intercept: Float[Array, "k width"]) -> Float[Array, "k data"]:
        """At each datum, the sum of slope x + intercept over the neurons that see it, for several at once."""
        centre = self.points.centre
        sums = self.active.over_neurons(jnp.concatenate([slope, intercept + slope * centre]))
        slope, intercept = jnp.split(sums, 2)
        return slope * (self.points.x - centre)[None] + intercept

    def gather(self, e: Float[Array, " data"]) -> Force:
        """The sums of e: J^T e, up to the projection of `project` and the factors of `velocity`."""
        (X,), (E,) = self.sums(e[None])
        return Force(e, X, E, jnp.where(self.train_b0, jnp.sum(e), 0))

    def sums(self, e: Float[Array, "k data"]) -> tuple[Float[Array, "k width"], Float[Array, "k width"]]:
        """The sums of e x and of e over the active data of each neuron, for several e at once."""
        centre = self.points.centre
        X, E = jnp.split(self.active.over_data(jnp.concatenate([e * (self.points.x - centre)[None], e])), 2)
        return X + centre * E, E

    def project(self, force: Force) -> Force:
        """On the line b = -w x_m for a neuron that slides, on 0 for a parked one (docs/theory.md 7.2)."""
        X, E = projected(self, force.X, force.E)
        return force._replace(X=X, E=E)


def projected(term: FlowTerm, X: Float[Array, "*k width"], E: Float[Array, "*k width"]) -> tuple[Array, Array]:
    """X and E on the line b = -w x_m for a neuron that slides, 0 for a parked one (docs/theory.md 7.2)."""
    of_each = term.pinned_x, term.slides, term.pin == PARKED
    x, slides, parked = (jnp.broadcast_to(leaf, X.shape) for leaf in of_each)
    along = (X - x * E) / (1 + x**2)
    X = jnp.where(slides, along, jnp.where(parked, 0, X))
    return X, jnp.where(slides, -x * along, jnp.where(parked, 0, E))


def in_cell(term: FlowTerm, active: Ranks, pin: Int[Array, " width"]) -> FlowTerm:
    """The flow in another cell: what each neuron sees there, and what it slides on."""
    return FlowTerm(term.points, active, pin, term.train_b0)


def velocity(net: ReLUNet, force: Force) -> ReLUNet:
    """w' = v X, b' = v E, v' = w X + b E, b0' = E_0, with the projected force."""
    return ReLUNet(w=net.v * force.X, b=net.v * force.E, v=net.w * force.X + net.b * force.E, b0=force.total)


def weights_of(net: ReLUNet) -> tuple[Float[Array, " width"], Float[Array, " width"], Float[Array, " width"]]:
    """w, b and v."""
    return net.w, net.b, net.v


def flatten(net: ReLUNet) -> Float[Array, " params"]:
    """w, b, v and b0 in one vector."""
    return jnp.concatenate([net.w, net.b, net.v, net.b0[None]])


def unflatten(vector: Float[Array, " params"]) -> ReLUNet:
    """The inverse of `flatten`."""
    w, b, v = jnp.split(vector[:-1], 3)
    return ReLUNet(w, b, v, vector[-1])


def cell(net: ReLUNet, points: Points, train_b0: Bool[Array, ""]) -> FlowTerm:
    """The cell a net is in, breakpoints on data counted as inactive (relu'(0) = 0)."""
    active = Ranks.of(net.w, net.b, points.x).canonical(points.count)
    return FlowTerm(points, active, jnp.full(net.w.shape, FREE, jnp.int32), train_b0)
