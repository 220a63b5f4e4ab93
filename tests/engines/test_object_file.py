"""Object files are loaded without LLVM where that can be done, and then do what LLVM's do."""

import sys
from typing import Any

import llvmlite.binding as binding
import numpy as np
import pytest

import handgrad as hg
from handgrad.engines.compiled import machine_code, products
from handgrad.engines.compiled.machine_code import MachineCode, object_code
from handgrad.engines.compiled.object_file import ObjectFile, OtherFormError
from handgrad.engines.fingerprint import TRACES
from tests.engines.own_functions import CALLING, MEMORY

HERE = binding.get_process_triple().startswith("x86_64") and sys.platform == "linux"


def trained(rows: int, width: int) -> bytes:
    """The weights of a net whose products are packed, in parts, with sums and random draws."""
    TRACES.entries.clear()
    machine_code.in_memory.clear()
    products.product_of.cache_clear()
    rng = np.random.default_rng(0)
    x = rng.standard_normal((rows, width)).astype(np.float32)
    net = hg.Net(hg.Linear(width, width, rng=0), hg.Dropout(), hg.Linear(width, 3, rng=1))
    given: dict[str, Any] = {"loss": hg.SoftmaxCrossEntropyLoss(), "optimizer": hg.Adam(0.01)}
    hg.fit(net, (x, np.arange(rows) % 3), **given, epochs=2, rng=0, engine="compiled")
    return net.parameters.tobytes()


@pytest.mark.skipif(not HERE, reason="other object files")
def test_the_code_of_a_training_is_loaded_without_llvm() -> None:
    trained(256, 160)
    loaded = [code.memory for code in machine_code.in_memory.values()]
    assert loaded
    assert all(isinstance(memory, ObjectFile) for memory in loaded)


@pytest.mark.parametrize(("rows", "width"), [(20, 5), (256, 160)])
def test_the_bits_are_those_of_code_that_llvm_loads(
    rows: int, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = trained(rows, width)

    def refuse(*_: object) -> None:
        raise OtherFormError

    monkeypatch.setattr(machine_code, "ObjectFile", refuse)
    assert trained(rows, width) == found


@pytest.mark.skipif(not HERE, reason="other object files")
def test_what_it_does_not_know_is_left_to_llvm() -> None:
    code = object_code(CALLING)
    assert ObjectFile(code, lambda _: 1).addresses["call"]
    for content, address in ((code, None), (code[:3], 1), (b"MZ" + code, 1)):
        with pytest.raises(OtherFormError):
            ObjectFile(content, lambda _, address=address: address)  # type: ignore[misc]
    with pytest.raises(OtherFormError):  # numbers that the code changes
        ObjectFile(object_code(MEMORY), lambda _: 1)
    assert MachineCode(object_code(MEMORY), "count", "key").address


def test_a_processor_is_known_by_more_than_its_name() -> None:
    text = machine_code.processor()
    assert "model" in text or "CPU part" in text or binding.get_host_cpu_name() in text
