"""Builds the reference of the public names from their docstrings, into the folder it is given.

pdoc makes the pages. It reads docstrings as Markdown, which would run the lines of a formula
together, so those paragraphs are fenced first.
"""

import inspect
import re
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from inspect import ismodule
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy.typing as npt
import pdoc
from markupsafe import Markup
from pdoc.render_helpers import format_signature

import handgrad

ALIASES = {"ArrayLike": npt.ArrayLike, "DTypeLike": npt.DTypeLike}
ARRAY = re.compile(r"numpy\.ndarray\[tuple\[typing\.Any, \.\.\.\], numpy\.dtype\[[\w.]+\]\]")
IN_COLUMNS = re.compile(r"\w+ {2,}\S")


def as_markdown(docstring: str) -> str:
    """The docstring as Markdown: lists of parameters; paragraphs in columns as they stand."""
    paragraphs = pdoc.docstrings.numpy(docstring).split("\n\n")
    return "\n\n".join(
        f"```text\n{paragraph}\n```" if IN_COLUMNS.match(paragraph) else paragraph
        for paragraph in paragraphs
    )


@dataclass(frozen=True)
class Shown:
    """An annotation that is shown as this text."""

    text: str

    def __repr__(self) -> str:
        return self.text


def readable(annotation: object) -> object:
    """The annotation as one writes it: by the names of NumPy's aliases, without their contents.

    >>> import numpy as np
    >>> readable(npt.DTypeLike | None), readable(list[npt.NDArray[np.floating]])
    (DTypeLike | None, list[Array])
    """
    if annotation is inspect.Parameter.empty or isinstance(annotation, type):
        return annotation
    text = ARRAY.sub("Array", inspect.formatannotation(annotation))
    for name, alias in ALIASES.items():
        kinds = inspect.formatannotation(alias).removeprefix("Union[").removesuffix("]")
        text = text.replace(f"Union[{kinds}, NoneType]", f"{name} | None")
        text = text.replace(f"Union[{kinds}]", name)
    return Shown(re.sub(r"\b(?:\w+\.)+(?=[A-Z])", "", text))


def readable_signature(signature: inspect.Signature, colon: bool) -> Markup:
    """pdoc's HTML of a signature, with annotations that can be read."""
    parameters = [
        p.replace(annotation=readable(p.annotation)) for p in signature.parameters.values()
    ]
    result = readable(signature.return_annotation)
    return format_signature(
        signature.replace(parameters=parameters, return_annotation=result), colon
    )


def namespaces(module: ModuleType, prefix: str = "") -> Iterator[str]:
    """The modules among the public names of a module, and those within them, as `losses.kinds`."""
    for name in module.__all__:
        if ismodule(inner := getattr(module, name)):
            yield prefix + name
            yield from namespaces(inner, f"{prefix}{name}.")


def named(name: str) -> Any:
    """The object of a public name, such as the function of `data.load`."""
    found: Any = handgrad
    for part in filter(None, name.split(".")):
        found = getattr(found, part)
    return found


def build(folder: Path, *, sources: bool = True) -> None:
    """Write the pages into `folder`, with the source of each name or without.

    Whatever pdoc warns of is an error.
    """
    public = [named(name) for name in namespaces(handgrad)]
    for module in (handgrad, *public):
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
    pdoc.render.env.filters["format_signature"] = readable_signature
    pages = "|".join(re.escape(module.__name__) for module in (handgrad, *public))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pdoc.pdoc("handgrad", *_apart(), f"!(?!({pages})$)", output_directory=folder)


def _apart() -> Iterator[str]:
    """The namespaces that are no submodules of what holds them: pdoc finds those by itself."""
    for name in namespaces(handgrad):
        holder, _, last = f"handgrad.{name}".rpartition(".")
        module = named(name).__name__
        if module != f"{named(holder.partition('.')[2]).__name__}.{last}":
            yield module


if __name__ == "__main__":
    build(Path(sys.argv[1]))
