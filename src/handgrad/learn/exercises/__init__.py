"""Self-grading exercises: write a derivative and learn which term is wrong.

An exercise is one file in `tasks/`: the lines of a forward pass, arrays with their ranges, and
formulas to fill in. It does not contain the answer: `formulas` evaluates an answer without
executing it and computes finite differences, `checks` compares the two, and `diagnosis` names a
wrong factor, sign, transpose or missing term. `hand_ins` reads what a class hands in, `marks`
grades it.
"""

from handgrad.learn.exercises.exercise import Exercise, Grade, exercise
from handgrad.learn.exercises.marks import Mark, Marks, grade
from handgrad.learn.exercises.tasks import NAMES

__all__ = ["NAMES", "Exercise", "Grade", "Mark", "Marks", "exercise", "grade"]
