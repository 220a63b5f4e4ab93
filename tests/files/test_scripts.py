"""A tree of modules as one script: it does what the modules do, or says what it cannot follow."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from handgrad.files.scripts import ScriptError, inlined

needs_node = pytest.mark.skipif(not shutil.which("node"), reason="there is no node here")

TREE = {
    "a/main.js": (
        '// Both are called by one name.\nimport { begin } from "./b/main.js";\n'
        'import {\n  Counter,\n  twice,\n} from "./lower.js";\n\n'
        "const once = 5;\nexport const begun = begin(once);\n"
        "export function main() {\n  return [begun, twice(Counter.made), hoisted()];\n}\n"
        "function hoisted() {\n  return this === undefined;\n}\n"
    ),
    "a/b/main.js": (
        'import { Counter as Made } from "../lower.js";\n'
        "const twice = (value) => 3 * value; // not the one of lower.js\n"
        "export const begin = (value) => new Made(twice(value)).value;\n"
    ),
    "a/lower.js": (
        "export class Counter {\n  static made = 0;\n  constructor(value) {\n"
        "    Counter.made += 1;\n    this.value = value;\n  }\n}\n"
        "export const twice = (value) => 2 * value;\n"
    ),
    "a/work.js": 'import { twice } from "./lower.js";\nglobalThis.worked = twice(21);\n',
}


def told(folder: Path, script: str) -> object:
    """What a script prints, run as a page would run it: not as a module."""
    path = folder / "script.cjs"
    path.write_text(script, "utf-8")
    done = subprocess.run(["node", str(path)], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


@needs_node
def test_each_module_has_its_names_and_runs_once(tmp_path: Path) -> None:
    script = inlined("a/main.js", TREE) + "console.log(JSON.stringify([begun, main()]));"
    assert told(tmp_path, script) == [15, [15, 2, True]]


@needs_node
def test_the_same_text_is_the_worker(tmp_path: Path) -> None:
    script = inlined("a/main.js", TREE, worker="a/work.js")
    say = "console.log(JSON.stringify([globalThis.worked ?? null, typeof main]));"
    assert told(tmp_path, script + say) == [None, "function"]
    within = f"globalThis.WorkerGlobalScope = class {{}};\n{script}"
    assert told(tmp_path, within + say) == [42, "undefined"]


@needs_node
def test_functions_that_wait_or_go_on_are_exported_too(tmp_path: Path) -> None:
    text = (
        "export function* counted(n) {\n  for (let i = 0; i < n; i++) yield i;\n}\n"
        "export async function later(value) {\n  return value;\n}\n"
    )
    call = "later([...counted(3)]).then((found) => console.log(JSON.stringify(found)));"
    assert told(tmp_path, inlined("m.js", {"m.js": text}) + call) == [0, 1, 2]


@needs_node
def test_the_text_of_modules_stays_as_it_is() -> None:
    own = 'const text = `\n  import of what? export of it\n${"\\u003c"}`; // import\n'
    assert own.strip() in inlined("m.js", {"m.js": own})


@pytest.mark.parametrize(
    "line",
    [
        "export default class Page {}",
        "export let value = 1;",
        "export const { a, b } = both;",
        'export { a } from "./a.js";',
        'import * as a from "./a.js";',
        'import a from "./a.js";',
        'import { a as default } from "./a.js"',
        'import { a } from "a";',
        'import "./a.js";',
        "  import { a } from './a.js';",
        'const a = await import("./a.js");',
        "const here = import.meta.url;",
        'const end = "</SCRIPT>";',
        'const comment = "<!--";',
    ],
)
def test_other_forms_are_refused_with_their_line(line: str) -> None:
    text = f'import {{\n  b,\n}} from "./b.js";\n\n{line}\n'
    with pytest.raises(ScriptError) as refused:
        inlined("m/m.js", {"m/m.js": text, "m/b.js": "export const b = 1;\n"})
    assert str(refused.value).startswith(f"m/m.js:5: {line.strip()}\n")


def test_circles_are_refused_with_their_path() -> None:
    circle = {
        "m.js": 'import { a } from "./x/a.js";\n',
        "x/a.js": 'import { b } from "../b.js";\nexport const a = b;\n',
        "b.js": 'import { a } from "./x/a.js";\nexport const b = 1;\n',
    }
    with pytest.raises(ScriptError, match=r"x/a\.js → b\.js → x/a\.js"):
        inlined("m.js", circle)


def test_what_nobody_gives_is_refused() -> None:
    with pytest.raises(ScriptError, match=r"m\.js: there is no module a\.js"):
        inlined("m.js", {"m.js": 'import { a } from "./a.js";\n'})
    with pytest.raises(ScriptError, match=r"m\.js: a\.js exports no a"):
        inlined("m.js", {"m.js": 'import { a } from "./a.js";\n', "a.js": "export const b = 1;\n"})
    with pytest.raises(ScriptError, match=r"no module \.\./conftest\.py"):
        inlined("m.js", {"m.js": 'import { a } from "./../conftest.py";\n'})
