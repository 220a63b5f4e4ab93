"""Checks of answers: formulas hole by hole, and a learner's class with the gradient check."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np

from handgrad.check import check_gradients
from handgrad.learn.exercises.diagnosis import Remark, agrees, diagnose, format_number
from handgrad.learn.exercises.formulas import FormulaError, run, value_of
from handgrad.learn.exercises.tasks import Task
from handgrad.textbook.errors import SettingError, described
from handgrad.textbook.layers import Array, Layer
from handgrad.textbook.losses import Loss

Page = Layer | Loss


def check_class(task: Task, answer: object) -> dict[str, list[Remark]]:
    """Remarks on each gradient that a class computes, and on the class.

    The gradient check runs last, on other numbers than the exercise's.
    """
    page = _instance(task, answer)
    try:
        checks = {} if task.random else _at_the_numbers(task, copy.deepcopy(page))
    except _FailedMethodError as stopped:
        return {task.page_name: [_stopped(stopped.method, stopped.error)]}
    if any(remark.key != "right" for remarks in checks.values() for remark in remarks):
        return checks
    first, *others = (task.arrays[name].copy() for name in task.inputs)
    try:
        report = check_gradients(page, x=first, y=others[0] if others else None)
    except Exception as error:  # whatever a learner's page may raise
        return {task.page_name: [_stopped("hg.check_gradients", error)]}
    if not report:
        checks[task.page_name] = [Remark("gradient_check", {"report": str(report)})]
    elif task.random:
        checks[task.page_name] = [Remark("right", {"count": np.size(first)})]
    return checks


class _FailedMethodError(Exception):
    def __init__(self, method: str, error: Exception) -> None:
        super().__init__(method)
        self.method, self.error = method, error


def _stopped(method: str, error: Exception) -> Remark:
    return Remark("stopped", {"method": method, "error": f"{type(error).__name__}: {error}"})


def _instance(task: Task, answer: object) -> Page:
    if task.kind == "formula":
        raise SettingError(
            described(answer),
            f"a formula for each of {', '.join(hole.name for hole in task.holes)}",
            f'exercise.check({task.holes[0].name}="…")',
        )
    kind = Loss if task.kind == "loss" else Layer
    try:
        page = answer(*task.made_with) if isinstance(answer, type) else copy.deepcopy(answer)
    except Exception as error:  # whatever a learner's class may raise
        why = next(iter(str(error).splitlines()), type(error).__name__)
        called = f"{task.page_name}({', '.join(map(repr, task.made_with))})"
        raise SettingError(
            f"the class raised {why}",
            f"a class that can be constructed as {called}",
            "the signature of the class that the exercise prints",
        ) from error
    if not isinstance(page, Layer | Loss) or not isinstance(page, kind):
        raise SettingError(
            described(answer),
            f"a class that derives from hg.{kind.__name__}, or formulas as text",
            f"class {task.page_name}(hg.{kind.__name__}): …",
        )
    return page


def _numbers(result: object, method: str) -> Array:
    """The result of a method as an array of numbers; a _FailedMethodError if not numeric."""
    numbers = np.asarray(result)
    if numbers.dtype.kind not in "fiub":
        error = TypeError(f"{described(result)} instead of numbers")
        raise _FailedMethodError(method, error)
    return numbers


def _at_the_numbers(task: Task, page: Page) -> dict[str, list[Remark]]:
    """Remarks on forward and every gradient, computed on the arrays of the exercise."""
    if isinstance(page, Layer):
        for name in page.param_names:
            setattr(page, name, task.arrays[name].copy())
    out = _called(page, "forward", *(task.arrays[name].copy() for name in task.inputs))
    right = np.asarray(run(task.forward, task.arrays)[task.output])
    if differing := _forward_remark(_numbers(out, "forward"), right):
        return {"forward": [differing]}
    upstream = out if task.upstream is None else task.arrays[task.upstream].copy()
    returned = _called(page, "backward", upstream)
    remarks = {}
    for hole in task.holes:
        gradient = returned if hole.of == task.inputs[0] else _gradient(page, hole.name)
        if gradient is not None:
            answer = _numbers(gradient, "backward")
            remarks[hole.name] = diagnose(answer, hole.measured, hole.patterns)
        elif hole.of == task.inputs[0] or hole.of in getattr(page, "param_names", ()):
            remarks[hole.name] = [Remark("not_given")]
    return remarks


def _gradient(page: Page, name: str) -> Array | None:
    """The attribute `name` that backward has set, or None."""
    gradient: Array | None = vars(page).get(name)
    return gradient


def _called(page: Page, method: str, *values: object) -> Any:
    try:
        with np.errstate(all="ignore"):
            return getattr(page, method)(*values)
    except Exception as error:
        raise _FailedMethodError(method, error) from error


def _forward_remark(out: Array, right: Array) -> Remark | None:
    if out.shape != right.shape:
        return Remark("forward_shape", {"came": str(out.shape), "expected": str(right.shape)})
    good = agrees(out, right)
    if good.all():
        return None
    index = tuple(int(i) for i in np.argwhere(~good)[0])
    at = f"[{', '.join(map(str, index))}]"
    values: dict[str, object] = {
        "at": at,
        "answer": format_number(out[index]),
        "measured": format_number(right[index]),
    }
    return Remark("forward_differs", values)


def check_formulas(task: Task, formulas: Mapping[str, str]) -> dict[str, list[Remark]]:
    """Remarks on the formula of each hole.

    A formula may use the holes before it, with their correct values, so that one mistake is not
    marked twice.
    """
    remarks = {}
    for hole in task.holes:
        formula = formulas.get(hole.name, "").strip()
        if not formula:
            remarks[hole.name] = [Remark("not_given")]
            continue
        try:
            answer = value_of(formula, task.known_before(hole))
        except FormulaError as error:
            remarks[hole.name] = [Remark(error.key, error.values)]
            continue
        remarks[hole.name] = diagnose(answer, hole.measured, hole.patterns)
    return remarks
