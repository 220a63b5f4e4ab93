"""Training on paper: what an epoch reports, which rows it visits, which weights remain."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import handgrad as hg


def test_the_running_loss_of_an_epoch_counts_every_row_once() -> None:
    net = hg.Net(hg.Linear(1, 1, initializer="zeros", dtype=np.float64))
    x, y = np.zeros((3, 1)), np.array([1.0, 1.0, 3.0])
    # All inputs are 0: only b moves. Batch 1, rows 1 and 2: b = 0, e = -1, -1, loss 1,
    # db = -2, b = 0 + 0.25·2 = 0.5. Batch 2, row 3: e = 0.5 - 3 = -2.5, loss 6.25.
    # Over the rows (1 + 1 + 6.25)/3 = 2.75; over the batches it would be 3.625.
    (report,) = hg.train(
        net,
        (x, y),
        loss=hg.MSELoss(),
        optimizer=hg.SGD(0.25),
        epochs=1,
        batch_size=2,
        shuffle=False,
    )
    assert report.train_loss == pytest.approx(2.75, rel=1e-14)
    assert net.layers[0].b.tolist() == [1.75]  # db = 2·-2.5 = -5; 0.5 + 0.25·5


class Watching(hg.MSELoss):
    """Keeps the predictions and targets of every batch, to see which rows came together."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[Any, Any]] = []

    def forward(self, p: Any, y: Any, sample_weight: Any = None) -> Any:
        self.seen.append((p.ravel(), y.ravel()))
        return super().forward(p, y, sample_weight)


def visited(rng: int, *, shuffle: bool = True) -> list[list[int]]:
    """The rows of four epochs in the order of their visit: row i holds x = i, y = 2 i."""
    net, loss, x = hg.Net(hg.layers.LeakyReLU(), dtype=np.float64), Watching(), np.arange(20.0)
    reports = hg.train(
        net,
        (x[:, None], 2 * x),
        loss=loss,
        optimizer=hg.SGD(0.1),
        epochs=4,
        batch_size=7,
        rng=rng,
        shuffle=shuffle,
    )
    orders = []
    for report in reports:
        p = np.concatenate([p for p, _ in loss.seen])
        y = np.concatenate([y for _, y in loss.seen])
        np.testing.assert_array_equal(y, 2 * p)
        assert [len(p) for p, _ in loss.seen] == [7, 7, 6], report
        orders.append(p.astype(int).tolist())
        loss.seen.clear()
    return orders


def test_each_epoch_visits_every_row_once_with_its_target_in_an_order_of_its_own() -> None:
    orders = visited(rng=0)
    assert all(sorted(order) == list(range(20)) for order in orders)
    assert len({*map(tuple, orders), tuple(range(20))}) == 5


def test_the_order_of_the_rows_follows_the_seed() -> None:
    assert visited(rng=0) == visited(rng=0)
    assert visited(rng=0) != visited(rng=1)
    assert visited(rng=0, shuffle=False) == [list(range(20))] * 4


def weights_that_move(net: hg.Net, losses: list[float]) -> Iterator[hg.training.EpochReport]:
    """A training of which all is known: the weights of epoch 3 are all 3."""
    for epoch, loss in enumerate(losses, start=1):
        net.parameters[...] = epoch
        yield hg.training.EpochReport(epoch, loss)


@pytest.mark.parametrize(
    ("losses", "stops_after", "keeps"),
    [
        ([5, 3, 4, 3, 1], 4, 2),  # 3 is best; epochs 3 and 4 are no better
        ([5, 4, 3, 2, 1], 5, 5),  # always better: to the end
        ([1, 2, 0, 3, 3, 0], 5, 3),  # 0 after one worse epoch; then two that are no better
    ],
)
def test_early_stopping_ends_and_goes_back_to_the_best_weights(
    losses: list[float], stops_after: int, keeps: int
) -> None:
    net = hg.Net(hg.Linear(1, 1))
    stream = hg.training.early_stopping(
        weights_that_move(net, losses), net, patience=2, monitor="train_loss"
    )
    assert [report.epoch for report in stream] == list(range(1, stops_after + 1))
    assert net.parameters.tolist() == [keeps, keeps]


def test_early_stopping_left_by_break_goes_back_to_the_best_weights_too() -> None:
    net = hg.Net(hg.Linear(1, 1))
    stream = hg.training.early_stopping(
        weights_that_move(net, [1, 2, 3]), net, monitor="train_loss"
    )
    assert [next(stream).epoch, next(stream).epoch] == [1, 2]
    stream.close()  # type: ignore[attr-defined]
    assert net.parameters.tolist() == [1, 1]


def test_where_training_diverges_the_weights_before_the_epoch_remain() -> None:
    net = hg.Net(hg.Linear(1, 1, initializer="zeros", dtype=np.float64))
    # Row 1: e = -1, dW = db = -2, W = b = 2e100. Row 2: p = 4e100, dW = db = 8e100,
    # W = b = -8e200. Row 3: p = -1.6e201, of which the square is more than float64 holds.
    reports = hg.train(
        net,
        (np.ones((3, 1)), np.ones(3)),
        loss=hg.MSELoss(),
        optimizer=hg.SGD(1e100),
        epochs=2,
        batch_size=1,
    )
    with pytest.raises(
        hg.errors.DivergenceError, match="epoch 1, batch 3, at learning rate 1e\\+100"
    ):
        next(reports)
    assert net.parameters.tolist() == [0, 0]
