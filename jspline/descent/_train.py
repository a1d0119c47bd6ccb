"""`jspline.train`: any optax optimiser on the loss that the flow goes down."""

from collections.abc import Callable
from operator import attrgetter
from typing import Any, TypeVar

import equinox as eqx
import equinox.internal as eqxi
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.flatten_util import ravel_pytree
from jax.typing import ArrayLike
from jaxtyping import Array, Float, Int, PRNGKeyArray

from jspline._checks import (
    as_key,
    check_memory,
    check_positive,
    check_scalar,
    check_whole,
    given,
    nan_is_an_answer,
)
from jspline._programs import compiled
from jspline.charts import ReLUNet
from jspline.curvature import lanczos, tridiagonal
from jspline.datasets import Dataset
from jspline.descent._batch_norm import BatchNormNet, outputs
from jspline.descent._deep import DeepNet
from jspline.objective import value_and_grad
from jspline.problem import Problem, as_problem, check_fitting, of_net

Net = TypeVar("Net", bound=eqx.Module)


class OUTCOMES(eqx.Enumeration):
    """How a training ended: `OUTCOMES[run.outcome]` is the message; `run.outcome == OUTCOMES.steps_done` in a batch."""

    steps_done = "All steps were done."
    unstable = (
        "The largest Hessian eigenvalue exceeds 2 / eta at one of the ends, or the loss rose: the run is not a "
        "discrete gradient flow. Lower the learning rate, and do not average this run in."
    )
    not_finite = "NaN or infinity appeared."


codes: Any = OUTCOMES


class Training(eqx.Module):
    """What training returns.

    Attributes:
        net: the last net.
        steps: the steps at which the loss was recorded, from 0, `(records + 1,)`.
        losses: the loss on all the data there, `(records + 1,)`.
        sharpness: the largest eigenvalue of the Hessian at the start and at the end, `(2,)`; NaN unless asked for.
        limit: 2 / learning rate, above which gradient descent is unstable; infinite if the rate was not given.
        outcome: a member of `OUTCOMES`.
    """

    net: Any
    steps: Int[Array, " times"]
    losses: Float[Array, " times"]
    sharpness: Float[Array, " ends"]
    limit: Float[Array, ""]
    outcome: OUTCOMES

    @property
    def loss(self) -> Float[Array, "..."]:
        """The loss at the end."""
        return self.losses[..., -1]


FORWARD_ONLY = "`train` has derivatives in forward mode only: use `jax.jvp`, or `jspline.flow`, which has both."


def train(
    net: Net,
    problem: Problem | Dataset,
    optimizer: optax.GradientTransformation,
    steps: int,
    *,
    batch_size: int | None = None,
    key: PRNGKeyArray | None = None,
    learning_rate: ArrayLike | None = None,
    records: int = 100,
) -> Training:
    """Discrete training on L = constant + 1/2 sum_n p_n (y_n - f(x_n))^2, in one compiled loop.

    Plain gradient descent of step eta, `optax.sgd(eta)`, is `jspline.flow` to t = k eta up to O(eta), across crossings
    too. `jax.vmap` over nets, keys, or learning rates (make the optimizer inside).

    Args:
        net: a `ReLUNet` or a `DeepNet` of any number of inputs, or a `BatchNormNet`.
        problem: what to fit. Whether b0 moves, and whether there are hidden biases, is asked of a `ReLUNet` only.
        optimizer: any optax optimizer. Those that ask for the value, its gradient or the function (line searches,
            `optax.lbfgs`, `optax.polyak_sgd`) get those of the step: with mini-batches, of its batch.
        steps: how many.
        batch_size: data per step, drawn with replacement and weighted to the loss on average; all of them by default.
        key: for the mini-batches.
        learning_rate: eta. Given, the sharpness is measured at both ends and held against 2 / eta.
        records: at how many steps, evenly, the loss is recorded.

    Returns:
        A `Training`. Look at its `outcome`: an unstable run does not raise, since it must not in a batch.

    Raises:
        ValueError: for numbers below 1 or too large, a batch larger than the data, or mini-batches without a key.
        TypeError: for what is no net, no optimizer or no key.
        RuntimeError: when differentiated in reverse mode, which would have to keep every step; `jax.jvp` works.
    """
    problem = _posed(net, problem)
    data = problem.data
    _check(net, data, optimizer, steps, batch_size, key, learning_rate, records)
    step = _step(problem, optimizer, batch_size, jax.random.key(0) if key is None else as_key(key))

    def segment(state: tuple[Net, Any], ends: Array) -> tuple[tuple[Net, Any], Array]:
        state = jax.lax.fori_loop(ends[0], ends[1], step, state)
        return state, _whole(state[0], data)

    at = np.unique(np.linspace(0, steps, min(records, steps) + 1).round().astype(int))
    (last, _), losses = jax.lax.scan(segment, (net, optimizer.init(net)), jnp.stack([at[:-1], at[1:]], axis=1))
    losses = jnp.concatenate([_whole(net, data)[None], losses])
    last, losses = eqxi.nondifferentiable_backward((last, losses), msg=FORWARD_ONLY)
    limit = jnp.full((), jnp.inf, losses.dtype)
    with nan_is_an_answer():
        ends = jnp.full(2, jnp.nan, losses.dtype)
    if learning_rate is not None:
        limit = 2 / jnp.asarray(learning_rate, losses.dtype)
        ends = jnp.stack([sharpness(net, problem), sharpness(last, problem)])
    rises = losses[1:] - losses[:-1] > 1e-6 * losses[0]
    rose = jnp.any(rises) if batch_size is None and learning_rate is not None else losses[-1] > losses[0]
    finite = jnp.all(jnp.asarray([jnp.all(jnp.isfinite(leaf)) for leaf in jax.tree.leaves((last, losses))]))
    outcome = OUTCOMES.where(jnp.any(ends > limit) | rose, codes.unstable, codes.steps_done)
    return Training(last, jnp.asarray(at), losses, ends, limit, OUTCOMES.where(finite, outcome, codes.not_finite))


