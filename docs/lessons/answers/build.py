"""Writes the exercises' answers for teachers, in both languages: what is typed, and what is said.

Run it as `python docs/lessons/answers/build.py` after a change of an exercise or of answers.toml.
"""

import tomllib
from pathlib import Path
from typing import Any

from handgrad.learn.exercises import NAMES, exercise
from handgrad.learn.exercises.i18n import sentence
from handgrad.learn.exercises.tasks import task

HERE = Path(__file__).parent
FILES = {"en": "exercises.md", "zh": "exercises.zh.md"}
OPENING = {
    "en": "# Answers to the exercises\n\n"
    "For teachers. Any formula that comes to the same numbers is right. Beside each answer stands "
    "what learners often write instead, and what they are told. Made by `build.py`.\n",
    "zh": "# 练习答案\n\n"
    "供教师使用。只要算出同样的数，公式怎么写都算对。每个答案后面列出学生常见的写法，"
    "以及系统给出的提示。本页由 `build.py` 生成。\n",
}
TITLE = {"en": "## {}: {}", "zh": "## {}：{}"}
HEADING = {"en": ("hole", "written instead", "said"), "zh": ("填空", "学生的写法", "提示")}


def page(language: str) -> str:
    """The page in a language."""
    answers = tomllib.loads((HERE / "answers.toml").read_text("utf-8"))
    return "\n".join([OPENING[language], *(_part(name, answers[name], language) for name in NAMES)])


def _part(name: str, answers: dict[str, Any], language: str) -> str:
    lines = [TITLE[language].format(name, task(name, language).title), "", "```text"]
    lines += [f"{hole} = {formula}" for hole, formula in answers["answer"].items()]
    lines += ["```", "", "| {} | {} | {} |".format(*HEADING[language]), "|---|---|---|"]
    for entry in answers["wrong"]:
        (hole, formula), *_ = ((k, v) for k, v in entry.items() if k != "keys")
        grade = exercise(name, language).check(**{hole: formula})
        told = sentence(hole, grade.remarks[hole], language)
        said = told.removeprefix(f"{hole}: ").removeprefix(f"{hole}：")
        lines.append(f"| `{hole}` | `{formula}` | {said} |")
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    for language, file in FILES.items():
        (HERE / file).write_text(page(language), "utf-8", newline="\n")
