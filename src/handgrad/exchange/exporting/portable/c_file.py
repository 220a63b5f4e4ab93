"""Export to one C99 file, and its check with a local compiler."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from shlex import quote
from tempfile import TemporaryDirectory
from textwrap import wrap

import numpy as np

from handgrad.engines.loops.program import Program
from handgrad.engines.portable.printing.c_module import c_module
from handgrad.exchange.exporting.model_spec import ModelSpec
from handgrad.exchange.exporting.portable.c_table import c_rows
from handgrad.exchange.exporting.portable.node import runs
from handgrad.exchange.exporting.portable.programs import (
    AGAINST,
    PORTABLE,
    ProvedEpoch,
    encoder_of,
    portable_of,
    portable_rows,
    proved_epoch,
)
from handgrad.exchange.exporting.proof import MOST, Check, compared
from handgrad.exchange.exporting.train_spec import TrainSpec
from handgrad.textbook.errors import FileError, SettingError
from handgrad.textbook.layers import Array
from handgrad.textbook.version import __version__

MAIN = """\
#include "{path}"
#include <stdio.h>
static {x} x[{n_x}];
static {y} y[{n_y}];
static int32_t order[{n}];
int main(void) {{
  if (fread(x, sizeof x, 1, stdin) != 1 || fread(y, sizeof y, 1, stdin) != 1) return 1;
  for (int32_t i = 0; i < {n}; i++) order[i] = i;
  {prefix}train_epoch(x, y, order, {n});
  return fwrite({prefix}parameters, sizeof {prefix}parameters, 1, stdout) != 1;
}}
"""
FLAGS = ("-std=c99", "-O2", "-ffp-contract=off")
WIDEST = 94
ALONE = 8  # rows


def write_c(spec: ModelSpec, path: Path, train_spec: TrainSpec | None) -> Sequence[Check]:
    """Write the file; compile it, run it on its test rows, and train an epoch."""
    model = portable_of(spec, train_spec, predicted_at_once=1, copies=False)
    x = portable_rows(spec)
    encoder = encoder_of(spec)
    rows = None if encoder is None else c_rows(spec, encoder)
    answers = np.asarray(spec.net.predict(x, engine=PORTABLE))
    refuse_rows_together(spec, x, answers, partial(spec.net.predict, engine=PORTABLE))
    same = (
        "With these flags the results have the same bits on every machine. The second command "
        f"checks {len(spec.example)} test rows in this file. Requires only C99 with <stdint.h>."
    )
    head = opening(spec, path, spec.title, same)
    text = c_module(model, prefix_of(path), head, x, answers, rows)
    path.write_text(text, "utf-8", newline="\n")
    predictions, most = answers.reshape(spec.answers.shape), MOST[spec.net.dtype.name]
    checks = [compared(AGAINST, predictions, spec.answers, "predict", most)]
    compiler = c_compiler()
    if compiler is None:
        return [Check("a C compiler", AGAINST, not_run="there is none here"), *checks]
    checks.insert(0, own_check(compiler, path, len(x)))
    if train_spec is not None and model.training is not None:
        epoch = proved_epoch(spec, train_spec)
        checks.append(_epoch_check(compiler, path, model.training, epoch))
    return checks


def refuse_rows_together(
    spec: ModelSpec, x: Array, answers: Array, predict: Callable[[Array], Array]
) -> None:
    """Raise an error for a net whose output for a row depends on the other rows."""
    least = 1e-5 * float(np.abs(answers[np.isfinite(answers)]).max(initial=0.0))
    for i in range(min(len(x), ALONE)):
        alone = np.asarray(predict(x[i : i + 1]))
        if not np.allclose(alone, answers[i : i + 1], rtol=1e-3, atol=least, equal_nan=True):
            raise SettingError(
                f"{spec.title}, whose answer for a row follows from the rows beside it",
                "a net that answers for each row by itself, as a file of C does",
                "hg.export(net, 'net.py'), which takes all rows at once",
            )


def prefix_of(path: Path) -> str:
    """Prefix of the names of a file, so that several can be linked together.

    >>> prefix_of(Path("my-net 2.c")), prefix_of(Path("7.c"))
    ('my_net_2_', 'net_7_')
    """
    name = re.sub(r"[^A-Za-z0-9]+", "_", path.stem).strip("_") or "net"
    return f"net_{name}_" if name[0].isdigit() else f"{name}_"


def opening(
    spec: ModelSpec, path: Path, title: str, *notes: str, checked: bool = True
) -> list[str]:
    """Opening comment of a file: its title, how to compile and check it, notes, and its numbers."""
    command = f"    cc {' '.join(FLAGS)}"
    check = [f"{command} -DHANDGRAD_CHECK {quote(path.name)} && ./a.out"] if checked else []
    lines = [
        *wrap(f"{title}, written by handgrad {__version__}.", WIDEST),
        "",
        f"{command} -c {quote(path.name)}",
        *check,
        "",
        *(line for note in notes for line in wrap(note, WIDEST)),
    ]
    return [*lines, "", *numbers_of(spec, "predictions")]


def numbers_of(spec: ModelSpec, predicted: str) -> list[str]:
    """Lines of a comment that name the numbers of x and those that are predicted."""
    lines = wrap(f"x: {', '.join(map(repr, spec.names))}", WIDEST, subsequent_indent="   ")
    classes = spec.classes
    of_classes = "" if classes is None else f" of {', '.join(map(repr, classes.tolist()))}"
    return [*lines, *wrap(f"{predicted}: the {spec.output}{of_classes}", WIDEST)]


def own_check(compiler: str, path: Path, n_rows: int) -> Check:
    """Check of the compiled file on its test rows."""
    with TemporaryDirectory() as folder:
        program = compiled(compiler, "-DHANDGRAD_CHECK", str(path), folder=folder)
        done = subprocess.run([program], capture_output=True, check=False)
    if done.returncode:
        raise FileError(
            f"compiled by {version(compiler)}, the file says {done.stdout.decode().strip()}",
            f"the bits of {AGAINST}",
            "report it, with this model",
            path.name,
        )
    return Check(version(compiler), AGAINST, n_rows, same_bits=True)


def _epoch_check(compiler: str, path: Path, training: Program, epoch: ProvedEpoch) -> Check:
    """Check of the parameters after an epoch of the compiled file."""
    number = {"float32": "float", "float64": "double"}[training.dtype.name]
    kinds = {p.name: p.type for p in training.parameters}
    types = {name: "int32_t" if kinds[name] == "int" else number for name in ("x", "y")}
    rows = b"".join(
        array.astype(np.int32 if kinds[name] == "int" else training.dtype).tobytes()
        for name, array in (("x", epoch.x), ("y", epoch.y))
    )
    with TemporaryDirectory() as folder:
        main = Path(folder, "main.c")
        text = MAIN.format(
            path=path.as_posix(),
            x=types["x"],
            y=types["y"],
            n_x=epoch.x.size,
            n_y=epoch.y.size,
            n=len(epoch.x),
            prefix=prefix_of(path),
        )
        main.write_text(text, "utf-8")
        program = compiled(compiler, str(main), folder=folder)
        done = subprocess.run([program], input=rows, capture_output=True, check=True)
    parameters = np.frombuffer(done.stdout, training.dtype)[None]
    return epoch.check(version(compiler), parameters)


def compiled(compiler: str, *arguments: str, folder: str) -> str:
    """Compile a file; return the program."""
    program = str(Path(folder, "program"))
    command = [compiler, *FLAGS, *arguments, "-o", program]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False)
    if done.returncode:
        raise FileError(
            f"{version(compiler)} refused the file: {done.stderr.strip()[:500]}",
            "a compiler of C99",
            "report it, with this model",
        )
    return program


def c_compiler() -> str | None:
    """Path of a C compiler that runs."""
    return compiler_of("cc", "gcc", "clang")


def compiler_of(*names: str) -> str | None:
    """Path of the first compiler that runs; a name on the path may be an installation stub."""
    paths = map(shutil.which, names)
    return next((path for path in paths if path is not None and runs(path)), None)


def version(compiler: str) -> str:
    """First line of what a compiler says of its version."""
    command = [compiler, "--version"]
    output = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=True)
    return output.stdout.split("\n")[0].strip()
