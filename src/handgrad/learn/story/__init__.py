"""The story handgrad grew from: told in the terminal, on a page, in a notebook."""

from handgrad.learn.story.chapters import PHRASES, check_language, language_here, read_story
from handgrad.learn.story.runner import PAGE, tell

__all__ = ["PAGE", "PHRASES", "check_language", "language_here", "read_story", "tell"]
