"""Errors that a learner meets, in Chinese."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import handgrad as hg
from handgrad.textbook.language import ERRORS
from tests.texts import english_in, texts_of, untranslated

FOLDERS = [Path(hg.__file__).parent / name for name in ("textbook", "check")]
RAISED = ("ShapeError", "SettingError", "DataError", "FileError", "NotYetComputedError")
X, Y = hg.data.make_moons(rng=0)


def net() -> hg.Net:
    return hg.Net(hg.Linear(2, 3, rng=0), hg.Tanh(), hg.Linear(3, 2, rng=1), hg.Softmax())


def fit(x: Any = X, y: Any = Y, rate: Any = 0.1, loss: Any = None, **how: Any) -> object:
    loss = loss or hg.CrossEntropyLoss()
    settings: dict[str, Any] = {"epochs": 2, "rng": 0, "optimizer": hg.SGD(rate)} | how
    return hg.fit(net(), (x, y), loss=loss, **settings)


MISTAKES: dict[str, Callable[[], object]] = {
    "sizes of layers": lambda: hg.Net(hg.Linear(2, 3), hg.Linear(4, 2)),
    "features": lambda: net().predict(np.ones((3, 5))),
    "rows and targets": lambda: fit(y=Y[:5]),
    "learning rate": lambda: fit(rate=-1),
    "no number": lambda: hg.SGD("a"),  # type: ignore[arg-type]
    "probability": lambda: hg.Dropout(2),
    "no file": lambda: hg.load("nix.safetensors"),
    "labels": lambda: fit(y=Y + 5),
    "missing values": lambda: fit(x=X * np.nan),
    "divergence": lambda: fit(x=X * 1e5, rate=1e3),
    "data set": lambda: hg.data.load("irs"),
    "no gradient yet": lambda: hg.Linear(2, 3).dW,
    "no forward yet": lambda: hg.Linear(2, 3).backward(X),
    "missing argument": lambda: hg.Linear(2),  # type: ignore[call-arg]
    "misspelt argument": lambda: fit(epoch=3),
    "softmax twice": lambda: fit(loss=hg.SoftmaxCrossEntropyLoss()),
    "metric": lambda: fit(metrics=["acuracy"]),
    "epochs": lambda: fit(epochs=0),
    "exercise": lambda: hg.exercise("tanhh"),
    "gradient check": lambda: hg.check_gradients(3),  # type: ignore[arg-type]
    "one feature": lambda: hg.plot_dataset(X[:, 0], Y),
    "kernel": lambda: hg.Conv2d(1, 2, 0),
    "no layer": lambda: hg.Net(hg.Linear(2, 2)).add(3),  # type: ignore[arg-type]
    "list of columns": lambda: hg.TabularClassifier().fit([[1], [2]], None),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_answered_in_chinese(name: str) -> None:
    with hg.defaults(language="zh"), pytest.raises(hg.errors.HandgradError) as caught:
        MISTAKES[name]()
    text = str(caught.value)
    with hg.defaults(language="zh"):
        chinese = str(caught.value)
    assert english_in(chinese) == [], chinese
    assert "期望：" in chinese
    assert "expected: " in text


def test_most_texts_of_errors_have_a_chinese_one() -> None:
    texts = {text for folder in FOLDERS for text in texts_of(folder, RAISED)}
    left = sorted(text for text in texts if untranslated(text, ERRORS.in_chinese))
    assert len(left) <= 0.5 * len(texts), left  # those that learners meet come first
