"""Digits, 20 epochs, handgrad: `digits_handgrad ENGINE`."""

import sys

import handgrad as hg

x, y = hg.data.load("digits")
net = hg.Net(hg.Linear(64, 100, rng=0), hg.ReLU(), hg.Linear(100, 10, rng=1), hg.Softmax())
reports = hg.train(
    net,
    (x / 16, y),
    loss=hg.CrossEntropyLoss(),
    optimizer=hg.SGD(0.1),
    epochs=20,
    rng=0,
    engine=sys.argv[1],  # type: ignore[arg-type]
)
*_, last = reports
print(last.metrics["accuracy"])
