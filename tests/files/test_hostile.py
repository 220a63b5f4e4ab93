"""Files made to do harm: refused before anything is allocated, and no code is run."""

import json
import os
import pickle
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import handgrad as hg
from handgrad.files import inspect
from tests.bad_input.refused import refused
from tests.files.mutations import split
from tests.files.nets import OWN, Scale, usual

FEW_BYTES = 30 * 2**20


def written(path: Path, header: Any, data: bytes) -> Path:
    text = header if isinstance(header, str) else json.dumps(header)
    path.write_bytes(len(text).to_bytes(8, "little") + text.encode() + data)
    return path


def described(path: Path, net: Any, arrays: dict[str, Any] | None = None, **others: Any) -> Path:
    """A file with that description of a net, and arrays of ones, float32, of those shapes."""
    entries, data = {}, b""
    for name, shape in (arrays or {}).items():
        part = np.ones(shape, np.float32).tobytes()
        entries[name] = {
            "dtype": "F32", "shape": shape, "data_offsets": [len(data), len(data) + len(part)]
        }  # fmt: skip
        data += part
    document = {"format_version": 1, "net": net, "frozen": [], "about": {}} | others
    return written(path, {"__metadata__": {"handgrad": json.dumps(document)}, **entries}, data)


def net_of(*layers: Any) -> Any:
    return {"layer": "Net", "settings": {"layers": list(layers)}}


def layer(kind: str, /, **settings: Any) -> Any:
    return {"layer": kind, "settings": settings}


def own(kind: str, /, **settings: Any) -> Any:
    return {"own_layer": kind, "settings": settings}


def in_brackets(depth: int) -> Any:
    return 1 if depth == 0 else [in_brackets(depth - 1)]


TANH = layer("Tanh")
WB = {"0.weight": [2, 3], "0.bias": [2]}

LIES: dict[str, tuple[Any, dict[str, Any], str]] = {
    "sizes beyond all bounds": (layer("Linear", n_in=10**9, n_out=10**9), WB, "sizes [1000000000"),
    "sizes within bounds": (
        layer("Linear", n_in=10**5, n_out=10), WB, "weights of shape (10, 100000) in a file with 32"
    ),
    "a product beyond bounds": (layer("Linear", n_in=10**6, n_out=10**6), WB, "sizes [1000000, "),
    "other sizes": (layer("Linear", n_in=2, n_out=3), WB, "0.weight has shape (2, 3)"),
    "no such arrays": (layer("Linear", n_in=1, n_out=1), {"1.weight": [1]}, "no tensor 0.weight"),
    "an array too many": (TANH, WB, "a tensor 0.bias"),
    "below zero": (layer("Linear", n_in=-3, n_out=2), WB, "layer 0, Linear: n_in = -3"),
    "half": (layer("Linear", n_in=3.5, n_out=2), WB, "layer 0, Linear: n_in = 3.5"),
    "a word": (layer("Linear", n_in="3", n_out=2), WB, "layer 0, Linear: n_in = '3'"),
    "true": (layer("Linear", n_in=True, n_out=2), WB, "layer 0, Linear: n_in = True"),
    "another type": (layer("Linear", n_in=3, n_out=2, dtype="int8"), WB, "dtype='int8'"),
    "types that differ": (layer("Linear", n_in=3, n_out=2, dtype="float64"), WB, "is float32"),
    "a setting too few": (layer("Linear", n_in=3), WB, "Linear: no setting n_out"),
    "a setting too many": (layer("Tanh", n_in=3), {}, "Tanh: a setting n_in"),
    "a seed": (layer("Linear", n_in=3, n_out=2, rng=0), WB, "Linear: a setting rng"),
    "an initializer": (
        layer("Linear", n_in=3, n_out=2, initializer="zeros"), WB, "a setting initializer"
    ),
    "an array that is not there": (layer("LeakyReLU", a={"array": "a"}), {}, "no tensor 0.a"),
    "an array as a number": (layer("LeakyReLU", a={"array": "a"}), {"0.a": [1]}, "LeakyReLU: a="),
    "a layer as a number": (layer("LeakyReLU", a=TANH), {}, "layer 0, LeakyReLU: a=Tanh()"),
    "no layer": (layer("Layer"), {}, "layer 0 is Layer"),
    "a function": (layer("save"), {}, "layer 0 is save"),
    "code": (layer("__import__('os')"), {}, "layer 0 is __import__('os')"),
    "a word as layer": ("Tanh", {}, "the net, Net: 'Tanh', of type str"),
    "no settings": ({"layer": "Tanh"}, {}, "layer 0: {'layer': 'Tanh'}"),
    "both kinds": (TANH | {"own_layer": "Scale"}, {}, "layer 0: {'layer'"),
    "own": (own("Nobody"), {}, "layer 0 is Nobody, a custom layer"),
    "own, too large": (own("Scale", n=10**9), {"0.s": [3]}, "Scale: sizes [1000000000]"),
    "own, a little too large": (own("Scale", n=2**21), {"0.s": [3]}, "Scale: sizes [2097152]"),
    "own, larger": (own("Scale", n=1000), {"0.s": [3]}, "0.s has shape (3,)"),
    "layers of a layer": (own("Both", pair=5), {}, "layer 0, Both: "),
    "a layer dropped": (own("Choose", columns=0, kind=TANH), {}, "that no layer stores"),
    "layers by name": (layer("Net", layers={"a": TANH}), {}, "layer 0.0: {'a': "),
    "deep settings": (layer("LeakyReLU", a=in_brackets(90)), {}, "LeakyReLU: a=("),
}  # fmt: skip


