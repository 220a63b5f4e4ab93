"""An exercise as one meets it: the task, hints step by step, and answers that are checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from handgrad.files.html import TEMPLATES
from handgrad.learn.exercises.answers import check_formulas
from handgrad.learn.exercises.classes import check_page
from handgrad.learn.exercises.diagnosis import Remark
from handgrad.learn.exercises.display import as_html, as_text
from handgrad.learn.exercises.i18n import sentence, words
from handgrad.learn.exercises.serialize import task_data
from handgrad.learn.exercises.tasks import task
from handgrad.textbook.display import Text, shown_whole
from handgrad.textbook.errors import SettingError, did_you_mean
from handgrad.textbook.install import installed
from handgrad.textbook.layers import Layer
from handgrad.textbook.losses import Loss

Pages = Layer | Loss | type[Layer] | type[Loss]


@dataclass(frozen=True, repr=False)
class Grade:
    """What a check found; true if every answer is right. Printed, it says which term is off."""

    language: str
    remarks: Mapping[str, Sequence[Remark]]

    @property
    def ok(self) -> bool:
        """Whether every answer is right."""
        found = [remark.key for remarks in self.remarks.values() for remark in remarks]
        return all(key == "right" for key in found)

    def __bool__(self) -> bool:
        return self.ok

    def __str__(self) -> str:
        lines = [sentence(hole, found, self.language) for hole, found in self.remarks.items()]
        return "\n".join([*lines, words(self.language)["done" if self.ok else "not_done"]])

    def __repr__(self) -> str:
        return f"<Grade: {words(self.language)['done' if self.ok else 'not_done']}>"

    _repr_pretty_ = shown_whole


class Exercise:
    """A page of the textbook whose backward is left open; `hg.exercise` gives one by its name.

    Printed, or as the last line of a notebook's cell, it says what is asked.
    """

    def __init__(self, name: str, language: str) -> None:
        # what cannot be looked up is no name either
        self._task = task(name if isinstance(name, str) else repr(name), language)
        self.name, self.language = name, language
        self._hints_given: dict[str, int] = {}

    @property
    def holes(self) -> list[str]:
        """The names of what is asked for, in the order of the steps: dW, db, dx."""
        return [hole.name for hole in self._task.holes]

    def check(self, answer: str | Pages | None = None, /, **formulas: str) -> Grade:
        """Check an answer: a class (or an object of it), or a formula for each hole.

        A formula is compared with slopes of forward, measured by small steps; a class, too, and
        `hg.check_gradients` is run on it. A single hole needs no name.

        >>> import handgrad as hg
        >>> print(hg.exercise("tanh").check("(1 - y**2) * dy"))
        dx: correct, at all 15 entries.
        All correct.
        >>> print(hg.exercise("linear").check(db="dz.mean(axis=0)"))
        dW: no answer yet.
        db: wrong at 4 of 4 entries. At [0] you have 0.224; the measured value is 1.12, ratio \
0.2. It is ÷5 everywhere, the number of rows n: there is an extra 1/n.
        dx: no answer yet.
        Not finished yet.
        """
        if answer is not None and not isinstance(answer, str):
            return Grade(self.language, check_page(self._task, answer))
        if isinstance(answer, str):
            if len(self.holes) > 1 or formulas:
                raise SettingError(
                    "a formula without a name",
                    f"one for each of {', '.join(self.holes)}",
                    f'exercise.check({self.holes[0]}="{answer}")',
                )
            formulas = {self.holes[0]: answer}
        for name, formula in formulas.items():
            if name not in self.holes:
                raise SettingError(
                    f"an answer for {name!r}",
                    f"one for {', '.join(self.holes)}",
                    did_you_mean(name, self.holes, f'{self.holes[0]}="…"'),
                )
            if not isinstance(formula, str):
                raise SettingError(
                    f"{name} = {formula!r}", "a formula as text", f'{name}="(1 - y**2) * dy"'
                )
        return Grade(self.language, check_formulas(self._task, formulas))

    def hint(self, hole: str | None = None) -> Text:
        """The next hint, for one hole or for the first that has one left.

        >>> import handgrad as hg
        >>> hg.exercise("softplus").hint()
        dx: Hint 1 of 3. The derivative of log(1 + u) with respect to u is 1 / (1 + u), with u = eˣ.
        """
        if hole is not None and hole not in self.holes:
            raise SettingError(
                f"a hint for {hole!r}",
                f"one of {', '.join(self.holes)}",
                did_you_mean(hole, self.holes, self.holes[0]),
            )
        said = words(self.language)
        for asked in self._task.holes:
            given = self._hints_given.get(asked.name, 0)
            if hole in (None, asked.name) and given < len(asked.hints):
                self._hints_given[asked.name] = given + 1
                step = said["hint_of"].format(i=given + 1, n=len(asked.hints))
                text = f"{step}{said['stop']}{said['between']}{asked.hints[given]}"
                return Text(said["of_hole"].format(hole=asked.name, text=text))
        return Text(said["no_more_hints"])

    def data(self) -> dict[str, Any]:
        """The exercise as JSON, for the page that grades without Python.

        What is right is in it only as numbers of terms; no answer is.
        """
        return task_data(self._task)

    def __str__(self) -> str:
        return as_text(self._task)

    def __repr__(self) -> str:
        return f"<Exercise {self.name}: {', '.join(self.holes)}>"

    _repr_pretty_ = shown_whole

    def _repr_html_(self) -> str:
        if not installed(*TEMPLATES):
            raise NotImplementedError  # then notebooks show the text
        return as_html(self._task)


def exercise(name: str, language: str = "en") -> Exercise:
    """An exercise by its name: a page of the textbook, with backward to be written.

    There are linear, tanh, sigmoid, relu, leaky-relu, softplus, silu, gelu, mse, huber,
    binary-cross-entropy, cross-entropy, softmax, softmax-cross-entropy, residual, dropout,
    embedding, layer-norm, batch-norm, weight-penalty, momentum and adam; `language` is "en" or
    "zh". Each is checked by small steps: no answer is needed for it, and what is off is named.

    >>> import handgrad as hg
    >>> import numpy as np
    >>> tanh = hg.exercise("tanh")
    >>> print(tanh.check("(1 - x**2) * dy"))
    dx: wrong at 15 of 15 entries. At [0, 0] you have 0.4068; the measured value is 0.4107, \
ratio 0.9906. You wrote x instead of y: the derivative is 1 minus the square of tanh x, not of x.
    Not finished yet.
    >>> class MyTanh(hg.Layer):
    ...     def forward(self, x): self.y = np.tanh(x); return self.y
    ...     def backward(self, dy): return (self.y**2 - 1) * dy
    >>> print(tanh.check(MyTanh))
    dx: wrong at 15 of 15 entries. At [0, 0] you have -0.4107; the measured value is 0.4107, \
ratio -1. It is ×-1 everywhere: the sign is wrong.
    Not finished yet.
    """
    return Exercise(name, language)
