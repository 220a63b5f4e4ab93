"""What the playground's engine computes with, printed for it: functions, draws, loops, in float32.

handgrad's own exp, tanh and the like, NumPy's random streams, and what an operation does to
numbers are written once, for all languages: see `engines/loops/functions` and
`engines/portable/printing`. `python -m handgrad.learn.playground.printed_engine` writes the module
anew.
"""

import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from handgrad.engines.loops.functions.function import WRITTEN_OUT
from handgrad.engines.loops.ir import Body, Call, Let, Type, Var
from handgrad.engines.loops.program import Program
from handgrad.engines.portable.functions import functions_of
from handgrad.engines.portable.printing.javascript import FIRST, JavaScriptPrinter
from handgrad.files.web import WEB
from handgrad.learn.playground.printed_loops import printed_loops

OF_DOUBLES = ("exp", "log", "power")  # also for the few numbers of an optimizer that are float64
RUNTIME = ("maximum", "minimum", "whole", "Stream", "random", "shuffle")
EXPORTED = ("f32", "log_double", "loops", "numbers", "reductions", "Stream", "random", "shuffle")
OPENING = """\
// The portable engine's functions, draws and loops, in float32: printed from its own, to the same
// bits.
//
// handgrad.learn.playground.printed_engine writes this file; a test compares the two.
/* eslint max-lines: off, max-lines-per-function: off */"""
DEFINED = re.compile(rf"^(?=(?:const|function|class) (?:{'|'.join(EXPORTED)})\b)", re.MULTILINE)


def printed_engine() -> str:
    """The module as text; how it is broken into lines, the formatter decides.

    >>> "export const loops = {" in printed_engine()
    True
    """
    writer = JavaScriptPrinter(single=True)
    body = _calls(WRITTEN_OUT, "float") + _calls(OF_DOUBLES, "double")
    program = Program("all", (), body, np.dtype(np.float32))
    functions = ["\n".join(writer.function(made)) for made in functions_of(program)]
    loops = printed_loops(writer)
    writer.used |= dict.fromkeys(RUNTIME)
    parts = [FIRST, *writer.runtime.used(writer.used, single=True), *functions, *loops]
    return "\n\n".join([OPENING, *(DEFINED.sub("export ", part) for part in parts)])


def _calls(names: Iterable[str], type: Type) -> Body:
    given = {name: ("x", "y")[: 2 if name == "power" else 1] for name in names}
    return [
        Let(f"{name}_{type}", Call(name, tuple(Var(x, type) for x in variables), type))
        for name, variables in given.items()
    ]


if __name__ == "__main__":
    place = WEB / "playground/engine/functions.js"
    Path(str(place)).write_text(printed_engine() + "\n", "utf-8")
