"""JAX: a whole epoch, its rows' order included, in one jitted `lax.scan`."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from benchmarks.cases import Case
from benchmarks.peers import NotOffered, Run


def _forward(case: Case, parameters: Any, x: Any) -> Any:
    for i, (W, b) in enumerate(parameters):
        if i:
            x = jnp.tanh(x) if case.activation == "tanh" else jax.nn.relu(x)
        x = x @ W.T + b
    return x


def _loss(case: Case, parameters: Any, x: Any, y: Any) -> Any:
    z = _forward(case, parameters, x)
    if case.targets == "numbers":
        return ((z - y) ** 2).mean()
    return -jnp.take_along_axis(jax.nn.log_softmax(z), y[:, None], axis=1).mean()


def training(case: Case, optimizer: str) -> Run:
    """One call an epoch; where every epoch is alike, one call for all of them."""
    if optimizer != "SGD":
        raise NotOffered("the update is written for SGD only")
    x, y = map(jnp.asarray, case.data())
    if case.targets == "classes":
        y = y.astype(jnp.int32)
    parameters = [tuple(map(jnp.asarray, pair)) for pair in case.weights()]
    gradient = jax.value_and_grad(partial(_loss, case))

    def step(parameters: Any, batch: Any) -> tuple[Any, Any]:
        value, gradients = gradient(parameters, *batch)
        update = lambda w, dw: w - case.learning_rate * dw  # noqa: E731
        return jax.tree.map(update, parameters, gradients), value

    @partial(jax.jit, donate_argnums=0)
    def epoch(parameters: Any, x: Any, y: Any, order: Any) -> Any:
        batches = (
            x[order].reshape(case.steps, case.batch_size, -1),
            y[order].reshape(case.steps, case.batch_size, *y.shape[1:]),
        )
        parameters, losses = lax.scan(step, parameters, batches)
        return parameters, losses.mean()

    @partial(jax.jit, donate_argnums=0)
    def epochs_alike(parameters: Any, x: Any, y: Any, epochs: Any) -> Any:
        one = lambda _, so_far: step(so_far[0], (x, y))  # noqa: E731
        return lax.fori_loop(0, epochs, one, (parameters, jnp.zeros((), jnp.float32)))

    orders = case.orders()

    def run(epochs: int) -> float:
        nonlocal parameters
        if not case.shuffled:
            parameters, value = epochs_alike(parameters, x, y, epochs)
        else:
            for _ in range(epochs):
                parameters, value = epoch(parameters, x, y, next(orders))
                last = float(value)
            return last
        return float(value)

    return run


def prediction(case: Case, rows: int) -> Run:
    """From a NumPy array to a NumPy array, jitted for those rows."""
    import numpy as np

    x = case.data()[0][:rows]
    parameters = [tuple(map(jnp.asarray, pair)) for pair in case.weights()]
    predict = jax.jit(lambda parameters, x: jax.nn.softmax(_forward(case, parameters, x)))

    def run(times: int) -> Any:
        for _ in range(times):
            p = np.asarray(predict(parameters, x))
        return p

    return run
