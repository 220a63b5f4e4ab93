"""`.keras` files made to do harm: refused before anything is unpacked, and nothing else is read."""

import json
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import handgrad as hg
from tests.bad_input.refused import refused
from tests.exchange.importing.files import INPUT, config, dense, h5, keras_file, layer, of_a_dense

FEW_BYTES = 30 * 2**20


@contextmanager
def at_little_cost() -> Iterator[None]:
    """What is done within takes a few megabytes."""
    tracemalloc.start()
    try:
        yield
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < FEW_BYTES


def test_a_whole_file_is_the_net_that_it_was(tmp_path: Path) -> None:
    for how in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        net = hg.exchange.from_keras(keras_file(tmp_path / "a.keras", compression=how))
        assert repr(net) == "Net(Linear(4, 4))"
        np.testing.assert_array_equal(net.layers[0].W, np.arange(16).reshape(4, 4).T)


def packed(file: Any) -> None:
    for name, array in (("0", np.eye(4, dtype="f4")), ("1", np.ones(4, "f4"))):
        file.create_dataset(
            f"layers/dense/vars/{name}", data=array, chunks=True, compression="gzip", shuffle=True
        )


def test_packed_numbers_are_read(tmp_path: Path) -> None:
    net = hg.exchange.from_keras(keras_file(tmp_path / "a", weights=h5(packed)))
    np.testing.assert_array_equal(net.layers[0].W, np.eye(4))


def external(file: Any, path: str = "") -> None:
    file.create_dataset("layers/dense/vars/0", (4, 4), "f4", external=[(path, 0, 64)])
    file["layers/dense/vars/1"] = np.ones(4, "f4")


def virtual(file: Any) -> None:
    layout = h5py.VirtualLayout((4, 4), "f4")
    layout[...] = h5py.VirtualSource("other.h5", "a", (4, 4))
    file.create_virtual_dataset("layers/dense/vars/0", layout)
    file["layers/dense/vars/1"] = np.ones(4, "f4")


def linked(place: str, link: Any) -> Callable[[Any], None]:
    def fill(file: Any) -> None:
        of_a_dense(file)
        file.move(place, "moved")
        file[place] = link

    return fill


ELSEWHERE: dict[str, tuple[Callable[[Any], None], str]] = {
    "a virtual array": (virtual, "numbers stored in other files"),
    "an array in another file": (
        linked("layers/dense/vars/0", h5py.ExternalLink("other.h5", "a")),
        "a link",
    ),
    "an array by a link": (linked("layers/dense/vars/0", h5py.SoftLink("/moved")), "a link"),
    "a group in another file": (
        linked("layers/dense/vars", h5py.ExternalLink("other.h5", "a")),
        "a link",
    ),
    "all groups in another file": (linked("layers", h5py.ExternalLink("other.h5", "a")), "a link"),
    "a layer by a link": (linked("layers/dense", h5py.SoftLink("/moved")), "a link"),
    "a link in a circle": (linked("layers/dense", h5py.SoftLink("/layers/dense")), "a link"),
}


