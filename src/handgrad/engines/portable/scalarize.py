"""Scalarization: loop programs in plain statements of any language: loops, numbers and buffers."""

import itertools
import operator
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial, reduce

from handgrad.engines.loops.build import prediction_program, training_program
from handgrad.engines.loops.functions.function import WRITTEN_OUT
from handgrad.engines.loops.ir import (
    CHUNK,
    Body,
    Call,
    Expression,
    For,
    Let,
    Load,
    Multiply,
    Num,
    ParallelFor,
    Reduce,
    ReturnIf,
    Statement,
    Store,
    Type,
    Var,
    walk,
    whole,
)
from handgrad.engines.loops.memory_planning import ALIGNMENT, Arena
from handgrad.engines.loops.program import WORKERS, Program
from handgrad.engines.loops.target import TargetInfo
from handgrad.engines.loops.tracing import prediction_graph, training_step, updates_of
from handgrad.engines.portable.functions import INTEGER_OPERATIONS, OPERATIONS
from handgrad.engines.portable.scalar_matmul import product_loops, room_to_copy
from handgrad.engines.portable.scalar_sums import needs_chunk, sum_loops
from handgrad.textbook.errors import CannotLowerError, SettingError
from handgrad.textbook.layers import Array
from handgrad.textbook.losses import Loss
from handgrad.textbook.net import Net
from handgrad.textbook.optimizers import Optimizer
from handgrad.textbook.penalties import Penalty

MOST_MULTIPLIED = 64  # largest integer exponent of a power by multiplications


