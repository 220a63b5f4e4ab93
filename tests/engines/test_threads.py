"""Settings of the whole process are changed for a while only, also by several at once."""

import sys
from collections.abc import Iterator

import pytest

import handgrad as hg
from handgrad.engines.threads import HANDOVER, quick_handover
from tests.training.by_hand import X, Y, classifier, fit


@pytest.fixture
def usual_interval() -> Iterator[float]:
    """What Python has by itself, whatever other tests have left."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(0.005)
    yield 0.005
    sys.setswitchinterval(before)


def interval() -> float:
    return round(sys.getswitchinterval(), 7)


def test_threads_take_turns_more_often_until_the_last_is_done(usual_interval: float) -> None:
    with quick_handover():
        with quick_handover():
            assert interval() == HANDOVER
        assert interval() == HANDOVER
    assert interval() == usual_interval


def test_who_asked_for_even_shorter_turns_keeps_them(usual_interval: float) -> None:
    sys.setswitchinterval(1e-5)
    with quick_handover():
        assert interval() == 1e-5
    assert interval() == 1e-5


def test_fit_shortens_the_turns_and_puts_them_back(
    usual_interval: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    original = hg.History.__init__

    def init(self: hg.History, *arguments: object) -> None:
        seen.append(interval())
        original(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(hg.History, "__init__", init)
    fit(classifier())
    hg.fit_many(
        [{"net": classifier()}],
        data=(X, Y),
        loss=hg.CrossEntropyLoss(),
        optimizer=hg.SGD(0.1),
        epochs=2,
    )
    assert seen
    assert {*seen} == {HANDOVER}
    assert interval() == usual_interval


def test_an_error_puts_them_back_too(usual_interval: float) -> None:
    with pytest.raises(hg.DivergenceError):
        fit(classifier(), optimizer=hg.SGD(1e30), epochs=50)
    assert interval() == usual_interval
