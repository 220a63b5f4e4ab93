"""The board of a cluster training: reports from its first worker to whoever called it."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from handgrad.textbook.layers import Array
from handgrad.training import EpochReport
from handgrad.training.progress_bar import SHOWN_ELSEWHERE, progress_bar

if TYPE_CHECKING:
    from ray import ObjectRef
    from ray.actor import ActorHandle

EVERY = 0.2  # seconds between two messages


@dataclass(frozen=True)
class BarBegun:
    """A new progress bar, of so many units."""

    total: float
    unit: str


@dataclass(frozen=True)
class BarMoved:
    """The bar has moved by so much more, and says what is `now`."""

    now: str | None
    more: float


Report = tuple[EpochReport, dict[str, Array] | None]  # with the weights of its epoch
Remark = BarBegun | BarMoved | Warning
Told = Report | Remark


@dataclass(frozen=True)
class Failure:
    """An error in one of the workers, which trying again would not mend, and the net as it is."""

    error: Exception
    state: dict[str, Array] | None = None


@dataclass(frozen=True)
class News:
    """What was told since it was last fetched, and how it stands; `begun`: a worker trains."""

    told: list[Told]
    begun: bool
    failure: Failure | None

    def and_then(self, later: News) -> News:
        """Both together."""
        return replace(self, told=[*self.told, *later.told], begun=later.begun)


class Board:
    """An actor that keeps what the workers say until it is fetched."""

    def __init__(self) -> None:
        self.told: list[Told] = []
        self.begun = self.stopping = False
        self.failed: Failure | None = None

    def tell(self, told: list[Told]) -> bool:
        """Keep reports; say whether the training is to stop."""
        self.told += told
        self.begun = True
        return self.stopping

    def fetch(self) -> News:
        """What is new."""
        told, self.told = self.told, []
        return News(told, self.begun, self.failed)

    def stop(self) -> None:
        """Ask the training to stop as soon as it can."""
        self.stopping = True

    def fail(self, failure: Failure) -> None:
        """Keep the first failure of a worker."""
        self.failed = self.failed or failure

    def failure(self) -> Failure | None:
        """The failure of a worker, if there was one."""
        return self.failed


class Messages:
    """What the first worker has to say, sent to the board now and then."""

    def __init__(self, board: ActorHandle[Board]) -> None:
        self.board, self.waiting, self.sent = board, list[Told](), 0.0
        self.answers: list[ObjectRef[bool]] = []
        self.stop = False

    def add(self, told: Told) -> None:
        """Tell something, with the next message."""
        self.waiting.append(told)
        if time.monotonic() - self.sent >= EVERY:
            self.tell(self.waiting)

    @contextmanager
    def with_bars_and_warnings(self, *, first: bool) -> Iterator[None]:
        """Those of the first worker are told; of the others none are shown."""
        add = self.add if first else lambda told: None

        @contextmanager
        def bar(total: float, unit: str) -> Iterator[Callable[..., None]]:
            add(BarBegun(total, unit))
            yield lambda now=None, more=1.0: add(BarMoved(now, more))

        token = SHOWN_ELSEWHERE.set(bar)
        try:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("default")  # of a loop, one
                yield
        finally:
            SHOWN_ELSEWHERE.reset(token)
        for warning in caught:
            if isinstance(warning.message, Warning):
                add(warning.message)

    def tell(self, told: list[Told]) -> None:
        """Send reports, and do not wait for the answer."""
        self.answers = [*self.answers[-9:], self.board.tell.remote(told)]  # the last ones say all
        self.waiting, self.sent = [], time.monotonic()

    def flush(self) -> None:
        """Send what is left, and wait until it has come."""
        import ray

        waiting, self.waiting = self.waiting, []
        ray.get(self.board.tell.remote(waiting))

    def asked_to_stop(self) -> bool:
        """Whether an answer said so; asked now and then, where there is nothing to tell."""
        import ray

        if time.monotonic() - self.sent >= EVERY:
            self.tell(self.waiting)
        if self.answers:
            come, self.answers = ray.wait(self.answers, num_returns=len(self.answers), timeout=0)
            self.stop = self.stop or any(ray.get(come))
        return self.stop


class Remarks:
    """What is shown to whoever called beside the reports: the bar as it is now, and warnings."""

    def __init__(self) -> None:
        self.bar = ExitStack()
        self.advance: Callable[..., None] = lambda now, more: None

    def show(self, told: Remark) -> None:
        """Show it here."""
        match told:
            case BarBegun(total, unit):
                self.bar.close()  # that of a fit which has died
                self.advance = self.bar.enter_context(progress_bar(total, unit))
            case BarMoved(now, more):
                self.advance(now, more)
            case Warning():
                warnings.warn(told, stacklevel=5)
