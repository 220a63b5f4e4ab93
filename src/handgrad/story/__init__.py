"""The story handgrad grew from, told with code that runs: in the terminal, as a page, as a notebook."""

from handgrad.story.chapters import LANGUAGES, Block, Chapter, Picture, Story, read_story
from handgrad.story.notebook import notebook
from handgrad.story.telling import Told, tell

__all__ = [
    "Block",
    "Chapter",
    "LANGUAGES",
    "Picture",
    "Story",
    "Told",
    "notebook",
    "read_story",
    "tell",
]
