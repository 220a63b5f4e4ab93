"""PyTorch, the whole step in one `torch.compile`: loss, gradients and update in one graph.

Measured as the fastest way to use it; compiling forward and optimizer apart takes longer.
"""

from typing import Any

import torch

from benchmarks.cases import Case
from benchmarks.deep_cases import DeepCase
from benchmarks.peers import NotOffered, Run
from benchmarks.peers.pytorch import loss_of, net_of
from benchmarks.peers.pytorch_deep import WRITTEN_OUT, deep_net


def _sgd(rate: float, w: Any, dw: Any, memory: Any, step: Any) -> None:
    w.sub_(dw, alpha=rate)


def _adam(rate: float, w: Any, dw: Any, memory: Any, step: Any) -> None:
    m, v = memory
    m.mul_(0.9).add_(dw, alpha=0.1)
    v.mul_(0.999).addcmul_(dw, dw, value=0.001)
    m_hat, v_hat = m / (1 - 0.9**step), v / (1 - 0.999**step)
    w.sub_(rate * m_hat / (v_hat.sqrt() + 1e-8))


RULES = {"SGD": (_sgd, 0), "Adam": (_adam, 2)}  # and how many arrays each remembers


def training(case: Case | DeepCase, optimizer: str) -> Run:
    """Each minibatch is one call of the compiled step."""
    rule, remembered = RULES[optimizer]
    net = deep_net(case, WRITTEN_OUT) if isinstance(case, DeepCase) else net_of(case)
    loss = loss_of(case)
    x, y = map(torch.from_numpy, case.data())
    parameters = {name: value.detach() for name, value in net.named_parameters()}
    memory = {
        name: [torch.zeros_like(value) for _ in range(remembered)]
        for name, value in parameters.items()
    }
    steps = torch.zeros(())
    orders, n, size = case.orders(), case.rows, case.batch_size

    def loss_at(parameters: dict[str, Any], xb: Any, yb: Any) -> Any:
        return loss(torch.func.functional_call(net, parameters, (xb,)), yb)

    gradient = torch.func.grad_and_value(loss_at)

    def plain_step(total: Any, xb: Any, yb: Any) -> None:
        gradients, value = gradient(parameters, xb, yb)
        steps.add_(1)
        for name, parameter in parameters.items():
            rule(case.rate(optimizer), parameter, gradients[name], memory[name], steps)
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
