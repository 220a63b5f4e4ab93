"""Models as modules of JavaScript: what node says of them, and rows of tables."""

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

import handgrad as hg
from tests.exchange.exporting.models import NAMES, OF_TABLES, model, table

needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="there is no node here")


def printed(folder: Path, call: str) -> str:
    """What a script prints that begins with the module's names."""
    path = folder / "main.mjs"
    path.write_text(f'import * as model from "./net.js";\n{call}', "utf-8")
    (folder / "package.json").write_text('{"type": "module"}')
    command = ["node", str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@needs_node
@pytest.mark.parametrize("name", NAMES)
def test_node_gives_the_bits_of_the_portable_engine(name: str, tmp_path: Path) -> None:
    portable, predict = hg.export(model(name), tmp_path / "net.js").checks
    assert portable.same_bits or name in OF_TABLES  # whose dates have sines
    assert portable.relative <= portable.most
    assert predict.relative <= predict.most


def test_without_node_that_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    proof = hg.export(model("net"), tmp_path / "net.js")
    first, here = map(str, proof.checks)
    assert first == "node: not run, there is no node 18 or later here"
    assert here.startswith("the engine portable: 64 rows")


@needs_node
def test_rows_of_a_table_come_as_they_are_or_as_text(tmp_path: Path) -> None:
    fitted = model("table of classes")
    hg.export(fitted, tmp_path / "net.js")
    rows = [{name: values[i] for name, values in table().items()} for i in (0, 1, 5)]
    texts = [{**row, "when": str(row["when"])} for row in rows]
    found = json.loads(
        printed(
            tmp_path,
            f"const rows = {json.dumps(texts)};\n"
            "const dates = rows.map((row) => ({ ...row, when: new Date(`${row.when}Z`) }));\n"
            "const written = rows.map((row) => ({ ...row, size: String(row.size) }));\n"
            "console.log(JSON.stringify([rows, dates, written].map(model.predict)));\n",
        )
    )
    expected = fitted.predict_proba({name: [row[name] for row in rows] for name in table()})
    for one in found:
        np.testing.assert_allclose(one, expected, rtol=1e-9)


@needs_node
def test_classes_have_their_names(tmp_path: Path) -> None:
    fitted = model("classifier of three")
    hg.export(fitted, tmp_path / "net.js")
    x = np.random.default_rng(0).normal(size=(20, fitted.n_features_in_)) * [1, 10, 100]
    said = printed(tmp_path, f"console.log(JSON.stringify(model.classify({x.tolist()})));")
    assert json.loads(said) == fitted.predict(x).tolist()


@pytest.mark.slow
@needs_node
def test_what_is_no_number_is_refused(tmp_path: Path) -> None:
    hg.export(model("table of numbers"), tmp_path / "net.js")
    call = 'try { model.predict([{ age: "old" }]); } catch (e) { console.log(e.message); }'
    assert printed(tmp_path, call) == "old in the column age"


@needs_node
def test_it_trains_where_it_runs(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((50, 2)).astype(np.float32)
    y = (x[:, 0] > x[:, 1]).astype(int)
    net = hg.Net(hg.Linear(2, 8, rng=0), hg.Dropout(0.1), hg.Linear(8, 2, rng=1), hg.Softmax())
    loss, adam = hg.CrossEntropyLoss(), hg.Adam(0.01)
    proof = hg.export(net, tmp_path / "net.js", x, y, loss=loss, optimizer=adam, batch_size=16)
    said = ", an epoch: 50 rows, same bits as the weights of the engine portable"
    assert str(proof.checks[-1]).endswith(said)
    said = printed(
        tmp_path,
        f"const training = new model.Training({x.tolist()}, {y.tolist()});\n"
        "for (let i = 0; i < 20; i++) console.log(training.epoch());\n",
    )
    training = hg.train(
        net, (x, y), loss=loss, optimizer=adam, epochs=20, batch_size=16, rng=0, engine="portable"
    )
    assert [float(line) for line in said.split()] == [report.train_loss for report in training]


def test_names_end_no_comment(tmp_path: Path) -> None:
    x = {"a\u2028b": [1.0, 2.0, 3.0, None] * 8, "c\n'\"`${d}*/": ["x", "y\u2029", "z", "w"] * 8}
    fitted = hg.TabularRegressor(epochs=1, n_members=1, random_state=0)
    fitted.fit(x, np.arange(32.0))
    proof = hg.export(fitted, tmp_path / 'a "2.js')
    assert all(check.holds for check in proof.checks)
    assert 'from "./a \\"2.js";' in proof.path.read_text("utf-8")


@pytest.mark.parametrize("ending", [".js", ".html"])
def test_values_may_read_like_a_program(ending: str, tmp_path: Path) -> None:
    values = [
        "Import (EU)",
        "Export (EU)",
        "import.meta",
        "<!-- none -->",
        "</script>",
        "\\import(",
    ]
    x = {"trade": values * 8, "import (t)": [1.0, 2.0, None] * 16, "<script": [*range(48)]}
    fitted = hg.TabularClassifier(epochs=1, n_members=1, random_state=0)
    fitted.fit(x, values * 8)
    proof = hg.export(fitted, tmp_path / f"net{ending}")
    assert all(check.holds for check in proof.checks)


@needs_node
def test_values_that_read_like_a_program_are_told_apart(tmp_path: Path) -> None:
    values = ["Import (EU)", "Export (EU)", "<script>", "import.meta"]
    fitted = hg.TabularRegressor(epochs=20, n_members=1, random_state=0)
    fitted.fit({"trade": values * 100}, np.arange(400.0) % 4)
    hg.export(fitted, tmp_path / "net.js")
    rows = json.dumps([{"trade": value} for value in values])
    found = json.loads(printed(tmp_path, f"console.log(JSON.stringify(model.predict({rows})));"))
    expected = fitted.predict({"trade": values})
    assert len({*expected}) == 4
    np.testing.assert_allclose(np.ravel(found), expected, rtol=1e-5)


@needs_node
def test_rows_without_a_column_or_with_infinity_are_refused(tmp_path: Path) -> None:
    x = {"a": [1.0, 2.0, 3.0, None] * 8, "so": [True, True, False, False] * 8}
    fitted = hg.TabularRegressor(epochs=2, n_members=1, random_state=0).fit(x, np.arange(32.0))
    hg.export(fitted, tmp_path / "net.js")
    calls = ['{ b: 1, so: "1" }', '{ a: Infinity, so: "1" }', "{ a: {}, so: null }"]
    for call, said in zip(calls, ["no column a", "Infinity in", "in the column a"], strict=True):
        script = f"try {{ model.predict([{call}]) }} catch (e) {{ console.log(e.message); }}"
        assert said in printed(tmp_path, script)
    rows = "[{ a: 1, so: true }, { a: 1, so: 1 }, { a: 1, so: false }]"
    found = json.loads(printed(tmp_path, f"console.log(JSON.stringify(model.predict({rows})));"))
    expected = fitted.predict({"a": [1.0, 1.0, 1.0], "so": [True, True, False]})
    np.testing.assert_allclose(np.ravel(found), expected, rtol=1e-9)


@needs_node
def test_classes_too_large_for_a_number_of_javascript_stay_apart(tmp_path: Path) -> None:
    classes = np.array([2**60, 2**60 + 1])
    mlp = hg.MLPClassifier((2,), solver="lbfgs", max_iter=50, random_state=0)
    fitted = mlp.fit(np.eye(2), classes)
    assert (fitted.predict(np.eye(2)) == classes).all()
    hg.export(fitted, tmp_path / "net.js")
    said = printed(tmp_path, "console.log(model.classify([[1, 0], [0, 1]]).join());")
    assert said == f"{2**60},{2**60 + 1}"
