"""Findings of the doctor, each with evidence and one thing to try."""

from dataclasses import dataclass

from handgrad.check.language import DOCTOR
from handgrad.textbook.display import shown_whole

# Causes before consequences.
PROBLEMS = (
    "unscaled inputs",
    "leakage",
    "not finite",
    "dead units",
    "saturated units",
    "exploding gradients",
    "vanishing gradients",
    "learning rate too high",
    "learning rate too low",
    "class imbalance",
    "over-fitting",
)


@dataclass(frozen=True)
class Finding:
    """One problem of a net, its training or its rows, with evidence and advice.

    Parameters
    ----------
    problem : str
        Kind of the problem, such as "dead units".
    where : str
        A layer, `layer 2 of 4, ReLU()`, or the inputs, targets, loss, training or validation rows.
    evidence : str
        Numbers that show it.
    advice : str
        One thing to try.
    """

    problem: str
    where: str
    evidence: str
    advice: str

    _repr_pretty_ = shown_whole

    def __str__(self) -> str:
        say = DOCTOR.translated
        evidence = f"{say('evidence: ')}{say(self.evidence)}"
        title = f"{say(self.problem)}: {say(self.where)}"
        return f"{title}\n  {evidence}\n  {say('try: ')}{say(self.advice)}"


@dataclass(frozen=True, repr=False)
class Diagnosis:
    """Findings of `hg.diagnose`, causes before consequences; true if there are any.

    Parameters
    ----------
    findings : tuple of Finding
        The problems.
    left_out : tuple of str
        Checks that were not made, with what they need.
    """

    findings: tuple[Finding, ...] = ()
    left_out: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.findings)

    def __repr__(self) -> str:
        named = ", ".join(dict.fromkeys(finding.problem for finding in self.findings))
        return DOCTOR.translated(f"<Diagnosis: {named or 'no problems found'}>")

    _repr_pretty_ = shown_whole

    def __str__(self) -> str:
        say = DOCTOR.translated
        lines = [str(finding) for finding in self.findings] or [say("no problems found")]
        return "\n".join([*lines, *(say(f"left out: {check}") for check in self.left_out)])
