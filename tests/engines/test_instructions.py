"""What LLVM's code is made of."""

import math
import re

import llvmlite.binding as binding
import llvmlite.ir as ir
import pytest

from handgrad.engines.compiled import loop_metadata
from handgrad.engines.compiled.ir_helpers import (
    INT,
    MASKED_REMAINDER,
    NO_UNROLL,
    NO_VECTORIZE,
    LoopHint,
    counted_loop,
    i64,
)
from handgrad.engines.compiled.loop_metadata import MOST_ROUNDS, loop_hints, upper_bound
from handgrad.engines.loops.ir import Call, Expression, For, Num, Statement, Store, Var
from handgrad.engines.loops.ir import whole as number

ONE = Num(1.0, "float")


def optimised(rounds: int | None, *hints: LoopHint) -> str:
    """LLVM's code for that many rounds, or as many as the argument says, of adding a number."""
    module = ir.Module()
    kind = ir.FunctionType(INT, [INT, INT.as_pointer()])
    function = ir.Function(module, kind, "f")
    b = ir.IRBuilder(function.append_basic_block())
    n, numbers = function.args
    with counted_loop(b, n if rounds is None else i64(rounds), hints=hints) as i:
        b.store(b.mul(b.load(numbers), b.add(i, n)), numbers)
    b.ret(n)
    parsed = binding.parse_assembly(str(module))
    parsed.verify()
    binding.initialize_native_target()
    machine = binding.Target.from_default_triple().create_target_machine(opt=3)
    options = binding.create_pipeline_tuning_options(speed_level=3)
    builder = binding.create_pass_builder(machine, options)
    builder.getModulePassManager().run(parsed, builder)
    return str(parsed)


def products(text: str) -> int:
    return len(re.findall(r" = mul ", text))


def test_a_short_loop_is_unrolled_where_it_is_not_marked() -> None:
    assert products(optimised(MOST_ROUNDS)) == MOST_ROUNDS
    assert products(optimised(MOST_ROUNDS, NO_UNROLL)) == 1
    assert products(optimised(None, NO_UNROLL)) == 1


def nest(*counts: int, value: Expression = ONE) -> list[For]:
    """Loops of so many rounds, each around the next, that store a value; 0 stands for n rounds."""
    body: list[Statement] = [Store("scratch", number(0), value)]
    loops: list[For] = []
    for i, count in reversed([*enumerate(counts)]):
        stop = number(count) if count else Var("n", "int")
        loops.insert(0, For(f"i{i}", stop, body))
        body = [loops[0]]
    return loops


def test_short_loops_are_unrolled_in_nests_of_few_rounds() -> None:
    of_four_rows = nest(0, 10, 2)
    assert loop_hints(of_four_rows, {"n": 4}) == []
    assert loop_hints(of_four_rows[:2], {"n": 4}) == []
    assert loop_hints(of_four_rows[:1], {"n": 4}) == [NO_UNROLL, NO_VECTORIZE]
    assert loop_hints(of_four_rows, {"n": 32}) == [NO_UNROLL]
    assert loop_hints(of_four_rows[:2], {"n": 32}) == [NO_UNROLL]
    assert loop_hints(nest(MOST_ROUNDS + 1), {}) == [NO_UNROLL]


def test_functions_are_computed_for_the_rest_of_a_vector_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loops = nest(100, value=Call("add", (ONE, Call("exp", (ONE,), "float")), "float"))
    monkeypatch.setattr(loop_metadata, "vector_bytes", lambda: 32)
    assert loop_hints(loops, {}) == [NO_UNROLL, MASKED_REMAINDER]
    monkeypatch.setattr(loop_metadata, "vector_bytes", lambda: 0)  # no part of a vector is stored
    assert loop_hints(loops, {}) == [NO_UNROLL]


def test_how_large_a_number_can_be() -> None:
    n, left = Var("n", "int"), Var("left", "int")
    assert upper_bound(Call("minimum", (number(4), left), "int"), {}) == 4
    assert upper_bound(Call("multiply", (number(10), n), "int"), {"n": 4}) == 40
    assert upper_bound(n + number(1), {"n": 4}) == 5
    assert upper_bound(n - number(1), {"n": 4}) == math.inf
