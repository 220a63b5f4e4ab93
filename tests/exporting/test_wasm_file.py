"""Exported WebAssembly: proved in Node, trained there too, refused for what it cannot hold."""

import shutil
from pathlib import Path

import numpy as np
import pytest

import handgrad as hg
from tests.exporting.models import model

in_node = pytest.mark.skipif(not shutil.which("node"), reason="there is no node here")
DRAWN = np.random.default_rng(0)


@in_node
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_predictions_have_the_bits_of_engine_portable(tmp_path: Path, dtype: type) -> None:
    net = hg.Net(hg.Linear(3, 20, rng=0), hg.GELU(), hg.Linear(20, 2, rng=1), dtype=dtype)
    proof = hg.export(net, tmp_path / "net.wasm")
    same, close = proof.checks
    assert same.same_bits
    assert same.against == "engine portable"
    assert (close.against, close.rows) == ("predict", 64)
    assert (tmp_path / "net.wasm").read_bytes()[:4] == b"\0asm"
    assert proof.size < 20_000


@in_node
def test_codes_go_in_as_whole_numbers(tmp_path: Path) -> None:
    net = hg.Net(hg.Embedding(5, 3, rng=0), hg.Linear(3, 2, rng=1))
    proof = hg.export(net, tmp_path / "net.wasm", np.array([0, 4, 2, 1]))
    assert proof.checks[0].same_bits


@in_node
@pytest.mark.parametrize("name", ["classifier of two", "scores of three", "scaled rates"])
def test_an_estimator_has_its_scaling_and_probabilities_inside(name: str, tmp_path: Path) -> None:
    proof = hg.export(model(name), tmp_path / "model.wasm")
    assert proof.checks[0].same_bits
    assert proof.checks[1].holds


@in_node
def test_it_trains_to_the_same_weights(tmp_path: Path) -> None:
    layers = hg.Linear(4, 6, rng=0), hg.Tanh(), hg.Dropout(0.4), hg.Linear(6, 3, rng=1)
    net = hg.Net(*layers, hg.Softmax())
    x, y = DRAWN.standard_normal((27, 4)), DRAWN.integers(0, 3, 27)
    before, path = net.parameters.copy(), tmp_path / "net.wasm"
    loss, adam = hg.CrossEntropyLoss(), hg.Adam(0.01)
    proof = hg.export(net, path, x, y, loss=loss, optimizer=adam, batch_size=10)
    epoch = proof.checks[-1]
    assert epoch.same_bits
    assert epoch.ran.endswith(", an epoch")
    assert b"epoch" in path.read_bytes()
    np.testing.assert_array_equal(net.parameters, before)


def test_without_node_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    proof = hg.export(hg.Net(hg.Linear(2, 3)), tmp_path / "net.wasm")
    assert str(proof.checks[0]) == "node: not run, there is no node here"
    assert proof.checks[1].ran == "portable"


def test_columns_of_a_table_are_refused(tmp_path: Path) -> None:
    with pytest.raises(hg.SettingError, match=r"column 'age' .*\n.*\n.*tabular\.html"):
        hg.export(model("table of classes"), tmp_path / "tabular.wasm")
    assert [*tmp_path.iterdir()] == []
