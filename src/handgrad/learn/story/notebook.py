"""The story as a Jupyter notebook.

python -m handgrad.learn.story.notebook en docs/story.ipynb
"""

import ast
import json
import sys
from pathlib import Path
from typing import Any

from handgrad.files.paths import write_whole
from handgrad.learn.story.chapters import PHRASES, Block, Story, read_story

IMPORT = "import handgrad as hg\n"


def notebook(story: Story) -> dict[str, Any]:
    """The notebook, in version 4.5 of the format, without outputs.

    The semicolon at the end of a cell keeps notebooks from printing the axes below the picture.

    >>> cells = notebook(read_story("en"))["cells"]
    >>> cells[0]["cell_type"], cells[0]["source"][0]
    ('markdown', '# Neural networks you can read\\n')
    """
    parts: list[str | Block] = [f"# {story.title}\n\n{story.opening}"]
    for chapter in story.chapters:
        heading, (first, *others) = f"## {chapter.title}", chapter.parts
        begun = [heading, first] if isinstance(first, Block) else [f"{heading}\n\n{first}"]
        parts += [*begun, *others]
    if story.language != "en":
        parts = [_with_language(part, story.language) for part in parts]
    return {
        "cells": [_cell(part, number) for number, part in enumerate(parts, 1)],
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def _with_language(part: str | Block, language: str) -> str | Block:
    """The block that imports handgrad says the language of pictures as well."""
    if isinstance(part, str) or IMPORT not in part.code:
        return part
    cell = f'{IMPORT}\nhg.defaults(language="{language}")  # {PHRASES[language]["pictures"]}\n'
    return Block(part.code.replace(IMPORT, cell), part.picture)


def _cell(part: str | Block, number: int) -> dict[str, Any]:
    cell: dict[str, Any] = {"id": f"story-{number}", "metadata": {}}
    if isinstance(part, str):
        return cell | {"cell_type": "markdown", "source": part.splitlines(keepends=True)}
    shown = isinstance(ast.parse(part.code).body[-1], ast.Expr) and part.picture is not None
    code = part.code.rstrip("\n") + ";" * shown
    cell |= {"cell_type": "code", "execution_count": None, "outputs": []}
    return cell | {"source": code.splitlines(keepends=True)}


def write_notebook(language: str, path: str | Path) -> Path:
    """Write the story in that language as a notebook."""
    content = notebook(read_story(language))
    text = json.dumps(content, ensure_ascii=False, indent=1, sort_keys=True)
    return write_whole(path, lambda file: file.write(f"{text}\n"))


if __name__ == "__main__":
    write_notebook(*sys.argv[1:3])
