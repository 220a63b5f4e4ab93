"""C99 module of a portable model: one file, static arrays, no library; runs on microcontrollers."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from handgrad.engines.loops.ir import Type, Var, whole
from handgrad.engines.loops.program import FINISHED, Program
from handgrad.engines.portable.functions import functions_of
from handgrad.engines.portable.model import PortableModel
from handgrad.engines.portable.printing.c import PREFIX, CPrinter, c_number, comment_text
from handgrad.engines.portable.printing.c_family import narrowed, wrapped
from handgrad.engines.portable.printing.specialize import (
    buffers_of,
    of_one_row,
    replace_loads,
    substitute,
    without_stores,
)
from handgrad.textbook.layers import Array

STEPS = """\
/* One step on n rows, {most} at most: x has {width} numbers per row, y {targets}.
   Returns their mean loss; NaN if {nan},
   or n is larger. */
double $train_batch(const {x} *x, const {y} *y, int32_t n) {{{checked}
  static int32_t order[{most}];
  if (n > {most}) return $mean(n, 0);
  for (int32_t i = 0; i < n; i++) order[i] = i;
  return $mean(n, $epoch(n, x, y, order));
}}

/* One step on one row. */
double $train_row(const {x} *x, const {y} *y) {{ return $train_batch(x, y, 1); }}

/* One epoch on n rows, {most} per step; shuffles `order` as NumPy does. Before the first epoch
   `order` has the numbers 0, 1, ... n - 1. */
double $train_epoch(const {x} *x, const {y} *y, int32_t *order, int32_t n) {{{checked}
  $shuffle(order, n, $shuffling);
  return $mean(n, $epoch(n, x, y, order));
}}"""
MEAN = """\
static double $mean(int32_t n, int32_t row) {
  const double zero = 0.0;
  return row < 0 ? $loss_total[0] / n : zero / zero;
}"""
CHECK = """\
#ifdef HANDGRAD_CHECK
#include <stdio.h>
{snippets}
/* {rows} rows, and the bits of their predictions. */
static const {row} $rows[] = {{
{x}
}};

static const {word} $answers[] = {{
{p}
}};

int main(void) {{
  {number_in} x[{width}];
  {number} predictions[{n_out}];
  for (int i = 0; i < {rows}; i++) {{
    {encode}
    $predict(x, predictions);
    for (int k = 0; k < {n_out}; k++) {{
      const {number} p = predictions[k], q = $of_bits($answers[i * {n_out} + k]);
      if ($bits(p) != $bits(q) && (p == p || q == q)) {{
        printf("row %d: %.17g, not %.17g; was it compiled with -std=c99 -ffp-contract=off?\\n", i,
               (double)p, (double)q);
        return 1;
      }}
    }}
  }}
  printf("{rows} rows, same bits\\n");
  return 0;
}}
#endif"""

FLASH = """\
/* AVR reads constants from flash memory only in GNU C (-std=gnu99), else copies them to RAM. */
#ifdef __FLASH
#define HANDGRAD_FLASH __flash
#else
#define HANDGRAD_FLASH
#endif"""

WIDEST = 100
PREFIXES = re.compile(re.escape(PREFIX) + "{1,2}")
# Outputs of a training that nothing in the file reads.
UNREAD = ("predictions", "parameters_after", "state_after", "streams_after")


@dataclass(frozen=True)
class RowsInC:
    """The `text` of a struct `$row` and of `$encode`, which makes numbers of it.

    It calls `$encoding_predict`, the prediction of the `encoder`; `rows` are constants to check.
    """

    text: str
    encoder: PortableModel
    rows: Sequence[str]


def c_module(
    model: PortableModel,
    prefix: str,
    heading: Sequence[str],
    x: Array,
    p: Array,
    rows: RowsInC | None = None,
) -> str:
    """Print a C file of a model without copies, for one row at a time.

    Parameters
    ----------
    model : PortableModel
        Made with `copies=False`.
    prefix : str
        All names in the file begin with it.
    heading : sequence of str
        The first lines of the file's comment.
    x : array
        Rows for a main function, compiled if HANDGRAD_CHECK is defined, which compares bits.
    p : array
        Their predictions.
    rows : RowsInC, optional
        A struct of a row, if rows are not arrays of numbers.
    """
    file = _File(model, rows)
    return _joined(file, prefix, heading, [*file.parts(), file.check(x, p)])


