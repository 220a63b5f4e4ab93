"""`trace`: the graph of a layer, a net, a training step, a loss or an optimizer."""

import copy
from typing import Any

import numpy as np

from handgrad.graph.graph import Graph, Leaves, Outputs
from handgrad.graph.traced import Traced
from handgrad.graph.tracer import record
from handgrad.textbook.errors import SettingError, described
from handgrad.textbook.layers import Layer
from handgrad.textbook.layers.mistakes import returned
from handgrad.textbook.losses import Loss
from handgrad.textbook.net.minibatches import example_input, example_targets
from handgrad.textbook.optimizers import Optimizer
from handgrad.textbook.penalties import Penalty


def trace(
    page: Layer | Loss | Optimizer,
    loss: Loss | None = None,
    penalty: Penalty | None = None,
    *,
    x: object = None,
    y: object = None,
    sample_weight: object = None,
    training: bool = True,
) -> Graph:
    """The recorded graph of `page`; printed, it reads like the derivation.

    A layer or net in training mode is followed forward and backward, with a `loss` the whole
    training step, to which a `penalty` adds its own; in prediction mode (`training=False`) only
    forward. `x` and `y` are a few example rows, needed only where the layer does not say what it
    takes; with `sample_weight`, a few example weights, the loss is that of weighted rows: for
    targets at the places of sequences with padding, the mask (n, t), as a training has it.

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
    if isinstance(page, Optimizer):
        return _trace_optimizer(page)
    if isinstance(page, Loss):
        return _trace_loss(page, x, y, sample_weight)
    if not isinstance(page, Layer):
        raise SettingError(
            described(page),
            "a layer, a net, a loss or an optimizer",
            "hg.trace(net, hg.CrossEntropyLoss())",
        )
    if not isinstance(loss, Loss | None):
        raise SettingError(
            f"as loss {described(loss)}", "a loss, or None", "hg.trace(net, hg.CrossEntropyLoss())"
        )
    return _trace_layer(page, loss, penalty, x, y, sample_weight, training)


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
    p = _forward_once(layer, _rows(x, 4, dtype, layer.integer_input))
    if loss is not None and y is None:
        y = example_targets(loss, p)

    def inputs(n: int) -> Leaves[Any]:
        given = {"x": _rows(x, n, dtype, layer.integer_input)}
        if loss is not None:
            given["y"] = _rows(y, n, dtype, whole=loss.target_kind.indices)
            if sample_weight is not None:
                given["sample_weight"] = _rows(sample_weight, n, dtype, whole=False)
        elif training:
            rng = np.random.default_rng(n)
            given["dy"] = rng.standard_normal((n, *p.shape[1:])).astype(dtype)
        return Leaves(given)

    def run(
        pages: Any, x: object, y: Any = None, dy: object = None, **weights: Traced
    ) -> Outputs[Any]:
        page, value = pages[""], None
        p = returned(page, "forward", page.forward(x))
        if loss is not None:
            value = returned(
                pages["loss"], "forward", pages["loss"].forward(p, y, *weights.values())
            )
        if not training:
            return Outputs(p, value)
        if loss is not None:
            dy = returned(pages["loss"], "backward", pages["loss"].backward(value))
        dx = returned(page, "backward", page.backward(dy))
        if penalty is not None and loss is not None:
            n = sum(w.sum() for w in weights.values()) if weights else len(y)
            value = value + pages["penalty"].add_to(page, n)
        return Outputs(p, value, {"x": dx})

    mode = "training" if training else "prediction"
    title = f"{layer!r}{f' with {loss!r}' if loss else ''}, {mode}"
    given: dict[str, Any] = {"": layer, "loss": loss, "penalty": penalty}
    pages = {prefix: page for prefix, page in given.items() if page is not None}
    return record(title, pages, inputs, run, dtype, training=training)


def _trace_loss(loss: Loss, p: object, y: object, sample_weight: object) -> Graph:
    if p is None:
        p = np.random.default_rng(0).uniform(0.1, 0.9, (4, 3)).astype(np.float32)
    p = np.asarray(p)
    y = example_targets(loss, p) if y is None else y

    def inputs(n: int) -> Leaves[Any]:
        whole = loss.target_kind.indices
        given = {"p": _rows(p, n, p.dtype, False), "y": _rows(y, n, p.dtype, whole)}
        if sample_weight is not None:
            given["sample_weight"] = _rows(sample_weight, n, p.dtype, False)
        return Leaves(given)

    def run(pages: Any, **given: object) -> Outputs[Any]:
        judge = pages["loss"]
        value = returned(judge, "forward", judge.forward(*given.values()))
        return Outputs(None, value, {"p": returned(judge, "backward", judge.backward(value))})

    return record(repr(loss), {"loss": loss}, inputs, run, p.dtype)


def _trace_optimizer(optimizer: Optimizer) -> Graph:
    if optimizer.minimizer is not None:
        raise SettingError(
            f"{optimizer!r}, which has no rule: it searches for its steps",
            "an optimizer that takes a step for each batch",
            "hg.trace(hg.Adam(0.001))",
        )

    def inputs(n: int) -> Leaves[Any]:
        rng = np.random.default_rng(n)
        w, dw, *state = (
            rng.uniform(0.5, 1, n).astype(np.float32) for _ in ("w", "dw", *optimizer.state_names)
        )
        numbers = {"learning_rate": optimizer.learning_rate, "step": 3}
        clipped = {} if optimizer.clip_norm is None else {"dw_norm": np.float32(2)}
        memory = dict(zip(optimizer.state_names, state, strict=True))
        return Leaves({"dw": dw} | numbers | clipped, {"w": w}, memory)

    def run(pages: Any, w: object, dw: object, **given: object) -> Outputs[Any]:
        rule, state = pages[""], [given[name] for name in optimizer.state_names]
        numbers = {name: given.get(name) for name in ("learning_rate", "step", "dw_norm")}
        stated, rule.learning_rate = rule.learning_rate, given["learning_rate"]
        new, *memory = rule.update(w, dw, *state, **numbers)
        rule.learning_rate = stated
        new_state = dict(zip(optimizer.state_names, memory, strict=True))
        return Outputs(new_parameters={"w": new}, new_state=new_state)

    return record(repr(optimizer), {"": optimizer}, inputs, run, np.dtype(np.float32))


def _rows(values: object, n: int, dtype: np.dtype[np.generic], whole: bool) -> Any:
    """The rows of `values`, repeated or cut to n of them; `whole`: whole numbers stay.

    In several arrays they do, and truth values too.
    """
    if isinstance(values, tuple):
        return tuple(_repeated(part, n, dtype, "iub") for part in values)
    return _repeated(values, n, dtype, "iu" if whole else "")


def _repeated(values: object, n: int, dtype: np.dtype[np.generic], kept: str) -> Any:
    values = np.asarray(values)
    values = values[np.arange(n) % len(values)]
    return values if values.dtype.kind in kept else values.astype(dtype)


def _forward_once(layer: Layer, x: object) -> Any:
    twin = copy.deepcopy(layer)
    twin.seed(0)
    with twin.mode(training=False), np.errstate(all="ignore"):
        return returned(twin, "forward", twin.forward(x))
