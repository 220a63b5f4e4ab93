"""Disk cache of compiled plans: a training that was compiled before is not traced again.

A file has one line of JSON and the numbers of the programs' tables. For each program it holds what
its callers need to know, and the key of its machine code in the same cache; its statements are not
in it. The key of a file is made of all that a plan follows from: layers, settings and code (see
`handgrad.engines.fingerprint`), the sources of handgrad, the versions of Python, NumPy and
llvmlite, the processor and its cores. A file of any other form is made anew.
"""

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, TypeVar, get_args

import numpy as np

from handgrad.engines.compiled import cache, machine_code
from handgrad.engines.compiled.runner import Runner
from handgrad.engines.loops.ir import Type
from handgrad.engines.loops.memory_planning import Arena
from handgrad.engines.loops.program import Parameter, Program
from handgrad.engines.loops.target import MAX_PARTS
from handgrad.engines.loops.value_ranges import Bound
from handgrad.graph.threads import available_cores
from handgrad.textbook.errors import CannotLowerError, HandgradError
from handgrad.textbook.layers import Array

T = TypeVar("T", str, bool, int)
JSON = Mapping[str, Any]
PREDICTED_AT_ONCE = 128  # rows: few, so that their products stay small and need no BLAS


@contextmanager
def refused_as_cannot_lower() -> Iterator[None]:
    """Turn any error while a program is built into CannotLowerError: the layer has no loops yet."""
    try:
        yield
    except (CannotLowerError, HandgradError):
        raise
    except Exception as error:
        raise CannotLowerError(f"{type(error).__name__}: {error}") from error


@dataclass
class CompiledPlan:
    """The machine code of a training or of predictions, shared by those of the same form.

    Parameters
    ----------
    runners : dict of str to Runner
        By the name of their program.
    multiplications : int
        Of a row's forward pass.
    key : str, optional
        Of this form on disk.
    """

    runners: dict[str, Runner]
    multiplications: int
    key: str | None = None

    def runner(self, name: str, make: Callable[[], Runner], kind: type[Runner]) -> Runner:
        """The runner of this name; made, or loaded from disk, if it is not there yet."""
        if name not in self.runners:
            key = None if self.key is None else f"{self.key} {name}"
            alone = load_or_make(kind, key, lambda: CompiledPlan({name: make()}, 0))
            self.runners[name] = alone.runners[name]
        return self.runners[name]


def load_or_make(
    kind: type[Runner], key: str | None, make: Callable[[], CompiledPlan]
) -> CompiledPlan:
    """Load a plan from disk, or make it and cache it; without a key it is only made.

    Parameters
    ----------
    kind : type of Runner
        Runs its programs.
    key : str, optional
        Of the layers, settings, code and rows that it follows from.
    make : callable
        Makes the plan if it is not cached.
    """
    whole_key = _whole_key(key)
    if whole_key is None:
        return make()
    content = cache.get(whole_key)
    plan = None if content is None else plan_of_bytes(content, kind)
    if plan is None:
        plan = make()
        if (content := bytes_of_plan(plan)) is not None:
            cache.put(whole_key, content)
    plan.key = key
    return plan


def _whole_key(key: str | None) -> str | None:
    """The key of a file, with all that plans follow from beside what is compiled."""
    if key is None or cache.folder() is None:
        return None
    parts = min(available_cores(), MAX_PARTS)
    versions = f"Python {sys.version} NumPy {np.__version__} {machine_code.identity()}"
    return f"plan {key} {machine_code.checksums()} {versions} {parts} parts"


def bytes_of_plan(plan: CompiledPlan) -> bytes | None:
    """The content of a plan's file; None if it runs no machine code."""
    codes = {
        name: runner.function.key
        for name, runner in plan.runners.items()
        if isinstance(runner.function, machine_code.MachineCode)
    }
    if len(codes) < len(plan.runners):
        return None
    tables = [runner.scratch["tables"] for runner in plan.runners.values()]
    data = {
        "multiplications": plan.multiplications,
        "runners": {
            name: _data_of(runner) | {"code": codes[name]} for name, runner in plan.runners.items()
        },
    }
    return b"\n".join([json.dumps(data).encode(), b"".join(table.tobytes() for table in tables)])


def _data_of(runner: Runner) -> dict[str, Any]:
    program = runner.program
    return {
        "name": program.name,
        "parameters": [[p.name, p.type, p.buffer] for p in program.parameters],
        "dtype": program.dtype.name,
        "sizes": program.arena.sizes,
        "table": runner.scratch["tables"].size,
        "output_shape": program.output_shape,
        "streams": [*program.streams],
        "bounds": {
            name: [[None if isinstance(b.columns, slice) else b.columns, b.size] for b in bounds]
            for name, bounds in program.bounds.items()
        },
        "large": runner.large,
        "by_blas": runner.by_blas,
    }


def plan_of_bytes(content: bytes, kind: type[Runner]) -> CompiledPlan | None:
    """Restore a plan; None for a file of another form, or whose machine code is not cached."""
    with suppress(ValueError, TypeError, KeyError, AttributeError):
        line, numbers = content.split(b"\n", 1)
        data, runners, begin = json.loads(line), dict[str, Runner](), 0
        for name, one in data["runners"].items():
            size = 8 * _checked(int, one["table"])
            table = np.frombuffer(numbers[begin : begin + size]).copy()
            begin += size
            if table.nbytes != size:
                return None
            code = machine_code.load_cached(_checked(str, one["code"]), machine_code.ENTRY_POINT)
            if code is None:
                return None
            flags = _checked(bool, one["large"]), _checked(bool, one["by_blas"])
            runners[_checked(str, name)] = kind.of_code(_program_of(one, table), *flags, code)
        if begin == len(numbers):
            return CompiledPlan(runners, _checked(int, data["multiplications"]))
    return None


def _program_of(data: JSON, table: Array) -> Program:
    """A program without its statements."""
    parameters = (
        Parameter(_checked(str, name), _type(kind), _checked(bool, buffer))
        for name, kind, buffer in data["parameters"]
    )
    return Program(
        _checked(str, data["name"]),
        tuple(parameters),
        [],
        np.dtype({"float32": np.float32, "float64": np.float64}[data["dtype"]]),
        Arena({_type(kind): _checked(int, size) for kind, size in data["sizes"].items()}),
        [table],
        _sizes(data["output_shape"]),
        [_checked(str, path) for path in data["streams"]],
        known_bounds={
            _checked(str, name): [
                Bound(slice(None) if columns is None else _sizes(columns), _checked(int, size))
                for columns, size in bounds
            ]
            for name, bounds in data["bounds"].items()
        },
    )


def _sizes(values: Sequence[object]) -> tuple[int, ...]:
    return tuple(_checked(int, value) for value in values)


def _checked(kind: type[T], value: object) -> T:
    """A value of JSON that has this very type; a number is a size."""
    if type(value) is not kind or (isinstance(value, int) and value < 0):
        raise TypeError(f"{value!r} is no {kind.__name__} of a plan")
    return value


def _type(value: object) -> Type:
    if value not in get_args(Type):
        raise TypeError(f"{value!r} is no type of numbers")
    return value  # type: ignore[return-value]