def c_module_with(
    model: PortableModel,
    prefix: str,
    heading: Sequence[str],
    parts: Sequence[str],
    calls: Sequence[str],
    runtime: Sequence[str],
    memory: int,
) -> str:
    """Print a C file of a model whose predictions other functions call.

    Parameters
    ----------
    model : PortableModel
        Made with `copies=False`; its `$predict` is static.
    prefix : str
        All names in the file begin with it.
    heading : sequence of str
        The first lines of the file's comment.
    parts : sequence of str
        The functions, in which `$` stands for the prefix.
    calls : sequence of str
        The declarations of those that are for the caller.
    runtime : sequence of str
        The snippets of the runtime that they call.
    memory : int
        The bytes of their variables.
    """
    file = _File(model, None)
    file.writer.used |= dict.fromkeys(runtime)
    written = [part.replace("\nint $predict", "\nstatic int $predict") for part in file.parts()]
    file.calls, file.memory = [*calls], file.memory + memory
    return _joined(file, prefix, heading, [*written, *parts])


def _joined(file: "_File", prefix: str, heading: Sequence[str], parts: Sequence[str]) -> str:
    text = "\n\n".join(["\n".join(file.head(heading)), *parts]) + "\n"
    return with_prefix(text, prefix)


def with_prefix(text: str, prefix: str) -> str:
    """Replace `PREFIX` by the prefix of a file's names; doubled, it is a dollar sign."""
    return PREFIXES.sub(lambda found: PREFIX if len(found[0]) > 1 else prefix, text)


