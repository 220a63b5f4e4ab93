"""A step of a net with its numbers, and how one of them is asked for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

from handgrad.learn.explaining.backtrace import Trail, trail_of
from handgrad.learn.explaining.elements import Elements
from handgrad.learn.explaining.inputs import Subject
from handgrad.learn.explaining.steps import (
    Section,
    Step,
    first_not_finite,
    sections_of,
    steps_of,
)
from handgrad.learn.explaining.terms import Index
from handgrad.learn.explaining.traced_step import Recorded
from handgrad.learn.explaining.writing import Writer
from handgrad.textbook.errors import SettingError, did_you_mean


@dataclass(frozen=True, eq=False, repr=False)
class Explained:
    """Traced step of the `subject`; its numbers are written by `writer`, in its `language`."""

    title: str
    recorded: Recorded
    writer: Writer
    language: str
    subject: Subject

    @cached_property
    def elements(self) -> Elements:
        """Arithmetic behind each number of an array."""
        traced = self.recorded
        return Elements(traced.nodes, traced.values, traced.n, traced.names)

    @cached_property
    def steps(self) -> list[Step]:
        """The lines of the layers, in the order in which they were computed."""
        return steps_of(self.recorded, self.elements, self.writer)

    @cached_property
    def sections(self) -> list[Section]:
        """The steps, method by method; a method that is called again begins another section."""
        return sections_of(self.steps)

    @cached_property
    def not_finite(self) -> str | None:
        """The name of the first line that gave NaN or infinity; None where all is finite.

        Infinities that a page states, as one that pads with them, are meant, and so are copies.
        """
        return first_not_finite(self.steps, self.recorded)

    def __getitem__(self, address: str) -> Step:
        """The step of that address or name: `e["1.dx"]`, `e["dx_1"]`, `e["loss"]`."""
        node, index = self._place(address)
        for step in self.steps:
            if step.node == node and not index:
                return step
        raise self._unknown(address)

    def _place(self, address: str) -> tuple[int, Index]:
        """The node and the index that `0.W[2,0]` names."""
        matched = re.fullmatch(r"\s*(.+?)\s*(?:\[([-\d\s,]*)\])?\s*", str(address))
        if not isinstance(address, str) or matched is None:
            raise self._unknown(address)
        by_name = {name: i for i, name in self.recorded.names.items()}
        known = by_name | self.recorded.addresses
        if matched[1] not in known:
            raise self._unknown(address)
        index = tuple(int(part) for part in (matched[2] or "").split(",") if part.strip())
        return known[matched[1]], index

    def of(self, address: str) -> Trail:
        """Follow one number back to the rows: `e.of("0.dW[2,0]")`, `e.of("loss")`.

        At each line that of its numbers is followed which contributes most, among those that
        depend on the rows. Of a parameter, `e.of("0.W[2,0]")`, its gradient is followed.
        """
        node, index = self._place(address)
        known = self.recorded.addresses
        title, words = self.recorded.called(node, index), self.writer.words
        gradient = next(
            (k for name, k in self.recorded.gradients.items() if known[name] == node), None
        )
        if gradient is None:
            title = words["path_of"].format(title)
        else:
            node = gradient
            title = words["path_of_parameter"].format(title, self.recorded.called(node, index))
        value = self.elements.values[node]
        if len(index) != value.ndim or any(
            not 0 <= k < n for k, n in zip(index, value.shape, strict=True)
        ):
            last = ",".join(str(n - 1) for n in value.shape)
            raise SettingError(
                f"{address!r}, of an array of shape {value.shape}",
                f"the place of one number, up to [{last}]" if last else "its name alone",
                f"e.of({address.split('[')[0] + (f'[{last}]' if last else '')!r})",
            )
        number = self.elements.number(node, index)
        return trail_of(title, number, self.recorded, self.elements, self.steps, self.writer)

    def _unknown(self, address: object) -> SettingError:
        known = [*self.recorded.addresses]
        listed = ", ".join(known[:20]) + (", …" if len(known) > 20 else "")
        return SettingError(
            f"{address!r}, which is nothing of this step",
            f"one of {listed}",
            did_you_mean(address, known, "e.steps, which has all of them"),
        )
