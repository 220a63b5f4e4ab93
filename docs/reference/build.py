"""Builds the reference of the public names from their docstrings, into the folder it is given.

pdoc makes the pages. It reads docstrings as Markdown, which would run the lines of a formula
together, so those paragraphs are fenced first.
"""

import re
import sys
import warnings
from pathlib import Path

import pdoc

import handgrad

IN_COLUMNS = re.compile(r"\w+ {2,}\S")


def as_markdown(docstring: str) -> str:
    """The docstring, with paragraphs that stand in columns kept as they stand."""
    paragraphs = docstring.split("\n\n")
    return "\n\n".join(
        f"```text\n{paragraph}\n```" if IN_COLUMNS.match(paragraph) else paragraph
        for paragraph in paragraphs
    )


def build(folder: Path, *, sources: bool = True) -> None:
    """Write the pages into `folder`, with the source of each name or without.

    Whatever pdoc warns of is an error.
    """
    for module in (handgrad, handgrad.data, handgrad.distributed):
        for name in module.__all__:  # pdoc looks for names where they stand once they are imported
            setattr(module, name, getattr(module, name))
    pdoc.render.configure(
        docformat="markdown",
        footer_text=f"handgrad {handgrad.__version__}",
        template_directory=Path(__file__).parent,
        show_source=sources,
        search=sources,
    )
    pdoc.render.env.filters["to_markdown"] = as_markdown
    within = (handgrad.kinds, handgrad.initializers)  # public modules of packages that are not
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pdoc.pdoc("handgrad", *(module.__name__ for module in within), output_directory=folder)


if __name__ == "__main__":
    build(Path(sys.argv[1]))
