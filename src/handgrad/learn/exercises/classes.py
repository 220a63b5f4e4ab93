"""A learner's class, checked at the exercise's numbers and by the gradient check."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from handgrad.check import check_gradients
from handgrad.learn.exercises.diagnosis import Remark, agrees, diagnose, said
from handgrad.learn.exercises.finite_differences import run
from handgrad.learn.exercises.tasks import Task
from handgrad.textbook.errors import SettingError, described
from handgrad.textbook.layers import Array, Layer
from handgrad.textbook.losses import Loss

Page = Layer | Loss


def check_page(task: Task, given: object) -> dict[str, list[Remark]]:
    """What there is to say of each gradient that the page leaves; and of the whole.

    The last word has the gradient check, at other numbers than the exercise's.
    """
    page = _made(task, given)
    try:
        found = {} if task.random else _at_the_numbers(task, copy.deepcopy(page))
    except _StoppedError as stopped:
        return {task.page_name: [_stopped(stopped.method, stopped.error)]}
    if any(remark.key != "right" for remarks in found.values() for remark in remarks):
        return found
    first, *others = (task.arrays[name].copy() for name in task.inputs)
    try:
        report = check_gradients(page, x=first, y=others[0] if others else None)
    except Exception as error:  # whatever a learner's page may raise
        return {task.page_name: [_stopped("hg.check_gradients", error)]}
    if not report:
        found[task.page_name] = [Remark("gradient_check", {"report": str(report)})]
    elif task.random:
        found[task.page_name] = [Remark("right", {"count": np.size(first)})]
    return found


class _StoppedError(Exception):
    def __init__(self, method: str, error: Exception) -> None:
        super().__init__(method)
        self.method, self.error = method, error


def _stopped(method: str, error: Exception) -> Remark:
    return Remark("stopped", {"method": method, "error": f"{type(error).__name__}: {error}"})


def _made(task: Task, given: object) -> Page:
    if task.kind == "formula":
        raise SettingError(
            described(given),
            f"a formula for each of {', '.join(hole.name for hole in task.holes)}",
            f'exercise.check({task.holes[0].name}="…")',
        )
    kind = Loss if task.kind == "loss" else Layer
    try:
        page = given(*task.made_with) if isinstance(given, type) else copy.deepcopy(given)
    except Exception as error:  # whatever a learner's class may raise
        why = next(iter(str(error).splitlines()), type(error).__name__)
        called = f"{task.page_name}({', '.join(map(repr, task.made_with))})"
        raise SettingError(
            f"the class stopped with {why}",
            f"that it can be made as {called}",
            "the page that the exercise prints",
        ) from error
    if not isinstance(page, Layer | Loss) or not isinstance(page, kind):
        raise SettingError(
            described(given),
            f"a class that derives from hg.{kind.__name__}, or formulas as text",
            f"class {task.page_name}(hg.{kind.__name__}): …",
        )
    return page


def _numbers(found: object, method: str) -> Array:
    """What a method gave, as numbers; it stopped there where it is none."""
    numbers = np.asarray(found)
    if numbers.dtype.kind not in "fiub":
        error = TypeError(f"{described(found)}, where numbers belong")
        raise _StoppedError(method, error)
    return numbers


def _at_the_numbers(task: Task, page: Page) -> dict[str, list[Remark]]:
    """Forward and every gradient at the numbers of the exercise, where what is off is fitted."""
    if isinstance(page, Layer):
        for name in page.param_names:
            setattr(page, name, task.arrays[name].copy())
    out = _called(page, "forward", *(task.arrays[name].copy() for name in task.inputs))
    right = np.asarray(run(task.forward, task.arrays)[task.output])
    if differing := _forward_remark(_numbers(out, "forward"), right):
        return {"forward": [differing]}
    upstream = out if task.upstream is None else task.arrays[task.upstream].copy()
    returned = _called(page, "backward", upstream)
    found = {}
    for hole in task.holes:
        gradient = returned if hole.of == task.inputs[0] else _left(page, hole.name)
        if gradient is not None:
            answer = _numbers(gradient, "backward")
            found[hole.name] = diagnose(answer, hole.measured, task.arrays["n"], hole.known)
        elif hole.of == task.inputs[0] or hole.of in getattr(page, "param_names", ()):
            found[hole.name] = [Remark("not_given")]
    return found


def _left(page: Page, name: str) -> Array | None:
    """What backward has left by a name, if it has."""
    found: Array | None = vars(page).get(name)
    return found


def _called(page: Page, method: str, *values: object) -> Any:
    try:
        with np.errstate(all="ignore"):
            return getattr(page, method)(*values)
    except Exception as error:
        raise _StoppedError(method, error) from error


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
        "answer": said(out[index]),
        "measured": said(right[index]),
    }
    return Remark("forward_differs", values)
