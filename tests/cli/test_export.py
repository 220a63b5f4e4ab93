"""`handgrad export`: a model file as a file that runs without handgrad, and its proof."""

import json
from pathlib import Path

import pytest

import handgrad as hg
from handgrad.exchange.exporting.formats import ENDINGS
from tests.cli.run import handgrad, process
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


def test_a_kind_that_is_none_is_told(saved: Path, tmp_path: Path) -> None:
    done = process("export", saved.name, "model.exe", folder=tmp_path)
    assert done.returncode == 1
    assert "'model.exe' as the file to export to" in done.stderr
    assert ".py (Python that needs only NumPy)" in " ".join(done.stderr.split())
    assert not (tmp_path / "model.exe").exists()


def test_the_help_names_each_kind_of_file() -> None:
    said = handgrad("export", "--help").output
    assert not [ending for ending in ENDINGS if f"*{ending}" not in said]
