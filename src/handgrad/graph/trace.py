"""`trace`: the graph of a layer, a net, a training step, a loss or an optimizer."""

from typing import Any

import numpy as np

from handgrad.graph.graph import Graph, Leaves, Outputs
from handgrad.graph.traced import Traced
from handgrad.graph.tracer import trace_run
from handgrad.textbook.errors import SettingError, ShapeError, described
from handgrad.textbook.layers import Layer
from handgrad.textbook.layers.checks import checked_result
from handgrad.textbook.layers.layer import trial_twin
from handgrad.textbook.losses import Loss
from handgrad.textbook.net.minibatches import example_input, example_targets
from handgrad.textbook.optimizers import Optimizer
from handgrad.textbook.penalties import Penalty


def trace(
    module: Layer | Loss | Optimizer,
    loss: Loss | None = None,
    penalty: Penalty | None = None,
    *,
    x: object = None,
    y: object = None,
    sample_weight: object = None,
    training: bool = True,
) -> Graph:
    """Trace a layer, net, loss or optimizer; the printed graph reads like a derivation.

    Parameters
    ----------
    module : Layer, Net, Loss or Optimizer
        Traced on a copy.
    loss : Loss, optional
        Trace the whole training step of a net with this loss.
    penalty : Penalty, optional
        Added to the loss.
    x : array or tuple of arrays, optional
        A few example rows, if the layer does not declare its input shape; for an optimizer whose
        rule is not elementwise, a parameter.
    y : array, optional
        Example targets.
    sample_weight : array, shape (n,) or (n, t), optional
        Example weights; for padded sequences the mask (n, t).
    training : bool, default True
        Trace forward and backward; False: only forward, in prediction mode.

    Returns
    -------
    Graph
        The graph, for any batch size.

    Examples
    --------
    >>> import handgrad as hg
    >>> graph = hg.trace(hg.Tanh())
    >>> print(graph)                                               # doctest: +ELLIPSIS
    Tanh(), training
    <BLANKLINE>
    given
      x  ...
    >>> list(graph.outputs.named())
    ['prediction', 'dx']
    """
    if isinstance(module, Optimizer):
        return _trace_optimizer(module, x)
    if isinstance(module, Loss):
        return _trace_loss(module, x, y, sample_weight)
    if not isinstance(module, Layer):
        raise SettingError(
            described(module),
            "a layer, a net, a loss or an optimizer",
            "hg.trace(net, hg.CrossEntropyLoss())",
        )
    if not isinstance(loss, Loss | None):
        raise SettingError(
            f"as loss {described(loss)}", "a loss, or None", "hg.trace(net, hg.CrossEntropyLoss())"
        )
    return _trace_layer(module, loss, penalty, x, y, sample_weight, training)


def _trace_layer(
    layer: Layer,
    loss: Loss | None,
    penalty: Penalty | None,
    x: object,
    y: object,
    sample_weight: object,
    training: bool,
) -> Graph:
    dtype = layer.dtype or np.dtype(np.float32)
    x = example_input(layer, 4) if x is None else x
    few = _rows(x, 4, dtype, layer.integer_input)
    if (loss is not None and y is None) or (loss is None and training):
        p = _forward_once(layer, few)
    if loss is not None and y is None:
        y = example_targets(loss, p)

    def inputs(n: int) -> Leaves[Any]:
        leaves = {"x": _rows(x, n, dtype, layer.integer_input)}
        if loss is not None:
            leaves["y"] = _rows(y, n, dtype, whole=loss.target_kind.indices)
            if sample_weight is not None:
                leaves["sample_weight"] = _rows(sample_weight, n, dtype, whole=False)
        elif training:
            rng = np.random.default_rng(n)
            leaves["dy"] = rng.standard_normal((n, *p.shape[1:])).astype(dtype)
        return Leaves(leaves)

    def run(
        modules: Any, x: object, y: Any = None, dy: object = None, **weights: Traced
    ) -> Outputs[Any]:
        module, value = modules[""], None
        p = checked_result(module, "forward", module.forward(x))
        if loss is not None:
            value = checked_result(
                modules["loss"], "forward", modules["loss"].forward(p, y, *weights.values())
            )
        if not training:
            return Outputs(p, value)
        if loss is not None:
            dy = checked_result(modules["loss"], "backward", modules["loss"].backward(value))
        dx = checked_result(module, "backward", module.backward(dy))
        if penalty is not None and loss is not None:
            n = sum(w.sum() for w in weights.values()) if weights else len(y)
            value = value + modules["penalty"].add_to(module, n)
        return Outputs(p, value, {"x": dx})

    mode = "training" if training else "prediction"
    title = f"{layer!r}{f' with {loss!r}' if loss else ''}, {mode}"
    parts: dict[str, Any] = {"": layer, "loss": loss, "penalty": penalty}
    modules = {prefix: module for prefix, module in parts.items() if module is not None}
    try:
        return trace_run(title, modules, inputs, run, dtype, training=training)
    except ShapeError:
        _forward_once(layer, few)  # it knows the rows, and what is wrong with them
        raise


