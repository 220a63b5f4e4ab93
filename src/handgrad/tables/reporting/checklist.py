"""Checks of a report: each was made, or skipped for a reason, or has nothing to check."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from handgrad.check.doctor import Diagnosis, Finding

State = Literal["made", "skipped", "not applicable"]
NOT_FINITE = "not finite"
# Checks of `hg.diagnose`, with the word by which its `left_out` names those that were not made.
OF_THE_NET = (
    ("unscaled inputs", "unscaled"),
    ("dead or saturated units", "units"),
    ("vanishing or exploding gradients", "gradients"),
    ("learning rate", "learning rate"),
    ("over-fitting during training", "over-fitting"),
    ("held-out rows among the training rows", "leakage"),
)


class SkippedCheckError(Exception):
    """Reason why a check was not made."""

    state: State = "skipped"


class NotApplicableError(SkippedCheckError):
    """Reason why a check has nothing to check."""

    state: State = "not applicable"


@dataclass(frozen=True)
class ReportCheck:
    """One check: its name, its state, and the reason if it was not made."""

    name: str
    state: State = "made"
    why: str = ""


class CheckList:
    """Checks in order, with the findings of those that were made."""

    def __init__(self) -> None:
        self.checks = list[ReportCheck]()
        self.findings = list[Finding]()

    def make(self, name: str, check: Callable[[], Iterable[Finding]]) -> None:
        """Make a check, unless it raises a SkippedCheckError with the reason."""
        try:
            self.findings += check()
        except SkippedCheckError as error:
            self.checks.append(ReportCheck(name, error.state, str(error)))
        else:
            self.checks.append(ReportCheck(name))


def checks_of_net(diagnosis: Diagnosis | str, *, keeps_best: bool) -> Iterator[ReportCheck]:
    """Checks of a net and its training, from the diagnosis or the reason if there is none.

    With `keeps_best` the net has the weights of its best epoch.
    """
    if isinstance(diagnosis, str):
        yield from (ReportCheck(name, "skipped", diagnosis.rstrip(".")) for name, _ in OF_THE_NET)
        return
    ill = any(finding.problem == NOT_FINITE for finding in diagnosis.findings)
    left_out = [entry.partition(": ") for entry in diagnosis.left_out]
    for name, word in OF_THE_NET:
        why = next((reason for named, _, reason in left_out if word in named), "")
        if word == "over-fitting" and keeps_best:
            yield ReportCheck(name, "not applicable", "the weights of the best epoch are kept")
        elif ill and word != "leakage":
            yield ReportCheck(name, "skipped", "the numbers are not finite")
        else:
            yield ReportCheck(name, "skipped", why) if why else ReportCheck(name)


def in_state(checks: Sequence[ReportCheck], state: State) -> list[ReportCheck]:
    """Checks in one state."""
    return [check for check in checks if check.state == state]