def scalarized(program: Program, *, copies: bool = True) -> Program:
    """Rewrite a program to plain statements: For, Store, Let, ReturnIf, Draw and Comment.

    Expressions consist of `OPERATIONS` and calls of functions, which `functions_of` returns. The
    maximum of x and y is `x if x > y or isnan(x) else y`, the minimum the same with `<`. Every sum
    over k of a product is one chain, k ascending.

    Parameters
    ----------
    program : Program
        For a target without fused multiply-add.
    copies : bool, default True
        Copy transposed matrices to additional scratch memory, so that products vectorize. False
        suits one row at a time on a small device; the bits are the same.
    """
    room = program.arena.sizes["float"]
    body = _ScalarWriter(room if copies else None).statements(program.body)
    more = max(map(_room, walk(program.body)), default=0) if copies else 0
    sizes = {**program.arena.sizes, "float": room + -(-more // ALIGNMENT) * ALIGNMENT}
    parameters = tuple(p for p in program.parameters if p.name != WORKERS)
    return replace(program, body=body, parameters=parameters, arena=Arena(sizes))


def _room(statement: Statement) -> int:
    """The additional scratch memory of a statement, in numbers."""
    match statement:
        case Multiply():
            return room_to_copy(statement)
        case Reduce() if needs_chunk(statement):
            return CHUNK
    return 0


@dataclass
class _ScalarWriter:
    """Writes plain statements; `room` is the offset of additional scratch memory, if any."""

    room: int | None
    counters: "itertools.count[int]" = field(default_factory=itertools.count)

    def new(self, prefix: str, type: Type) -> Var:
        """A variable that nothing else uses: no other has such a name."""
        return Var(f"{prefix}_{next(self.counters)}", type)

    def statements(self, body: Sequence[Statement]) -> Body:
        """The same in plain statements."""
        return [plain for statement in body for plain in self._written(statement)]

    def _written(self, statement: Statement) -> Body:
        match statement:
            case For(body=body):
                return [replace(statement, body=self.statements(body))]
            case ParallelFor(counter, count, body):
                return [For(counter, whole(count), self.statements(body))]
            case Store(value=value) | Let(value=value):
                before, value = self.plain(value)
                return [*before, replace(statement, value=value)]
            case ReturnIf(condition=condition):
                before, condition = self.plain(condition)
                return [*before, replace(statement, condition=condition)]
            case Multiply():
                return product_loops(statement, self.new, self.room)
            case Reduce():
                value_at = partial(self._value_at, statement.value)
                return sum_loops(statement, self.new, value_at, self.room)
        return [statement]

    def _value_at(
        self, value: Expression, counter: str, place: Expression
    ) -> tuple[Body, Expression]:
        return self.plain(with_variable(value, counter, place))

    def plain(self, value: Expression) -> tuple[Body, Expression]:
        """The statements before an expression, and the plain expression."""
        if not isinstance(value, Call):
            return [], value
        before: Body = []
        arguments: list[Expression] = []
        for argument in value.arguments:
            lines, plain = self.plain(argument)
            before += lines
            arguments.append(plain)
        name, type = value.operation, value.type
        if name == "power" and (exponent := _whole_exponent(arguments[1])) is not None:
            lines, product = self._multiplied(arguments[0], exponent)
            return [*before, *lines], product
        known = OPERATIONS if arguments[0].type in ("float", "double") else INTEGER_OPERATIONS
        of_function = name in WRITTEN_OUT and type in ("float", "double")
        if not of_function and name not in known and arguments[-1].type != "bool":
            raise CannotLowerError(f"{name} of numbers of type {arguments[0].type}")
        return before, Call(name, tuple(arguments), type)

    def _multiplied(self, base: Expression, exponent: int) -> tuple[Body, Expression]:
        """A power by repeated squaring; its reciprocal for a negative exponent."""
        body: Body = []
        square, factors, left = base, list[Expression](), abs(exponent)
        while left:
            if not isinstance(square, Var | Load) and left > 1:
                name = self.new("power", base.type)
                body.append(Let(name.name, square))
                square = name
            if left % 2:
                factors.append(square)
            left, square = left // 2, square * square
        one = Num(1.0, base.type)
        product = reduce(operator.mul, factors) if factors else one
        return body, one / product if exponent < 0 else product


def _whole_exponent(exponent: Expression) -> int | None:
    """The exponent if it is a small constant integer, else None."""
    if isinstance(exponent, Num) and float(exponent.value).is_integer():
        return int(exponent.value) if abs(exponent.value) <= MOST_MULTIPLIED else None
    return None


def with_variable(value: Expression, name: str, other: Expression) -> Expression:
    """Substitute an expression for a variable."""
    match value:
        case Var() if value.name == name:
            return other
        case Load(index=index):
            return replace(value, index=with_variable(index, name, other))
        case Call("add", (a, b), _):
            return with_variable(a, name, other) + with_variable(b, name, other)
        case Call(arguments=arguments):
            return replace(value, arguments=tuple(with_variable(a, name, other) for a in arguments))
    return value


EVERYWHERE = TargetInfo(rounds_once=False, max_parts=1)


def portable_training(
    net: Net,
    loss: Loss,
    optimizer: Optimizer,
    x: Array,
    y: Array,
    batch_size: int,
    penalty: Penalty | None = None,
    *,
    copies: bool = True,
) -> Program:
    """The portable program of an epoch of training.

    Parameters
    ----------
    net : Net
        Traced; not changed.
    loss : Loss
        Minimized by the program.
    optimizer : Optimizer
        Updates the parameters once a mini-batch.
    x : array
        A few example rows.
    y : array
        Their targets.
    batch_size : int
        Rows of a mini-batch.
    penalty : Penalty, optional
        Added to the loss.
    copies : bool, default True
        As in `scalarized`.

    Raises
    ------
    SettingError
        If the optimizer's steps need the loss of all rows.
    """
    updates = updates_of(net, optimizer)
    if not updates:
        raise SettingError(
            f"optimizer={optimizer!r}, whose steps need the loss of all rows",
            "one that takes a step for a batch",
            "optimizer=hg.Adam(0.001)",
        )
    step, weighted_by = training_step(net, loss, x, y, penalty=penalty), loss.batches_weighted_by
    program = training_program(step, updates, batch_size, net.dtype, weighted_by, EVERYWHERE)
    return scalarized(program, copies=copies)


def portable_prediction(
    net: Net, x: Array, batch_size: int, *, copies: bool = True, only_finite: bool = False
) -> Program:
    """The portable program of predictions.

    Parameters
    ----------
    net : Net
        Traced; not changed.
    x : array
        A few example rows.
    batch_size : int
        Rows predicted at once.
    copies : bool, default True
        As in `scalarized`.
    only_finite : bool, default False
        Stop at the first prediction that is not finite.
    """
    graph = prediction_graph(net, x)
    program = prediction_program(graph, batch_size, net.dtype, EVERYWHERE, only_finite)
    return scalarized(program, copies=copies)
