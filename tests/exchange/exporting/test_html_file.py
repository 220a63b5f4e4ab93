"""The page of a model: one file, whose scripts are its own, with the answers of the model."""

import base64
import hashlib
import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import handgrad as hg
from handgrad.engines.portable.model import portable_model
from handgrad.engines.portable.printing.javascript_module import javascript_module
from handgrad.exchange.exporting import Proof, TrainSpec, model_spec_of
from handgrad.exchange.exporting.portable.node import run_in_node
from handgrad.exchange.exporting.portable.page_data import PAGE as FOLDER
from handgrad.exchange.exporting.portable.page_data import page_data
from handgrad.exchange.exporting.portable.programs import (
    encoder_of,
    encoding_module,
    portable_of,
)
from handgrad.files.cell_patterns import MONTHS, reading
from handgrad.files.features import CYCLES_OF_TEXT
from handgrad.files.html import page_words
from handgrad.files.scripts import inlined
from handgrad.files.web import WEB
from tests.bad_input.refused import refused
from tests.exchange.exporting.models import NAMES, OF_TABLES, classes, matrix, model, table
from tests.tables.reporting.pages import QUICK, evil

needs_node = pytest.mark.skipif(not shutil.which("node"), reason="there is no node here")


class Scripts(HTMLParser):
    """The scripts and the style of a page, by type, and the policy that allows them."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.texts: dict[str, str] = {}
        self.addresses: list[str] = []
        self.policy, self._inside = "", ""
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag: str, attributes: Any) -> None:
        given = dict(attributes)
        self._inside = {"script": given.get("type", "script"), "style": "style"}.get(tag, "")
        self.addresses += [given[key] for key in ("src", "href") if key in given]
        if given.get("http-equiv") == "Content-Security-Policy":
            self.policy = given["content"]

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside:
            assert self._inside not in self.texts
            self.texts[self._inside] = data


def _of_page(main: str, **given: str) -> str:
    """A script of `main`, which has what the page trains with, and the module of a net."""
    made = {f"{FOLDER}/{name}.js": text for name, text in given.items()}
    imports = "".join(f'import {{ {name} }} from "./{name}.js";\n' for name in given)
    imports += 'import { rowsIn } from "./packed.js";\n'
    imports += 'import { rowsInText } from "./training.js";\n'
    path = f"{FOLDER}/tried.js"
    return inlined(path, made | {path: imports + main})


def exported(folder: Path, name: str) -> tuple[Proof, Scripts]:
    proof = hg.export(model(name), folder / "net.html")
    return proof, Scripts(proof.path)


@needs_node
@pytest.mark.parametrize("name", NAMES)
def test_it_is_proved_by_the_rows_that_travel_with_it(name: str, tmp_path: Path) -> None:
    proof, _ = exported(tmp_path, name)
    of_portable, of_predict = proof.checks
    assert of_portable.rows == of_predict.rows == 64
    assert of_portable.same_bits or name in OF_TABLES  # whose dates have sines
    assert of_portable.relative <= of_portable.most


@needs_node
def test_rows_of_any_shape_are_numbers_one_after_the_other(tmp_path: Path) -> None:
    net = hg.Net(hg.tables.EnsembleLinear(3, 2, 4, rng=0), hg.Tanh())
    assert hg.export(net, tmp_path / "net.html").checks[0].same_bits
    data = json.loads(Scripts(tmp_path / "net.html").texts["application/json"])
    assert [column["name"] for column in data["columns"]] == [f"x{i}" for i in range(12)]
    assert {len(row) for row in data["examples"]} == {12}
    assert {len(answer) for answer in data["proof"]["answers"]} == {8}


def test_without_node_that_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    proof, _ = exported(tmp_path, "net")
    absent, portable = proof.checks
    assert str(absent) == "node: not run, there is no node 18 or later here"
    assert portable.against == "predict"
    assert portable.rows > 0


def test_it_allows_its_own_script_and_style_and_nothing_else(tmp_path: Path) -> None:
    _, scripts = exported(tmp_path, "table of classes")
    assert scripts.addresses == []
    assert "import " not in re.sub(r"//.*", "", scripts.texts["module"])

    def name_of(kind: str) -> str:
        digest = hashlib.sha256(scripts.texts[kind].encode()).digest()
        return f"'sha256-{base64.b64encode(digest).decode()}'"

    assert scripts.policy.split("; ") == [
        "default-src 'none'",
        f"style-src {name_of('style')}",
        f"script-src {name_of('module')}",
    ]


@needs_node
@pytest.mark.parametrize("name", ["net", "table of numbers"])
def test_its_modules_are_one_script_without_names_twice(name: str, tmp_path: Path) -> None:
    _, scripts = exported(tmp_path, name)
    path = tmp_path / "script.mjs"
    path.write_text(scripts.texts["module"], "utf-8")
    done = subprocess.run(["node", "--check", path], capture_output=True, text=True)
    assert done.stderr == ""


def test_names_and_values_come_through_as_they_are(tmp_path: Path) -> None:
    x, y = evil()
    fitted = hg.TabularClassifier(**QUICK).fit(x, y)
    hg.export(fitted, tmp_path / "evil.html")
    data = json.loads(Scripts(tmp_path / "evil.html").texts["application/json"])
    assert [column["name"] for column in data["columns"]] == [*x.columns]
    assert data["classes"] == [*fitted.classes_]


def test_target_data_and_score_are_told(tmp_path: Path) -> None:
    x, y = evil()
    fitted = hg.TabularClassifier(**QUICK).fit(x, y)
    facts = {"target": "</title>left", "data": "customers", "metric": "accuracy", "score": 0.9}
    hg.export(fitted, tmp_path / "page.html", about=facts | {"rows": 20, "between": (0.8, 1.0)})
    page = Scripts(tmp_path / "page.html")
    about = json.loads(page.texts["application/json"])["about"]
    assert about == facts | {"rows": 20, "between": [0.8, 1.0]}
    assert "<title>Prediction of &lt;/title&gt;left</title>" in (tmp_path / "page.html").read_text()


@pytest.mark.parametrize(
    "about", [{"author": "me"}, {"target": 3}, {"score": np.nan}, {"between": [1]}, {"rows": "9"}]
)
def test_facts_of_another_kind_are_refused(about: dict[str, object], tmp_path: Path) -> None:
    net = hg.Net(hg.Linear(2, 3, rng=0))
    with refused(hg.errors.SettingError, "about has "):
        hg.export(net, tmp_path / "net.html", about=about)
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize("folder", ["model", "writer"])
def test_every_sentence_is_there_in_each_language(folder: str) -> None:
    place, words = WEB / folder, page_words(folder)
    assert words["en"].keys() == words["zh"].keys()
    files = [*place.iterdir(), *(WEB / "shared").iterdir()]
    scripts = "".join(p.read_text("utf-8") for p in files if p.suffix in (".js", ".html"))
    for key, sentence in words["en"].items():
        named = re.findall(r"\{(\w+)\}", sentence)
        assert sorted(named) == sorted(re.findall(r"\{(\w+)\}", words["zh"][key])), key
        used = key.startswith(
            ("kind_", "title_", "metric_", "camera_", "block_", "text_")
        ) or key in (
            "language",
            "locale",
            "dmy",
            "mdy",
            "ymd",
            *(f"expected_{cycle}" for cycle in CYCLES_OF_TEXT),
        )
        assert used or re.search(rf"[\"']{key}[\"']|words\.\w+\.{key}\b", scripts), key


def test_rows_to_begin_with_are_written_as_the_training_had_them() -> None:
    table = {
        "paid": ["1.234,50 €", "12,25 €", "7,00 €", "100,75 €"] * 30,
        "day": ["31.01.2024", "15.02.2023", "01.12.2024", "09.09.2022"] * 30,
        "n": [1, 2, 3, 4] * 30,
        "at": ["14:30", "8:05", "19:45", "2:00"] * 30,
        "in": ["März", "Mai", "Juni", "Juli"] * 30,
    }
    fitted = hg.TabularRegressor(1, epochs=1, random_state=0).fit(table, np.arange(120.0))
    spec = model_spec_of(fitted)
    rows = page_data(spec, spec.answers)["examples"]
    assert len(rows) == 12
    for paid, day, n, at, month in rows:
        assert re.fullmatch(r"-?\d+(,\d+)?", paid)
        assert re.fullmatch(r"\d\d\.\d\d\.\d{4}", day)
        assert re.fullmatch(r"-?\d+(\.\d+)?", n)
        assert re.fullmatch(r"\d+:\d\d", at)
        assert month.lower() in {names.split()[0] for names in MONTHS}


@needs_node
def test_it_trains_as_python_does() -> None:
    x, y = matrix().astype(np.float32) / 100, np.arange(len(matrix())) % 2
    net = hg.Net(
        hg.Linear(3, 4, rng=0), hg.Tanh(), hg.Dropout(0.2), hg.Linear(4, 2, rng=1), hg.Softmax()
    )
    loss, optimizer = hg.CrossEntropyLoss(), hg.SGD(0.1)
    given: dict[str, Any] = {"loss": loss, "optimizer": optimizer, "batch_size": 16}
    module = javascript_module(portable_model(net, x=x, y=y, **given))
    data = page_data(model_spec_of(net), x, TrainSpec(loss, optimizer, x, y, 16))
    main = (
        "export const main = ({ x, y }) => { const t = new Training(rowsIn(x), rowsIn(y));"
        " return [t.epoch(), t.epoch(), t.epoch()]; };"
    )
    losses = run_in_node(_of_page(main, Training=module), data["training"])
    trained = hg.train(net, (x, y), **given, epochs=3, rng=0, engine="portable")
    assert losses == [report.train_loss for report in trained]


@needs_node
@pytest.mark.parametrize("of_classes", [True, False])
def test_contributions_are_pythons(of_classes: bool, tmp_path: Path) -> None:
    x = {name: cells for name, cells in table().items() if name != "same"}
    fitted: Any
    if of_classes:
        fitted = hg.TabularClassifier(2, epochs=2, random_state=0).fit(x, classes())
    else:
        fitted = hg.TabularRegressor(2, epochs=2, random_state=0).fit(x, matrix()[:, 1])
    hg.export(fitted, tmp_path / "net.html")
    data = json.loads(Scripts(tmp_path / "net.html").texts["application/json"])
    spec = model_spec_of(fitted)
    path = f"{FOLDER}/tried.js"
    made = {
        f"{FOLDER}/net.js": javascript_module(portable_of(spec, None), packed=True),
        f"{FOLDER}/encoding.js": encoding_module(encoder_of(spec)),
        path: """
