"""What a net is trained on: data, a loss, weight decay, and which parameters move."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Float

from jspline._checks import (
    Parameters,
    Result,
    as_like,
    check_kind,
    check_net,
    check_positive,
    check_scalar,
    check_unbatched,
    is_concrete,
)
from jspline.charts import Spline
from jspline.datasets import Dataset
from jspline.problem._loss import Loss, Squared

SQUARED = Squared()


class Problem(eqx.Module):
    """A data set, and what is to be done with it: minimise

        constant + sum_n p_n l(f(x_n), y_n) + decay / 2 sum_i (w_i^2 + b_i^2 + v_i^2)

    It goes wherever a `Dataset` goes, which stands for `Problem(data)`: square loss, no decay, all parameters move.
    What a function does not know of it refuses, in one sentence, instead of ignoring it. So far no function but
    `penalty.optimum` and `meanfield.gibbs` knows decay, and only `jspline.loss`, `value_and_grad` and `predict` other
    losses.

    Attributes:
        data: the points.
        loss: l(f, y), a `jspline.objective.Loss`.
        decay: the strength of weight decay, a scalar.
        train_b0: whether the output bias moves.
        biases: whether hidden neurons have biases b; if not, these are 0 and stay 0.
        decay_biases: whether these decay, too.
        decayed: False exactly when `decay` was given as the number 0. Any array counts as decay, also one of 0. It is
            static: to change the strength of a problem without decay make another one.

    Raises:
        TypeError: when `data` is no `Dataset`, `loss` no `Loss`, or `decay` no real number.
        ValueError: when `decay` is negative or not a scalar, one of the switches is neither True nor False, or the loss
            does not take these outputs.
    """

    data: Dataset
    loss: Loss
    decay: Float[Array, "..."]
    train_b0: bool = eqx.field(static=True)
    biases: bool = eqx.field(static=True)
    decay_biases: bool = eqx.field(static=True)
    decayed: bool = eqx.field(static=True)

    def __init__(
        self,
        data: Dataset,
        *,
        loss: Loss = SQUARED,
        decay: ArrayLike = 0.0,
        decay_biases: bool = True,
        train_b0: bool = True,
        biases: bool = True,
    ):
        check_kind(Dataset, data=data)
        if not isinstance(loss, Loss):
            raise TypeError(f"`loss` must be a jspline.objective.Loss, such as Squared(); got {type(loss).__name__}.")
        if not isinstance(loss, Squared) and is_concrete(data.constant) and np.any(np.asarray(data.constant)):
            raise ValueError("Merged data stand for theirs in the square loss only: pose them before they are merged.")
        for name, value in {"train_b0": train_b0, "biases": biases, "decay_biases": decay_biases}.items():
            if not isinstance(value, (bool, np.bool_)):
                raise ValueError(f"`{name}` must be True or False; got {value!r}.")
        self.decayed = not (isinstance(decay, (int, float, np.number)) and decay == 0)
        check_positive(strict=False, decay=decay)
        strength = as_like(data.y, decay=decay)
        check_scalar(decay=strength)
        loss.check(data.y)
        self.data, self.loss = data, loss
        # One for each of a batch of data sets, so that `jax.vmap` goes over all of a problem.
        self.decay = jnp.broadcast_to(strength, data.y.shape[:-1])
        self.train_b0, self.biases, self.decay_biases = bool(train_b0), bool(biases), bool(decay_biases)

    def require(
        self,
        *,
        square: bool = False,
        decay: bool = True,
        inputs: int | None = None,
        biases: bool | None = None,
        train_b0: bool | None = None,
    ) -> "Problem":
        """The problem itself, if it is one that a function knows. Asks static facts only, so it works in a trace.

        Args:
            square: whether the function knows the square loss only.
            decay: whether it knows weight decay.
            inputs: the only number of inputs that it knows; None for any. 1 is x of shape `(data,)`.
            biases: the only answer that it knows to whether there are hidden biases; None for both.
            train_b0: the same for whether the output bias moves.

        Raises:
            ValueError: if it is not.
        """
        if square and not isinstance(self.loss, Squared):
            raise ValueError(f"This knows the square loss only, not {type(self.loss).__name__}.")
        if self.decayed and not decay:
            raise ValueError("This knows no weight decay: leave out `decay`.")
        if inputs is not None and (self.inputs != inputs or (inputs == 1) != self.data.on_line):
            given = f"`x` has an axis of {self.inputs}" if not self.data.on_line else "the data have 1"
            asked = "1 input, x of shape (data,)" if inputs == 1 else f"{inputs} inputs"
            raise ValueError(f"This is for {asked}; {given}.")
        if biases is not None and self.biases != biases:
            raise ValueError(f"This knows nets {'with' if biases else 'without'} hidden biases only.")
        if train_b0 is not None and self.train_b0 != train_b0:
            raise ValueError(f"This {'moves' if train_b0 else 'holds'} the output bias: give train_b0={train_b0}.")
        return self

    @property
    def inputs(self) -> int:
        """The number of inputs of the data."""
        return self.data.inputs


def as_problem(problem: Problem | Dataset, **known: Any) -> Problem:
    """A problem, given as one or as its data, if it is one that a function knows: see `Problem.require`.

    Raises `TypeError` for anything else and `ValueError` for a batch.
    """
    if not isinstance(problem, Problem):
        if not isinstance(problem, Dataset):
            kinds = "a jspline.Dataset, such as Dataset(x, y), or a jspline.Problem"
            raise TypeError(f"`problem` must be {kinds}; got {type(problem).__name__}.")
        problem = Problem(problem)
    check_unbatched(problem.data.y)
    return problem.require(**known)


def quadratic(net: Any, problem: Problem | Dataset, **known: Any) -> Problem:
    """For a function that knows square loss and no decay, but any number of inputs and nets without hidden biases: the
    problem, to which the net (or spline) fits."""
    problem = as_problem(problem, square=True, decay=False, **known)
    check_fitting(net, problem)
    return problem


def check_fitting(net: Any, problem: Problem) -> None:
    """Raise `ValueError` unless a net (or spline) has the inputs of the data, and biases only if it may.

    `TypeError` for what is neither.
    """
    if isinstance(net, Spline):
        check_unbatched(net.mu)
        problem.require(inputs=1, biases=True)
        return
    check_net(net, inputs=None)
    if net.w.shape[1:] != problem.data.x.shape[1:]:
        shapes = [f"w of shape {net.w.shape}", f"x of shape {problem.data.x.shape}"]
        raise ValueError(f"Net and data must have the same inputs; got {shapes[0]} and {shapes[1]}.")
    if not problem.biases:
        check_no_biases(net)


def plain_problem(problem: Problem | Dataset, **known: Any) -> Problem:
    """For a function that knows square loss, no decay, one input and hidden biases: see `as_problem`."""
    return as_problem(problem, square=True, decay=False, inputs=1, biases=True, **known)


def only_data(problem: Problem | Dataset, **known: Any) -> Dataset:
    """The data of a `plain_problem`."""
    return plain_problem(problem, **known).data


def data_and_b0(problem: Problem | Dataset) -> tuple[Dataset, bool]:
    """The data of a `plain_problem`, and whether the output bias moves."""
    problem = plain_problem(problem)
    return problem.data, problem.train_b0


def moved(**words: str) -> Callable[[Callable[Parameters, Result]], Callable[Parameters, Result]]:
    """Answer old keywords by where they have gone."""

    def decorate(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
        @wraps(function)
        def answering(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
            for name in words.keys() & kwargs.keys():
                raise TypeError(f"`{name}` has moved to {words[name]}.")
            return function(*args, **kwargs)

        return answering

    return decorate


def of_net(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """For functions of a net and a problem that are compiled: refuse known biases where the problem has none."""

    @wraps(function)
    def checked(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        net = args[0] if args else kwargs.get("net", kwargs.get("law_or_net"))
        problem = args[1] if len(args) > 1 else kwargs.get("problem")
        if isinstance(problem, Problem) and not problem.biases and hasattr(net, "b"):
            check_no_biases(net)
        return function(*args, **kwargs)

    return checked


def check_no_biases(net: Any) -> None:
    """Raise `ValueError` for a net with a known bias."""
    if is_concrete(net.b) and np.any(np.asarray(net.b)):
        raise ValueError("The problem has no hidden biases (biases=False): `b` must be 0.")


MOVED = {
    "train_b0": "the problem: jspline.Problem(data, train_b0=...)",
    "data": "the argument `problem`, which data may stand for",
}
b0_moved = moved(**MOVED)
"""For functions that had `train_b0` themselves."""
