"""What comes from a board to whoever called, with Ray played by this process."""

import signal
import sys
import warnings
from collections.abc import Iterator
from contextlib import ExitStack
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

import handgrad as hg
from handgrad.cluster.report_actor import Board, Failure, Message, MessageBuffer
from handgrad.cluster.run import Cluster, ClusterRun, Ended, leave
from handgrad.cluster.worker import NetJob
from handgrad.engines.config import FitConfig
from handgrad.engines.sharding import Sharding


class LostError(Exception):
    """What Ray raises where one of its processes is no more."""


class Called:
    """A method of an actor, which is this process."""

    def __init__(self, method: Any) -> None:
        self.remote = method


class Played:
    """A training whose workers do a step whenever the caller looks: what they tell, or do."""

    def __init__(self, *steps: Any, ended: Ended) -> None:
        self.steps, self.ended, self.board = [*steps], ended, Board()
        self.cancelled = False
        self.fetch, self.stop = Called(self.board.fetch), Called(self.board.stop)

    def wait(self, _: object, timeout: float) -> tuple[list[object], list[object]]:
        if self.steps and timeout:
            self.steps.pop(0)(self.board)
        return ([] if self.steps else [self], [])

    def get(self, what: object) -> object:
        return what.ended if isinstance(what, Played) else what

    def cancel(self, _: object, *, force: bool) -> None:
        self.cancelled = True


def run_of(played: Played, monkeypatch: pytest.MonkeyPatch, **how: Any) -> ClusterRun:
    ray: Any = ModuleType("ray")
    ray.wait, ray.get, ray.cancel = played.wait, played.get, played.cancel
    monkeypatch.setitem(sys.modules, "ray", ray)
    exceptions: Any = ModuleType("ray.exceptions")
    exceptions.RayError = LostError
    exceptions.OutOfMemoryError = type("OutOfMemoryError", (LostError,), {})
    monkeypatch.setitem(sys.modules, "ray.exceptions", exceptions)
    net = hg.Net(hg.Linear(1, 1, rng=0))
    config = FitConfig(
        net=net,
        data=(np.ones((4, 1)), np.ones((4, 1))),
        loss=hg.MSELoss(),
        optimizer=hg.SGD(0.1),
        epochs=3,
        sharding=Sharding(4),
    )
    run = ClusterRun(Cluster(2, 1, None, None, None), NetJob(config))

    def begin(stack: ExitStack) -> tuple[Played, Played]:
        stack.callback(lambda: played.cancel(played, force=True) if played.steps else None)
        return played, played

    monkeypatch.setattr(run, "_begin", begin)
    return run


def tells(*epochs: int, weight: float | None = None) -> Any:
    weights = None if weight is None else {"0.W": np.array([[weight]]), "0.b": np.zeros(1)}
    return lambda board: board.tell([(hg.training.EpochReport(e, 1 / e), weights) for e in epochs])


def interrupts(board: Board) -> None:
    signal.raise_signal(signal.SIGINT)


