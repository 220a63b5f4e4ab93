"""Findings of the doctor, each with evidence and one thing to try."""

from dataclasses import dataclass

from handgrad.textbook.display import shown_whole

# Causes before consequences.
SICKNESSES = (
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
    """One sickness, or a warning of the rows: where, the figures that show it, one thing to try.

    `where` is a layer, `layer 2 of 4, ReLU()`, or the inputs, the targets, the loss, the
    training or the validation rows.
    """

    sickness: str
    where: str
    evidence: str
    advice: str

    _repr_pretty_ = shown_whole

    def __str__(self) -> str:
        return f"{self.sickness}: {self.where}\n  evidence: {self.evidence}\n  try: {self.advice}"


@dataclass(frozen=True, repr=False)
class Diagnosis:
    """All findings of `hg.diagnose`, causes before consequences; true where there are any.

    `left_out` tells which checks were not made, and what they need.
    """

    findings: tuple[Finding, ...] = ()
    left_out: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.findings)

    def __repr__(self) -> str:
        named = ", ".join(dict.fromkeys(finding.sickness for finding in self.findings))
        return f"<Diagnosis: {named or 'nothing was found'}>"

    _repr_pretty_ = shown_whole

    def __str__(self) -> str:
        found = [str(finding) for finding in self.findings] or ["all is well: nothing was found"]
        return "\n".join([*found, *(f"left out: {check}" for check in self.left_out)])
