"""Streamed rows in shards: each worker reads its own, and the bits are those of one process."""

from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

import handgrad as hg
from handgrad.cluster.worker import EstimatorJob
from handgrad.engines.sharding import Sharding
from handgrad.engines.streams import RowSource
from tests.cluster.threads import on_workers
from tests.tables.data.streams import stream_of, written

FEATURES = [f"x{i}" for i in range(6)]


def table(n: int) -> pa.Table:
    x = np.random.default_rng(n).normal(size=(n, 6)).astype(np.float32)
    y = np.where(x[:, 0] > x[:, 1], "a", "b")
    return pa.table({**dict(zip(FEATURES, x.T, strict=True)), "i": np.arange(n), "y": y})


def stream(
    folder: Path, n: int = 413, *, suffix: str = ".parquet", memory: int = 16_000
) -> hg.data.TableStream:
    """Rows in row groups of uneven sizes, in pieces of a few rows."""
    path = (folder / "a").with_suffix(suffix)
    if suffix == ".csv":
        written(table(n), path)
    else:
        with parquet.ParquetWriter(path, table(n).schema) as writer:
            for i, begin in enumerate(range(0, n, 20)):
                group, first = table(n).slice(begin, 20), 1 + i % 19
                for part in (group.slice(0, first), group.slice(first)):
                    if part.num_rows:
                        writer.write_table(part)
    return stream_of(path, piece=300, memory=memory)


def a_net(*, batch_norm: bool = False) -> hg.Net:
    between = [hg.BatchNorm(8)] if batch_norm else []
    layers = hg.Linear(6, 8, rng=0), *between, hg.Dropout(0.2), hg.Tanh()
    return hg.Net(*layers, hg.Linear(8, 2, rng=1), hg.Softmax())


def trained(data: Any, net: hg.Net | None = None, **settings: Any) -> tuple[bytes, str]:
    """The bits of parameters and running state, and what was reported."""
    usual: dict[str, Any] = {
        "optimizer": hg.Adam(0.01),
        "schedule": hg.schedules.cosine(),
        "epochs": 3,
        "batch_size": 8,
        "validation": 0.1,
        "engine": "eager",
    }
    net = net or a_net()
    history = hg.fit(net, data, loss=hg.CrossEntropyLoss(), rng=0, **usual | settings)
    reports = [(r.train_loss, r.validation_loss, r.metrics, r.evaluations) for r in history]
    return net.parameters.tobytes() + net.running_state.tobytes(), repr(reports)


@pytest.mark.slow
@pytest.mark.parametrize("sync_every", [1, 2])
@pytest.mark.parametrize("engine", ["eager", "compiled"])
@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_the_bits_do_not_depend_on_the_number_of_workers(
    suffix: str, engine: str, sync_every: int, tmp_path: Path
) -> None:
    rows = stream(tmp_path, suffix=suffix).rows("y", features=FEATURES)

    def run(sharding: Sharding) -> tuple[bytes, str]:
        job: Any = {"batch_size": 16, "engine": engine, "sharding": sharding}
        return trained(rows, a_net(batch_norm=True), **job)

    (alone,) = on_workers(run, 1, sync_every=sync_every)
    for workers in (2, 3, 4, 5):
        assert set(on_workers(run, workers, sync_every=sync_every)) == {alone}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("n", "batch_size", "shards"),
    [(61, 8, 4), (57, 8, 4), (58, 8, 3), (60, 3, 4), (400, 1, 2), (399, 7, 6)],
)
def test_nor_where_batches_and_shards_come_out_uneven(
    n: int, batch_size: int, shards: int, tmp_path: Path
) -> None:
    rows = stream(tmp_path, n).rows("y", features=FEATURES)
    settings: Any = {"validation": None, "batch_size": batch_size, "evaluate_training": n < 62}

    def run(sharding: Sharding) -> tuple[bytes, str]:
        return trained(rows, **settings, sharding=sharding)

    (alone,) = on_workers(run, 1, shards)
    for workers in (2, shards):
        assert set(on_workers(run, workers, shards)) == {alone}


@pytest.mark.parametrize("workers", [1, 2])
def test_one_shard_is_the_training_as_it_is(workers: int, tmp_path: Path) -> None:
    rows = stream(tmp_path).rows("y", features=FEATURES)
    found = on_workers(lambda own: trained(rows, sharding=own), workers, shards=1, sync_every=3)
    assert set(found) == {trained(rows)}