def test_an_epoch_that_was_run_again_is_reported_once_and_the_net_has_its_weights(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    net = hg.Net(hg.Linear(1, 1, rng=0))
    steps = tells(1, 2, weight=2.0), tells(2, weight=5.0), tells(), tells(3, weight=3.0)
    best = {"0.W": np.array([[2.0]]), "0.b": np.zeros(1)}
    run = run_of(Played(*steps, ended=Ended((best, "all"))), monkeypatch)
    seen = [(report.epoch, net.parameters[0]) for report in run.reports(net)]
    assert seen == [(1, 2.0), (2, 2.0), (3, 3.0)]
    assert run.result() == (best, "all")
    assert net.parameters[0] == 2  # what early stopping leaves, say


def test_an_error_of_a_worker_is_raised_after_the_reports_and_the_net_is_as_it_was_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(board: Board) -> None:
        board.fail(Failure(KeyError("own"), {"0.W": np.array([[7.0]]), "0.b": np.zeros(1)}))
        board.tell([(hg.training.EpochReport(2, 0.5), None)])

    net, seen = hg.Net(hg.Linear(1, 1, rng=0)), list[int]()
    played = Played(tells(1), fail, *(tells(),) * 9, ended=Ended())
    with pytest.raises(KeyError, match="own"):
        seen += (report.epoch for report in run_of(played, monkeypatch).reports(net))
    assert net.parameters[0] == 7
    assert played.cancelled


def of_all(reports: Iterator[hg.training.EpochReport]) -> list[int]:
    return [report.epoch for report in reports]


def test_ctrl_c_asks_the_workers_to_stop_and_waits_for_them(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stops(board: Board) -> None:
        assert board.stopping
        board.tell([(hg.training.EpochReport(2, 0.5), None)])

    played = Played(tells(1), interrupts, stops, ended=Ended("stopped"))
    run = run_of(played, monkeypatch)
    assert of_all(run.reports(None)) == [1, 2]
    assert run.result() == "stopped"
    assert "Ctrl-C again" in capsys.readouterr().err
    assert not played.cancelled
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_second_one_or_one_before_a_worker_has_begun_ends_all_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def nothing(board: Board) -> None:
        """They go on as if they had not heard."""

    for steps in ((tells(1), interrupts, nothing, interrupts), (nothing, interrupts)):
        played = Played(*steps, *(nothing,) * 5, ended=Ended())
        with pytest.raises(KeyboardInterrupt):
            of_all(run_of(played, monkeypatch).reports(None))
        assert played.cancelled


def test_reports_that_are_left_end_the_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    played = Played(tells(1), tells(2), tells(3), ended=Ended())
    reports: Any = run_of(played, monkeypatch).reports(None)
    assert next(reports).epoch == 1
    reports.close()
    assert played.cancelled


def test_what_ray_ends_is_told_in_three_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    def dies(board: Board) -> None:
        raise LostError("a traceback\nthe node had no memory left")

    run = run_of(Played(tells(1), dies, ended=Ended()), monkeypatch)
    with pytest.raises(hg.HandgradError, match=r"ended .*: the node had.*\n.*\n.*same call again"):
        of_all(run.reports(None))


@pytest.mark.parametrize(
    ("obeys", "removed", "how"),
    [
        (True, {"b007"}, [{}]),  # Ray Train itself has given back what its workers had
        (False, {"a007", "b007"}, [{}, {"force": True}]),
    ],
)
def test_who_leaves_a_training_gives_back_its_cores_and_no_others(
    monkeypatch: pytest.MonkeyPatch, obeys: bool, removed: set[str], how: list[object]
) -> None:
    table = {"a007": "CREATED", "b007": "PENDING", "c007": "CREATED", "d007": "REMOVED"}
    table["e001"] = "PENDING"  # of another job
    cancelled, found = list[object](), set[str]()
    ray, util, group = ModuleType("ray"), ModuleType("ray.util"), ModuleType("placement_group")
    played: Any = ray
    played.wait = lambda refs, timeout: (refs if cancelled and obeys else [], [])
    played.cancel = lambda _, **how: cancelled.append(how)
    played.get_runtime_context = lambda: SimpleNamespace(get_job_id=lambda: "007")
    played.PlacementGroupID = lambda raw: raw.hex()
    played = group
    played.placement_group_table = lambda: {name: {"state": s} for name, s in table.items()}
    played.PlacementGroup, played.remove_placement_group = str, found.add
    for name, module in {"ray": ray, "ray.util": util, "ray.util.placement_group": group}.items():
        monkeypatch.setitem(sys.modules, name, module)
    training: Any = "training"
    leave(training, {"c007"})
    assert found == removed
    assert cancelled == how


def test_an_answer_that_comes_after_the_next_message_is_heard(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("handgrad.cluster.report_actor.EVERY", 0)
    board, answers = Board(), list[bool]()

    def tell(told: list[Message]) -> int:
        answers.append(board.tell(told))
        return len(answers)

    remote: Any = SimpleNamespace(tell=Called(tell))
    ray: Any = ModuleType("ray")
    ray.wait = lambda refs, **_: (
        [ref for ref in refs if ref < len(answers)],
        [ref for ref in refs if ref == len(answers)],
    )
    ray.get = lambda refs: [answers[ref - 1] for ref in refs]
    monkeypatch.setitem(sys.modules, "ray", ray)
    messages = MessageBuffer(remote)

    def epoch() -> bool:
        messages.add((hg.training.EpochReport(1, 1.0), None))
        return messages.asked_to_stop()

    assert not epoch()
    board.stop()
    assert any([epoch(), epoch(), epoch()])


def test_a_warning_of_every_batch_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    told = list[Message]()
    messages = MessageBuffer(SimpleNamespace())
    monkeypatch.setattr(messages, "add", told.append)
    with messages.with_bars_and_warnings(first=True):
        for _ in range(3):
            warnings.warn("too large", RuntimeWarning, stacklevel=1)
    assert [str(warning) for warning in told] == ["too large"]


def test_what_workers_wait_for_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("handgrad.cluster.run.PATIENCE", 0)
    pending = {"a"}
    monkeypatch.setattr("handgrad.cluster.run.groups", lambda *states: pending)
    quiet = run_of(Played(tells(1), tells(2), ended=Ended()), monkeypatch)
    assert of_all(quiet.reports(None)) == [1, 2]  # they have begun

    def nothing(board: Board) -> None:
        """They are not there yet."""

    run = run_of(Played(nothing, tells(1), ended=Ended()), monkeypatch)
    played: Any = sys.modules["ray"]
    played.available_resources = lambda: {"CPU": 1.0}
    played.cluster_resources = lambda: {"CPU": 4.0}
    with pytest.warns(UserWarning, match="workers=2 of 1 core each wait for cores: 1 of 4 are"):
        of_all(run.reports(None))
    pending.clear()  # others have none: they are on their way
    assert of_all(run_of(Played(nothing, tells(1), ended=Ended()), monkeypatch).reports(None)) == [
        1
    ]
