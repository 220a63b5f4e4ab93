"""Small nets and data, and the training loop written out by hand."""

from typing import Any

import numpy as np

import handgrad as hg

X, Y = hg.make_classification(50, rng=0)
HELD = hg.make_classification(20, rng=1)


def classifier(dtype: Any = np.float32) -> hg.Net:
    return hg.Net(
        hg.Linear(2, 5, rng=1, dtype=dtype),
        hg.Tanh(),
        hg.Linear(5, 2, rng=2, dtype=dtype),
        hg.Softmax(),
    )


def train(net: hg.Net, **options: Any) -> Any:
    """`hg.train` with the usual settings of these tests."""
    usual: dict[str, Any] = {
        "loss": hg.CrossEntropyLoss(),
        "optimizer": hg.SGD(0.1),
        "epochs": 4,
        "rng": 0,
    }
    options = usual | options
    return hg.train(net, options.pop("data", (X, Y)), **options)


def fit(net: hg.Net, **options: Any) -> hg.training.History:
    """`hg.fit` with the usual settings of these tests."""
    usual: dict[str, Any] = {
        "loss": hg.CrossEntropyLoss(),
        "optimizer": hg.SGD(0.1),
        "epochs": 4,
        "rng": 0,
    }
    options = usual | options
    return hg.fit(net, options.pop("data", (X, Y)), **options)


def loop_by_hand(
    net: hg.Net, x: Any, y: Any, *, epochs: int, batch_size: int, rng: int | None
) -> list[tuple[float, float]]:
    """Loss and accuracy of each epoch, row by row: what `train` should report."""
    loss, order = hg.CrossEntropyLoss(), np.arange(len(x))
    generator = None if rng is None else np.random.default_rng(rng)
    found = []
    for _ in range(epochs):
        if generator is not None:
            generator.shuffle(order)
        total, right = 0.0, 0
        for start in range(0, len(x), batch_size):
            rows = order[start : start + batch_size]
            p = net.forward(x[rows])
            total += float(loss.forward(p, y[rows])) * len(rows)
            right += int((p.argmax(axis=1) == y[rows]).sum())
            net.backward(loss.backward())
            net.update(0.1)
        found.append((total / len(x), right / len(x)))
    return found


def assert_same_state(net: hg.Net, state: dict[str, Any]) -> None:
    now = net.state()
    assert now.keys() == state.keys()
    for path, array in now.items():
        np.testing.assert_array_equal(array, state[path])
