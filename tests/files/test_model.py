"""Whole nets in files: what comes back is what was saved; what could not come back is refused."""

import copy
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file

import handgrad as hg
from handgrad.textbook.net.minibatches import example_input
from tests.bad_input.refused import refused
from tests.files.nets import NETS, OWN, Choose, Scale, Tower, X, usual

each_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def document(path: Path) -> dict[str, Any]:
    """What the metadata say of the net."""
    with safe_open(path, "numpy") as file:
        found: dict[str, Any] = json.loads(file.metadata()["handgrad"])
    return found


ENDINGS = (
    "onnx", "pt", "pth", "ckpt", "bin", "h5", "keras", "pkl", "pickle", "joblib", "npz", "json",
    "csv", "PT", "v2",
)  # fmt: skip


@pytest.mark.parametrize("ending", ENDINGS)
def test_no_file_is_written_under_the_name_of_another_format(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"net.{ending}"
    with refused(
        hg.errors.SettingError, f"net.{ending}'", "the extension .safetensors", "net.safetensors'"
    ):
        hg.save(usual(), path)
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize("name", ["net", "net.safetensors", "net.SafeTensors", "v1.2.safetensors"])
def test_these_names_are_taken(name: str, tmp_path: Path) -> None:
    assert hg.save(usual(), tmp_path / name) == tmp_path / name
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", NETS)
@each_dtype
def test_a_net_comes_back_as_it_was(name: str, dtype: Any, tmp_path: Path) -> None:
    net = NETS[name](dtype)
    twin = hg.load(hg.save(net, tmp_path / "a.safetensors"), layers=OWN)
    assert type(twin) is type(net)
    assert twin.dtype == net.dtype
    assert [(p, type(x), x.trainable) for p, x in twin.walk()] == [
        (p, type(x), x.trainable) for p, x in net.walk()
    ]
    assert twin.state().keys() == net.state().keys()
    for path, array in net.state().items():
        np.testing.assert_array_equal(twin.state()[path], array)
    x = X[:5] if name == "own" else example_input(net, 5)  # whose layers do not say what they take
    np.testing.assert_array_equal(twin.predict(x), net.predict(x))
    for array in twin.named_parameters().values():
        assert np.shares_memory(array, twin.parameters) or not array.size


def test_settings_come_back_as_they_are_now(tmp_path: Path) -> None:
    slope = hg.layers.LeakyReLU(0.2)
    choose = Choose([2, 0], kind="b", factor=np.float64(1))
    net = hg.Net(hg.Linear(3, 4, initializer="he_normal"), slope, choose)
    assert repr(hg.load(hg.save(net, tmp_path / "a"), layers=OWN)) == repr(
        hg.Net(hg.Linear(3, 4), hg.layers.LeakyReLU(0.2), Choose(np.array([2, 0]), kind="b"))
    )
    slope.a = 0.5
    twin = hg.load(hg.save(net, tmp_path / "a"), layers=OWN)
    assert twin.layers[1].a == 0.5
    assert twin.layers[2].columns.dtype == np.int64
    twin.layers[2].columns[0] = 1
    assert twin.predict(np.ones((2, 3))).shape == (2, 2)


def test_a_net_that_was_added_to_and_trained_comes_back_and_trains_on(tmp_path: Path) -> None:
    net = hg.Net(hg.Standardize.of(X), hg.Linear(3, 4, rng=0).freeze()).add(hg.Tanh())
    net.add(hg.Linear(4, 2, rng=1)).add(hg.Softmax())
    twin = hg.load(hg.save(net, tmp_path / "a"))
    data, y = X, np.arange(20) % 2
    for one in (net, twin):
        list(hg.train(one, (data, y), loss=hg.CrossEntropyLoss(), optimizer=hg.SGD(0.1),
                      epochs=3, rng=0))  # fmt: skip
    np.testing.assert_array_equal(twin.parameters, net.parameters)
    twin.add(hg.Linear(2, 1))
    assert twin.predict(X).shape == (20, 1)


class Branches(hg.Net):
    def __init__(self, *branches: hg.Layer) -> None:
        super().__init__(*branches)


def test_what_was_added_to_a_net_of_ones_own_comes_back(tmp_path: Path) -> None:
    net = hg.Net(Branches().add(hg.Linear(2, 3)), Branches(hg.Tanh()).add(hg.Linear(3, 1)))
    twin = hg.load(hg.save(net, tmp_path / "a"), layers={"Branches": Branches})
    assert repr(twin) == repr(net)
    np.testing.assert_array_equal(twin.parameters, net.parameters)


def test_the_frozen_layers_within_a_layer_that_makes_them_stay_frozen(tmp_path: Path) -> None:
    net = hg.Net(Tower(2, 3, 4))
    net.layers[0].layers[1].freeze()
    twin = hg.load(hg.save(net, tmp_path / "a"), layers=OWN)
    assert [x.trainable for _, x in twin.walk()] == [True, True, True, False, True]


def test_names_and_shapes_in_the_file_are_those_of_pytorch(tmp_path: Path) -> None:
    net = usual()
    arrays = load_file(hg.save(net, tmp_path / "a"))
    assert {name: array.shape for name, array in arrays.items()} == {
        "0.mean": (3,), "0.scale": (3,), "1.0.weight": (4, 3), "1.0.bias": (4,),
        "2.weight": (2, 4), "2.bias": (2,),
    }  # fmt: skip
    np.testing.assert_array_equal(arrays["1.0.weight"], net.layers[1].layers[0].W)


def test_two_arrays_that_pytorch_would_call_alike_keep_their_own_names(tmp_path: Path) -> None:
    class Film(hg.Layer):
        param_names = ("W", "gamma", "b")

        def __init__(self) -> None:
            super().__init__()
            self.W, self.gamma, self.b = np.ones(1), np.full(1, 2.0), np.full(1, 3.0)

    path = hg.save(hg.Net(Film()), tmp_path / "a")
    assert sorted(load_file(path)) == ["0.W", "0.b", "0.gamma"]
    assert hg.load(path, layers={"Film": Film}).parameters.tolist() == [1, 2, 3]


def test_what_else_should_stand_in_the_file_is_there(tmp_path: Path) -> None:
    about = {"features": ("a", "größe"), "classes": [], "rows": 3}
    path = hg.save(usual(), tmp_path / "a", about=about)
    assert document(path)["about"] == {"features": ["a", "größe"], "classes": [], "rows": 3}
    assert document(hg.save(usual(), path))["about"] == {}
    with refused(hg.errors.SettingError, "a value that JSON cannot hold"):
        hg.save(usual(), path, about={"a": object()})
    assert document(path)["about"] == {}


def test_the_same_net_gives_the_same_bytes(tmp_path: Path) -> None:
    files = [hg.save(usual(), tmp_path / str(i), about={"a": 1, "b": 2}) for i in range(4)]
    assert len({file.read_bytes() for file in files}) == 1
    assert hg.save(hg.load(files[0]), tmp_path / "b", about={"a": 1, "b": 2}).read_bytes() == (
        files[0].read_bytes()
    )


def test_a_layer_of_ones_own_needs_its_class(tmp_path: Path) -> None:
    path = hg.save(hg.Net(Scale(2)), tmp_path / "a")
    with refused(hg.errors.FileError, f"{path}: layer 0 is Scale", 'layers={"Scale": Scale}'):
        hg.load(path)
    with refused(hg.errors.FileError, "layer 0, Choose: a setting n", "columns, kind, factor"):
        hg.load(path, layers={"Scale": Choose})
    for wrong in (Scale, [Scale], {"Scale": Scale(2)}, {"Scale": "Scale"}, {"Scale": dict}):
        with refused(hg.errors.SettingError, "layers=", "layer classes by name"):
            hg.load(path, layers=wrong)  # type: ignore[arg-type]


def test_a_layer_of_ones_own_may_have_the_name_of_a_built_in_one(tmp_path: Path) -> None:
    tanh = type("Tanh", (Scale,), {})
    path = hg.save(hg.Net(tanh(2)), tmp_path / "a")
    with refused(hg.errors.FileError, "layer 0 is Tanh, a custom layer"):
        hg.load(path)
    assert type(hg.load(path, layers={"Tanh": tanh}).layers[0]) is tanh
    path = hg.save(hg.Net(hg.Tanh()), tmp_path / "a")
    assert type(hg.load(path, layers={"Tanh": tanh}).layers[0]) is hg.Tanh


@dataclass(eq=False, repr=False)
class Times(hg.Layer):
    """y = factor x, with the constructor that a decorator writes after the class is made."""

    factor: float = 2.0

    def forward(self, x: Any) -> Any:
        return x * self.factor


def test_a_layer_that_is_a_dataclass_is_shown_copied_and_saved(tmp_path: Path) -> None:
    net = hg.Net(hg.Linear(2, 3, rng=0), Times(3.0))
    again = hg.load(hg.save(net, tmp_path / "a"), layers={"Times": Times})
    for other in (net, copy.deepcopy(net), again):
        assert repr(other) == "Net(Linear(2, 3), Times(3.0))"
        assert other.layers[1].factor == 3


class Doubling(hg.Layer):
    def __init__(self, n: int) -> None:
        super().__init__()
        self.n = 2 * n


class Hidden(hg.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.noise = np.random.default_rng().random(3)


class Late(hg.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.temperature = 1.0


def late() -> hg.Layer:
    layer = Late()
    layer.temperature = 2.0
    return layer


class Anything(hg.Layer):
    def __init__(self, **settings: Any) -> None:
        super().__init__()


class Takes(hg.Layer):
    def __init__(self, what: Any) -> None:
        super().__init__()
        self.what = what


def nan() -> hg.Layer:
    linear = hg.Linear(2, 2)
    linear.W[0, 0] = np.nan
    return linear


CANNOT_COME_BACK: dict[str, tuple[Callable[[], hg.Layer], tuple[str, ...]]] = {
    "changed setting": (lambda: Doubling(3), ("has n=6, but would be restored with 12",)),
    "hidden array": (Hidden, ("has noise=an array of shape (3,)", "state_names")),
    "changed later": (late, ("has temperature=2.0, but would be restored with 1.0",)),
    "function": (lambda: Takes(np.tanh), ("layer 0: Takes", "setting what=<ufunc 'tanh'>")),
    "infinite": (lambda: Takes(float("inf")), ("a value that JSON cannot hold",)),
    "by any name": (lambda: Anything(a=1, b=2), ("got a, b through **settings",)),
    "two arrays": (lambda: Takes((np.ones(1), np.ones(1))), ("setting what=",)),
    "large number": (lambda: Takes(10**9), ("sizes [1000000000]", "1048576.0 instead")),
    "large numbers": (lambda: Takes([10**6, 10**6]), ("sizes [1000000, 1000000]",)),
    "NaN": (nan, ("0.weight has NaN or infinity",)),
    "a layer not kept": (lambda: Takes(hg.Tanh()), ("that no layer stores", "in self.layers")),
    "two classes": (lambda: hg.Net(Scale(1), type("Scale", (Scale,), {})(1)), ("two classes",)),
    "deep": (lambda: nested(16), ("more than 1000 layers, or 16 levels",)),
    "many": (lambda: hg.Net(*(hg.Tanh() for _ in range(1000))), ("more than 1000 layers",)),
}  # fmt: skip


def nested(depth: int) -> hg.Layer:
    net = hg.Net(hg.Tanh())
    for _ in range(depth):
        net = hg.Net(net)
    return net


@pytest.mark.parametrize("case", CANNOT_COME_BACK)
def test_what_would_not_come_back_is_not_written(case: str, tmp_path: Path) -> None:
    make, words = CANNOT_COME_BACK[case]
    path = tmp_path / "a"
    path.write_text("as it was")
    with refused(hg.errors.SettingError, *words):
        hg.save(hg.Net(make()), path)
    assert [*tmp_path.iterdir()] == [path]
    assert path.read_text() == "as it was"


def test_only_a_net_is_saved(tmp_path: Path) -> None:
    with refused(hg.errors.SettingError, "Linear(2, 2), of type Linear", "hg.Net(layer)"):
        hg.save(hg.Linear(2, 2), tmp_path / "a")


def test_a_second_saving_replaces_the_first_whole(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "a.safetensors"
    assert hg.save(usual(seed=1), str(path)) == path
    first = path.read_bytes()
    with path.open("rb") as reader:
        hg.save(usual(seed=2), path)
        assert reader.read() == first
    np.testing.assert_array_equal(hg.load(path).parameters, usual(seed=2).parameters)
    assert [*path.parent.iterdir()] == [path]


LIMITED = """
import resource, signal, sys, handgrad as hg
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
try:
    hg.save(hg.Net(hg.Linear(100, 100)), sys.argv[1])
except hg.errors.FileError as error:
    print(error)
"""


def test_where_no_space_is_left_the_old_file_stays(tmp_path: Path) -> None:
    path = hg.save(usual(), tmp_path / "a")
    before = path.read_bytes()
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(path)], capture_output=True, text=True, check=True
    )
    assert f"{path} could not be written: File too large" in done.stdout
    assert [*tmp_path.iterdir()] == [path]
    assert path.read_bytes() == before


def test_in_a_folder_that_cannot_be_written_to_the_old_file_stays() -> None:
    with TemporaryDirectory() as name:
        path = hg.save(usual(), Path(name) / "a")
        before, user = path.read_bytes(), os.geteuid()
        Path(name).chmod(0o555)
        try:
            if user == 0:
                os.seteuid(65534)  # root writes wherever it likes
            with refused(hg.errors.FileError, f"{path} could not be written: Permission denied"):
                hg.save(usual(seed=1), path)
        finally:
            os.seteuid(user)
            Path(name).chmod(0o755)
        assert [*Path(name).iterdir()] == [path]
        assert path.read_bytes() == before
