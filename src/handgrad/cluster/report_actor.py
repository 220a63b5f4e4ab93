"""Report actor of a cluster training: messages from its first worker to the caller."""

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
    """Message: a new progress bar with `total` units."""

    total: float
    unit: str


@dataclass(frozen=True)
class BarMoved:
    """Message: the progress bar advances by `more` and shows the text `now`."""

    now: str | None
    more: float


Report = tuple[EpochReport, dict[str, Array] | None]  # with the weights of its epoch
Notice = BarBegun | BarMoved | Warning
Message = Report | Notice


@dataclass(frozen=True)
class Failure:
    """Permanent error of a worker, and the state of the net."""

    error: Exception
    state: dict[str, Array] | None = None


@dataclass(frozen=True)
class News:
    """Messages since the last fetch, and the status; `begun`: a worker has started training."""

    messages: list[Message]
    begun: bool
    failure: Failure | None

    def and_then(self, later: News) -> News:
        """Concatenate with later news."""
        return replace(self, messages=[*self.messages, *later.messages], begun=later.begun)


class Board:
    """Actor that queues the workers' messages until the caller fetches them."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.begun = self.stopping = False
        self.failed: Failure | None = None

    def tell(self, messages: list[Message]) -> bool:
        """Queue messages; returns True if the training should stop."""
        self.messages += messages
        self.begun = True
        return self.stopping

    def fetch(self) -> News:
        """Return and clear the queued messages."""
        messages, self.messages = self.messages, []
        return News(messages, self.begun, self.failed)

    def stop(self) -> None:
        """Ask the training to stop."""
        self.stopping = True

    def fail(self, failure: Failure) -> None:
        """Store the first failure of a worker."""
        self.failed = self.failed or failure

    def failure(self) -> Failure | None:
        """Failure of a worker, or None."""
        return self.failed


class MessageBuffer:
    """Buffer of the first worker's messages, sent to the board every EVERY seconds."""

    def __init__(self, board: ActorHandle[Board]) -> None:
        self.board, self.waiting, self.sent = board, list[Message](), 0.0
        self.answers: list[ObjectRef[bool]] = []
        self.stop = False

    def add(self, message: Message) -> None:
        """Add a message to the buffer."""
        self.waiting.append(message)
        if time.monotonic() - self.sent >= EVERY:
            self.tell(self.waiting)

    @contextmanager
    def with_bars_and_warnings(self, *, first: bool) -> Iterator[None]:
        """Forward bars and warnings of the first worker; suppress those of the others."""
        add = self.add if first else lambda message: None

        @contextmanager
        def bar(total: float, unit: str) -> Iterator[Callable[..., None]]:
            add(BarBegun(total, unit))
            yield lambda now=None, more=1.0: add(BarMoved(now, more))

        token = SHOWN_ELSEWHERE.set(bar)
        try:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("default")  # once per line of code
                yield
        finally:
            SHOWN_ELSEWHERE.reset(token)
        for warning in caught:
            if isinstance(warning.message, Warning):
                add(warning.message)

    def tell(self, messages: list[Message]) -> None:
        """Send messages without waiting for the answer."""
        self.answers = [
            *self.answers[-9:],
            self.board.tell.remote(messages),
        ]
        self.waiting, self.sent = [], time.monotonic()

    def flush(self) -> None:
        """Send the buffered messages, and wait until they have arrived."""
        import ray

        waiting, self.waiting = self.waiting, []
        ray.get(self.board.tell.remote(waiting))

    def asked_to_stop(self) -> bool:
        """Check whether an answer asked to stop; sends an empty message every EVERY seconds."""
        import ray

        if time.monotonic() - self.sent >= EVERY:
            self.tell(self.waiting)
        if self.answers:
            come, self.answers = ray.wait(self.answers, num_returns=len(self.answers), timeout=0)
            self.stop = self.stop or any(ray.get(come))
        return self.stop


class Notices:
    """Progress bar and warnings of the workers, shown in the caller's process."""

    def __init__(self) -> None:
        self.bar = ExitStack()
        self.advance: Callable[..., None] = lambda now, more: None

    def show(self, remark: Notice) -> None:
        """Show a bar or a warning."""
        match remark:
            case BarBegun(total, unit):
                self.bar.close()  # of a fit that was restarted
                self.advance = self.bar.enter_context(progress_bar(total, unit))
            case BarMoved(now, more):
                self.advance(now, more)
            case Warning():
                warnings.warn(remark, stacklevel=5)
