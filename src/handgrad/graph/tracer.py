"""Traces layers by running them on three small batches; what differs between the runs follows n.

Each run works on a copy whose parameters, state, random streams and inputs are `Traced`. The three
tapes are then unified into the nodes of one graph: a constant that is the same on all tapes stays,
one that follows the batch size becomes a `Symbolic` value, anything else is refused with its line.
"""

import copy
import inspect
import re
from collections.abc import Callable, Hashable, Mapping, Sequence
from itertools import zip_longest
from typing import Any

import numpy as np
import numpy.typing as npt

from handgrad.graph.graph import Graph, Leaves, Outputs
from handgrad.graph.nodes import Node, Origin, encode, key
from handgrad.graph.symbolic import SIZES, NoRuleError, Ref, solve
from handgrad.graph.threads import blas_threads
from handgrad.graph.traced import Tape, Traced
from handgrad.textbook.errors import ROW_NUMBERS, NotYetComputedError, RecordingError
from handgrad.textbook.layers import Layer
from handgrad.textbook.layers.checks import refuse_undeclared
from handgrad.textbook.layers.random_stream import NormalNumbers
from handgrad.textbook.module import Module

Modules = Mapping[str, Module]


def trace_run(
    title: str,
    modules: Modules,
    inputs: Callable[[int], Leaves[npt.ArrayLike]],
    run: Callable[..., Outputs[object]],
    dtype: np.dtype[np.generic],
    *,
    training: bool = True,
) -> Graph:
    """Trace the graph of `run(modules, **inputs)`.

    Gradients of parameters and new running state are added to the outputs of `run`.

    Parameters
    ----------
    title : str
        Title of the graph.
    modules : Mapping of str to Module
        Layers and loss, by the prefix of their paths.
    inputs : callable
        Returns the inputs for n rows: arrays, numbers, tuples of them.
    run : callable
        Runs the modules on the inputs; returns Outputs.
    dtype : dtype
        The dtype of the numbers.
    training : bool, default True
        The mode of the layers.
    """
    tapes: list[Sequence[Node]] = []
    outputs: list[Outputs[int]] = []
    with np.errstate(all="ignore"), blas_threads(None):
        for n in SIZES:
            step = _TapedStep(modules, inputs(n), dtype, training)
            results = run(step.copies, **step.arguments)
            if kept := step.cached_numbers():
                # Remove them: a layer that sets them in each step before reading them needs none.
                step = _TapedStep(modules, inputs(n), dtype, training, without=kept)
                try:
                    results = run(step.copies, **step.arguments)
                except NotYetComputedError as error:
                    named = (
                        _lasting_state_refusal(p, name)
                        for _, p, name in kept
                        if f"{name!r}" in error.came
                    )
                    raise next(named) from None
            step.tape.finish()
            tapes.append(step.tape.steps)
            outputs.append(step.with_changes(results))
            if n == SIZES[0]:
                leaves = step.leaves
                second, arguments, _ = step.prepared()
                run(step.copies, **arguments)
            step.free()
    nodes = unify_tapes(tapes)
    check_second_step(tapes[0], second.steps)
    if any(o != outputs[0] for o in outputs):
        raise RecordingError(
            f"{title} gives different results for different batch sizes",
            "the same results whatever the batch size",
            "remove the branch on len(x)",
        )
    titles = {path: repr(module) for path, module in _walk(modules)}
    return Graph(title, nodes, leaves, outputs[0], titles)


def _walk(modules: Modules) -> list[tuple[str, Module]]:
    """All modules and the layers within them, with their paths."""
    walks = (p.walk(path) if isinstance(p, Layer) else [(path, p)] for path, p in modules.items())
    return [pair for walk in walks for pair in walk]


def _copied(modules: Modules) -> Modules:
    """Copies of modules that share the parameters, which a step only reads."""
    memo: dict[int, object] = {}
    for _, module in _walk(modules):
        for name in module.param_names if isinstance(module, Layer) else ():
            array = vars(module).get(name)
            memo[id(array)] = array
    return copy.deepcopy(dict(modules), memo)


CachedNumbers = Sequence[tuple[str, Module, str]]


