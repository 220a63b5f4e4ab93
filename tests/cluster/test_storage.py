"""The storage of a training on workers: paths and URIs, and what an interruption leaves there."""

import json
from pathlib import Path
from typing import Any

import pytest

import handgrad as hg
from handgrad.cluster import fit
from handgrad.cluster.run import Cluster
from handgrad.cluster.storage import RECORD, recovered_checkpoint, storage_path


@pytest.mark.parametrize(
    ("storage", "place"),
    [
        ("s3://bucket/runs?region=eu", "s3://bucket/runs?region=eu"),
        (Path("s3://bucket/runs"), "s3://bucket/runs"),
        ("file:///shared/runs", "/shared/runs"),
        (Path("file:///shared/runs"), "/shared/runs"),
        ("/shared/my runs", "/shared/my runs"),
        ("runs", str(Path.cwd() / "runs")),
        ("~/runs", str(Path.home() / "runs")),
    ],
)
def test_a_place_is_a_uri_or_a_whole_path(storage: str | Path, place: str) -> None:
    assert storage_path(storage) == place


def test_this_process_keeps_its_checkpoints_in_a_folder(tmp_path: Path) -> None:
    own: dict[str, Any] = {"workers": 0, "cores": 1, "address": None}
    assert Cluster(storage=f"file://{tmp_path}", name="a", **own).folder == tmp_path / "a"
    with pytest.raises(
        hg.errors.SettingError, match=r"s3://a' with workers=0\n.*a folder\n.*workers=1"
    ):
        _ = Cluster(storage=Path("s3://a"), name="a", **own).folder


@pytest.fixture
def left(tmp_path: Path) -> Path:
    """What Ray Train leaves of a training: three checkpoints, the newest half written."""
    root = tmp_path / "a"
    x, y = hg.data.make_moons(rng=0)
    for number in (1, 2, 3):
        net = hg.Net(hg.Linear(2, 2, rng=0), hg.Softmax())
        job: dict[str, Any] = {"loss": hg.CrossEntropyLoss(), "optimizer": hg.SGD(0.1)}
        folder = root / f"checkpoint_2026-11-26_00-00-0{number}"
        hg.fit(net, (x, y), epochs=number, checkpoint=folder, rng=0, **job)
    for state in folder.glob("epoch-*"):
        state.write_bytes(state.read_bytes()[:1000])
    return root


def record(*names: str) -> str:
    return json.dumps({"checkpoint_results": [{"checkpoint_dir_name": name} for name in names]})


@pytest.mark.parametrize(
    "content", ["", record("a")[:20], "{}", "[]", record("checkpoint_that_was_deleted")]
)
def test_behind_a_damaged_record_the_newest_whole_checkpoint_is_found(
    content: str, left: Path
) -> None:
    (left / RECORD).write_text(content)
    found = recovered_checkpoint(str(left.parent), "a")
    assert found is not None
    assert Path(found[0]).name == "checkpoint_2026-11-26_00-00-02"
    assert not (left / RECORD).exists()
    assert (left / f"{RECORD}.damaged").read_text() == content


def test_a_record_that_can_be_read_is_rays_and_what_it_does_not_name_goes(left: Path) -> None:
    content = record("checkpoint_2026-11-26_00-00-01", "checkpoint_2026-11-26_00-00-02")
    (left / RECORD).write_text(content)
    assert recovered_checkpoint(str(left.parent), "a") is None
    assert (left / RECORD).read_text() == content
    kept = sorted(path.name for path in left.iterdir() if path.is_dir())
    assert kept == [f"checkpoint_2026-11-26_00-00-0{n}" for n in (1, 2)]


def test_without_a_record_nothing_is_known(left: Path) -> None:
    assert recovered_checkpoint(str(left.parent), "a") is None
    assert recovered_checkpoint(str(left.parent), "another") is None
    assert len([*left.glob("checkpoint_*")]) == 3


def test_a_place_that_is_none_is_told_in_three_parts() -> None:
    with pytest.raises(hg.HandgradError, match=r"^foo://a: no file system.*\n.*\n.*s3://"):
        recovered_checkpoint("foo://a", "a")


def test_a_training_here_goes_on_in_its_folder(tmp_path: Path) -> None:
    x, y = hg.data.make_moons(rng=0)
    job: dict[str, Any] = {"loss": hg.CrossEntropyLoss(), "optimizer": hg.SGD(0.1), "rng": 0}
    for epochs in (2, 5):
        net = hg.Net(hg.Linear(2, 2, rng=0), hg.Softmax())
        history = fit(net, (x, y), epochs=epochs, storage=f"file://{tmp_path}", name="a", **job)
        assert len(history) == epochs
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
