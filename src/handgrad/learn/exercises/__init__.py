"""Exercises that grade themselves: write a derivative, and hear which term is off."""

from handgrad.learn.exercises.exercise import Exercise, Grade, exercise
from handgrad.learn.exercises.tasks import NAMES

__all__ = ["NAMES", "Exercise", "Grade", "exercise"]
