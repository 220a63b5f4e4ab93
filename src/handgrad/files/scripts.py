"""Bundler of ES modules into one script, for single-file pages that open from disk.

Browsers could load the modules from data: URLs with an import map, but then each import needs a
bare name, a page's policy must allow all data: scripts instead of one hash, and workers have no
import map. A file for Node could not be written so at all.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from handgrad.files.web import WEB
from handgrad.textbook.errors import HandgradError

NAME = r"[\w$]+(?: as [\w$]+)?"
NAMES = rf"\s*(?:{NAME}\s*,\s*)*(?:{NAME}\s*)?"
IMPORT = re.compile(rf'^import \{{({NAMES})\}} from "(\.\.?/[^"]+)";$', re.MULTILINE)
DATA = re.compile(
    r'^import ([\w$]+) from "(\.\.?/[^"]+\.json)" with \{ type: "json" \};$', re.MULTILINE
)
NAMED = r"(?:const|(?:async )?function\*?|class) ([\w$]+)"
EXPORT = re.compile(rf"^export (?={NAMED})", re.MULTILINE)
STATEMENT = re.compile(
    r"""^[ \t]*(?:import\s*(?:[{*"']|[\w$]+\s*(?:,|from\b))"""
    r"|export\s*(?:[{*]|(?:default|let|var|async|const|function|class)\b))",
    re.MULTILINE,
)
# Syntax that needs a loader, and text that would end the script element of a page.
REFUSED = re.compile(r"\bimport *(?:\(|\.meta)|</script|<script|<!--", re.IGNORECASE)
FORMS = (
    'import { a, b as c } from "./relative.js"; or import DATA from "./relative.json" with '
    '{ type: "json" }; and export before a const, function or class'
)
ONCE = """\
const once = (make) => {
  let made;
  return () => (made ??= make());
};
"""


class ScriptError(HandgradError):
    """A module uses syntax or imports that one script cannot have."""


@dataclass(frozen=True)
class ScriptModule:
    """Module: its text without imports and exports, its imports by module, and its exports."""

    text: str
    takes: Sequence[tuple[str, Sequence[str]]]
    gives: Sequence[str]


def inlined(entry: str, given: Mapping[str, str] | None = None, *, worker: str = "") -> str:
    """Bundle the module `entry`, a path within `WEB`, and its imports into one script.

    The entry's exports become constants of the script; other names stay private. A module runs
    once, when it is first needed. `given` has generated modules, text by path. In a worker,
    `worker` runs instead of the entry, so that a page's script can also create its workers.

    Raises ScriptError for other imports and exports than
    `import { a, b as c } from "./relative.js";`, `import DATA from "./relative.json" with { type:
    "json" };` and `export const`, `function` or `class`, for unknown names, and for circular
    imports.

    >>> given = {"a/one.js": "export const one = 1;\\n",
    ...          "a/b/two.js": 'import { one } from "../one.js";\\nexport const two = one + 1;\\n'}
    >>> inlined("a/b/two.js", given).split("(")[0]
    'const { two } = '
    """
    modules: dict[str, ScriptModule] = {}
    for path in (entry, worker):
        if path:
            _find(path, given or {}, modules, ())
    names = _names(modules)
    written = "".join(_written(path, module, names) for path, module in modules.items())
    run = f"{names[entry]}()"
    if worker:
        run = f'typeof WorkerGlobalScope === "undefined" ? {run} : {names[worker]}()'
    gives = modules[entry].gives
    begin = f"const {{ {', '.join(gives)} }} = " if gives else ""
    return f'{begin}(() => {{\n"use strict";\n{ONCE}{written}return {run};\n}})();\n'


def json_in_script(data: object) -> str:
    """Dump JSON for a module, escaping text that a script must not contain.

    >>> json_in_script(["Import (EU)", "<!-- none -->"])
    '["\\\\u0049mport (EU)", "\\\\u003c!-- none -->"]'
    """
    # All matches are within strings: JSON itself has no such text.
    return REFUSED.sub(
        lambda found: f"\\u{ord(found[0][0]):04x}{found[0][1:]}",
        json.dumps(data, ensure_ascii=False),
    )


def _find(
    path: str, given: Mapping[str, str], modules: dict[str, ScriptModule], above: tuple[str, ...]
) -> None:
    """Add a module after its imports to `modules`; `above` are the modules importing it."""
    if path in above:
        circle = " → ".join((*above[above.index(path) :], path))
        raise ScriptError(
            f"modules that import each other: {circle}",
            "modules without circular imports",
            "move the shared code into another module",
        )
    if path in modules:
        return
    module = _read(path, _text(path, given, above))
    for there, names in module.takes:
        _find(there, given, modules, (*above, path))
        for name, *_ in map(str.split, names):
            if name not in modules[there].gives:
                raise ScriptError(
                    f"{there} exports no {name}",
                    f"one of {', '.join(modules[there].gives) or 'none'}",
                    "export it, or import another name",
                    path,
                )
    modules[path] = module


def _text(path: str, given: Mapping[str, str], above: tuple[str, ...]) -> str:
    file = WEB / path
    if path in given:
        return given[path]
    if path.startswith("../") or not file.is_file():
        raise ScriptError(
            f"there is no module {path}",
            "the path of a file within the pages' scripts",
            "correct the path from which it is imported",
            above[-1] if above else "",
        )
    return file.read_text("utf-8")


def _read(path: str, text: str) -> ScriptModule:
    """Parse a module; refuses syntax that a script cannot have."""
    folder = posixpath.dirname(path)
    takes = [
        (
            posixpath.normpath(posixpath.join(folder, match[2])),
            [name for name in map(str.strip, match[1].split(",")) if name],
        )
        for match in IMPORT.finditer(text)
    ]
    # Keep the line numbers, for errors.
    rest = IMPORT.sub(lambda match: "\n" * match[0].count("\n"), text)
    rest = DATA.sub(lambda match: f"const {match[1]} = {_data(folder, match[2])};", rest)
    gives = [match[1] for match in EXPORT.finditer(rest)]
    rest = EXPORT.sub("", rest)
    if wrong := STATEMENT.search(rest) or REFUSED.search(rest):
        line = rest.count("\n", 0, wrong.start()) + 1
        raise ScriptError(
            f"{text.splitlines()[line - 1].strip()}",
            FORMS,
            "write it in one of these forms",
            f"{path}:{line}",
        )
    return ScriptModule(rest.strip("\n"), takes, gives)


def _data(folder: str, path: str) -> str:
    """The text of a JSON file, for a module in `folder`."""
    text = _text(posixpath.normpath(posixpath.join(folder, path)), {}, (folder,))
    return json_in_script(json.loads(text))


def _names(modules: Mapping[str, ScriptModule]) -> dict[str, str]:
    """Name of each module in the script: its file name with a $, which no module's name has."""
    names: dict[str, str] = {}
    for path in modules:
        stem = "$" + re.sub(r"\W", "_", PurePosixPath(path).stem)
        taken = sum(name.rstrip("0123456789") == stem for name in names.values())
        names[path] = f"{stem}{taken + 1}" if taken else stem
    return names


def _written(path: str, module: ScriptModule, names: Mapping[str, str]) -> str:
    """Wrap a module in a function that runs when it is first needed."""
    takes = "".join(
        f"const {{ {', '.join(taken).replace(' as ', ': ')} }} = {names[there]}();\n"
        if taken
        else f"{names[there]}();\n"
        for there, taken in module.takes
    )
    gives = f"return {{ {', '.join(module.gives)} }};" if module.gives else "return {};"
    return (
        f"\n// {path}\nconst {names[path]} = once(() => {{\n{takes}{module.text}\n{gives}\n}});\n"
    )
