"""Checkpoints of a training on streamed rows: from each of them it ends with the same bits."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file

import handgrad as hg
from handgrad.tables.data.csv_file import CsvFile
from handgrad.tables.data.parquet_file import ParquetFile
from tests.bad_input.refused import refused
from tests.files.checkpoint_fuzz import sealed
from tests.tables.data.streams import stream_of, written
from tests.training.by_hand import assert_same_state
from tests.training.test_checkpoints import figures
from tests.training.test_streamed import a_net, rows_of, table

EPOCHS = 3


def training(net: hg.Net, rows: hg.data.StreamedRows, **given: Any) -> Any:
    usual: dict[str, Any] = {"loss": hg.CrossEntropyLoss(), "optimizer": hg.Adam(0.05)}
    usual |= {"epochs": EPOCHS, "batch_size": 8, "rng": 0, "engine": "eager"}
    others, held = rows.split(0.2, 0)
    return hg.train(net, others, validation=held, **usual | given)


def begun_in(path: Path) -> int:
    """How many rows of an epoch had been visited when a checkpoint was written."""
    return int(path.stem.split("-")[2])


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
@pytest.mark.parametrize("engine", ["eager", "compiled"])
@pytest.mark.parametrize("shuffle", [True, False])
def test_from_every_checkpoint_the_training_ends_with_the_same_bits(
    shuffle: bool, engine: str, suffix: str, tmp_path: Path
) -> None:
    rows = rows_of(400, tmp_path, memory=20_000, suffix=suffix)
    options: dict[str, Any] = {"engine": engine, "shuffle": shuffle}
    options["schedule"] = hg.schedules.cosine()
    expected, net = a_net(), a_net()
    reference = hg.training.History([*training(expected, rows, **options)])
    kept = hg.training.checkpoints(
        training(net, rows, **options), tmp_path / "all", seconds=0, keep=10**6
    )
    assert [report.epoch for report in kept] == [1, 2, 3]
    assert figures(kept.history) == figures(reference)
    assert_same_state(net, expected.state())
    files = sorted((tmp_path / "all").glob("epoch-*"))
    assert len([path for path in files if begun_in(path)]) > 2 * EPOCHS
    for i, path in enumerate(files):
        folder = tmp_path / str(i)
        folder.mkdir()
        shutil.copy(path, folder)
        net = a_net()
        resumed = hg.training.checkpoints(training(net, rows, **options), folder, resume=True)
        assert [report.epoch for report in resumed] == [
            *range(int(path.name.split("-")[1]) + 1, EPOCHS + 1)
        ]
        assert figures(resumed.history) == figures(reference)
        assert_same_state(net, expected.state())


def test_fit_resumes_on_streamed_rows(tmp_path: Path) -> None:
    rows = rows_of(400, tmp_path, memory=20_000)
    options: dict[str, Any] = {"loss": hg.CrossEntropyLoss(), "optimizer": hg.SGD(0.1), "rng": 0}
    options |= {"validation": 0.2, "batch_size": 8, "engine": "eager"}
    expected, first, net = a_net(), a_net(), a_net()
    reference = hg.fit(expected, rows, epochs=4, **options)
    hg.fit(first, rows, epochs=2, checkpoint=tmp_path / "c", **options)
    found = hg.fit(net, rows, epochs=4, checkpoint=tmp_path / "c", resume=True, **options)
    assert figures(found) == figures(reference)
    assert_same_state(net, expected.state())


def test_other_rows_and_another_memory_are_refused(tmp_path: Path) -> None:
    rows = rows_of(400, tmp_path, memory=20_000)
    assert [*hg.training.checkpoints(training(a_net(), rows), tmp_path / "c")]
    net = a_net()
    other = rows_of(401, tmp_path, memory=20_000)
    with refused(hg.errors.SettingError, "training data differ", "the same rows", net=net):
        hg.training.checkpoints(training(net, other), tmp_path / "c", resume=True)
    more = rows_of(400, tmp_path, memory=30_000)
    with refused(hg.errors.SettingError, "rows at a time 72, but", "had 48", net=net):
        hg.training.checkpoints(training(net, more), tmp_path / "c", resume=True)


@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_other_rows_are_refused_without_reading_all(
    suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def rows_with(a: Any) -> hg.data.StreamedRows:
        path = written(table(400).set_column(0, "a", pa.array(a)), file, 20)
        return stream_of(path, piece=300, memory=20_000).rows("y", features=["a", "b"])

    file, a = (tmp_path / "a").with_suffix(suffix), np.arange(400) / 400
    assert [*hg.training.checkpoints(training(a_net(), rows_with(a)), tmp_path / "c")]
    read: list[int] = []
    kind: Any = ParquetFile if suffix == ".parquet" else CsvFile
    original = kind.read

    def noted(self: Any, part: Any, *rest: Any) -> Any:
        read.append(part.begin)
        return original(self, part, *rest)

    monkeypatch.setattr(kind, "read", noted)
    again, net = training(a_net(), rows_with(a)), a_net()
    read.clear()
    hg.training.checkpoints(again, tmp_path / "c", resume=True)
    assert len(read) <= 6  # three of the rows to train on, three of the validation
    a[111] += 0.001 if suffix == ".csv" else 1  # what a footer does not tell is not seen
    with refused(hg.errors.SettingError, "training data differ", "the same rows", net=net):
        hg.training.checkpoints(training(net, rows_with(a)), tmp_path / "c", resume=True)


def test_rows_left_out_by_other_rules_are_refused(tmp_path: Path) -> None:
    whole = rows_of(400, tmp_path, memory=20_000)
    rows, others = (whole.split(0.5, seed)[0] for seed in (0, 1))
    options: dict[str, Any] = {"loss": hg.CrossEntropyLoss(), "optimizer": hg.Adam(0.05)}
    options |= {"epochs": 1, "batch_size": 9, "rng": 0}
    assert [*hg.training.checkpoints(hg.train(a_net(), rows, **options), tmp_path / "c")]
    with refused(hg.errors.SettingError, "training data differ", "the same rows"):
        hg.training.checkpoints(hg.train(a_net(), others, **options), tmp_path / "c", resume=True)


def test_a_checkpoint_of_an_epoch_that_cannot_have_begun_so_is_refused(tmp_path: Path) -> None:
    rows = rows_of(400, tmp_path, memory=20_000)
    kept = hg.training.checkpoints(training(a_net(), rows), tmp_path, seconds=0, keep=10**6)
    assert next(kept).epoch == 1
    path = next(path for path in sorted(tmp_path.glob("epoch-*")) if begun_in(path))
    for other in tmp_path.glob("epoch-*"):
        if other != path:
            other.unlink()
    with safe_open(path, "numpy") as file:
        about = file.metadata()
    arrays, told = load_file(path), json.loads(about["state"])
    assert told["values"]["so_far"][0] == 48
    net = a_net()
    for name in ("predictions", "targets"):
        path.write_bytes(sealed(arrays | {name: arrays[name][1:]}, about))
        with refused(hg.errors.FileError, f"{path}: ", "where 10 were kept", net=net):
            hg.training.checkpoints(training(net, rows), tmp_path, resume=True)
    for visited in (47, 4800):
        told["values"]["so_far"][0] = visited
        path.write_bytes(sealed(arrays, about | {"state": json.dumps(told)}))
        with refused(
            hg.errors.FileError, f"{path}: ", f"with {visited} rows in buffers of 48", net=net
        ):
            hg.training.checkpoints(training(net, rows), tmp_path, resume=True)