import { contributionsOf } from "./contributions.js";
import { cellRead, encodedRow } from "./table.js";
import { predict } from "./net.js";
export const main = ({ row, columns, reading, orders, examples }) => {
  const valuesOf = (cells) => cells.map((text, i) => cellRead(columns[i], text, reading).value);
  const outputOf = (values) => predict([encodedRow(columns, values)])[0].at(-1);
  const steps = contributionsOf(valuesOf(row), examples.map(valuesOf), orders, outputOf);
  for (;;) { const { value, done } = steps.next(); if (done) return value; }
};
""",
    }
    row = ["12.5", "Ulm", "90.5", "m", "z7", "2022-03-15T10:15:00"]
    found = run_in_node(inlined(path, made), data | {"row": row})
    columns = [name for name in x if name in spec.columns]
    of_row, background = (
        dict(zip(columns, zip(*rows, strict=True), strict=True))
        for rows in ([row], data["examples"])
    )
    given: dict[str, Any] = {"max_exact": 1, "n_repeats": 2, "rng": 0}
    expected = hg.tables.contributions(fitted, of_row, background, **given)
    np.testing.assert_allclose(found, expected.values[0, :, -1], rtol=1e-9, atol=1e-12)
    assert np.abs(found).max() > 0.001


@needs_node
def test_rows_in_text_are_read_line_by_line() -> None:
    main = (
        "export const main = ({ texts, reading }) =>"
        " texts.map((text) => rowsInText(text, { x: 2, y: 1 }, reading));"
    )
    texts = ["1 2 0\n\n3.5,-4\t1\n", "1 2 0\n1 2", "1 x 0", ""]
    found = run_in_node(_of_page(main), {"texts": texts, "reading": reading()})
    assert found == [
        {"x": [[1, 2], [3.5, -4]], "y": [[0], [1]]},
        {"line": 2, "text": "1 2"},
        {"line": 1, "text": "1 x 0"},
        {"x": [], "y": []},
    ]
