"""A runtime in pieces, of which only those that are used are printed."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from handgrad.engines.portable.functions import OF_DOUBLES


@dataclass(frozen=True)
class Pieces:
    """Texts by the name of what they define: for any numbers, for float32 and for float64.

    `needs` names the pieces that a piece needs, for its own type where they are not `shared`.
    """

    shared: Mapping[str, str]
    of_single: Mapping[str, str]
    of_double: Mapping[str, str]
    needs: Mapping[str, Sequence[str]]

    def used(self, names: Iterable[str], *, single: bool) -> list[str]:
        """The texts of what is used, by these names among others, in a program of that type."""
        found: dict[str, str] = {}
        for name in names:
            self._collect(name, single, found)
        return [*found.values()]

    def _collect(self, name: str, single: bool, found: dict[str, str]) -> None:
        base = name.removesuffix(OF_DOUBLES)
        suffix = name.removeprefix(base)
        own = self.of_single if single and not suffix else self.of_double
        text = self.shared.get(name) or own.get(base)
        if name in found or text is None:
            return
        for need in self.needs.get(base, ()):
            self._collect(need if need in self.shared else need + suffix, single, found)
        found[name] = _renamed(text, own, suffix) if suffix else text


def _renamed(text: str, own: Iterable[str], suffix: str) -> str:
    """The text with `suffix` after the names that two types have."""
    return re.sub(rf"\b({'|'.join(own)})\b", rf"\1{suffix}", text)
