"""Parts of an epoch: as long as the first worker needs for some seconds, for all workers alike."""

import time
from typing import Any

import numpy as np
import pytest

import handgrad as hg
from handgrad.engines import data_parallel
from handgrad.engines.sharding import Sharding
from tests.cluster.threads import on_workers


class Slow(hg.MSELoss):
    """The loss, which takes its time."""

    seconds = 0.0

    def forward(self, p, y, sample_weight=None):  # type: ignore[no-untyped-def]
        time.sleep(self.seconds)
        return super().forward(p, y, sample_weight)


@pytest.mark.parametrize("sync_every", [1, 3])
def test_a_slow_pass_can_be_interrupted_more_often(
    sync_every: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    x = np.random.default_rng(0).normal(size=(120, 3)).astype(np.float32)

    def run(seconds: float, sharding: Sharding) -> tuple[bytes, list[int]]:
        """The bits of the net and of what it predicted on the way, and after which rows."""
        net, loss, seen = hg.Net(hg.Linear(3, 1, rng=0)), Slow(), list[int]()
        loss.seconds = seconds if sharding.exchange.rank == 0 else 0.0
        job: Any = {"loss": loss, "optimizer": hg.Adam(0.01), "epochs": 2, "batch_size": 4}
        job |= {"engine": "eager", "sharding": sharding}
        training = hg.train(net, (x, x[:, :1]), rng=0, **job)
        training.loop.within_epoch.append(lambda share: seen.append(round(share * len(x))))
        found = [repr((report.train_loss, report.train_metrics)) for report in training]
        return net.parameters.tobytes() + repr(found).encode(), seen

    monkeypatch.setattr(data_parallel, "SECONDS", 60.0)
    fast = on_workers(lambda own: run(0.0, own), 2, sync_every=sync_every)
    monkeypatch.setattr(data_parallel, "SECONDS", 0.04)
    slow = on_workers(lambda own: run(0.01, own), 2, sync_every=sync_every)
    (alone,) = on_workers(lambda own: run(0.0, own), 1, sync_every=sync_every)
    assert {bits for bits, _ in (*slow, *fast)} == {alone[0]}
    assert slow[0][1] == slow[1][1]
    assert fast[0][1] == fast[1][1] == [4 * sync_every]
    assert len(slow[0][1]) > 5