@pytest.mark.parametrize("case", LIES)
def test_a_description_that_does_not_fit_is_refused_at_little_cost(
    case: str, tmp_path: Path
) -> None:
    said, arrays, words = LIES[case]
    path = described(tmp_path / "a", net_of(said), arrays)
    with at_little_cost(), refused(hg.errors.FileError, f"{path}: ", words):
        hg.load(path, layers=OWN)


class at_little_cost:
    """What is done within never has more than a few megabytes."""

    def __enter__(self) -> None:
        tracemalloc.start()

    def __exit__(self, *error: object) -> None:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < FEW_BYTES


def test_the_same_description_with_the_right_arrays_is_a_net(tmp_path: Path) -> None:
    path = described(tmp_path / "a", net_of(layer("Linear", n_in=3, n_out=2), TANH), WB)
    assert repr(hg.load(path)) == "Net(Linear(3, 2), Tanh())"


DOCUMENTS: dict[str, tuple[Any, str]] = {
    "newer": ({"format_version": 3}, "format version 3\n  expected: format version 2 or less"),
    "of an estimator": ({"format_version": 2}, "expected: about, format_version, model"),
    "of the far future": ({"format_version": 10**400}, "format version 100000"),
    "older": ({"format_version": 0}, "format version 0"),
    "a word as version": ({"format_version": "1"}, "format version 1\n  expected: 1 or 2"),
    "true as version": ({"format_version": True}, "format version True"),
    "an unknown key": ({"hooks": []}, "the keys ['about', 'format_version', 'frozen', 'hooks'"),
    "no list of the frozen": ({"frozen": {"0": 1}}, "as frozen"),
    "frozen nobody": ({"frozen": ["1"]}, "['1'] as frozen"),
    "not a net": ({"net": TANH}, "Tanh() as the whole"),
    "nothing": ({"net": None}, "the net: None"),
}


@pytest.mark.parametrize("case", DOCUMENTS)
def test_a_document_of_another_kind_is_refused(case: str, tmp_path: Path) -> None:
    others, words = DOCUMENTS[case]
    path = described(tmp_path / "a", **{"net": net_of(TANH)} | others)
    with refused(hg.errors.FileError, f"{path}: ", words):
        hg.load(path)


