"""A model as one file of C99 for any device, and what a compiler here makes of it."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from textwrap import wrap

import numpy as np

from handgrad._version import __version__
from handgrad.engines.portable.c_module import c_module
from handgrad.engines.portable.model import PortableModel, portable_model
from handgrad.exporting.c_table import CTable
from handgrad.exporting.learning import Learning
from handgrad.exporting.numpy_file import MOST
from handgrad.exporting.proof import Check, compared
from handgrad.exporting.subject import Subject
from handgrad.files import FileError

FLAGS = ("-std=c99", "-O2", "-ffp-contract=off")
PORTABLE = "the engine portable"
WIDEST = 94


def write_c(subject: Subject, path: Path, learning: Learning | None) -> Sequence[Check]:
    """Write the file, and let it compare its own rows, compiled by what is here."""
    model = _portable(subject, learning)
    x, rows = subject.example, None
    if subject.table is not None:
        table = CTable(subject)
        x, rows = table.encoded(subject.table, x), table.rows(subject.table)
    answers = np.asarray(subject.net.predict(x, engine="portable"))
    text = c_module(model, prefix_of(path), _told(subject, path), x, answers, rows)
    path.write_text(text, "utf-8", newline="\n")
    found = answers.reshape(subject.answers.shape)
    most = MOST[subject.net.dtype.name]
    return [_compiled(path, len(x)), compared(PORTABLE, found, subject.answers, "predict", most)]


def _portable(subject: Subject, learning: Learning | None) -> PortableModel:
    """The programs of the net, for a row at a time, without copies."""
    given = {} if learning is None else vars(learning)
    x = subject.example if learning is None else learning.x
    return portable_model(subject.net, **{"x": x, **given}, predicted_at_once=1, copies=False)


def prefix_of(path: Path) -> str:
    """What the names of a file begin with, so that several can be linked together.

    >>> prefix_of(Path("my-net 2.c")), prefix_of(Path("7.c"))
    ('my_net_2_', 'net_7_')
    """
    name = re.sub(r"[^A-Za-z0-9]+", "_", path.stem).strip("_") or "net"
    return f"net_{name}_" if name[0].isdigit() else f"{name}_"


def _told(subject: Subject, path: Path) -> list[str]:
    """What the file says of itself at first."""
    command = f"    cc {' '.join(FLAGS)}"
    lines = [
        *wrap(f"{subject.title}, written by handgrad {__version__}.", WIDEST),
        "",
        f"{command} -c {path.name}",
        f"{command} -DHANDGRAD_CHECK {path.name} && ./a.out",
        "",
        "With these flags it has the same bits on every machine; the second line proves it, by",
        f"{len(subject.example)} rows that stand at the end. C99 and <stdint.h>, no other library.",
    ]
    names = [repr(name) for name in subject.names]
    lines += ["", *wrap(f"x: {', '.join(names)}", WIDEST, subsequent_indent="   ")]
    classes = subject.classes
    said = "" if classes is None else f" of {', '.join(map(repr, classes.tolist()))}"
    return [*lines, *wrap(f"predictions: the {subject.output}{said}", WIDEST)]


def _compiled(path: Path, n_rows: int) -> Check:
    """What the file says of its own rows, compiled here."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        return Check("a C compiler", PORTABLE, not_run="there is none here")
    version = _run([compiler, "--version"]).stdout.split("\n")[0].strip()
    with TemporaryDirectory() as folder:
        program = str(Path(folder, "check"))
        made = _run([compiler, *FLAGS, "-DHANDGRAD_CHECK", str(path), "-o", program])
        if made.returncode:
            raise FileError(
                f"{version} refused the file: {made.stderr.strip()[:500]}",
                "a compiler of C99",
                "report it, with this model",
                path.name,
            )
        done = _run([program])
    if done.returncode:
        raise FileError(
            f"compiled by {version}, the file says {done.stdout.strip()}",
            f"the bits of {PORTABLE}",
            "report it, with this model",
            path.name,
        )
    return Check(version, PORTABLE, n_rows, same_bits=True)


def _run(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False)
