"""Machine code for every kind of processor: no estimates, no libm, nothing fused by itself."""

import re
from functools import lru_cache
from typing import Any

import llvmlite.binding as binding
import numpy as np
import pytest

import handgrad as hg
from handgrad.engines.compiled.llvm import llvm_text
from handgrad.engines.compiled.machine_code import optimised, this_processor
from handgrad.engines.compiled.plan import prediction_of
from handgrad.engines.compiled.products import BLAS
from handgrad.engines.compiled.scalar_ops import ARITHMETIC, INTRINSICS
from handgrad.engines.loops.build import training_program, update_program
from handgrad.engines.loops.functions.function import WRITTEN_OUT
from handgrad.engines.loops.ir import Call, Expression, For, Load, Num, Store, Var, cast
from handgrad.engines.loops.program import Parameter, Program
from handgrad.engines.loops.tracing import training_step, updates_of
from tests.bits.nets import CASES
from tests.contracts.table import OPTIMIZERS

WITH_AVX2 = ("avx", "avx2", "fma")
WITH_AVX512 = (*WITH_AVX2, "avx512f", "avx512dq", "avx512vl", "avx512bw")
X86, ARM = "x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu"
# By LLVM's names: what it makes code for, and what of its features handgrad looks at.
TARGETS = {
    "haswell": (X86, WITH_AVX2),
    "skylake-avx512": (X86, WITH_AVX512),
    "znver4": (X86, WITH_AVX512),
    "generic": (ARM, ("neon",)),
    "cortex-a76": (ARM, ("neon",)),
}
ESTIMATE = re.compile(r"v?rsqrt\w*|v?rcp\w*|frsqrt\w*|frecp\w*", re.IGNORECASE)
FUSED = re.compile(r"\t(v?fn?m\w*(?:add|sub)\w*|fml[as])\t")
CALLED = re.compile(r"\t(?:callq?|jmp|bl?|movabsq)\t[*$]*([A-Za-z][\w.]*)")
OF_THE_SYSTEM = {"memset", "memcpy", "memmove", "sched_yield", "syscall"}
DTYPES = [np.float32, np.float64]
NETS = [
    "net T",
    "net clipped",
    "layer BatchNorm",
    "layer LayerNorm",
    "layer GELU",
    "loss FocalLoss",
]
ONE_OF_A_KIND = pytest.mark.parametrize(
    "target", ["haswell", "znver4", "cortex-a76"], indirect=True
)
AT = Var("i", "int")


@pytest.fixture(params=TARGETS)
def target(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """handgrad's machine code is for that processor."""
    binding.initialize_all_targets()
    binding.initialize_all_asmprinters()
    target: str = request.param
    triple, features = TARGETS[target]
    known = binding.FeatureMap(dict.fromkeys(features, True))
    monkeypatch.setattr(binding, "get_host_cpu_name", lambda: target)
    monkeypatch.setattr(binding, "get_host_cpu_features", lambda: known)
    monkeypatch.setattr(binding, "get_process_triple", lambda: triple)
    return target


def assembly(program: Program) -> str:
    module, machine = optimised(llvm_text(program))
    text: str = machine.emit_assembly(module)
    return text


def check(text: str) -> None:
    assert not ESTIMATE.findall(text)
    own = set(re.findall(r"^([A-Za-z][\w.]*):", text, re.MULTILINE))
    others = {name for name in CALLED.findall(text) if name not in own}
    products = {name for name in others if name.startswith("matrix_product_float")}
    assert others <= OF_THE_SYSTEM | products | {*BLAS}


def elementwise(value: Expression, dtype: Any) -> Program:
    """A loop that stores a number made of those of three arrays."""
    arrays = (Parameter(name, "float") for name in "ABCZ")
    body = For("i", Var("n", "int"), [Store("Z", AT, value)])
    return Program("f", (Parameter("n", "int", False), *arrays), [body], np.dtype(dtype))


A, B, C = (Load(name, AT, "float") for name in "ABC")
TWO = {"add", "subtract", "multiply", "divide", "power", "maximum", "minimum"}


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_operation_is_made_of_exact_instructions(target: str, dtype: Any) -> None:
    for name in (*ARITHMETIC, *INTRINSICS, *WRITTEN_OUT, "maximum", "minimum"):
        given = (A, B, C)[: 3 if name == "fma" else 2 if name in TWO else 1]
        check(assembly(elementwise(Call(name, given, "float"), dtype)))
    check(assembly(elementwise(cast(cast(A, "int"), "float"), dtype)))
    one = Num(1.0, "float")
    check(assembly(elementwise(one / Call("sqrt", (A,), "float"), dtype)))


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_product_and_a_sum_are_two_operations(target: str, dtype: Any) -> None:
    for value in (A * B + C, A - B * C, A * B - C * C, C + A * A, A / B + C * B):
        assert not FUSED.findall(assembly(elementwise(value, dtype)))
    assert FUSED.findall(assembly(elementwise(Call("fma", (A, B, C), "float"), dtype)))


@lru_cache
def step_of(name: str) -> tuple[Any, Any]:
    case = CASES[f"{name} float32"]()
    return case, training_step(case.net, case.loss, case.x, case.y, case.w, case.penalty)


@ONE_OF_A_KIND
@pytest.mark.parametrize("name", NETS)
def test_nets_are_made_of_exact_instructions(target: str, name: str) -> None:
    case, step = step_of(name)
    updates = updates_of(case.net, case.optimizer)
    rest = case.net.dtype, case.loss.batches_weighted_by, this_processor()
    check(assembly(training_program(step, updates, case.batch_size, *rest)))
    check(assembly(prediction_of(case.net, case.x, 128)))


@ONE_OF_A_KIND
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_updates_are_made_of_exact_instructions(target: str, name: str) -> None:
    net = hg.Net(hg.Linear(3, 40, rng=0))
    if updates := updates_of(net, OPTIMIZERS[name]()):
        check(assembly(update_program(updates, net.dtype, this_processor())))
