"""The functions and random numbers of the portable engine in float64, printed for the page.

Streams have no type: the page has them from the engine's module, see `printed_engine`.
`python -m handgrad.learn.playground.printed_functions` writes the module anew.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from handgrad.engines.loops.functions.function import Function
from handgrad.engines.loops.ir import Body, Call, Load, Store, whole
from handgrad.engines.loops.program import Parameter, Program
from handgrad.engines.portable.functions import functions_of
from handgrad.engines.portable.printing.javascript import JavaScriptPrinter
from handgrad.files.web import WEB

FUNCTIONS = ("exp", "expm1", "log", "log1p", "tanh", "erf", "sin", "cos", "sign", "power")
EXPORTED = (*FUNCTIONS, "random")
OPENING = """\
// The portable engine's functions and random numbers, in float64: printed from its own, to the
// same bits.
//
// handgrad.learn.playground.printed_functions writes this file; a test compares the two.
/* eslint max-lines: off, max-lines-per-function: off */"""
DEFINED = re.compile(rf"^(?=(?:const|function|class) (?:{'|'.join(EXPORTED)})\b)", re.MULTILINE)


def printed_functions() -> str:
    """The module as text; how it is broken into lines, the formatter decides."""
    writer = JavaScriptPrinter(single=False)
    lines = ["\n".join(writer.function(function)) for function in _functions()]
    runtime = writer.runtime.used([*writer.used, "random"], single=False)
    return "\n\n".join([OPENING, *(DEFINED.sub("export ", text) for text in [*runtime, *lines])])


def _functions() -> Sequence[Function]:
    found: dict[str, Function] = {}
    for name in FUNCTIONS:
        given = tuple(Load(array, whole(0), "float") for array in "XY"[: 1 + (name == "power")])
        body: Body = [Store("Z", whole(0), Call(name, given, "float"))]
        parameters = tuple(Parameter(array, "float") for array in "XYZ")
        program = Program("all", parameters, body, np.dtype(np.float64))
        found |= {function.name: function for function in functions_of(program)}
    return [*found.values()]


if __name__ == "__main__":
    place = WEB / "playground/training/functions.js"
    Path(str(place)).write_text(printed_functions() + "\n", "utf-8")
