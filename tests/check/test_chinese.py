"""The doctor and gradient checks in Chinese."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import handgrad as hg
from handgrad.check.language import DOCTOR
from handgrad.textbook.layers import Array
from tests.texts import english_in, texts_of, untranslated

CHECK = Path(hg.check.__file__).parent


@pytest.fixture(autouse=True)
def in_chinese() -> Iterator[None]:
    with hg.defaults(language="zh"):
        yield


class Reversed(hg.Layer):
    """y = x²    dx = −2 x dy, with the wrong sign"""

    def forward(self, x: Array) -> Array:
        self.x = x
        return x**2

    def backward(self, dy: Array) -> Array:
        return -2 * self.x * dy


def test_a_gradient_check_is_in_chinese() -> None:
    report = hg.check_gradients(hg.Tanh())
    assert str(report).splitlines()[:3] == [
        "Tanh()：所有梯度都正确",
        " 单独",
        "  正确  dx（20 个元素）",
    ]
    assert repr(report) == "<梯度检查：Tanh()：所有梯度都正确>"
    wrong = str(hg.check_gradients(Reversed()))
    assert "处处 ×−1：符号错了" in wrong
    assert not english_in(str(report) + wrong)


def test_a_diagnosis_is_in_chinese_and_its_problems_keep_their_names() -> None:
    x, y = hg.data.make_moons(rng=0)
    net = hg.Net(hg.Linear(2, 8, rng=0), hg.ReLU(), hg.Linear(8, 2, rng=1), hg.Softmax())
    net.layers[0].b = [-9, -9, -9, -9, 0, 0, 0, 0]
    diagnosis = hg.diagnose(net, None, (x, y))
    assert diagnosis.findings[0].problem == "dead units"
    assert repr(diagnosis) == "<诊断：死亡神经元>"
    assert "依据：8 个单元中有 4 个对全部 100 个样本都输出 0" in str(diagnosis)
    assert not english_in(str(diagnosis))


def test_every_text_of_a_finding_and_of_a_check_has_a_chinese_one() -> None:
    texts = [*texts_of(CHECK, ("Finding",))]
    assert len(texts) > 25
    assert [text for text in texts if untranslated(text, DOCTOR.in_chinese)] == []
