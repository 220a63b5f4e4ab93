"""Writes the story as a notebook: `python -m handgrad.story en docs/story.ipynb`."""

import sys

from handgrad.story.notebook import write_notebook

write_notebook(*sys.argv[1:3])
