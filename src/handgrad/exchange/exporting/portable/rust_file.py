"""Export to one Rust file, and its check with a local compiler."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from shlex import quote
from tempfile import TemporaryDirectory
from textwrap import wrap

import numpy as np

from handgrad.engines.portable.printing.rust import rust_module
from handgrad.exchange.exporting.model_spec import ModelSpec
from handgrad.exchange.exporting.portable.c_file import (
    WIDEST,
    compiler_of,
    numbers_of,
    refuse_rows_together,
    version,
)
from handgrad.exchange.exporting.portable.programs import (
    AGAINST,
    PORTABLE,
    portable_of,
    portable_rows,
)
from handgrad.exchange.exporting.proof import MOST, Check, compared
from handgrad.exchange.exporting.train_spec import TrainSpec
from handgrad.textbook.errors import FileError, SettingError
from handgrad.textbook.version import __version__

TESTED = ("--edition", "2021", "-O", "--test")


def write_rust(spec: ModelSpec, path: Path, train_spec: TrainSpec | None) -> Sequence[Check]:
    """Write the file; compile it and run its test."""
    if spec.features is not None:
        raise SettingError(
            f"{spec.title}, which takes columns of a table",
            "a model of numbers, which a file of Rust takes",
            f"{path.stem}.c, which encodes columns and which Rust can call",
        )
    model = portable_of(spec, train_spec, predicted_at_once=1, copies=False)
    x = portable_rows(spec)
    answers = np.asarray(spec.net.predict(x, engine=PORTABLE))
    refuse_rows_together(spec, x, answers, partial(spec.net.predict, engine=PORTABLE))
    text = rust_module(model, _heading(spec, path), x, answers)
    path.write_text(text, "utf-8", newline="\n")
    predictions, most = answers.reshape(spec.answers.shape), MOST[spec.net.dtype.name]
    here = compared(AGAINST, predictions, spec.answers, "predict", most)
    compiler = compiler_of("rustc")
    if compiler is None:
        return [Check("a Rust compiler", AGAINST, not_run="there is none here"), here]
    return [_own_check(compiler, path, len(x)), here]


def _heading(spec: ModelSpec, path: Path) -> list[str]:
    """Opening comment of the file: its title, its use and test, and its numbers."""
    return [
        *wrap(f"{spec.title}, written by handgrad {__version__}.", WIDEST),
        "",
        "    rustc " + " ".join(TESTED) + f" {quote(path.name)} -o check && ./check",
        "",
        *wrap(
            f"checks {len(spec.example)} test rows in this file: predictions have the same bits "
            "on every machine with IEEE arithmetic. Requires only the standard library, from "
            "Rust 1.77. Threads may predict at the same time.",
            WIDEST,
        ),
        "",
        *numbers_of(spec, "prediction"),
    ]


def _own_check(compiler: str, path: Path, n_rows: int) -> Check:
    """Check of the compiled file on its test rows."""
    with TemporaryDirectory() as folder:
        program = str(Path(folder, "check"))
        crate = ("--crate-name", "model")  # a file's name may be no name of a crate
        command = [compiler, *TESTED, *crate, str(path), "-o", program]
        for step in (command, [program]):
            done = subprocess.run(
                step, capture_output=True, text=True, encoding="utf-8", check=False
            )
            if done.returncode:
                raise FileError(
                    f"by {version(compiler)}, the file says {(done.stderr or done.stdout)[:500]}",
                    f"the bits of {AGAINST}",
                    "report it, with this model",
                    path.name,
                )
    return Check(version(compiler), AGAINST, n_rows, same_bits=True)
