"""PyTorch, the whole step in one `torch.compile`: loss, gradients and update in one graph.

Measured as the fastest way to use it; compiling forward and optimizer apart takes longer.
"""

from typing import Any

import torch

from benchmarks.cases import Case
from benchmarks.peers import NotOffered, Run
from benchmarks.peers.pytorch import loss_of, net_of


def training(case: Case, optimizer: str) -> Run:
    """Each minibatch is one call of the compiled step."""
    if optimizer != "SGD":
        raise NotOffered("the whole step is written for SGD only")
    net, loss = net_of(case), loss_of(case)
    x, y = map(torch.from_numpy, case.data())
    parameters = {name: value.detach() for name, value in net.named_parameters()}
    orders, n, size = case.orders(), case.rows, case.batch_size

    def loss_at(parameters: dict[str, Any], xb: Any, yb: Any) -> Any:
        return loss(torch.func.functional_call(net, parameters, (xb,)), yb)

    gradient = torch.func.grad_and_value(loss_at)

    def plain_step(total: Any, xb: Any, yb: Any) -> None:
        gradients, value = gradient(parameters, xb, yb)
        for name, parameter in parameters.items():
            parameter.sub_(gradients[name], alpha=case.learning_rate)
        total.add_(value, alpha=len(xb))

    step = torch.compile(plain_step, fullgraph=True, dynamic=False)

    def run(epochs: int) -> float:
        with torch.no_grad():
            for _ in range(epochs):
                x_epoch, y_epoch = x, y
                if case.shuffled:
                    order = torch.from_numpy(next(orders))
                    x_epoch, y_epoch = x[order], y[order]
                total = torch.zeros(())
                for i in range(0, n, size):
                    step(total, x_epoch[i : i + size], y_epoch[i : i + size])
                last = total.item() / n
        return float(last)

    return run


def prediction(case: Case, rows: int) -> Run:
    """Timed eagerly only."""
    raise NotOffered("predictions are timed eagerly")
