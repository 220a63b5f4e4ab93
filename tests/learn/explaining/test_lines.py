"""Every written line is right: read back as arithmetic, it comes to what stands beside it."""

import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import handgrad as hg
from handgrad.learn.explaining.steps import Step
from tests.contracts.table import LAYERS, LOSSES, OPTIMIZERS, PENALTIES, rows_for
from tests.learn.explaining.reader import read

NUMBER = re.compile(r"\d[\d.]*(?:e[-+]?\d+)?")
DIGITS = 4, 17


class Sums(hg.Loss):
    """A loss of any output: l = Σ p y / n, whose gradient is y / n."""

    def forward(self, p: Any, y: Any) -> float:
        self.y = y
        return (p * y).reshape(len(p), -1).sum(axis=1).mean()

    def backward(self, loss: object = None) -> Any:
        return self.y / len(self.y)


def of_layer(name: str, rows: int, seed: int, **how: Any) -> hg.learn.Explanation:
    layer = LAYERS[name]()
    net = hg.Net(layer, dtype=how.pop("dtype", np.float64))
    net.seed(seed)
    x = rows_for(layer, rows, seed)
    y = np.random.default_rng(seed + 1).standard_normal(np.shape(net.predict(x)))
    return hg.explain(net, x, y, loss=Sums(), **how)


def of_loss(name: str, rows: int, seed: int, **how: Any) -> hg.learn.Explanation:
    loss = LOSSES[name]()
    rng = np.random.default_rng(seed)
    kind = loss.input_kind
    several = isinstance(kind, hg.losses.kinds.ClassProbabilities)
    ends = (
        [hg.Softmax()]
        if several
        else [hg.Sigmoid()] * isinstance(kind, hg.losses.kinds.Probabilities)
    )
    net = hg.Net(hg.Linear(2, 3, rng=rng), *ends, dtype=how.pop("dtype", np.float64))
    x = rng.standard_normal((rows, 2))
    y = loss.target_kind.examples(net.predict(x), rng)
    return hg.explain(net, x, y, loss=loss, **how)


def of_optimizer(name: str, rows: int, seed: int, **how: Any) -> hg.learn.Explanation:
    net = hg.Net(hg.Linear(3, 2, rng=seed), hg.Tanh(), dtype=how.pop("dtype", np.float64))
    rng = np.random.default_rng(seed)
    x, y = rng.standard_normal((rows, 3)), rng.standard_normal((rows, 2))
    return hg.explain(net, x, y, loss=hg.MSELoss(), optimizer=OPTIMIZERS[name](), **how)


def of_penalty(name: str, rows: int, seed: int, **how: Any) -> hg.learn.Explanation:
    net = hg.Net(hg.Linear(3, 2, rng=seed), dtype=how.pop("dtype", np.float64))
    rng = np.random.default_rng(seed)
    x, y = rng.standard_normal((rows, 3)), rng.standard_normal((rows, 2))
    return hg.explain(net, x, y, loss=hg.MSELoss(), penalty=PENALTIES[name](), **how)


TABLES = {
    **dict.fromkeys(LAYERS, of_layer),
    **dict.fromkeys(LOSSES, of_loss),
    **{name: of_optimizer for name in OPTIMIZERS if name != "LBFGS"},
    **dict.fromkeys(PENALTIES, of_penalty),
}


def lines_of(steps: list[Step]) -> Iterator[tuple[str, float]]:
    """Every number of every step as a line, and what it is."""
    for step in steps:
        for line in step.lines():
            yield line.text(step._writer), line.result.number


def check_lines(e: hg.learn.Explanation, digits: int) -> int:
    """Read every line back; how many there are."""
    count = 0
    for text, value in lines_of(e.steps):
        parts, _ = read(text, digits)
        assert parts[0].meets(parts[-1]), f"{text}: {parts[0]}"
        middle = (parts[-1].low + parts[-1].high) / 2
        assert np.isclose(
            middle, value, rtol=max(0.6 * 10.0 ** (1 - digits), 1e-15), equal_nan=True
        ), text
        count += 1
    return count


@pytest.mark.slow
@pytest.mark.parametrize("digits", DIGITS)
@pytest.mark.parametrize("name", TABLES)
def test_every_line_comes_to_its_result(name: str, digits: int) -> None:
    for rows in (2, 5):
        assert check_lines(TABLES[name](name, rows, rows, digits=digits), digits) > 0


@pytest.mark.parametrize("name", TABLES)
def test_lines_of_float32_come_to_their_results_too(name: str) -> None:
    assert check_lines(TABLES[name](name, 3, 1, digits=4, dtype=np.float32), 4) > 0


@pytest.mark.parametrize("name", TABLES)
def test_short_numbers_are_the_long_ones_rounded(name: str) -> None:
    short, long = (TABLES[name](name, 3, 1, digits=digits) for digits in DIGITS)
    for (text, _), (whole, _) in zip(lines_of(short.steps), lines_of(long.steps), strict=True):
        parts = [part.split(" = ") for part in (text, whole)]
        assert len(parts[1]) >= len(parts[0])  # what reads alike when rounded is written once
        if len(parts[0]) < len(parts[1]):
            parts[1] = [parts[1][0], parts[1][-1]]
        for few, many in zip(parts[0][1:], parts[1][1:], strict=True):
            assert [f"{float(n):.4g}" for n in NUMBER.findall(many)] == [
                f"{float(n):.4g}" for n in NUMBER.findall(few)
            ]