def test_a_newer_version_is_met_with_advice(tmp_path: Path) -> None:
    path = described(tmp_path / "a", {"of a kind": "unknown today"}, format_version=7)
    with refused(hg.errors.FileError, "format version 7", "try: a newer handgrad"):
        hg.load(path)


LIE = "tensors that do not match the header"  # which the library finds out

METADATA: dict[str, tuple[Any, str]] = {
    "none": ({}, "weights without a description of a net"),
    "of PyTorch": ({"format": "pt"}, "try: hg.exchange.load_weights(net, path)"),
    "no JSON": ({"handgrad": "Net(Tanh())"}, "the description of the model cannot be read"),
    "a list": ({"handgrad": "[1]"}, "format version None"),
    "a key twice": ({"handgrad": '{"a": 1, "a": 2}'}, "a repeated key"),
    "NaN": ({"handgrad": '{"a": NaN}'}, "NaN is not a finite number"),
    "infinity": ({"handgrad": '{"a": 1e999}'}, "1e999 is not a finite number"),
    "deep": ({"handgrad": "[" * 20_000}, "cannot be read: "),
    "rather deep": ({"handgrad": "[" * 101 + "]" * 101}, "more than 100 levels"),
    "too many parts": ({"handgrad": "[" + "[]," * 60_000 + "[]]"}, "50000 brackets"),
    "half a character": ({"handgrad": '"\\ud800"'}, "surrogates not allowed"),
    "a number": ({"handgrad": "5"}, "format version None"),
    "a fraction": ({"handgrad": "0.5"}, "format version None"),
    "nothing": ({"handgrad": "null"}, "format version None"),
    "true": ({"handgrad": "true"}, "format version None"),
    "a word": ({"handgrad": '"net"'}, "format version None"),
    "no words": ({"handgrad": {"format_version": 1}}, LIE),
    "no names": ([1], LIE),
    "a number beside": ({"handgrad": "{}", "format": 1}, LIE),
}


@pytest.mark.parametrize("case", METADATA)
def test_other_metadata_are_refused(case: str, tmp_path: Path) -> None:
    metadata, words = METADATA[case]
    path = written(tmp_path / "a", {"__metadata__": metadata}, b"")
    for look in (hg.load, inspect) if "handgrad" in metadata else (hg.load,):
        with at_little_cost(), refused(hg.errors.FileError, f"{path}: ", words):
            look(path)


def test_metadata_of_others_beside_are_left_alone(tmp_path: Path) -> None:
    header, data = split(hg.save(usual(), tmp_path / "a").read_bytes())
    header["__metadata__"]["format"] = "pt"
    assert hg.load(written(tmp_path / "b", header, data)).n_in == 3


def test_metadata_may_be_null_as_the_library_has_it(tmp_path: Path) -> None:
    path = written(tmp_path / "a", {"__metadata__": None}, b"")
    with refused(hg.errors.FileError, f"{path}: ", "weights without a description of a net"):
        hg.load(path)
    assert inspect(path).layers == ()


def one(dtype: Any = "F32", shape: Any = (1,), data_offsets: Any = (0, 4), **more: Any) -> Any:
    return {"a": {"dtype": dtype, "shape": shape, "data_offsets": data_offsets} | more}


