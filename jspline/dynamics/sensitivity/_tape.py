"""The exact flow recorded step by step, each ending at an event, and what stands in the way of its derivative.

Theory: docs/theory.md 9.1, 9.3.
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jspline.activation import Ranks
from jspline.dynamics._cell import PARKED, FlowTerm, cell, flatten, velocity
from jspline.dynamics._running import CODE, Running, attempt
from jspline.dynamics._sizes import sizes
from jspline.dynamics._solution import member
from jspline.dynamics.events import BAND
from jspline.dynamics.sensitivity._saltation import jumps
from jspline.problem import Points


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
    """Let a flow that stops at each event (`Options.to_each`) go to its end, and keep what its derivative needs.

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


def _obstacles(old: Running, new: Running) -> dict[str, Array]:
    """What stands in the way of a derivative at the end of a step."""
    term, net, force = new.term, new.net, new.force
    met = jumps(old.term, term, force)
    x = term.points.x[met.datum]
    reach = jnp.sqrt(1 + x**2)
    # How deep a breakpoint passes a datum goes with the square of its speed, and the net is known to a few rtol. How
    # far a slide would have gone, had it been free, goes with the cube, and the band decides (`events`): the slowest
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
