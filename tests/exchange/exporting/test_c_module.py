"""Nets as files of C: the bits of portable machine code, predicting and training, by gcc."""

import ctypes
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import handgrad as hg
from handgrad.engines.portable.model import PortableModel, portable_model
from handgrad.engines.portable.printing.c import RUNTIME
from handgrad.engines.portable.printing.c_module import c_module
from handgrad.textbook.layers import Array
from tests.exchange.exporting.portable_nets import (
    BATCH_SIZE,
    EPOCHS,
    case,
    names,
    predicted,
    same_bits,
    trained,
    with_nan,
)

pytestmark = pytest.mark.skipif(shutil.which("gcc") is None, reason="there is no gcc here")
NAMES = {" ".join(name): name for name in names()}
FLAGS = ("-std=c99", "-O2", "-ffp-contract=off")
STRICT = ("-Wall", "-Wextra", "-Werror", "-pedantic")
SANITIZERS = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all")
NUMBERS = {"float32": ctypes.c_float, "float64": ctypes.c_double}


def compiled(text: str, folder: Path, *flags: str, compiler: str = "gcc") -> Path:
    """The text as a file, compiled."""
    source, target = folder / "net.c", folder / "net.out"
    source.write_text(text, "utf-8")
    command = [compiler, *flags, str(source), "-o", str(target)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return target


def said(text: str, folder: Path, *flags: str, compiler: str = "gcc") -> str:
    """What the file says of its own rows."""
    program = compiled(text, folder, "-DHANDGRAD_CHECK", *flags, compiler=compiler)
    done = subprocess.run([str(program)], capture_output=True, text=True, check=False)
    assert not done.stderr
    assert (done.returncode == 0) == ("same bits" in done.stdout)
    return done.stdout.strip()


class InC:
    """A compiled net of float32 or float64, called with arrays."""

    def __init__(self, library: Path, model: PortableModel) -> None:
        self.library, self.model = ctypes.CDLL(str(library)), model
        self.number = NUMBERS[model.dtype.name]
        for name in ("net_train_batch", "net_train_row", "net_train_epoch"):
            if hasattr(self.library, name):
                getattr(self.library, name).restype = ctypes.c_double

    def rows(self, name: str, rows: Array) -> Array:
        """Rows in the type that the file takes them in."""
        program = self.model.training or self.model.prediction
        (type,) = (p.type for p in program.parameters if p.name == name)
        return np.ascontiguousarray(rows, np.int32 if type == "int" else self.model.dtype)

    def predict(self, x: Array) -> Array:
        p = np.zeros((len(x), *self.model.output_shape), self.model.dtype)
        rows = self.rows("x", x)
        for i in range(len(x)):
            assert self.library.net_predict(at(rows[i : i + 1]), at(p[i : i + 1])) == 0
        return p

    @property
    def parameters(self) -> Array:
        kind = self.number * self.model.parameters.size
        return np.array(kind.in_dll(self.library, "net_parameters"), self.model.dtype)


def at(array: Array) -> Any:
    assert array.flags.c_contiguous
    return array.ctypes.data_as(ctypes.c_void_p)


def in_c(model: PortableModel, x: Array, folder: Path) -> InC:
    text = c_module(model, "net_", ["a net"], x, predicted(model, x))
    single = ("-Wdouble-promotion",) if model.dtype == np.float32 else ()
    return InC(compiled(text, folder, *FLAGS, *STRICT, *single, "-shared", "-fPIC"), model)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_c_predicts_and_trains_with_the_same_bits(name: str, tmp_path: Path) -> None:
    c = case(*NAMES[name])
    model = c.model(copies=False, predicted_at_once=1)
    net, expected = in_c(model, c.x, tmp_path), trained(model, c.x, c.y)
    assert same_bits(net.predict(c.x), predicted(model, c.x))
    assert same_bits(net.predict(with_nan(c.x)), predicted(model, with_nan(c.x)))
    x, y, order = net.rows("x", c.x), net.rows("y", c.y), np.arange(len(c.y), dtype=np.int32)
    epoch = net.library.net_train_epoch
    losses = [epoch(at(x), at(y), at(order), len(y)) for _ in range(EPOCHS)]
    assert same_bits(np.array(losses), expected["losses"])
    assert same_bits(order.astype(np.int64), expected["order"])
    assert same_bits(net.parameters, expected["parameters"])
    weights = expected["parameters"], expected["state"]
    assert same_bits(net.predict(c.x), predicted(model, c.x, weights))


@pytest.mark.slow
@pytest.mark.parametrize("name", [*NAMES][::3])
def test_the_sanitizers_have_nothing_to_say(name: str, tmp_path: Path) -> None:
    c = case(*NAMES[name])
    model = c.model(copies=False, predicted_at_once=1)
    text = c_module(model, "net_", [], c.x, predicted(model, c.x))
    assert model.training is not None
    types = {p.name: p.type for p in model.training.parameters}
    number, width, n = ("float", "double")[model.dtype == np.float64], c.x[0].size, len(c.x)
    arrays = [
        f"static const {'int32_t' if types[name] == 'int' else number} {name}[] = "
        f"{{{', '.join(map(str, rows.ravel().tolist()))}}};"
        for name, rows in (("x", c.x), ("y", c.y))
    ]
    driver = f"""
{chr(10).join(arrays)}
static int32_t order[{n}];
static {number} p[{max(1, int(np.prod(model.output_shape)))}];
int main(void) {{
  for (int i = 0; i < {n}; i++) order[i] = i;
  for (int i = 0; i < {n}; i++) net_predict(x + {width} * i, p);
  for (int i = 0; i < 3; i++) net_train_epoch(x, y, order, {n});
  return 0;
}}
"""
    program = compiled(text + driver, tmp_path, "-std=c99", "-O1", *SANITIZERS)
    done = subprocess.run([str(program)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_step_by_a_batch_and_by_a_row(tmp_path: Path) -> None:
    c = case("BatchNorm", "MSELoss", "Adam", "float32")
    model = c.model(copies=False, predicted_at_once=1)
    net = in_c(model, c.x, tmp_path)
    x, y = net.rows("x", c.x), net.rows("y", c.y)
    first = net.library.net_train_batch(at(x), at(y), BATCH_SIZE)
    second = net.library.net_train_row(at(x[7:8]), at(y[7:8]))
    once = trained(model, c.x[:BATCH_SIZE], c.y[:BATCH_SIZE], epochs=1, shuffle=False)
    assert first == once["losses"][0]
    twice = trained(model, c.x[7:8], c.y[7:8], epochs=1, shuffle=False, before=once)
    assert second == twice["losses"][0]
    assert same_bits(net.parameters, twice["parameters"])


def test_an_index_beyond_its_table_is_refused(tmp_path: Path) -> None:
    net, x = hg.Net(hg.Embedding(5, 2, rng=0)), np.zeros((4, 3), np.int64)
    model = portable_model(net, x=x, copies=False, predicted_at_once=1)
    library = in_c(model, x, tmp_path).library
    p = np.zeros((3, 2), np.float32)
    assert library.net_predict(at(np.array([0, 4, 1], np.int32)), at(p)) == 0
    assert library.net_predict(at(np.array([0, 5, 1], np.int32)), at(p)) == -1
    assert library.net_predict(at(np.array([0, -1, 1], np.int32)), at(p)) == -1


@pytest.mark.parametrize("of", ["codes", "classes"])
def test_training_refuses_what_is_beyond_its_tables_and_its_batches(
    of: str, tmp_path: Path
) -> None:
    x, y = np.array([[0], [4]], np.int32), np.zeros((2, 1, 2), np.float32)
    loss: hg.Loss = hg.MSELoss()
    net, wrong = hg.Net(hg.Embedding(5, 2, rng=0)), (x + 1, y)
    if of == "classes":
        x, y = np.ones((2, 3), np.float32), np.array([2, 1], np.int32)
        net, loss, wrong = hg.Net(hg.Linear(3, 3), hg.Softmax()), hg.CrossEntropyLoss(), (x, y - 2)
    more: dict[str, Any] = {"batch_size": 2, "copies": False, "predicted_at_once": 1}
    model = portable_model(
        net, loss=loss, optimizer=hg.SGD(0.1), x=x, y=y.astype(int) if y.ndim == 1 else y, **more
    )
    c, order = in_c(model, x, tmp_path), np.arange(2, dtype=np.int32)
    before, (x_wrong, y_wrong) = c.parameters.copy(), wrong
    assert np.isnan(c.library.net_train_batch(at(x_wrong), at(y_wrong), 2))
    assert np.isnan(c.library.net_train_epoch(at(x_wrong), at(y_wrong), at(order), 2))
    three = np.concatenate([x, x[:1]]), np.concatenate([y, y[:1]])
    assert np.isnan(c.library.net_train_batch(*map(at, three), 3))
    assert same_bits(c.parameters, before)
    assert c.library.net_train_batch(at(x), at(y), 2) > 0
    assert not same_bits(c.parameters, before)


def checked_net(dtype: Any = np.float32) -> str:
    """A net of several products, whose sums change where they are contracted."""
    net = hg.Net(hg.Linear(9, 9, rng=0), hg.Tanh(), hg.Linear(9, 3, rng=1), dtype=dtype)
    x = np.random.default_rng(0).standard_normal((20, 9)).astype(dtype)
    model = portable_model(net, x=x, copies=False, predicted_at_once=1)
    return c_module(model, "net_", [], x, predicted(model, x))


@pytest.mark.parametrize("level", ["-O0", "-O2", "-O3", "-Os"])
def test_the_file_says_that_it_keeps_its_bits(level: str, tmp_path: Path) -> None:
    strict = ("-std=c99", "-ffp-contract=off", *STRICT)
    assert said(checked_net(), tmp_path, level, *strict) == "20 rows, same bits"


def test_a_compiler_that_contracts_is_found_out(tmp_path: Path) -> None:
    if " fma " not in Path("/proc/cpuinfo").read_text():
        pytest.skip("this processor does not multiply and add at once")
    flags = ("-std=c99", "-O2", "-ffp-contract=fast", "-mfma")
    found = said(checked_net(), tmp_path, *flags)
    assert "was it compiled with -std=c99 -ffp-contract=off?" in found


@pytest.mark.slow
@pytest.mark.parametrize(
    ("compiler", "emulator"),
    [("aarch64-linux-gnu-gcc", "qemu-aarch64"), ("arm-linux-gnueabihf-gcc", "qemu-arm")],
)
def test_other_processors_have_the_same_bits(compiler: str, emulator: str, tmp_path: Path) -> None:
    if not (shutil.which(compiler) and shutil.which(emulator)):
        pytest.skip(f"there is no {compiler} here, or no {emulator}")
    flags = ("-std=c99", "-O2", "-ffp-contract=off", "-static", "-DHANDGRAD_CHECK", *STRICT)
    for name in [*NAMES][::6]:
        c = case(*NAMES[name])
        model = c.model(copies=False, predicted_at_once=1)
        text = c_module(model, "net_", [], c.x, predicted(model, c.x))
        program = compiled(text, tmp_path, *flags, compiler=compiler)
        done = subprocess.run([emulator, str(program)], capture_output=True, text=True, check=False)
        assert done.stdout.strip() == f"{len(c.x)} rows, same bits"


@pytest.mark.skipif(shutil.which("g++") is None, reason="there is no g++ here")
def test_a_compiler_of_cpp_takes_it_too(tmp_path: Path) -> None:
    flags = ("-x", "c++", "-O2", "-ffp-contract=off", "-Wall", "-Wextra", "-Werror")
    assert said(checked_net(np.float64), tmp_path, *flags, compiler="g++") == "20 rows, same bits"


@pytest.mark.parametrize("by_hand", [True, False])
@pytest.mark.parametrize("name", ["float32", "float64"])
def test_roots_and_roundings_are_those_of_the_processor(
    name: str, by_hand: bool, tmp_path: Path
) -> None:
    single, c_type = name == "float32", "float" if name == "float32" else "double"
    operations = ("sqrt", "rint", "floor", "ceil", "abs")
    pieces = RUNTIME.used(operations, single=single)
    loops = [
        f"void all_{operation}(const {c_type} *x, {c_type} *y, int n) {{\n"
        f"  for (int i = 0; i < n; i++) y[i] = ${operation}(x[i]);\n}}"
        for operation in operations
    ]
    text = "\n".join(["#include <stdint.h>", *pieces, *loops]).replace("$", "net_")
    flags = ("-U__GNUC__",) if by_hand else ()
    library = ctypes.CDLL(
        str(compiled(text, tmp_path, *FLAGS, *STRICT, *flags, "-shared", "-fPIC"))
    )
    x = odd_numbers(np.dtype(name))
    for operation in operations:
        y = np.zeros_like(x)
        getattr(library, f"all_{operation}")(at(x), at(y), len(x))
        with np.errstate(all="ignore"):
            assert same_bits(y, getattr(np, operation)(x)), operation


def odd_numbers(dtype: np.dtype[Any]) -> Array:
    """Numbers of all sizes, squares, halves, and the ends of the type."""
    rng, word, info = np.random.default_rng(0), f"u{dtype.itemsize}", np.finfo(dtype)
    most = np.iinfo(word).max
    of_all_sizes = rng.integers(0, most, 200_000, word, endpoint=True).view(dtype)
    usual = (rng.standard_normal(50_000) * 100).astype(dtype)
    ends = [0.0, -0.0, np.inf, -np.inf, np.nan, info.tiny, info.smallest_subnormal, info.max]
    halves = np.arange(-50, 50).astype(dtype) + dtype.type(0.5)
    with np.errstate(over="ignore"):
        return np.concatenate([of_all_sizes, usual, usual * usual, halves, np.array(ends, dtype)])
