"""Exported WebAssembly: proved in Node, trained there too, refused for what it cannot hold."""

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

import handgrad as hg
from tests.exchange.exporting.models import model

in_node = pytest.mark.skipif(not shutil.which("node"), reason="there is no node here")
PAGE = Path(__file__).parents[3] / "docs" / "export.md"
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


@in_node
def test_what_the_page_on_exports_shows_runs(tmp_path: Path) -> None:
    net, path = hg.Net(hg.Linear(4, 3, rng=1), hg.Softmax()), tmp_path / "net.wasm"
    x, y = DRAWN.standard_normal((9, 4)).astype(np.float32), DRAWN.integers(0, 3, 9)
    hg.export(net, path, x, y, loss=hg.CrossEntropyLoss(), optimizer=hg.SGD(0.01), batch_size=4)
    before = net.predict(x, engine="portable")
    section = PAGE.read_text("utf-8").split("## WebAssembly")[1].split("\n## ")[0]
    predicting, training = (block.split("```")[0] for block in section.split("```js\n")[1:])
    loaded = f"WebAssembly.instantiate(require('fs').readFileSync({json.dumps(str(path))}))"
    code = predicting.replace('WebAssembly.instantiateStreaming(fetch("net.wasm"))', loaded)
    script = f"""(async () => {{
      const n = 9, n_out = 3, n_parameters = 15, rows = {x.ravel().tolist()};
      {code}
      const found = Array.from(predictions);
      const [y, order] = [p + 4 * n * n_out, p + 4 * n * n_out + 4 * n];
      new Int32Array(memory.buffer, y, n).set({y.tolist()});
      new Int32Array(memory.buffer, order, n).set({[*range(9)]});
      {training}
      process.stdout.write(JSON.stringify([found, row, loss, Array.from(weights)]));
    }})()"""
    done = subprocess.run(["node", "-e", script], capture_output=True, text=True)
    assert done.stderr == ""
    found, row, loss, weights = json.loads(done.stdout)
    assert np.array_equal(np.float32(found), before.ravel())
    trained = hg.fit(
        net,
        (x, y),
        loss=hg.CrossEntropyLoss(),
        optimizer=hg.SGD(0.01),
        epochs=1,
        batch_size=4,
        rng=0,
        engine="portable",
        progress=False,
    )
    assert (row, loss) == (-1, trained["train_loss"][0])
    assert np.array_equal(np.float32(weights), net.parameters)


def test_without_node_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    proof = hg.export(hg.Net(hg.Linear(2, 3)), tmp_path / "net.wasm")
    assert str(proof.checks[0]) == "node: not run, there is no node 18 or later here"
    assert proof.checks[1].ran == "portable"


def test_columns_of_a_table_are_refused(tmp_path: Path) -> None:
    with pytest.raises(hg.errors.SettingError, match=r"column 'age' .*\n.*\n.*tabular\.html"):
        hg.export(model("table of classes"), tmp_path / "tabular.wasm")
    assert [*tmp_path.iterdir()] == []