HEADERS: dict[str, tuple[Any, bytes, str]] = {
    "no object": ("[]", b"", "a header that begins with b'[]'"),
    "space first": (" {}", b"", "a header that begins with b' {}'"),
    "no JSON": ("{'a'}", b"", "the header cannot be read"),
    "no text": ('{"\udcff"}'.encode("utf-8", "surrogateescape").decode("latin-1"), b"", "cannot"),
    "a name twice": ('{"a": 1, "a": 1}', b"", "a repeated key"),
    "a huge shape": (one(shape=[10**9, 10**9]), b"1234", LIE),
    "a larger shape": (one(shape=[2]), b"1234", LIE),
    "a shape that overflows": (one(shape=[2**32, 2**32]), b"1234", LIE),
    "zeros among the huge": (
        one(shape=[0, 2**62, 2**62], data_offsets=[0, 0]), b"", LIE
    ),
    "many dimensions": (one(shape=[1] * 65), b"1234", LIE),
    "a shape below zero": (one(shape=[-1, -1]), b"1234", LIE),
    "half a row": (one(shape=[0.5, 2]), b"1234", LIE),
    "true as a size": (one(shape=[True]), b"1234", LIE),
    "a number as shape": (one(shape=1), b"1234", LIE),
    "beyond the end": (one(shape=[2], data_offsets=[0, 8]), b"1234", LIE),
    "far beyond the end": (
        one(shape=[2**40], data_offsets=[0, 2**42]), b"1234", LIE
    ),
    "before the beginning": (one(data_offsets=[-4, 0]), b"1234", LIE),
    "backwards": (one(data_offsets=[4, 0]), b"1234", LIE),
    "three ends": (one(data_offsets=[0, 2, 4]), b"1234", LIE),
    "a gap": (one(data_offsets=[4, 8]), b"12345678", LIE),
    "an overlap": (one() | {"b": one()["a"]}, b"1234", LIE),
    "more bytes": (one(), b"12345", LIE),
    "a type of others": (one("BF16", data_offsets=[0, 2]), b"12", "a has the type BF16"),
    "no type": (one(["F32"]), b"1234", LIE),
    "a word as tensor": ({"a": "F32"}, b"", LIE),
    "too many parts": ('{"a": [' + "{}," * 60_000 + "{}]}", b"", "50000 brackets"),
    "deep": ('{"a": ' + "[" * 40_000, b"", "cannot be read: "),
}  # fmt: skip


@pytest.mark.parametrize("read", [hg.load, lambda path: hg.exchange.load_weights(hg.Net(), path)])
@pytest.mark.parametrize("case", HEADERS)
def test_a_header_that_lies_is_refused_at_little_cost(
    case: str, read: Callable[[Path], object], tmp_path: Path
) -> None:
    header, data, words = HEADERS[case]
    path = written(tmp_path / "a", header, data)
    with at_little_cost(), refused(hg.errors.FileError, f"{path}: ", words):
        read(path)


