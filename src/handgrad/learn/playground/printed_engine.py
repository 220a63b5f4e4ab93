"""JavaScript printed for the playground: functions, random draws and loops of its engine.

handgrad's own exp, tanh and the like, NumPy's random streams, and the operations on numbers are
written once, for all languages: see `engines/loops/functions` and `engines/portable/printing`.
`python -m handgrad.learn.playground.printed_engine` writes both modules again: the engine's in
float32, and the functions of formulas in float64.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from handgrad.engines.loops.functions.function import WRITTEN_OUT, Function
from handgrad.engines.loops.ir import (
    CHUNK,
    Body,
    Call,
    Expression,
    Let,
    Load,
    Num,
    Store,
    Type,
    Var,
    cast,
    whole,
)
from handgrad.engines.loops.program import Parameter, Program
from handgrad.engines.loops.reductions import REDUCED
from handgrad.engines.portable.functions import functions_of
from handgrad.engines.portable.printing.javascript import FIRST, JavaScriptPrinter
from handgrad.engines.portable.scalar_sums import LANES
from handgrad.files.web import WEB

OF_DOUBLES = ("exp", "log", "power")  # also for the float64 numbers of an optimizer
RUNTIME = ("maximum", "minimum", "whole", "Stream", "random", "shuffle")
EXPORTED = ("f32", "log_double", "loops", "numbers", "reductions", "Stream", "random", "shuffle")
OPENING = """\
// The portable engine's functions, draws and loops, in float32: printed from its own, to the same
// bits.
//
// handgrad.learn.playground.printed_engine writes this file; a test compares the two.
/* eslint max-lines: off, max-lines-per-function: off */"""


def exported(text: str, names: Iterable[str]) -> str:
    """JavaScript with `export` before the definitions of `names`."""
    return re.sub(
        rf"^(?=(?:const|function|class) (?:{'|'.join(names)})\b)",
        "export ",
        text,
        flags=re.MULTILINE,
    )


def printed_engine() -> str:
    """The engine's module in float32, before formatting.

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
    return "\n\n".join([OPENING, *(exported(part, EXPORTED) for part in parts)])


def _calls(names: Iterable[str], type: Type) -> Body:
    arguments = {name: ("x", "y")[: 2 if name == "power" else 1] for name in names}
    return [
        Let(f"{name}_{type}", Call(name, tuple(Var(x, type) for x in variables), type))
        for name, variables in arguments.items()
    ]


FUNCTIONS = ("exp", "expm1", "log", "log1p", "tanh", "erf", "sin", "cos", "sign", "power")
EXPORTED_FUNCTIONS = (*FUNCTIONS, "random")
OPENING_OF_FUNCTIONS = """\
// The portable engine's functions and random numbers, in float64: printed from its own, to the
// same bits.
//
// handgrad.learn.playground.printed_engine writes this file; a test compares the two.
/* eslint max-lines: off, max-lines-per-function: off */"""


def printed_functions() -> str:
    """The module of formulas' functions in float64, before formatting."""
    writer = JavaScriptPrinter(single=False)
    lines = ["\n".join(writer.function(function)) for function in _functions()]
    runtime = writer.runtime.used([*writer.used, "random"], single=False)
    return "\n\n".join(
        [OPENING_OF_FUNCTIONS, *(exported(text, EXPORTED_FUNCTIONS) for text in [*runtime, *lines])]
    )


def _functions() -> Sequence[Function]:
    functions: dict[str, Function] = {}
    for name in FUNCTIONS:
        arguments = tuple(Load(array, whole(0), "float") for array in "XY"[: 1 + (name == "power")])
        body: Body = [Store("Z", whole(0), Call(name, arguments, "float"))]
        parameters = tuple(Parameter(array, "float") for array in "XYZ")
        program = Program("all", parameters, body, np.dtype(np.float64))
        functions |= {function.name: function for function in functions_of(program)}
    return [*functions.values()]


OF_TWO = ("add", "subtract", "multiply", "divide", "maximum", "minimum")
OF_ONE = ("negative", "abs", "sqrt", "floor", "ceil")
COMPARED = ("less", "less_equal", "greater", "greater_equal", "equal", "not_equal")
OF_TRUTH = ("logical_and", "logical_or")
ARRAYS = "xyz"
LOOP = """\
  %(name)s(o, rows, columns, %(given)s) {
    for (let i = 0, at = 0; i < rows; i++) {
      let %(begin)s;
      for (let j = 0; j < columns; j++, %(step)s) o[at++] = %(number)s;
    }
  },"""
REDUCTION = """\
  %(name)s: {
    /** All numbers, one by one. */
    each(x, begin, rows, x_row, columns, x_column) {
      let total = %(start)s;
      for (let i = 0; i < rows; i++) {
        for (let j = 0, k = begin + i * x_row; j < columns; j++, k += x_column) {
          total = %(join_number)s;
        }
      }
      return total;
    },
    /** All numbers, each row in lanes, so many of them by themselves first. */
    inLanes(x, begin, rows, x_row, columns, x_column) {
      let total = %(start)s;
      for (let i = 0; i < rows; i++) {
        for (let first = 0; first < columns; first += %(chunk)s) {
          const count = Math.min(%(chunk)s, columns - first);
          const rest = count - (count %% %(n_lanes)s);
          let k = begin + i * x_row + first * x_column;
          %(lanes)s
          for (let j = 0; j < rest; j += %(n_lanes)s) {
            %(added)s
          }
          for (let j = rest; j < count; j++, k += x_column) lane0 = %(join_rest)s;
          %(joined)s
          total = %(join_lane)s;
        }
      }
      return total;
    },
    /** The numbers of each column, row after row. */
    down(o, x, begin, rows, x_row, columns, x_column) {
      for (let j = 0; j < columns; j++) o[j] = %(start)s;
      for (let i = 0; i < rows; i++) {
        for (let j = 0, k = begin + i * x_row; j < columns; j++, k += x_column) {
          o[j] = %(join_column)s;
        }
      }
    },
  },"""


