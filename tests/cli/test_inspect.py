"""`handgrad inspect`: what a model file says of itself."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from sklearn.pipeline import make_pipeline

import handgrad as hg
from handgrad.files import inspect, tensors
from tests.bad_input.refused import refused
from tests.cli.run import handgrad, process
from tests.files.models import estimators


class Doubled(hg.Layer):
    """A layer of one's own, with an array among its settings."""

    def __init__(self, by: Any) -> None:
        super().__init__()
        self.by = np.asarray(by)

    def forward(self, x: Any) -> Any:
        return self.by * x

    def backward(self, dy: Any) -> Any:
        return self.by * dy


@pytest.fixture
def model(tmp_path: Path) -> Path:
    net = hg.Net(
        hg.Linear(3, 4, rng=0).freeze(),
        hg.Residual(hg.Linear(4, 4, rng=1), hg.Tanh()),
        Doubled([1.0, 2.0, 3.0, 4.0]),
    )
    return hg.save(net, tmp_path / "a.safetensors", about={"features": ["height", "width", "age"]})


def test_layers_arrays_and_words_are_shown(model: Path) -> None:
    lines = handgrad("inspect", model).stdout
    assert "a net, format version 1, 40 numbers" in lines
    for words in (
        "Linear(n_in=3, n_out=4, dtype=float32),",
        "│ frozen ",
        "weight (4, 3) float32",
        "│ 1.1  │ Tanh()",
        "│ 1.0  │ Linear(n_in=4, n_out=4, dtype=float32)",
        "custom layer",
        "by (4,) float64",
        "features: height, width, age",
    ):
        assert words in lines, words


def test_for_machines_it_is_json(model: Path) -> None:
    found = json.loads(handgrad("inspect", model, "--json").stdout)
    assert (found["numbers"], found["format_version"], found["frozen"]) == (40, 1, ["0"])
    assert [layer["place"] for layer in found["layers"]] == ["", "0", "1", "1.0", "1.1", "2"]
    assert found["layers"][1] == {
        "place": "0",
        "layer": "Linear",
        "own": False,
        "settings": {"n_in": 3, "n_out": 4, "dtype": "float32"},
        "tensors": {
            "bias": {"shape": [4], "dtype": "float32"},
            "weight": {"shape": [4, 3], "dtype": "float32"},
        },
    }
    assert found["layers"][-1]["own"] is True
    assert found["other_tensors"] == {}
    assert found["bytes"] == model.stat().st_size


def test_no_number_is_read(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_numbers(*_: Any) -> Any:
        raise AssertionError

    monkeypatch.setattr(tensors, "parsed", no_numbers)
    assert inspect(model).numbers == 40


def test_weights_without_a_net_are_told_as_such(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    path = tmp_path / "w.safetensors"
    save_file({"a.b": np.zeros((2, 3))}, path)
    lines = handgrad("inspect", path).stdout
    assert "weights without a net, 6 numbers" in lines
    assert "a.b (2, 3) float64" in lines


def test_words_in_a_file_cannot_steer_a_terminal(tmp_path: Path) -> None:
    words = "\x1b[2J\x1b]0;title\x07[bold red]"
    path = hg.save(hg.Net(hg.Tanh()), tmp_path / "a.safetensors", about={words: words})
    lines = handgrad("inspect", path).stdout
    assert "\x1b" not in lines
    assert "\x07" not in lines
    assert "[bold red]" in lines


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("a,b\n1,2\n" * 50)
    with refused(hg.errors.FileError, "a header of", "copied whole"):
        inspect(path)
    done = process("inspect", "nothing.safetensors", folder=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("error: nothing.safetensors: No such file")


@pytest.mark.parametrize(
    ("net", "words"),
    [
        ({"layer": 3, "settings": {}}, "the net: {'layer': 3"),
        ([], "the net: []"),
        ({"layer": "Net", "settings": []}, "the net: {'layer': 'Net'"),
        ({"layer": "Net", "settings": {"layers": [{"layer": []}]}}, "layer 0: {'layer': []}"),
    ],
)
def test_a_description_that_is_none_is_refused(net: Any, words: str, tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    document = {"format_version": 1, "net": net, "frozen": [], "about": {}}
    path = tmp_path / "a.safetensors"
    save_file({}, path, metadata={"handgrad": json.dumps(document)})
    with refused(hg.errors.FileError, words, "a layer with its settings", "copied whole"):
        inspect(path)


def test_of_an_estimator_are_shown_columns_classes_and_settings(tmp_path: Path) -> None:
    table = pa.table({"age [b]": [1.0, 2.0, None, 4.0] * 3, "town": ["Ulm", "Bonn", "Ulm"] * 4})
    model = make_pipeline(
        hg.tables.TableEncoder(), hg.MLPClassifier((3,), solver="lbfgs", max_iter=500)
    )
    model.fit(table, ["yes", "no", "no"] * 4)
    path = hg.save(model, tmp_path / "a.safetensors", about={"seed": 1})
    lines = handgrad("inspect", path).stdout
    for words in (
        "Pipeline, format version 2, 16 numbers",
        "step tableencoder: TableEncoder()",
        "│ age [b] │ number + missing-value flag",
        "│ town    │ binary, 'Bonn' or 'Ulm'",
        "step mlpclassifier: MLPClassifier(activation=relu,",
        "hidden_layer_sizes=(3),",
        "classes: no, yes",
        "weight (3, 3) float64",
        "seed: 1",
    ):
        assert words in lines, words
    found = json.loads(handgrad("inspect", path, "--json").stdout)
    assert [one["step"] for one in found["estimators"]] == ["", "tableencoder", "mlpclassifier"]
    assert [*found["estimators"][1]["columns"]] == ["age [b]", "town"]
    assert found["estimators"][2]["classes"] == ["no", "yes"]
    assert found["layers"][1]["layer"] == "Linear"


def test_of_numbers_it_says_where_they_lie(tmp_path: Path) -> None:
    x = np.arange(20.0)[:, None]
    model = hg.TabularRegressor(2, epochs=1, random_state=0).fit(x, np.arange(20.0))
    lines = handgrad("inspect", hg.save(model, tmp_path / "a")).stdout
    assert "TabularRegressor, format version 2" in lines
    assert "target: center 9.5, spread 5.766281297335398, lowest 0.0, highest 19.0" in lines


def test_an_encoder_has_no_net_to_show(tmp_path: Path) -> None:
    encoder = hg.tables.TableEncoder().fit(np.arange(20.0)[:, None])
    lines = handgrad("inspect", hg.save(encoder, tmp_path / "a")).stdout
    assert "TableEncoder, format version 2, 0 numbers" in lines
    assert "place" not in lines


def test_many_columns_are_shown_in_part(tmp_path: Path) -> None:
    encoder = hg.tables.TableEncoder().fit(np.random.default_rng(0).normal(size=(9, 120)))
    lines = handgrad("inspect", hg.save(encoder, tmp_path / "a")).stdout
    assert "x99" in lines
    assert "x100" not in lines
    assert "… 120 columns in all" in lines


def test_of_an_estimator_too_nothing_is_loaded_that_takes_long(tmp_path: Path) -> None:
    for name, model in estimators().items():
        hg.save(model, tmp_path / name)
    code = (
        "import sys, pathlib\n"
        "from handgrad.files import inspect\n"
        "names = [inspect(path).estimators[0].name for path in pathlib.Path('.').iterdir()]\n"
        "print(len(names), [m for m in ('sklearn', 'scipy', 'pyarrow') if m in sys.modules])"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == f"{len(estimators())} []\n"
