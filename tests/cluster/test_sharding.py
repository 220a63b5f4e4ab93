"""A training in shards has the same bits, however many workers share them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import handgrad as hg
from handgrad.engines import sharding
from handgrad.engines.sharding import ALONE, Sharding
from tests.bad_input.refused import refused
from tests.cluster.threads import Meeting, ThreadExchange, on_workers
from tests.graph.spellings.several import TwoTowers

IRIS = hg.data.load("iris")
ORDER = np.random.default_rng(0).permutation(150)
X, Y = (rows[ORDER] for rows in IRIS)


def a_net(*, plain: bool = False, dtype: str = "float32") -> hg.Net:
    between = () if plain else (hg.BatchNorm(16), hg.Dropout(0.2))
    layers = hg.Linear(4, 16, rng=0), *between, hg.Tanh(), hg.Linear(16, 3, rng=1), hg.Softmax()
    return hg.Net(*layers, dtype=dtype)


def trained(net: hg.Net | None = None, **settings: Any) -> tuple[bytes, str]:
    """The bits of parameters and running state, and what was reported."""
    net = net or a_net()
    usual: dict[str, Any] = {
        "optimizer": hg.Adam(0.01),
        "epochs": 3,
        "validation": 0.2,
        "engine": "compiled",
    }
    settings = usual | settings
    history = hg.fit(net, (X, Y), loss=hg.CrossEntropyLoss(), rng=0, **settings)
    reports = [(r.train_loss, r.validation_loss, r.metrics, r.evaluations) for r in history]
    return net.parameters.tobytes() + net.running_state.tobytes(), repr(reports)


@pytest.mark.parametrize("sync_every", [1, 3])
@pytest.mark.parametrize("engine", ["eager", "compiled"])
@pytest.mark.parametrize("workers", [2, 3, 4, 5])
def test_the_bits_do_not_depend_on_the_number_of_workers(
    workers: int, engine: str, sync_every: int
) -> None:
    def run(sharding: Sharding) -> tuple[bytes, str]:
        return trained(engine=engine, schedule=hg.schedules.cosine(), sharding=sharding)

    (alone,) = on_workers(run, 1, sync_every=sync_every)
    found = on_workers(run, workers, sync_every=sync_every)
    assert set(found) == {alone}


@pytest.mark.parametrize("engine", ["eager", "compiled"])
def test_nor_where_a_net_takes_several_inputs(engine: Any) -> None:
    def run(sharding: Sharding) -> bytes:
        net = hg.Net(TwoTowers(), hg.Dropout(0.2), hg.Linear(3, 2, rng=0), dtype=np.float64)
        rng = np.random.default_rng(0)
        x = rng.standard_normal((30, 6)), rng.standard_normal((30, 2))
        job: Any = {"loss": hg.MSELoss(), "optimizer": hg.Adam(0.1), "epochs": 2, "rng": 0}
        job |= {"sharding": sharding}
        data = x, rng.standard_normal((30, 2))
        hg.fit(net, data, **job, validation=data, batch_size=8, engine=engine)
        return net.parameters.tobytes()

    (alone,) = on_workers(run, 1)
    assert {*on_workers(run, 3)} == {alone}


@pytest.mark.parametrize("shards", [3, 6])
def test_nor_where_workers_do_not_divide_the_shards(shards: int) -> None:
    (alone,) = on_workers(lambda own: trained(sharding=own), 1, shards)
    for workers in (2, 4):
        assert set(on_workers(lambda own: trained(sharding=own), workers, shards)) == {alone}


def test_one_shard_is_the_training_as_it_is() -> None:
    assert on_workers(lambda own: trained(sharding=own), 1, shards=1) == [trained()]


@pytest.mark.parametrize("penalty", [None, hg.penalties.ElasticNetPenalty(0.01)])
@pytest.mark.parametrize(
    "optimizer", [hg.SGD(0.1, clip_norm=0.5), hg.AdamW(0.01), hg.optimizers.LBFGS()]
)
def test_shards_add_up_to_the_whole_batch(
    optimizer: hg.optimizers.Optimizer, penalty: hg.penalties.Penalty | None
) -> None:
    def run(sharding: Sharding) -> tuple[np.ndarray, float]:
        net = a_net(plain=True, dtype="float64")
        job: Any = {"loss": hg.CrossEntropyLoss(), "optimizer": optimizer, "penalty": penalty}
        job |= {"sample_weight": np.linspace(0.1, 1, 131), "sharding": sharding}
        history = hg.fit(net, (X[:131], Y[:131]), epochs=3, rng=0, **job)
        return net.parameters.copy(), history[-1].train_loss

    parameters, loss = run(Sharding(1))
    for workers in (1, 2):
        for found, its_loss in on_workers(run, workers):
            np.testing.assert_allclose(found, parameters, rtol=1e-9, atol=1e-11)
            assert its_loss == pytest.approx(loss, rel=1e-10)


def test_local_steps_are_those_of_each_shard_and_then_the_mean() -> None:
    rows, k = 24, 3

    def run(sharding: Sharding) -> np.ndarray:
        net = a_net(plain=True, dtype="float64")
        job: Any = {"sharding": sharding}
        job |= {"loss": hg.CrossEntropyLoss(), "optimizer": hg.SGD(0.1), "shuffle": False}
        hg.fit(net, (X[:rows], Y[:rows]), epochs=1, batch_size=8, metrics=[], **job)
        return net.parameters.copy()

    own = []
    for shard in range(2):
        mine = [i for i in range(rows) if i % 8 // 4 == shard]
        net = a_net(plain=True, dtype="float64")
        for step in range(k):
            batch = mine[4 * step : 4 * step + 4]
            loss = hg.CrossEntropyLoss()
            loss.forward(net.forward(X[batch]), Y[batch])
            net.backward(loss.backward())
            hg.SGD(0.1).step(net)
        own.append(net.parameters)
    for found in on_workers(run, 2, shards=2, sync_every=k):
        np.testing.assert_allclose(found, (own[0] + own[1]) / 2, rtol=1e-12)


def test_running_state_is_the_mean_of_the_shards() -> None:
    def run(sharding: Sharding) -> np.ndarray:
        net = hg.Net(hg.BatchNorm(4), hg.Linear(4, 3, rng=0), hg.Softmax(), dtype="float64")
        job: Any = {"sharding": sharding}
        job |= {"loss": hg.CrossEntropyLoss(), "optimizer": hg.SGD(0.1), "shuffle": False}
        hg.fit(net, (X[:32], Y[:32]), epochs=1, batch_size=32, **job)
        return net.running_state.copy()

    states = []
    for shard in range(4):
        net = hg.Net(hg.BatchNorm(4), dtype="float64")
        net.forward(X[8 * shard : 8 * shard + 8].astype(float))
        states.append(net.running_state.copy())
    (found,) = on_workers(run, 1)
    np.testing.assert_allclose(found, np.mean(states, axis=0), rtol=1e-12)


@pytest.mark.parametrize("sync_every", [1, 2])
def test_a_training_goes_on_with_another_number_of_workers(tmp_path: Path, sync_every: int) -> None:
    def run(epochs: int, workers: int) -> list[tuple[bytes, str]]:
        def work(own: Sharding) -> tuple[bytes, str]:
            folder = tmp_path / ("first" if own.exchange.rank == 0 or epochs > 2 else "others")
            return trained(epochs=epochs, checkpoint=folder, resume=True, sharding=own)

        return on_workers(work, workers, sync_every=sync_every)

    undisturbed = on_workers(lambda own: trained(sharding=own, epochs=6), 1, sync_every=sync_every)
    run(2, workers=2)
    assert not [*(tmp_path / "others").glob("*.safetensors")]  # the first one writes
    run(4, workers=1)
    assert set(run(6, workers=4)) == set(undisturbed)


def test_a_checkpoint_of_other_shards_is_refused(tmp_path: Path) -> None:
    def run(own: Sharding) -> object:
        return trained(epochs=2, checkpoint=tmp_path, resume=True, sharding=own)

    on_workers(run, 1, shards=2)
    with pytest.raises(hg.errors.SettingError, match="shards 4, averaged every 1 steps, but"):
        on_workers(run, 1, shards=4)


def test_a_loss_that_is_not_finite_ends_the_training_on_every_worker() -> None:
    def run(sharding: Sharding) -> str:
        job: Any = {"loss": hg.MSELoss(), "optimizer": hg.SGD(1e30), "sharding": sharding}
        net, data = hg.Net(hg.Linear(4, 1, rng=0)), (X, Y[:, None])
        with pytest.raises(hg.errors.DivergenceError) as error:
            hg.fit(net, data, epochs=5, rng=0, **job)
        return f"{error.value} {net.parameters}"

    for sync_every in (1, 2):
        assert len(set(on_workers(run, 2, sync_every=sync_every))) == 1


def test_a_slice_of_too_few_rows_for_a_layer_is_refused_before_the_first_step() -> None:
    net, data = a_net(), (X[:131], Y[:131])  # the last batch has 3 rows, and slices of one

    def run(sharding: Sharding) -> None:
        job: Any = {"loss": hg.CrossEntropyLoss(), "optimizer": hg.SGD(0.1), "sharding": sharding}
        hg.fit(net, data, epochs=1, **job)

    words = "131 rows in batches of 32, the last of 3, each in 4 slices", "try: batch_size=33"
    with refused(hg.errors.ShapeError, *words, net=net):
        on_workers(run, 1)


def test_what_the_first_worker_says_holds_for_all() -> None:
    def run(here: Sharding) -> list[bool]:
        rank = here.exchange.rank
        return [here.agree(rank == 0), here.agree(rank == 1)]

    assert on_workers(run, 3) == [[True, False]] * 3


@pytest.mark.parametrize("shards", [1, 2, 7, 65])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_sum_is_as_exact_as_one_addition_and_the_same_for_any_number_of_workers(
    dtype: str, shards: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sharding, "BLOCK", 128)
    random, info = np.random.default_rng(0), np.finfo(dtype)
    scale = np.exp(random.uniform(-80, 80, 400)) * np.exp(random.normal(0, 9, (shards, 1)))
    parts = (random.standard_normal((shards, 400)) * np.clip(scale, 0, 1e37)).astype(dtype)
    parts[:, :2] = info.smallest_subnormal, 0
    whole = [Sharding(shards, 1, ALONE).total(parts)]

    def run(here: Sharding) -> np.ndarray:
        return here.total(parts[here.own.start : here.own.stop])

    for workers in (2, 3, 7, 9):
        whole += on_workers(run, workers, shards)
    assert {total.tobytes() for total in whole} == {whole[0].tobytes()}
    exact, largest = parts.astype(np.longdouble).sum(axis=0), np.abs(parts).max(axis=0)
    bound = shards * info.eps / 2 * largest + shards * info.tiny
    assert (np.abs(whole[0] - exact) <= bound).all()
    assert shards > 1 or (whole[0] == parts[0]).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("bad", [np.inf, -np.inf, np.nan])
def test_a_sum_with_what_is_no_finite_number_is_none(dtype: str, bad: float) -> None:
    parts = np.ones((4, 3), dtype)
    parts[2, 1] = bad
    np.testing.assert_array_equal(Sharding().total(parts), [4, np.nan, 4])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_largest_numbers_have_a_sum(dtype: str) -> None:
    largest = np.finfo(dtype).max
    parts = np.array([[largest, largest], [-largest, 1], [largest, 0], [-largest, 1]], dtype)
    np.testing.assert_array_equal(Sharding().total(parts), [0, largest])


def test_every_shard_has_one_worker() -> None:
    for workers in (1, 2, 3, 5):
        exchange = ThreadExchange(0, workers, Meeting(workers))
        ranges = [Sharding(4, 1, exchange).of_worker(rank) for rank in range(workers)]
        assert [shard for own in ranges for shard in own] == [0, 1, 2, 3]