@pytest.mark.parametrize("case", ELSEWHERE)
def test_numbers_that_lie_elsewhere_are_not_read(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill, words = ELSEWHERE[case]
    monkeypatch.chdir(tmp_path)
    with h5py.File(tmp_path / "other.h5", "w") as other:
        other["a"] = np.ones((4, 4), "f4")
    path = keras_file(tmp_path / "a.keras", weights=h5(fill))
    with refused(hg.errors.FileError, f"{path}: ", words, "model.save("):
        hg.exchange.from_keras(path)


def test_no_file_of_the_readers_is_read_as_weights(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(bytes(range(64)))
    path = keras_file(tmp_path / "a", weights=h5(lambda file: external(file, str(secret))))
    with refused(hg.errors.FileError, "layers/dense/vars/0: numbers stored in other files"):
        hg.exchange.from_keras(path)


def of_shape(*shape: int, dtype: Any = "f4", **others: Any) -> Callable[[Any], None]:
    def fill(file: Any) -> None:
        file.create_dataset("layers/dense/vars/0", shape, dtype, **others)
        file["layers/dense/vars/1"] = np.ones(4, "f4")

    return fill


def many(file: Any) -> None:
    for i in range(17):
        file[f"layers/dense/vars/{i}"] = np.ones(4, "f4")


def shared(file: Any) -> None:
    array = file.create_dataset("a", (128, 128), "f4", chunks=True, compression="gzip")
    for i in range(300):
        file[f"layers/dense{f'_{i}' if i else ''}/vars/0"] = array


NO_WEIGHTS: dict[str, tuple[Callable[[Any], None], str]] = {
    "chunks that are not there": (
        of_shape(4, 5 * 10**8, chunks=(1, 100), fillvalue=1.0), "2,000,000,000 numbers"
    ),
    "a fill value": (of_shape(4, 5 * 10**8, fillvalue=1.0), "2,000,000,000 numbers"),
    "packed zeros": (
        of_shape(4, 5 * 10**8, chunks=(4, 10**6), compression="gzip"), "2,000,000,000 numbers"
    ),
    "no numbers of many": (of_shape(0, 2**40, chunks=(1, 1), maxshape=(None, None)), "numbers in"),
    "a chunk larger than its array": (
        of_shape(4, 4, chunks=(4, 10**8), maxshape=(4, None), compression="gzip"),
        "400,000,000 numbers",
    ),
    "arrays in arrays": (of_shape(4, 4, dtype=np.dtype(("f4", (1000, 1000)))), "values of type"),
    "texts": (of_shape(4, 4, dtype=h5py.string_dtype()), "values of type object"),
    "long texts": (of_shape(4, 4, dtype="S1000000"), "values of type"),
    "records": (of_shape(4, 4, dtype=[("a", "f4"), ("b", "f8")]), "values of type"),
    "lists": (of_shape(4, 4, dtype=h5py.vlen_dtype("f4")), "values of type"),
    "complex numbers": (of_shape(4, 4, dtype="c8"), "values of type complex64"),
    "no shape": (lambda file: file.create_dataset("layers/dense/vars/0", dtype="f4"), "no array"),
    "a group as an array": (lambda file: file.create_group("layers/dense/vars/0"), "no array"),
    "an array as a group": (
        lambda file: file.create_dataset("layers/dense", data=np.ones(4)), "no group"
    ),
    "other names": (
        lambda file: file.create_dataset("layers/dense/vars/a", data=np.ones(4)), "vars/0: no array"
    ),
    "many arrays": (many, "at most 16 arrays"),
    "other shapes": (of_shape(4, 3), "shape (3,)"),
    "more axes": (of_shape(4, 3, 2), "layer 'd', Dense"),
}  # fmt: skip


@pytest.mark.parametrize("case", NO_WEIGHTS)
def test_arrays_that_are_no_weights_are_refused_unread(case: str, tmp_path: Path) -> None:
    fill, words = NO_WEIGHTS[case]
    path = keras_file(tmp_path / "a.keras", weights=h5(fill))
    assert path.stat().st_size < 30_000
    with at_little_cost(), pytest.raises(hg.HandgradError) as caught:
        hg.exchange.from_keras(path)
    with refused(type(caught.value), f"{path}: ", words):
        hg.exchange.from_keras(path)


def test_an_array_that_many_layers_share_is_not_read_without_end(tmp_path: Path) -> None:
    layers = [dense(use_bias=False)] * 300
    path = keras_file(tmp_path / "a", config(*layers), h5(shared))
    with at_little_cost(), refused(hg.errors.FileError, "Linear: 16,512 numbers in a file of"):
        hg.exchange.from_keras(path)


@pytest.mark.parametrize("name", ["config.json", "model.weights.h5"])
def test_a_part_much_larger_than_the_file_is_not_unpacked(name: str, tmp_path: Path) -> None:
    path = tmp_path / "a"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as parts:
        for other in {"config.json", "model.weights.h5"} - {name}:
            parts.writestr(other, config(dense()) if "config" in other else h5())
        with parts.open(name, "w") as part:
            for _ in range(64):
                part.write(b"[0,0" * 2**18)
    with at_little_cost(), refused(hg.errors.FileError, f"{name} of 67,108,864 bytes in a file of"):
        hg.exchange.from_keras(path)


def test_what_the_zip_says_of_sizes_is_not_believed(tmp_path: Path) -> None:
    path = keras_file(tmp_path / "a", config(dense()) + " " * 10**6, compression=8)
    content = path.read_bytes()
    size = len(config(dense())) + 10**6
    path.write_bytes(content.replace(size.to_bytes(4, "little"), (10).to_bytes(4, "little")))
    with at_little_cost(), refused(hg.errors.FileError, f"{path}: "):
        hg.exchange.from_keras(path)


@pytest.mark.parametrize("how", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_file_packed_in_another_way_is_refused(how: int, tmp_path: Path) -> None:
    with refused(hg.errors.FileError, f"compressed by method {how}"):
        hg.exchange.from_keras(keras_file(tmp_path / "a", compression=how))


def test_no_more_layers_are_made_than_a_net_has(tmp_path: Path) -> None:
    dropout = layer("Dropout", rate=0.1)
    said = config(*[dropout] * 1001)
    with at_little_cost(), refused(hg.errors.FileError, "1,002 layers", "at most 1,000"):
        hg.exchange.from_keras(keras_file(tmp_path / "a", said))
    many = json.dumps(dropout) + (", " + json.dumps(dropout)) * 199_999
    said = f'{{"class_name": "Sequential", "config": {{"layers": [{many}]}}}}'
    path = keras_file(tmp_path / "a", said, compression=zipfile.ZIP_DEFLATED)
    with (
        at_little_cost(),
        refused(hg.errors.FileError, "config.json of 10,400,052 bytes in a file of"),
    ):
        hg.exchange.from_keras(path)
    with refused(
        hg.errors.FileError, "config.json cannot be read: more than 4194304 bytes or 50000"
    ):
        hg.exchange.from_keras(keras_file(tmp_path / "a", said))


def sequential(layers: Any) -> str:
    return json.dumps({"class_name": "Sequential", "config": {"layers": layers}})


CONFIGS: dict[str, tuple[str | bytes, str]] = {
    "brackets": ("[" * 100_000 + "]" * 100_000, "config.json cannot be read"),
    "open brackets": ("[" * 10_000, "config.json cannot be read"),
    "deep settings": (
        config(layer("Dense", a=json.loads("[" * 150 + "]" * 150))), "more than 100 levels"
    ),
    "no JSON": ("layers", "config.json cannot be read"),
    "no UTF-8": (b"\xff\xfe{}", "config.json cannot be read"),
    "a surrogate": (r'{"class_name": "\ud800"}', "config.json cannot be read"),
    "a key twice": ('{"class_name": 1, "class_name": 2}', "a repeated key"),
    "nothing": ("null", "config.json with None"),
    "a list": ("[]", "config.json with []"),
    "a number": ("1e400", "config.json cannot be read"),
    "no config": ('{"class_name": "Sequential"}', "the layers of a Sequential"),
    "another config": ('{"class_name": "Sequential", "config": []}', "the layers of a Sequential"),
    "no class": ('{"class_name": null, "config": {"layers": []}}', "the layers of a Sequential"),
    "no layers": ('{"class_name": "Sequential", "config": {}}', "the layers of a Sequential"),
    "a list of layers by name": (sequential({"a": 1}), "the layers of a Sequential"),
    "a layer that is none": (sequential([None]), "a class_name and a config"),
    "a layer without settings": (sequential([{"class_name": "Dense"}]), "a class_name and a"),
    "a class that is no word": (sequential([layer([])]), "a class_name and a config"),  # type: ignore[arg-type]
    "an input without a shape": (sequential([layer("InputLayer")]), "InputLayer, with"),
    "settings that lack one": (config(layer("Dense", name="d")), "layer 'd', Dense, with invalid"),
    "a rate that is a list": (config(layer("Dropout", rate=[1])), "layer None, Dropout: p=[1]"),
    "a rate that is missing": (config(layer("Dropout")), "layer None, Dropout, with invalid"),
    "strides that are a word": (
        config(layer("MaxPooling2D", data_format="channels_last", padding="valid", pool_size=2,
                     strides="2")), "MaxPooling2D, with invalid",
    ),
    "a shape of words": (config(layer("Reshape", target_shape=["a"])), "Reshape, with invalid"),
    "a shape of thousands": (config(layer("Reshape", target_shape=[1] * 100)), "rows of 100 axes"),
    "an axis of axes": (config(layer("Permute", dims=[[1]])), "layer None, Permute"),
    "an activation that is a list": (config(dense(activation=["relu"])), "not ['relu']"),
    "a name of a million letters": (config(layer("Nope", name="x" * 10**6)), "Nope"),
    "a class of a million letters": (config(layer("N" * 10**6)), "no counterpart in handgrad"),
    "no layer": (sequential([]), "a Sequential without a layer"),
}  # fmt: skip


@pytest.mark.parametrize("case", CONFIGS)
def test_a_description_that_keras_does_not_write_is_refused(case: str, tmp_path: Path) -> None:
    said, words = CONFIGS[case]
    path = keras_file(tmp_path / "a.keras", said)
    with pytest.raises(hg.HandgradError) as caught:
        hg.exchange.from_keras(path)
    with refused(type(caught.value), f"{path}: ", words):
        hg.exchange.from_keras(path)
    assert len(str(caught.value)) < 2000


def test_a_file_with_parts_missing_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a"
    whole = keras_file(path).read_bytes()
    for content in (
        b"",
        b"PK",
        whole[:-30],
        whole[30:],
        whole.replace(b"config.json", b"c0nf.json "),
    ):
        path.write_bytes(content)
        with refused(hg.errors.FileError, f"{path}: not a file of Keras 3"):
            hg.exchange.from_keras(path)
    weights = h5()
    for part in (b"", b"\x89HDF", weights[:100], weights[:-100], weights.replace(b"TREE", b"TRE3")):
        with refused(hg.errors.FileError, f"{path}: "):
            hg.exchange.from_keras(keras_file(path, weights=part))


def test_a_keras_file_that_lacks_weights_is_refused(tmp_path: Path) -> None:
    def half(file: Any) -> None:
        file["layers/dense/vars/0"] = np.ones((4, 2))

    path = keras_file(tmp_path / "net.keras", weights=h5(half))
    with refused(hg.errors.SettingError, "layer 'd', Dense", "kernel, bias"):
        hg.exchange.from_keras(path)


def test_input_layers_may_say_more(tmp_path: Path) -> None:
    said = json.loads(config(dense()))
    said |= {"compile_config": None, "build_config": {"input_shape": [None, 4]}}
    assert said["config"]["layers"][0] == INPUT
    assert len(hg.exchange.from_keras(keras_file(tmp_path / "a", json.dumps(said))).layers) == 1
