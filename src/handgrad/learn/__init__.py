"""Learning tools: explanations, the story, exercises, the playground."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from handgrad.learn.exercises import Exercise, Grade, Mark, Marks, exercise, grade
    from handgrad.learn.explaining import Explanation, explain
    from handgrad.learn.playground import play
    from handgrad.learn.playground.replay import Replay, replay

__all__ = [
    "Exercise",
    "Explanation",
    "Grade",
    "Mark",
    "Marks",
    "Replay",
    "exercise",
    "explain",
    "grade",
    "play",
    "replay",
]


if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        """Each part is imported on first use, so that none requires the dependencies of another."""
        if name in ("Exercise", "Grade", "Mark", "Marks", "exercise", "grade"):
            from handgrad.learn import exercises as part
        elif name in ("Explanation", "explain"):
            from handgrad.learn import explaining as part
        elif name == "play":
            from handgrad.learn import playground as part
        elif name in ("Replay", "replay"):
            from handgrad.learn.playground import replay as part
        else:
            raise AttributeError(f"module 'handgrad.learn' has no attribute {name!r}")
        return getattr(part, name)


def __dir__() -> list[str]:
    return __all__
