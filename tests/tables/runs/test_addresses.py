"""Runs of tables that are named by an address: trained, predicted, evaluated, told again."""

import csv
from pathlib import Path

import numpy as np
import pytest

import handgrad as hg
from handgrad.tables.runs import report_run
from tests.bad_input.refused import refused


def flowers(folder: Path) -> str:
    """The address of a small table."""
    rng = np.random.default_rng(0)
    rows = [f"{x},{'u' if x > 0 else 'v'}" for x in rng.normal(size=60).round(3)]
    (folder / "flowers 1.csv").write_text("\n".join(["width,kind", *rows]))
    return f"file://{folder}/flowers 1.csv"


@pytest.mark.filterwarnings("ignore:column “width”. it alone predicts 98.3%")
def test_a_run_of_an_address_is_that_of_the_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = flowers(tmp_path)
    path = address.removeprefix("file://")
    here, there = (
        hg.tables.train_table(source, "kind", epochs=2, report=False, out=tmp_path / name)
        for source, name in ((path, "here"), (address, "there"))
    )
    assert there.scores == here.scores
    assert there.record["data"]["name"] == here.record["data"]["name"] == "flowers 1"
    (file,) = there.record["data"]["files"]
    assert file["path"] == address
    with (there.folder / "held_out.csv").open() as rows:
        assert {row["file"] for row in csv.DictReader(rows)} == {address}
    monkeypatch.chdir(tmp_path)
    assert there.settings.data == address
    assert report_run(there.folder).stat().st_size > 10_000
    model = there.folder / "model.safetensors"
    assert (
        hg.tables.evaluate_table(model, address).scores
        == hg.tables.evaluate_table(model, path).scores
    )
    Path(path).write_text(Path(path).read_text() + "\n1,u")
    with refused(hg.errors.DataError, f"{address} has changed since the run"):
        report_run(there.folder)


def test_a_run_is_written_on_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with refused(
        hg.errors.FileError, "on another filesystem", "a folder on this machine", "out='run'"
    ):
        hg.tables.train_table("iris", out=Path("s3://bucket/run"))
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize("memory", ["1 MB", "1 GB"])
def test_an_address_that_is_not_there_is_refused(memory: str, tmp_path: Path) -> None:
    with refused(
        hg.errors.FileError, f"file://{tmp_path}/flowers: no such file", "check the spelling"
    ):
        hg.tables.train_table(f"file://{tmp_path}/flowers", "kind", memory=memory)
