"""Running exported JavaScript in Node, if it is installed."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from handgrad.textbook.errors import FileError

OLDEST = 18
ABSENT = f"there is no node {OLDEST} or later here"


def node_version() -> str:
    """Version of Node, such as `node 20.1.0`; '' if it is missing or too old."""
    path = shutil.which("node")
    if path is None or not runs(path):
        return ""
    output = subprocess.run([path, "--version"], capture_output=True, text=True, check=True).stdout
    version = output.strip().removeprefix("v")
    return f"node {version}" if int(version.split(".")[0]) >= OLDEST else ""


def runs(program: str) -> bool:
    """Return True if a program starts and prints its version."""
    try:
        done = subprocess.run([program, "--version"], capture_output=True, check=False)
    except OSError:
        return False
    return done.returncode == 0


def run_in_node(module: str, argument: object) -> Any:
    """Call the function `main` of a module with `argument`, as JSON; return its result."""
    call = (
        "import { readFileSync } from 'node:fs';\n"
        + module
        + (
            "\nconst argument = JSON.parse(readFileSync(process.argv[2], 'utf-8'));"
            "\nconst all = JSON.stringify(main(argument)) ?? 'null';"
            "\nprocess.stdout.write(all);"
        )
    )
    with TemporaryDirectory() as folder:
        script, data = Path(folder, "main.mjs"), Path(folder, "argument.json")
        script.write_text(call, "utf-8")
        data.write_text(json.dumps(argument), "utf-8")
        command = ["node", str(script), str(data)]
        done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8")
    if done.returncode:
        raise FileError(
            f"node ended with {done.returncode}: {done.stderr.strip()[-500:]}",
            "the outputs of the file for its rows",
            "report it, with this model",
        )
    return json.loads(done.stdout)
