"""The story handgrad grew from: told in the terminal, on a page, in a notebook.

The text is one Markdown file for each language in `text/`; its blocks of Python run in order in
one namespace (`runner`), and a block before an image ends with the axes of that picture. The
notebooks in `docs/` are made of the same text.
"""

from handgrad.textbook.install import require

require(
    "the story",
    plots=["matplotlib", "PIL"],
    tables=["sklearn", "pyarrow", "narwhals"],
    learn=["jinja2", "markupsafe", "markdown_it", "pygments"],
    cli=["rich"],
)

from handgrad.learn.story.chapters import PHRASES, read_story
from handgrad.learn.story.runner import PAGE, tell

__all__ = ["PAGE", "PHRASES", "read_story", "tell"]