class Noting(hg.MSELoss):
    """The loss, which notes the targets of the slices it is shown."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[list[int]] = []

    def forward(self, p: Any, y: Any, sample_weight: Any = None) -> Any:
        self.seen.append(y[:, 0].astype(int).tolist())
        return super().forward(p, y, sample_weight)


class Numbered(RowSource):
    """Rows whose target is their number, in chunks of 10; a source that cannot seek."""

    memory = 20_000

    def __init__(self, n: int) -> None:
        self.n_rows = n

    def chunks(self, rng: np.random.Generator | None = None) -> Iterator[tuple[Any, Any]]:
        starts = np.arange(0, self.n_rows, 10)
        for start in starts if rng is None else rng.permutation(starts):
            y = np.arange(start, min(start + 10, self.n_rows), dtype=np.float32)
            yield np.stack([np.sin(y), np.cos(y)], axis=1), y[:, None]


def visited(
    n: int, workers: int, shards: int = 4, sync_every: int = 1, **settings: Any
) -> tuple[list[list[list[int]]], Any]:
    """For each worker, the rows of the slices it is shown; the parameters at the end."""

    def run(sharding: Sharding) -> tuple[list[list[int]], Any]:
        net, loss = hg.Net(hg.Linear(2, 1, rng=0), dtype="float64"), Noting()
        usual: dict[str, Any] = {"epochs": 1, "batch_size": 8, "metrics": [], "rng": 0}
        usual |= {"optimizer": hg.SGD(1e-4), "engine": "eager", "sharding": sharding}
        assert [*hg.train(net, Numbered(n), loss=loss, **usual | settings)]
        return loss.seen, net.parameters

    found = on_workers(run, workers, shards, sync_every)
    return [seen for seen, _ in found], found[0][1]


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("n", [203, 202])
def test_every_row_is_visited_once_in_batches_of_all_stretches(n: int, shuffle: bool) -> None:
    (alone,), parameters = visited(n, 1, shuffle=shuffle)
    net, optimizer, loss = hg.Net(hg.Linear(2, 1, rng=0), dtype="float64"), hg.SGD(1e-4), Noting()
    slices = iter(alone)
    for size in [8] * (n // 8) + [n % 8]:
        batch = [row for _ in range(min(size, 4)) for row in next(slices)]
        assert len(batch) == size
        y = np.array(batch, float)[:, None]
        loss.forward(net.forward(np.stack([np.sin(y), np.cos(y)], axis=2)[:, 0]), y)
        net.backward(loss.backward())
        optimizer.step(net)
    np.testing.assert_allclose(parameters, net.parameters, rtol=1e-6)
    assert next(slices, None) is None
    assert sorted(row for part in alone for row in part) == [*range(n)]
    for workers in (2, 3):
        shared, _ = visited(n, workers, shuffle=shuffle)
        assert sorted(map(str, chain(*shared))) == sorted(map(str, alone))


@settings(max_examples=30)
@given(
    n=st.integers(1, 150),
    batch_size=st.integers(1, 30),
    shards=st.integers(1, 6),
    sync_every=st.integers(1, 3),
    workers=st.integers(1, 3),
)
def test_every_row_is_visited_once_whatever_the_sizes(
    n: int, batch_size: int, shards: int, sync_every: int, workers: int
) -> None:
    seen, _ = visited(n, workers, shards, sync_every, batch_size=batch_size)
    alone, _ = visited(n, 1, shards, sync_every, batch_size=batch_size)
    assert sorted(row for part in alone[0] for row in part) == [*range(n)]
    if shards > 1:
        assert sorted(map(str, chain(*seen))) == sorted(map(str, chain(*alone)))
    else:
        assert seen == alone * workers


def test_epochs_have_orders_of_their_own_and_the_rows_of_a_chunk_are_mixed() -> None:
    (seen,), _ = visited(200, 1, epochs=2)
    orders = [[row for part in seen[i : i + 100] for row in part] for i in (0, 100)]
    assert sorted(orders[0]) == sorted(orders[1]) == [*range(200)]
    assert orders[0] != orders[1]
    first = [row for part in seen[0:12:4] for row in part]  # of the first shard
    assert first not in (sorted(first), sorted(first, reverse=True))


@pytest.mark.slow
@pytest.mark.parametrize("sync_every", [1, 2])
@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_a_training_goes_on_within_an_epoch_with_another_number_of_workers(
    suffix: str, sync_every: int, tmp_path: Path
) -> None:
    rows = stream(tmp_path, suffix=suffix).rows("y", features=FEATURES)
    others, held = rows.split(0.1, 0)

    def run(folder: Path, workers: int, until: int) -> list[bytes]:
        def work(sharding: Sharding) -> bytes:
            net, rank = a_net(), sharding.exchange.rank
            job: Any = {"loss": hg.CrossEntropyLoss(), "optimizer": hg.Adam(0.01), "rng": 0}
            job |= {"epochs": 3, "batch_size": 8, "validation": held, "engine": "eager"}
            job["sharding"] = sharding
            training = hg.train(net, others, **job)
            own = folder if rank == 0 or until == 0 else folder / "others"
            kept = hg.training.checkpoints(training, own, seconds=0, keep=10**6, resume=True)
            parts: list[float] = []

            def stop(share: float) -> None:
                parts.append(share)
                if len(parts) == until:
                    raise KeyboardInterrupt

            training.loop.within_epoch.append(stop)
            try:
                told = [repr(report.metrics) for report in kept]
            except KeyboardInterrupt:
                return b""
            return net.parameters.tobytes() + "".join(told[-1:]).encode()

        return on_workers(work, workers, sync_every=sync_every)

    undisturbed = run(tmp_path / "undisturbed", 1, 0)
    folder = tmp_path / "disturbed"
    run(folder, 2, 4)
    (newest,) = sorted(folder.glob("epoch-*"))[-1:]
    assert not newest.stem.endswith("-000000000")
    run(folder, 1, 9)
    assert set(run(folder, 4, 0)) == set(undisturbed)


def parts_read(rows: hg.data.StreamedRows) -> list[tuple[int, int]]:
    """A list to which the begin and the rows of each part are added that is read from here on."""
    read: list[tuple[int, int]] = []
    for source in rows.table.sources:

        def noted(part: Any, *rest: Any, original: Any = source.read) -> Any:
            read.append((part.begin, part.n_rows))
            return original(part, *rest)

        vars(source)["read"] = noted
    return read


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2, 4])
def test_a_worker_reads_its_own_stretches_alone(workers: int, tmp_path: Path) -> None:
    n = 2000
    stream(tmp_path, n)

    def run(sharding: Sharding) -> list[tuple[int, int]]:
        rows = stream_of(tmp_path / "a.parquet", piece=300, memory=16_000)
        data = rows.rows("y", features=FEATURES)
        job: Any = {"loss": hg.CrossEntropyLoss(), "optimizer": hg.Adam(0.01), "metrics": []}
        job["sharding"] = sharding
        training = hg.train(a_net(), data, epochs=1, batch_size=8, rng=0, **job)
        read = parts_read(data)
        next(training)
        return read

    found = on_workers(run, workers)
    largest = max(rows for _, rows in found[0])
    for read in found:
        assert sum(rows for _, rows in read) <= n / workers + 8 / workers * largest
    assert sum(len({*read}) for read in found) <= len({*chain(*found)}) + 3


@pytest.mark.slow
@pytest.mark.parametrize("shards", [1, 4])
def test_to_go_on_within_an_epoch_is_a_seek(shards: int, tmp_path: Path) -> None:
    n = 2000
    rows = stream(tmp_path, n).rows("y", features=FEATURES)

    def training(sharding: Sharding) -> Any:
        job: Any = {"loss": hg.CrossEntropyLoss(), "optimizer": hg.Adam(0.01), "epochs": 1}
        job["sharding"] = sharding
        return hg.train(a_net(), rows, batch_size=8, rng=0, engine="eager", **job)

    def stop(share: float) -> None:
        if share > 0.8:
            raise KeyboardInterrupt

    def run(sharding: Sharding) -> list[tuple[int, int]]:
        first = training(sharding)
        kept = hg.training.checkpoints(first, tmp_path / "c", seconds=0)
        first.loop.within_epoch.append(stop)
        with pytest.raises(KeyboardInterrupt):
            next(kept)
        resumed = hg.training.checkpoints(training(sharding), tmp_path / "c", resume=True)
        read = parts_read(rows)
        assert len([*resumed]) == 1
        return read

    (read,) = on_workers(run, 1, shards)
    assert sum(rows for _, rows in read) < 0.3 * n


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_an_estimator_streams_in_shards(suffix: str, tmp_path: Path) -> None:
    path = (tmp_path / "a").with_suffix(suffix)
    whole = table(6000).drop_columns(["i"])
    written(whole, path, 700)

    def run(sharding: Sharding) -> bytes:
        data = stream_of(path, piece=6_000, memory=1_000_000)
        model: Any = hg.TabularClassifier(n_members=2, epochs=1, random_state=0)
        model = EstimatorJob(model, (data, "y"), sharding, {}).here()
        p: bytes = model.predict_proba(whole.drop_columns(["y"])).tobytes()
        return p

    (alone,) = on_workers(run, 1)
    assert set(on_workers(run, 2)) == {alone}
    assert on_workers(run, 1, shards=1) == [run(Sharding(1))] != [alone]