class _TapedStep:
    """Copies of the modules for one step on a tape; attributes in `without` are removed."""

    def __init__(
        self,
        modules: Modules,
        inputs: Leaves[npt.ArrayLike],
        dtype: np.dtype[np.generic],
        training: bool,
        without: CachedNumbers = (),
    ) -> None:
        self.copies = _copied(modules)
        self.inputs, self.dtype, self.training = inputs, dtype, training
        self.walked = _walk(self.copies)
        for path, module in self.walked:
            for name in (name for at, _, name in without if at == path):
                module.__dict__.pop(name, None)
        self.tape, self.arguments, self.leaves = self.prepared()
        self.before = [
            {k: _snapshot(v) for k, v in vars(module).items()} for _, module in self.walked
        ]

    def prepared(self) -> tuple[Tape, dict[str, Any], Leaves[int]]:
        """A new tape, with parameters, state, streams and inputs as leaves."""
        tape, arguments = Tape(self.dtype), dict[str, Any]()
        numbers, parameters, state = dict[str, int](), dict[str, int](), dict[str, int]()
        theirs = self.inputs.inputs, self.inputs.parameters, self.inputs.state
        for kind, values in zip((numbers, parameters, state), theirs, strict=True):
            arguments |= {name: _leaf(tape, kind, name, value) for name, value in values.items()}
        for path, module in self.walked:
            tape.paths[id(module)] = path
            if isinstance(module, Layer):
                for name in (*module.param_names, *module.state_names):
                    own = getattr(module, name)
                    own = own.value if isinstance(own, Traced) else own
                    kind = parameters if name in module.param_names else state
                    leaf = _leaf(tape, kind, _joined(path, name), np.asarray(own, self.dtype))
                    module.__dict__[name] = leaf
                    tape.states[leaf.node] = (module.__dict__, name)
                module.training = self.training
                module.__dict__["rng"] = TracedStream(tape, path, np.random.default_rng(0))
        return tape, arguments, Leaves(numbers, parameters, state)

    def free(self) -> None:
        """Free the copies, which refer to one another: those of a large net are large."""
        self.tape.states.clear()
        for _, module in self.walked:
            module.__dict__.clear()

    def cached_numbers(self) -> CachedNumbers:
        """The numbers and shapes that the step has set, as in `self.width = x.shape[1]`."""
        return [
            (path, module, name)
            for (path, module), start in zip(self.walked, self.before, strict=True)
            for name, value in vars(module).items()
            if start.get(name) is not None
            and value is not start[name]
            and _is_plain(value)
            and not hasattr(type(module), name)
        ]

    def with_changes(self, results: Outputs[object]) -> Outputs[int]:
        """The results as nodes, with gradients and new running state of all modules.

        Raises a RecordingError for other changes to attributes.
        """
        gradients, new_state = dict[str, object](), dict[str, object]()
        for (path, module), start in zip(self.walked, self.before, strict=True):
            if isinstance(module, Layer):
                refuse_undeclared(module)
            for name, value in vars(module).items():
                if name in module.state_names:
                    if value is not start[name]:
                        new_state[_joined(path, name)] = value
                elif name.startswith("d") and name[1:] in module.param_names:
                    gradients[_joined(path, name[1:])] = value
                elif start.get(name) is not None and not _unchanged(value, start[name]):
                    raise _lasting_state_refusal(module, name)
        return Outputs(
            _node("the prediction", results.prediction),
            _node("the loss", results.loss),
            _nodes("d", results.input_gradients),
            _nodes("d ", gradients),
            _nodes("new ", results.new_parameters),
            _nodes("new ", {**new_state, **results.new_state}),
        )


