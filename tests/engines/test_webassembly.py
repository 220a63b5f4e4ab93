"""WebAssembly trains and predicts to the bits of portable machine code, and needs nothing else."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import handgrad as hg
from handgrad.engines.portable.model import portable_model
from handgrad.engines.portable.webassembly import WEBASSEMBLY, Machine, Memory, link, webassembly
from handgrad.textbook.errors import CannotLowerError
from tests.bits.everywhere import modules
from tests.bits.everywhere.comparison import compared
from tests.bits.everywhere.machine_code import trained
from tests.bits.everywhere.programs import Training, shuffling
from tests.bits.nets import numbers

in_node = pytest.mark.skipif(not shutil.which("node"), reason="there is no node here")


def perceptron(*widths: int, dtype: Any) -> Training:
    """Layers of these widths, each with dropout behind it; the last batch is ragged."""
    layers: list[hg.Layer] = []
    n_in = 3
    for i, width in enumerate(widths):
        layers += [hg.Linear(n_in, width, rng=i), hg.Tanh(), hg.Dropout(0.3)]
        n_in = width
    net = hg.Net(*layers, hg.Linear(n_in, 3, rng=9), hg.Softmax(), dtype=dtype)
    x, y = numbers((43, 3), 0, dtype), np.random.default_rng(1).integers(0, 3, 43)
    return Training(net, hg.CrossEntropyLoss(), hg.Adam(0.01), x, y, batch_size=10)


@pytest.mark.slow
@in_node
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dropout_goes_on_in_the_module(dtype: Any) -> None:
    # 9 numbers a draw: with float32, half a word is left each time
    cases = [perceptron(9, 17, dtype=dtype), perceptron(130, dtype=dtype)]
    for case, (_, found) in zip(cases, modules.trained(cases, modules.in_node), strict=True):
        count, different = compared(found, trained(case))
        assert different == []
        assert count > 500
        assert found["returned"].tolist() == [-1] * case.epochs
        assert not np.array_equal(found["parameters"], case.net.parameters)


def test_a_prediction_alone_is_a_module_too() -> None:
    code = webassembly(portable_model(hg.Net(hg.Linear(2, 3), hg.Softmax())))
    assert code.startswith(b"\0asm\1\0\0\0")
    assert b"epoch" not in code
    assert b"predict" in code
    assert b"heap" in code


@pytest.mark.parametrize(
    ("operation", "name"),
    [("call float @llvm.pow.f32(float %x, float %x)", "powf"), ("call float @f(float %x)", "f")],
)
def test_what_would_need_something_from_outside_is_refused(operation: str, name: str) -> None:
    text = f"""declare float @llvm.pow.f32(float, float)
        declare float @f(float)
        define float @g(float %x) {{
            %y = {operation}
            ret float %y
        }}"""
    code = WEBASSEMBLY.object_code(text)
    with pytest.raises(CannotLowerError, match=f"^{name}, which"):
        link(code, {"g": "g"}, Memory(1, [], {}))


def test_a_machine_that_llvm_does_not_know_is_refused() -> None:
    with pytest.raises(CannotLowerError, match="abacus"):
        Machine("abacus-unknown-unknown").object_code("")


@in_node
def test_rows_are_shuffled_as_numpy_does(tmp_path: Path) -> None:
    case = perceptron(2, dtype=np.float32)
    model, sizes = case.model(), [1000, 1, 2, 3, 70_000, 257]
    path = tmp_path / "net.wasm"
    path.write_bytes(webassembly(model))
    script = f"""const bytes = require("fs").readFileSync({json.dumps(str(path))});
        const {{ exports }} = new WebAssembly.Instance(new WebAssembly.Module(bytes));
        const {{ memory, heap, shuffle }} = exports;
        memory.grow(9);
        console.log(JSON.stringify({sizes}.map((n) => {{
            const order = new Int32Array(memory.buffer, heap.value, n).map((_, i) => i);
            new Int32Array(memory.buffer, heap.value, n).set(order);
            shuffle(n, heap.value);
            return Array.from(new Int32Array(memory.buffer, heap.value, n));
        }})));"""
    done = subprocess.run(["node", "-e", script], capture_output=True, text=True)
    assert done.stderr == ""
    rng = shuffling(model)
    for n, found in zip(sizes, json.loads(done.stdout), strict=True):
        order = np.arange(n)
        rng.shuffle(order)
        np.testing.assert_array_equal(found, order)


@in_node
def test_constants_of_llvms_own_stay_where_the_code_looks_for_them() -> None:
    text = """@table = internal constant [3 x double] [double 0.5, double 1.5, double 2.5]
        define double @entry(i32 %i, double* %more) {
            %place = getelementptr [3 x double], [3 x double]* @table, i32 0, i32 %i
            %one = load double, double* %place
            %two = load double, double* %more
            %sum = fadd double %one, %two
            ret double %sum
        }"""
    at = 2**16 + 8
    memory = Memory(at + 200_000, [(at, np.array([10.0]).tobytes())], {"more": at, "high": 2**21})
    code = link(WEBASSEMBLY.object_code(text), {"sum": "entry"}, memory)
    script = f"""const bytes = Buffer.from("{code.hex()}", "hex");
        const {{ exports }} = new WebAssembly.Instance(new WebAssembly.Module(bytes));
        const {{ sum, more, high, memory }} = exports;
        const pages = memory.buffer.byteLength / 65536;
        console.log(JSON.stringify([sum(0, more.value), sum(2, more.value), high.value, pages]));"""
    done = subprocess.run(["node", "-e", script], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("[10.5,12.5,2097152,5]\n", "")


def test_a_module_is_kept_as_machine_code_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HANDGRAD_CACHE", str(tmp_path / "cache"))
    made: list[str] = []

    def object_code(machine: Machine, text: str) -> bytes:
        made.append(text)
        return compiled(machine, text)

    compiled = Machine.object_code
    monkeypatch.setattr(Machine, "object_code", object_code)
    nets = [hg.Net(hg.Linear(2, n, rng=i)) for i, n in enumerate((3, 3, 4))]
    first, other, wider = (webassembly(portable_model(net)) for net in nets)
    assert len(made) == 2
    assert first != other
    assert webassembly(portable_model(nets[2])) == wider
    assert len(made) == 2
