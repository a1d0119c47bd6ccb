"""Many inputs: Hessian, loss and gradient by products of matrices, against automatic differentiation and torch."""

import importlib
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

import jspline
from benchmarks._report import duration, in_turns, machine, medians, table
from benchmarks.gradient import difference
from jspline import curvature

SIZES = ((1000, 150, 10), (300, 50, 3), (300, 30, 20))
"""Data, width and inputs."""
GRADIENTS = ((1000, 150, 10), (1000, 1000, 20), (10_000, 300, 3))


def problem(size: int, width: int, inputs: int) -> tuple[jspline.ReLUNet, jspline.Dataset]:
    """A He-initialized net and normal data, in float64."""
    jax.config.update("jax_enable_x64", True)
    k = jax.random.split(jax.random.key(0), 3)
    net = jspline.init.he(width, inputs=inputs).sample(width, key=k[0])
    return net, jspline.Dataset(jax.random.normal(k[1], (size, inputs)), jax.random.normal(k[2], (size,)))


def plain_loss(net: jspline.ReLUNet, data: jspline.Dataset) -> jax.Array:
    """What one writes first, to be differentiated automatically."""
    hidden = jax.nn.relu(data.x @ net.w.T + net.b[None])
    return jnp.sum(data.weight * (data.y - net.b0 - hidden @ net.v) ** 2) / 2


def by_hand(net: jspline.ReLUNet, data: jspline.Dataset) -> tuple[jax.Array, jspline.ReLUNet]:
    """Loss and gradient, as one writes them when they have to be fast."""
    height = data.x @ net.w.T + net.b[None]
    hidden = jax.nn.relu(height)
    residual = hidden @ net.v + net.b0 - data.y
    e = data.weight * residual
    pulled = jnp.where(height > 0, e[:, None] * net.v[None], 0)
    gradient = jspline.ReLUNet(pulled.T @ data.x, jnp.sum(pulled, 0), e @ hidden, jnp.sum(e))
    return jnp.sum(e * residual) / 2, gradient


def in_torch(net: jspline.ReLUNet, data: jspline.Dataset) -> tuple[Any, Any, Any] | None:
    """torch, the parameters in one tensor, and the loss of it; None without torch."""
    try:
        torch: Any = importlib.import_module("torch")
    except ImportError:
        return None
    theta, x, y = (
        torch.tensor(jax.device_get(part).tolist(), dtype=torch.float64)
        for part in (curvature.flat(net, True), data.x, data.y)
    )
    H, D = net.w.shape

    def loss(theta: Any) -> Any:
        w, (b, v) = theta[: H * D].reshape(H, D), theta[H * D : -1].reshape(2, H)
        return ((y - theta[-1] - torch.relu(x @ w.T + b) @ v) ** 2).sum() / 2

    return torch, theta, loss


def _as_numpy(function: Callable[[Any], Any], theta: Any) -> Any:
    return function(theta).numpy()


def by_curvlinops(net: jspline.ReLUNet, data: jspline.Dataset) -> Callable[[], Any] | None:
    """The Hessian as curvlinops makes it: a linear operator, times the identity. None without it."""
    try:
        torch, curvlinops = (importlib.import_module(name) for name in ("torch", "curvlinops"))
    except ImportError:
        return None
    D, H = net.inputs, net.width
    model: Any = torch.nn.Sequential(torch.nn.Linear(D, H), torch.nn.ReLU(), torch.nn.Linear(H, 1)).double()
    parts = (net.w, net.b, net.v[None], net.b0[None])
    with torch.no_grad():
        for parameter, part in zip(model.parameters(), parts, strict=True):
            parameter.copy_(torch.tensor(jax.device_get(part).tolist(), dtype=torch.float64))
    x, y = (torch.tensor(jax.device_get(part).tolist(), dtype=torch.float64) for part in (data.x, data.y[:, None]))
    loss = torch.nn.MSELoss(reduction="sum")
    parameters = list(model.parameters())
    operator = curvlinops.HessianLinearOperator(model, loss, parameters, [(x, y)], check_deterministic=False)
    identity = torch.eye(operator.shape[1], dtype=torch.float64)
    return lambda: (operator @ identity).numpy() / 2


def hessians(smoke: bool) -> str:
    """One Hessian, and the product of matrices that it consists of."""
    rows = []
    for size, width, inputs in ((60, 8, 3),) if smoke else SIZES:
        net, data = problem(size, width, inputs)
        J = curvature.jacobian(net, data)
        calls: dict[str, Callable[[], Any]] = {
            "structured": partial(jax.jit(jspline.hessian), net, data),
            "matmul": partial(jax.jit(lambda J: J.T @ J), J),
        }
        times = medians(calls, 0.1 if smoke else 5.0)
        rivals: dict[str, Callable[[], Any]] = {
            "jax.hessian": partial(jax.jit(partial(jspline.hessian, method="autodiff")), net, data)
        }
        if not smoke and (given := in_torch(net, data)) is not None:
            torch, theta, of_it = given
            rivals["torch"] = partial(_as_numpy, torch.func.hessian(of_it), theta)
        if not smoke and (operator := by_curvlinops(net, data)) is not None:
            rivals["curvlinops"] = operator
        for name, call in rivals.items():  # each by itself: threads of some go on spinning for a while
            jax.block_until_ready(call())
            times |= in_turns({name: call}, 1 if smoke else 3)[0]
        error = difference(calls["structured"](), rivals["jax.hessian"]())
        row = [f"{size:,}", f"{width:,}", f"{inputs}", f"{J.shape[1]:,}", duration(times["structured"])]
        row += [f"{times['structured'] / times['matmul']:.2g}x"]
        for name in ("jax.hessian", "torch", "curvlinops"):
            row += [duration(times[name]), f"{times[name] / times['structured']:,.0f}x"] if name in times else ["", ""]
        rows.append([*row, f"{error:.0e}"])
    header = ["data", "width", "inputs", "params", "structured", "of its matmul", "jax.hessian", "ratio",
              "torch.func.hessian", "ratio", "curvlinops", "ratio", "difference"]  # fmt: skip
    return f"{table(header, rows)}\n\nMedians of calls in turn, rivals by themselves. {machine()}."


def gradients(smoke: bool) -> str:
    """Loss and gradient."""
    rows = []
    for size, width, inputs in ((60, 8, 3),) if smoke else GRADIENTS:
        net, data = problem(size, width, inputs)
        calls: dict[str, Callable[[], Any]] = {
            "jspline": partial(jax.jit(jspline.value_and_grad), net, data),
            "by hand": partial(jax.jit(by_hand), net, data),
            "autodiff": partial(jax.jit(jax.value_and_grad(plain_loss)), net, data),
        }
        times = medians(calls, 0.1 if smoke else 5.0)
        error = difference(calls["jspline"](), calls["autodiff"]())
        if not smoke and (given := in_torch(net, data)) is not None:
            torch, theta, of_it = given
            times |= medians({"torch": partial(_as_numpy, torch.func.grad(of_it), theta)}, 2.0)
        row = [f"{size:,}", f"{width:,}", f"{inputs}", duration(times["jspline"])]
        for name in ("by hand", "autodiff", "torch"):
            row += [duration(times[name]), f"{times['jspline'] / times[name]:.2g}"] if name in times else ["", ""]
        rows.append([*row, f"{error:.0e}"])
    header = ["data", "width", "inputs", "jspline", "by hand", "jspline / it", "jitted autodiff", "jspline / it",
              "torch.func", "jspline / it", "difference"]  # fmt: skip
    return f"{table(header, rows)}\n\nMedians of calls in turn, torch by itself. {machine()}."
