"""Loops of one's own beside eager PyTorch: `python -m benchmarks.loops`.

The four loops of docs/loops.md, with the nets and batches there: what one step of each takes, in
microseconds of the processor, held to one core and one thread. What PyTorch is given is made
beforehand, as tensors; both take turns, and the median of the turns counts.
"""

import os
import statistics
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

import handgrad as hg
from benchmarks.held import Held

TURNS, STEPS = 11, 200
Step = Callable[[], object]
rng = np.random.default_rng(0)


def numbers(*shape: int) -> np.ndarray:
    """Random numbers, as float32."""
    return rng.standard_normal(shape).astype(np.float32)


def torch_net(*widths: int, activation: type[nn.Module] = nn.ReLU) -> nn.Sequential:
    """Linear layers with an activation between them."""
    layers: list[nn.Module] = []
    for n_in, n_out in pairwise(widths):
        layers += [nn.Linear(n_in, n_out), activation()]
    return nn.Sequential(*layers[:-1])


def own_net(*widths: int, activation: Callable[[], hg.Layer] = hg.ReLU) -> hg.Net:
    """The same of handgrad's layers."""
    layers: list[hg.Layer] = []
    for n_in, n_out in pairwise(widths):
        layers += [hg.Linear(n_in, n_out), activation()]
    return hg.Net(*layers[:-1])


def adversarial_network() -> tuple[Step, Step]:
    """A step of the critic, then one of the generator."""
    z, real, yes, no = numbers(64, 4), numbers(64, 2), np.ones((64, 1)), np.zeros((64, 1))
    g = hg.compile(own_net(4, 32, 32, 2), optimizer=hg.Adam(0.001))
    critic = own_net(2, 64, 64, 1, activation=hg.layers.LeakyReLU)
    d = hg.compile(critic, hg.SigmoidBinaryCrossEntropyLoss(), hg.Adam(0.001))

    def own() -> None:
        made = g.predict(z)
        d.gradients(np.r_[real, made], np.r_[yes, no])
        d.apply()
        g.gradients(z, d.gradients(made, yes).dx)
        g.apply()

    generator, judge = torch_net(4, 32, 32, 2), torch_net(2, 64, 64, 1, activation=nn.LeakyReLU)
    by_g, by_d = (torch.optim.Adam(net.parameters(), 0.001) for net in (generator, judge))
    loss = nn.BCEWithLogitsLoss()
    tensors = (torch.from_numpy(a.astype(np.float32)) for a in (z, real, yes, no))
    of_z, of_real, of_yes, of_no = tensors

    def others() -> None:
        made = generator(of_z)
        by_d.zero_grad()
        both, labels = torch.cat([of_real, made.detach()]), torch.cat([of_yes, of_no])
        loss(judge(both), labels).backward()
        by_d.step()
        by_g.zero_grad()
        loss(judge(made), of_yes).backward()
        by_g.step()

    return own, others


def policy_gradient() -> tuple[Step, Step]:
    """The update after 16 games of 100 steps."""
    x, chosen, advantage = numbers(1600, 4), rng.integers(0, 2, 1600), numbers(1600)
    rows = np.arange(1600)
    policy = hg.Net(hg.Linear(4, 32), hg.Tanh(), hg.Linear(32, 2), hg.Softmax())
    step = hg.compile(policy, optimizer=hg.Adam(1e-5))

    def own() -> None:
        p = step.predict(x)
        dp = np.zeros_like(p)
        dp[rows, chosen] = -advantage / p[rows, chosen] / 1600
        step.gradients(x, dp)
        step.apply()

    net = torch_net(4, 32, 2, activation=nn.Tanh)
    adam = torch.optim.Adam(net.parameters(), 1e-5)
    states, pushes, worth = map(torch.from_numpy, (x, chosen, advantage))

    def others() -> None:
        adam.zero_grad()
        chosen_log = torch.log_softmax(net(states), 1)[torch.arange(1600), pushes]
        (-worth * chosen_log).mean().backward()
        adam.step()

    return own, others


def adversarial_training() -> tuple[Step, Step]:
    """Pictures that fool the net, and a step on them."""
    x, y = np.abs(numbers(64, 64)), rng.integers(0, 10, 64)
    step = hg.compile(own_net(64, 64, 10), hg.SoftmaxCrossEntropyLoss(), hg.Adam(0.003))

    def own() -> None:
        step.gradients(np.clip(x + 0.1 * np.sign(step.gradients(x, y).dx), 0, 1), y)
        step.apply()

    net, loss = torch_net(64, 64, 10), nn.CrossEntropyLoss()
    adam = torch.optim.Adam(net.parameters(), 0.003)
    pictures, labels = torch.from_numpy(x).requires_grad_(), torch.from_numpy(y)

    def others() -> None:
        (dx,) = torch.autograd.grad(loss(net(pictures), labels), pictures)
        fooling = (pictures.detach() + 0.1 * dx.sign()).clip(0, 1)
        adam.zero_grad()
        loss(net(fooling), labels).backward()
        adam.step()

    return own, others


def loss_in_the_document() -> hg.Loss:
    """The InfoNCELoss of docs/loops.md."""
    text = (Path(__file__).parent.parent / "docs" / "loops.md").read_text("utf-8")
    begin = text.index("class InfoNCELoss")
    names: dict[str, Any] = {"__name__": "loops", "hg": hg, "np": np}
    exec(text[begin : text.index("\n\n\n", begin)], names)
    loss: hg.Loss = names["InfoNCELoss"]()
    return loss


def contrastive() -> tuple[Step, Step]:
    """Two views of 128 pictures."""
    x, y = numbers(128, 2, 64), np.arange(128)
    step = hg.compile(own_net(64, 128, 16), loss_in_the_document(), hg.Adam(0.002))

    def own() -> None:
        step.gradients(x, y)
        step.apply()

    net, loss = torch_net(64, 128, 16), nn.CrossEntropyLoss()
    adam = torch.optim.Adam(net.parameters(), 0.002)
    views, rows = torch.from_numpy(x), torch.arange(128)

    def others() -> None:
        adam.zero_grad()
        a, b = nn.functional.normalize(net(views), dim=2).unbind(1)
        loss(a @ b.T / 0.2, rows).backward()
        adam.step()

    return own, others


def microseconds(step: Step) -> float:
    """The processor's time for a step."""
    start = time.process_time()
    for _ in range(STEPS):
        step()
    return (time.process_time() - start) / STEPS * 1e6


def main() -> None:
    """A line for each loop."""
    torch.set_num_threads(1)
    print(f"load {os.getloadavg()[0]:.1f}")
    for make in (adversarial_network, policy_gradient, adversarial_training, contrastive):
        both = make()
        for step in both:
            step()
        turns = [[microseconds(step) for step in both] for _ in range(TURNS)]
        own, others = map(statistics.median, zip(*turns, strict=True))
        name = make.__name__.replace("_", " ")
        print(f"{name}: {own:.0f} µs, PyTorch {others:.0f} µs, {others / own:.1f}x", flush=True)


if __name__ == "__main__":
    with Held(1).pinned():
        main()
