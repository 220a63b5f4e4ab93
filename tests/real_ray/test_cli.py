"""`handgrad train --workers 2` on a real Ray: the files of a run whose shards one process had."""

import json
from pathlib import Path

import pytest

from tests.cli.run import QUICK, process
from tests.cli.test_resume import contents

pytestmark = pytest.mark.cluster


def test_workers_leave_the_files_of_one_process(tmp_path: Path) -> None:
    mlp = ("--estimator", "mlp", "--layers", "8", "--class-weight", "balanced")
    words = ("train", "iris", *mlp, *QUICK, "--json", "--out")
    for name, workers in (("here", 0), ("there", 2)):
        done = process(*words, tmp_path / name, "--workers", workers, folder=tmp_path)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["settings"]["shards"] == 4
        assert "Maximum iterations (3) reached" in done.stderr
        assert "Traceback" not in done.stderr
    here, there = (contents(tmp_path / name) for name in ("here", "there"))
    for found in (here, there):
        del found["run.json"]["command"]
    assert there == here
