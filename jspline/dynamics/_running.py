"""The exact flow as a value: begun, advanced step by step, finished.

A step is taken inside the present cell (`_rosenbrock`). Who meets a datum on its dense output is carried on alone, and
the others respond (`carry`); where that is not accurate enough the step ends on the way, without a second solve. Then
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

from jspline.charts import ReLUNet
from jspline.datasets import Dataset
from jspline.dynamics._cell import PARKED, FlowTerm, Force, cell, velocity
from jspline.dynamics._charge import Origin, returned, settled
from jspline.dynamics._implicit import Solver
from jspline.dynamics._log import Events
from jspline.dynamics._rosenbrock import GAMMA, Cubic, Rosenbrock, rodas
from jspline.dynamics._sizes import rests, seen, sizes, unrest
from jspline.dynamics._solution import NAMES, Options, Solution, codes, judge, length, member
from jspline.dynamics.carry import EVENTS, Carried, FrozenStep, Looks, Reached, flips, reach
from jspline.dynamics.events import depart, lies_beyond, start_on_data
from jspline.objective import loss
from jspline.problem import Points

SOLVER, ORDER = Rosenbrock(), 4
CODE = {name: index for index, name in enumerate(NAMES)}
NEARLY = 1e3
"""At rest to so many times `grad_tol` a flow is about to come to rest."""
COUNTS = (*EVENTS, "flips", "accepted", "shortened", "rejected", "steps")
"""What `Running.counts` counts."""
STEPS = COUNTS.index("steps")


class Running(eqx.Module):
    """A flow on its way. A PyTree of arrays: it can be saved, batched and gone on with.

    Attributes:
        net: where it is; a breakpoint may be a little beyond a datum that it is still to meet. `finish` puts it back.
        t: the time there, a scalar.
        done: whether it has ended.
        counts: how many of each of `COUNTS` there were, `(counts,)`.
        charge_drift: as in `Solution.stats`, a scalar.
        code: how it has ended, a place in `RESULT_NAMES`; out of steps as long as it has not.
        events: the log, if there is one.
        nets: what was kept at the first `saved` of `options.ts`, if there are any, with a leading axis `times`.
        saved: see there, a scalar.
        h: the length of the next step, a scalar.
        term: the cell it is in.
        force: what drives the parameters there.
        excess: the loss, less the part that ties make unavoidable, a scalar.
        speed: |d theta / dt|, a scalar.
        unrest: what `grad_tol` is compared with (`_sizes.unrest`), a scalar.
        controller_state: what the controller remembers.
        origin: what is remembered of the net it began with.
        data: what is fitted.
        options: as `flow` was given them.
        controller_arrays, controller_rest: the arrays of the controller, and what of it is none.
    """

    net: ReLUNet
    t: Float[Array, "..."]
    done: Bool[Array, "..."]
    counts: Int[Array, "... counts"]
    charge_drift: Float[Array, "..."]
    code: Int[Array, "..."]
    events: Events | None
    nets: ReLUNet | None
    saved: Int[Array, "..."]
    h: Float[Array, "..."]
    term: FlowTerm
    force: Force
    excess: Float[Array, "..."]
    speed: Float[Array, "..."]
    unrest: Float[Array, "..."]
    controller_state: Any
    origin: Origin
    data: Dataset
    options: Options
    controller_arrays: Any
    controller_rest: Any = eqx.field(static=True)

    @property
    def stats(self) -> dict[str, Any]:
        """What it has cost so far, as in `Solution.stats`."""
        counts = {f"num_{name}": self.counts[..., index] for index, name in enumerate(COUNTS)}
        return counts | {"charge_drift": self.charge_drift}

    @property
    def controller(self) -> diffrax.AbstractStepSizeController:
        """What chooses the steps. Kept in two parts, since it holds functions, which are not arrays."""
        return eqx.combine(self.controller_arrays, self.controller_rest)


def start(
    net: ReLUNet,
    data: Dataset,
    options: Options,
    controller: diffrax.AbstractStepSizeController,
    capacity: int,
) -> Running:
    """The flow before its first step."""
    term, force, stuck, nonunique = start_on_data(cell(net, Points(data), options.train_b0), net)
    t = jnp.zeros_like(options.t1)
    h = jnp.minimum(_first_step(term, net, force, options), options.t1)
    _, state = controller.init(term, t, t + h, net, h, None, SOLVER.func, ORDER)
    arrays, rest = eqx.partition(controller, eqx.is_array)
    nets, saved = _kept_at_first(net, options.ts)
    run = Running(
        net=net,
        t=t,
        done=jnp.zeros((), bool),
        counts=_counted(slides=_count(stuck), nonunique=_count(nonunique)),
        charge_drift=jnp.zeros_like(t),
        code=jnp.asarray(CODE["out_of_steps"], jnp.int32),
        events=_logged_at_first(term, stuck, t.dtype, capacity) if capacity else None,
        nets=nets,
        saved=saved,
        h=h,
        term=term,
        force=force,
        excess=jnp.zeros_like(t),
        speed=jnp.zeros_like(t),
        unrest=jnp.zeros_like(t),
        controller_state=jax.tree.map(jnp.asarray, state),
        origin=Origin.of(net, term.points, excess(term, force)),
        data=data,
        options=options,
        controller_arrays=arrays,
        controller_rest=rest,
    )
    return _ended(run, jnp.zeros((), bool))


def _logged_at_first(term: FlowTerm, stuck: Array, dtype: jnp.dtype, capacity: int) -> Events:
    """A log of so many events, with those that slide from the first."""
    everyone = jnp.arange(len(stuck), dtype=jnp.int32)
    slides = (stuck, "slide", everyone, term.points.index[term.pin], jnp.zeros(len(stuck), dtype))
    return Events.empty(capacity, dtype).add([slides])


def _kept_at_first(net: ReLUNet, ts: Array | None) -> tuple[ReLUNet | None, Array]:
    """Room for what is kept at `ts`, and how many of these are over."""
    if ts is None:
        return None, jnp.zeros((), jnp.int32)
    return jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (*ts.shape, *leaf.shape)), net), _count(ts <= 0)


def _first_step(term: FlowTerm, net: ReLUNet, force: Force, options: Options) -> Array:
    """A cautious one, in which the fastest neuron, and the residual, change by about rtol^(1/4) of themselves."""
    projected = term.project(force)
    change = term.points.p * term.push(net, velocity(net, projected))
    tiny = jnp.finfo(change.dtype).tiny
    fastest = jnp.max(jnp.abs(change)) / jnp.maximum(jnp.max(jnp.abs(force.e)), tiny)
    return options.rtol**0.25 / jnp.maximum(jnp.maximum(fastest, jnp.max(projected.rate)), tiny)


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


def attempt(run: Running) -> Running:
    """One step, as far as its events allow; rejected, and the next one shorter, if its error is too large.

    1. A step with the cells frozen, and whether its error is small enough (docs/theory.md 6.5).
    2. Who meets a datum is carried through, the others respond, as far as that can be relied on (8).
    3. All are put on their data and charges (6.7).
    4. Parked neurons leave, where they can (7.8).
    5. The books: counts, the log, whether the flow has ended.
    6. Kept, or tried again with a shorter step.
    """
    tried = _frozen_step(run)
    step = _events_of(run, tried)
    looks = None if run.options.ts is None else Looks(run.options.ts, _put(run), run.nets, run.saved)
    to_first = run.options.until_first | run.options.to_each
    reached = reach(step, to_first=to_first, enabled=tried.keep & ~run.done, looks=looks)
    end = reached.carried
    net, drift = settled(end.net, end.term, run.origin, run.term.alive)
    departed = _depart(end.term, net, end.term.force(net), tried.keep)
    accepted = _booked(run, step, reached, net, drift, departed)
    return _kept(run, tried, _ended(accepted, step.first <= reached.theta))


class _Tried(NamedTuple):
    """A step with the cells frozen.

    Attributes:
        dense: its dense output.
        solve: the solver of its linear systems.
        sizes: what the errors of the net before it are relative to (`_sizes`).
        keep: whether its error is small enough.
        next_h: the length of the next step.
        controller_state: what chooses the steps remembers.
    """

    dense: Cubic
    solve: Solver
    sizes: ReLUNet
    keep: Bool[Array, ""]
    next_h: Float[Array, ""]
    controller_state: Any


def _frozen_step(run: Running) -> _Tried:
    term, t1 = run.term, run.options.t1
    # The blocks of its linear systems would be singular where g |q| = 1.
    fastest = jnp.max(term.project(run.force).rate)
    h = jnp.minimum(run.h, 1 / (2 * GAMMA * jnp.maximum(fastest, jnp.finfo(fastest.dtype).tiny)))
    t_end = jnp.where(h >= t1 - run.t, t1, run.t + h)
    end, error, info, solve = rodas(term, run.net, run.force, t_end - run.t)
    error = jax.tree.map(lambda leaf: jnp.where(jnp.isfinite(leaf), leaf, jnp.inf), error)
    before, after = (sizes(term.points, net) for net in (run.net, end))
    keep, begin, then, _, controller_state, _ = run.controller.adapt_step_size(
        run.t, t_end, before, after, None, seen(term.points, error), ORDER, run.controller_state
    )
    dense = Cubic(t0=run.t, t1=t_end, **info)
    return _Tried(dense, solve, before, jnp.asarray(keep), jnp.asarray(then - begin), controller_state)


def _events_of(run: Running, tried: _Tried) -> FrozenStep:
    options = run.options
    allowed = jax.tree.map(lambda size: options.atol + options.rtol * size, tried.sizes)
    tolerance = options.atol + options.rtol * _height(run.term, run.force)
    # Until it comes to rest: what rests just beyond a datum is to have met it.
    patient = ~rests(run.unrest, NEARLY * options.grad_tol)
    return FrozenStep.of(run.term, run.net, tried.dense, tried.solve, allowed, tolerance, run.events, patient)


def _booked(
    run: Running, step: FrozenStep, reached: Reached, net: ReLUNet, drift: Array, departed: _Departed
) -> Running:
    """The flow at the end of a step that is kept, with what it met counted and logged."""
    carried, theta = reached.carried, reached.theta
    whole = theta >= 1
    t = jnp.where(whole, step.dense.t1, run.t + theta * (step.dense.t1 - run.t))
    one, shortened = jnp.ones((), jnp.int32), jnp.where(whole, 0, 1).astype(jnp.int32)
    flips_now, choices = _count(run.net.w * net.w < 0), _count(departed.nonunique)
    of_step = _counted(accepted=one, shortened=shortened, flips=flips_now, nonunique=choices)
    counts = run.counts + of_step + jnp.pad(carried.counts, (0, len(COUNTS) - len(EVENTS)))
    log = run.events
    if log is not None and carried.log is not None:
        everyone, nothing = jnp.arange(net.width, dtype=jnp.int32), jnp.full_like(run.term.pin, -1)
        flipped = flips(step, step.ways, step.meeting, theta, run.term.alive, everyone)
        leaving = (departed.departed, "departure", everyone, nothing, jnp.broadcast_to(t, net.w.shape))
        log = carried.log.add([flipped, leaving])
    return eqx.tree_at(
        lambda r: (r.net, r.t, r.counts, r.charge_drift, r.term, r.force, r.nets, r.saved, r.events),
        run,
        (
            net,
            t,
            counts,
            jnp.maximum(run.charge_drift, drift),
            departed.term,
            departed.force,
            reached.nets,
            reached.saved,
            log,
        ),
        is_leaf=lambda leaf: leaf is None,
    )


def _kept(run: Running, tried: _Tried, accepted: Running) -> Running:
    """The flow after the step, or before it if that was rejected; ended if the next one would not move the time."""
    keep, h = tried.keep, tried.next_h
    after = jax.tree.map(lambda a, b: jnp.where(keep, a, b), accepted, run)
    rejected = jnp.where(keep, 0, 1).astype(jnp.int32)
    counts = after.counts + _counted(rejected=rejected, steps=jnp.ones((), jnp.int32))
    stalled = ~keep & (run.t + h <= run.t)
    code = jnp.where(stalled, CODE["diverged"], after.code).astype(jnp.int32)
    return eqx.tree_at(
        lambda r: (r.counts, r.h, r.controller_state, r.code, r.done),
        after,
        (counts, h, tried.controller_state, code, after.done | stalled),
    )


def excess(term: FlowTerm, force: Force) -> Float[Array, ""]:
    """The loss, less the part that ties make unavoidable."""
    p = term.points.p
    return jnp.sum(jnp.where(p > 0, force.e**2 / jnp.where(p > 0, p, 1), 0)) / 2


def _height(term: FlowTerm, force: Force) -> Float[Array, ""]:
    """The largest |y| or |f| at the data: what the tolerance of the fit is relative to."""
    y, p = term.points.y, term.points.p
    fit = y - force.e / jnp.where(p > 0, p, 1)
    return jnp.max(jnp.where(p > 0, jnp.maximum(jnp.abs(y), jnp.abs(fit)), 0))


def _counted(**counts: Int[Array, ""]) -> Int[Array, " counts"]:
    """So many of some of `COUNTS`, none of the others."""
    none = jnp.zeros((), jnp.int32)
    return jnp.stack([counts.get(name, none) for name in COUNTS])


def _count(mask: Array) -> Int[Array, ""]:
    return jnp.sum(mask, dtype=jnp.int32)


def _put(run: Running) -> Callable[[ReLUNet, Array, Carried], ReLUNet]:
    """How a net on the way is kept."""

    def put(nets: ReLUNet, k: Array, carried: Carried) -> ReLUNet:
        net, _ = settled(carried.net, carried.term, run.origin, run.term.alive)
        net = returned(net, carried.term, run.origin)
        return jax.tree.map(lambda path, leaf: path.at[k].set(leaf), nets, net)

    return put


def _ended(run: Running, met: Array) -> Running:
    """With whether it has ended, and how: what is found later wins."""
    options, least, speed = run.options, excess(run.term, run.force), _speed(run)
    restless = unrest(run.term, run.net, run.force)
    still = rests(restless, options.grad_tol) & ~lies_beyond(run.term, run.net)
    endless = jnp.isinf(options.t1) & ((speed == 0) | jnp.isinf(run.t))
    ends = {
        "end_time": run.t >= options.t1,
        "stationary": still | endless,
        "interpolated": (options.loss_tol > 0) & (least <= options.loss_tol),
        "first_event": met & options.until_first,
        "not_finite": ~(jnp.isfinite(speed) & jnp.isfinite(least)),
    }
    code, done = run.code, run.done
    for name, happened in ends.items():
        code, done = jnp.where(happened, CODE[name], code).astype(jnp.int32), done | happened
    now = (code, done, least, speed, restless)
    return eqx.tree_at(lambda r: (r.code, r.done, r.excess, r.speed, r.unrest), run, now)


def _speed(run: Running) -> Float[Array, ""]:
    return length(velocity(run.net, run.term.project(run.force)), run.term.train_b0)


def advance(run: Running, steps: int | Array) -> Running:
    """At most so many attempts more; nothing once the flow has ended."""
    limit = run.counts[STEPS] + steps
    return jax.lax.while_loop(lambda r: ~r.done & (r.counts[STEPS] < limit), attempt, run)


def finish(run: Running) -> Solution:
    """The solution as far as the flow has come."""
    result = member(codes, NAMES, run.code)
    net, nets = returned(run.net, run.term, run.origin), None
    if run.options.ts is not None:
        there = jnp.arange(run.options.ts.size, dtype=jnp.int32) < run.saved

        def keep(path: Array, last: Array) -> Array:
            return jnp.where(there.reshape(-1, *(1,) * last.ndim), path, last[None])

        nets = jax.tree.map(keep, run.nets, net)
    options = run.options
    undecided = options.atol + options.rtol * run.origin.terms
    return Solution(
        net=net,
        t=run.t,
        loss=loss(net, run.data),
        grad_norm=run.speed,
        ts=run.options.ts,
        nets=nets,
        events=None if run.events is None else run.events.sorted(),
        stats=run.stats,
        result=judge(net, run.origin.excess, run.excess, undecided, jnp.sum(run.term.points.p), result),
    )
