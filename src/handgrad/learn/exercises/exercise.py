"""Exercises: a task, its hints, and checks of answers."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from handgrad.files.html import TEMPLATES
from handgrad.learn.exercises.checks import check_class, check_formulas
from handgrad.learn.exercises.diagnosis import Remark
from handgrad.learn.exercises.display import as_html, as_text, task_data
from handgrad.learn.exercises.i18n import sentence, words
from handgrad.learn.exercises.tasks import task
from handgrad.textbook.display import Text, shown_whole
from handgrad.textbook.errors import SettingError, checked_language, did_you_mean
from handgrad.textbook.install import installed
from handgrad.textbook.layers import Layer
from handgrad.textbook.losses import Loss

Answer = Layer | Loss | type[Layer] | type[Loss]


@dataclass(frozen=True, repr=False)
class Grade:
    """Result of a check, true if every answer is correct; printed, it names what is wrong.

    Parameters
    ----------
    language : {"en", "zh"}
        Language of the sentences.
    remarks : mapping
        Remarks on each formula, by its name.
    of : int, default 1
        Number of formulas of the exercise.

    Examples
    --------
    >>> import handgrad as hg
    >>> grade = hg.exercise("linear").check(dW="dz.T @ x", db="dz.mean(axis=0)", dx="dz @ W")
    >>> bool(grade), grade.right, grade.of
    (False, 2, 3)
    """

    language: str
    remarks: Mapping[str, Sequence[Remark]]
    of: int = 1

    @property
    def right(self) -> int:
        """Number of formulas that are correct, out of `of`: a partial mark."""
        correct = [[r.key for r in remarks] == ["right"] for remarks in self.remarks.values()]
        return self.of if self.ok else min(sum(correct), self.of - 1)

    @property
    def ok(self) -> bool:
        """True if every answer is correct."""
        keys = [remark.key for remarks in self.remarks.values() for remark in remarks]
        return all(key == "right" for key in keys)

    def __bool__(self) -> bool:
        return self.ok

    def __str__(self) -> str:
        lines = [sentence(hole, remarks, self.language) for hole, remarks in self.remarks.items()]
        return "\n".join([*lines, words(self.language)["done" if self.ok else "not_done"]])

    def __repr__(self) -> str:
        return f"<Grade: {words(self.language)['done' if self.ok else 'not_done']}>"

    _repr_pretty_ = shown_whole


class Exercise:
    """An exercise: a layer or a loss whose backward pass is to be written.

    `hg.exercise` returns one by name; printed, or as the last line of a notebook cell, it shows
    the task.

    Parameters
    ----------
    name : str or Path
        Name of a built-in exercise, or a TOML file.
    language : {"en", "zh"}
        Language of the task and of the feedback.
    seed : int, optional
        Other numbers and names, from 0 to 999 999.
    """

    def __init__(
        self, name: str | os.PathLike[str], language: str | None, seed: int | None = None
    ) -> None:
        # a value that is not a string is not a name
        is_name = isinstance(name, str | os.PathLike)
        self._task = task(name if is_name else repr(name), checked_language(language), seed)
        self.name, self.language, self.seed = self._task.name, self._task.language, seed
        self._hints_shown: dict[str, int] = {}

    @property
    def id(self) -> str:
        """The name in addresses and marks: tanh, and tanh@7 with the seed 7."""
        return self.name if self.seed is None else f"{self.name}@{self.seed}"

    @property
    def title(self) -> str:
        """Title of the exercise, in its language."""
        return self._task.title

    @property
    def holes(self) -> list[str]:
        """Names of the formulas to be written, in the order of the steps: dW, db, dx."""
        return [hole.name for hole in self._task.holes]

    def check(self, answer: str | Answer | None = None, /, **formulas: str) -> Grade:
        """Check an answer: a class (or an instance), or a formula for each hole.

        Formulas and classes are compared with finite differences of the forward pass;
        `hg.check_gradients` also runs on a class.

        Parameters
        ----------
        answer : str, layer or loss, or class of one, optional
            The formula of an exercise with one hole, or a class that implements all of them.
        **formulas : str
            Formulas by the name of their hole, such as `dW="dz.T @ x"`.

        Returns
        -------
        Grade
            True if every answer is correct; printed, it names what is wrong.

        Examples
        --------
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
            return self._graded(check_class(self._task, answer))
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
        return self._graded(check_formulas(self._task, formulas))

    def _graded(self, remarks: Mapping[str, Sequence[Remark]]) -> Grade:
        return Grade(self.language, remarks, len(self.holes))

    def hint(self, hole: str | None = None) -> Text:
        """Return the next hint.

        Parameters
        ----------
        hole : str, optional
            Name of the formula; by default the first that has a hint left.

        Examples
        --------
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
        texts = words(self.language)
        for formula in self._task.holes:
            shown = self._hints_shown.get(formula.name, 0)
            if hole in (None, formula.name) and shown < len(formula.hints):
                self._hints_shown[formula.name] = shown + 1
                step = texts["hint_of"].format(i=shown + 1, n=len(formula.hints))
                text = f"{step}{texts['stop']}{texts['between']}{formula.hints[shown]}"
                return Text(texts["of_hole"].format(hole=formula.name, text=text))
        return Text(texts["no_more_hints"])

    def data(self) -> dict[str, Any]:
        """The exercise as JSON, for the page that grades without Python; it has no answers."""
        return task_data(self._task)

    def __str__(self) -> str:
        return as_text(self._task)

    def __repr__(self) -> str:
        return f"<Exercise {self.id}: {', '.join(self.holes)}>"

    _repr_pretty_ = shown_whole

    def _repr_html_(self) -> str:
        if not installed(*TEMPLATES):
            raise NotImplementedError  # then notebooks show the text
        return as_html(self._task)


def exercise(
    name: str | os.PathLike[str], language: str | None = None, seed: int | None = None
) -> Exercise:
    """An exercise: a layer, loss or update rule whose backward pass or formula is to be written.

    Answers are checked against finite differences of the forward pass, and mistakes are named.

    Parameters
    ----------
    name : str or Path
        linear, tanh, sigmoid, relu, leaky-relu, softplus, silu, gelu, mse, huber,
        binary-cross-entropy, cross-entropy, softmax, softmax-cross-entropy, residual, dropout,
        embedding, convolution, gru, attention, layer-norm, batch-norm, weight-penalty, momentum
        or adam; or a TOML file with an exercise of your own.
    language : {"en", "zh"}, optional
        Language of the task and of the feedback; that of texts by default, see `hg.defaults`. A
        file that has only one is in that.
    seed : int, optional
        From 0 to 999 999: other numbers and other names of the arrays, the same for each seed.

    Returns
    -------
    Exercise
        Printed, it shows the task; `check` grades an answer, `hint` gives the next hint.

    Examples
    --------
    >>> import handgrad as hg
    >>> import numpy as np
    >>> tanh = hg.exercise("tanh")
    >>> print(tanh.check("(1 - x**2) * dy"))
    dx: wrong at 15 of 15 entries. At [0, 0] you have 0.4068; the measured value is 0.4107, \
ratio 0.9906. You wrote x instead of y: the derivative is 1 minus the square of tanh x, not of x.
    Not finished yet.
    >>> print(hg.exercise("tanh", seed=7).check(du="(1 - y**2) * dy"))
    du: the name “y” is not defined; available names are u, dz, n, z.
    Not finished yet.
    >>> class MyTanh(hg.Layer):
    ...     def forward(self, x): self.y = np.tanh(x); return self.y
    ...     def backward(self, dy): return (self.y**2 - 1) * dy
    >>> print(tanh.check(MyTanh))
    dx: wrong at 15 of 15 entries. At [0, 0] you have -0.4107; the measured value is 0.4107, \
ratio -1. It is ×-1 everywhere: the sign is wrong.
    Not finished yet.
    """
    return Exercise(name, language, seed)