def printed_loops(writer: JavaScriptPrinter) -> list[str]:
    """JavaScript of `loops`, `numbers` (float64 scalars) and `reductions`, by operation.

    The functions that they call are collected in `writer.used`. An operation's number is printed as
    in a portable module, within a loop over rows and columns of strided arrays, so that rows,
    columns and scalars broadcast. All arrays are float32, with 0 and 1 for booleans.
    """
    x, y, z = (_number(name) for name in ARRAYS)
    expressions: dict[str, Expression] = {
        **{name: Call(name, (x, y), "float") for name in (*OF_TWO, "power")},
        **{name: Call(name, (x,), "float") for name in (*OF_ONE, *WRITTEN_OUT) if name != "power"},
        **{name: cast(Call(name, (x, y), "bool"), "float") for name in COMPARED},
        **{n: cast(Call(n, (_true(x), _true(y)), "bool"), "float") for n in OF_TRUTH},
        "logical_not": cast(Call("logical_not", (_true(x),), "bool"), "float"),
        "isnan": cast(Call("isnan", (x,), "bool"), "float"),
        "isfinite": cast(Call("isfinite", (x,), "bool"), "float"),
        "where": Call("where", (_true(x), y, z), "float"),
        "copy": x,
        "truth": cast(_true(x), "float"),
        "whole": cast(cast(x, "int"), "float"),
    }
    loops = [_loop(writer, name, number) for name, number in expressions.items()]
    a, b = Var("x", "double"), Var("y", "double")
    singles = {
        **{name: Call(name, (a, b), "double") for name in (*OF_TWO, "power")},
        **{name: Call(name, (a,), "double") for name in ("negative", "sqrt", "exp", "log")},
    }
    numbers = [f"  {name}: {_arrow(writer, one)}," for name, one in singles.items()]
    reductions = [_reduction(writer, name.value, *made) for name, made in REDUCED.items()]
    reductions.append(_reduction(writer, "squares", 0.0, "add", "double", "x[k] * x[k]"))
    return [
        _table("loops", "Each operation on arrays, with loops over their rows and columns.", loops),
        _table("numbers", "Operations on single numbers of float64.", numbers),
        _table("reductions", "Reductions, in the order of sums.", reductions),
    ]


def _arrow(writer: JavaScriptPrinter, number: Call) -> str:
    return f"({', '.join('xy'[: len(number.arguments)])}) => {writer.text(number)}"


def _table(name: str, comment: str, lines: list[str]) -> str:
    return "\n".join([f"/** {comment} */", f"const {name} = {{", *lines, "};"])


def _number(array: str) -> Var:
    """Element of an array at the current position of the loop."""
    return Var(f"{array}[{array}_at]", "float")


def _true(number: Expression) -> Expression:
    return Call("not_equal", (number, Num(0.0, "float")), "bool")


def _loop(writer: JavaScriptPrinter, name: str, number: Expression) -> str:
    text = writer.text(number)
    arrays = [array for array in ARRAYS if f"{array}[" in text]
    return LOOP % {
        "name": name,
        "number": text,
        "given": ", ".join(f"{a}, {a}_begin, {a}_row, {a}_column" for a in arrays),
        "begin": ", ".join(f"{a}_at = {a}_begin + i * {a}_row" for a in arrays),
        "step": ", ".join(f"{a}_at += {a}_column" for a in arrays),
    }


def _reduction(
    writer: JavaScriptPrinter,
    name: str,
    start: float,
    step: str,
    type: Type = "float",
    number: str = "x[k]",
) -> str:

    def joined(so_far: str, more: str) -> str:
        return writer.text(Call(step, (Var(so_far, type), Var(more, type)), type))

    lanes = [f"lane{i}" for i in range(LANES)]
    halves, left = list[str](), LANES
    while left > 1:
        left //= 2
        halves += [f"lane{i} = {joined(f'lane{i}', f'lane{i + left}')};" for i in range(left)]
    beginning = writer.number(start, type)
    return REDUCTION % {
        "name": name,
        "start": beginning,
        "chunk": CHUNK,
        "n_lanes": LANES,
        "lanes": f"let {', '.join(f'{lane} = {beginning}' for lane in lanes)};",
        "added": " ".join(f"{lane} = {joined(lane, number)}; k += x_column;" for lane in lanes),
        "joined": " ".join(halves),
        "join_number": joined("total", number),
        "join_rest": joined("lane0", number),
        "join_lane": joined("total", "lane0"),
        "join_column": joined("o[j]", number),
    }


if __name__ == "__main__":
    written = {"engine": printed_engine(), "training": printed_functions()}
    for folder, module in written.items():
        Path(str(WEB / f"playground/{folder}/functions.js")).write_text(module + "\n", "utf-8")
