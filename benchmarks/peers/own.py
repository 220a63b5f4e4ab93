"""handgrad, through its public `hg.train` and `net.predict`."""

from typing import Any

import handgrad as hg
from benchmarks.cases import Case
from benchmarks.deep_cases import DeepCase
from benchmarks.held import hold_machine_code
from benchmarks.peers import Run
from benchmarks.peers.own_deep import deep_net

hold_machine_code()
ACTIVATIONS = {"tanh": hg.Tanh, "relu": hg.ReLU}


def net_of(case: Case | DeepCase) -> hg.Net:
    """The net with the case's first weights."""
    if isinstance(case, DeepCase):
        return deep_net(case)
    net = hg.Net()
    for W, b in case.weights():
        if net.layers:
            net.add(ACTIVATIONS[case.activation]())
        linear = hg.Linear(W.shape[1], W.shape[0])
        linear.W, linear.b = W, b
        net.add(linear)
    return net.add(hg.Softmax()) if case.targets == "classes" else net


def loss_of(case: Case | DeepCase) -> hg.Loss:
    """The mean loss; that of the deeper nets takes logits."""
    if isinstance(case, DeepCase):
        return hg.SoftmaxCrossEntropyLoss()
    return hg.CrossEntropyLoss() if case.targets == "classes" else hg.MSELoss()


def arguments(case: Case | DeepCase, optimizer: str) -> dict[str, Any]:
    """What `hg.train` and `hg.fit` are given, but epochs, metrics and engine."""
    return {
        "net": net_of(case),
        "data": case.data(),
        "loss": loss_of(case),
        "optimizer": getattr(hg.optimizers, optimizer)(case.rate(optimizer)),
        "batch_size": case.batch_size,
        "rng": 0,
        "shuffle": case.shuffled,
    }


def training(case: Case | DeepCase, optimizer: str, *, engine: Any) -> Run:
    """A report an epoch, without metrics, which the peers do not compute either."""
    reports = hg.train(**arguments(case, optimizer), epochs=10**9, metrics=[], engine=engine)

    def run(epochs: int) -> float:
        for _ in range(epochs):
            report = next(reports)
        return report.train_loss

    return run


def prediction(case: Case, rows: int, *, engine: Any) -> Run:
    """The public `net.predict`."""
    net, x = net_of(case), case.data()[0][:rows]

    def run(times: int) -> Any:
        for _ in range(times):
            p = net.predict(x, engine=engine)
        return p

    return run