def _joined(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _leaf(tape: Tape, leaves: dict[str, int], name: str, value: npt.ArrayLike) -> Any:
    if isinstance(value, tuple):
        return tuple(_leaf(tape, leaves, f"{name}[{i}]", part) for i, part in enumerate(value))
    leaf = tape.leaf(value)
    leaves[name] = leaf.node
    return leaf


def _nodes(start: str, values: Mapping[str, object]) -> dict[str, int]:
    """The nodes of results by name; each array of a tuple has its own name."""
    nodes: dict[str, int] = {}
    for name, value in values.items():
        if isinstance(value, tuple):
            nodes |= _nodes(start, {f"{name}[{i}]": part for i, part in enumerate(value)})
        elif (node := _node(start + name, value)) is not None:
            nodes[name] = node
    return nodes


def _node(name: str, value: object) -> int | None:
    if value is None or isinstance(value, Traced):
        return None if value is None else value.node
    raise RecordingError(
        f"{name} is {type(value).__name__}, which was not computed from the inputs",
        "an array computed from the inputs",
        "np.zeros_like(x) for zeros",
    )


def _lasting_state_refusal(module: Module, name: str) -> RecordingError:
    return _where_assigned(module, name).refusal(
        f"changes self.{name}, which outlives the step",
        "parameters left to the optimizer, and other lasting state declared"
        if name in module.param_names
        else "state that outlives a step declared",
        f'state_names = ("{name}",), and an array in __init__; or another name for it',
    )


def _is_plain(value: object) -> bool:
    parts = value if isinstance(value, tuple) else (value,)
    return all(isinstance(part, int | float | str) for part in parts)


def _snapshot(value: object) -> Any:
    """A value to compare with later; a copy if it is mutable."""
    return copy.copy(value) if isinstance(value, np.ndarray | list | dict) else value


def _unchanged(value: object, before: object) -> bool:
    if isinstance(value, np.ndarray) and isinstance(before, np.ndarray):
        return np.array_equal(value, before)
    if isinstance(value, list | dict) and type(value) is type(before):
        keys = range(len(value)) if isinstance(value, list) else value
        return len(value) == len(before) and all(value[k] is before[k] for k in keys)
    return value is before


def _where_assigned(module: Module, name: str) -> Origin:
    for method in ("forward", "backward", "rule"):
        try:
            lines, start = inspect.getsourcelines(getattr(type(module), method))
        except (AttributeError, OSError):
            continue
        for i, line in enumerate(lines):
            if re.search(rf"self\.{name}\b([^=]*=(?!=)|\.\w+\()", line):
                return Origin(inspect.getfile(getattr(type(module), method)), start + i)
    return Origin(type(module).__name__, 0)


class TracedStream(NormalNumbers):
    """Replaces `layer.rng`: draws real numbers and appends each draw to the tape."""

    def __init__(self, tape: Tape, stream: str, rng: np.random.Generator) -> None:
        self.tape, self.stream, self.rng, self.dtype = tape, stream, rng, tape.dtype

    def __getattr__(self, method: str) -> Any:
        if method not in ("random", "uniform", "integers"):
            raise self.tape.current_frame()[1].refusal(
                f"draws by rng.{method}",
                "rng.random, standard_normal or normal",
                "self.rng.random(x.shape, dtype=x.dtype)",
            )
        compute = getattr(self.rng, method)
        return lambda *a, **k: self.tape.draw(self.stream, method, compute, *a, **k)


def unify_tapes(tapes: Sequence[Sequence[Node]]) -> tuple[Node, ...]:
    """Unify the tapes of the batch sizes `SIZES` into the nodes of a graph."""
    nodes: list[Node] = []
    for steps in zip(*tapes, strict=False):
        first = steps[0]
        if any((s.operation, s.origin) != (first.operation, first.origin) for s in steps):
            raise _batch_size_refusal(steps)
        nodes.append(
            Node(
                first.operation,
                _unify([step.arguments for step in steps], first),
                _unify([step.options for step in steps], first),
                _unify([step.shape for step in steps], first),
                first.dtype,
                first.origin,
            )
        )
    if len({*map(len, tapes)}) > 1:
        longest = max(tapes, key=len)
        raise _batch_size_refusal([longest[len(nodes)]])
    return tuple(nodes)


def check_second_step(first: Sequence[Node], second: Sequence[Node]) -> None:
    """Raise a RecordingError if a second step on the same modules differs from the first.

    Constants must be the same too: a counter in a layer would change them.
    """
    for step, again in zip_longest(first, second):
        if (
            None in (step, again)
            or step.origin != again.origin
            or _key_of_step(step) != _key_of_step(again)
        ):
            raise (again or step).refusal(
                "does not run in the second step as in the first",
                "every step alike; state that outlives a step declared",
                'state_names = ("name",), and an array in __init__',
            )


def _key_of_step(step: Node) -> Hashable:
    return key(step.operation, step.arguments, *step.options.items())


def _batch_size_refusal(steps: Sequence[Node]) -> RecordingError:
    return steps[-1].refusal(
        "does not run alike for every batch size: a loop over rows, or a branch on len(x)",
        "the same steps whatever the batch size",
        "work on all rows at once: x.sum(axis=1) instead of [row.sum() for row in x]",
    )


def _is_of_rows(values: Sequence[npt.ArrayLike]) -> bool:
    """Return True if smaller arrays are corners of the largest, as in np.eye(n)."""
    most = np.asarray(values[-1])
    corners = (most[tuple(slice(size) for size in np.shape(value))] for value in values)
    return all(np.array_equal(*pair) for pair in zip(values, corners, strict=True))


def _unify(values: Sequence[Any], step: Node) -> Any:
    first = values[0]
    if any(type(value) is not type(first) for value in values):
        raise _batch_size_refusal([step])
    if isinstance(first, tuple | list):
        if len({len(value) for value in values}) > 1:
            raise _batch_size_refusal([step])
        return type(first)(_unify(parts, step) for parts in zip(*values, strict=True))
    if isinstance(first, dict):
        return {name: _unify([value[name] for value in values], step) for name in first}
    if isinstance(first, slice):
        ends = ([getattr(v, end) for v in values] for end in ("start", "stop", "step"))
        return slice(*(_unify(end, step) for end in ends))
    if isinstance(first, Ref):
        if any(value != first for value in values):
            raise _batch_size_refusal([step])
        return first
    try:
        constant = solve(values, SIZES)
        if not isinstance(constant, np.ndarray):
            encode(constant)
        return constant
    except TypeError as error:
        raise step.refusal(
            f"passes {step.operation} an argument of an unsupported type: {error}",
            "numbers, arrays, indices, texts and types",
            "the array itself, np.asarray(values)",
        ) from None
    except NoRuleError:
        sizes = ", ".join(map(str, SIZES))
        shown = "an array" if isinstance(first, np.ndarray) else ", ".join(map(repr, values))
        raise step.refusal(
            f"uses {shown} that changes from run to run, by no known rule of the batch size "
            f"(tried with {sizes} rows)",
            "constants, simple functions of len(x), or draws from self.rng",
            ROW_NUMBERS if _is_of_rows(values) else "self.rng.random(x.shape) for a random draw",
        ) from None
