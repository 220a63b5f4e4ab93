"""The report of a gradient check, in words that help to find the mistake."""

from dataclasses import dataclass

import numpy as np

from handgrad.textbook.display import shown_whole
from handgrad.textbook.layers import Array


@dataclass(frozen=True, repr=False)
class Comparison:
    """One gradient, written by hand and measured, at the entries that were looked at."""

    setting: str
    name: str
    hand: Array
    measured: Array
    indices: list[tuple[int, ...]]
    differs: Array
    at_kinks: int
    n_rows: int
    transposed: bool = False

    @property
    def ok(self) -> bool:
        """Whether all entries agree."""
        return not self.differs.any()

    def __repr__(self) -> str:
        how = "right" if self.ok else "WRONG"
        return f"<Comparison: {self.name}, {self.setting}: {how} at {len(self.indices)} entries>"

    _repr_pretty_ = shown_whole

    def __str__(self) -> str:
        kinks = f", {self.at_kinks} at a kink" if self.at_kinks else ""
        if self.ok:
            return f"  ok    {self.name} ({len(self.indices)} entries{kinks})"
        wrong = np.flatnonzero(self.differs)
        lines = [f"  WRONG {self.name}: {len(wrong)} of {len(self.indices)} entries{kinks}"]
        for i in wrong[:3]:
            where = ", ".join(map(str, self.indices[i]))
            ratio = self.hand[i] / self.measured[i] if self.measured[i] else np.inf
            lines.append(
                f"          [{where}]: by hand {self.hand[i]:.8g}, "
                f"measured {self.measured[i]:.8g}, ratio {ratio:.6g}"
            )
        if hint := self._pattern():
            lines.append(f"        → {hint}")
        return "\n".join(lines)

    def _pattern(self) -> str:
        """The classic mistake that these differences look like, if any."""
        if self.transposed:
            return "by hand it is the transpose of what was measured"
        hand, measured = self.hand[self.differs], self.measured[self.differs]
        sizable = np.abs(measured) > 1e-3 * np.abs(self.measured).max(initial=0)
        if not sizable.any():
            return "it should be zero here"
        ratios = hand[sizable] / measured[sizable]
        ratio = float(np.median(ratios))
        if np.abs(ratios - ratio).max() > 1e-3 * max(abs(ratio), 1e-3):
            return ""
        n = self.n_rows
        patterns = {
            0.0: "always 0: is it computed at all?",
            -1.0: "×−1 everywhere: a sign is wrong",
            2.0: "×2 everywhere: a factor 2 too many",
            0.5: "×½ everywhere: a factor 2 is missing",
            -2.0: "×−2 everywhere: a sign is wrong, and a factor 2 too many",
            float(n): f"×batch size ({n}) everywhere: a sum where a mean belongs",
            1 / n: f"÷batch size ({n}) everywhere: a mean where a sum belongs",
            -float(n): f"×−batch size (−{n}) everywhere: a sign, and a sum where a mean belongs",
        }
        for clean, text in patterns.items():
            if abs(ratio - clean) <= 1e-3 * max(abs(clean), 1e-3):
                return text
        return f"×{ratio:.6g} everywhere: a constant factor"


@dataclass(frozen=True, repr=False)
class GradientReport:
    """All comparisons of one check; true when every gradient is right.

    `problems` are faults seen beside the numbers: a changed input, a wrong shape. `looked_at`
    says between which numbers inputs, parameters and running state lay, and which were drawn.
    """

    title: str
    comparisons: list[Comparison]
    problems: list[str]
    looked_at: str = ""

    @property
    def ok(self) -> bool:
        """Whether every gradient is right and nothing else is wrong."""
        return not self.problems and all(comparison.ok for comparison in self.comparisons)

    def __bool__(self) -> bool:
        return self.ok

    def __repr__(self) -> str:
        return f"<GradientReport: {self._verdict()}>"

    def _verdict(self) -> str:
        return f"{self.title}: {'all gradients are right' if self.ok else 'NOT right'}"

    _repr_pretty_ = shown_whole

    def __str__(self) -> str:
        lines = [self._verdict()]
        setting = ""
        for comparison in self.comparisons:
            if comparison.setting != setting:
                setting = comparison.setting
                lines.append(f" {setting}")
            lines.append(str(comparison))
        lines += [f" WRONG {problem}" for problem in self.problems]
        lines += [f" looked at {self.looked_at}"] if self.looked_at else []
        return "\n".join(lines)
