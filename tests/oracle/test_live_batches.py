"""PyTorch's DataLoader as rows: shuffled, by workers, of a stream, and what is refused."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import handgrad as hg
from tests.bad_input.refused import refused

torch = pytest.importorskip("torch")
data = pytest.importorskip("torch.utils.data")
X = torch.randn(50, 3, generator=torch.Generator().manual_seed(0))
Y = (X[:, 0] > 0).long()
JOB: dict[str, Any] = {"loss": hg.SoftmaxCrossEntropyLoss(), "epochs": 3}


class Stream(data.IterableDataset):  # type: ignore[misc,name-defined]
    def __iter__(self) -> Iterator[tuple[Any, Any]]:
        yield from zip(X, Y, strict=True)


def trained(rows: Any, **options: Any) -> hg.Net:
    net = hg.Net(hg.Linear(3, 2, rng=0))
    hg.fit(net, rows, optimizer=hg.Adam(0.1), **JOB | options)
    return net


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("dataset", [data.TensorDataset(X, Y), Stream()], ids=["rows", "stream"])
def test_a_loader_trains_as_its_rows_do(dataset: Any, workers: int) -> None:
    if workers and isinstance(dataset, Stream):
        workers = 1  # each worker would yield all rows
    loader = data.DataLoader(dataset, batch_size=8, num_workers=workers)
    expected = trained((X.numpy(), Y.numpy()), shuffle=False, batch_size=8)
    np.testing.assert_array_equal(trained(loader).parameters, expected.parameters)


def test_a_loader_shuffles_by_itself_and_may_drop_the_last_batch() -> None:
    def loader() -> Any:
        shuffled = torch.Generator().manual_seed(1)
        dataset = data.TensorDataset(X, Y)
        return data.DataLoader(
            dataset, batch_size=8, shuffle=True, drop_last=True, generator=shuffled
        )

    net, twin = trained(loader()), trained((X.numpy()[:48], Y.numpy()[:48]), batch_size=8)
    assert not np.array_equal(net.parameters, twin.parameters)
    np.testing.assert_array_equal(net.parameters, trained(loader()).parameters)
    assert hg.evaluate(net, loader(), loss=JOB["loss"]).loss > 0


def test_tensors_that_are_no_arrays_and_datasets_are_refused() -> None:
    for tensor in (X.clone().requires_grad_(), X.bfloat16()):
        with refused(hg.errors.DataError, "batch 1: Tensor that is no array", "part.detach()"):
            trained([(tensor, Y)].copy)
    with refused(hg.errors.DataError, "one TensorDataset", "a pair (x, y)"):
        trained(data.TensorDataset(X, Y))
    with refused(hg.errors.ShapeError, "x of shape (3,), y of shape ()", "DataLoader(dataset"):
        trained(Stream())
