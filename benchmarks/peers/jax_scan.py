"""JAX: a whole epoch, its rows' order included, in one jitted `lax.scan`."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from benchmarks.cases import Case, Training
from benchmarks.deep_cases import DeepCase
from benchmarks.matrices import Product
from benchmarks.peers import NotOffered, Run
from benchmarks.peers.jax_deep import NETS


def _forward(case: Case | DeepCase, parameters: Any, x: Any) -> Any:
    if isinstance(case, DeepCase):
        return NETS[case.name](parameters, x)
    for i, (W, b) in enumerate(parameters):
        if i:
            x = jnp.tanh(x) if case.activation == "tanh" else jax.nn.relu(x)
        x = x @ W.T + b
    return x


def _loss(case: Case | DeepCase, parameters: Any, x: Any, y: Any) -> Any:
    z = _forward(case, parameters, x)
    if isinstance(case, Case) and case.targets == "numbers":
        return ((z - y) ** 2).mean()
    return -jnp.take_along_axis(jax.nn.log_softmax(z), y[..., None], axis=-1).mean()


def _sgd(rate: float, w: Any, dw: Any, memory: Any, step: Any) -> Any:
    return w - rate * dw, memory


def _adam(rate: float, w: Any, dw: Any, memory: Any, step: Any) -> Any:
    m, v = memory
    m, v = 0.9 * m + 0.1 * dw, 0.999 * v + 0.001 * dw * dw
    m_hat, v_hat = m / (1 - 0.9**step), v / (1 - 0.999**step)
    return w - rate * m_hat / (jnp.sqrt(v_hat) + 1e-8), (m, v)


RULES = {"SGD": (_sgd, 0), "Adam": (_adam, 2)}  # and how many arrays each remembers


def _updater(case: Training, optimizer: str, parameters: Any) -> tuple[Any, Any]:
    """What makes the new parameters and memory of the old, and the memory to begin with."""
    if optimizer not in RULES:
        raise NotOffered(f"the update is written for {' and '.join(RULES)} only")
    rule, remembered = RULES[optimizer]
    arrays, kind = jax.tree.flatten(parameters)
    memory = ([tuple(jnp.zeros_like(w) for _ in range(remembered)) for w in arrays], jnp.zeros(()))

    def update(parameters: Any, gradients: Any, memory: Any) -> Any:
        kept, steps = memory
        steps = steps + 1
        flat = zip(jax.tree.leaves(parameters), jax.tree.leaves(gradients), kept, strict=True)
        new = [rule(case.rate(optimizer), w, dw, m, steps) for w, dw, m in flat]
        return jax.tree.unflatten(kind, [w for w, _ in new]), ([m for _, m in new], steps)

    return update, memory


def training(case: Case | DeepCase, optimizer: str) -> Run:
    """One call an epoch; where every epoch is alike, one call for all of them."""
    x, y = map(jnp.asarray, case.data())
    parameters = jax.tree.map(jnp.asarray, case.weights())
    gradient = jax.value_and_grad(partial(_loss, case))
    update, memory = _updater(case, optimizer, parameters)
    state = (parameters, memory)

    def step(state: Any, batch: Any) -> tuple[Any, Any]:
        value, gradients = gradient(state[0], *batch)
        return update(state[0], gradients, state[1]), value

    @partial(jax.jit, donate_argnums=0)
    def epoch(state: Any, x: Any, y: Any, order: Any) -> Any:
        batches = (
            x[order].reshape(case.steps, case.batch_size, *x.shape[1:]),
            y[order].reshape(case.steps, case.batch_size, *y.shape[1:]),
        )
        state, losses = lax.scan(step, state, batches)
        return state, losses.mean()

    @partial(jax.jit, donate_argnums=0)
    def epochs_alike(state: Any, x: Any, y: Any, epochs: Any) -> Any:
        one = lambda _, so_far: step(so_far[0], (x, y))  # noqa: E731
        return lax.fori_loop(0, epochs, one, (state, jnp.zeros((), jnp.float32)))

    orders = case.orders()

    def run(epochs: int) -> float:
        nonlocal state
        if not case.shuffled:
            state, value = epochs_alike(state, x, y, epochs)
        else:
            for _ in range(epochs):
                state, value = epoch(state, x, y, next(orders))
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


def product(given: Product) -> Run:
    """Multiplies the same matrices that many times, and returns their product."""
    import numpy as np

    jax.config.update("jax_enable_x64", given.dtype == "float64")
    a, b = map(jnp.asarray, given.operands())

    multiplied = jax.jit(
        lambda a, b: (a.T if given.a_transposed else a) @ (b.T if given.b_transposed else b)
    )

    def run(times: int) -> Any:
        for _ in range(times):
            c = multiplied(a, b)
        return np.asarray(c)

    return run
