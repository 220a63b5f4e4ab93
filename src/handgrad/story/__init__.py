"""The story handgrad grew from: told in the terminal, on a page, in a notebook."""

from handgrad.story.chapters import LANGUAGES, PHRASES, Story, check_language, read_story
from handgrad.story.notebook import notebook
from handgrad.story.telling import PAGE, tell

__all__ = [
    "LANGUAGES",
    "PAGE",
    "PHRASES",
    "Story",
    "check_language",
    "notebook",
    "read_story",
    "tell",
]