class _File:
    """The parts of the file as text."""

    def __init__(self, model: PortableModel, rows: RowsInC | None) -> None:
        self.model, self.single, self.rows = model, bool(model.dtype == np.float32), rows
        self.writer = CPrinter(self.single)
        self.weights = self.memory = 0  # bytes
        self.calls: list[str] = []  # the declarations of its functions
        self.prediction = of_one_row(model.prediction)
        self.training = model.training
        if self.training is not None:
            rate = Var(f"{PREFIX}learning_rate", "double")
            body = without_stores(self.training.body, UNREAD)
            if model.batch_size == 1:  # GCC would warn of indices beyond one row
                body = substitute(body, {"n": whole(1)})
            body = replace_loads(body, "learning_rates", rate)
            self.training = replace(self.training, body=without_stores(body, ()))

    def head(self, heading: Sequence[str]) -> list[str]:
        """The comment at the top of the file."""
        memory = f"{self.weights:,} bytes of constants, {self.memory:,} bytes of variables"
        alone = ["Not thread-safe: the variables are shared."] if self.memory else []
        calls = [f"    {call.split(' {')[0]};" for call in self.calls]
        lines = [
            *map(comment_text, heading),
            "",
            f"Memory: {memory}, and the stack.",
            *alone,
            "",
            *calls,
        ]
        comment = (f"   {line}".rstrip() for line in lines)
        return ["/*", *comment, "*/", "#include <stdint.h>", FLASH]

    def parts(self) -> list[str]:
        """The file without the comment and the check."""
        programs = [p for p in (self.prediction, self.training) if p is not None]
        functions = {f.name: f for program in programs for f in functions_of(program)}
        written = [self.writer.function(f) for f in functions.values()]
        buffers = self._buffers(programs)
        if self.rows is not None:
            written.append(self._encoder(self.rows))
        written.append(self._predict())
        after: list[str] = []
        if self.training is not None:
            written.append(self._epoch(self.training))
            self.writer.used["shuffle"] = None
            after = [MEAN, self._steps(self.training)]
        runtime = self.writer.runtime.used(self.writer.used, single=self.single)
        return [*buffers, *runtime, *map("\n".join, written), *after]

    def _encoder(self, rows: RowsInC) -> list[str]:
        """The struct of a row, and its encoder, whose names have a prefix of their own."""
        file, own = _File(rows.encoder, None), f"{PREFIX}encoding_"
        text = "\n\n".join(file.parts()).replace("\nint ", "\nstatic int ")
        self.weights, self.memory = self.weights + file.weights, self.memory + file.memory
        self.calls += [line for line in rows.text.split("\n") if line.startswith("void ")]
        text = PREFIXES.sub(lambda found: found[0] if len(found[0]) > 1 else own, text)
        return [text, "", rows.text]

    def _buffers(self, programs: Sequence[Program]) -> list[str]:
        """The declarations of static arrays, without those that are parameters of a function."""
        model, trains, lines = self.model, self.training is not None, list[str]()
        sizes: dict[str, int] = {}
        types: dict[str, Type] = {}
        for program in programs:
            used, counts = buffers_of(program.body), model.sizes(program, 1)
            for parameter in program.parameters:
                if parameter.name in used:
                    types[parameter.name] = parameter.type
                    sizes[parameter.name] = max(
                        sizes.get(parameter.name, 0), counts[parameter.name]
                    )
        for name in ("parameters", "state"):
            if name in sizes:
                lines.append(self._weights(name, constant=not trains))
        for i, program in enumerate(programs):
            if program.tables and "tables" in buffers_of(program.body):
                numbers = np.concatenate([table.ravel() for table in program.tables])
                lines.append(self._array("double", _tables(i), _numbers(numbers), numbers.size))
        if trains:
            words = {"streams": model.streams, "shuffling": model.shuffling}
            lines += [
                self._array("uint64_t", name, _words(array), array.size, constant=False)
                for name, array in words.items()
                if name in sizes or name == "shuffling"
            ]
            lines.append(f"double {PREFIX}learning_rate = {float(model.learning_rate)!r};")
        declared = ("parameters", "state", "tables", "streams")
        passed = ("x", "y", "order", "predictions")
        for name, size in sizes.items():
            if name not in (*declared, *passed):
                lines.append(self._array(self._type(types[name]), name, [], size, constant=False))
        return lines

    def _weights(self, name: str, *, constant: bool) -> str:
        """The weights, each array below its name, as float32 if that is exact."""
        numbers: Array = getattr(self.model, name)
        numbers = narrowed(numbers) if constant else numbers
        lines = list[str]()
        for title, array in self.model.arrays_in(name, numbers):
            lines += [f"  // {comment_text(title)}", *_numbers(array)]
        type = "float" if numbers.dtype == np.float32 else "double"
        return self._array(type, name, lines, numbers.size, constant=constant, shown=not constant)

    def _array(
        self,
        type: str,
        name: str,
        lines: Sequence[str],
        size: int,
        *,
        constant: bool = True,
        shown: bool = False,
    ) -> str:
        """The declaration of an array, with its initial numbers, if any."""
        many = size * BYTES[type]
        self.weights, self.memory = (
            self.weights + many * constant,
            self.memory + many * (not constant),
        )
        words = f"{'' if shown else 'static '}{'const HANDGRAD_FLASH ' if constant else ''}{type}"
        begin = f"{words} {PREFIX}{name}[{size}]"
        return f"{begin};" if not lines else "\n".join([f"{begin} = {{", *lines, "};"])

    def _type(self, type: Type) -> str:
        """The element type of an array."""
        return "uint8_t" if type == "bool" else self.writer.types[type]

    def _parameters(self, program: Program, names: Sequence[str]) -> list[str]:
        """The arrays of a function as its parameters."""
        types = {p.name: self._type(p.type) for p in program.parameters}
        return [f"const {types[name]} *{name}" for name in names]

    def _predict(self) -> list[str]:
        model, names = self.model, ("x", "predictions")
        self.writer.given, self.writer.tables = names, _tables(0)
        x, number = self._parameters(self.prediction, ["x"])[0], self._type("float")
        width, n_out = math.prod(model.rows["x"]), math.prod(model.output_shape)
        checks = self._checks(self.prediction, "x", "", "-1")
        refused = "; -1 if an index is out of range" if checks else ""
        call = f"int {PREFIX}predict({x}, {number} *predictions) {{"
        self.calls.append(call)
        return [
            f"/* Predict a row: x has {width} numbers, predictions {n_out}.",
            f"   Returns 0{refused}. */",
            call,
            *checks,
            *self.writer.lines(self.prediction.body),
            "  return 0;",
            "}",
        ]

    def _checks(self, program: Program, name: str, row: str, result: str) -> list[str]:
        """Statements that return `result` if an index in a row is out of range."""
        checks, width = list[str](), math.prod(self.model.rows[name])
        for bound in program.bounds.get(name, ()):
            for place in bound.positions(width):
                number = f"{name}[{row}{place}]"
                checks.append(
                    f"  if (!({number} >= 0 && {number} < {bound.size})) return {result};"
                )
        return checks

    def _epoch(self, training: Program) -> list[str]:
        names = ("x", "y", "order")
        self.writer.given, self.writer.tables = names, _tables(1)
        parameters = ", ".join(["int32_t n_rows", *self._parameters(training, names)])
        return [
            f"static int32_t {PREFIX}epoch({parameters}) {{",
            *self.writer.lines(training.body),
            f"  return {FINISHED};",
            "}",
        ]

    def _steps(self, training: Program) -> str:
        types = {p.name: self._type(p.type) for p in training.parameters}
        model, (call, checks) = self.model, self._in_range(training)
        self.memory += 4 * model.batch_size
        text = STEPS.format(
            nan="it diverged" + (", an index is out of range" if checks else ""),
            checked=f"\n  if (!{call}) return {PREFIX}mean(n, 0);" if checks else "",
            most=model.batch_size,
            width=math.prod(model.rows["x"]),
            targets=math.prod(model.rows["y"]),
            x=types["x"],
            y=types["y"],
        )
        self.calls += [line for line in text.split("\n") if line.startswith("double ")]
        return "\n".join([*checks, text])

    def _in_range(self, training: Program) -> tuple[str, list[str]]:
        """The call of a function that checks the indices of all rows, and that function."""
        names = [name for name in ("x", "y") if training.bounds.get(name)]
        if not names:
            return "", []
        checks = list[str]()
        for name in names:
            row = f"i * {math.prod(self.model.rows[name])} + "
            checks += self._checks(training, name, row, "0")
        parameters = ", ".join([*self._parameters(training, names), "int32_t n"])
        begin = [
            f"static int {PREFIX}in_range({parameters}) {{",
            "  for (int32_t i = 0; i < n; i++) {",
        ]
        body = (f"  {check}" for check in checks)
        call = f"{PREFIX}in_range({', '.join([*names, 'n'])})"
        return call, [*begin, *body, "  }", "  return 1;", "}", ""]

    def check(self, x: Array, p: Array) -> str:
        """A main function that compares predictions with their expected bits."""
        printed = self.writer.runtime.used(self.writer.used, single=self.single)
        required = self.writer.runtime.used(
            [*self.writer.used, "bits", "of_bits"], single=self.single
        )
        snippets = [snippet for snippet in required if snippet not in printed]
        word = np.dtype(f"u{self.model.dtype.itemsize}")
        (type,) = (p.type for p in self.prediction.parameters if p.name == "x")
        of_floats = type == "float"
        x = np.ascontiguousarray(x, self.model.dtype if of_floats else np.int32)
        p = np.ascontiguousarray(p, self.model.dtype)
        width, name = x[0].size, C_WORDS[word.itemsize]
        read = f"{PREFIX}of_bits" if of_floats else ""
        encode = f"for (int k = 0; k < {width}; k++) x[k] = {read}({PREFIX}rows[i * {width} + k]);"
        if self.rows is not None:
            encode = f"{PREFIX}encode(&{PREFIX}rows[i], x);"
        return CHECK.format(
            snippets="\n\n".join(["", *snippets, ""]) if snippets else "",
            rows=len(x),
            row=f"{PREFIX}row" if self.rows is not None else name if of_floats else "int32_t",
            word=name,
            number=self._type("float"),
            number_in=self._type(type),
            encode=encode,
            width=width,
            n_out=math.prod(self.model.output_shape),
            x="\n".join(
                _words(x.view(word) if of_floats else x) if self.rows is None else self.rows.rows
            ),
            p="\n".join(_words(p.view(word))),
        )


C_WORDS = {4: "uint32_t", 8: "uint64_t"}
BYTES = {"float": 4, "double": 8, "int32_t": 4, "uint8_t": 1, "uint64_t": 8}


def _tables(i: int) -> str:
    """The name of the constants of the prediction (0) or the training (1)."""
    return ("tables", "tables_of_training")[i]


def _numbers(numbers: Array) -> list[str]:
    return wrapped([f"{c_number(number)}," for number in numbers.ravel()], WIDEST, "  ")


def _words(words: Array) -> list[str]:
    """Integers of 32 or 64 bits as constants."""
    long = words.dtype.itemsize == 8
    texts = (f"UINT64_C(0x{word:x})," if long else f"{word}," for word in words.ravel().tolist())
    if words.dtype == np.uint32:
        texts = (f"0x{word:08x}u," for word in words.ravel().tolist())
    return wrapped(texts, WIDEST, "  ")
