"""Formulas for the holes of an exercise, each checked by itself."""

from collections.abc import Mapping

from handgrad.learn.exercises.diagnosis import Remark, diagnose
from handgrad.learn.exercises.formulas import FormulaError, value_of
from handgrad.learn.exercises.tasks import Task


def check_formulas(task: Task, formulas: Mapping[str, str]) -> dict[str, list[Remark]]:
    """What there is to say of each hole.

    A formula may use the holes before it: they have the right numbers there, so that one mistake
    is not marked twice.
    """
    found = {}
    for hole in task.holes:
        formula = formulas.get(hole.name, "").strip()
        if not formula:
            found[hole.name] = [Remark("not_given")]
            continue
        try:
            answer = value_of(formula, task.known_before(hole))
        except FormulaError as error:
            found[hole.name] = [Remark(error.key, error.values)]
            continue
        found[hole.name] = diagnose(answer, hole.measured, task.arrays["n"], hole.known)
    return found