def _check(
    net: Any,
    data: Dataset,
    optimizer: Any,
    steps: Any,
    batch_size: Any,
    key: Any,
    learning_rate: Any,
    records: Any,
) -> None:
    check_whole(steps=steps, records=records, batch_size=1 if batch_size is None else batch_size)
    kept = min(records, steps)
    if batch_size is not None and batch_size > data.size:
        raise ValueError(f"`batch_size` must be at most the number of data, {data.size:,}; got {batch_size}.")
    check_memory(f"A record of {kept:,} losses", 48 * kept, "take fewer")
    if batch_size is not None and key is None:
        raise ValueError("Mini-batches are random: give `key`.")
    if not isinstance(net, eqx.Module):
        raise TypeError(f"`net` must be a ReLUNet, a BatchNormNet or a DeepNet; got {given(net)}.")
    if not (callable(getattr(optimizer, "init", None)) and callable(getattr(optimizer, "update", None))):
        raise TypeError(f"`optimizer` must be one of optax, such as optax.sgd(0.1); got {given(optimizer)}.")
    if learning_rate is not None:
        check_scalar(learning_rate=learning_rate)
        check_positive(learning_rate=learning_rate)


def _posed(net: Any, problem: Problem | Dataset) -> Problem:
    """The problem, if it is one that this net fits to and that training knows."""
    problem = as_problem(problem, square=True, decay=False)
    if isinstance(net, ReLUNet):
        check_fitting(net, problem)
        return problem
    problem.require(biases=True, train_b0=True)
    if isinstance(net, BatchNormNet) or (isinstance(net, DeepNet) and net.inputs == 1):
        problem.require(inputs=1)
    elif isinstance(net, DeepNet) and (problem.data.on_line or net.inputs != problem.inputs):
        raise ValueError(f"Net and data must have the same inputs; got {net.inputs} and {problem.inputs}.")
    return problem


def _moving(change: Net, problem: Problem) -> Net:
    """What moves of a change of a net (or of its gradient): all, unless the problem says otherwise."""
    for name, moves in (("b", problem.biases), ("b0", problem.train_b0)):
        if not moves:
            change = eqx.tree_at(attrgetter(name), change, replace_fn=jnp.zeros_like)
    return change


def _step(
    problem: Problem, optimizer: optax.GradientTransformation, batch_size: int | None, key: PRNGKeyArray
) -> Callable[[Array, tuple[Net, Any]], tuple[Net, Any]]:
    """What step k makes of a net and of what the optimizer remembers."""
    data = problem.data
    asking = optax.with_extra_args_support(optimizer)

    def step(k: Array, state: tuple[Net, Any]) -> tuple[Net, Any]:
        net, memory = state
        batch = data
        if batch_size is not None:
            drawn = jax.random.randint(jax.random.fold_in(key, k), (batch_size,), 0, data.size)
            parts = data.x[drawn], data.y[drawn], data.weight[drawn] * (data.size / batch_size)
            batch = eqx.tree_at(lambda d: (d.x, d.y, d.weight), data, parts)  # not sorted, which `outputs` does not ask

        def value_of(net: Net, obj_fn: Any = None) -> Array:  # a line search hands on what it does not know
            return _whole(net, batch)

        if batch_size is None and isinstance(net, ReLUNet):
            value, gradient = value_and_grad(net, problem)
        else:
            value, gradient = jax.value_and_grad(value_of)(net)
            gradient = _moving(gradient, problem)
        with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):  # optax counts on both
            change, new = asking.update(
                gradient, memory, net, value=value, grad=gradient, value_fn=value_of, obj_fn=value_of
            )
        # Line searches start from float64 where that is on, and go on in the dtype of the net, or the other way round.
        new = jax.tree.map(lambda one, old: jnp.asarray(one, jnp.asarray(old).dtype), new, memory)
        return optax.apply_updates(net, _moving(change, problem)), new

    return step


@of_net
@compiled
def sharpness(net: Net, problem: Problem | Dataset, *, iterations: int = 50) -> Float[Array, ""]:
    """The largest eigenvalue of the Hessian of the loss, by Lanczos's method, over the parameters that move.

    As many iterations as parameters make it exact; 50 give the largest eigenvalue to several digits unless the next
    ones are as close. For gradient descent to be stable it must stay below 2 / eta.
    """
    problem = _posed(net, problem)
    data = problem.data
    check_whole(iterations=iterations)
    flat, restore = ravel_pytree(net)
    steps = min(iterations, flat.size)
    check_memory(f"{steps:,} vectors of {flat.size:,} parameters", steps * flat.nbytes, "take fewer `iterations`")
    moving = lambda step: ravel_pytree(_moving(step, problem))[0]  # noqa: E731
    gradient = lambda theta: moving(jax.grad(_loss)(restore(theta), data.x, data.y, data.weight))  # noqa: E731
    start = moving(restore(jax.random.normal(jax.random.key(0), flat.shape, flat.dtype)))
    along, off = lanczos(lambda u: jax.jvp(gradient, (flat,), (u,))[1], start / jnp.linalg.norm(start), steps)
    return jnp.linalg.eigvalsh(tridiagonal(along, off))[-1]


def _loss(net: Net, x: Array, y: Array, weight: Array) -> Array:
    return jnp.sum(weight * (y - outputs(net, x)) ** 2) / 2


def _whole(net: Net, data: Dataset) -> Array:
    return data.constant + _loss(net, data.x, data.y, data.weight)
