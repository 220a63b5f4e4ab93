"""A runtime in pieces, of which only those that are used are printed."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from handgrad.engines.portable.functions import OF_DOUBLES

COMMENT = re.compile(r"/\*.*?\*/|//.*", re.DOTALL)


@dataclass(frozen=True)
class Pieces:
    """Texts by the name of what they define: for any numbers, for float32 and for float64.

    In the texts these names follow `prefix`; a piece needs those that it names.
    """

    shared: Mapping[str, str]
    of_single: Mapping[str, str]
    of_double: Mapping[str, str]
    prefix: str = ""

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
        for need in self._names(own.keys() | self.shared.keys()).findall(COMMENT.sub("", text)):
            if need != base:
                self._collect(need + (suffix if need in own else ""), single, found)
        found[name] = self._names(own).sub(rf"{self.prefix}\g<1>{suffix}", text)

    def _names(self, names: Iterable[str]) -> "re.Pattern[str]":
        return re.compile(rf"{re.escape(self.prefix)}\b({'|'.join(sorted(names))})\b")
