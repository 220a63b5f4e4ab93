"""What workers fail of: tried again or not, and in which words it reaches whoever called."""

import errno
import os
from pathlib import Path

import pytest
from pyarrow.fs import LocalFileSystem
from ray.exceptions import ActorDiedError, OutOfMemoryError
from ray.train import Checkpoint, ControllerError, WorkerGroupError
from xgboost.core import XGBoostError

import handgrad as hg
from handgrad.cluster.failures import explain, is_transient, located, permanent
from handgrad.cluster.worker import _copy
from handgrad.textbook.errors import FileError

pytestmark = pytest.mark.cluster


@pytest.mark.parametrize(
    "error", [ActorDiedError(), XGBoostError("closed"), OSError("no answer"), ConnectionError("no")]
)
def test_what_another_workers_death_brings_about_is_tried_again(error: Exception) -> None:
    assert permanent(error, "s3://a") is error
    assert is_transient(error)


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (MemoryError("Unable to allocate 3 TiB"), r"3 TiB\n.*\n.*batch_size"),
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), r"s3://a: No space.*\n.*\n.*more space"),
        (PermissionError(errno.EACCES, "denied"), r"s3://a: denied\n.*every node"),
        (RuntimeError("Unable to set up cluster storage with"), r"cannot access\n.*\n.*/shared"),
    ],
)
def test_what_would_be_the_same_again_is_told_in_three_parts(error: Exception, told: str) -> None:
    found = located(permanent(error, "s3://a"), "worker 2 of 4, 10.0.0.7")
    assert not is_transient(found)
    with pytest.raises(hg.HandgradError, match=f"^worker 2 of 4, 10.0.0.7: .*{told}"):
        raise found


class OwnError(Exception):
    """An error that cannot be made from what it says."""

    def __init__(self, a: int, b: int) -> None:
        super().__init__(f"{a} and {b}")


def raised(error: Exception) -> Exception:
    try:
        raise error
    except Exception as same:
        return same


def test_an_error_of_ones_own_code_stays_what_it_is_with_its_place_and_lines() -> None:
    found = located(raised(KeyError("y")), "worker 2 of 4")
    assert type(found) is KeyError
    assert "in worker 2 of 4" in found.__notes__[0]
    assert "raise error" in found.__notes__[0]
    with pytest.raises(
        hg.HandgradError, match=r"^worker 2 of 4: OwnError: 1 and 2\n(.*\n)*.*raise err"
    ):
        raise located(raised(OwnError(1, 2)), "worker 2 of 4")


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (WorkerGroupError("", {1: OutOfMemoryError("killed")}), r"^worker 2 .*ran out of memory"),
        (WorkerGroupError("", {0: ActorDiedError()}), r"failed 11 times.*worker 1: .*\n.*10 times"),
        (
            ControllerError(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))),
            r"storage cannot be written to: No space left.*\n.*\n.*resumes from the last",
        ),
        (ControllerError(ValueError("odd")), r"Ray Train has failed: odd\n.*\n.*ray status"),
        (OutOfMemoryError("killed"), r"ended the training.*ran out of memory\n.*\n.*batch_size"),
        (RuntimeError("one\ntwo"), r"Ray Train has failed: two\n.*\n.*ray status"),
    ],
)
def test_what_ray_gives_up_for_is_told_in_three_parts(error: Exception, told: str) -> None:
    with pytest.raises(hg.HandgradError, match=told):
        raise explain(error)


def test_a_file_error_is_no_os_error_that_passes() -> None:
    assert not is_transient(FileError("a", "b", "c"))


def test_a_checkpoint_that_a_node_does_not_see_yet_is_looked_for_again(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="not seen yet") as error:
        _copy(Checkpoint(str(tmp_path / "a"), LocalFileSystem()), str(tmp_path))
    assert is_transient(error.value)
