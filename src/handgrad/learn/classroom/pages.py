"""Pages that the server of a class makes: the list of exercises, each exercise, the playground."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache, lru_cache
from pathlib import Path

from markupsafe import Markup

from handgrad.files.html import json_in_page, page
from handgrad.files.scripts import inlined
from handgrad.learn.exercises import NAMES, Exercise
from handgrad.learn.exercises.marks import Grader
from handgrad.learn.playground.document import document
from handgrad.textbook.language import LANGUAGES

HAND_IN = "/class/hand-in"
# Tells `web/exercises/hand_in.js` where answers are sent to.
TAG = f'<meta name="handgrad-class" content="{HAND_IN}">'


class ClassPages:
    """The pages of a class.

    Parameters
    ----------
    grader : Grader
        Knows the exercises.
    seed : int, optional
        Seed of the exercises in the list.
    has_site : bool
        True if the server has a site beside these pages.
    """

    def __init__(self, grader: Grader, seed: int | None, *, has_site: bool) -> None:
        self.grader, self.seed, self.has_site = grader, seed, has_site
        self._exercise_page = lru_cache(256)(self._render)

    def index(self, language: str) -> bytes:
        """The list of exercises: those of the teacher first."""
        words = _words()[language]
        lists = [
            (words["own"], self._listed([*self.grader.own], language)),
            (words["built_in"], self._listed(list(NAMES), language)),
        ]
        [other] = [one for one in LANGUAGES if one != language]
        html = page(
            "learn/classroom/page.html",
            language=words["locale"],
            title=words["title"],
            words=words,
            other=other,
            lists=lists,
            exercise=None,
            has_site=self.has_site,
        )
        return html.encode()

    def _listed(self, names: list[str], language: str) -> list[Exercise]:
        end = "" if self.seed is None else f"@{self.seed}"
        return [self.grader.exercise(name + end, language) for name in names]

    def exercise(self, key: str, language: str) -> bytes:
        """The page of an exercise; a HandgradError if there is none of this id."""
        return self._exercise_page(self.grader.exercise(key, language))

    def _render(self, exercise: Exercise) -> bytes:
        words = _words()[exercise.language]
        html = page(
            "learn/classroom/page.html",
            language=words["locale"],
            title=exercise.title,
            words=words,
            exercise=json_in_page(exercise.data()),
            script=Markup(inlined("exercises/main.js")),
        )
        return for_class(html.encode())


@cache
def _words() -> Mapping[str, Mapping[str, str]]:
    return tomllib.loads(Path(__file__).with_name("words.toml").read_text("utf-8"))


@cache
def playground_page() -> bytes:
    """The playground, which needs no server."""
    return document().encode()


def for_class(html: bytes) -> bytes:
    """A page of the site or of an exercise, with the address to which it hands in."""
    return html.replace(b"</head>", TAG.encode() + b"\n</head>", 1)
