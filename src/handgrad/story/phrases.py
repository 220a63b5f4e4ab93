"""Phrases of the demo and its page around the story, in each of its languages."""

import tomllib
from importlib.resources import files
from typing import NamedTuple


class Phrases(NamedTuple):
    """The words of one language; `{}` is filled in."""

    contents: str
    code: str
    output: str
    figure: str
    chapter: str
    picture: str
    written: str
    look: str
    elsewhere: str
    no_font: str
    made_by: str


TEXT = (files("handgrad.story") / "text" / "phrases.toml").read_text("utf-8")
PHRASES = {language: Phrases(**phrases) for language, phrases in tomllib.loads(TEXT).items()}
