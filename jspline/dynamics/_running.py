"""The exact flow as a value: begun, advanced step by step, finished.

A step is taken inside the present cell (`_rosenbrock`). Who meets a datum on its dense output is carried on alone, and
the others respond (`_carry`); where that is not accurate enough the step ends on the way, without a second solve. Then
every neuron is moved along its scale orbit (a w, a b, v / a) to the charge it began with: the function stays, and the
drift of the charge goes.

Theory: docs/theory.md 6.7, 8.3.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import diffrax
import equinox as eqx
import equinox.internal as eqxi
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from jspline.charts import ReLUNet, charge, lengths
from jspline.datasets import Dataset
from jspline.dynamics._carry import Carried, Journey, Looks
from jspline.dynamics._events import beyond, depart, side_by_side, start_on_data
from jspline.dynamics._rosenbrock import GAMMA, Cubic, Rosenbrock, rodas
from jspline.dynamics._sizes import at_rest, seen, sizes
from jspline.dynamics._solution import NAMES, Events, Options, Solution, codes, judge, length, member
from jspline.dynamics._term import PARKED, FlowTerm, Force, Points, cell, velocity
from jspline.objective import loss

SOLVER, ORDER = Rosenbrock(), 4
CODE = {name: index for index, name in enumerate(NAMES)}
COUNTS = ("steps", "accepted", "rejected", "crossings", "slides", "releases", "flips", "nonunique", "shortened")


class Running(eqx.Module):
    """A flow on its way. A PyTree of arrays: it can be saved, batched and gone on with.

    Attributes:
        net: where it is; a breakpoint may be a little beyond a datum that it is still to meet. `finish` puts it back.
        t: the time there, a scalar.
        done: whether it has ended.
        stats: what it has cost so far, as in `Solution.stats`.
    """

    net: ReLUNet
    t: Float[Array, "..."]
    done: Bool[Array, "..."]
    stats: dict[str, Array]
    code: Int[Array, "..."]
    events: Events | None
    nets: ReLUNet | None
    saved: Int[Array, "..."]
    h: Float[Array, "..."]
    term: FlowTerm
    force: Force
    controller_state: Any
    start: ReLUNet
    data: Dataset
    options: Options
    controller_arrays: Any
    controller_rest: Any = eqx.field(static=True)

    @property
    def controller(self) -> diffrax.AbstractStepSizeController:
        """What chooses the steps. Kept in two parts, since it holds functions, which are not arrays."""
        return eqx.combine(self.controller_arrays, self.controller_rest)


def begin(
    net: ReLUNet,
    data: Dataset,
    options: Options,
    controller: diffrax.AbstractStepSizeController,
    train_b0: bool,
    capacity: int,
) -> Running:
    """The flow before its first step."""
    term, force, stuck, nonunique = start_on_data(cell(net, Points(data), train_b0), net)
    t = jnp.zeros_like(options.t1)
    h = jnp.minimum(_first_step(term, net, force, options), options.t1)
    _, state = controller.init(term, t, t + h, net, h, None, SOLVER.func, ORDER)
    arrays, rest = eqx.partition(controller, eqx.is_array)
    stats = {f"num_{name}": jnp.zeros((), jnp.int32) for name in COUNTS} | {"charge_drift": jnp.zeros_like(t)}
    stats |= {"num_slides": _count(stuck), "num_nonunique": _count(nonunique)}
    log = None
    if capacity:
        everyone, at_once = jnp.arange(net.width, dtype=jnp.int32), jnp.zeros_like(net.w)
        slides = (stuck, "slide", everyone, term.points.index[term.pin], at_once)
        log = Events.empty(capacity, t.dtype).add([slides])
    nets, saved = None, jnp.zeros((), jnp.int32)
    if options.ts is not None:
        times = options.ts.shape
        nets = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (*times, *leaf.shape)), net)
        saved = _count(options.ts <= 0)
    run = Running(
        net=net,
        t=t,
        done=jnp.zeros((), bool),
        stats=stats,
        code=jnp.asarray(CODE["out_of_steps"], jnp.int32),
        events=log,
        nets=nets,
        saved=saved,
        h=h,
        term=term,
        force=force,
        controller_state=jax.tree.map(jnp.asarray, state),
        start=net,
        data=data,
        options=options,
        controller_arrays=arrays,
        controller_rest=rest,
    )
    return _end(run, jnp.zeros((), bool))


def _first_step(term: FlowTerm, net: ReLUNet, force: Force, options: Options) -> Array:
    """A cautious one, in which the fastest neuron, and the residual, change by about rtol^(1/4) of themselves."""
    projected = term.project(force)
    change = term.points.p * term.push(net, velocity(net, projected))
    tiny = jnp.finfo(change.dtype).tiny
    fastest = jnp.max(jnp.abs(change)) / jnp.maximum(jnp.max(jnp.abs(force.e)), tiny)
    return options.rtol**0.25 / jnp.maximum(jnp.maximum(fastest, jnp.max(projected.rate)), tiny)


def attempt(run: Running) -> Running:
    """One step, as far as its events allow; rejected, and the next one shorter, if its error is too large."""
    term, options, start = run.term, run.options, run.net

    # A step with the cells frozen. Its blocks would be singular where g |q| = 1.
    fastest = jnp.max(term.project(run.force).rate)
    h = jnp.minimum(run.h, 1 / (2 * GAMMA * jnp.maximum(fastest, jnp.finfo(fastest.dtype).tiny)))
    t_end = jnp.where(h >= options.t1 - run.t, options.t1, run.t + h)
    h = t_end - run.t
    end, error, info, solve = rodas(term, start, run.force, h)
    error = jax.tree.map(lambda leaf: jnp.where(jnp.isfinite(leaf), leaf, jnp.inf), error)
    before, after = (sizes(term.points, net) for net in (start, end))
    keep, t0, t1, _, controller_state, _ = run.controller.adapt_step_size(
        run.t, t_end, before, after, None, seen(term.points, error), ORDER, run.controller_state
    )
    keep = jnp.asarray(keep)

    # Through its events.
    dense = Cubic(t0=run.t, t1=t_end, **info)
    allowed = jax.tree.map(lambda size: options.atol + options.rtol * size, before)
    tolerance = options.atol + options.rtol * _height(term, run.force)
    # Until it comes to rest: what rests just beyond a datum is to have met it.
    patient = ~at_rest(term, start, run.force, 1e3 * options.grad_tol)
    journey = Journey(term, start, dense, solve, allowed, tolerance, run.events, patient)
    looks = None if options.ts is None else Looks(options.ts, _put(run.start, term.alive), run.nets, run.saved)
    on = keep & ~run.done
    carried, theta, nets, saved = journey.far(until_first=options.until is not None, enabled=on, looks=looks)
    whole, met = theta >= 1, journey.first <= theta
    t = jnp.where(whole, t_end, run.t + theta * h)
    net, drift = _settle(carried.net, carried.term, run.start, term.alive)
    departed = _depart(carried.term, net, carried.term.force(net), keep)

    # The books.
    flipped = start.w * net.w < 0
    new = {f"num_{name}": value for name, value in carried.counts.items()}
    new |= {"num_accepted": jnp.ones((), jnp.int32), "num_shortened": jnp.where(whole, 0, 1).astype(jnp.int32)}
    new |= {"num_flips": _count(flipped), "num_nonunique": new["num_nonunique"] + _count(departed.nonunique)}
    stats = run.stats | {name: run.stats[name] + value for name, value in new.items()}
    stats["charge_drift"] = jnp.maximum(stats["charge_drift"], drift)
    accepted = eqx.tree_at(
        lambda r: (r.net, r.t, r.stats, r.term, r.force, r.nets, r.saved),
        run,
        (net, t, stats, departed.term, departed.force, nets, saved),
        is_leaf=lambda leaf: leaf is None,
    )
    if run.events is not None and carried.log is not None:
        everyone, nothing = jnp.arange(net.width, dtype=jnp.int32), jnp.full_like(term.pin, -1)
        flips = journey.flips(journey.whole, journey.meeting, theta, term.alive, everyone)
        leaving = (departed.departed, "departure", everyone, nothing, jnp.broadcast_to(t, net.w.shape))
        accepted = eqx.tree_at(lambda r: r.events, accepted, carried.log.add([flips, leaving]))
    accepted = _end(accepted, met)

    next_run = jax.tree.map(lambda a, b: jnp.where(keep, a, b), accepted, run)
    stats = next_run.stats | {
        "num_steps": run.stats["num_steps"] + 1,
        "num_rejected": run.stats["num_rejected"] + jnp.where(keep, 0, 1).astype(jnp.int32),
    }
    h = jnp.asarray(t1 - t0)
    stalled = ~keep & (run.t + h <= run.t)
    return eqx.tree_at(
        lambda r: (r.stats, r.h, r.controller_state, r.code, r.done),
        next_run,
        (
            stats,
            h,
            controller_state,
            jnp.where(stalled, CODE["diverged"], next_run.code).astype(jnp.int32),
            next_run.done | stalled,
        ),
    )


def _height(term: FlowTerm, force: Force) -> Float[Array, ""]:
    """The largest |y| or |f| at the data: what the tolerance of the fit is relative to."""
    y, p = term.points.y, term.points.p
    fit = y - force.e / jnp.where(p > 0, p, 1)
    return jnp.max(jnp.where(p > 0, jnp.maximum(jnp.abs(y), jnp.abs(fit)), 0))


def _count(mask: Array) -> Int[Array, ""]:
    return jnp.sum(mask, dtype=jnp.int32)


def _settle(net: ReLUNet, term: FlowTerm, origin: ReLUNet, moved: Array) -> tuple[ReLUNet, Array]:
    """Put sliding neurons on their data, parked ones to rest, all on their charge; also how far off that was.

    `moved` are those that were alive before the step: one that died in it is put on its charge a last time.
    """
    x, parked = term.pinned_x, term.pin == PARKED
    z = jnp.where(term.slides, net.w * x + net.b, 0) / (1 + x**2)
    w = jnp.where(parked, 0, net.w - z * x)
    b = jnp.where(parked, 0, jnp.where(term.slides, -w * x, net.b))
    v = jnp.where(parked, jnp.sign(net.v) * jnp.sqrt(jnp.maximum(charge(origin), 0)), net.v)
    net = ReLUNet(w, b, v, net.b0)
    moved = moved | term.alive
    drift = jnp.where(moved, charge(net) - charge(origin), 0)
    size = jnp.maximum(*(n.v**2 + n.w**2 + n.b**2 for n in (net, origin)))
    drift = jnp.max(jnp.abs(drift) / jnp.where(size > 0, size, 1))
    return _on_charge(net, origin, moved), drift


def _on_charge(net: ReLUNet, origin: ReLUNet, these: Array) -> ReLUNet:
    """These neurons at the charge of `origin`, along their scale orbit: that keeps v |(w, b)| (docs/theory.md 6.7)."""
    length = jnp.hypot(net.w, net.b)
    wanted, _ = lengths(net.v * length, charge(origin))
    moves = these & (length > 0) & (wanted > 0)
    a = jnp.where(moves, wanted / jnp.where(moves, length, 1), 1)
    return ReLUNet(w=a * net.w, b=a * net.b, v=net.v / a, b0=net.b0)


def _returned(net: ReLUNet, term: FlowTerm, origin: ReLUNet) -> ReLUNet:
    """A settled net as it is given out: it sees what the cell says that it sees, and is on its charge."""
    put = side_by_side(term, net)
    return side_by_side(term, _on_charge(put, origin, put.b != net.b))


class _Departed(NamedTuple):
    term: FlowTerm
    force: Force
    departed: Array
    nonunique: Array


def _depart(term: FlowTerm, net: ReLUNet, force: Force, keep: Array) -> _Departed:
    """Let parked neurons go, where they can. Computed only if there are any in the batch."""
    nobody = jnp.zeros(net.w.shape, bool)

    def left() -> _Departed:
        new, departed, nonunique = depart(term, net, force.e)
        return _Departed(new, new.gather(force.e), departed, nonunique)

    parked = eqxi.unvmap_any(keep & jnp.any(term.pin == PARKED))
    return jax.lax.cond(parked, left, lambda: _Departed(term, force, nobody, nobody))


def _put(start: ReLUNet, moved: Array) -> Callable[[ReLUNet, Array, Carried], ReLUNet]:
    """How a net on the way is kept."""

    def put(nets: ReLUNet, k: Array, carried: Carried) -> ReLUNet:
        net = _returned(_settle(carried.net, carried.term, start, moved)[0], carried.term, start)
        return jax.tree.map(lambda path, leaf: path.at[k].set(leaf), nets, net)

    return put


def _end(run: Running, met: Array) -> Running:
    """Whether the flow has ended, and how: what is found later wins."""
    options, p = run.options, run.term.points.p
    least = jnp.sum(jnp.where(p > 0, run.force.e**2 / jnp.where(p > 0, p, 1), 0)) / 2
    speed = _speed(run)
    rests = at_rest(run.term, run.net, run.force, options.grad_tol) & ~beyond(run.term, run.net)
    endless = jnp.isinf(options.t1) & ((speed == 0) | jnp.isinf(run.t))
    ends = {
        "end_time": run.t >= options.t1,
        "stationary": rests | endless,
        "interpolated": (options.loss_tol > 0) & (least <= options.loss_tol),
        "first_event": met & (options.until == "first_event"),
        "not_finite": ~(jnp.isfinite(speed) & jnp.isfinite(least)),
    }
    code, done = run.code, run.done
    for name, happened in ends.items():
        code, done = jnp.where(happened, CODE[name], code).astype(jnp.int32), done | happened
    return eqx.tree_at(lambda r: (r.code, r.done), run, (code, done))


def _speed(run: Running) -> Float[Array, ""]:
    return length(velocity(run.net, run.term.project(run.force)), run.term.train_b0)


def step_on(run: Running, steps: int | Array) -> Running:
    """At most so many attempts more; nothing once the flow has ended."""
    limit = run.stats["num_steps"] + steps
    return jax.lax.while_loop(lambda r: ~r.done & (r.stats["num_steps"] < limit), attempt, run)


def conclude(run: Running) -> Solution:
    """The solution as far as the flow has come."""
    result = member(codes, NAMES, run.code)
    net, nets = _returned(run.net, run.term, run.start), None
    if run.options.ts is not None:
        there = jnp.arange(run.options.ts.size, dtype=jnp.int32) < run.saved

        def keep(path: Array, last: Array) -> Array:
            return jnp.where(there.reshape(-1, *(1,) * last.ndim), path, last[None])

        nets = jax.tree.map(keep, run.nets, net)
    return Solution(
        net=net,
        t=run.t,
        loss=loss(net, run.data),
        grad_norm=_speed(run),
        ts=run.options.ts,
        nets=nets,
        events=None if run.events is None else run.events.sorted(),
        stats=run.stats,
        result=judge(run.start, net, run.data, run.options, result),
    )
