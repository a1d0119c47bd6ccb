"""The exact flow recorded step by step, and its derivative along the record: forwards, and backwards.

While the cells stay, the derivative s of the state obeys the linearised flow. Where a neuron crosses datum m, with
z = w x_m + b, its velocity jumps along n = (x_m, 1) from z'_- to z'_+, and so does the derivative at fixed time:

    (s_w, s_b) += (rho - 1) (n / |n|^2) dz,    rho = z'_+ / z'_-,    dz = x_m s_w + s_b + w dx_m,

the saltation term, in which the derivative of the event's time, -dz / z'_-, is already inserted. Where a slide begins
rho = 0: the derivative is projected on the line of the slide. Where it ends the velocity is continuous, and rho = 1.
Nothing else jumps: at z = 0 the neuron contributes nothing to the fit. So events of different neurons at one time do
not disturb each other, and have a derivative.

The steps of the record end at every event. Each is replayed from the net it began with, as one step of the same
method (`_rosenbrock`), which JAX differentiates but for the linear systems, whose derivative is another right-hand
side. Backwards the record is read from its end. So memory is one net for each step, not what is computed in between.

Theory: docs/theory.md 9.1, 9.2, 9.3.
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from jspline.activation import Ranks
from jspline.charts import ReLUNet
from jspline.dynamics._events import BAND
from jspline.dynamics._rosenbrock import Solver, rodas
from jspline.dynamics._running import CODE, Running, attempt
from jspline.dynamics._sizes import sizes
from jspline.dynamics._solution import member
from jspline.dynamics._term import FREE, PARKED, FlowTerm, Force, Points, cell, flatten, unflatten, velocity


class OBSTACLES(eqx.Enumeration):
    """Why there is no derivative: `OBSTACLES[s.obstacle]` is the message (docs/theory.md 9.3)."""

    none = "There is a derivative."
    tangential = (
        "A breakpoint meets a datum, or leaves one it slid on, with no speed, as far as `rtol` can tell: the smallest "
        "change may undo the event."
    )
    simultaneous = "One neuron meets two things at one time. (That two neurons do is no obstacle.)"
    repeller = "The flow could have gone on differently at some place: it jumps with the smallest change."
    parked = "A neuron comes to (w, b) = 0, where its direction is lost."
    on_datum = (
        "A breakpoint starts on a datum and does not stay there: what it crosses depends on the direction of change."
    )
    unfinished = "The flow did not come to its end: look at `solution.result`."


obstacles: Any = OBSTACLES  # to a type checker its members are strings
CODES = ("none", "tangential", "simultaneous", "repeller", "parked", "on_datum", "unfinished")


class Tape(eqx.Module):
    """The record. The first `count` rows of each hold a step.

    Attributes:
        y: the parameters at its start, `(capacity, params)`.
        h: its length, `(capacity,)`.
        cells: the ranks of the neurons and what they slide on, a row for the cell before the start, one
            for each step, and one for the end.
        count: how many steps there are.
        term: the cell at the end.
        obstacle: place in `CODES`.
    """

    y: Float[Array, "capacity params"]
    h: Float[Array, " capacity"]
    cells: tuple[Array, ...]
    count: Int[Array, ""]
    term: FlowTerm
    obstacle: Int[Array, ""]

    def cell(self, row: Array, points: Points) -> FlowTerm:
        """The cell of a row, around these points."""
        rank, right, pin = (column[row] for column in self.cells)
        active = Ranks(rank, right, self.term.active.size, points.count)
        return FlowTerm(points, active, pin, self.term.train_b0)

    def result(self) -> OBSTACLES:
        """The obstacle as a member of `OBSTACLES`."""
        return member(obstacles, CODES, self.obstacle)


def record(run: Running, capacity: int) -> tuple[Running, Tape]:
    """Let a flow that stops at each event (`until="each_event"`) go to its end, and keep what its derivative needs.

    At most `capacity` steps are tried.
    """
    limit = run.stats["num_steps"] + capacity
    points, before = run.term.points, cell(run.net, run.term.points, run.term.train_b0)
    cells = tuple(jnp.zeros((capacity + 2, run.net.width), leaf.dtype) for leaf in _columns(before))
    cells = tuple(
        c.at[0].set(b).at[1].set(n) for c, b, n in zip(cells, _columns(before), _columns(run.term), strict=True)
    )
    on = (run.net.w[None] * points.x[:, None] == -run.net.b[None]) & (points.p > 0)[:, None]
    stays = run.term.pin[None] == jnp.arange(len(points.x), dtype=jnp.int32)[:, None]
    found = {"on_datum": jnp.any(on & ~stays), "repeller": run.stats["num_nonunique"] > 0}
    tape = Tape(
        y=jnp.zeros((capacity, flatten(run.net).size), run.net.w.dtype),
        h=jnp.zeros((capacity,), run.net.w.dtype),
        cells=cells,
        count=jnp.zeros((), jnp.int32),
        term=run.term,
        obstacle=_first(jnp.zeros((), jnp.int32), found),
    )

    def write(state: tuple[Running, Tape]) -> tuple[Running, Tape]:
        old, tape = state
        new = attempt(old)
        kept = new.stats["num_accepted"] > old.stats["num_accepted"]
        place = jnp.where(kept, tape.count, capacity)
        columns = (c.at[place + 2].set(n, mode="drop") for c, n in zip(tape.cells, _columns(new.term), strict=True))
        return new, Tape(
            y=tape.y.at[place].set(flatten(old.net), mode="drop"),
            h=tape.h.at[place].set(new.t - old.t, mode="drop"),
            cells=tuple(columns),
            count=tape.count + kept.astype(jnp.int32),
            term=new.term,
            obstacle=jnp.where(kept, _first(tape.obstacle, _obstacles(old, new)), tape.obstacle),
        )

    run, tape = jax.lax.while_loop(
        lambda state: ~state[0].done & (state[0].stats["num_steps"] < limit), write, (run, tape)
    )
    ended = [run.code == CODE[name] for name in ("end_time", "stationary", "interpolated")]
    code = _first(tape.obstacle, {"unfinished": ~jnp.any(jnp.stack(ended))})
    return run, eqx.tree_at(lambda t: t.obstacle, tape, code)


def _columns(term: FlowTerm) -> tuple[Array, Array, Array]:
    return term.active.rank, term.active.right, term.pin


def _first(code: Array, found: dict[str, Array]) -> Array:
    """The code, if there is one; or that of the first thing found."""
    for name, happened in found.items():
        code = jnp.where((code == 0) & happened, CODES.index(name), code).astype(jnp.int32)
    return code


class Jumps(eqx.Module):
    """What the neurons meet between two cells, `(width,)` each.

    Attributes:
        datum: the datum that is met.
        met: who crosses it or begins to slide on it.
        released: who slid on it until now.
        before, after: S in z' = v S, n's product with the force, on both sides.
    """

    datum: Int[Array, " width"]
    met: Bool[Array, " width"]
    released: Bool[Array, " width"]
    before: Float[Array, " width"]
    after: Float[Array, " width"]

    @property
    def rho(self) -> Float[Array, " width"]:
        """z'_+ / z'_-."""
        return jnp.where(self.met, self.after / jnp.where(self.met & (self.before != 0), self.before, 1), 1)


def jumps(old: FlowTerm, new: FlowTerm, force: Force) -> Jumps:
    """What happens between the cells `old` and `new`, where `force` is that of `new` (docs/theory.md 9.2)."""
    one, two = old.active, new.active
    sticks, released = (old.pin == FREE) & new.slides, old.slides & (new.pin == FREE)
    datum = jnp.where(sticks, new.pin, jnp.where(old.slides, old.pin, one.switched(two)))
    crosses = (old.pin == FREE) & (new.pin == FREE) & ~one.same(two)

    x = new.points.x[datum]
    after, own = force.side(x), force.e[datum] * (1 + x**2)
    before = after + jnp.where(one.sees(datum), own, 0) - jnp.where(two.sees(datum), own, 0)
    return Jumps(datum, crosses | sticks, released, before, jnp.where(sticks, 0, after))


def _obstacles(old: Running, new: Running) -> dict[str, Array]:
    """What stands in the way of a derivative at the end of a step."""
    term, net, force = new.term, new.net, new.force
    met = jumps(old.term, term, force)
    x = term.points.x[met.datum]
    reach = jnp.sqrt(1 + x**2)
    # How deep a breakpoint passes a datum goes with the square of its speed, and the net is known to a few rtol. How
    # far a slide would have gone, had it been free, goes with the cube, and the band decides (`_events`): the slowest
    # release that is found in the tests has half of this.
    touch, fade = 3 * jnp.sqrt(new.options.rtol), 6 * jnp.cbrt(BAND * new.options.rtol)
    rate = velocity(net, term.project(force))
    turning = term.gather(-term.points.p * term.push(net, rate))
    slow = jnp.abs(met.before) <= touch * reach * (force.rate + reach * jnp.abs(force.e[met.datum]))
    slow = met.met & (slow | (jnp.abs(net.v) <= touch * sizes(term.points, net).v))
    fades = met.released & (jnp.abs(turning.side(x)) <= fade * reach * turning.rate)
    changed, origin = met.met | met.released, (net.w == 0) & (net.b == 0) & ((old.net.w != 0) | (old.net.b != 0))
    kinds = ("num_crossings", "num_slides", "num_releases")
    events = sum((new.stats[kind] - old.stats[kind] for kind in kinds), jnp.zeros((), jnp.int32))
    return {
        "repeller": new.stats["num_nonunique"] > old.stats["num_nonunique"],
        "parked": jnp.any(origin | (old.term.pin == PARKED)),
        "simultaneous": events > jnp.sum(changed, dtype=jnp.int32),
        "tangential": jnp.any(slow | fades),
    }


Values = tuple[Float[Array, " data"], Float[Array, " data"], Float[Array, " data"]]
"""x, y and p of the points: what of them has derivatives."""


def values(points: Points) -> tuple[Any, ...]:
    """What of the points has derivatives."""
    return points.x, points.y, points.p


def _replay(tape: Tape, points: Points, k: Array, y: Array, at: Values) -> Array:
    """The parameters at the end of step k, as a function of those at its start and of the points."""
    points = eqx.tree_at(values, points, at)
    old, term = tape.cell(k, points), tape.cell(k + 1, points)
    net = unflatten(y)

    # The event it starts with: a function whose value is y and whose derivative is the saltation.
    met = jax.lax.stop_gradient(jumps(old, term, term.force(net)))
    x = points.x[met.datum]
    z, n = net.w * x + net.b, jax.lax.stop_gradient(x)
    change = (met.rho - 1) * (z - jax.lax.stop_gradient(z)) / (1 + n**2)
    net = ReLUNet(net.w + change * n, net.b + change, net.v, net.b0)

    return flatten(rodas(term, net, term.force(net), tape.h[k], _differentiable)[0])


def _differentiable(term: FlowTerm, net: ReLUNet, force: Force, g: Array) -> Solver:
    """`FlowTerm.factor` for AD: its factors are held, and serve for the derivatives of its solutions too.

    I - g F is symmetric on what can move only. These derivatives also change what the flow holds: b off the line
    b = -w x_m of a slide, when x_m changes, and b0 where it is not trained. That has columns in F and no rows, and is
    taken apart.
    """
    held, at = jax.lax.stop_gradient((term, net))
    inside = held.factor(at, jax.lax.stop_gradient(force), g)

    def free(a: ReLUNet) -> ReLUNet:
        q = held.project(Force(held.points.p, a.w, a.b, a.b0))
        return ReLUNet(q.X, q.E, a.v, a.b0 if held.train_b0 else jnp.zeros_like(a.b0))

    def fixed(a: ReLUNet) -> ReLUNet:
        return jax.tree.map(jnp.subtract, a, free(a))

    def gather(a: ReLUNet) -> ReLUNet:
        """g J^T p J a, with the rows of what is held."""
        e = g * held.points.p * held.push(at, a)
        return velocity(at, held.gather(e)._replace(total=jnp.sum(e)))

    def apply(a: ReLUNet) -> ReLUNet:
        """(I - g F) a."""
        own = velocity(a, force._replace(total=jnp.zeros_like(force.total)))
        back = velocity(net, term.project(term.gather(term.points.p * term.push(net, a))))
        return jax.tree.map(lambda a, own, back: a - g * (own - back), a, own, back)

    def solve(_: Any, r: ReLUNet) -> ReLUNet:
        beside = fixed(r)
        rest = jax.tree.map(lambda r, q, felt: r - q - felt, r, beside, free(gather(beside)))
        return jax.tree.map(jnp.add, inside(rest)[0], beside)

    def solve_transposed(_: Any, r: ReLUNet) -> ReLUNet:
        a = inside(free(r))[0]
        return jax.tree.map(jnp.add, a, fixed(jax.tree.map(jnp.subtract, r, gather(a))))

    def solver(r: ReLUNet) -> tuple[ReLUNet, Array]:
        a = jax.lax.custom_linear_solve(apply, r, solve, solve_transposed)
        return a, g * term.points.p * term.push(net, a)

    return solver


def forward(tape: Tape, points: Points, change: Array, at: Values) -> Array:
    """How the last parameters change, at a fixed time, with those at the start and with the points."""

    def step(state: tuple[Array, Array]) -> tuple[Array, Array]:
        k, s = state
        _, s = jax.jvp(lambda y, at: _replay(tape, points, k, y, at), (tape.y[k], values(points)), (s, at))
        return k + 1, s

    begin = (jnp.zeros((), jnp.int32), change)
    return jax.lax.while_loop(lambda state: state[0] < tape.count, step, begin)[1]


def reverse(tape: Tape, points: Points, wanted: Array) -> tuple[Array, Values]:
    """The transpose of `forward`: how one function of the last parameters changes with everything at the start."""

    def step(state: tuple[Array, Array, Values]) -> tuple[Array, Array, Values]:
        k, s, at = state
        _, pull = jax.vjp(lambda y, at: _replay(tape, points, k - 1, y, at), tape.y[k - 1], values(points))
        s, more = pull(s)
        return k - 1, s, jax.tree.map(jnp.add, at, more)

    begin = (tape.count, wanted, jax.tree.map(jnp.zeros_like, values(points)))
    _, s, at = jax.lax.while_loop(lambda state: state[0] > 0, step, begin)
    return s, at