@pytest.mark.parametrize("length", [0, 1, 100, 2**31, 2**63, 2**64 - 1])
def test_a_header_that_is_not_there_is_refused(length: int, tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(length.to_bytes(8, "little") + b"{}")
    with (
        at_little_cost(),
        refused(hg.errors.FileError, f"a header of {length} bytes in a file of 10"),
    ):
        hg.load(path)
    path.write_bytes(b"{}")
    with refused(hg.errors.FileError, "in a file of 2"):
        hg.load(path)


OTHERS = {
    "PyTorch's": (b"PK\x03\x04\x00\x00\x08\x08\x00\x00" + b"net/data.pkl" * 9, "a zip archive, as"),
    "PyTorch's of before": (b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19." * 3, "a pickle"),
    "a pickle": (pickle.dumps({"0.weight": np.ones(9)}), "a pickle"),
    "HDF5": (b"\x89HDF\r\n\x1a\n" + bytes(90), "an HDF5 file"),
}


@pytest.mark.parametrize(
    "read", [hg.load, inspect, lambda path: hg.exchange.load_weights(usual(), path)]
)
@pytest.mark.parametrize("case", OTHERS)
def test_files_of_other_formats_are_called_by_their_names(
    case: str, read: Callable[[Path], object], tmp_path: Path
) -> None:
    path = tmp_path / "net.pt"
    path.write_bytes(OTHERS[case][0])
    with refused(hg.errors.FileError, f"{path}: {OTHERS[case][1]}", "safetensors.torch.save_file("):
        read(path)


def test_a_header_whose_length_looks_like_a_pickle_is_read(tmp_path: Path) -> None:
    content = written(tmp_path / "a", one(), bytes(4)).read_bytes()
    length = int.from_bytes(b"\x80\x02", "little")
    content = content[8:-4].ljust(length) + content[-4:]
    (tmp_path / "a").write_bytes(length.to_bytes(8, "little") + content)
    assert inspect(tmp_path / "a").other_tensors["a"].shape == (1,)


@pytest.mark.parametrize("wrong", [{"0.weight": np.ones((2, 3))}, None, 3, [1]])
def test_what_is_no_path_is_refused(wrong: Any) -> None:
    net = usual()
    with refused(
        hg.errors.SettingError, type(wrong).__name__, "the path of a", "save_file(", net=net
    ):
        hg.exchange.load_weights(net, wrong)
    with refused(hg.errors.SettingError, type(wrong).__name__, "the path of a"):
        hg.load(wrong)


def test_a_header_of_many_megabytes_is_not_read(tmp_path: Path) -> None:
    path = written(tmp_path / "a", '{"a": "' + "x" * (5 * 2**20) + '"}', b"")
    with at_little_cost(), refused(hg.errors.FileError, "a header of 5242889 bytes"):
        hg.load(path)


def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path, words in (
        (tmp_path, "a folder"), (tmp_path / "pipe", "not a regular file"),
        (Path("/dev/zero"), "not a regular file"), (tmp_path / "none", "No such file"),
        (Path("a\0b"), "embedded null"),
    ):  # fmt: skip
        with refused(hg.errors.FileError, f"{path}: ", words):
            hg.load(path)


WATCHED = """
import os
import sys
import numpy as np
from pathlib import Path
from random import Random
import handgrad as hg
from tests.files.mutations import mutated
from tests.files.nets import NETS, OWN

folder, n = Path(sys.argv[1]), int(sys.argv[2])
rng = Random(5)
files = [hg.save(make(np.float32), folder / "a").read_bytes() for make in NETS.values()]
for i in range(n):
    content = rng.choice(files)
    (folder / str(i)).write_bytes(content if i % 9 == 0 else mutated(content, rng))
found, watching = [], False

def watch(event, arguments):
    if not watching or event in ("builtins.id", "object.__getattr__"):
        return
    if event == "open" and arguments[0] == str(path) and arguments[2] == os.O_RDONLY | os.O_CLOEXEC:
        return
    found.append((event, arguments))

def read(path):
    try:
        return repr(hg.load(path, layers=OWN))
    except hg.errors.FileError as error:
        return str(error)

(folder / "typo").write_bytes(files[0].replace(b"Softmax", b"Softmux"))
read(folder / "typo")  # what the first refusal imports, difflib, is no work of the file's
sys.addaudithook(watch)
nets = 0
for i in range(n):
    path, watching = folder / str(i), True
    said = read(path)
    watching = False
    nets += said.startswith("Net(")
print(nets, n - nets, found)
watching, path = True, folder / "0"
exec("pass")
print(found[-1][0])
"""


def test_nothing_is_run_imported_or_written_while_files_are_read(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WATCHED, str(tmp_path), "400"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    first, last = done.stdout.splitlines()
    nets, refusals, events = first.split(" ", 2)
    assert events == "[]"
    assert int(nets) > 40
    assert int(refusals) > 200
    assert last == "exec"


def test_the_class_of_a_layer_that_is_not_named_is_not_made(tmp_path: Path) -> None:
    made = []

    class Spy(Scale):
        def __init__(self, n: int) -> None:
            super().__init__(n)
            made.append(n)

    path = hg.save(hg.Net(Spy(2)), tmp_path / "a")
    made.clear()
    with refused(hg.errors.FileError, "layer 0 is Spy"):
        hg.load(path, layers={"Scale": Scale})
    assert made == []