def _trace_loss(loss: Loss, p: object, y: object, sample_weight: object) -> Graph:
    if p is None:
        p = np.random.default_rng(0).uniform(0.1, 0.9, (4, 3)).astype(np.float32)
    p = np.asarray(p)
    y = example_targets(loss, p) if y is None else y

    def inputs(n: int) -> Leaves[Any]:
        whole = loss.target_kind.indices
        leaves = {"p": _rows(p, n, p.dtype, False), "y": _rows(y, n, p.dtype, whole)}
        if sample_weight is not None:
            leaves["sample_weight"] = _rows(sample_weight, n, p.dtype, False)
        return Leaves(leaves)

    def run(modules: Any, **leaves: object) -> Outputs[Any]:
        judge = modules["loss"]
        value = checked_result(judge, "forward", judge.forward(*leaves.values()))
        return Outputs(None, value, {"p": checked_result(judge, "backward", judge.backward(value))})

    return trace_run(repr(loss), {"loss": loss}, inputs, run, p.dtype)


def _trace_optimizer(optimizer: Optimizer, parameter: object) -> Graph:
    if optimizer.minimizer is not None:
        raise SettingError(
            f"{optimizer!r}, which has no update rule: it is a line search",
            "an optimizer that takes a step for each batch",
            "hg.trace(hg.Adam(0.001))",
        )

    own = (4, 3) if parameter is None else np.asarray(parameter).shape

    def inputs(n: int) -> Leaves[Any]:
        rng, shape = np.random.default_rng(n), (n,) if optimizer.elementwise else own
        w, dw, *state = (
            rng.uniform(0.5, 1, shape).astype(np.float32)
            for _ in ("w", "dw", *optimizer.state_names)
        )
        numbers = {"learning_rate": optimizer.learning_rate, "step": 3}
        clipped = {} if optimizer.clip_norm is None else {"dw_norm": np.float32(2)}
        memory = dict(zip(optimizer.state_names, state, strict=True))
        return Leaves({"dw": dw} | numbers | clipped, {"w": w}, memory)

    def run(modules: Any, w: object, dw: object, **leaves: object) -> Outputs[Any]:
        rule, state = modules[""], [leaves[name] for name in optimizer.state_names]
        numbers = {name: leaves.get(name) for name in ("learning_rate", "step", "dw_norm")}
        stated, rule.learning_rate = rule.learning_rate, leaves["learning_rate"]
        new, *memory = rule.update(w, dw, *state, **numbers)
        rule.learning_rate = stated
        new_state = dict(zip(optimizer.state_names, memory, strict=True))
        return Outputs(new_parameters={"w": new}, new_state=new_state)

    return trace_run(repr(optimizer), {"": optimizer}, inputs, run, np.dtype(np.float32))


def _rows(values: object, n: int, dtype: np.dtype[np.generic], whole: bool) -> Any:
    """Repeat or cut rows to n of them, as `dtype`; `whole`: integers keep their dtype.

    In tuples of arrays integers and booleans keep their dtype.
    """
    if isinstance(values, tuple):
        return tuple(_repeated(part, n, dtype, "iub") for part in values)
    return _repeated(values, n, dtype, "iu" if whole else "")


def _repeated(values: object, n: int, dtype: np.dtype[np.generic], kept: str) -> Any:
    values = np.asarray(values)
    values = values[np.arange(n) % len(values)]
    return values if values.dtype.kind in kept else values.astype(dtype)


def _forward_once(layer: Layer, x: object) -> Any:
    twin = trial_twin(layer)
    twin.seed(0)
    with twin.mode(training=False), np.errstate(all="ignore"):
        return checked_result(twin, "forward", twin.forward(x))
