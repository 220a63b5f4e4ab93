"""Parameter lists of public names: `python -m tests.docs.parameter_lists` prints what is missing.

A function, method or class with more than two arguments has a numpydoc section `Parameters` with
the names of its signature, in order, a type and a description for each; fields of a dataclass may
be its `Attributes`. Classes of the textbook have a form of their own, formulas and words, which
must name each argument of constructor and methods; a method's docstring may be its base class's,
and a class without a constructor of its own needs no list.
"""

import inspect
import re
from collections import Counter
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import handgrad as hg
from handgrad.textbook.module import Module

SECTION = re.compile(r"^(?:Parameters|Attributes)\n-+\n(.*?)(?=\n\n\w[\w ]*\n-+\n|\Z)", re.M | re.S)
ENTRY = re.compile(r"^(\w+(?:, \w+)*) : (\S.*)\n {4,}\S", re.M)
OTHERS = re.compile(r"^\*\*\w+(?: : \S.*)?\n {4,}\S", re.M)  # `**settings` stands for all others
FEW = 2


def listed(docstring: str) -> list[str]:
    """The names in the lists of a docstring, each with a type and a description.

    >>> listed("Add.\\n\\nParameters\\n----------\\na, b : int\\n    Summands.\\nc : int\\n")
    ['a', 'b']
    """
    sections = SECTION.findall(docstring)
    entries = [names for section in sections for names, _ in ENTRY.findall(section)]
    return [name.strip() for names in entries for name in names.split(",")]


def arguments(function: Any) -> list[str]:
    """The names of the arguments that a caller may give."""
    try:
        parameters = inspect.signature(function).parameters
    except ValueError:
        return []
    return [name for name in parameters if name not in ("self", "cls") and name[0] != "_"]


def public_names() -> Iterator[tuple[str, Any, Any]]:
    """All public functions, classes and methods, each once.

    The name that a user writes, the thing itself, and the class of a method or again the thing.
    """
    seen = set[int]()
    namespaces = [("hg", hg), *((f"hg.{name}", value) for name, value in _modules(hg))]
    for where, namespace in namespaces:
        for name in namespace.__all__:
            value = getattr(namespace, name)
            if isinstance(value, ModuleType) or id(value) in seen or not callable(value):
                continue
            seen.add(id(value))
            yield f"{where}.{name}", value, value
            if isinstance(value, type):
                for method, function in vars(value).items():
                    if method[0] != "_" and inspect.isfunction(function):
                        yield f"{where}.{name}.{method}", function, value


def _modules(namespace: ModuleType) -> Iterator[tuple[str, ModuleType]]:
    for name in namespace.__all__:
        value = getattr(namespace, name)
        if isinstance(value, ModuleType) and hasattr(value, "__all__"):
            yield name, value


def fault(value: Any, owner: Any) -> str:
    """What is wrong with the list of a function, method or class; empty where it is right."""
    names, text = arguments(value), inspect.getdoc(value) or ""
    if isinstance(owner, type) and issubclass(owner, Module):
        text += inspect.getdoc(owner) or ""
        missing = [name for name in names if not re.search(rf"(?<!\w){name}(?!\w)", text)]
        return f"does not explain {', '.join(missing)}" if missing else ""
    inherits, written = isinstance(value, type) and "__init__" not in vars(value), listed(text)
    takes = [name for name in names if name in written] if OTHERS.search(text) else names
    if inherits or len(names) <= FEW or written == takes:
        return ""
    return f"lists {', '.join(written) or 'nothing'}, takes {', '.join(names)}"


def package_of(value: Any) -> str:
    """The package in which something is written."""
    return str(value.__module__).split(".")[1] if "." in value.__module__ else "handgrad"


def faults() -> list[tuple[str, str, str]]:
    """Package, public name and what is wrong, of all that lack a list."""
    entries = [(package_of(v), name, fault(v, owner)) for name, v, owner in public_names()]
    return sorted(entry for entry in entries if entry[2] and entry[0] != "handgrad")


if __name__ == "__main__":
    for package, name, wrong in faults():
        print(f"{package}: {name} {wrong}")
    print(Counter(package for package, _, _ in faults()))
