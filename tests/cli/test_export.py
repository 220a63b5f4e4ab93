"""`handgrad export`: a model file as a file that runs without handgrad, and its proof."""

import json
import re
from pathlib import Path

import pytest

import handgrad as hg
from handgrad.exchange.exporting.formats import ENDINGS
from tests.cli.run import QUICK, handgrad, process, record
from tests.exchange.exporting.models import model


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """The file of a model of tables."""
    path = tmp_path / "model.safetensors"
    hg.save(model("table of classes"), path)
    return path


def test_the_proof_is_printed(saved: Path, tmp_path: Path) -> None:
    to = tmp_path / "model.py"
    lines = handgrad("export", saved, to).stdout.splitlines()
    assert lines[0] == f"{to}, {to.stat().st_size:,} bytes"
    assert "64 rows, same bits as the layers" in lines[1]
    assert "predict" in lines[2]


def test_for_machines_it_is_json(saved: Path, tmp_path: Path) -> None:
    to = tmp_path / "model.py"
    found = json.loads(handgrad("export", saved, to, "--json").stdout)
    assert (found["file"], found["bytes"]) == (str(to), to.stat().st_size)
    assert [check["against"] for check in found["checks"]] == ["the layers", "predict"]
    assert found["checks"][0]["same_bits"]


@pytest.mark.slow
def test_a_kind_that_is_none_is_told(saved: Path, tmp_path: Path) -> None:
    done = process("export", saved.name, "model.exe", folder=tmp_path)
    assert done.returncode == 1
    assert "'model.exe' as the file to export to" in done.stderr
    assert ".py (Python that needs only NumPy)" in " ".join(done.stderr.split())
    assert not (tmp_path / "model.exe").exists()


def test_the_help_names_each_kind_of_file() -> None:
    said = handgrad("export", "--help").output
    assert not [ending for ending in ENDINGS if f"*{ending}" not in said]


@pytest.mark.slow
def test_the_page_of_a_run_tells_target_data_and_score(tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert handgrad("train", "iris", *QUICK, "--out", run).exit_code == 0
    page = tmp_path / "page.html"
    assert handgrad("export", run / "model.safetensors", page).exit_code == 0
    scores = record(run)
    scored = scores["scores"]["held_out"]["accuracy"], scores["intervals"]["scores"]["accuracy"]
    names = {"target": "target", "data": "iris", "metric": "accuracy"}
    about = names | dict(zip(("score", "between"), scored, strict=True)) | {"rows": 30}
    assert about_in(page) == about
    (run / "run.json").write_text("{}")
    assert handgrad("export", run / "model.safetensors", page).exit_code == 0
    assert about_in(page)["target"] == "target"
    assert about_in(page)["score"] is None


def about_in(page: Path) -> dict[str, object]:
    """The facts in the data of a page."""
    found = re.search(r'id="data">(.*?)</script>', page.read_text("utf-8"), re.S)
    assert found is not None
    about: dict[str, object] = json.loads(found[1])["about"]
    return about
