"""What a training in shards says of its settings, and refuses."""

import pytest

import handgrad as hg
from tests.bad_input.refused import refused

X, Y = hg.data.load("iris")


def test_the_summary_says_that_batch_norm_is_by_shard() -> None:
    inner = hg.Residual(hg.BatchNorm(4), hg.Tanh())
    lines = hg.Net(hg.Linear(4, 4, rng=0), inner, hg.BatchNorm(4)).summary().splitlines()
    assert lines[-1].startswith("batch norm uses the statistics of each batch")
    assert lines[4].startswith("   in all, float32 ")
    assert "shard" not in hg.Net(hg.Linear(4, 4, rng=0), hg.LayerNorm(4)).summary()


def test_l_bfgs_between_sums_is_refused() -> None:
    net = hg.Net(hg.Linear(4, 3, rng=0), hg.Softmax())
    with refused(hg.errors.SettingError, "sync_every=2 with L-BFGS", "sync_every=1", net=net):
        hg.cluster.fit(
            net,
            (X, Y),
            loss=hg.CrossEntropyLoss(),
            optimizer=hg.optimizers.LBFGS(),
            epochs=2,
            sync_every=2,
        )
    with refused(hg.errors.SettingError, "sync_every=2 with L-BFGS"):
        hg.cluster.fit_estimator(hg.MLPClassifier(solver="lbfgs"), (X, Y), sync_every=2)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"workers": -1}, ("workers",)),
        ({"workers": (4, 2)}, ("workers=(4, 2)", "workers=(2, 4)")),
        ({"shards": 0}, ("shards",)),
        ({"sync_every": 0}, ("sync_every",)),
        ({"name": "a"}, ("name='a' without storage", "storage='/shared/runs'")),
        ({"checkpoint": "runs/a"}, ("checkpoint=", "storage='runs/a', name='a'")),
    ],
)
def test_what_cannot_be_is_refused(settings: dict[str, object], words: tuple[str, ...]) -> None:
    net = hg.Net(hg.Linear(4, 3, rng=0), hg.Softmax())
    job: dict[str, object] = {"loss": hg.CrossEntropyLoss(), "optimizer": hg.SGD(0.1), "epochs": 1}
    with refused(hg.errors.SettingError, *words, net=net):
        hg.cluster.fit(net, (X, Y), **(job | settings))  # type: ignore[arg-type]
