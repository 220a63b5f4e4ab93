"""What LLVM's code is made of."""

import re

import llvmlite.binding as binding
import llvmlite.ir as ir

from handgrad.engines.compiled.ir_helpers import INT, UNROLLED, counting, whole


def optimised(rounds: int | None) -> str:
    """LLVM's code for that many rounds, or as many as the argument says, of adding a number."""
    module = ir.Module()
    kind = ir.FunctionType(INT, [INT, INT.as_pointer()])
    function = ir.Function(module, kind, "f")
    b = ir.IRBuilder(function.append_basic_block())
    n, numbers = function.args
    with counting(b, n if rounds is None else whole(rounds)) as i:
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


def test_a_short_loop_is_unrolled() -> None:
    assert products(optimised(UNROLLED)) == UNROLLED


def test_a_longer_loop_and_one_of_unknown_length_stay_as_they_are() -> None:
    assert products(optimised(UNROLLED + 1)) == 1
    assert products(optimised(None)) == 1
