"""Plans on disk: a new process trains at once, and never by a plan of something else."""

import json
import subprocess
import sys
import time
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import handgrad as hg
from handgrad.engines.compiled import cache, machine_code, program_cache
from handgrad.engines.compiled.engine import CompiledEngine
from handgrad.engines.fingerprint import TRACES, Fingerprint, fingerprint
from tests.contracts.table import LAYERS, LOSSES, OPTIMIZERS, PENALTIES
from tests.engines.one_epoch import engine_of
from tests.engines.warm_nets import CASES
from tests.waiting import HANG

ON_DISK = Fingerprint.on_disk
X = np.random.default_rng(0).standard_normal((20, 3)).astype(np.float32)
Y = np.arange(20) % 2


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HANDGRAD_CACHE", str(tmp_path / "kept"))
    monkeypatch.setattr(Fingerprint, "on_disk", ON_DISK)
    return tmp_path / "kept"


@pytest.fixture
def made(place: Path, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Grows with each plan that is made, not read."""
    seen: list[Any] = []
    real = program_cache.bytes_of_plan

    def noted(plan: Any) -> bytes | None:
        seen.append(plan)
        return real(plan)

    monkeypatch.setattr(program_cache, "bytes_of_plan", noted)
    return seen


def in_a_process(name: str) -> dict[str, Any]:
    program = [sys.executable, "-W", "ignore", "-m", "tests.engines.warm_nets", name]
    done = subprocess.run(program, capture_output=True, text=True, timeout=HANG, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_a_second_process_records_passes_and_builds_nothing(name: str, place: Path) -> None:
    cold, warm = in_a_process(name), in_a_process(name)
    assert cold["made"] != warm["made"] == []
    assert cold["content"] == warm["content"]


def as_in_a_new_process() -> None:
    TRACES.entries.clear()
    machine_code.in_memory.clear()


def fit(*inner: hg.Layer, **changed: Any) -> bytes:
    """The weights after two epochs, in memory that knows nothing yet."""
    as_in_a_new_process()
    net = hg.Net(hg.Linear(3, 4, rng=0), *inner, hg.Linear(4, 2, rng=1))
    given: dict[str, Any] = {"loss": hg.SoftmaxCrossEntropyLoss(), "optimizer": hg.Adam(0.01)}
    given |= {"batch_size": 8, "epochs": 2, "rng": 0, "engine": "compiled"}
    hg.fit(net, (X, Y), **given | changed)
    return net.parameters.tobytes()


def plans() -> list[Path]:
    """The files that are plans."""
    return [file for file in cache.files() if b'"multiplications"' in file.read_bytes()]


def test_what_was_compiled_before_is_read(made: list[Any]) -> None:
    assert fit(hg.Tanh()) == fit(hg.Tanh())
    assert len(made) == 1


def test_the_halves_of_a_step_and_predictions_are_read_too(made: list[Any]) -> None:
    found, numbers = [], []
    for _ in range(2):
        as_in_a_new_process()
        net = hg.Net(hg.Linear(3, 4, rng=0), hg.Tanh(), hg.Linear(4, 2, rng=1))
        given = net, hg.SoftmaxCrossEntropyLoss(), hg.Adam(0.1), X, Y, 8
        engine = engine_of(CompiledEngine, *given)
        loss, _ = engine.gradients(np.arange(8))
        engine.apply(0.1)
        found.append((loss, net.predict(X, engine="compiled").tobytes()))
        numbers.append(len(made))
    assert numbers == [4, 4]  # epochs, gradients, update, predictions
    assert found[0] == found[1]


def test_without_a_step_per_batch_whole_epochs_are_the_gradients(made: list[Any]) -> None:
    given: dict[str, Any] = {"optimizer": hg.optimizers.LBFGS()}
    assert fit(hg.Tanh(), **given) == fit(hg.Tanh(), **given)
    assert len(made) == 1


EVERY: dict[str, Callable[[], Any]] = {**LAYERS, **LOSSES, **OPTIMIZERS, **PENALTIES}


@pytest.mark.parametrize("make", EVERY.values(), ids=EVERY)
def test_all_of_the_textbook_has_a_key_on_disk(make: Callable[[], Any], place: Path) -> None:
    first, second = (fingerprint(make()).on_disk() for _ in range(2))
    assert first is not None
    assert first == second


SETTINGS: dict[str, Callable[[], bytes]] = {
    "a setting of a layer": lambda: fit(hg.Dropout(0.25)),
    "the layer": lambda: fit(hg.Tanh()),
    "the optimizer": lambda: fit(hg.Dropout(0.5), optimizer=hg.SGD(0.01)),
    "a setting of the optimizer": lambda: fit(
        hg.Dropout(0.5), optimizer=hg.Adam(0.01, betas=(0.8, 0.9))
    ),
    "the penalty": lambda: fit(hg.Dropout(0.5), penalty=hg.penalties.L2Penalty(0.1)),
    "the loss": lambda: fit(hg.Dropout(0.5), loss=hg.losses.LabelSmoothingCrossEntropyLoss()),
    "the batches": lambda: fit(hg.Dropout(0.5), batch_size=5),
    "weights of the rows": lambda: fit(hg.Dropout(0.5), sample_weight=np.arange(1, 21)),
    "rows held out": lambda: fit(hg.Dropout(0.5), validation=(X, Y)),
}


@pytest.mark.parametrize("changed", SETTINGS.values(), ids=SETTINGS)
def test_another_setting_is_compiled_anew(
    changed: Any, made: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    fit(hg.Dropout(0.5))
    found = changed()
    assert len(made) == 2
    monkeypatch.setenv("HANDGRAD_CACHE", "off")
    assert found == changed()


OWN = """
import numpy as np
import handgrad as hg

FACTOR = 2.0
TABLE = np.array([1.0, 2.0, 3.0, 4.0], np.float32)

def helper(x):
    return x * FACTOR

def made_with(share):
    def function(x):
        return x * share
    return function

shared = made_with(0.5)

class Base(hg.Layer):
    offset = 1.0
    def backward(self, dy):
        return self.through(dy)
    def through(self, x, *, times=1.0):
        return shared(helper(x)) * TABLE * times

class Own(Base):
    times: float
    def forward(self, x):
        return self.through(x) + self.offset
"""
CHANGES = {
    "a method": ("self.through(x) + self.offset", "self.through(x) - self.offset"),
    "a constant": ("+ self.offset", "+ 3.0"),
    "a number of the module": ("FACTOR = 2.0", "FACTOR = 3.0"),
    "a table of the module": ("[1.0, 2.0,", "[1.5, 2.0,"),
    "a function that it calls": ("return x * FACTOR", "return x + FACTOR"),
    "what a function is made with": ("made_with(0.5)", "made_with(0.25)"),
    "an attribute of the base class": ("offset = 1.0", "offset = 2.0"),
    "a method of the base class": ("* TABLE", "/ TABLE"),
    "a default": ("times=1.0", "times=2.0"),
    "the base class": ("class Own(Base)", "class Other(Base): offset = 4.0\nclass Own(Other)"),
}


def own_layer(source: str, **names: object) -> hg.Layer:
    """The layer of a module with that source and those names."""
    module = types.ModuleType("layers_of_my_own")
    vars(module).update(names)
    exec(compile(source, "layers_of_my_own.py", "exec"), vars(module))
    layer: hg.Layer = module.Own()
    return layer


def test_a_layer_of_ones_own_is_read_as_long_as_its_code_is_the_same(made: list[Any]) -> None:
    assert fit(own_layer(OWN)) == fit(own_layer(f"# lines move\n\n{OWN}"))
    assert len(made) == 1


@pytest.mark.slow
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_layer_whose_code_has_changed_is_compiled_anew(
    change: tuple[str, str], made: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    fit(own_layer(OWN))
    other = OWN.replace(*change)
    assert other != OWN
    found = fit(own_layer(other))
    assert len(made) == 2
    monkeypatch.setenv("HANDGRAD_CACHE", "off")
    assert found == fit(own_layer(other))


ONLY_HERE = {
    "an import within a function": ("return x * FACTOR", "import math; return x * math.pi"),
    "a class that is no layer": ("return x * FACTOR", "return x * Two.value\nclass Two: value = 2"),
    "a module of one's own": ("return x * FACTOR", "return x * mine.FACTOR"),
    "code as text": ("return x * FACTOR", "return eval('x * FACTOR')"),
}


@pytest.mark.parametrize("change", ONLY_HERE.values(), ids=ONLY_HERE)
def test_what_has_no_key_in_another_process_has_no_plan(
    change: tuple[str, str], place: Path
) -> None:
    mine = types.ModuleType("mine")
    mine.FACTOR = 3.0  # type: ignore[attr-defined]
    fit(own_layer(OWN.replace(*change), mine=mine))
    assert plans() == []


def test_a_method_of_handgrad_that_was_replaced_is_compiled_anew(
    made: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    fit(hg.Tanh())
    forward = hg.Linear.forward
    monkeypatch.setattr(hg.Linear, "forward", lambda self, x: forward(self, x) * 1.0)
    fit(hg.Tanh())
    assert len(made) == 2


VERSIONS: dict[str, Callable[[pytest.MonkeyPatch], object]] = {
    "NumPy": lambda patch: patch.setattr(np, "__version__", "2.99"),
    "llvmlite": lambda patch: patch.setattr(machine_code, "llvm_version", lambda: "0.99"),
    "Python": lambda patch: patch.setattr(sys, "version", "3.99"),
    "handgrad": lambda patch: patch.setattr(machine_code, "checksums", lambda: ("1", "2")),
    "the processor": lambda patch: patch.setattr(machine_code, "processor", lambda: "another"),
    "the cores": lambda patch: patch.setattr(program_cache, "available_cores", lambda: 1),
}


@pytest.mark.parametrize("change", VERSIONS.values(), ids=VERSIONS)
def test_another_version_compiles_anew(
    change: Any, made: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(program_cache, "available_cores", lambda: 2)
    before = fit(hg.Tanh())
    change(monkeypatch)
    assert fit(hg.Tanh()) == before
    assert len(made) == 2


@pytest.fixture
def package(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder in place of handgrad's, with a source of the engines and another one."""
    package = tmp_path / "package"
    (package / "engines").mkdir(parents=True)
    for source in (package / "a.py", package / "engines" / "b.py"):
        source.write_text("x = 1")
    monkeypatch.setattr(machine_code, "PACKAGE", package)
    monkeypatch.setattr(machine_code, "ENGINES", package / "engines")
    monkeypatch.setattr(machine_code, "LOADED", time.time_ns() + 10**12)
    yield package
    machine_code.checksums.cache_clear()


def checksums() -> tuple[str, str]:
    machine_code.checksums.cache_clear()
    return machine_code.checksums()


def test_one_byte_of_a_source_is_another_checksum(package: Path) -> None:
    engines, whole = checksums()
    assert (engines, whole) == checksums()
    (package / "a.py").write_text("x = 2")
    assert engines == checksums()[0]
    assert whole != checksums()[1]
    (package / "engines" / "b.py").write_text("x = 2")
    assert engines != checksums()[0]
    for source in (package / "a.py", package / "engines" / "b.py"):
        source.write_text("x = 1")
    assert (engines, whole) == checksums()


def test_sources_that_have_not_changed_are_not_read(
    package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = checksums()
    monkeypatch.delattr(cache, "put")
    assert checksums() == before


def test_a_source_that_changed_in_this_process_shares_no_plan(
    package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = checksums()
    monkeypatch.setattr(machine_code, "LOADED", 0)
    assert before[1] != checksums()[1]


def edited(change: Callable[[dict[str, Any]], object]) -> Callable[[bytes], bytes]:
    """Edits of the JSON of a plan."""

    def change_bytes(content: bytes) -> bytes:
        line, numbers = content.split(b"\n", 1)
        data = json.loads(line)
        change(data)
        return json.dumps(data).encode() + b"\n" + numbers

    return change_bytes


FOREIGN: dict[str, Callable[[bytes], bytes]] = {
    "nothing": lambda _: b"",
    "no JSON": lambda content: content[1:],
    "no numbers": lambda content: content.split(b"\n")[0],
    "a list": lambda _: b"[]\n",
    "a number too many": lambda content: content + bytes(8),
    "half of the JSON": lambda content: content[:99] + b"\n",
    "no programs": edited(lambda data: data.pop("runners")),
    "no machine code": edited(lambda data: data["runners"]["epochs"].pop("code")),
    "machine code of nobody": edited(lambda data: data["runners"]["epochs"].update(code="0" * 64)),
    "text for a size": edited(lambda data: data["runners"]["epochs"].update(table="1")),
    "a size below 0": edited(lambda data: data["runners"]["epochs"]["sizes"].update(float=-1)),
    "a number for a flag": edited(lambda data: data["runners"]["epochs"].update(large=1)),
    "another dtype": edited(lambda data: data["runners"]["epochs"].update(dtype="float16")),
    "another type": edited(lambda data: data["runners"]["epochs"]["parameters"][0].append(1)),
}


@pytest.mark.parametrize("change", FOREIGN.values(), ids=FOREIGN)
def test_a_file_of_another_form_is_made_anew(
    change: Callable[[bytes], bytes], made: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    expected, get = fit(hg.Tanh()), cache.get

    def changed(key: str) -> bytes | None:
        content = get(key)
        return content if content is None or not key.startswith("plan ") else change(content)

    monkeypatch.setattr(cache, "get", changed)
    assert fit(hg.Tanh()) == expected
    assert len(made) == 2


@pytest.mark.parametrize("at", [0, 40, 200, -1])
def test_a_plan_with_another_byte_is_made_anew(at: int, made: list[Any]) -> None:
    expected = fit(hg.Tanh())
    (file,) = plans()
    content = bytearray(file.read_bytes())
    content[at] ^= 1
    file.write_bytes(content)
    assert fit(hg.Tanh()) == expected
    assert len(made) == 2
    assert fit(hg.Tanh()) == expected
    assert len(made) == 2


def test_a_plan_whose_machine_code_is_gone_is_made_anew(made: list[Any]) -> None:
    expected = fit(hg.Tanh())
    (plan,) = plans()
    for file in cache.files():
        if file != plan:
            file.unlink()
    assert fit(hg.Tanh()) == expected
    assert len(made) == 2


def test_the_plan_of_another_training_is_not_read_in_its_place(made: list[Any]) -> None:
    fit(hg.Tanh())
    (other,) = plans()
    expected = fit(hg.ReLU())
    (plan,) = (file for file in plans() if file != other)
    other.replace(plan)
    assert fit(hg.ReLU()) == expected
    assert len(made) == 3


def test_without_a_cache_nothing_is_written(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HANDGRAD_CACHE", "off")
    assert fit(hg.Tanh()) == fit(hg.Tanh())
    assert not place.exists()


@pytest.mark.slow
def test_processes_at_once_share_plans(place: Path) -> None:
    program = [sys.executable, "-m", "tests.engines.warm_nets", "MLP"]
    running = [subprocess.Popen(program, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    found = [json.loads(process.communicate(timeout=HANG)[0])["content"] for process in running]
    assert {*found} == {in_a_process("MLP")["content"]}
    assert len(plans()) == 2  # of the training, and of the predictions
    assert sorted(place.iterdir()) == cache.files()
