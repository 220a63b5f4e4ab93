"""Exercises that grade themselves: write a derivative, and hear which term is off.

An exercise is one file in `tasks/`: the lines of a forward pass, arrays with their ranges, and
holes. It does not hold the answer: `finite_differences` measures the slopes, `formulas` reads an
answer without executing it, and `diagnosis` names a wrong factor, sign, transpose or missing
term.
"""

from handgrad.learn.exercises.exercise import Exercise, Grade, exercise
from handgrad.learn.exercises.tasks import NAMES

__all__ = ["NAMES", "Exercise", "Grade", "exercise"]
