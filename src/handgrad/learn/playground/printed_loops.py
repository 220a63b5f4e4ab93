"""The loops of the playground's engine, printed for each operation: elementwise, and reductions.

An operation's number is printed as in a portable module; around it stands a loop over rows and
columns of arrays with steps of their own, so that rows, columns and single numbers are broadcast.
All arrays are of float32: truth values are 0 and 1 there.
"""

from handgrad.engines.loops.functions.function import WRITTEN_OUT
from handgrad.engines.loops.ir import CHUNK, Call, Expression, Num, Type, Var, cast
from handgrad.engines.loops.loop_nests import REDUCED
from handgrad.engines.portable.printing.javascript import JavaScriptPrinter
from handgrad.engines.portable.scalar_sums import LANES

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
    """The texts of `loops`, `numbers` (of single float64 numbers) and `reductions`, by operation.

    What they call is collected in `writer.used`.
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
        _table("reductions", "What makes one number of many, in the order of sums.", reductions),
    ]


def _arrow(writer: JavaScriptPrinter, number: Call) -> str:
    return f"({', '.join('xy'[: len(number.arguments)])}) => {writer.text(number)}"


def _table(name: str, said: str, lines: list[str]) -> str:
    return "\n".join([f"/** {said} */", f"const {name} = {{", *lines, "};"])


def _number(array: str) -> Var:
    """The number of an array at its place, which the loop moves on."""
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
