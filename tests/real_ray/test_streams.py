"""Streamed rows on a real Ray: each worker reads its own, and the bits are those of one process."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import handgrad as hg
from handgrad.cluster import fit
from tests.real_ray.training import bits_of
from tests.tables.data.streams import written

pytestmark = pytest.mark.cluster

FEATURES = [f"x{i}" for i in range(6)]


def train(path: Path, workers: int) -> tuple[str, str]:
    """The bits of the net, and what was reported."""
    rows = hg.data.open_table(path, memory="1 MB").rows("y", features=FEATURES)
    net = hg.Net(hg.Linear(6, 8, rng=0), hg.BatchNorm(8), hg.Dropout(0.2), hg.Tanh())
    net.add(hg.Linear(8, 2, rng=1)).add(hg.Softmax())
    job: dict[str, Any] = {"loss": hg.CrossEntropyLoss(), "optimizer": hg.Adam(0.01)}
    job |= {"epochs": 2, "validation": 0.3, "batch_size": 64, "rng": 0, "engine": "compiled"}
    history = fit(net, rows, workers=workers, **job)
    reports = [(r.train_loss, r.validation_loss, r.metrics, r.evaluations) for r in history]
    return bits_of(net), repr(reports)


@pytest.mark.usefixtures("a_ray")
def test_streamed_parquet_has_the_bits_of_one_process(tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(8000, 6)).astype(np.float32)
    columns = dict(zip(FEATURES, x.T, strict=True))
    table = pa.table({**columns, "y": np.where(x[:, 0] > x[:, 1], "a", "b")})
    path = written(table, tmp_path / "a.parquet", 700)
    alone = train(path, 0)
    for workers in (1, 2):
        assert train(path, workers) == alone
